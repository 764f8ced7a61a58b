//! Common names of providers that are not the name of a preset. None is accepted: they serve for the hint in the
//! message.

use super::preset::PRESETS;

/// Each preset, preceded by the names that may stand for it, in lower case and with underscores.
const OF_PRESETS: &[(&[&str], &str)] = &[
    (&["red_hat_sso", "rhsso", "rhbk"], "keycloak"),
    (&["azure", "azuread", "azure_ad", "aad", "microsoft", "entra_id", "entra_v2", "microsoft_entra"], "entra"),
    (&["common", "organizations", "entra_multi_tenant", "entra_common"], "entra_tenants"),
    (&["ciam", "external_id", "entra_external_id"], "entra_external"),
    (&["b2c", "azureb2c", "azure_ad_b2c"], "azure_b2c"),
    (&["aws", "amazon", "aws_cognito", "amazon_cognito"], "cognito"),
    (&["gcp", "google_cloud", "google_service_account", "cloud_run"], "google"),
    (&["iap", "gcp_iap", "identity_aware_proxy"], "google_iap"),
    (&["identity_platform", "gcip", "securetoken", "firebase_auth"], "firebase"),
    (&["k8s", "kube", "eks", "irsa", "gke", "aks", "openshift", "service_account"], "kubernetes"),
    (&["github", "gha", "github_oidc", "actions"], "github_actions"),
    (&["ghes", "github_enterprise", "github_enterprise_server"], "github_actions_enterprise"),
    (&["cloudflare", "cf_access", "cloudflare_zero_trust"], "cloudflare_access"),
    (&["gotrue", "supabase_auth"], "supabase"),
    (&["goauthentik"], "authentik"),
    (&["adfs", "active_directory_federation_services"], "ad_fs"),
    (&["dexidp"], "dex"),
    (&["ory", "ory_hydra"], "hydra"),
];

/// Providers of the page "providers" of the manual that need no preset, and words for any provider.
const WITHOUT_PRESET: &[&str] = &[
    "authelia",
    "buildkite",
    "casdoor",
    "circleci",
    "clerk",
    "duende",
    "fusionauth",
    "gitlab",
    "hcp_terraform",
    "identityserver",
    "kanidm",
    "kinde",
    "logto",
    "openiddict",
    "ping",
    "pingfederate",
    "pingone",
    "rauthy",
    "spring",
    "spring_authorization_server",
    "stytch",
    "terraform",
    "terraform_cloud",
    "vault",
    "wso2",
    "custom",
    "discover",
    "generic",
    "jwks",
    "oauth2",
    "oidc",
    "openid",
];

/// What to write in place of `written`, as the end of a message, if it is one of these names.
pub(super) fn hint(written: &str) -> Option<String> {
    let written = written.to_ascii_lowercase().replace(['-', ' ', '.'], "_");
    let of_preset = OF_PRESETS.iter().find(|(names, _)| names.contains(&&*written)).map(|(_, preset)| *preset);
    if let Some(preset) = of_preset.filter(|preset| PRESETS.iter().any(|known| known.name == *preset)) {
        return Some(format!("; did you mean {preset:?}?"));
    }
    let hint = "; there is no preset for it, so set issuer instead of preset, as the page \"providers\" of the manual describes";
    WITHOUT_PRESET.contains(&&*written).then(|| hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_preset(name: &str) -> bool {
        PRESETS.iter().any(|preset| preset.name == name)
    }

    #[test]
    fn no_name_is_that_of_a_preset_and_none_has_two_meanings() {
        let names = OF_PRESETS.iter().flat_map(|(names, _)| *names).chain(WITHOUT_PRESET);
        let mut names: Vec<_> = names.copied().collect();
        assert!(names.iter().all(|name| !is_preset(name)));
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(names.iter().all(|name| name.bytes().all(is_plain)), "written as they are looked for");
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn each_name_leads_to_its_preset() {
        for (names, preset) in OF_PRESETS {
            for name in *names {
                let expected = is_preset(preset).then(|| format!("; did you mean {preset:?}?"));
                assert_eq!(hint(name), expected, "{name}");
            }
        }
        assert_eq!(hint("Azure-AD").as_deref(), Some("; did you mean \"entra\"?"));
        assert!(hint("Spring Authorization Server").is_some_and(|hint| hint.contains("set issuer")));
        assert_eq!(hint("keyclock"), None);
        assert_eq!(hint(""), None);
    }
}

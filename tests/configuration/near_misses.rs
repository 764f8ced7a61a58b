//! Names that are almost right, and what the message says to write in their place.

use super::problems;

/// Another name of a provider is never accepted, and the message says what to write.
#[test]
fn other_names_of_providers_are_hints() {
    let told = |preset: &str| {
        let found = problems(&format!("audience = 'a'\n[[issuers]]\npreset = {preset:?}\ndomain = 'shop.example.com'"));
        let [message] = &found[..] else { panic!("{preset}: {found:?}") };
        message.split_once(&format!("found the string {preset:?}")).unwrap().1.to_owned()
    };
    for (written, meant) in [
        ("azure", "entra"),
        ("AzureAD", "entra"),
        ("azure_ad", "entra"),
        ("microsoft", "entra"),
        ("entra_v2", "entra"),
        ("organizations", "entra_tenants"),
        ("aws", "cognito"),
        ("gcp", "google"),
        ("iap", "google_iap"),
        ("k8s", "kubernetes"),
        ("github", "github_actions"),
        ("cloudflare", "cloudflare_access"),
        ("Cloudflare-Access", "cloudflare_access"),
        ("githubactions", "github_actions"),
    ] {
        assert_eq!(told(written), format!("; did you mean {meant:?}?"), "{written}");
    }
    for written in ["logto", "gitlab", "oidc", "Spring Authorization Server"] {
        let expected = "; there is no preset for it, so set issuer instead of preset, as the page \"providers\" of the manual describes";
        assert_eq!(told(written), expected, "{written}");
    }
    assert_eq!(told("something else"), "");
}

#[test]
fn a_name_that_stands_for_any_tenant_is_no_tenant() {
    for name in ["common", "organizations", "consumers"] {
        assert_eq!(
            problems(&format!("audience = 'a'\n[[issuers]]\npreset = 'entra'\ntenant = {name:?}")),
            [format!(
                "issuers[0].tenant: the tenant of Entra is {name:?}, expected a GUID in lower case; this name stands for any tenant, so set the GUID of your tenant, or several with entra_tenants"
            )],
        );
    }
}

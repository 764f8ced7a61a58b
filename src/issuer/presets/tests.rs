//! Each preset: what it makes of good arguments, and what it refuses.

use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use crate::redact;

const TENANT: &str = "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a";
const OTHER: &str = "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b";

pub(super) fn identifiers(issuer: &Issuer) -> Vec<&str> {
    issuer.identities.iter().collect()
}

pub(super) fn keys(issuer: &Issuer) -> String {
    format!("{:?}", issuer.source)
}

#[test]
fn each_preset_has_the_identifier_and_the_keys_of_its_provider() {
    let clients = ["client"];
    let openid = |issuer: Issuer, identifier: &str, metadata: &str| {
        assert_eq!(identifiers(&issuer), [identifier]);
        assert_eq!(keys(&issuer), format!("RemoteKeys {{ metadata: [{metadata:?}], .. }}"));
    };
    openid(
        Issuer::keycloak("https://id.example.com", "shop").unwrap(),
        "https://id.example.com/realms/shop",
        "https://id.example.com/realms/shop/.well-known/openid-configuration",
    );
    openid(
        Issuer::keycloak("https://id.example.com:8443/auth", "Shop_1").unwrap(),
        "https://id.example.com:8443/auth/realms/Shop_1",
        "https://id.example.com:8443/auth/realms/Shop_1/.well-known/openid-configuration",
    );
    openid(
        Issuer::auth0("shop.eu.auth0.com").unwrap(),
        "https://shop.eu.auth0.com/",
        "https://shop.eu.auth0.com/.well-known/openid-configuration",
    );
    openid(
        Issuer::entra(TENANT).unwrap(),
        "https://login.microsoftonline.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0",
        "https://login.microsoftonline.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0/.well-known/openid-configuration",
    );
    openid(
        Issuer::okta("shop.okta.com", "default").unwrap(),
        "https://shop.okta.com/oauth2/default",
        "https://shop.okta.com/oauth2/default/.well-known/openid-configuration",
    );
    openid(
        Issuer::google(["100000000000000000001"]).unwrap(),
        "https://accounts.google.com",
        "https://accounts.google.com/.well-known/openid-configuration",
    );
    openid(
        Issuer::zitadel("id.example.com:8443").unwrap(),
        "https://id.example.com:8443",
        "https://id.example.com:8443/.well-known/openid-configuration",
    );
    openid(
        Issuer::kubernetes("https://kubernetes.default.svc").unwrap(),
        "https://kubernetes.default.svc",
        "https://kubernetes.default.svc/.well-known/openid-configuration",
    );

    let jwks = |issuer: Issuer, identifier: &[&str], name: &str, jwks: &str| {
        assert_eq!(identifiers(&issuer), identifier);
        assert_eq!(issuer.identities.name(), name);
        assert_eq!(keys(&issuer), format!("RemoteKeys {{ jwks: {jwks:?}, .. }}"));
    };
    jwks(
        Issuer::entra_tenants([OTHER, TENANT]).unwrap(),
        &[
            "https://login.microsoftonline.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0",
            "https://login.microsoftonline.com/2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b/v2.0",
        ],
        "https://login.microsoftonline.com/{tenantid}/v2.0",
        "https://login.microsoftonline.com/common/discovery/v2.0/keys",
    );
    jwks(
        Issuer::entra_v1(TENANT).unwrap(),
        &["https://sts.windows.net/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/"],
        "https://sts.windows.net/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/",
        "https://login.microsoftonline.com/common/discovery/keys",
    );
    jwks(
        Issuer::cognito("eu-central-1_AbCdEfGhI", clients).unwrap(),
        &["https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI"],
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI",
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI/.well-known/jwks.json",
    );
}

#[test]
fn presets_of_servers_and_directories_have_their_identifiers_and_keys() {
    let openid = |issuer: Issuer, identifier: &str| {
        assert_eq!(identifiers(&issuer), [identifier]);
        let metadata = format!("{}/.well-known/openid-configuration", identifier.trim_end_matches('/'));
        assert_eq!(keys(&issuer), format!("RemoteKeys {{ metadata: [{metadata:?}], .. }}"));
    };
    let authentik = |base: &str| Issuer::authentik(base, "shop").unwrap();
    openid(authentik("https://id.example.com"), "https://id.example.com/application/o/shop/");
    openid(authentik("https://id.example.com:9443/sso"), "https://id.example.com:9443/sso/application/o/shop/");
    openid(Issuer::dex("https://dex.example.com/dex").unwrap(), "https://dex.example.com/dex");
    openid(Issuer::hydra("https://hydra.example.com/").unwrap(), "https://hydra.example.com/");
    openid(Issuer::hydra("https://shop.projects.oryapis.com").unwrap(), "https://shop.projects.oryapis.com");
    openid(
        Issuer::entra_external(TENANT).unwrap(),
        "https://1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a.ciamlogin.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0",
    );

    let jwks = |issuer: Issuer, identifier: &str, name: &str, jwks: &str| {
        assert_eq!(identifiers(&issuer), [identifier]);
        assert_eq!(issuer.identities.name(), name);
        assert_eq!(keys(&issuer), format!("RemoteKeys {{ jwks: {jwks:?}, .. }}"));
    };
    let trust = "http://sts.example.com/adfs/services/trust";
    jwks(Issuer::ad_fs("sts.example.com").unwrap(), trust, trust, "https://sts.example.com/adfs/discovery/keys");
    jwks(
        Issuer::azure_b2c("contoso.b2clogin.com", TENANT, "B2C_1_signin").unwrap(),
        "https://contoso.b2clogin.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0/",
        "https://contoso.b2clogin.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0/ (B2C_1_signin)",
        "https://contoso.b2clogin.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/B2C_1_signin/discovery/v2.0/keys",
    );
    jwks(
        Issuer::azure_b2c("login.example.com", TENANT, "B2C_1A_sign-in").unwrap(),
        "https://login.example.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0/",
        "https://login.example.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0/ (B2C_1A_sign-in)",
        "https://login.example.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/B2C_1A_sign-in/discovery/v2.0/keys",
    );
}

/// Each is refused with the value in it, and none makes some URL or other.
pub(super) fn assert_refused(make: impl Fn(&str) -> Result<Issuer, ConfigError>, values: &[&str]) {
    for odd in values {
        let error = make(odd).expect_err(odd);
        assert!(matches!(&error, ConfigError::Preset { value, .. } if value == odd), "{odd:?}: {error}");
        assert!(error.to_string().contains(&format!("{:?}", redact::url(odd))), "{error}");
    }
}

#[test]
fn only_domains_are_accepted_as_domains() {
    let odd = [
        "",
        "shop",
        "https://shop.example.com",
        "shop.example.com/",
        "shop.example.com/x",
        "Shop.example.com",
        "user@shop.example.com",
        ":@shop.example.com",
        "shop.example.com?x",
        "shop.example.com#x",
        "shop.example.com\\",
        "shop.example.com:443",
        "shop .example.com",
        "shop.example.com\n",
        "127.0.0.1",
        "[::1]",
        "{domain}.example.com",
        "$domain.example.com",
        "*.example.com",
        "shop.example.com,other.example.com",
        "shop.example.com.",
        "shop..example.com",
        ".example.com",
        "b\u{fc}cher.example.com",
    ];
    assert_refused(Issuer::auth0, &odd);
    assert_refused(|domain| Issuer::okta(domain, "default"), &odd);
    assert_refused(Issuer::zitadel, &odd);
    assert_refused(Issuer::cloudflare_access, &odd);
    assert_refused(Issuer::auth0, &["shop.example.com:8443"]);
    assert_refused(|domain| Issuer::okta(domain, "default"), &["shop.example.com:8443"]);
    let azure_b2c = |domain: &str| Issuer::azure_b2c(domain, TENANT, "B2C_1_signin");
    for only_domains in [Issuer::ad_fs, azure_b2c] {
        assert_refused(only_domains, &odd);
        assert_refused(only_domains, &["shop.example.com:8443"]);
    }
    assert_refused(Issuer::ad_fs, &["sts.example.com/adfs", "http://sts.example.com/adfs/services/trust"]);
    assert_refused(azure_b2c, &["contoso", "contoso.onmicrosoft.com", ".onmicrosoft.com"]);
}

#[test]
fn only_path_segments_are_accepted_as_realms_and_authorization_servers() {
    let odd = ["", ".", "..", "a/b", "/", "a b", "a%20b", "a?b", "a#b", "a\\b", "a\n", "\u{e9}"];
    assert_refused(|realm| Issuer::keycloak("https://id.example.com", realm), &odd);
    assert_refused(|server| Issuer::okta("shop.okta.com", server), &odd);
    let base = |base: &str| Issuer::keycloak(base, "shop");
    assert_refused(base, &["https://id.example.com/", "https://id.example.com/realms/shop", "https://h.test/realms"]);
    for odd in ["", "id.example.com", "ftp://id.example.com", "https://id.example.com?x", "https://id.example.com#"] {
        assert!(matches!(base(odd), Err(ConfigError::Issuer { .. })), "{odd}");
        let application = Issuer::authentik(odd, "shop");
        assert!(matches!(application, Err(ConfigError::Issuer { .. })), "{odd}");
    }
}

#[test]
fn only_path_segments_are_accepted_as_applications_and_policies() {
    let odd =
        ["", ".", "..", "a/b", "/", "a b", "a%20b", "a?b", "a#b", "a\\b", "a\n", "\u{e9}", "B2C_1_a/b", "B2C_1_{p}"];
    assert_refused(|slug| Issuer::authentik("https://id.example.com", slug), &odd);
    let base = |base: &str| Issuer::authentik(base, "shop");
    let whole = "https://id.example.com/application/o/shop/";
    assert_refused(
        base,
        &["https://id.example.com/", whole, whole.trim_end_matches('/'), "https://h.test/application"],
    );
    let policy = |policy: &str| Issuer::azure_b2c("contoso.b2clogin.com", TENANT, policy);
    assert_refused(policy, &odd);
    assert_refused(policy, &["signin", "B2C_1", "B2C_signin", "B2C_1Asignin", "B2C_2_signin", "1_signin"]);
    for name in ["B2C_1_signin", "b2c_1_signin", "B2C_1A_signin", "b2c_1a_TrustFramework"] {
        assert!(policy(name).is_ok(), "{name}");
    }
}

#[test]
fn only_urls_are_accepted_as_issuers() {
    let odd =
        ["", "dex.example.com", "ftp://dex.example.com", "https://dex.example.com?x", "https://dex.example.com#x"];
    for make in [Issuer::dex, Issuer::hydra, Issuer::kubernetes] {
        for odd in odd {
            assert!(matches!(make(odd), Err(ConfigError::Issuer { .. })), "{odd}");
        }
    }
}

#[test]
fn only_guids_are_accepted_as_tenants() {
    let odd = [
        "",
        "common",
        "organizations",
        "contoso.onmicrosoft.com",
        "72F988BF-86F1-41AF-91AB-2D7CD011DB47",
        "{1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a}",
        "72f988bf86f141af91ab2d7cd011db47",
        "72f988bf086f1041af091ab02d7cd011db47",
        "72f988bf/86f1/41af/91ab/2d7cd011db47",
        "72f988bf-86f1-41af-91ab-2d7cd011db4",
        "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/",
        "72f988bf-86f1-41af-91ab-2d7cd011db4/",
        "{tenantid}",
    ];
    assert_refused(Issuer::entra, &odd);
    assert_refused(Issuer::entra_v1, &odd);
    assert_refused(Issuer::entra_external, &odd);
    assert_refused(|tenant| Issuer::azure_b2c("contoso.b2clogin.com", tenant, "B2C_1_signin"), &odd);
    assert_refused(|tenant| Issuer::entra_tenants([TENANT, tenant]), &odd);
    let none = Issuer::entra_tenants([""; 0]);
    assert!(matches!(none, Err(ConfigError::Preset { .. })));
}

#[test]
fn only_pools_and_account_numbers_are_accepted() {
    let odd = [
        "",
        "eu-central-1",
        "_AbC",
        "eu-central-1_",
        "eu-central-1_a/b",
        "eu-central-1_a_b",
        "eu.central_abc",
        "evil.example/-_abc",
        "-_a",
        "EU-CENTRAL-1_AbC",
        "cn-north-1_AbC",
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC",
    ];
    assert_refused(|pool| Issuer::cognito(pool, ["client"]), &odd);
    assert_refused(|subject| Issuer::google(["1", subject]), &["", "worker@shop.iam.gserviceaccount.com", "1 ", "-1"]);
}

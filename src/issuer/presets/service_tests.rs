//! As `tests.rs`, for the presets of services that run jobs, stand in front of a server, or hold its users.

use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::tests::{assert_refused, identifiers, keys};

#[test]
fn presets_of_services_have_their_identifiers_and_keys() {
    let openid = |issuer: Issuer, identifier: &str| {
        assert_eq!(identifiers(&issuer), [identifier]);
        let metadata = format!("{identifier}/.well-known/openid-configuration");
        assert_eq!(keys(&issuer), format!("RemoteKeys {{ metadata: [{metadata:?}], .. }}"));
    };
    let server = "https://github.example.com/_services/token";
    openid(Issuer::github_actions(["74"]).unwrap(), "https://token.actions.githubusercontent.com");
    openid(Issuer::github_actions_enterprise(server, ["74"]).unwrap(), server);

    let jwks = |issuer: Issuer, identifier: &str, jwks: &str| {
        assert_eq!(identifiers(&issuer), [identifier]);
        assert_eq!(issuer.identities.name(), identifier);
        assert_eq!(keys(&issuer), format!("RemoteKeys {{ jwks: {jwks:?}, .. }}"));
    };
    jwks(
        Issuer::cloudflare_access("shop.cloudflareaccess.com").unwrap(),
        "https://shop.cloudflareaccess.com",
        "https://shop.cloudflareaccess.com/cdn-cgi/access/certs",
    );
    jwks(
        Issuer::google_iap().unwrap(),
        "https://cloud.google.com/iap",
        "https://www.gstatic.com/iap/verify/public_key-jwk",
    );
    jwks(
        Issuer::firebase("shop-1a2b3").unwrap(),
        "https://securetoken.google.com/shop-1a2b3",
        "https://www.googleapis.com/service_accounts/v1/jwk/securetoken%40system.gserviceaccount.com",
    );
    jwks(
        Issuer::supabase("abcdefghijklmnopqrst").unwrap(),
        "https://abcdefghijklmnopqrst.supabase.co/auth/v1",
        "https://abcdefghijklmnopqrst.supabase.co/auth/v1/.well-known/jwks.json",
    );
    jwks(
        Issuer::supabase_self_hosted("https://supabase.example.com:8443/auth/v1").unwrap(),
        "https://supabase.example.com:8443/auth/v1",
        "https://supabase.example.com:8443/auth/v1/.well-known/jwks.json",
    );
}

/// Their audience is the same for all servers.
#[test]
fn some_presets_know_their_audience() {
    let audience = |issuer: Issuer| issuer.default_audience.map(String::from);
    assert_eq!(audience(Issuer::firebase("shop-1a2b3").unwrap()).as_deref(), Some("shop-1a2b3"));
    assert_eq!(audience(Issuer::supabase("abcdefghijklmnopqrst").unwrap()).as_deref(), Some("authenticated"));
    assert_eq!(audience(Issuer::google_iap().unwrap()), None);
}

#[test]
fn only_a_domain_without_more_is_accepted_as_a_team_domain() {
    let odd = [
        "shop",
        "shop.cloudflareaccess.com:8443",
        "shop.cloudflareaccess.com/cdn-cgi",
        "https://shop.cloudflareaccess.com",
    ];
    assert_refused(Issuer::cloudflare_access, &odd);
    let error = Issuer::cloudflare_access("shop").unwrap_err().to_string();
    assert!(error.ends_with("expected the full team domain, such as shop.cloudflareaccess.com"), "{error}");
}

#[test]
fn only_numbers_are_accepted_as_repositories() {
    let odd = ["", "octo-org/octo-repo", "octo-repo", "*", "74,75", "74 75", " 74", "-74", "7.4", "0x4a", "\u{664}"];
    assert_refused(|repository| Issuer::github_actions(["74", repository]), &odd);
    let server = "https://github.example.com/_services/token";
    assert_refused(|repository| Issuer::github_actions_enterprise(server, ["74", repository]), &odd);
    for none in [Issuer::github_actions([""; 0]), Issuer::github_actions_enterprise(server, [""; 0])] {
        assert!(matches!(none, Err(ConfigError::Preset { .. })), "{none:?}");
    }
    for odd in ["", "github.example.com", "ftp://github.example.com/_services/token", "https://github.example.com?x"] {
        let issuer = Issuer::github_actions_enterprise(odd, ["74"]);
        assert!(matches!(issuer, Err(ConfigError::Issuer { .. })), "{odd}");
    }
}

#[test]
fn only_identifiers_of_projects_are_accepted() {
    let common = ["", "Shop", "shop/x", "shop.example.com", "shop_1", "..", "shop?", "shop#", "shop\n", "sh%6fp", "*"];
    assert_refused(Issuer::firebase, &common);
    assert_refused(Issuer::firebase, &["123456789012", "-shop", "{project}", "https://securetoken.google.com/shop"]);
    assert_refused(Issuer::supabase, &common);
    assert_refused(Issuer::supabase, &["my-shop", "https://shop.supabase.co", "shop.supabase.co", "{ref}"]);
    assert_refused(
        Issuer::supabase_self_hosted,
        &["https://supabase.example.com/auth/v1/", "https://supabase.example.com?x", "https://supabase.example.com#x"],
    );
    for odd in ["", "supabase.example.com", "ftp://supabase.example.com/auth/v1"] {
        let issuer = Issuer::supabase_self_hosted(odd);
        assert!(matches!(issuer, Err(ConfigError::Issuer { .. })), "{odd}: {issuer:?}");
    }
}

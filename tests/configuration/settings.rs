//! Each setting does what the method of the builder does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestClock;

use super::{config, problems, server_with};
use crate::harness::{AUDIENCE, ISSUER, app, fetches, good, send, small_issuer};

/// Row G2.
#[tokio::test]
async fn the_leeway_is_applied() {
    let issuer = small_issuer();
    let late = good(&issuer).expired_for(Duration::from_secs(5)).sign();
    let very_late = good(&issuer).expired_for(Duration::from_secs(45)).sign();
    for (leeway, passes) in [("", [true, false]), ("leeway = 0", [false, false]), ("leeway = 60", [true, true])] {
        let api = server_with(&issuer, leeway, "");
        let found = [api.verify(&late).await.is_ok(), api.verify(&very_late).await.is_ok()];
        assert_eq!(found, passes, "{leeway}");
    }
}

/// Row D1.
#[tokio::test]
async fn the_algorithm_list_is_applied() {
    let token = |algorithm| ISSUER.token_by(algorithm).audience(AUDIENCE).sign();
    let (es256, rs256) = (token(Algorithm::ES256), token(Algorithm::RS256));
    for (algorithms, passes) in
        [("", [true, true]), (r#"algorithms = ["ES256"]"#, [true, false]), (r#"algorithms = ["RS256"]"#, [false, true])]
    {
        let api = server_with(&ISSUER, "", algorithms);
        assert_eq!([api.verify(&es256).await.is_ok(), api.verify(&rs256).await.is_ok()], passes, "{algorithms}");
    }
}

/// Row C6.
#[tokio::test]
async fn audience_subject_and_client_lists_are_applied() {
    let issuer = small_issuer();
    let tokens = [
        good(&issuer),
        good(&issuer).audience("shop-api"),
        good(&issuer).subject("alice"),
        good(&issuer).without_claim("aud").client_id("shop-web"),
        good(&issuer).without_claim("aud").client_id("other"),
    ];
    let tokens = tokens.map(|token| token.sign());
    for (settings, passes) in [
        ("", [true, false, true, false, false]),
        (r#"audiences = ["shop-api"]"#, [false, true, false, false, false]),
        (r#"audiences = ["shop-api", "https://api.example.test"]"#, [true, true, true, false, false]),
        (r#"subjects = ["alice"]"#, [false, false, true, false, false]),
        (r#"identify_by_client = ["shop-web"]"#, [false, false, false, true, false]),
    ] {
        let api = server_with(&issuer, "", settings);
        for (token, passes) in tokens.iter().zip(passes) {
            assert_eq!(api.verify(token).await.is_ok(), passes, "{settings}: {:?}", api.verify(token).await);
        }
    }
}

/// Row C1.
#[tokio::test]
async fn the_profile_is_applied() {
    let issuer = small_issuer();
    let token = good(&issuer).header("typ", "JWT").sign();
    for (profile, passes) in [("", true), (r#"profile = "generic""#, true), (r#"profile = "rfc9068""#, false)] {
        assert_eq!(server_with(&issuer, profile, "").verify(&token).await.is_ok(), passes, "{profile}");
    }
}

#[tokio::test]
async fn realm_and_metadata_appear_in_the_challenge() {
    let issuer = small_issuer();
    let challenge = async |own: &str| {
        let api = server_with(&issuer, own, "");
        send(&app(&api), "/any", []).await.challenge().unwrap().to_owned()
    };
    assert_eq!(challenge("").await, r#"Bearer realm="https://api.example.test""#);
    assert_eq!(challenge(r#"realm = "Example API""#).await, r#"Bearer realm="Example API""#);
    assert_eq!(challenge("metadata = false").await, r#"Bearer realm="https://api.example.test""#);
    let place = "https://api.example.test/.well-known/oauth-protected-resource";
    let with_metadata = format!(r#"Bearer realm="https://api.example.test", resource_metadata="{place}""#);
    assert_eq!(challenge("metadata = true").await, with_metadata);
    assert_eq!(challenge("metadata = {}").await, with_metadata);
}

/// Row K6.
#[test]
fn every_metadata_parameter_is_served() {
    let document = r#"
        audience = "orders"
        issuers = ["https://login.example.com"]
        [metadata]
        resource = "https://api.example.com/orders"
        scopes_supported = ["orders:read", "orders:write"]
        resource_name = "Orders"
        "resource_name#fr" = "Commandes"
        resource_documentation = "https://docs.example.com"
        resource_policy_uri = "https://policy.example.com"
        resource_tos_uri = "https://tos.example.com"
        "resource_tos_uri#fr" = "https://tos.example.com/fr"
        jwks_uri = "https://api.example.com/jwks"
        bearer_methods_supported = ["header", "query"]
        resource_signing_alg_values_supported = ["ES256"]
        tls_client_certificate_bound_access_tokens = false
        authorization_details_types_supported = ["order"]
        dpop_signing_alg_values_supported = ["ES256"]
        dpop_bound_access_tokens_required = false
        signed_metadata = "e30.e30.AA"
    "#;
    let api = config(document).build().unwrap();
    let metadata = api.metadata().unwrap();
    assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource/orders");
    let settings: toml::Table = toml::from_str(document).unwrap();
    let mut expected = serde_json::to_value(&settings["metadata"]).unwrap();
    expected["authorization_servers"] = json!(["https://login.example.com"]);
    assert_eq!(serde_json::from_slice::<Value>(metadata.json()).unwrap(), expected);
}

#[tokio::test]
async fn token_cache_bounds_are_applied() {
    let issuer = small_issuer();
    let tokens: Vec<String> = (0..3).map(|_| good(&issuer).sign()).collect();
    for (settings, kept) in [
        ("", Some(3)),
        ("token_cache = true", Some(3)),
        ("token_cache = {}", Some(3)),
        ("token_cache = false", None),
        ("token_cache.entries = 0", None),
        ("token_cache.bytes = 0", None),
        ("token_cache.entries = 1", Some(1)),
        ("token_cache.bytes = 1", Some(0)),
    ] {
        let api = server_with(&issuer, settings, "");
        for token in tokens.iter().cycle().take(12) {
            api.verify(token).await.unwrap();
        }
        assert_eq!(api.token_cache_status().map(|status| status.entries), kept, "{settings}");
    }
}

#[tokio::test]
async fn keys_are_read_from_the_configured_url_or_file() {
    let issuer = small_issuer();
    server_with(&issuer, "", "").verify(&good(&issuer).sign()).await.unwrap();
    assert!(fetches(&issuer).0 > 0, "by the metadata");

    let issuer = small_issuer();
    let api = server_with(&issuer, "", &format!("jwks_url = {:?}", issuer.jwks_url()));
    api.verify(&good(&issuer).sign()).await.unwrap();
    assert_eq!(fetches(&issuer), (0, 1));

    let issuer = small_issuer();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("configured-{}.json", std::process::id()));
    fs::write(&path, issuer.jwks().to_string()).unwrap();
    let api = server_with(&issuer, "", &format!("jwks_file = {path:?}"));
    api.verify(&good(&issuer).sign()).await.unwrap();
    assert_eq!(fetches(&issuer), (0, 0));

    // A preset stays what it is, wherever its keys are.
    let (url, file) = (format!("jwks_url = {:?}", issuer.jwks_url()), format!("jwks_file = {path:?}"));
    for keys in [url, file] {
        let document = format!(
            "audience = {AUDIENCE:?}\n[[issuers]]\npreset = 'keycloak'\nbase_url = 'https://id.example.com'\nrealm = 'shop'\n{keys}"
        );
        let api = config(&document).build().unwrap();
        let token = good(&issuer).claim("iss", "https://id.example.com/realms/shop");
        api.verify(&token.clone().claim("typ", "Bearer").sign()).await.unwrap();
        api.verify(&token.sign()).await.unwrap_err();
    }
    fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn the_builder_adds_what_settings_cannot_express() {
    let issuer = small_issuer();
    let clock = TestClock::new();
    let document = format!("audience = {AUDIENCE:?}\nissuers = [{:?}]", issuer.url());
    let api = config(&document).builder().unwrap().clock(clock.clone()).build().unwrap();
    let token = good(&issuer).expires_in(Duration::from_secs(60)).sign();
    api.verify(&token).await.unwrap();
    clock.advance(Duration::from_secs(120));
    api.verify(&token).await.unwrap_err();
}

/// The tables in the documentation of the module list exactly the settings that the code knows.
#[test]
fn every_setting_is_documented() {
    let source = fs::read_to_string("src/config/mod.rs").unwrap();
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! | "));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();

    let (presets, settings): (Vec<_>, Vec<_>) = cells.partition(|cells| cells[0].starts_with("[`"));
    let documented: BTreeSet<_> = settings.iter().flat_map(|cells| quoted(cells[0])).collect();
    let mut known = BTreeSet::new();
    // An unknown setting is answered with the list of known ones.
    let mut learn = |document: &str, start: &str| {
        let found = problems(document);
        let names =
            found.iter().find_map(|line| line.split_once("?\": unknown setting, expected one of ")).expect(document).1;
        known.extend(names.split(", ").map(|name| format!("{start}{name}")));
    };
    learn("'?' = 1", "");
    learn("token_cache.'?' = 1", "token_cache.");
    learn("metadata.'?' = 1", "metadata.");
    learn("scope_hierarchy = [{ '?' = 1 }]", "scope_hierarchy[].");
    learn("dpop.'?' = 1", "dpop.");
    learn("client_certificates.'?' = 1", "client_certificates.");
    learn("dpop.nonces.'?' = 1", "dpop.nonces.");
    learn("dpop.forward_auth.'?' = 1", "dpop.forward_auth.");
    learn("issuers = [{ issuer = 'x', '?' = 1 }]", "issuers[].");
    learn("issuers = [{ introspection.'?' = 1 }]", "issuers[].introspection.");
    assert_eq!(documented, known);

    let common = [
        "preset",
        "jwks_url",
        "jwks_file",
        "audiences",
        "identify_by_client",
        "subjects",
        "insecure_http",
        "persist_keys",
        "client_as_subject",
        "algorithms",
        "introspection",
    ];
    for cells in &presets {
        let preset = quoted(cells[0]).pop_first().unwrap();
        let found = problems(&format!("issuers = [{{ preset = {preset:?}, '?' = 1 }}]"));
        let names = found.iter().find_map(|line| line.split_once("?\": unknown setting, expected one of ")).unwrap().1;
        let names: BTreeSet<_> = names.split(", ").map(str::to_owned).collect();
        let mut arguments = quoted(cells[1].trim_end_matches(" |"));
        if preset == "cognito" {
            assert!(arguments.remove("identify_by_client") && !names.contains("identify_by_client"));
        }
        let arguments_known = names.iter().filter(|name| !common.contains(&name.as_str()) || arguments.contains(*name));
        assert_eq!(arguments_known.cloned().collect::<BTreeSet<_>>(), arguments, "{preset}");
    }
    let found = problems("issuers = [{ preset = '' }]");
    let named: BTreeSet<_> = presets.iter().flat_map(|cells| quoted(cells[0])).collect();
    let told = found.iter().find_map(|line| line.split_once("preset: expected one of ")).unwrap().1;
    let told = told.strip_suffix(", found the string \"\"").unwrap();
    let told: BTreeSet<_> = told.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(told, named);
}

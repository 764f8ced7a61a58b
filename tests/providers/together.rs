//! What holds for all presets

use serde_json::{Value, json};
use tower_bearer::jose::JwkSet;
use tower_bearer::validation::VerifyError;
use tower_bearer::{Issuer, ResourceServer};

use super::ad_fs::ad_fs;
use super::authentik::{CLIENT, authentik};
use super::azure_b2c::{API, policy, sign_in};
use super::cloudflare_access::{APPLICATION, cloudflare_access};
use super::cognito::cognito;
use super::dex::dex;
use super::entra::{ENTRA_API, PARTNER, STRANGE_TENANT, TENANT, entra, v2};
use super::entra_external::entra_external;
use super::firebase::firebase;
use super::github_actions::github_actions;
use super::google::google;
use super::hydra::hydra;
use super::keycloak::keycloak;
use super::okta::okta;
use super::supabase::supabase;
use super::zitadel::zitadel;
use super::{KEYS, NOW, Provider, missing};
use crate::harness::memory_source::{Fetch, Source, settle};
use crate::harness::{AUDIENCE, clock_at};

/// These tokens are refused before a key is looked up, whether it is known or not.
/// Row D12.
#[tokio::test(start_paused = true)]
async fn tokens_that_fail_a_preset_rule_cause_no_fetch() {
    let clients = ["client-a"];
    let cases = [
        (keycloak(), Issuer::keycloak("https://id.example.com", "shop"), AUDIENCE, json!({ "typ": "ID" })),
        (entra(), Issuer::entra(TENANT), ENTRA_API, json!({ "tid": PARTNER })),
        (entra(), Issuer::entra(TENANT), ENTRA_API, json!({ "azp": null })),
        (entra(), Issuer::entra_tenants([TENANT, PARTNER]), ENTRA_API, json!({ "iss": v2(STRANGE_TENANT) })),
        (okta(), Issuer::okta("shop.okta.com", "default"), "api://default", json!({ "cid": null })),
        (cognito(), Issuer::cognito("eu-central-1_AbCdEfGhI", clients), AUDIENCE, json!({ "client_id": null })),
        (cognito(), Issuer::cognito("eu-central-1_AbCdEfGhI", clients), AUDIENCE, json!({ "token_use": null })),
        (google(), Issuer::google(["100000000000000000001"]), AUDIENCE, json!({ "sub": null })),
        (zitadel(), Issuer::zitadel("id.example.com"), "69234237810729019", json!({ "jti": null })),
        (authentik(), Issuer::authentik("https://id.example.com", "shop"), CLIENT, json!({ "azp": null })),
        (ad_fs(), Issuer::ad_fs("sts.example.com"), AUDIENCE, json!({ "appid": null })),
        (dex(), Issuer::dex("https://dex.example.com/dex"), "shop-api", json!({ "azp": null })),
        (dex(), Issuer::dex("https://dex.example.com/dex"), "shop-api", json!({ "at_hash": null })),
        (hydra(), Issuer::hydra("https://hydra.example.com/"), AUDIENCE, json!({ "client_id": null })),
        (entra_external(), Issuer::entra_external(TENANT), ENTRA_API, json!({ "tid": PARTNER })),
        (sign_in(), Ok(policy("B2C_1_signin")), API, json!({ "tfp": null })),
        (sign_in(), Ok(policy("B2C_1_signin")), API, json!({ "azp": null })),
        (github_actions(), Issuer::github_actions(["74"]), AUDIENCE, json!({ "repository_id": null })),
        (
            cloudflare_access(),
            Issuer::cloudflare_access("shop.cloudflareaccess.com"),
            APPLICATION,
            json!({ "type": "org" }),
        ),
        (firebase(), Issuer::firebase("shop-1a2b3"), AUDIENCE, json!({ "firebase": null })),
        (supabase(), Issuer::supabase("abcdefghijklmnopqrst"), AUDIENCE, json!({ "session_id": null })),
    ];
    for (provider, preset, audience, wrong) in cases {
        let source = Source::new(Fetch::Fail);
        let clock = clock_at(NOW);
        let trusted = preset.unwrap().keys_from(source.clone());
        let api = ResourceServer::builder(audience).trust(trusted).clock(clock).build().unwrap();
        for kid in ["rsa-1", "junk"] {
            let forged = provider.token(&json!({ "kid": kid }), &wrong);
            assert!(matches!(api.try_verify(&forged), Err(VerifyError::Token(_))), "{wrong}");
        }
        settle().await;
        assert_eq!(source.fetches(), 0, "{wrong}");
        let good = api.try_verify(&provider.token(&json!({}), &json!({})));
        assert!(matches!(good, Err(VerifyError::KeysUnavailable { .. })), "{good:?}");
        settle().await;
        assert_eq!(source.fetches(), 1, "and a good one does");
    }
}

/// The rules of a preset apply to its own tokens only, also beside another preset.
/// Row D3.
#[test]
fn preset_rules_apply_only_to_their_issuer() {
    let keys = || JwkSet::from_json(KEYS.jwks().to_string().as_bytes()).unwrap();
    let (keycloak, cognito) = (keycloak(), cognito());
    let clock = clock_at(NOW);
    let api = ResourceServer::builder(AUDIENCE)
        .trust(Issuer::keycloak("https://id.example.com", "shop").unwrap().keys_from(keys()))
        .trust(Issuer::cognito("eu-central-1_AbCdEfGhI", ["client-a"]).unwrap().keys_from(keys()))
        .clock(clock)
        .build()
        .unwrap();
    let verdict = |provider: &Provider, claims: Value| api.try_verify(&provider.token(&json!({}), &claims)).err();
    let refused = |error| Some(VerifyError::Token(error));
    assert_eq!(verdict(&keycloak, json!({})), None);
    assert_eq!(verdict(&cognito, json!({})), None);
    let crossed = json!({ "aud": null, "client_id": "client-a", "token_use": "access" });
    assert_eq!(verdict(&keycloak, crossed), refused(missing("aud")), "without an audience as at Cognito");
    assert_eq!(verdict(&cognito, json!({ "token_use": null, "typ": "Bearer" })), refused(missing("token_use")));
}

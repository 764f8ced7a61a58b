//! authentik

use serde_json::json;
use tower_bearer::Issuer;
use tower_bearer::jose::JwsError;
use tower_bearer::validation::{TokenError, VerifyError};

use super::{KEYS, NOW, Provider, audience, issuer, missing, other_kind, pointer, scopes};

const ISSUER: &str = "https://id.example.com/application/o/shop/";
/// The client identifier of the provider, which is the audience of every token.
pub(super) const CLIENT: &str = "kGPN2rhtUO2PC3GAZOsnRmsGUjEdV4MMj7EO8vMu";

pub(super) fn authentik() -> Provider {
    authentik_of(Issuer::authentik("https://id.example.com", "shop").unwrap())
}

fn authentik_of(issuer: Issuer) -> Provider {
    let claims = json!({
        "iss": ISSUER,
        "sub": "2ac1102e7cf5a4b1cb2dd5adbe4761c551691ecd88991f78d0195d4d3d0cfcfa",
        "aud": CLIENT,
        "auth_time": NOW - 120,
        "acr": "goauthentik.io/providers/oauth2/default",
        "amr": ["pwd"],
        "nonce": "n-0S6_WzA2Mj",
        "sid": "5868879d4070ef8b8fdf7f0588cfaafb4383b8bc22f48c4ab6d78175543469a7",
        "email": "ada@example.com",
        "preferred_username": "ada",
        "groups": ["buyers"],
        "azp": CLIENT,
        "uid": "iW3kVmrv0ZW4jYDJcFtgyvOQ1WlIQO1H8n9v1Q4k",
        "scope": "openid profile email",
    });
    Provider::with_keys(issuer, &KEYS.jwks(), CLIENT, json!({ "typ": "JWT" }), claims)
}

#[test]
fn accepts_its_access_tokens() {
    let provider = authentik();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some(CLIENT));
    assert_eq!(scopes(&token), ["openid", "profile", "email"]);
    assert_eq!(pointer(&token, "/groups/0"), "buyers");
    assert!(provider.accepts(&json!({ "scope": null })).scope().is_empty(), "of an earlier version");
    // A client is a service account, whose subject is like a user's.
    let service = json!({ "sub": "0c8c1d5c", "nonce": null, "sid": null, "amr": null });
    assert_eq!(provider.accepts(&service).subject(), "0c8c1d5c");
    provider.refuses_strangers();
}

#[test]
fn refuses_its_other_tokens() {
    let provider = authentik();
    let id = json!({ "azp": null, "uid": null, "scope": null });
    let of_refresh = json!({ "azp": null, "uid": null, "scope": null, "at_hash": "LDktKdoQak3Pk0cnXxCltA" });
    provider.refuses([
        ("an ID token, whose audience is the same", id, missing("azp")),
        ("with a uid by a scope mapping", json!({ "azp": null }), missing("azp")),
        ("a client that is empty", json!({ "azp": "" }), missing("azp")),
        ("a client under another name", json!({ "azp": null, "client_id": CLIENT }), missing("azp")),
        ("an ID token that came with a refresh token", of_refresh, other_kind("at_hash")),
        ("an ID token of the hybrid flow", json!({ "c_hash": "x" }), other_kind("c_hash")),
        ("a logout token", json!({ "events": {}, "azp": null }), other_kind("events")),
    ]);
    // A provider without a signing key signs with the secret of its client.
    let shared = provider.token(&json!({ "alg": "HS256", "kid": null }), &json!({}));
    let unknown = TokenError::Jws(JwsError::Algorithm { found: "HS256".into() });
    assert_eq!(provider.api.try_verify(&shared).err(), Some(VerifyError::Token(unknown)));
}

#[test]
fn refuses_tokens_for_others() {
    let refuse_issuer = |iss: &'static str| ("another issuer", json!({ "iss": iss }), issuer(iss));
    authentik().refuses([
        ("another application's", json!({ "aud": "other", "azp": "other" }), audience(["other"], CLIENT)),
        refuse_issuer("https://id.example.com/application/o/other/"),
        refuse_issuer("https://id.example.com/application/o/shop"),
        // The issuer mode in which all providers have the same.
        refuse_issuer("https://id.example.com/"),
        refuse_issuer("http://authentik-server:9000/application/o/shop/"),
        ("no subject", json!({ "sub": null }), missing("sub")),
    ]);
    let clients = authentik_of(Issuer::authentik("https://id.example.com", "shop").unwrap().client_as_subject());
    assert_eq!(clients.accepts(&json!({ "sub": null })).subject(), CLIENT);
    clients.refuses([("neither", json!({ "sub": null, "azp": null }), missing("azp"))]);
}

//! Zitadel

use serde_json::json;
use tower_bearer::Issuer;

use super::{NOW, Provider, audience, issuer, missing, other_kind, pointer};

pub(super) fn zitadel() -> Provider {
    Provider::new(
        Issuer::zitadel("id.example.com").unwrap(),
        "69234237810729019",
        json!({ "typ": "JWT" }),
        json!({
            "iss": "https://id.example.com",
            "sub": "77776025198584418",
            "aud": ["69234237810729234@shop", "69234237810729019"],
            "jti": "V2_163840776835432705-at_163840776835498241",
            "client_id": "69234237810729234@shop",
            "nbf": NOW - 60,
            "urn:zitadel:iam:org:project:roles": { "buyer": { "71": "shop.id.example.com" } },
        }),
    )
}

#[test]
fn accepts_its_access_tokens() {
    let provider = zitadel();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("69234237810729234@shop"));
    assert!(token.scope().is_empty());
    assert!(pointer(&token, "/urn:zitadel:iam:org:project:roles/buyer").is_object());
    assert_eq!(token.roles(), ["buyer"]);
    assert!(token.has_role("buyer") && !token.has_role("71"));
    provider.refuses_strangers();
}

#[test]
fn refuses_tokens_for_others() {
    let id = json!({ "jti": null, "azp": "69234237810729234@shop", "nonce": "n", "amr": ["pwd"], "sid": "V1_1" });
    zitadel().refuses([
        ("an ID token, whose audience is the same", id, missing("jti")),
        ("an empty name", json!({ "jti": "" }), missing("jti")),
        ("with the hash of an access token", json!({ "at_hash": "x" }), other_kind("at_hash")),
        ("another project's", json!({ "aud": ["1", "2@other"] }), audience(["1", "2@other"], "69234237810729019")),
        ("another instance's", json!({ "iss": "https://id.example.org" }), issuer("https://id.example.org")),
        ("with a slash", json!({ "iss": "https://id.example.com/" }), issuer("https://id.example.com/")),
    ]);
}

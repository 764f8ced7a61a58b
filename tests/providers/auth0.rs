//! Auth0

use serde_json::json;
use tower_bearer::Issuer;

use super::{Provider, audience, issuer, pointer, scopes};
use crate::harness::AUDIENCE;

pub(super) fn auth0() -> Provider {
    Provider::new(
        Issuer::auth0("shop.eu.auth0.com").unwrap(),
        AUDIENCE,
        json!({ "typ": "JWT" }),
        json!({
            "iss": "https://shop.eu.auth0.com/",
            "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
            "aud": [AUDIENCE, "https://shop.eu.auth0.com/userinfo"],
            "azp": "my_client_id",
            "scope": "openid profile read:me",
            "permissions": ["read:me"],
        }),
    )
}

#[test]
fn accepts_its_access_tokens() {
    let provider = auth0();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("my_client_id"));
    assert_eq!(scopes(&token), ["openid", "profile", "read:me"]);
    assert_eq!(pointer(&token, "/permissions/0"), "read:me");
    let machine = json!({ "sub": "my_client_id@clients", "aud": AUDIENCE, "gty": "client-credentials", "scope": null });
    assert!(provider.accepts(&machine).scope().is_empty());
    let rfc9068 = json!({ "azp": null, "client_id": "my_client_id", "jti": "1" });
    let token = provider.verdict(&json!({ "typ": "at+jwt" }), &rfc9068).unwrap();
    assert_eq!(token.client_id(), Some("my_client_id"));
    provider.refuses_strangers();
}

/// Row C5.
#[test]
fn requires_the_trailing_slash_of_its_issuer() {
    let bare = "https://shop.eu.auth0.com";
    let other = "https://shop.us.auth0.com/";
    auth0().refuses([
        ("without it", json!({ "iss": bare }), issuer(bare)),
        ("another tenant's", json!({ "iss": other }), issuer(other)),
    ]);
}

#[test]
fn refuses_tokens_for_others() {
    let id = json!({ "aud": "my_client_id", "azp": null, "scope": null, "nonce": "n", "sid": "s" });
    let userinfo = "https://shop.eu.auth0.com/userinfo";
    auth0().refuses([
        ("an ID token", id, audience(["my_client_id"], AUDIENCE)),
        (
            "another API's",
            json!({ "aud": "https://other.example.test" }),
            audience(["https://other.example.test"], AUDIENCE),
        ),
        ("for the user's data alone", json!({ "aud": [userinfo] }), audience([userinfo], AUDIENCE)),
    ]);
}

/// Claims of one provider may have any type at others.
#[test]
fn ignores_claims_of_other_providers() {
    let provider = auth0();
    for value in [json!(1), json!([1]), json!({ "a": 1 }), json!(true), json!("x")] {
        let token = provider.accepts(&json!({ "tid": value, "cid": value, "appid": value }));
        assert_eq!(token.client_id(), Some("my_client_id"));
    }
}

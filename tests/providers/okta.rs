//! Okta

use serde_json::json;
use tower_bearer::Issuer;

use super::{NOW, Provider, audience, issuer, missing, other_kind, pointer, scopes};

pub(super) fn okta() -> Provider {
    Provider::new(
        Issuer::okta("shop.okta.com", "default").unwrap(),
        "api://default",
        json!({}),
        json!({
            "ver": 1,
            "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
            "iss": "https://shop.okta.com/oauth2/default",
            "aud": "api://default",
            "cid": "nmdP1fcyvdVO11AL7ECm",
            "uid": "00ujmkLgagxeRrAg20g3",
            "scp": ["openid", "read:me"],
            "auth_time": NOW - 120,
            "sub": "ada@example.com",
            "groups": ["buyers"],
        }),
    )
}

#[test]
fn accepts_its_access_tokens() {
    let provider = okta();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("nmdP1fcyvdVO11AL7ECm"));
    assert_eq!(scopes(&token), ["openid", "read:me"]);
    assert_eq!(pointer(&token, "/groups/0"), "buyers");
    // It is cid that Okta vouches for. Another claim of that name is the application's own affair.
    assert_eq!(provider.accepts(&json!({ "azp": "x", "client_id": "y" })).client_id(), Some("nmdP1fcyvdVO11AL7ECm"));
    provider.refuses_strangers();
}

#[test]
fn refuses_tokens_for_others() {
    let (organization, other) = ("https://shop.okta.com", "https://shop.okta.com/oauth2/aus9o8wzkhckw9TLa0h7z");
    let id = json!({ "aud": "nmdP1fcyvdVO11AL7ECm", "cid": null, "scp": null, "at_hash": "x", "jti": "ID.x" });
    let implicit = json!({ "aud": "api://default", "cid": null, "scp": null, "jti": "ID.x", "azp": "x" });
    okta().refuses([
        ("the organization's own", json!({ "iss": organization, "aud": organization }), issuer(organization)),
        ("another authorization server's", json!({ "iss": other }), issuer(other)),
        ("an ID token", id, other_kind("at_hash")),
        ("one for a client that is called like the API", implicit, missing("cid")),
        ("an empty client", json!({ "cid": "" }), missing("cid")),
        ("another API's", json!({ "aud": "api://other" }), audience(["api://other"], "api://default")),
    ]);
}

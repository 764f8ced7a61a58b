//! Cloudflare Access

use serde_json::{Value, json};
use tower_bearer::validation::Profile;
use tower_bearer::{Issuer, ResourceServer};

use super::{KEYS, NOW, Provider, audience, issuer, merged, missing, other_kind, pointer};

const TEAM: &str = "https://shop.cloudflareaccess.com";
/// The AUD tags of two applications.
pub(super) const APPLICATION: &str = "32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228";
const OTHER: &str = "97e2aae120121f902df8bc99fc345913ab186d174f3079ea729236766b2e7c4a";
const CLIENT: &str = "e367826f93b8d71185e03fe518aff3b4.access";

pub(super) fn cloudflare_access() -> Provider {
    by(Issuer::cloudflare_access("shop.cloudflareaccess.com").unwrap())
}

/// The keys are published together with certificates.
fn by(issuer: Issuer) -> Provider {
    let certificates = json!({ "public_cert": { "kid": "rsa-1", "cert": "-----BEGIN" }, "public_certs": [] });
    let claims = json!({
        "aud": [APPLICATION],
        "email": "ada@example.com",
        "nbf": NOW - 60,
        "iss": TEAM,
        "type": "app",
        "identity_nonce": "6ei69kawdKzMIAPF",
        "sub": "7335d417-61da-459d-899c-0a01c76a2f94",
        "country": "DE",
    });
    Provider::with_keys(issuer, &merged(&KEYS.jwks(), &certificates), APPLICATION, json!({ "typ": "JWT" }), claims)
}

/// What a service token gets: no `nbf`, nothing about a user, and an empty subject.
fn service(sub: &Value) -> Value {
    json!({ "sub": sub, "common_name": CLIENT, "email": null, "identity_nonce": null, "country": null, "nbf": null })
}

#[test]
fn accepts_users_of_the_application() {
    let provider = cloudflare_access();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.subject(), "7335d417-61da-459d-899c-0a01c76a2f94");
    assert_eq!((token.client_id(), token.is_client()), (None, false));
    assert!(token.scope().is_empty());
    assert_eq!(pointer(&token, "/email"), "ada@example.com");
    provider.accepts(&json!({ "aud": [OTHER, APPLICATION] }));
    provider.refuses_strangers();
}

#[test]
fn refuses_tokens_for_others() {
    let oidc = format!("{TEAM}/cdn-cgi/access/sso/oidc/0a1b");
    let partner = "https://partner.cloudflareaccess.com";
    cloudflare_access().refuses([
        ("the session of the team domain", json!({ "type": "org" }), other_kind("type")),
        ("of no type", json!({ "type": null }), missing("type")),
        ("of a type in upper case", json!({ "type": "APP" }), other_kind("type")),
        ("of several types", json!({ "type": ["app"] }), other_kind("type")),
        ("another application's", json!({ "aud": [OTHER] }), audience([OTHER], APPLICATION)),
        ("an application's by OpenID Connect", json!({ "iss": oidc, "aud": "0a1b" }), issuer(&oidc)),
        ("another team's", json!({ "iss": partner }), issuer(partner)),
        ("with a slash", json!({ "iss": format!("{TEAM}/") }), issuer(&format!("{TEAM}/"))),
        ("with the hash of an access token", json!({ "at_hash": "x" }), other_kind("at_hash")),
    ]);
}

/// Row C4.
#[test]
fn accepts_service_tokens_only_where_the_client_may_be_the_subject() {
    cloudflare_access().refuses([
        ("of a service", service(&json!("")), missing("sub")),
        ("of a service without sub", service(&json!(null)), missing("sub")),
    ]);

    let provider = by(Issuer::cloudflare_access("shop.cloudflareaccess.com").unwrap().client_as_subject());
    for token in [provider.accepts(&service(&json!(""))), provider.accepts(&service(&json!(null)))] {
        assert_eq!((token.subject(), token.client_id(), token.is_client()), (CLIENT, Some(CLIENT), true));
    }
    assert!(!provider.accepts(&json!({})).is_client(), "a user is still one");
    provider.refuses([
        ("of no service", merged(&service(&json!("")), &json!({ "common_name": null })), missing("sub")),
        ("of a service without a name", merged(&service(&json!("")), &json!({ "common_name": "" })), missing("sub")),
        ("of several services", merged(&service(&json!("")), &json!({ "common_name": [CLIENT] })), missing("sub")),
        (
            "named elsewhere",
            merged(&service(&json!("")), &json!({ "common_name": null, "client_id": CLIENT })),
            missing("sub"),
        ),
        (
            "a service's, of the team domain",
            merged(&service(&json!("")), &json!({ "type": "org" })),
            other_kind("type"),
        ),
        (
            "a service's, for another application",
            merged(&service(&json!("")), &json!({ "aud": [OTHER] })),
            audience([OTHER], APPLICATION),
        ),
    ]);
}

/// The list of subjects counts for services too.
#[test]
fn a_list_of_subjects_can_name_services() {
    let only = |subject: &str| {
        let issuer = Issuer::cloudflare_access("shop.cloudflareaccess.com").unwrap();
        by(issuer.client_as_subject().allow_subjects([subject])).verdict(&json!({}), &service(&json!(""))).err()
    };
    assert_eq!(only(CLIENT), None);
    assert_eq!(only("another.access"), Some(tower_bearer::validation::TokenError::Subject));
}

/// RFC 9068 requires a subject.
/// Row C4.
#[test]
fn the_strict_profile_takes_no_client_for_a_subject() {
    let keys = tower_bearer::jose::JwkSet::from_json(KEYS.jwks().to_string().as_bytes()).unwrap();
    let issuer = Issuer::cloudflare_access("shop.cloudflareaccess.com").unwrap().client_as_subject().keys_from(keys);
    let api = ResourceServer::builder(APPLICATION)
        .trust(issuer)
        .clock(crate::harness::clock_at(NOW))
        .profile(Profile::Rfc9068)
        .build()
        .unwrap();
    let provider = Provider { api, ..cloudflare_access() };
    let claims = merged(&service(&json!("")), &json!({ "client_id": CLIENT, "jti": "1" }));
    let verdict = provider.verdict(&json!({ "typ": "at+jwt" }), &claims).err();
    assert_eq!(verdict, Some(missing("sub")));
}

//! Active Directory Federation Services

use serde_json::{Value, json};
use tower_bearer::metadata::Metadata;
use tower_bearer::validation::{TokenError, VerifyError};
use tower_bearer::{Issuer, Require, ResourceServer};

use super::{KEYS, NOW, Provider, audience, issuer, merged, missing, other_kind, scopes};
use crate::harness::AUDIENCE;

const TRUST: &str = "http://sts.example.com/adfs/services/trust";
const CLIENT: &str = "50ce8764-2f5c-4f0e-96c0-39cc601ea154";

pub(super) fn ad_fs() -> Provider {
    ad_fs_of(Issuer::ad_fs("sts.example.com").unwrap())
}

fn ad_fs_of(issuer: Issuer) -> Provider {
    let key = merged(&KEYS.jwks()["keys"][0], &json!({ "x5t": "rsa-1", "x5c": ["MIID"] }));
    let header = json!({ "typ": "JWT", "x5t": "rsa-1" });
    Provider::with_keys(issuer, &json!({ "keys": [key] }), AUDIENCE, header, of_a_user())
}

fn of_a_user() -> Value {
    json!({
        "aud": AUDIENCE,
        "iss": TRUST,
        "sub": "AhPZ4yd8LnP4bD0kYtqpSTh8JmGDPFeqYbbHyvnXOlI=",
        "upn": "ada@example.com",
        "unique_name": ["Ada", "EXAMPLE\\ada"],
        "role": ["buyer", "auditor"],
        "apptype": "Confidential",
        "appid": CLIENT,
        "authmethod": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        "auth_time": "2029-12-31T23:58:00.566Z",
        "ver": "1.0",
        "scp": "openid read:me",
    })
}

/// The changes that make a user's token one that a client gets for itself.
fn of_a_client() -> Value {
    json!({ "sub": null, "upn": null, "unique_name": null, "role": null, "scp": null,
            "authmethod": "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password" })
}

#[test]
fn accepts_its_access_tokens() {
    let provider = ad_fs();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some(CLIENT));
    assert_eq!(scopes(&token), ["openid", "read:me"]);
    assert_eq!(token.roles(), ["buyer", "auditor"]);
    assert_eq!(provider.accepts(&json!({ "role": "auditor" })).roles(), ["auditor"]);
    // A date that is text is none, so a limit on its age is not met.
    let recent = Require::token().and_max_age(std::time::Duration::from_secs(3600));
    assert!(provider.api.check(&token, &recent).is_err());
    let token = provider.accepts(&json!({ "auth_time": NOW - 120 }));
    assert!(provider.api.check(&token, &recent).is_ok());
    provider.refuses_strangers();
}

/// Some versions name the certificate of the key in the header, and not the key.
#[test]
fn accepts_tokens_that_name_only_the_certificate() {
    let provider = ad_fs();
    let header = json!({ "kid": null });
    provider.verdict(&header, &json!({})).unwrap();
    let (own, other) = (provider.token(&header, &json!({})), provider.token(&header, &json!({ "jti": "x" })));
    let ((input, _), (_, signature)) = (own.rsplit_once('.').unwrap(), other.rsplit_once('.').unwrap());
    let error = provider.api.try_verify(&format!("{input}.{signature}")).err();
    assert!(matches!(error, Some(VerifyError::Token(TokenError::NoKid { .. }))), "{error:?}");
}

#[test]
fn accepts_tokens_of_clients_if_they_may_stand_for_the_subject() {
    ad_fs().refuses([("without a subject", of_a_client(), missing("sub"))]);
    let provider = ad_fs_of(Issuer::ad_fs("sts.example.com").unwrap().client_as_subject());
    let token = provider.accepts(&of_a_client());
    assert_eq!((token.subject(), token.is_client()), (CLIENT, true));
    let user = provider.accepts(&json!({}));
    assert!(!user.is_client() && user.subject().starts_with("AhPZ4yd8"));
    let by = |client: Value| {
        let mut claims = of_a_client();
        claims["appid"] = client;
        claims
    };
    provider.refuses([
        ("neither", by(Value::Null), missing("appid")),
        ("an empty client", by(json!("")), missing("appid")),
    ]);
}

#[test]
fn refuses_its_other_tokens() {
    let of_sign_in = "https://sts.example.com/adfs";
    let id = json!({ "iss": of_sign_in, "auth_time": NOW - 120, "nonce": "n", "sid": "S-1-5-21-1" });
    let plain = json!({ "iss": of_sign_in, "aud": CLIENT, "nonce": "n", "appid": null, "apptype": null, "scp": null });
    ad_fs().refuses([
        ("an ID token", plain, issuer(of_sign_in)),
        // With the scope allatclaims it has all claims of the access token.
        ("an ID token with everything", id, issuer(of_sign_in)),
        ("one with the hash of an access token", json!({ "at_hash": "x" }), other_kind("at_hash")),
        ("no client", json!({ "appid": null }), missing("appid")),
        ("a client elsewhere", json!({ "appid": null, "azp": CLIENT, "client_id": CLIENT }), missing("appid")),
        ("a client that is no string", json!({ "appid": [CLIENT] }), missing("appid")),
    ]);
}

#[test]
fn refuses_tokens_for_others() {
    let prefixed = "microsoft:identityserver:50ce8764-2f5c-4f0e-96c0-39cc601ea154";
    let refuse_issuer = |iss: &'static str| ("another issuer", json!({ "iss": iss }), issuer(iss));
    ad_fs().refuses([
        (
            "another API's",
            json!({ "aud": "https://other.example.test" }),
            audience(["https://other.example.test"], AUDIENCE),
        ),
        ("by an identifier that is no URL", json!({ "aud": prefixed }), audience([prefixed], AUDIENCE)),
        ("for itself", json!({ "aud": "urn:microsoft:userinfo" }), audience(["urn:microsoft:userinfo"], AUDIENCE)),
        refuse_issuer("http://sts.example.org/adfs/services/trust"),
        refuse_issuer("https://sts.example.com/adfs/services/trust"),
        refuse_issuer("http://sts.example.com/adfs/services/trust/"),
        refuse_issuer("http://STS.example.com/adfs/services/trust"),
        ("bound to a key", json!({ "cnf": { "jwk": {} } }), TokenError::Bound),
    ]);
}

/// The identifier is no URL from which a client could get metadata.
/// Row K6.
#[test]
fn metadata_does_not_name_an_identifier_that_leads_nowhere() {
    let api = ResourceServer::builder(AUDIENCE).trust(Issuer::ad_fs("sts.example.com").unwrap());
    let api = api.metadata(Metadata::new()).build().unwrap();
    let document: Value = serde_json::from_slice(api.metadata().unwrap().json()).unwrap();
    assert_eq!(document.get("authorization_servers"), None);
}

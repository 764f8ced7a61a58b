//! Microsoft Entra External ID

use serde_json::{Value, json};
use tower_bearer::Issuer;
use tower_bearer::jose::Algorithm;
use tower_bearer::validation::TokenError;

use super::entra::{ENTRA_API, PARTNER, TENANT, v2};
use super::{KEYS, NOW, Provider, audience, issuer, merged, missing, other_kind, pointer, scopes};

const CLIENT: &str = "12fb0c5d-5b2c-4d6a-8f2f-3b2f2f6a7c11";

fn of(tenant: &str) -> String {
    format!("https://{tenant}.ciamlogin.com/{tenant}/v2.0")
}

/// One key under several names: of this tenant in each form, of all tenants, without an issuer, and of others.
fn jwks() -> Value {
    let mut key = KEYS.jwks()["keys"][0].clone();
    key.as_object_mut().unwrap().remove("alg");
    let of_issuer = |kid: &str, issuer: Value| merged(&key, &json!({ "kid": kid, "issuer": issuer }));
    json!({ "keys": [
        of_issuer("rsa-1", json!(of(TENANT))),
        of_issuer("template", json!(of("{tenantid}"))),
        of_issuer("entra", json!(v2(TENANT))),
        of_issuer("entra-template", json!(v2("{tenantid}"))),
        of_issuer("anybody", json!(null)),
        of_issuer("partner", json!(of(PARTNER))),
        of_issuer("entra-partner", json!(v2(PARTNER))),
        of_issuer("odd", json!(["x"])),
        of_issuer("v1", json!("https://sts.windows.net/{tenantid}/")),
    ] })
}

pub(super) fn entra_external() -> Provider {
    external_of(Issuer::entra_external(TENANT).unwrap())
}

fn external_of(issuer: Issuer) -> Provider {
    let claims = json!({
        "aud": ENTRA_API,
        "iss": of(TENANT),
        "nbf": NOW - 60,
        "aio": "AXQAi/8TAAAA",
        "azp": CLIENT,
        "azpacr": "0",
        "name": "Ada",
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
        "preferred_username": "ada@example.com",
        "roles": ["Buyer"],
        "scp": "read:me",
        "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
        "tid": TENANT,
        "ver": "2.0",
    });
    Provider::with_keys(issuer, &jwks(), ENTRA_API, json!({ "typ": "JWT" }), claims)
}

#[test]
fn accepts_its_access_tokens() {
    let provider = entra_external();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some(CLIENT));
    assert_eq!(scopes(&token), ["read:me"]);
    assert_eq!(pointer(&token, "/roles/0"), "Buyer");
    let application = json!({ "scp": null, "idtyp": "app", "roles": ["Orders.Read.All"], "preferred_username": null });
    assert!(provider.accepts(&application).scope().is_empty());
    provider.refuses_strangers();
}

#[test]
fn refuses_its_other_tokens() {
    let graph = "00000003-0000-0000-c000-000000000000";
    entra_external().refuses([
        ("an ID token", json!({ "azp": null, "azpacr": null, "scp": null, "nonce": "n" }), missing("azp")),
        ("a client under another name", json!({ "azp": null, "client_id": CLIENT }), missing("azp")),
        ("of the hybrid flow", json!({ "c_hash": "x" }), other_kind("c_hash")),
        ("for Microsoft Graph", json!({ "aud": graph }), audience([graph], ENTRA_API)),
        ("for its client", json!({ "aud": CLIENT }), audience([CLIENT], ENTRA_API)),
        ("without a subject", json!({ "sub": null }), missing("sub")),
    ]);
    let clients = external_of(Issuer::entra_external(TENANT).unwrap().client_as_subject());
    assert_eq!(clients.accepts(&json!({ "sub": null })).subject(), CLIENT);
}

/// Row C5.
#[test]
fn refuses_tokens_of_other_tenants() {
    let tenant = |found: &str| TokenError::Tenant { found: found.into(), expected: TENANT.into() };
    let refuse_issuer = |iss: &str| ("another issuer", json!({ "iss": iss }), issuer(iss));
    entra_external().refuses([
        ("another tenant's", json!({ "iss": of(PARTNER), "tid": PARTNER }), issuer(&of(PARTNER))),
        ("whose tid says so", json!({ "tid": PARTNER }), tenant(PARTNER)),
        ("without a tid", json!({ "tid": null }), missing("tid")),
        refuse_issuer(&v2(TENANT)),
        refuse_issuer(&of("{tenantid}")),
        refuse_issuer(&format!("https://{PARTNER}.ciamlogin.com/{TENANT}/v2.0")),
        refuse_issuer(&format!("https://{TENANT}.ciamlogin.com/{PARTNER}/v2.0")),
        refuse_issuer(&format!("https://contoso.ciamlogin.com/{TENANT}/v2.0")),
        refuse_issuer(&format!("https://sts.windows.net/{TENANT}/")),
        refuse_issuer(&format!("{}/", of(TENANT))),
    ]);
}

#[test]
fn refuses_keys_of_other_tenants() {
    let provider = entra_external();
    let by = |kid: &str| provider.verdict(&json!({ "kid": kid }), &json!({})).err();
    for kid in ["rsa-1", "template", "entra", "entra-template", "anybody"] {
        assert_eq!(by(kid), None, "{kid}");
    }
    for kid in ["partner", "entra-partner", "odd", "v1"] {
        assert_eq!(by(kid), Some(TokenError::KeyMismatch { algorithm: Algorithm::RS256 }), "{kid}");
    }
}

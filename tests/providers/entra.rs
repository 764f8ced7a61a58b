//! Microsoft Entra ID

use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::server::ConfigError;
use tower_bearer::validation::TokenError;
use tower_bearer::{Issuer, ResourceServer};

use super::{KEYS, NOW, Provider, audience, issuer, merged, missing, other_kind, scopes};

pub(super) const TENANT: &str = "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a";
pub(super) const PARTNER: &str = "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b";
pub(super) const STRANGE_TENANT: &str = "82229342-1101-4ab6-817b-70c0747630f3";
/// Of everybody who has a personal account.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
pub(super) const ENTRA_API: &str = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";

pub(super) fn v2(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

/// One key under several names, none with an `alg`: for all tenants, for personal accounts, without an issuer,
/// and for what cannot be read.
fn entra_jwks() -> Value {
    let mut key = KEYS.jwks()["keys"][0].clone();
    key.as_object_mut().unwrap().remove("alg");
    let of =
        |kid: &str, issuer: Value| merged(&key, &json!({ "kid": kid, "x5t": kid, "x5c": ["MIID"], "issuer": issuer }));
    json!({ "keys": [
        of("rsa-1", json!(v2("{tenantid}"))),
        of("personal", json!(v2(CONSUMERS))),
        of("anybody", json!(null)),
        of("odd", json!(["x"])),
        of("v1", json!("https://sts.windows.net/{tenantid}/")),
    ] })
}

fn entra_of(issuer: Issuer) -> Provider {
    let claims = json!({
        "aud": ENTRA_API,
        "iss": v2(TENANT),
        "nbf": NOW - 60,
        "aio": "AXQAi/8TAAAA",
        "azp": "12fb0c5d-5b2c-4d6a-8f2f-3b2f2f6a7c11",
        "azpacr": "0",
        "name": "Ada Lovelace",
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
        "preferred_username": "ada@example.com",
        "rh": "I",
        "roles": ["Buyer"],
        "scp": "access_as_user read:me",
        "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
        "tid": TENANT,
        "uti": "fqiBqXLPj0eQa82S-IYFAA",
        "ver": "2.0",
    });
    Provider::with_keys(issuer, &entra_jwks(), ENTRA_API, json!({ "typ": "JWT" }), claims)
}

pub(super) fn entra() -> Provider {
    entra_of(Issuer::entra(TENANT).unwrap())
}

#[test]
fn accepts_its_access_tokens() {
    let provider = entra();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("12fb0c5d-5b2c-4d6a-8f2f-3b2f2f6a7c11"));
    assert_eq!(scopes(&token), ["access_as_user", "read:me"]);
    assert_eq!(token.roles(), ["Buyer"]);
    let application = json!({ "scp": null, "idtyp": "app", "roles": ["Orders.Read.All"] });
    assert!(provider.accepts(&application).scope().is_empty());
    provider.refuses_strangers();
}

#[test]
fn refuses_its_other_tokens() {
    let graph = "00000003-0000-0000-c000-000000000000";
    entra().refuses([
        // The client and the API may be one registration, and then the audience does not tell.
        ("an ID token", json!({ "azp": null, "azpacr": null, "scp": null, "nonce": "n" }), missing("azp")),
        ("of the hybrid flow", json!({ "c_hash": "x" }), other_kind("c_hash")),
        ("for Microsoft Graph", json!({ "aud": graph }), audience([graph], ENTRA_API)),
        (
            "by the App ID URI",
            json!({ "aud": format!("api://{ENTRA_API}") }),
            audience([&format!("api://{ENTRA_API}")], ENTRA_API),
        ),
    ]);
}

/// Row C5.
#[test]
fn refuses_tokens_of_other_tenants() {
    let tenant = |found: &str| TokenError::Tenant { found: found.into(), expected: TENANT.into() };
    let refuse_issuer = |iss: &str| ("", json!({ "iss": iss, "tid": TENANT }), issuer(iss));
    entra().refuses([
        ("another tenant's", json!({ "iss": v2(PARTNER), "tid": PARTNER }), issuer(&v2(PARTNER))),
        ("whose tid says so", json!({ "tid": PARTNER }), tenant(PARTNER)),
        ("without a tid", json!({ "tid": null }), missing("tid")),
        ("a tid that is no string", json!({ "tid": [TENANT] }), missing("tid")),
        ("in upper case", json!({ "tid": TENANT.to_uppercase() }), tenant(&TENANT.to_uppercase())),
        refuse_issuer(&v2("{tenantid}")),
        refuse_issuer(&v2("common")),
        refuse_issuer(&format!("{}/", v2(TENANT))),
        refuse_issuer(&v2(&TENANT.to_uppercase())),
        refuse_issuer(&format!("https://sts.windows.net/{TENANT}/")),
        refuse_issuer(&format!("https://login.microsoftonline.us/{TENANT}/v2.0")),
    ]);
}

#[test]
fn refuses_keys_of_other_tenants() {
    let mismatch = TokenError::KeyMismatch { algorithm: Algorithm::RS256 };
    let both = [TENANT, CONSUMERS];
    for provider in [entra(), entra_of(Issuer::entra_tenants(both).unwrap())] {
        let by = |kid: &str, claims: Value| provider.verdict(&json!({ "kid": kid }), &claims).err();
        assert_eq!(by("rsa-1", json!({})), None, "a key of all tenants");
        assert_eq!(by("anybody", json!({})), None, "a key that does not say whose it is");
        assert_eq!(by("personal", json!({})), Some(mismatch.clone()), "the key of personal accounts");
        assert_eq!(by("odd", json!({})), Some(mismatch.clone()), "a key whose issuer cannot be read");
        assert_eq!(by("v1", json!({})), Some(mismatch.clone()), "a key of another kind of issuer");
    }
    let provider = entra_of(Issuer::entra_tenants(both).unwrap());
    let personal = json!({ "iss": v2(CONSUMERS), "tid": CONSUMERS });
    provider.verdict(&json!({ "kid": "personal" }), &personal).unwrap();
    // A token without a name is tried with those keys that may sign it, and with no others.
    provider.verdict(&json!({ "kid": null }), &personal).unwrap();
}

#[test]
fn a_key_whose_issuer_changes_is_a_different_key() {
    let keys = |jwks: Value| JwkSet::from_json(jwks.to_string().as_bytes()).unwrap();
    let (before, mut jwks) = (keys(entra_jwks()), entra_jwks());
    assert_eq!(before.keys(), keys(jwks.clone()).keys());
    jwks["keys"][0]["issuer"] = json!(v2(CONSUMERS));
    assert_ne!(before.keys()[0], keys(jwks).keys()[0]);
}

/// The member is an extension of Microsoft, which other issuers' keys may use otherwise (RFC 7517 §4).
/// Row E14.
#[test]
fn other_issuers_ignore_the_issuer_member_of_a_key() {
    let generic = Issuer::jwks(&v2(TENANT), "https://login.microsoftonline.com/common/discovery/v2.0/keys").unwrap();
    let provider = entra_of(generic);
    for kid in ["rsa-1", "personal", "anybody", "odd"] {
        provider.verdict(&json!({ "kid": kid }), &json!({})).unwrap();
    }
}

#[test]
fn accepts_only_listed_tenants() {
    let provider = entra_of(Issuer::entra_tenants([TENANT, PARTNER]).unwrap());
    let of = |tenant: &str| json!({ "iss": v2(tenant), "tid": tenant });
    for tenant in [TENANT, PARTNER] {
        assert_eq!(provider.accepts(&of(tenant)).issuer(), v2(tenant));
    }
    let template = v2("{tenantid}");
    let crossed = TokenError::Tenant { found: TENANT.into(), expected: PARTNER.into() };
    provider.refuses([
        ("a tenant that is not in it", of(STRANGE_TENANT), issuer(&v2(STRANGE_TENANT))),
        ("the template itself", of("{tenantid}"), issuer(&template)),
        ("an empty tenant", of(""), issuer(&v2(""))),
        ("one in the issuer, another in tid", json!({ "iss": v2(PARTNER), "tid": TENANT }), crossed),
    ]);
    let [status] = &*provider.api.status() else { panic!("one set of keys, one status") };
    assert_eq!(&*status.issuer, template);
}

#[test]
fn accepts_version_1_access_tokens() {
    let v1 = format!("https://sts.windows.net/{TENANT}/");
    let audience_v1 = format!("api://{ENTRA_API}");
    let provider = Provider::with_keys(
        Issuer::entra_v1(TENANT).unwrap(),
        &entra_jwks(),
        &audience_v1,
        json!({ "typ": "JWT", "x5t": "rsa-1" }),
        json!({
            "aud": audience_v1,
            "iss": v1,
            "nbf": NOW - 60,
            "acr": "1",
            "amr": ["pwd"],
            "appid": "12fb0c5d-5b2c-4d6a-8f2f-3b2f2f6a7c11",
            "appidacr": "0",
            "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            "scp": "read:me",
            "sub": "l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
            "tid": TENANT,
            "unique_name": "ada@example.com",
            "ver": "1.0",
        }),
    );
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("12fb0c5d-5b2c-4d6a-8f2f-3b2f2f6a7c11"));
    assert_eq!(scopes(&token), ["read:me"]);
    let bare = v1.trim_end_matches('/');
    let other = format!("https://sts.windows.net/{PARTNER}/");
    let tenant = TokenError::Tenant { found: PARTNER.into(), expected: TENANT.into() };
    provider.refuses([
        ("without the slash", json!({ "iss": bare }), issuer(bare)),
        ("version 2", json!({ "iss": v2(TENANT) }), issuer(&v2(TENANT))),
        ("another tenant's", json!({ "iss": other, "tid": PARTNER }), issuer(&other)),
        ("whose tid says so", json!({ "tid": PARTNER }), tenant),
        ("an ID token", json!({ "appid": null, "scp": null }), missing("appid")),
        ("a client that is no string", json!({ "appid": 1 }), missing("appid")),
        ("another API's", json!({ "aud": "api://other" }), audience(["api://other"], &audience_v1)),
    ]);
    provider.refuses_strangers();
}

#[test]
fn a_tenant_cannot_be_trusted_twice() {
    let build = |issuers: [Issuer; 2]| {
        let [one, two] = issuers;
        ResourceServer::builder(ENTRA_API).trust(one).trust(two).build().err()
    };
    let twice = |tenant: &str| Some(ConfigError::DuplicateIssuer { value: v2(tenant) });
    let tenants = |tenants: &[&str]| Issuer::entra_tenants(tenants).unwrap();
    let entra = || Issuer::entra(PARTNER).unwrap();
    assert_eq!(build([tenants(&[TENANT]), tenants(&[PARTNER])]), None);
    assert_eq!(build([tenants(&[TENANT, PARTNER]), entra()]), twice(PARTNER));
    assert_eq!(build([entra(), tenants(&[TENANT, PARTNER])]), twice(PARTNER));
    assert_eq!(build([tenants(&[TENANT, PARTNER]), tenants(&[STRANGE_TENANT, TENANT])]), twice(TENANT));
    let plain = Issuer::jwks(&v2(TENANT), "https://keys.example.com").unwrap();
    assert_eq!(build([tenants(&[PARTNER, TENANT]), plain]), twice(TENANT));
    assert_eq!(build([tenants(&[TENANT, TENANT]), entra()]), twice(TENANT), "in one list");
    assert_eq!(build([Issuer::entra_v1(PARTNER).unwrap(), entra()]), None, "versions are different issuers");
}

//! Tokens as the providers shape them, and what else the providers sign with the same keys.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, JsonError, JwkSet, JwsError, UnusableJwk};
use tower_bearer::server::{ConfigError, VerifyError};
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::token::{Profile, TokenError};
use tower_bearer::{AccessToken, Issuer, ResourceServer};

use crate::harness::AUDIENCE;
use crate::memory_source::{Fetch, Source, settle};

/// 2030-01-01, when all of it takes place.
const NOW: u64 = 1_893_456_000;

/// The keys of whichever provider: they all sign with RS256.
static KEYS: LazyLock<TestIssuer> = LazyLock::new(|| TestIssuer::builder().algorithms([Algorithm::RS256]).start());

/// A server that trusts one provider, a token that the provider would issue to a client of it, and the key set.
struct Provider {
    api: ResourceServer,
    header: Value,
    claims: Value,
}

impl Provider {
    /// `header` and `claims` are the token's but for what every token has: `alg`, `kid`, `iat` and `exp`.
    fn new(issuer: Issuer, audience: &str, header: Value, claims: Value) -> Self {
        Self::with_keys(issuer, &KEYS.jwks(), audience, header, claims)
    }

    fn with_keys(issuer: Issuer, jwks: &Value, audience: &str, header: Value, claims: Value) -> Self {
        let keys = JwkSet::from_json(jwks.to_string().as_bytes()).unwrap();
        let clock = TestClock::new();
        clock.set(UNIX_EPOCH + Duration::from_secs(NOW));
        let api = ResourceServer::builder(audience).trust(issuer.keys_from(keys)).clock(clock).build().unwrap();
        Self { api, header, claims }
    }

    /// The token with other members in its header and its payload, or without those that are null.
    fn token(&self, header: &Value, claims: &Value) -> String {
        let times = json!({ "iat": NOW - 60, "exp": NOW + 300 });
        let payload = merged(&merged(&times, &self.claims), claims);
        let names = merged(&json!({ "alg": "RS256", "kid": "rsa-1" }), &self.header);
        let header = merged(&names, header);
        KEYS.token().raw_header(header.to_string()).raw_payload(payload.to_string()).sign()
    }

    fn judge(&self, header: &Value, claims: &Value) -> Result<AccessToken, TokenError> {
        match self.api.try_verify(&self.token(header, claims)) {
            Ok(token) => Ok(token),
            Err(VerifyError::Token(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    #[track_caller]
    fn accepts(&self, claims: &Value) -> AccessToken {
        self.judge(&json!({}), claims).unwrap_or_else(|error| panic!("{claims}: {error}"))
    }

    #[track_caller]
    fn refuses<const N: usize>(&self, tokens: [(&str, Value, TokenError); N]) {
        for (what, claims, expected) in tokens {
            assert_eq!(self.judge(&json!({}), &claims).err(), Some(expected), "{what}");
        }
    }

    /// Somebody else's signature, whatever the token says.
    #[track_caller]
    fn refuses_strangers(&self) {
        static STRANGER: LazyLock<TestIssuer> =
            LazyLock::new(|| TestIssuer::builder().algorithms([Algorithm::RS256]).start());
        let (own, forged) = (self.token(&json!({}), &json!({})), STRANGER.token().sign());
        let ((input, _), (_, signature)) = (own.rsplit_once('.').unwrap(), forged.rsplit_once('.').unwrap());
        let error = self.api.try_verify(&format!("{input}.{signature}")).err();
        assert_eq!(error, Some(VerifyError::Token(TokenError::Signature)));
    }
}

/// RFC 7396, for one level: null takes a member away.
fn merged(base: &Value, changes: &Value) -> Value {
    let mut merged = base.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        merged.remove(name);
        if !value.is_null() {
            merged.insert(name.clone(), value.clone());
        }
    }
    merged.into()
}

fn issuer(found: &str) -> TokenError {
    TokenError::Issuer { found: found.into() }
}

fn audience<const N: usize>(found: [&str; N], expected: &str) -> TokenError {
    TokenError::Audience { found: found.into(), expected: [expected].into() }
}

fn missing(claim: &'static str) -> TokenError {
    TokenError::Missing { claim }
}

fn other_kind(claim: &'static str) -> TokenError {
    TokenError::NotAnAccessToken { claim }
}

fn scopes(token: &AccessToken) -> Vec<&str> {
    token.scope().iter().collect()
}

fn pointer(token: &AccessToken, pointer: &str) -> Value {
    token.claims::<Value>().unwrap().pointer(pointer).cloned().unwrap_or_default()
}

// Keycloak

fn keycloak() -> Provider {
    // The key for encryption has the same material: only what it is for tells it apart.
    let mut jwks = KEYS.jwks();
    let mut encryption = jwks["keys"][0].clone();
    encryption["kid"] = json!("enc-1");
    encryption["alg"] = json!("RSA-OAEP");
    encryption["use"] = json!("enc");
    jwks["keys"].as_array_mut().unwrap().insert(0, encryption);
    Provider::with_keys(
        Issuer::keycloak("https://id.example.com", "shop").unwrap(),
        &jwks,
        AUDIENCE,
        json!({ "typ": "JWT" }),
        json!({
            "jti": "onrtac:0b3f1c39-6a3e-4a29-9a35-6c6b7c2d1e01",
            "iss": "https://id.example.com/realms/shop",
            "aud": [AUDIENCE, "account"],
            "sub": "1f0c7b52-7d5f-4bb3-8f1a-3d5c8e6a9b10",
            "typ": "Bearer",
            "azp": "shop-web",
            "sid": "5a9d1f6e-2c3b-4d7e-8f90-a1b2c3d4e5f6",
            "acr": "1",
            "auth_time": NOW - 120,
            "allowed-origins": ["https://shop.example.com"],
            "realm_access": { "roles": ["offline_access", "buyer"] },
            "resource_access": { "account": { "roles": ["manage-account"] } },
            "scope": "openid profile read:me",
            "email_verified": true,
            "preferred_username": "ada",
        }),
    )
}

#[test]
fn keycloak_access_tokens() {
    let provider = keycloak();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("shop-web"));
    assert_eq!(scopes(&token), ["openid", "profile", "read:me"]);
    assert_eq!(pointer(&token, "/realm_access/roles/1"), "buyer");
    // From 26.2 on a client may ask for the type of RFC 9068; and one may write the payload's in lower case.
    provider.judge(&json!({ "typ": "at+jwt" }), &json!({})).unwrap();
    provider.accepts(&json!({ "typ": "bearer" }));
    provider.refuses_strangers();
}

#[test]
fn keycloak_signs_other_tokens_too() {
    let provider = keycloak();
    let id = json!({ "typ": "ID", "aud": AUDIENCE, "nonce": "n" });
    provider.refuses([
        ("an ID token, for a client of that name", id, other_kind("typ")),
        ("its at_hash alone", json!({ "at_hash": "LDktKdoQak3Pk0cnXxCltA" }), other_kind("at_hash")),
        ("a refresh token", json!({ "typ": "Refresh", "aud": AUDIENCE }), other_kind("typ")),
        ("an offline token", json!({ "typ": "Offline" }), other_kind("typ")),
        ("a logout token", json!({ "typ": "Logout", "events": {} }), other_kind("events")),
        ("an action token", json!({ "typ": "verify-email" }), other_kind("typ")),
        ("a token of no type", json!({ "typ": null }), missing("typ")),
        ("a token that is bound", json!({ "typ": "Bearer", "cnf": { "jkt": "x" } }), TokenError::Bound),
    ]);
    // What it really sends as a refresh token is signed with the realm's secret.
    let refresh = provider.token(&json!({ "alg": "HS512" }), &json!({ "typ": "Refresh" }));
    let unknown = TokenError::Jws(JwsError::Algorithm { found: "HS512".into() });
    assert_eq!(provider.api.try_verify(&refresh).err(), Some(VerifyError::Token(unknown)));
}

#[test]
fn keycloak_tokens_for_others() {
    let other = "https://id.example.com/realms/other";
    keycloak().refuses([
        ("another realm's", json!({ "iss": other }), issuer(other)),
        (
            "with a slash",
            json!({ "iss": "https://id.example.com/realms/shop/" }),
            issuer("https://id.example.com/realms/shop/"),
        ),
        (
            "by the internal host",
            json!({ "iss": "http://keycloak:8080/realms/shop" }),
            issuer("http://keycloak:8080/realms/shop"),
        ),
        ("no audience mapper", json!({ "aud": "account" }), audience(["account"], AUDIENCE)),
        ("no audience at all", json!({ "aud": null }), missing("aud")),
        ("a lightweight one", json!({ "sub": null }), missing("sub")),
    ]);
}

#[test]
fn e16_keycloak_publishes_a_key_for_encryption() {
    let provider = keycloak();
    let status = provider.api.status().remove(0);
    assert_eq!(status.key_ids, ["rsa-1".into()]);
    let [skipped] = &*status.skipped else { panic!("{:?}", status.skipped) };
    assert_eq!(skipped.reason, UnusableJwk::Use { usage: "enc".into() });
    let token = provider.token(&json!({ "kid": "enc-1" }), &json!({}));
    assert!(provider.api.try_verify(&token).is_err());
}

// Auth0

fn auth0() -> Provider {
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
fn auth0_access_tokens() {
    let provider = auth0();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("my_client_id"));
    assert_eq!(scopes(&token), ["openid", "profile", "read:me"]);
    assert_eq!(pointer(&token, "/permissions/0"), "read:me");
    let machine = json!({ "sub": "my_client_id@clients", "aud": AUDIENCE, "gty": "client-credentials", "scope": null });
    assert!(provider.accepts(&machine).scope().is_empty());
    let rfc9068 = json!({ "azp": null, "client_id": "my_client_id", "jti": "1" });
    let token = provider.judge(&json!({ "typ": "at+jwt" }), &rfc9068).unwrap();
    assert_eq!(token.client_id(), Some("my_client_id"));
    provider.refuses_strangers();
}

#[test]
fn c5_auth0_ends_its_issuer_with_a_slash() {
    let bare = "https://shop.eu.auth0.com";
    let other = "https://shop.us.auth0.com/";
    auth0().refuses([
        ("without it", json!({ "iss": bare }), issuer(bare)),
        ("another tenant's", json!({ "iss": other }), issuer(other)),
    ]);
}

#[test]
fn auth0_tokens_for_others() {
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

// Microsoft Entra ID

const TENANT: &str = "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a";
const PARTNER: &str = "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b";
const STRANGE_TENANT: &str = "82229342-1101-4ab6-817b-70c0747630f3";
/// Of everybody who has a personal account.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const ENTRA_API: &str = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";

fn v2(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

/// One key under several names, none with an `alg`: for all tenants, for personal accounts, for nobody in particular,
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

fn entra() -> Provider {
    entra_of(Issuer::entra(TENANT).unwrap())
}

#[test]
fn entra_access_tokens() {
    let provider = entra();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("12fb0c5d-5b2c-4d6a-8f2f-3b2f2f6a7c11"));
    assert_eq!(scopes(&token), ["access_as_user", "read:me"]);
    assert_eq!(pointer(&token, "/roles/0"), "Buyer");
    let application = json!({ "scp": null, "idtyp": "app", "roles": ["Orders.Read.All"] });
    assert!(provider.accepts(&application).scope().is_empty());
    provider.refuses_strangers();
}

#[test]
fn entra_signs_other_tokens_too() {
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

#[test]
fn c5_entra_tokens_of_other_tenants() {
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
fn entra_keys_of_other_tenants() {
    let mismatch = TokenError::KeyMismatch { algorithm: Algorithm::RS256 };
    let both = [TENANT, CONSUMERS];
    for provider in [entra(), entra_of(Issuer::entra_tenants(both).unwrap())] {
        let by = |kid: &str, claims: Value| provider.judge(&json!({ "kid": kid }), &claims).err();
        assert_eq!(by("rsa-1", json!({})), None, "a key of all tenants");
        assert_eq!(by("anybody", json!({})), None, "a key that does not say whose it is");
        assert_eq!(by("personal", json!({})), Some(mismatch.clone()), "the key of personal accounts");
        assert_eq!(by("odd", json!({})), Some(mismatch.clone()), "a key of whom nobody can tell");
        assert_eq!(by("v1", json!({})), Some(mismatch.clone()), "a key of another kind of issuer");
    }
    let provider = entra_of(Issuer::entra_tenants(both).unwrap());
    let personal = json!({ "iss": v2(CONSUMERS), "tid": CONSUMERS });
    provider.judge(&json!({ "kid": "personal" }), &personal).unwrap();
    // A token without a name is tried with those keys that may sign it, and with no others.
    provider.judge(&json!({ "kid": null }), &personal).unwrap();
}

#[test]
fn a_key_that_becomes_another_tenants_is_another_key() {
    let keys = |jwks: Value| JwkSet::from_json(jwks.to_string().as_bytes()).unwrap();
    let (before, mut jwks) = (keys(entra_jwks()), entra_jwks());
    assert_eq!(before.keys(), keys(jwks.clone()).keys());
    jwks["keys"][0]["issuer"] = json!(v2(CONSUMERS));
    assert_ne!(before.keys()[0], keys(jwks).keys()[0]);
}

/// What Microsoft means by the member is nothing to others (RFC 7517 §4).
#[test]
fn e14_the_issuer_of_a_key_matters_to_entra_alone() {
    let generic = Issuer::jwks(&v2(TENANT), "https://login.microsoftonline.com/common/discovery/v2.0/keys").unwrap();
    let provider = entra_of(generic);
    for kid in ["rsa-1", "personal", "anybody", "odd"] {
        provider.judge(&json!({ "kid": kid }), &json!({})).unwrap();
    }
}

#[test]
fn entra_trusts_the_tenants_of_a_closed_list() {
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
fn entra_version_1() {
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

// Okta

fn okta() -> Provider {
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
fn okta_access_tokens() {
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
fn okta_tokens_for_others() {
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

// Amazon Cognito

const POOL: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI";

fn cognito() -> Provider {
    Provider::new(
        Issuer::cognito("eu-central-1_AbCdEfGhI", ["client-a", "client-b"]).unwrap(),
        AUDIENCE,
        json!({}),
        json!({
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "cognito:groups": ["buyers"],
            "iss": POOL,
            "version": 2,
            "client_id": "client-a",
            "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
            "token_use": "access",
            "scope": "openid https://api.example.test/read",
            "auth_time": NOW - 120,
            "jti": "dcec61aa-d2cb-4d4f-9b2c-6e0ae2d8a9c4",
            "username": "ada",
        }),
    )
}

#[test]
fn cognito_access_tokens_name_their_client() {
    let provider = cognito();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("client-a"));
    assert_eq!(token.audience().count(), 0);
    assert_eq!(scopes(&token), ["openid", "https://api.example.test/read"]);
    assert_eq!(pointer(&token, "/cognito:groups/0"), "buyers");
    provider.accepts(&json!({ "client_id": "client-b", "sub": "client-b", "username": null }));
    assert!(provider.accepts(&json!({ "aud": AUDIENCE })).audience().eq([AUDIENCE]), "asked for with a resource");
    provider.refuses_strangers();
}

#[test]
fn cognito_tokens_of_other_clients_and_kinds() {
    let client = |found: &str| TokenError::Client { found: found.into(), expected: ["client-a", "client-b"].into() };
    let other = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_ZZZ";
    let id = json!({ "token_use": "id", "aud": "client-a", "client_id": null, "cognito:username": "ada" });
    cognito().refuses([
        ("another app client's", json!({ "client_id": "client-c" }), client("client-c")),
        ("though it is for this server", json!({ "client_id": "client-c", "aud": AUDIENCE }), client("client-c")),
        ("an ID token", id, other_kind("token_use")),
        ("no token_use", json!({ "token_use": null }), missing("token_use")),
        ("another token_use", json!({ "token_use": "ACCESS" }), other_kind("token_use")),
        ("no client", json!({ "client_id": null }), missing("client_id")),
        (
            "another resource's",
            json!({ "aud": "https://other.example.test" }),
            audience(["https://other.example.test"], AUDIENCE),
        ),
        ("an audience that is its client", json!({ "aud": "client-a" }), audience(["client-a"], AUDIENCE)),
        ("another pool's", json!({ "iss": other }), issuer(other)),
    ]);
}

#[test]
fn d14_clients_must_be_named() {
    let build = |issuer: Issuer| ResourceServer::builder(AUDIENCE).trust(issuer).build().err();
    let none = build(Issuer::cognito("eu-central-1_AbCdEfGhI", [""; 0]).unwrap());
    assert_eq!(none, Some(ConfigError::NoClient { issuer: POOL.to_owned() }));
    let empty = build(Issuer::cognito("eu-central-1_AbCdEfGhI", ["client-a", ""]).unwrap());
    assert_eq!(empty, Some(ConfigError::EmptyClient { issuer: POOL.to_owned() }));
    let hydra = Issuer::discover("https://hydra.example.com/").unwrap();
    let none = build(hydra.clone().clients_instead_of_audience([""; 0]));
    assert_eq!(none, Some(ConfigError::NoClient { issuer: "https://hydra.example.com/".to_owned() }));
    assert_eq!(build(hydra.clients_instead_of_audience(["a"]).clients_instead_of_audience(["b"])), None);
}

// An issuer that sends an empty audience, such as Ory Hydra

fn hydra(profile: Profile) -> Provider {
    let issuer = Issuer::discover("https://hydra.example.com/").unwrap().clients_instead_of_audience(["shop-web"]);
    let claims = json!({
        "aud": [],
        "client_id": "shop-web",
        "ext": {},
        "iss": "https://hydra.example.com/",
        "jti": "7d9b1f5c-0f3e-4a53-8f9b-2f4f0a1f6a51",
        "nbf": NOW - 60,
        "scp": ["read:me"],
        "sub": "user-1",
    });
    let provider = Provider::new(issuer.clone(), AUDIENCE, json!({ "typ": "JWT" }), claims);
    let keys = JwkSet::from_json(KEYS.jwks().to_string().as_bytes()).unwrap();
    let clock = TestClock::new();
    clock.set(UNIX_EPOCH + Duration::from_secs(NOW));
    let server = ResourceServer::builder(AUDIENCE).trust(issuer.keys_from(keys)).clock(clock).profile(profile);
    Provider { api: server.build().unwrap(), ..provider }
}

#[test]
fn c6_e28_clients_instead_of_an_audience() {
    let provider = hydra(Profile::Generic);
    for aud in [json!([]), json!(null), json!(AUDIENCE), json!(["x", AUDIENCE])] {
        assert_eq!(provider.accepts(&json!({ "aud": aud })).client_id(), Some("shop-web"), "{aud}");
    }
    provider.accepts(&json!({ "client_id": null, "azp": "shop-web" }));
    let client = TokenError::Client { found: "x".into(), expected: ["shop-web"].into() };
    let malformed = TokenError::Payload(JsonError::WrongType { name: "aud".into() });
    provider.refuses([
        ("another client's", json!({ "client_id": "x" }), client.clone()),
        ("though somebody else was authorized", json!({ "client_id": "x", "azp": "shop-web" }), client),
        ("nobody's", json!({ "client_id": null }), missing("client_id")),
        ("an ID token", json!({ "aud": ["shop-web"] }), audience(["shop-web"], AUDIENCE)),
        ("another server's", json!({ "aud": ["x"] }), audience(["x"], AUDIENCE)),
        ("an empty name", json!({ "aud": "" }), audience([""], AUDIENCE)),
        ("empty names", json!({ "aud": [""] }), audience([""], AUDIENCE)),
        ("no string", json!({ "aud": 5 }), malformed.clone()),
        ("no strings", json!({ "aud": [5] }), malformed.clone()),
        ("an object", json!({ "aud": {} }), malformed),
    ]);
}

#[test]
fn c4_the_strict_profile_needs_an_audience_in_any_case() {
    let provider = hydra(Profile::Rfc9068);
    let judge = |aud: Value| provider.judge(&json!({ "typ": "at+jwt" }), &json!({ "scp": null, "aud": aud })).err();
    assert_eq!(judge(json!(AUDIENCE)), None);
    assert_eq!(judge(json!(null)), Some(missing("aud")));
    assert_eq!(judge(json!([])), Some(audience([], AUDIENCE)));
}

// Google

fn google() -> Provider {
    Provider::new(
        Issuer::google(["100000000000000000001", "2"]).unwrap(),
        AUDIENCE,
        json!({ "typ": "JWT" }),
        json!({
            "aud": AUDIENCE,
            "azp": "100000000000000000001",
            "email": "worker@shop.iam.gserviceaccount.com",
            "email_verified": true,
            "iss": "https://accounts.google.com",
            "sub": "100000000000000000001",
        }),
    )
}

#[test]
fn google_tokens_of_service_accounts() {
    let provider = google();
    let token = provider.accepts(&json!({}));
    assert_eq!((token.subject(), token.client_id()), ("100000000000000000001", Some("100000000000000000001")));
    assert!(token.scope().is_empty());
    provider.accepts(&json!({ "sub": "2", "azp": "2" }));
    provider.refuses_strangers();
}

#[test]
fn google_vouches_for_anybody() {
    let (bare, proxy) = ("accounts.google.com", "https://cloud.google.com/iap");
    let client = "32555940559.apps.googleusercontent.com";
    google().refuses([
        ("somebody else's service account", json!({ "sub": "3", "azp": "3" }), TokenError::Subject),
        ("who says that he is another", json!({ "sub": "3", "azp": "100000000000000000001" }), TokenError::Subject),
        ("a user's, with an access token", json!({ "at_hash": "x" }), other_kind("at_hash")),
        ("a user's, for an application", json!({ "aud": client, "azp": client }), audience([client], AUDIENCE)),
        ("another service's", json!({ "aud": "https://other.run.app" }), audience(["https://other.run.app"], AUDIENCE)),
        ("an old form of the issuer", json!({ "iss": bare }), issuer(bare)),
        ("of the Identity-Aware Proxy", json!({ "iss": proxy }), issuer(proxy)),
    ]);
    let none = ResourceServer::builder(AUDIENCE).trust(Issuer::google([""; 0]).unwrap()).build().err();
    assert_eq!(none, Some(ConfigError::NoSubject { issuer: "https://accounts.google.com".to_owned() }));
}

// Zitadel

fn zitadel() -> Provider {
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
fn zitadel_access_tokens() {
    let provider = zitadel();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("69234237810729234@shop"));
    assert!(token.scope().is_empty());
    assert!(pointer(&token, "/urn:zitadel:iam:org:project:roles/buyer").is_object());
    provider.refuses_strangers();
}

#[test]
fn zitadel_tokens_for_others() {
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

// Kubernetes

const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";

#[test]
fn kubernetes_service_accounts() {
    let subject = "system:serviceaccount:shop:frontend";
    let provider = Provider::new(
        Issuer::kubernetes(CLUSTER).unwrap().subjects([subject]),
        AUDIENCE,
        json!({}),
        json!({
            "aud": [AUDIENCE],
            "iss": CLUSTER,
            "jti": "e51f1fbc-4733-4b85-a59f-ba80c0523874",
            "kubernetes.io": {
                "namespace": "shop",
                "pod": { "name": "frontend-0", "uid": "0d8b260e-ef0e-45fb-be8e-ff44f97722e8" },
                "serviceaccount": { "name": "frontend", "uid": "e6a8680e-d103-4cce-80ea-03acbbeacf7d" },
            },
            "nbf": NOW - 60,
            "sub": subject,
        }),
    );
    let token = provider.accepts(&json!({}));
    assert_eq!((token.subject(), token.client_id()), (subject, None));
    assert_eq!(pointer(&token, "/kubernetes.io/namespace"), "shop");
    let legacy = json!({ "iss": "kubernetes/serviceaccount", "aud": null, "exp": null });
    provider.refuses([
        ("for the API server", json!({ "aud": [CLUSTER] }), audience([CLUSTER], AUDIENCE)),
        ("another account's", json!({ "sub": "system:serviceaccount:evil:frontend" }), TokenError::Subject),
        ("a default account's", json!({ "sub": "system:serviceaccount:shop:default" }), TokenError::Subject),
        (
            "another cluster's",
            json!({ "iss": "https://kubernetes.default.svc" }),
            issuer("https://kubernetes.default.svc"),
        ),
        ("a secret of old", legacy, issuer("kubernetes/serviceaccount")),
    ]);
    provider.refuses_strangers();
}

// Of all of them

/// What is wrong with these tokens is found out before anybody looks for a key, known or not.
#[tokio::test(start_paused = true)]
async fn d12_no_forged_token_buys_a_fetch() {
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
    ];
    for (provider, preset, audience, wrong) in cases {
        let source = Source(Arc::new(Mutex::new((Fetch::Fail, Vec::new()))));
        let clock = TestClock::new();
        clock.set(UNIX_EPOCH + Duration::from_secs(NOW));
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

#[test]
fn no_identifier_is_trusted_twice() {
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

/// Presets add rules for their own tokens; two of them in one server do not mix.
#[test]
fn d3_the_rules_of_one_provider_are_not_those_of_another() {
    let keys = || JwkSet::from_json(KEYS.jwks().to_string().as_bytes()).unwrap();
    let (keycloak, cognito) = (keycloak(), cognito());
    let clock = TestClock::new();
    clock.set(UNIX_EPOCH + Duration::from_secs(NOW));
    let api = ResourceServer::builder(AUDIENCE)
        .trust(Issuer::keycloak("https://id.example.com", "shop").unwrap().keys_from(keys()))
        .trust(Issuer::cognito("eu-central-1_AbCdEfGhI", ["client-a"]).unwrap().keys_from(keys()))
        .clock(clock)
        .build()
        .unwrap();
    let judge = |provider: &Provider, claims: Value| api.try_verify(&provider.token(&json!({}), &claims)).err();
    let refused = |error| Some(VerifyError::Token(error));
    assert_eq!(judge(&keycloak, json!({})), None);
    assert_eq!(judge(&cognito, json!({})), None);
    let crossed = json!({ "aud": null, "client_id": "client-a", "token_use": "access" });
    assert_eq!(judge(&keycloak, crossed), refused(missing("aud")), "without an audience as at Cognito");
    assert_eq!(judge(&cognito, json!({ "token_use": null, "typ": "Bearer" })), refused(missing("token_use")));
}

/// Claims that mean something to one provider may be anything at others.
#[test]
fn claims_of_other_providers_may_be_anything() {
    let provider = auth0();
    for value in [json!(1), json!([1]), json!({ "a": 1 }), json!(true), json!("x")] {
        let token = provider.accepts(&json!({ "tid": value, "cid": value, "appid": value }));
        assert_eq!(token.client_id(), Some("my_client_id"));
    }
}

//! Azure AD B2C: one issuer for all policies, and keys for each

use serde_json::{Value, json};
use tokio::time::timeout;
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::metadata::Metadata;
use tower_bearer::redact::Excerpt;
use tower_bearer::server::ConfigError;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::{TokenError, VerifyError};
use tower_bearer::{Issuer, ResourceServer};

use super::{KEYS, NOW, Provider, audience, issuer, merged, missing, other_kind, scopes};
use crate::harness::clock_at;
use crate::harness::memory_source::{Fetch, MINUTE, Source};

const TENANT: &str = "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a";
const OTHER_TENANT: &str = "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b";
const ISSUER: &str = "https://contoso.b2clogin.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0/";
pub(super) const API: &str = "f2a76e08-93f2-4350-833c-965c02483b11";
const CLIENT: &str = "38307aee-303c-4fff-8087-d8d2a1b0c3e4";
const SIGN_IN: &str = "B2C_1_signin";
const EDIT: &str = "B2C_1A_EditProfile";

pub(super) fn policy(name: &str) -> Issuer {
    Issuer::azure_b2c("contoso.b2clogin.com", TENANT, name).unwrap()
}

pub(super) fn sign_in() -> Provider {
    sign_in_of(policy(SIGN_IN))
}

fn sign_in_of(issuer: Issuer) -> Provider {
    let claims = json!({
        "iss": ISSUER,
        "nbf": NOW - 60,
        "aud": API,
        "oid": "1558f87f-452b-4757-bcd1-883a1b2c3d4e",
        "sub": "1558f87f-452b-4757-bcd1-883a1b2c3d4e",
        "name": "Ada",
        "tfp": SIGN_IN,
        "nonce": "anyRandomValue",
        "scp": "read:me write",
        "azp": CLIENT,
        "ver": "1.0",
    });
    Provider::new(issuer, API, json!({ "typ": "JWT" }), claims)
}

fn flow(found: Option<&str>, expected: &str) -> TokenError {
    TokenError::UserFlow { found: found.map(Excerpt::from), expected: expected.into() }
}

#[test]
fn accepts_its_access_tokens() {
    let provider = sign_in();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some(CLIENT));
    assert_eq!(scopes(&token), ["read:me", "write"]);
    assert!(provider.accepts(&json!({ "scp": null })).scope().is_empty(), "for the client's own registration");
    for spelling in ["b2c_1_signin", "B2C_1_SIGNIN"] {
        provider.accepts(&json!({ "tfp": spelling }));
        provider.accepts(&json!({ "tfp": null, "acr": spelling }));
    }
    // A client's own subject is an object of the directory.
    let client =
        provider.accepts(&json!({ "sub": "7b1d6f0e-0000-4000-8000-7b1d6f0e0000", "name": null, "nonce": null }));
    assert!(!client.is_client());
    provider.refuses_strangers();
}

#[test]
fn refuses_its_other_tokens() {
    let graph = "https://graph.microsoft.com";
    sign_in().refuses([
        ("an ID token", json!({ "azp": null, "scp": null, "auth_time": NOW - 120 }), missing("azp")),
        ("an empty client", json!({ "azp": "" }), missing("azp")),
        ("a client under another name", json!({ "azp": null, "client_id": CLIENT, "appid": CLIENT }), missing("azp")),
        ("an ID token with an access token", json!({ "at_hash": "x" }), other_kind("at_hash")),
        ("an ID token with a code", json!({ "c_hash": "x" }), other_kind("c_hash")),
        ("for its client", json!({ "aud": CLIENT }), audience([CLIENT], API)),
        ("another API's", json!({ "aud": graph }), audience([graph], API)),
        ("without a subject", json!({ "sub": null }), missing("sub")),
    ]);
    let clients = sign_in_of(policy(SIGN_IN).client_as_subject());
    assert_eq!(clients.accepts(&json!({ "sub": null })).subject(), CLIENT);
}

#[test]
fn refuses_tokens_of_other_policies_and_directories() {
    let refuse_issuer = |iss: &str| ("another issuer", json!({ "iss": iss }), issuer(iss));
    sign_in().refuses([
        ("another policy's", json!({ "tfp": EDIT }), flow(Some(EDIT), SIGN_IN)),
        ("of no policy", json!({ "tfp": null }), flow(None, SIGN_IN)),
        ("an empty name", json!({ "tfp": "" }), flow(Some(""), SIGN_IN)),
        ("a longer name", json!({ "tfp": "B2C_1_signin2" }), flow(Some("B2C_1_signin2"), SIGN_IN)),
        ("a shorter name", json!({ "tfp": "B2C_1_signi" }), flow(Some("B2C_1_signi"), SIGN_IN)),
        ("no string", json!({ "tfp": [SIGN_IN] }), flow(None, SIGN_IN)),
        ("a level of authentication", json!({ "tfp": null, "acr": "1" }), flow(Some("1"), SIGN_IN)),
        ("tfp counts before acr", json!({ "tfp": EDIT, "acr": SIGN_IN }), flow(Some(EDIT), SIGN_IN)),
        ("also if it is no string", json!({ "tfp": 1, "acr": SIGN_IN }), flow(None, SIGN_IN)),
        refuse_issuer(&ISSUER.replace(TENANT, OTHER_TENANT)),
        refuse_issuer(ISSUER.trim_end_matches('/')),
        refuse_issuer(&ISSUER.replace("contoso", "fabrikam")),
        refuse_issuer(&ISSUER.replace("contoso.b2clogin.com", "login.contoso.com")),
        refuse_issuer(&format!("https://login.microsoftonline.com/{TENANT}/v2.0/")),
        refuse_issuer(&format!("https://contoso.b2clogin.com/tfp/{TENANT}/b2c_1_signin/v2.0/")),
    ]);
}

/// Two policies, each with a key of its own, and two keys of the same name.
struct TwoPolicies {
    api: ResourceServer,
    sign_in: TestIssuer,
    edit: TestIssuer,
}

impl TwoPolicies {
    fn new() -> Self {
        let start = || TestIssuer::builder().algorithms([Algorithm::RS256]).start();
        let (sign_in, edit) = (start(), start());
        let keys = |issuer: &TestIssuer| JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
        let api = ResourceServer::builder(API)
            .trust(policy(SIGN_IN).keys_from(keys(&sign_in)))
            .trust(policy(EDIT).keys_from(keys(&edit)))
            .clock(clock_at(NOW))
            .metadata(Metadata::new().resource("https://api.example.com"))
            .build()
            .unwrap();
        Self { api, sign_in, edit }
    }

    fn verdict(&self, signer: &TestIssuer, name: &Value) -> Option<VerifyError> {
        self.api.try_verify(&token(signer, name)).err()
    }
}

/// A token for the API that `signer` signs, and that names this policy.
fn token(signer: &TestIssuer, name: &Value) -> String {
    let changes = json!({ "tfp": name, "iat": NOW - 60, "exp": NOW + 300 });
    let claims = merged(&sign_in().claims, &changes);
    let header = json!({ "alg": "RS256", "kid": "rsa-1", "typ": "JWT" });
    signer.token().raw_header(header.to_string()).raw_payload(claims.to_string()).sign()
}

/// Row D3.
#[test]
fn each_policy_has_its_own_keys() {
    let both = TwoPolicies::new();
    let refused = |error| Some(VerifyError::Token(error));
    assert_eq!(both.verdict(&both.sign_in, &json!(SIGN_IN)), None);
    assert_eq!(both.verdict(&both.edit, &json!(EDIT)), None);
    assert_eq!(both.verdict(&both.edit, &json!("b2c_1a_editprofile")), None);
    assert_eq!(both.verdict(&both.sign_in, &json!(EDIT)), refused(TokenError::Signature));
    assert_eq!(both.verdict(&both.edit, &json!(SIGN_IN)), refused(TokenError::Signature));
    for (name, found) in [(json!(null), None), (json!("B2C_1_other"), Some("B2C_1_other")), (json!([EDIT]), None)] {
        for signer in [&both.sign_in, &both.edit] {
            assert_eq!(both.verdict(signer, &name), refused(flow(found, SIGN_IN)), "{name}");
        }
    }
    assert_eq!(both.verdict(&KEYS, &json!(EDIT)), refused(TokenError::Signature), "a stranger");
}

/// A remembered token of one policy is not one of the other.
#[test]
fn a_cached_token_of_one_policy_is_not_one_of_another() {
    let both = TwoPolicies::new();
    let token = token(&both.sign_in, &json!(SIGN_IN));
    for _ in 0..3 {
        both.api.try_verify(&token).unwrap();
    }
    assert_eq!(both.verdict(&both.sign_in, &json!(EDIT)), Some(VerifyError::Token(TokenError::Signature)));
}

#[test]
fn the_status_tells_policies_apart() {
    let names: Vec<_> = TwoPolicies::new().api.status().into_iter().map(|status| status.issuer.into_string()).collect();
    assert_eq!(names, [format!("{ISSUER} ({SIGN_IN})"), format!("{ISSUER} ({EDIT})")]);
}

/// Row K6.
#[test]
fn policies_are_one_authorization_server() {
    let both = TwoPolicies::new();
    let document: Value = serde_json::from_slice(both.api.metadata().unwrap().json()).unwrap();
    assert_eq!(document["authorization_servers"], json!([ISSUER]));
}

/// Keys of one policy that are unavailable do not affect tokens of the other.
#[tokio::test(start_paused = true)]
async fn readiness_is_that_of_all_policies_of_the_identifier() {
    let up = || policy(SIGN_IN).keys_from(JwkSet::from_json(KEYS.jwks().to_string().as_bytes()).unwrap());
    let down = || policy(EDIT).keys_from(Source::new(Fetch::Fail));
    for issuers in [[up(), down()], [down(), up()]] {
        let api = ResourceServer::builder(API).trust_all(issuers).clock(clock_at(NOW)).build().unwrap();
        assert!(timeout(MINUTE, api.ready_for(ISSUER)).await.is_err());
        assert!(api.ready_for(&format!("{ISSUER} ({SIGN_IN})")).await.is_err(), "a name is no identifier");
        api.try_verify(&token(&KEYS, &json!(SIGN_IN))).unwrap();
        let error = api.try_verify(&token(&KEYS, &json!(EDIT))).err();
        assert!(matches!(error, Some(VerifyError::KeysUnavailable { .. })), "{error:?}");
    }
    let api = ResourceServer::builder(API).trust(up()).clock(clock_at(NOW)).build().unwrap();
    api.ready_for(ISSUER).await.unwrap();
}

#[tokio::test]
async fn explanations_show_the_policy() {
    let both = TwoPolicies::new();
    let explanation = both.api.explain(&token(&both.edit, &json!("B2C_1_other"))).await;
    let step = explanation.failures().find(|step| step.name == "user_flow").unwrap();
    assert_eq!((&*step.expected, &*step.found), ("\"B2C_1_signin\"", "\"B2C_1_other\""));
    let explanation = both.api.explain(&token(&both.edit, &json!(EDIT))).await;
    let step = explanation.steps().iter().find(|step| step.name == "user_flow").unwrap();
    assert_eq!((&*step.expected, step.holds), ("\"B2C_1A_EditProfile\"", true));
}

/// Row D14.
#[test]
fn a_policy_cannot_be_trusted_twice() {
    let build = |issuers: Vec<Issuer>| ResourceServer::builder(API).trust_all(issuers).build().err();
    let twice = || Some(ConfigError::DuplicateIssuer { value: ISSUER.to_owned() });
    let whole = || Issuer::jwks(ISSUER, "https://keys.example.com/jwks").unwrap();
    let other = || Issuer::azure_b2c("contoso.b2clogin.com", OTHER_TENANT, SIGN_IN).unwrap();
    assert_eq!(build(vec![policy(SIGN_IN), policy(EDIT), other()]), None);
    assert_eq!(build(vec![policy(SIGN_IN), policy(EDIT), policy(SIGN_IN)]), twice());
    assert_eq!(build(vec![policy(SIGN_IN), policy("b2c_1_SIGNIN")]), twice());
    assert_eq!(build(vec![policy(SIGN_IN), whole()]), twice(), "with and without a policy");
    assert_eq!(build(vec![whole(), policy(SIGN_IN)]), twice());
}

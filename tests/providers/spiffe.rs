//! SPIFFE trust domains and their JWT-SVIDs

use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::keys::KeyFile;
use tower_bearer::server::ConfigError;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::{Profile, TokenError, VerifyError};
use tower_bearer::{AccessToken, Issuer, ResourceServer};

use super::{KEYS, NOW, Provider, audience, issuer, missing, other_kind};
use crate::harness::clock_at;

const ORDERS: &str = "spiffe://example.org/orders";
const FRONTEND: &str = "spiffe://example.org/frontend";

/// The set with a `use` for each of its keys, which are named for it.
fn bundle(entries: &[(&TestIssuer, &str)]) -> Value {
    let entry = |(issuer, usage): &(&TestIssuer, &str)| {
        let mut key = issuer.jwks()["keys"][0].clone();
        key.as_object_mut().unwrap().remove("use");
        if !usage.is_empty() {
            key["use"] = json!(usage);
        }
        key
    };
    json!({
        "keys": entries.iter().map(entry).collect::<Vec<_>>(),
        "spiffe_refresh_hint": 300,
        "spiffe_sequence": 7,
    })
}

fn keys(document: &Value) -> JwkSet {
    JwkSet::from_json(document.to_string().as_bytes()).unwrap()
}

fn svid() -> Value {
    json!({ "aud": [ORDERS], "sub": FRONTEND })
}

fn spiffe() -> Provider {
    let issuer = Issuer::spiffe("example.org", keys(&bundle(&[(&KEYS, "jwt-svid")]))).unwrap();
    let api = ResourceServer::builder(ORDERS).trust(issuer).clock(clock_at(NOW)).build().unwrap();
    Provider { api, header: json!({ "typ": "JWT" }), claims: svid() }
}

fn trust_domain(found: Option<&str>) -> TokenError {
    TokenError::TrustDomain { found: found.map(Into::into), expected: "spiffe://example.org".into() }
}

#[test]
fn accepts_workloads_of_the_trust_domain() {
    let provider = spiffe();
    let facts = |token: &AccessToken| {
        (token.issuer().to_owned(), token.subject().to_owned(), token.client_id().map(str::to_owned))
    };
    let expected = ("spiffe://example.org".to_owned(), FRONTEND.to_owned(), None);
    assert_eq!(facts(&provider.accepts(&json!({}))), expected);
    // What it says in `iss` is no one's.
    for iss in ["spiffe://example.org", "https://spire.example.org", "example.org", ""] {
        assert_eq!(facts(&provider.accepts(&json!({ "iss": iss }))), expected, "{iss}");
    }
    for header in [json!({ "typ": "JOSE" }), json!({ "typ": null }), json!({ "kid": null })] {
        assert!(provider.verdict(&header, &json!({})).is_ok(), "{header}");
    }
    // From the cache.
    let token = provider.token(&json!({}), &json!({}));
    for _ in 0..4 {
        assert_eq!(facts(&provider.api.try_verify(&token).unwrap()), expected);
    }
    provider.refuses_strangers();
}

#[test]
fn refuses_other_subjects_and_other_tokens() {
    let provider = spiffe();
    provider.refuses([
        ("another trust domain's", json!({ "sub": "spiffe://example.com/frontend" }), issuer("spiffe://example.com")),
        (
            "a neighbour by its name",
            json!({ "sub": "spiffe://example.org.evil.test/frontend" }),
            issuer("spiffe://example.org.evil.test"),
        ),
        ("the trust domain itself", json!({ "sub": "spiffe://example.org" }), missing("iss")),
        ("no path", json!({ "sub": "spiffe://example.org/" }), missing("iss")),
        ("no SPIFFE ID", json!({ "sub": "frontend" }), missing("iss")),
        ("no subject", json!({ "sub": null }), missing("iss")),
        ("a user of an unknown issuer", json!({ "iss": "https://x.test", "sub": "ada" }), issuer("https://x.test")),
        ("named by iss alone", json!({ "iss": "spiffe://example.org", "sub": "ada" }), trust_domain(None)),
        (
            "named by iss, of another trust domain",
            json!({ "iss": "spiffe://example.org", "sub": "spiffe://example.com/a" }),
            trust_domain(Some("spiffe://example.com")),
        ),
        (
            "another server's",
            json!({ "aud": ["spiffe://example.org/stock"] }),
            audience(["spiffe://example.org/stock"], ORDERS),
        ),
        ("without an audience", json!({ "aud": null }), missing("aud")),
        ("without an end", json!({ "exp": null }), missing("exp")),
        ("an ID token", json!({ "at_hash": "x" }), other_kind("at_hash")),
    ]);
    let edwards = provider.verdict(&json!({ "alg": "EdDSA" }), &json!({})).err();
    assert_eq!(edwards, Some(TokenError::Algorithm { found: Algorithm::EdDSA }));
}

/// Each trust domain has its own keys, and an issuer that is named in `iss` takes precedence.
#[test]
fn keys_of_one_trust_domain_or_issuer_do_not_count_for_another() {
    let other = TestIssuer::builder().algorithms([Algorithm::RS256]).start();
    let login = "https://login.example.com";
    let api = ResourceServer::builder(ORDERS)
        .trust(Issuer::spiffe("example.org", keys(&bundle(&[(&KEYS, "jwt-svid")]))).unwrap())
        .trust(Issuer::spiffe("example.com", keys(&bundle(&[(&other, "jwt-svid")]))).unwrap())
        .trust(Issuer::keys(login, keys(&other.jwks())).unwrap())
        .clock(clock_at(NOW))
        .build()
        .unwrap();
    let token = |signer: &TestIssuer, claims: Value| {
        let times = json!({ "iat": NOW - 60, "exp": NOW + 300 });
        let payload = super::merged(&super::merged(&times, &svid()), &claims);
        signer.token().raw_header(r#"{"alg":"RS256","kid":"rsa-1"}"#).raw_payload(payload.to_string()).sign()
    };
    let verdict = |signer: &TestIssuer, claims: Value| {
        api.try_verify(&token(signer, claims)).map(|token| token.issuer().to_owned())
    };
    let com = || json!({ "sub": "spiffe://example.com/a" });
    assert_eq!(verdict(&KEYS, json!({})), Ok("spiffe://example.org".to_owned()));
    assert_eq!(verdict(&other, com()), Ok("spiffe://example.com".to_owned()));
    assert_eq!(verdict(&other, json!({ "iss": login })), Ok(login.to_owned()));
    let bad = Err(VerifyError::Token(TokenError::Signature));
    assert_eq!(verdict(&other, json!({})), bad);
    assert_eq!(verdict(&KEYS, com()), bad);
    assert_eq!(verdict(&KEYS, json!({ "iss": login })), bad);
}

/// SPIFFE Trust Domain and Bundle §4.2.2.
#[test]
fn only_keys_for_jwt_svids_count() {
    let [one, two] = [0, 1].map(|_| TestIssuer::builder().algorithms([Algorithm::RS256]).start());
    let verdict = |document: &Value| {
        let issuer = Issuer::spiffe("example.org", keys(document)).unwrap();
        let api = ResourceServer::builder(ORDERS).trust(issuer).clock(clock_at(NOW)).build();
        api.map_err(|error| assert!(matches!(error, ConfigError::NoKey { .. }), "{error}")).map(|api| {
            api.try_verify(
                &Provider { api: api.clone(), header: json!({}), claims: svid() }.token(&json!({}), &json!({})),
            )
            .is_ok()
        })
    };
    let none = Err(());
    assert_eq!(verdict(&bundle(&[(&KEYS, "jwt-svid"), (&one, "x509-svid")])), Ok(true));
    assert_eq!(verdict(&bundle(&[(&KEYS, "jwt-svid"), (&one, "sig"), (&two, "")])), Ok(true));
    assert_eq!(verdict(&bundle(&[(&KEYS, "x509-svid"), (&one, "jwt-svid")])), Ok(false));
    assert_eq!(verdict(&bundle(&[(&KEYS, "sig"), (&one, "jwt-svid")])), Ok(false));
    assert_eq!(verdict(&bundle(&[(&KEYS, ""), (&one, "jwt-svid")])), Ok(false));
    assert_eq!(verdict(&bundle(&[(&KEYS, ""), (&one, "x509-svid")])), none);
    // A plain JWK Set, as the Workload API and SPIRE's discovery provider have it.
    assert_eq!(verdict(&bundle(&[(&KEYS, "")])), Ok(true));
    assert_eq!(verdict(&bundle(&[(&KEYS, "sig")])), Ok(true));
    assert_eq!(verdict(&bundle(&[(&KEYS, "enc")])), none);
}

/// A key for JWT-SVIDs signs no token of another issuer.
#[test]
fn a_key_for_jwt_svids_is_no_key_of_another_issuer() {
    let set = keys(&bundle(&[(&KEYS, "jwt-svid")]));
    assert!(set.keys().is_empty());
    assert_eq!(set.skipped()[0].reason.to_string(), r#"the key is not for signatures: use is "jwt-svid""#);
    let other = Issuer::keys("https://login.example.com", set).unwrap();
    let error = ResourceServer::builder(ORDERS).trust(other).build().err();
    assert!(matches!(error, Some(ConfigError::NoKey { issuer, .. }) if issuer == "https://login.example.com"));
}

#[tokio::test]
async fn a_bundle_in_a_file_is_read_for_jwt_svids() {
    let path = std::env::temp_dir().join(format!("tower-bearer-bundle-{}.json", std::process::id()));
    std::fs::write(&path, bundle(&[(&KEYS, "jwt-svid")]).to_string()).unwrap();
    let issuer = Issuer::spiffe("example.org", KeyFile::new(&path)).unwrap();
    let api = ResourceServer::builder(ORDERS).trust(issuer).clock(clock_at(NOW)).build().unwrap();
    let provider = Provider { api, header: json!({}), claims: svid() };
    let token = provider.token(&json!({}), &json!({}));
    provider.api.verify(&token).await.unwrap();
    assert_eq!(&*provider.api.status()[0].issuer, "spiffe://example.org");
    provider.api.ready_for("spiffe://example.org").await.unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn the_callers_can_be_listed() {
    let issuer =
        Issuer::spiffe("example.org", keys(&bundle(&[(&KEYS, "jwt-svid")]))).unwrap().allow_subjects([FRONTEND]);
    let api = ResourceServer::builder(ORDERS).trust(issuer).clock(clock_at(NOW)).build().unwrap();
    let provider = Provider { api, header: json!({}), claims: svid() };
    provider.accepts(&json!({}));
    provider.refuses([("another workload's", json!({ "sub": "spiffe://example.org/other" }), TokenError::Subject)]);
}

/// Row C4.
#[test]
fn the_strict_profile_refuses_jwt_svids() {
    let issuer = Issuer::spiffe("example.org", keys(&bundle(&[(&KEYS, "jwt-svid")]))).unwrap();
    let server = ResourceServer::builder(ORDERS).trust(issuer).clock(clock_at(NOW)).profile(Profile::Rfc9068);
    let provider = Provider { api: server.build().unwrap(), ..spiffe() };
    assert_eq!(provider.verdict(&json!({}), &json!({})).err(), Some(TokenError::Type { found: Some("JWT".into()) }));
    assert_eq!(provider.verdict(&json!({ "typ": "at+jwt" }), &json!({})).err(), Some(missing("client_id")));
}

#[tokio::test]
async fn an_explanation_shows_the_trust_domain() {
    let provider = spiffe();
    let token = provider.token(&json!({}), &json!({ "iss": "spiffe://example.org", "sub": "spiffe://example.com/a" }));
    let explanation = provider.api.explain(&token).await;
    let step = explanation.failures().next().unwrap();
    let shown = (step.name, &*step.expected, &*step.found);
    assert_eq!(shown, ("iss", r#"a sub of "spiffe://example.org""#, r#""spiffe://example.com""#));
}

/// What is shown of a token of no trusted issuer is what each of them looks at.
#[tokio::test]
async fn an_explanation_of_an_unknown_issuer_shows_iss_and_trust_domain() {
    let spiffe = Issuer::spiffe("example.org", keys(&KEYS.jwks())).unwrap();
    let login = Issuer::keys("https://login.example.com", keys(&KEYS.jwks())).unwrap();
    let api = ResourceServer::builder(ORDERS).trust(spiffe).trust(login).clock(clock_at(NOW)).build().unwrap();
    let provider = Provider { api, header: json!({}), claims: svid() };
    let token = provider.token(&json!({}), &json!({ "iss": "https://evil.test", "sub": "spiffe://example.com/a" }));
    let explanation = provider.api.explain(&token).await;
    let step = explanation.failures().next().unwrap();
    assert_eq!(step.expected, r#"a sub of "spiffe://example.org" or "https://login.example.com""#);
    assert_eq!(step.found, r#""spiffe://example.com", and "https://evil.test""#);
}

#[test]
fn only_names_of_trust_domains_are_accepted() {
    for odd in [
        "",
        "spiffe://example.org",
        "Example.org",
        "example.org/",
        "example.org:443",
        "ex ample",
        "{domain}",
        "b\u{fc}cher.example",
    ] {
        let error = Issuer::spiffe(odd, keys(&KEYS.jwks())).err();
        assert!(matches!(&error, Some(ConfigError::Preset { value, .. }) if value == odd), "{odd}: {error:?}");
    }
    let twice = ResourceServer::builder(ORDERS)
        .trust(Issuer::spiffe("example.org", keys(&KEYS.jwks())).unwrap())
        .trust(Issuer::spiffe("example.org", keys(&KEYS.jwks())).unwrap());
    assert_eq!(twice.build().err(), Some(ConfigError::DuplicateIssuer { value: "spiffe://example.org".to_owned() }));
}

//! Who is told which token: its issuer, and nobody else.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tower_bearer::introspection::{Introspection, InvalidIntrospection};
use tower_bearer::server::ConfigError;
use tower_bearer::testing::TestIssuer;

use super::*;

fn with_prefix(issuer: &TestIssuer, prefix: &str) -> Issuer {
    let introspection = Introspection::discover(issuer.url(), issuer.introspection_client()).unwrap();
    issuer.issuer().introspect(introspection.token_prefix(prefix))
}

/// Row N9.
#[tokio::test]
async fn a_jwt_is_never_sent_to_anybody_but_its_issuer() {
    let (jwts, stranger) = (small_issuer(), small_issuer());
    let rig = Rig::with(TestIssuer::introspection, |builder| builder.trust(jwts.issuer()));
    let good = || jwts.token().audience(AUDIENCE);
    assert_eq!(rig.status(&good().sign()).await, 200);
    for bad in [
        good().signed_by(&stranger).sign(),
        good().audience("https://other.example.test").sign(),
        good().header("typ", "logout+jwt").sign(),
        good().header("alg", "none").sign(),
        good().raw_payload("no JSON").sign(),
        good().raw_header("{").sign(),
        stranger.token().audience(AUDIENCE).sign(),
        format!("{}x", good().sign()),
        BASE64_URL_SAFE_NO_PAD.encode(good().sign()),
        good().sign().trim_end_matches(|character| character != '.').to_owned(),
    ] {
        assert_eq!(rig.status(&bad).await, 401);
    }
    assert_eq!(rig.calls(), 0);
    assert_eq!(rig.status(&rig.token()).await, 200);
    assert_eq!(rig.calls(), 1);
}

/// The issuer may call anything active that it has signed.
#[tokio::test]
async fn a_jwt_of_another_kind_is_refused_though_its_issuer_calls_it_active() {
    let rig = Rig::new();
    let exp = 4_000_000_000_u64;
    for typ in ["logout+jwt", "token-introspection+jwt", "secevent+jwt", "dpop+jwt", "rt+jwt"] {
        let token = rig.claims().header("typ", typ).sign();
        rig.issuer.set_answer(&token, serde_json::json!({ "active": true, "sub": "a", "aud": AUDIENCE, "exp": exp }));
        assert_refused(rig.send(&token).await);
    }
    assert_eq!(rig.calls(), 0);
}

/// Also one that this server could verify: the issuer is asked, so that a revoked one is refused.
#[tokio::test]
async fn a_jwt_of_an_introspecting_issuer_is_introspected() {
    let rig = Rig::new();
    let token = rig.claims().sign();
    assert_eq!(rig.status(&token).await, 401, "the issuer does not know it");
    let known = rig.claims().claim("jti", "another").sign();
    let exp = 4_000_000_000_u64;
    rig.issuer.set_answer(&known, serde_json::json!({ "active": true, "sub": "a", "aud": AUDIENCE, "exp": exp }));
    for _ in 0..3 {
        assert_eq!(rig.send(&known).await.unwrap().subject(), "a");
    }
    assert_eq!(rig.calls(), 2);
    assert_eq!(rig.issuer.requests(Endpoint::Jwks), 0, "no key is fetched");
}

#[tokio::test]
async fn what_is_no_token_is_sent_to_nobody() {
    let rig = Rig::new();
    for (bad, status) in [("a b", 400), ("a,b", 400), ("\"a\"", 400), ("=", 400), (&*"a".repeat(17_000), 401)] {
        assert_eq!(rig.status(bad).await, status, "{}", bad.len());
    }
    assert_eq!(rig.calls(), 0);
}

#[tokio::test]
async fn prefixes_tell_issuers_apart() {
    let (one, other, rest) = (small_issuer(), small_issuer(), small_issuer());
    let api = ResourceServer::builder(AUDIENCE)
        .trust(with_prefix(&one, "one_"))
        .trust(with_prefix(&other, "other_"))
        .trust(rest.introspection())
        .build()
        .unwrap();
    let calls = || [&one, &other, &rest].map(|issuer| issuer.requests(Endpoint::Introspection));
    for (token, expected) in
        [("one_x", [1, 0, 0]), ("other_x", [1, 1, 0]), ("x", [1, 1, 1]), ("ONE_x", [1, 1, 2]), ("one-x", [1, 1, 3])]
    {
        assert!(api.verify(token).await.is_err());
        assert_eq!(calls(), expected, "{token}");
    }
    let only = ResourceServer::builder(AUDIENCE).trust(with_prefix(&one, "one_")).build().unwrap();
    assert!(only.verify("x").await.is_err());
    assert_eq!(calls(), [1, 1, 3], "nobody is told");
}

#[test]
fn settings_that_lead_to_two_issuers_are_mistakes() {
    let (one, other) = (small_issuer(), small_issuer());
    let reason = |issuers: [Issuer; 2]| match ResourceServer::builder(AUDIENCE).trust_all(issuers).build() {
        Err(ConfigError::Introspection { issuer, reason }) => {
            assert_eq!(issuer, other.url());
            Some(reason)
        }
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    };
    let ambiguous = |prefix: &str| Some(InvalidIntrospection::AmbiguousPrefix { prefix: prefix.into() });
    assert_eq!(reason([one.introspection(), other.introspection()]), ambiguous(""));
    for (first, second, expected) in [
        ("a_", "a_", ambiguous("a_")),
        ("a_", "a_b_", ambiguous("a_b_")),
        ("a_b_", "a_", ambiguous("a_")),
        ("a_", "", Some(InvalidIntrospection::EmptyPrefix)),
        ("a_", "b_", None),
    ] {
        assert_eq!(reason([with_prefix(&one, first), with_prefix(&other, second)]), expected, "{first} {second}");
    }
    assert_eq!(reason([with_prefix(&one, "a_"), other.introspection()]), None);
    assert_eq!(reason([one.issuer(), other.introspection()]), None);
}

#[test]
fn settings_out_of_their_bounds_are_mistakes() {
    use std::time::Duration;
    use tower_bearer::introspection::ClientAuthentication;

    let issuer = small_issuer();
    let introspection = || Introspection::discover(issuer.url(), issuer.introspection_client()).unwrap();
    let reason = |introspection| {
        let issuer = issuer.issuer().introspect(introspection);
        match ResourceServer::builder(AUDIENCE).trust(issuer).build() {
            Err(ConfigError::Introspection { reason, .. }) => Some(reason),
            Err(error) => panic!("{error}"),
            Ok(_) => None,
        }
    };
    let seconds = Duration::from_secs;
    assert_eq!(reason(introspection().lifetime(seconds(600))), None);
    assert_eq!(reason(introspection().lifetime(seconds(0))), None);
    let too_long = InvalidIntrospection::Lifetime { value: seconds(601) };
    assert_eq!(reason(introspection().lifetime(seconds(601))), Some(too_long));
    for value in [0, 1025, usize::MAX] {
        let expected = InvalidIntrospection::ConcurrentRequests { value };
        assert_eq!(reason(introspection().concurrent_requests(value)), Some(expected));
    }
    let stranger = small_issuer();
    let other = Introspection::discover(stranger.url(), issuer.introspection_client()).unwrap();
    let found = Some(InvalidIntrospection::OtherIssuer { found: stranger.url().into() });
    assert_eq!(reason(other), found, "it would see the tokens, and speak for the issuer");
    let by_certificate = ClientAuthentication::tls_client_auth("api").unwrap();
    let by_certificate = Introspection::discover(issuer.url(), by_certificate).unwrap();
    assert_eq!(reason(by_certificate), Some(InvalidIntrospection::NoCertificate));

    let plain = || {
        issuer.issuer().introspect(
            Introspection::at("http://192.0.2.1/introspect", issuer.url(), issuer.introspection_client()).unwrap(),
        )
    };
    let build = |issuer: Issuer| ResourceServer::builder(AUDIENCE).trust(issuer).build();
    assert!(matches!(build(plain()), Err(ConfigError::PlainHttp { .. })));
    assert!(build(plain().insecure_http()).is_ok());
}

/// The `iss` of their tokens does not tell whose they are, so the endpoint would see tokens of others.
#[test]
fn issuers_without_an_identifier_of_their_own_are_not_introspected() {
    use tower_bearer::introspection::ClientAuthentication;
    use tower_bearer::jose::JwkSet;

    let tenants = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
    let tenant = format!("https://login.microsoftonline.com/{}/v2.0", tenants[0]);
    let flow = Issuer::azure_b2c("login.example.com", tenants[0], "B2C_1_sign_in").unwrap();
    let flow_identifier = format!("https://login.example.com/{}/v2.0/", tenants[0]);
    let workloads = Issuer::spiffe("example.org", JwkSet::from_json(br#"{"keys":[]}"#).unwrap()).unwrap();
    for (issuer, identifier) in [
        (Issuer::entra_tenants(tenants).unwrap(), &*tenant),
        (flow, &*flow_identifier),
        (workloads, "https://example.org"),
    ] {
        let client = ClientAuthentication::tls_client_auth("api").unwrap();
        let introspection = Introspection::at("https://example.test/introspect", identifier, client).unwrap();
        let introspection = introspection.client(reqwest::Client::new());
        let found = ResourceServer::builder(AUDIENCE).trust(issuer.introspect(introspection)).build();
        let Err(ConfigError::Introspection { reason, .. }) = found else { panic!("{identifier}: {found:?}") };
        assert_eq!(reason, InvalidIntrospection::NoOwnIdentifier, "{identifier}");
    }
}

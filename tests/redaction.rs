//! Redaction: every public `Display` and `Debug` form that can hold untrusted text, what it must not show, and how long it may be.

use std::fmt::{Debug, Display};
use std::time::Instant;

use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::keys::{FetchRequest, KeySource, RemoteKeys};
use tower_bearer::layer::ProtectLayer;
use tower_bearer::metadata::Metadata;
use tower_bearer::require::AcrValues;
use tower_bearer::server::ConfigError;
use tower_bearer::testing::TokenBuilder;
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;
use tower_bearer::{Claims, Issuer, Require, ResourceServer, Scope};

use crate::harness::{AUDIENCE, ISSUER, builder_with_keys, good, with_raw_member};

/// No excerpt is longer when it is displayed, the quotes included.
const EXCERPT: usize = 202;
/// The longest sentence around two lists of eight excerpts.
const SENTENCE: usize = 2 * 8 * (EXCERPT + 2) + 200;

/// A form in which something is printed.
struct Exit {
    what: String,
    text: String,
}

impl Exit {
    fn both<T: Display + Debug>(what: impl Display, printed: &T) -> [Self; 2] {
        [
            Self { what: format!("{what}, displayed"), text: printed.to_string() },
            Self { what: format!("{what}, debugged"), text: format!("{printed:?}") },
        ]
    }

    fn debug(what: impl Display, printed: &impl Debug) -> Self {
        Self { what: format!("{what}, debugged"), text: format!("{printed:?} {printed:#?}") }
    }

    fn assert(&self, secrets: &[&str], longest: usize) {
        let Self { what, text } = self;
        assert!(!text.is_empty(), "{what}");
        for secret in secrets {
            assert!(!text.contains(secret), "{what} shows {secret:?}: {text}");
        }
        assert!(text.chars().count() <= longest, "{what}: {} characters", text.chars().count());
        assert!(text.chars().all(|character| !character.is_control() || character == '\n'), "{what}: {text:?}");
    }
}

/// A text of `length` bytes that would forge a line of a log, and ends in what must not be shown.
fn long(length: usize) -> String {
    format!("x\u{1b}[31m\rERROR {}the-end", "long".repeat(length / 4))
}

async fn refused(api: &ResourceServer, token: &TokenBuilder) -> TokenError {
    match api.verify(&token.sign()).await {
        Err(VerifyError::Token(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn errors_hold_and_show_at_most_an_excerpt_of_a_token() {
    let keys = || JwkSet::from_json(ISSUER.jwks().to_string().as_bytes()).unwrap();
    let build = |issuer: Issuer| ResourceServer::builder(AUDIENCE).trust(issuer).build().unwrap();
    let any = builder_with_keys(ISSUER.url(), &ISSUER.jwks()).build().unwrap();
    let clients = build(Issuer::keys(ISSUER.url(), keys()).unwrap().identify_by_client(["a"]));
    let tenant = "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a";
    let entra = build(Issuer::entra(tenant).unwrap().keys_from(keys()));
    let tenants_iss = format!("https://login.microsoftonline.com/{tenant}/v2.0");

    let name = serde_json::to_string(&long(3000)).unwrap();
    let many: Vec<String> = (0..700).map(|at| format!("audience {at}")).collect();
    let large: Vec<String> = (0..8).map(|_| long(900)).collect();
    let long = long(8000);
    let rows: [(&ResourceServer, &str, TokenBuilder); 15] = [
        (&any, "iss", good(&ISSUER).claim("iss", &long)),
        (&any, "typ", good(&ISSUER).header("typ", &long)),
        (&any, "alg", good(&ISSUER).header("alg", &long)),
        (&any, "kid", good(&ISSUER).header("kid", &long)),
        (&any, "aud", good(&ISSUER).claim("aud", &long)),
        (&any, "many audiences", good(&ISSUER).claim("aud", &many)),
        (&any, "large audiences", good(&ISSUER).claim("aud", &large)),
        (&clients, "client", good(&ISSUER).without_claim("aud").client_id(&long)),
        (&entra, "tid", good(&ISSUER).claim("iss", &tenants_iss).claim("tid", &long)),
        (&any, "claim twice", with_raw_member(&good(&ISSUER), &format!("{name}:1,{name}:2"))),
        (&any, "inner claim twice", with_raw_member(&good(&ISSUER), &format!("\"x\":[{{{name}:1,{name}:2}}]"))),
        (&any, "header twice", good(&ISSUER).raw_header(format!("{{{name}:1,{name}:2}}"))),
        (&any, "wrong type", good(&ISSUER).claim("exp", &long)),
        (&any, "scope", good(&ISSUER).claim("scope", json!({ &long: 1 }))),
        (&any, "claim of another kind", good(&ISSUER).claim("typ", "ID").claim("x", &long)),
    ];
    for (api, what, token) in rows {
        let error = refused(api, &token).await;
        for exit in Exit::both(what, &error).into_iter().chain(Exit::both(what, &VerifyError::Token(error.clone()))) {
            exit.assert(&["the-end"], SENTENCE);
        }
        assert!(!error.to_string().contains("audience 8"), "{error}");
        let explanation = api.explain(&token.sign()).await;
        for line in explanation.to_string().lines() {
            assert!(!line.contains('\u{1b}') && !line.contains('\r'), "{line:?}");
        }
    }

    // What it is that is kept, as data.
    let TokenError::Issuer { found } = refused(&any, &good(&ISSUER).claim("iss", &long)).await else {
        panic!("the issuer")
    };
    assert!(found.len() <= EXCERPT && found.starts_with("x\u{1b}[31m\rERROR long") && found.ends_with('…'));
    let TokenError::Audience { found, .. } = refused(&any, &good(&ISSUER).claim("aud", &many)).await else {
        panic!("the audience")
    };
    assert_eq!((found.total(), found.iter().count()), (700, 8));
}

/// Counted in allocations: the texts are not copied.
#[tokio::test]
async fn an_error_about_3000_values_allocates_no_more_than_one_about_8() {
    let any = builder_with_keys(ISSUER.url(), &ISSUER.jwks()).build().unwrap();
    let cost = |audiences: usize| {
        let token = good(&ISSUER).claim("aud", vec!["a"; audiences]).sign();
        let counted = allocation_counter::measure(|| assert!(any.try_verify(&token).is_err()));
        counted.count_total
    };
    cost(1);
    // A list that was read grows by doubling, and more than that nothing does.
    assert!(cost(2800) <= cost(8) + 16, "{} and {}", cost(2800), cost(8));

    // Those that were expected are the application's, and may be as many.
    let clients = |number: usize| {
        let keys = JwkSet::from_json(ISSUER.jwks().to_string().as_bytes()).unwrap();
        let clients = (0..number).map(|client| client.to_string());
        let issuer = Issuer::keys(ISSUER.url(), keys).unwrap().identify_by_client(clients);
        ResourceServer::builder(AUDIENCE).trust(issuer).build().unwrap()
    };
    let token = good(&ISSUER).without_claim("aud").sign();
    let cost = |api: &ResourceServer| {
        assert!(api.try_verify(&token).is_err());
        allocation_counter::measure(|| assert!(api.try_verify(&token).is_err())).count_total
    };
    let (few, many) = (clients(8), clients(3000));
    assert!(cost(&many) <= cost(&few) + 16, "{} and {}", cost(&many), cost(&few));
}

#[test]
fn text_from_published_keys_is_truncated() {
    let mut secret = ISSUER.jwks()["keys"][0].clone();
    let long = long(8000);
    secret["kid"] = json!(&long);
    let with = |name: &str, value: &str| {
        let mut key = secret.clone();
        key[name] = json!(value);
        key
    };
    for key in [with("kty", &long), with("alg", &long), with("use", &long), json!({ "kty": "EC", "crv": &long })] {
        let document = json!({ "keys": [&secret, &key] }).to_string();
        let set = JwkSet::from_json(document.as_bytes()).unwrap();
        let [skipped] = set.skipped() else { panic!("{set:?}") };
        let exits = Exit::both("a key that is not used", skipped).into_iter();
        let exits = exits.chain(Exit::both("its reason", &skipped.reason));
        for exit in exits.chain([Exit::debug("a set", &set), Exit::debug("a key", &set.keys()[0])]) {
            exit.assert(&["the-end"], 3000);
        }
        let none = JwkSet::from_json(json!({ "keys": [&key] }).to_string().as_bytes()).unwrap();
        Exit::debug("a set without a key", &none).assert(&["the-end"], 3000);
    }
}

#[test]
fn unparsable_text_is_truncated() {
    let long = long(8000);
    let exits = [
        Exit::both("a scope", &long.parse::<Scope>().unwrap_err()),
        Exit::both("an acr", &long.parse::<AcrValues>().unwrap_err()),
        Exit::both("an algorithm", &long.parse::<Algorithm>().unwrap_err()),
    ];
    for exit in exits.iter().flatten() {
        exit.assert(&["the-end"], 400);
    }
}

/// A URL that holds what may be a secret, in every form that a mistake gives it.
fn urls() -> Vec<String> {
    let urls = [
        "http://user:hunter2@h.example/a",
        "https://user:hunter2@h.example/a",
        "https://hunter2@h.example/a",
        "https://user:hunt?hunter2@h.example/a",
        "http://h.example/keys?code=hunter2",
        "h.example/keys?code=hunter2&sig=hunter2",
        "http://h.example/#access_token=hunter2",
    ];
    urls.into_iter().map(str::to_owned).chain([format!("http://h.example/{}the-end", "long".repeat(9000))]).collect()
}

#[test]
fn configuration_errors_show_no_url_secrets() {
    let issuer = || Issuer::jwks("https://login.example", "https://login.example/jwks").unwrap();
    let build = |url: &str, issuer: Issuer| ResourceServer::builder(url).trust(issuer).build().err();
    let server = || ResourceServer::builder(AUDIENCE);
    for url in urls() {
        let named = || Issuer::keys(&url, JwkSet::from_json(ISSUER.jwks().to_string().as_bytes()).unwrap()).unwrap();
        let mistakes: [(&str, Option<ConfigError>); 22] = [
            ("issuer", Issuer::discover(&url).and_then(|issuer| server().trust(issuer).build()).err()),
            ("placeholder in an audience", build(&format!("{url}${{VALUE}}"), issuer())),
            ("quoted audience", build(&format!("{url}\""), issuer())),
            ("placeholder in a subject", build(AUDIENCE, issuer().allow_subjects([format!("{url}${{VALUE}}")]))),
            ("blank after a client", build(AUDIENCE, issuer().identify_by_client([format!("{url} ")]))),
            (
                "placeholder in an issuer",
                Issuer::keys(&format!("{url}{{{{ x }}}}"), RemoteKeys::at("https://h.example").unwrap()).err(),
            ),
            ("JWKS", Issuer::jwks("https://login.example", &(url.clone() + " #")).err()),
            ("keycloak", Issuer::keycloak(&(url.clone() + "/"), "shop").err()),
            ("realm of keycloak", Issuer::keycloak("https://id.example", &url).err()),
            ("auth0", Issuer::auth0(&url).err()),
            ("entra", Issuer::entra(&url).err()),
            ("okta", Issuer::okta(&url, "default").err()),
            ("cognito", Issuer::cognito(&url, ["a"]).err()),
            ("google", Issuer::google([url.as_str()]).err()),
            ("audience", build(&format!("{url}\u{e9}"), issuer())),
            ("audience of an issuer", build(AUDIENCE, issuer().audiences([format!("{url}\n")]))),
            ("realm", server().realm(format!("{url}\n")).trust(issuer()).build().err()),
            (
                "resource",
                server().metadata(Metadata::new().resource(format!("{url}\u{e9}"))).trust(issuer()).build().err(),
            ),
            ("twice", server().trust(named()).trust(named()).build().err()),
            ("no algorithm", build(AUDIENCE, named().algorithms([]))),
            ("no subject", build(AUDIENCE, named().allow_subjects([""; 0]))),
            ("no client", build(AUDIENCE, named().identify_by_client([""; 0]))),
        ];
        for (what, error) in mistakes {
            let error = error.unwrap_or_else(|| panic!("{what} of {url} is good"));
            for exit in Exit::both(what, &error) {
                exit.assert(&["hunter2", "the-end"], 500);
            }
        }
        let scope = server().metadata(Metadata::new().scopes_supported([&*format!("{url} ")])).trust(issuer()).build();
        for exit in Exit::both("scope", &scope.unwrap_err()) {
            exit.assert(&["hunter2", "the-end"], 500);
        }
    }
}

#[derive(Debug, serde::Deserialize)]
struct Chart {
    #[expect(dead_code, reason = "it is there to be shown, or not")]
    diagnosis: String,
}

#[tokio::test]
async fn printed_forms_show_no_subject_and_no_claims() {
    let keys = || JwkSet::from_json(ISSUER.jwks().to_string().as_bytes()).unwrap();
    let issuer = Issuer::keys(ISSUER.url(), keys()).unwrap().allow_subjects(["ada@example.com", "grace@example.com"]);
    let builder = ResourceServer::builder(AUDIENCE).trust(issuer.clone()).claims::<Chart>();
    let builder_debug = Exit::debug("a builder", &builder);
    let api = builder.build().unwrap();
    let scope = "s".repeat(9000) + "the-end";
    let signed = good(&ISSUER).subject("ada@example.com").claim("diagnosis", "measles").claim("scope", &scope);
    let text = signed.sign();
    let token = api.verify(&text).await.unwrap();

    let layer: ProtectLayer = api.layer().require(Require::scope("read:me"));
    let claims = claims_of(&api, &text).await;
    let exits = [
        builder_debug,
        Exit::debug("an issuer", &issuer),
        Exit::debug("a server", &api),
        Exit::debug("a layer", &layer),
        Exit::debug("a service", &tower::Layer::layer(&layer, ())),
        Exit::debug("a token", &token),
        Exit { what: "claims".to_owned(), text: claims },
    ];
    let signature = text.rsplit_once('.').unwrap().1;
    let secrets = ["ada", "grace", "measles", "the-end", signature];
    for exit in exits {
        exit.assert(&secrets, 3000);
    }
    for exit in Exit::both("an explanation", &api.explain(&text).await) {
        exit.assert(&secrets, 8000);
    }
}

/// A list of tenants or of clients is as secret as one of subjects, and may be long.
#[test]
fn printed_forms_show_no_list_entries() {
    let keys = || JwkSet::from_json(ISSUER.jwks().to_string().as_bytes()).unwrap();
    let tenants: Vec<_> = (0..500).map(|at| format!("1a1a1a1a-1111-4111-8111-1a1a1a1a1{at:03}")).collect();
    let clients = (0..500).map(|at| format!("customer-{at}"));
    let issuers = [
        Issuer::entra_tenants(&tenants).unwrap().keys_from(keys()),
        Issuer::keys(ISSUER.url(), keys()).unwrap().identify_by_client(clients),
    ];
    let [one, other] = issuers.clone();
    let builder = ResourceServer::builder(AUDIENCE).trust(one).trust(other);
    let builder_debug = Exit::debug("a builder", &builder);
    let api = builder.build().unwrap();
    let layer: ProtectLayer = api.layer();
    let [one, other] = issuers.map(|issuer| Exit::debug("an issuer", &issuer));
    for exit in [one, other, builder_debug, Exit::debug("a server", &api), Exit::debug("a layer", &layer)] {
        exit.assert(&["1a1a1a1a", "customer"], 6000);
    }
}

/// The `Debug` form of the claims that a handler gets.
async fn claims_of(api: &ResourceServer, token: &str) -> String {
    let handler = async |claims: Claims<Chart>| format!("{claims:?}");
    let app = axum::Router::new().route("/", axum::routing::get(handler)).layer(api.layer());
    let request = http::Request::get("/").header("authorization", format!("Bearer {token}"));
    let request = request.body(axum::body::Body::empty()).unwrap();
    let answer = tower::ServiceExt::oneshot(app, request).await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.contains("Claims") && text.contains("Chart"), "{text}");
    text
}

/// Only printed forms of a long kid are truncated.
#[test]
fn a_kid_is_complete_where_it_is_data() {
    let name = long(300);
    let mut key: Value = ISSUER.jwks()["keys"][0].clone();
    key["kid"] = json!(&name);
    let api = builder_with_keys(ISSUER.url(), &json!({ "keys": [key] })).build().unwrap();
    assert_eq!(*api.status()[0].key_ids, [name.as_str().into()]);
}

/// Sources of keys, and what they say when a fetch fails.
#[tokio::test]
async fn fetch_errors_show_no_url_secrets() {
    let secrets = ["secret-word", "secret-key"];
    let url = "http://127.0.0.1:1/jwks?key=secret-key#secret-word";
    let keys = RemoteKeys::at(url.split('#').next().unwrap()).unwrap();
    Exit::debug("remote keys", &keys).assert(&secrets, EXCERPT * 3);
    let error = keys.fetch(FetchRequest::new(Instant::now())).await.unwrap_err();
    for exit in Exit::both("a fetch error", &error) {
        exit.assert(&secrets, 600);
        assert!(exit.text.contains("127.0.0.1:1/jwks"), "and it names the place: {}", exit.text);
    }
    let issuer = Issuer::jwks("https://issuer.example.test", url.split('#').next().unwrap()).unwrap();
    Exit::debug("an issuer", &issuer).assert(&secrets, 2000);
}

//! Configuration as data: every setting does what the builder's method does, and every mistake is told, at its place,
//! at once.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tower_bearer::config::{Config, Problems};
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::keys::{KeyFile, RemoteKeys};
use tower_bearer::metadata::Metadata;
use tower_bearer::server::{Builder, ConfigError, TokenCache, Trusting};
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::token::Profile;
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::{AUDIENCE, ISSUER, app, fetches, good, send, small_issuer};

fn config(document: &str) -> Config {
    toml::from_str(document).unwrap()
}

/// The settings of a server for `AUDIENCE` that trusts `issuer`, with more settings of its own and of the issuer's.
fn server_with(issuer: &TestIssuer, own: &str, issuers: &str) -> ResourceServer {
    let document = format!("audience = {AUDIENCE:?}\n{own}\n[[issuers]]\nissuer = {:?}\n{issuers}", issuer.url());
    config(&document).build().unwrap()
}

fn lines(problems: &Problems) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// What is wrong with the document, one line each.
fn problems(document: &str) -> Vec<String> {
    lines(&config(document).build().expect_err(document))
}

fn problems_of_vars(variables: &[(&str, &str)]) -> Vec<String> {
    lines(&Config::from_vars("API_", variables.iter().copied()).build().unwrap_err())
}

#[tokio::test]
async fn g2_leeway() {
    let issuer = small_issuer();
    let late = good(&issuer).expired_for(Duration::from_secs(5)).sign();
    let very_late = good(&issuer).expired_for(Duration::from_secs(45)).sign();
    for (leeway, passes) in [("", [true, false]), ("leeway = 0", [false, false]), ("leeway = 60", [true, true])] {
        let api = server_with(&issuer, leeway, "");
        let found = [api.verify(&late).await.is_ok(), api.verify(&very_late).await.is_ok()];
        assert_eq!(found, passes, "{leeway}");
    }
}

#[tokio::test]
async fn d1_algorithms() {
    let token = |algorithm| ISSUER.token_by(algorithm).audience(AUDIENCE).sign();
    let (es256, rs256) = (token(Algorithm::ES256), token(Algorithm::RS256));
    for (algorithms, passes) in
        [("", [true, true]), (r#"algorithms = ["ES256"]"#, [true, false]), (r#"algorithms = ["RS256"]"#, [false, true])]
    {
        let api = server_with(&ISSUER, "", algorithms);
        assert_eq!([api.verify(&es256).await.is_ok(), api.verify(&rs256).await.is_ok()], passes, "{algorithms}");
    }
}

#[tokio::test]
async fn c6_audiences_subjects_and_clients() {
    let issuer = small_issuer();
    let tokens = [
        good(&issuer),
        good(&issuer).audience("shop-api"),
        good(&issuer).subject("alice"),
        good(&issuer).without_claim("aud").client_id("shop-web"),
        good(&issuer).without_claim("aud").client_id("other"),
    ];
    let tokens = tokens.map(|token| token.sign());
    for (settings, passes) in [
        ("", [true, false, true, false, false]),
        (r#"audiences = ["shop-api"]"#, [false, true, false, false, false]),
        (r#"audiences = ["shop-api", "https://api.example.test"]"#, [true, true, true, false, false]),
        (r#"subjects = ["alice"]"#, [false, false, true, false, false]),
        (r#"clients_instead_of_audience = ["shop-web"]"#, [false, false, false, true, false]),
    ] {
        let api = server_with(&issuer, "", settings);
        for (token, passes) in tokens.iter().zip(passes) {
            assert_eq!(api.verify(token).await.is_ok(), passes, "{settings}: {:?}", api.verify(token).await);
        }
    }
}

#[tokio::test]
async fn c1_profile() {
    let issuer = small_issuer();
    let token = good(&issuer).header("typ", "JWT").sign();
    for (profile, passes) in [("", true), (r#"profile = "generic""#, true), (r#"profile = "rfc9068""#, false)] {
        assert_eq!(server_with(&issuer, profile, "").verify(&token).await.is_ok(), passes, "{profile}");
    }
}

#[tokio::test]
async fn realm_and_metadata() {
    let issuer = small_issuer();
    let challenge = async |own: &str| {
        let api = server_with(&issuer, own, "");
        send(&app(&api), "/any", []).await.challenge().unwrap().to_owned()
    };
    assert_eq!(challenge("").await, r#"Bearer realm="https://api.example.test""#);
    assert_eq!(challenge(r#"realm = "Example API""#).await, r#"Bearer realm="Example API""#);
    assert_eq!(challenge("metadata = false").await, r#"Bearer realm="https://api.example.test""#);
    let place = "https://api.example.test/.well-known/oauth-protected-resource";
    let with_metadata = format!(r#"Bearer realm="https://api.example.test", resource_metadata="{place}""#);
    assert_eq!(challenge("metadata = true").await, with_metadata);
    assert_eq!(challenge("metadata = {}").await, with_metadata);
}

#[test]
fn k6_every_parameter_of_the_metadata() {
    let document = r#"
        audience = "orders"
        issuers = ["https://login.example.com"]
        [metadata]
        resource = "https://api.example.com/orders"
        scopes_supported = ["orders:read", "orders:write"]
        resource_name = "Orders"
        "resource_name#fr" = "Commandes"
        resource_documentation = "https://docs.example.com"
        resource_policy_uri = "https://policy.example.com"
        resource_tos_uri = "https://tos.example.com"
        "resource_tos_uri#fr" = "https://tos.example.com/fr"
        jwks_uri = "https://api.example.com/jwks"
        bearer_methods_supported = ["header", "query"]
        resource_signing_alg_values_supported = ["ES256"]
        tls_client_certificate_bound_access_tokens = false
        authorization_details_types_supported = ["order"]
        dpop_signing_alg_values_supported = ["ES256"]
        dpop_bound_access_tokens_required = false
        signed_metadata = "e30.e30.AA"
    "#;
    let api = config(document).build().unwrap();
    let metadata = api.metadata().unwrap();
    assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource/orders");
    let settings: toml::Table = toml::from_str(document).unwrap();
    let mut expected = serde_json::to_value(&settings["metadata"]).unwrap();
    expected["authorization_servers"] = json!(["https://login.example.com"]);
    assert_eq!(serde_json::from_slice::<Value>(metadata.json()).unwrap(), expected);
}

#[tokio::test]
async fn token_cache() {
    let issuer = small_issuer();
    let tokens: Vec<String> = (0..3).map(|_| good(&issuer).sign()).collect();
    for (settings, kept) in [
        ("", Some(3)),
        ("token_cache = true", Some(3)),
        ("token_cache = {}", Some(3)),
        ("token_cache = false", None),
        ("token_cache.entries = 0", None),
        ("token_cache.bytes = 0", None),
        ("token_cache.entries = 1", Some(1)),
        ("token_cache.bytes = 1", Some(0)),
    ] {
        let api = server_with(&issuer, settings, "");
        for token in tokens.iter().cycle().take(12) {
            api.verify(token).await.unwrap();
        }
        assert_eq!(api.token_cache_status().map(|status| status.entries), kept, "{settings}");
    }
}

#[tokio::test]
async fn keys_come_from_where_the_settings_say() {
    let issuer = small_issuer();
    server_with(&issuer, "", "").verify(&good(&issuer).sign()).await.unwrap();
    assert!(fetches(&issuer).0 > 0, "by the metadata");

    let issuer = small_issuer();
    let api = server_with(&issuer, "", &format!("jwks_url = {:?}", issuer.jwks_url()));
    api.verify(&good(&issuer).sign()).await.unwrap();
    assert_eq!(fetches(&issuer), (0, 1));

    let issuer = small_issuer();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("configured-{}.json", std::process::id()));
    fs::write(&path, issuer.jwks().to_string()).unwrap();
    let api = server_with(&issuer, "", &format!("jwks_file = {path:?}"));
    api.verify(&good(&issuer).sign()).await.unwrap();
    assert_eq!(fetches(&issuer), (0, 0));

    // A preset stays what it is, wherever its keys are.
    let (url, file) = (format!("jwks_url = {:?}", issuer.jwks_url()), format!("jwks_file = {path:?}"));
    for keys in [url, file] {
        let document = format!(
            "audience = {AUDIENCE:?}\n[[issuers]]\npreset = 'keycloak'\nbase_url = 'https://id.example.com'\nrealm = 'shop'\n{keys}"
        );
        let api = config(&document).build().unwrap();
        let token = good(&issuer).claim("iss", "https://id.example.com/realms/shop");
        api.verify(&token.clone().claim("typ", "Bearer").sign()).await.unwrap();
        api.verify(&token.sign()).await.unwrap_err();
    }
    fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn code_adds_what_is_no_data() {
    let issuer = small_issuer();
    let clock = TestClock::new();
    let document = format!("audience = {AUDIENCE:?}\nissuers = [{:?}]", issuer.url());
    let api = config(&document).builder().unwrap().clock(clock.clone()).build().unwrap();
    let token = good(&issuer).expires_in(Duration::from_secs(60)).sign();
    api.verify(&token).await.unwrap();
    clock.advance(Duration::from_secs(120));
    api.verify(&token).await.unwrap_err();
}

/// The same issuers, with the same rules and keys from the same places.
#[test]
fn presets_are_the_constructors() {
    let tenants = ["1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a", "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b"];
    let [tenant, _] = tenants;
    let url = "https://keys.example.com/jwks";
    let cases = [
        ("issuer = 'https://login.example.com/'".into(), Issuer::discover("https://login.example.com/")),
        (format!("issuer = 'any'\njwks_url = '{url}'"), Issuer::jwks("any", url)),
        ("issuer = 'any'\njwks_file = '/keys'".into(), Issuer::keys("any", KeyFile::new("/keys"))),
        (
            "preset = 'keycloak'\nbase_url = 'https://id.example.com'\nrealm = 'shop'".into(),
            Issuer::keycloak("https://id.example.com", "shop"),
        ),
        ("preset = 'auth0'\ndomain = 'shop.eu.auth0.com'".into(), Issuer::auth0("shop.eu.auth0.com")),
        (format!("preset = 'entra'\ntenant = '{tenant}'"), Issuer::entra(tenant)),
        (format!("preset = 'entra_tenants'\ntenants = {tenants:?}"), Issuer::entra_tenants(tenants)),
        (format!("preset = 'entra_v1'\ntenant = '{tenant}'"), Issuer::entra_v1(tenant)),
        (
            "preset = 'okta'\ndomain = 'shop.okta.com'\nauthorization_server = 'default'".into(),
            Issuer::okta("shop.okta.com", "default"),
        ),
        (
            "preset = 'cognito'\npool = 'eu-central-1_AbC'\nclients = ['web', 'app']".into(),
            Issuer::cognito("eu-central-1_AbC", ["web", "app"]),
        ),
        ("preset = 'google'\nsubjects = ['1', '2']".into(), Issuer::google(["1", "2"])),
        ("preset = 'zitadel'\ndomain = 'id.example.com:8443'".into(), Issuer::zitadel("id.example.com:8443")),
        (
            "preset = 'kubernetes'\nissuer = 'https://kubernetes.default.svc'".into(),
            Issuer::kubernetes("https://kubernetes.default.svc"),
        ),
        (
            format!("preset = 'auth0'\ndomain = 'shop.eu.auth0.com'\njwks_url = '{url}'"),
            Issuer::auth0("shop.eu.auth0.com").map(|issuer| issuer.keys_from(RemoteKeys::at(url).unwrap())),
        ),
    ];
    for (settings, issuer) in cases {
        let document = format!("audience = 'a'\n[[issuers]]\n{settings}");
        assert_same(config(&document).builder(), Ok(ResourceServer::builder("a").trust(issuer.unwrap())));
    }
    let short = config("audience = 'a'\nissuers = ['https://one.example.com', 'https://two.example.com']");
    let both = ["https://one.example.com", "https://two.example.com"].map(|issuer| Issuer::discover(issuer).unwrap());
    let [one, two] = both;
    assert_same(short.builder(), Ok(ResourceServer::builder("a").trust(one).trust(two)));
}

/// Both make the same server, or the builder's first error is among the problems.
#[track_caller]
fn assert_same(data: Result<Builder<Trusting>, Problems>, code: Result<Builder<Trusting>, ConfigError>) {
    let server = |server: &ResourceServer| {
        let metadata = server.metadata().map(|metadata| metadata.json().clone());
        (format!("{server:?}"), metadata, server.token_cache_status())
    };
    let code = code.and_then(|builder| Ok((format!("{builder:?}"), builder.build()?)));
    match (data, code) {
        (Ok(builder), Ok((debug, built))) => {
            // The builder shows where keys come from, the server every rule.
            assert_eq!(format!("{builder:?}"), debug);
            assert_eq!(server(&builder.build().unwrap()), server(&built));
        }
        (Err(problems), Err(error)) => {
            let sentence = error.to_string();
            assert!(problems.iter().any(|problem| problem.message() == sentence), "{problems} without {sentence}");
        }
        (data, code) => panic!("{data:?}, but {code:?}"),
    }
}

/// One issuer among those that both are told of.
#[derive(Clone, Debug)]
struct Drawn {
    identifier: &'static str,
    jwks_url: Option<&'static str>,
    audiences: Vec<&'static str>,
    clients: Option<Vec<&'static str>>,
    subjects: Option<Vec<&'static str>>,
    algorithms: Option<Vec<Algorithm>>,
}

impl Drawn {
    fn any() -> impl Strategy<Value = Self> {
        let identifiers =
            ["https://one.example.com", "https://two.example.com/", "http://three.example.com", "four", ""];
        let urls = ["https://keys.example.com/jwks", "http://keys.example.com", "keys"];
        let texts = || prop::collection::vec(prop::sample::select(&["a", "b c", "", "\u{e9}"][..]), 0..3);
        let algorithms = prop::collection::vec(prop::sample::select(Algorithm::ALL), 0..3);
        let url = prop::option::weighted(0.5, prop::sample::select(urls.to_vec()));
        (
            prop::sample::select(identifiers.to_vec()),
            url,
            texts(),
            prop::option::weighted(0.3, texts()),
            prop::option::weighted(0.3, texts()),
            prop::option::weighted(0.3, algorithms),
        )
            .prop_map(|(identifier, jwks_url, audiences, clients, subjects, algorithms)| Self {
                identifier,
                jwks_url,
                audiences,
                clients,
                subjects,
                algorithms,
            })
    }

    fn as_data(&self) -> Value {
        let Self { identifier, jwks_url, audiences, clients, subjects, algorithms } = self;
        let names = algorithms.as_ref().map(|these| these.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>());
        let audiences = Some(audiences).filter(|audiences| !audiences.is_empty());
        without_null(json!({
            "issuer": identifier, "jwks_url": jwks_url, "audiences": audiences, "clients_instead_of_audience": clients,
            "subjects": subjects, "algorithms": names,
        }))
    }

    fn as_code(&self) -> Result<Issuer, ConfigError> {
        let mut issuer = match self.jwks_url {
            Some(url) => Issuer::jwks(self.identifier, url)?,
            None => Issuer::discover(self.identifier)?,
        };
        for audience in &self.audiences {
            issuer = issuer.audience(*audience);
        }
        if let Some(clients) = &self.clients {
            issuer = issuer.clients_instead_of_audience(clients.iter().copied());
        }
        if let Some(subjects) = &self.subjects {
            issuer = issuer.subjects(subjects.iter().copied());
        }
        if let Some(algorithms) = &self.algorithms {
            issuer = issuer.algorithms(algorithms.iter().copied());
        }
        Ok(issuer)
    }
}

fn without_null(settings: Value) -> Value {
    let Value::Object(settings) = settings else { return settings };
    settings.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

proptest! {
    /// Nothing that a builder refuses is accepted as data, nothing that it accepts is refused, and what both make is
    /// the same.
    #[test]
    fn data_and_code_agree(
        audience in prop::sample::select(vec!["https://api.example.com", "api", "", "\u{e9}"]),
        realm in prop::option::weighted(0.3, prop::sample::select(vec!["", "API", "\u{e9}"])),
        leeway in prop::option::weighted(0.3, prop::sample::select(vec![0, 60, 61, u64::MAX])),
        strict in any::<bool>(),
        cache in prop::option::weighted(0.3, any::<bool>()),
        resource in prop::option::weighted(0.3, prop::sample::select(vec!["https://api.example.com/x", "x"])),
        scopes in prop::option::weighted(0.3, prop::sample::select(vec!["a", "", "a b", "offline_access"])),
        issuers in prop::collection::vec(Drawn::any(), 1..4),
    ) {
        let metadata = (resource.is_some() || scopes.is_some())
            .then(|| without_null(json!({ "resource": resource, "scopes_supported": scopes.map(|scope| [scope]) })));
        let data: Config = serde_json::from_value(without_null(json!({
            "audience": audience, "realm": realm, "leeway": leeway, "token_cache": cache, "metadata": metadata,
            "profile": if strict { "rfc9068" } else { "generic" },
            "issuers": issuers.iter().map(Drawn::as_data).collect::<Vec<_>>(),
        })))
        .unwrap();
        let code = || {
            let mut trusted = issuers.iter().map(Drawn::as_code).collect::<Result<Vec<_>, _>>()?.into_iter();
            let builder = ResourceServer::builder(audience).trust(trusted.next().unwrap());
            let mut builder = trusted.fold(builder, Builder::trust);
            if let Some(realm) = realm {
                builder = builder.realm(realm);
            }
            if let Some(seconds) = leeway {
                builder = builder.leeway(Duration::from_secs(seconds));
            }
            if cache == Some(false) {
                builder = builder.token_cache(TokenCache::off());
            }
            if strict {
                builder = builder.profile(Profile::Rfc9068);
            }
            if metadata.is_some() {
                let mut metadata = Metadata::new();
                if let Some(resource) = resource {
                    metadata = metadata.resource(resource);
                }
                if let Some(scope) = scopes {
                    metadata = metadata.scopes_supported([scope]);
                }
                builder = builder.metadata(metadata);
            }
            Ok(builder)
        };
        assert_same(data.builder(), code());
    }
}

/// The dozen, each found in the presence of all others, in the order of the document.
#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let document = r#"
        realm = "Beispiel für alle"
        leway = 10
        leeway = 90
        profile = "rfc9086"
        audience = ""
        [metadata]
        resource = "http://api.example.com"
        scopes_supported = ["read", "offline_access", 3]
        [[issuers]]
        issuer = "https://login.example.com"
        algorithms = ["ES256", "HS256", "none", "RS257"]
        [[issuers]]
        preset = "keycloak"
        base_url = "https://user:secret@id.example.com"
        realm = "a/b"
        subjects = []
        [[issuers]]
        issuer = "https://login.example.com"
    "#;
    let expected = [
        r#"realm: the realm "Beispiel für alle" is not printable ASCII"#,
        "leway: not a setting; did you mean leeway?",
        "leeway: a leeway of 90s, where 60 s are the most",
        r#"profile: the text "rfc9086", where "generic" or "rfc9068" is expected; did you mean "rfc9068"?"#,
        r#"audience: the audience "" is empty or not printable ASCII"#,
        r#"metadata.resource: the resource "http://api.example.com" has metadata, and its identifier will not do: the scheme is not https, and http is for this machine only"#,
        r#"metadata.scopes_supported[1]: the metadata names the scope "offline_access", which is no scope of a resource"#,
        "metadata.scopes_supported[2]: the number 3, where a text is expected",
        r#"issuers[0].algorithms[1]: "HS256" is not a supported signature algorithm: whoever has the secret to verify tokens with can make them"#,
        r#"issuers[0].algorithms[2]: "none" is not a supported signature algorithm: anybody can write a token that nobody signs"#,
        r#"issuers[0].algorithms[3]: "RS257" is not a supported signature algorithm; did you mean RS256?"#,
        r#"issuers[1].base_url: the issuer "https://…@id.example.com": the URL has a user name or a password"#,
        r#"issuers[1].realm: the realm of Keycloak "a/b" is not made of letters, digits, '-', '.', '_' and '~'"#,
        r#"issuers[1].subjects: the issuer "issuers[1]" may have no subject at all"#,
        r#"issuers[2]: the issuer "https://login.example.com" is trusted twice"#,
    ];
    let found = config(document).build().unwrap_err();
    assert_eq!(lines(&found), expected);
    assert_eq!(found.to_string(), expected.join("\n"));
    assert_eq!(found.iter().len(), expected.len());
    assert_eq!(found.iter().next().unwrap().path(), "realm");
}

/// A mistake neither causes another problem nor hides behind one.
#[track_caller]
fn assert_alone(document: &str, expected: &str) {
    assert_eq!(problems(document), [expected], "{document}");
}

#[test]
fn every_mistake_of_the_server_alone_is_one_problem() {
    let issuers = r#"issuers = ["https://login.example.com"]"#;
    assert_alone(issuers, "audience: missing, where the identifier of this server is expected");
    assert_alone(&format!("audience = 3\n{issuers}"), "audience: the number 3, where a text is expected");
    assert_alone(&format!("audience = ['a']\n{issuers}"), "audience: a list, where a text is expected");
    assert_alone(
        &format!("audience = ''\n{issuers}\nmetadata = true"),
        r#"audience: the audience "" is empty or not printable ASCII"#,
    );
    assert_alone("audience = 'a'", "issuers: missing, where a list of issuers is expected");
    assert_alone("audience = 'a'\nissuers = []", "issuers: empty, where at least one issuer is expected");
    assert_alone(
        "audience = 'a'\nissuers = 'https://login.example.com'",
        r#"issuers: the text "https://login.example.com", where a list of issuers is expected"#,
    );
    assert_alone(
        "audience = 'a'\n[issuers]\nissuer = 'https://a.example'",
        "issuers: a table, where a list of issuers is expected",
    );
    assert_alone("audience = 'a'\nissuers = [true]", "issuers[0]: true, where an identifier or a table is expected");

    let server =
        |settings: &str, expected: &str| assert_alone(&format!("audience = 'a'\n{issuers}\n{settings}"), expected);
    server("realm = false", "realm: false, where a text is expected");
    server("realm = 'é'", r#"realm: the realm "é" is not printable ASCII"#);
    server("profile = 1.5", r#"profile: the number 1.5, where "generic" or "rfc9068" is expected"#);
    server("profile = 'strict'", r#"profile: the text "strict", where "generic" or "rfc9068" is expected"#);
    server("leeway = '10'", r#"leeway: the text "10", where a whole number of seconds, at most 60, is expected"#);
    server("leeway = -1", "leeway: the number -1, where a whole number of seconds, at most 60, is expected");
    server("leeway = 0.5", "leeway: the number 0.5, where a whole number of seconds, at most 60, is expected");
    server("leeway = 61", "leeway: a leeway of 61s, where 60 s are the most");
    server("token_cache = 'off'", r#"token_cache: the text "off", where a table, true or false is expected"#);
    server("token_cache = 0", "token_cache: the number 0, where a table, true or false is expected");
    server("token_cache.entries = -1", "token_cache.entries: the number -1, where a whole number is expected");
    server("token_cache.entrie = 1", "token_cache.entrie: not a setting; did you mean entries?");
    server("token_cache.ttl = 1", "token_cache.ttl: not a setting; there are entries, bytes");
    server("metadata = 'x'", r#"metadata: the text "x", where a table, true or false is expected"#);
    server(
        "metadata = true",
        r#"metadata.resource: the resource "a" has metadata, and its identifier will not do: the text is not an absolute URL"#,
    );
    let metadata = |settings: &str, expected: &str| {
        server(&format!("[metadata]\nresource = 'https://api.example.com'\n{settings}"), expected);
    };
    metadata(
        "scopes_supported = 'a b'",
        r#"metadata.scopes_supported: the text "a b", where a list of texts is expected"#,
    );
    metadata(
        "scopes_supported = ['a b']",
        r#"metadata.scopes_supported[0]: the metadata names the scope "a b", which is no scope of a resource"#,
    );
    for parameter in ["resource_signing_alg_values_supported", "dpop_signing_alg_values_supported"] {
        metadata(
            &format!("{parameter} = ['ES256', 'none']"),
            &format!("metadata.{parameter}[1]: the metadata names the algorithm none, with which nothing is signed"),
        );
    }
    metadata("resource_name = 1", "metadata.resource_name: the number 1, where a text is expected");
    metadata("'resource_name#fr' = 1", r#"metadata."resource_name#fr": the number 1, where a text is expected"#);
    metadata("resouce_name = 'x'", "metadata.resouce_name: not a setting; did you mean resource_name?");
    metadata(
        "dpop_bound_access_tokens_required = 1",
        "metadata.dpop_bound_access_tokens_required: the number 1, where true or false is expected",
    );
    let [own] =
        &problems(&format!("audience = 'https://a.example'\n{issuers}\nmetadata.authorization_servers = []"))[..]
    else {
        panic!("one problem")
    };
    assert!(own.starts_with("metadata.authorization_servers: not a setting; there are resource, "), "{own}");
}

/// A mistake in the table of the only issuer.
#[track_caller]
fn assert_alone_in_table(settings: &str, expected: &str) {
    assert_alone(&format!("audience = 'a'\n[[issuers]]\n{settings}"), expected);
}

#[test]
fn every_mistake_of_an_issuer_alone_is_one_problem() {
    assert_alone_in_table("", "issuers[0].issuer: missing, where an identifier, or else a preset is expected");
    assert_alone_in_table(
        "domain = 'shop.example.com'",
        "issuers[0].issuer: missing, where an identifier, or else a preset is expected",
    );
    assert_alone_in_table("issuer = ''", r#"issuers[0].issuer: the issuer "": the text is not an absolute URL"#);
    assert_alone_in_table("issuer = ''\njwks_file = 'x'", "issuers[0].issuer: an issuer has an empty identifier");
    assert_alone_in_table(
        "issuer = 'https://a.example?b'",
        r#"issuers[0].issuer: the issuer "https://a.example?…": the URL has a query"#,
    );
    assert_alone_in_table(
        "issuer = 'x'\njwks_url = 'http://keys.example.com'",
        r#"issuers[0].jwks_url: the JWKS URL "http://keys.example.com": the scheme is not https, and http is for this machine only"#,
    );
    assert_alone_in_table("issuer = 'x'\njwks_url = 1", "issuers[0].jwks_url: the number 1, where a text is expected");
    assert_alone_in_table(
        "issuer = 'x'\njwks_file = 1",
        "issuers[0].jwks_file: the number 1, where a text is expected",
    );
    assert_alone_in_table(
        "issuer = 'x'\njwks_url = 'https://keys.example.com'\njwks_file = 'x'",
        "issuers[0].jwks_file: beside jwks_url, where one of the two is expected",
    );
    let issuer = |settings: &str, expected: &str| {
        assert_alone_in_table(&format!("issuer = 'https://login.example.com'\n{settings}"), expected);
    };
    issuer(
        "audiences = []",
        "issuers[0].audiences: empty, where at least one audience is expected, or else no such setting",
    );
    issuer("audiences = 'b'", r#"issuers[0].audiences: the text "b", where a list of texts is expected"#);
    issuer("audiences = ['b', '']", r#"issuers[0].audiences[1]: the audience "" is empty or not printable ASCII"#);
    issuer(
        "clients_instead_of_audience = []",
        r#"issuers[0].clients_instead_of_audience: the issuer "https://login.example.com" is to name its clients instead of an audience, and there are none"#,
    );
    issuer(
        "clients_instead_of_audience = ['']",
        r#"issuers[0].clients_instead_of_audience[0]: a client of the issuer "https://login.example.com" has an empty identifier"#,
    );
    issuer(
        "subjects = []",
        r#"issuers[0].subjects: the issuer "https://login.example.com" may have no subject at all"#,
    );
    issuer(
        "algorithms = []",
        r#"issuers[0].algorithms: the issuer "https://login.example.com" may use no algorithm at all"#,
    );
    issuer("algorithms = [1]", "issuers[0].algorithms[0]: the number 1, where a text is expected");
    issuer(
        "algorithms = ['es256']",
        r#"issuers[0].algorithms[0]: "es256" is not a supported signature algorithm; did you mean ES256?"#,
    );
    issuer(
        "algorithms = ['NONE']",
        r#"issuers[0].algorithms[0]: "NONE" is not a supported signature algorithm: anybody can write a token that nobody signs"#,
    );
    issuer(
        "domain = 'x'",
        "issuers[0].domain: not a setting; there are preset, issuer, jwks_url, jwks_file, audiences, clients_instead_of_audience, subjects, algorithms",
    );
}

#[test]
fn every_mistake_of_a_preset_alone_is_one_problem() {
    assert_alone_in_table(
        "preset = 'keyclock'\nbase_url = 'https://id.example.com'\nrealm = 'shop'",
        r#"issuers[0].preset: the text "keyclock", where "keycloak" or "auth0" or "entra" or "entra_tenants" or "entra_v1" or "okta" or "cognito" or "google" or "zitadel" or "kubernetes" is expected; did you mean "keycloak"?"#,
    );
    assert_alone_in_table("preset = 'auth0'", "issuers[0].domain: missing, where a text is expected");
    assert_alone_in_table("preset = 'auth0'\ndomain = 1", "issuers[0].domain: the number 1, where a text is expected");
    assert_alone_in_table(
        "preset = 'auth0'\ndomain = 'x'",
        r#"issuers[0].domain: the domain of Auth0 "x" is not a domain in lower case, without scheme and slash"#,
    );
    assert_alone_in_table(
        "preset = 'auth0'\ndomain = 'shop.example.com'\nissuer = 'https://login.example.com'",
        "issuers[0].issuer: not a setting; there are preset, jwks_url, jwks_file, domain, audiences, clients_instead_of_audience, subjects, algorithms",
    );
    assert_alone_in_table(
        "preset = 'entra_tenants'\ntenants = []",
        r#"issuers[0].tenants: the list of Entra tenants "" is not a list of at least one"#,
    );
    assert_alone_in_table(
        "preset = 'entra_tenants'\ntenants = ['1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a', 'common']",
        r#"issuers[0].tenants[1]: the tenant of Entra "common" is not a GUID in lower case, but stands for any tenant: set the GUID of yours, or several with entra_tenants"#,
    );
    assert_alone_in_table(
        "preset = 'cognito'\npool = 'eu-central-1_AbC'\nclients = []",
        r#"issuers[0].clients: the issuer "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC" is to name its clients instead of an audience, and there are none"#,
    );
    assert_alone_in_table(
        "preset = 'cognito'\npool = 'eu-central-1_AbC'\nclients = ['web', '']",
        r#"issuers[0].clients[1]: a client of the issuer "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC" has an empty identifier"#,
    );
    assert_alone_in_table(
        "preset = 'google'\nsubjects = []",
        r#"issuers[0].subjects: the issuer "https://accounts.google.com" may have no subject at all"#,
    );
    assert_alone_in_table(
        "preset = 'google'\nsubjects = ['1', 'worker@shop.example']",
        r#"issuers[0].subjects[1]: the subject at Google "worker@shop.example" is not the unique identifier of an account, a number"#,
    );
    assert_alone_in_table(
        "preset = 'kubernetes'\nissuer = 'kubernetes'",
        r#"issuers[0].issuer: the issuer "kubernetes": the text is not an absolute URL"#,
    );
}

#[test]
fn what_is_set_twice_or_to_nothing_is_a_problem() {
    let json = |text: &str| lines(&serde_json::from_str::<Config>(text).unwrap().build().unwrap_err());
    let issuers = r#""issuers": ["https://login.example.com"]"#;
    assert_eq!(json(&format!(r#"{{"audience": "a", "audience": "b", {issuers}}}"#)), ["audience: set twice"]);
    let nothing = "realm: nothing, where a text is expected";
    assert_eq!(json(&format!(r#"{{"audience": "a", "realm": null, {issuers}}}"#)), [nothing]);
    for root in ["[]", "null", "1", r#""a""#] {
        let problems = serde_json::from_str::<Config>(root).unwrap().build().unwrap_err();
        assert!(problems.to_string().ends_with(", where a table of settings is expected"), "{problems}");
    }
}

/// A password in a URL, and what an unknown setting holds, which may be a secret of somebody else's.
#[test]
fn secrets_are_not_told() {
    let document = r#"
        audience = "a"
        api_key = "secret"
        issuers = [
            "https://user:secret@login.example.com",
            { issuer = "x", jwks_url = "https://user:secret@keys.example.com" },
            { issuer = "y", jwks_url = "https://user:sec/ret@keys.example.com" },
            { preset = "keycloak", base_url = "https://user:secret@id.example.com", realm = "x" },
            { preset = "auth0", domain = "user:secret@shop.example.com" },
        ]
        metadata.resource = "https://user:secret@api.example.com"
        leeway = "https://user:secret@leeway.example.com"
    "#;
    let config = config(document);
    assert!(!format!("{config:?}").contains("secret"), "{config:?}");
    let problems = config.build().unwrap_err();
    assert_eq!(problems.iter().len(), 8);
    let told = format!("{problems} {problems:?}");
    assert!(!told.contains("secret") && !told.contains("sec/"), "{problems}");
    assert!(problems.to_string().contains(r#""https://…@keys.example.com""#), "{problems}");
}

/// So `serde_json` hands numbers out if any crate in the build switches its `arbitrary_precision` on.
#[test]
fn a_number_is_a_number_however_serde_json_hands_it_out() {
    let leeway = |leeway: &str| {
        let number = json!({ "$serde_json::private::Number": leeway });
        let settings = json!({ "audience": "a", "issuers": ["https://login.example.com"], "leeway": number });
        serde_json::from_value::<Config>(settings).unwrap().build().map(drop).map_err(|problems| problems.to_string())
    };
    assert_eq!(leeway("10"), Ok(()));
    let refused = |leeway: &str| format!("leeway: {leeway}, where a whole number of seconds, at most 60, is expected");
    for (written, told) in [("-1", "-1"), ("10.0", "10.0"), ("1e1", "10.0")] {
        assert_eq!(leeway(written), Err(refused(&format!("the number {told}"))));
    }
    assert_eq!(leeway("61"), Err("leeway: a leeway of 61s, where 60 s are the most".to_owned()));
    assert_eq!(leeway("ten"), Err(refused("a table")));
}

#[test]
fn what_is_larger_or_deeper_than_any_configuration_is_not_read() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let read = |text: &str| serde_json::from_str::<Config>(text).map_err(|error| error.to_string());
    assert!(read(&format!(r#"{{"a": {}}}"#, nested(7))).is_ok());
    assert!(read(&format!(r#"{{"a": {}}}"#, nested(8))).unwrap_err().contains("more than 8 values deep"));
    let text = |length| format!(r#"{{"a": "{}"}}"#, "x".repeat(length));
    assert!(read(&text(1024 * 1024 - 3)).is_ok());
    assert!(read(&text(1024 * 1024 - 2)).unwrap_err().contains("more than 1048576 octets"));
    let many = format!("[{}1]", "1,".repeat(1024 * 1024));
    assert!(read(&many).unwrap_err().contains("more than 1048576 octets"));

    // The names of variables go no deeper, and numbers in them make no lists of millions.
    let name = format!("API_{}", "A__".repeat(10_000));
    assert!(Config::from_vars("API_", [(name, "x")]).build().is_err());
    assert!(Config::from_vars("API_", [("API_ISSUERS__18446744073709551615", "x")]).build().is_err());
}

#[tokio::test]
async fn variables_are_read_as_their_settings_want_them() {
    let issuer = small_issuer();
    let variables = [
        ("API_AUDIENCE", AUDIENCE),
        ("API_ISSUERS__0__ISSUER", issuer.url()),
        ("API_ISSUERS__0__ALGORITHMS", "RS256  ES256"),
        ("API_ISSUERS__0__SUBJECTS__0", "alice liddell"),
        ("API_ISSUERS__0__SUBJECTS__1", "bob"),
        ("API_ISSUERS__1", "https://login.example.com"),
        ("API_LEEWAY", "0"),
        ("API_PROFILE", "rfc9068"),
        ("API_TOKEN_CACHE", "off"),
        ("API_METADATA__SCOPES_SUPPORTED", "a b"),
        ("API_METADATA__DPOP_BOUND_ACCESS_TOKENS_REQUIRED", "false"),
        ("API", "not ours"),
        ("OTHER_API_REALM", "not ours"),
    ];
    let api = Config::from_vars("API_", variables).build().unwrap();
    let token = |subject: &str| good(&issuer).subject(subject);
    api.verify(&token("alice liddell").sign()).await.unwrap();
    api.verify(&token("bob").sign()).await.unwrap();
    api.verify(&token("alice").sign()).await.unwrap_err();
    api.verify(&token("bob").expired_for(Duration::from_secs(5)).sign()).await.unwrap_err();
    api.verify(&token("bob").header("typ", "JWT").sign()).await.unwrap_err();
    assert_eq!((api.status().len(), api.token_cache_status()), (2, None));
    let metadata: Value = serde_json::from_slice(api.metadata().unwrap().json()).unwrap();
    assert_eq!(metadata["scopes_supported"], json!(["a", "b"]));
    assert_eq!(metadata["dpop_bound_access_tokens_required"], false);
    assert_eq!(metadata["authorization_servers"], json!([issuer.url(), "https://login.example.com"]));
    let realm = send(&app(&api), "/any", []).await;
    assert!(realm.challenge().unwrap().starts_with(r#"Bearer realm="https://api.example.test""#));

    for (value, is_on) in [("on", true), ("true", true), ("off", false), ("false", false)] {
        let variables = [("API_AUDIENCE", "a"), ("API_ISSUERS", "https://a.example"), ("API_TOKEN_CACHE", value)];
        let api = Config::from_vars("API_", variables).build().unwrap();
        assert_eq!(api.token_cache_status().is_some(), is_on, "{value}");
    }
}

#[test]
fn mistakes_in_variables() {
    let good = [
        ("API_AUDIENCE", "https://api.example.com"),
        ("API_ISSUERS", "https://one.example.com https://two.example.com"),
    ];
    let with = |name, value| problems_of_vars(&[&good[..], &[(name, value)]].concat());
    for odd in ["+1", "-1", " 1", "1 s", "1.0", "", "ten", "99999999999999999999"] {
        let expected =
            format!("leeway (API_LEEWAY): the text {odd:?}, where a whole number of seconds, at most 60, is expected");
        assert_eq!(with("API_LEEWAY", odd), [expected]);
    }
    assert_eq!(with("API_LEEWAY", "61"), ["leeway (API_LEEWAY): a leeway of 61s, where 60 s are the most"]);
    assert_eq!(
        with("API_METADATA", "yes"),
        [r#"metadata (API_METADATA): the text "yes", where a table, true or false is expected"#]
    );
    assert_eq!(
        with("API_KEY", "secret"),
        ["key (API_KEY): not a setting; there are audience, issuers, realm, profile, leeway, token_cache, metadata"]
    );
    // What is set by itself and part by part, in either order, is set twice.
    assert_eq!(
        with("API_ISSUERS__0__ISSUER", "https://other.example.com"),
        ["issuers (API_ISSUERS, API_ISSUERS__0__ISSUER): set twice"]
    );
    assert_eq!(with("API_Audience", "b"), ["audience (API_AUDIENCE, API_Audience): set twice"]);

    // Numbers leave nothing out, and none is there twice.
    let table = |name, value| {
        problems_of_vars(&[good[0], ("API_ISSUERS__0__ISSUER", "https://one.example.com"), (name, value)])
    };
    assert_eq!(
        table("API_ISSUERS__2", "https://two.example.com"),
        [
            "issuers[1] (API_ISSUERS__1): nothing, where an identifier or a table is expected; elements are numbered from 0 without a gap"
        ]
    );
    assert_eq!(
        table("API_ISSUERS__0", "https://two.example.com"),
        ["issuers (API_ISSUERS__0, API_ISSUERS__0__ISSUER): a table, where a list of issuers is expected"]
    );
    assert_eq!(
        table("API_ISSUERS__01", "https://two.example.com"),
        [
            "issuers (API_ISSUERS__01, API_ISSUERS__0__ISSUER): a table, where a list of issuers is expected; elements are numbered from 0 to 999, without leading zeros"
        ]
    );
    // An empty list is no list that was left out.
    assert_eq!(
        table("API_ISSUERS__0__AUDIENCES", ""),
        [
            "issuers[0].audiences (API_ISSUERS__0__AUDIENCES): empty, where at least one audience is expected, or else no such setting"
        ]
    );
    for (name, path) in
        [("API_ISSUERS__0__SUBJECTS", "issuers[0].subjects"), ("API_ISSUERS__0__ALGORITHMS", "issuers[0].algorithms")]
    {
        let [problem] = &table(name, " ")[..] else { panic!("one problem") };
        assert!(problem.starts_with(&format!("{path} ({name}): ")), "{problem}");
    }
    assert_eq!(
        problems_of_vars(&[good[0], ("API_ISSUERS", "")]),
        ["issuers (API_ISSUERS): empty, where at least one issuer is expected"]
    );
    assert_eq!(
        problems_of_vars(&[good[0], ("API_ISSUERS", "https://a.example https://a.example")]),
        [r#"issuers[1] (API_ISSUERS): the issuer "https://a.example" is trusted twice"#]
    );
}

/// Names of variables have a case on some systems and none on others.
#[test]
fn a_prefix_is_found_in_any_case() {
    let variables = [("api_AUDIENCE", "a"), ("Api_Issuers", "https://a.example"), ("API_leeway", "61")];
    assert_eq!(problems_of_vars(&variables), ["leeway (API_leeway): a leeway of 61s, where 60 s are the most"]);
    let twice = [("api_AUDIENCE", "a"), ("API_AUDIENCE", "a"), ("API_ISSUERS", "https://a.example")];
    assert_eq!(problems_of_vars(&twice), ["audience (API_AUDIENCE, api_AUDIENCE): set twice"]);
    // A prefix that ends within a character of a name is none of it.
    assert!(Config::from_vars("A", [("\u{e9}", "x"), ("A", "x")]).build().is_err());
}

#[test]
fn problems_name_the_variable() {
    let variables = [
        ("API_AUDIENCE", "a"),
        ("API_ISSUERS__0__ISSUER", "http://a.example"),
        ("API_ISSUERS__1__PRESET", "auth0"),
        ("API_ISSUERS__2__ISSUER", "https://b.example"),
        ("API_ISSUERS__2__ALGORITHMS", "ES256 HS256"),
    ];
    let problems = Config::from_vars("API_", variables).build().unwrap_err();
    let found: Vec<_> = problems.iter().map(|problem| (problem.path(), problem.variables().unwrap())).collect();
    let expected = [
        ("issuers[0].issuer", "API_ISSUERS__0__ISSUER"),
        ("issuers[1].domain", "API_ISSUERS__1__DOMAIN"),
        ("issuers[2].algorithms[1]", "API_ISSUERS__2__ALGORITHMS"),
    ];
    assert_eq!(found, expected);
    assert!(problems.to_string().starts_with("issuers[0].issuer (API_ISSUERS__0__ISSUER): the issuer "), "{problems}");
    assert_eq!(
        problems_of_vars(&[("API_ISSUERS", "https://a.example")]),
        ["audience (API_AUDIENCE): missing, where the identifier of this server is expected"]
    );
    let data = config("issuers = ['https://a.example']").build().unwrap_err();
    assert!(data.iter().all(|problem| problem.variables().is_none()), "{data}");
}

#[test]
fn a_placeholder_in_an_argument_of_a_preset_is_told_where_it_stands() {
    let keycloak = |value| {
        [
            ("API_AUDIENCE", "a"),
            ("API_ISSUERS__0__PRESET", "keycloak"),
            ("API_ISSUERS__0__REALM", "shop"),
            ("API_ISSUERS__0__BASE_URL", value),
        ]
    };
    assert!(Config::from_vars("API_", keycloak("https://id.example.com")).build().is_ok());
    assert_eq!(
        problems_of_vars(&keycloak("https://${HOST}")),
        [
            "issuers[0].base_url (API_ISSUERS__0__BASE_URL): the base_url \"https://${HOST}\" has a placeholder in it that was not filled in"
        ]
    );
}

#[test]
fn a_number_that_is_none_of_an_element_is_told_which_are() {
    for number in ["00", "01", "1000", "99999999999999999999"] {
        let name = format!("API_ISSUERS__{number}");
        assert_eq!(
            problems_of_vars(&[("API_AUDIENCE", "a"), (&name, "https://a.example")]),
            [format!(
                "issuers ({name}): a table, where a list of issuers is expected; elements are numbered from 0 to 999, without leading zeros"
            )]
        );
    }
}

#[test]
fn the_name_of_a_variable_forges_no_line_of_a_log() {
    for name in ["API_\u{1b}[31m\nERROR", "API_ISSUERS_0_\u{1b}[31m\nERROR", "API_\u{202e}x", "API_a=b\r"] {
        let name = format!("{name}{}", "x".repeat(5000));
        for problem in problems_of_vars(&[("API_AUDIENCE", "a"), ("API_ISSUERS", "https://a.example"), (&name, "x")]) {
            assert!(!problem.contains(|it: char| it.is_control() || it == '\u{202e}'), "{problem:?}");
            assert!(problem.chars().count() < 1000, "{problem:?}");
        }
    }
}

#[test]
fn what_is_almost_the_name_of_a_variable_is_told_which_it_is() {
    let with = |name, value| problems_of_vars(&[("API_AUDIENCE", "a"), (name, value)]);
    let from_0 = "; elements are numbered from 0 without a gap";
    assert_eq!(
        with("API_ISSUERS__1__ISSUER", "https://a.example"),
        [format!("issuers[0] (API_ISSUERS__0): nothing, where an identifier or a table is expected{from_0}")]
    );
    for (name, place) in [
        ("API_ISSUERS_0_ISSUER", "issuers_0_issuer"),
        ("API_ISSUERS_0__ISSUER", "issuers_0"),
        ("API_ISSUERS_0", "issuers_0"),
    ] {
        let found = with(name, "https://a.example");
        let expected = [
            format!(
                "{place} ({name}): not a setting; did you mean {}, with two underscores?",
                place.to_uppercase().replace('_', "__")
            ),
            "issuers (API_ISSUERS): missing, where a list of issuers is expected".to_owned(),
        ];
        assert_eq!(BTreeSet::from_iter(found), BTreeSet::from_iter(expected), "{name}");
    }
    assert_eq!(
        with("API_ISSUERS__0_ISSUER", "https://a.example"),
        [
            "issuers (API_ISSUERS__0_ISSUER): a table, where a list of issuers is expected; there are two underscores on either side of a number"
        ]
    );
    let issuers = ("API_ISSUERS", "https://a.example");
    assert_eq!(
        problems_of_vars(&[("API_AUDIENCE", "a"), issuers, ("API_TOKEN_CACHE_ENTRIES", "5")]),
        [
            "token_cache_entries (API_TOKEN_CACHE_ENTRIES): not a setting; did you mean TOKEN_CACHE__ENTRIES, with two underscores?"
        ]
    );
    // In a file there is nothing to be said of underscores.
    assert_eq!(
        problems("audience = 'a'\nissuers = ['https://a.example']\ntoken_cache_entries = 5"),
        [
            "token_cache_entries: not a setting; there are audience, issuers, realm, profile, leeway, token_cache, metadata"
        ]
    );
}

#[test]
fn a_list_in_a_variable_has_spaces_and_no_commas() {
    let told = "where words with spaces between them are expected, and no commas; a text with one in it has a variable of its own, with its number";
    for value in ["https://a.example,https://b.example", "https://a.example;https://b.example"] {
        assert_eq!(
            problems_of_vars(&[("API_AUDIENCE", "a"), ("API_ISSUERS", value)]),
            [format!("issuers[0] (API_ISSUERS): the text {value:?}, {told}")]
        );
    }
    assert_eq!(
        problems_of_vars(&[("API_AUDIENCE", "a"), ("API_ISSUERS", "https://a.example, https://b.example")]),
        [format!("issuers[0] (API_ISSUERS): the text \"https://a.example,\", {told}")]
    );
    let issuer = [("API_AUDIENCE", "a"), ("API_ISSUERS__0__ISSUER", "https://a.example")];
    for setting in ["ALGORITHMS", "AUDIENCES", "SUBJECTS", "CLIENTS_INSTEAD_OF_AUDIENCE"] {
        let name = format!("API_ISSUERS__0__{setting}");
        let path = setting.to_lowercase();
        assert_eq!(
            problems_of_vars(&[issuer[0], issuer[1], (&name, "ES256,EdDSA")]),
            [format!("issuers[0].{path}[0] ({name}): the text \"ES256,EdDSA\", {told}")]
        );
    }
    // By itself it may have one.
    let comma = ("API_ISSUERS__0__SUBJECTS__0", "a,b");
    assert!(Config::from_vars("API_", [issuer[0], issuer[1], comma]).build().is_ok());
    assert!(Config::from_vars("API_", [issuer[0], ("API_ISSUERS__0", "https://a.example/b,c")]).build().is_ok());
}

/// What a template, a shell or a list left of an identifier, wherever one stands; and in code, in the same words.
#[test]
fn what_was_not_filled_in_is_a_problem() {
    let oddities = [
        (" ", "is blank"),
        ("b ", "begins or ends with white space"),
        ("\"b\"", "begins or ends with a quotation mark, which would be a part of it"),
        ("${VALUE}", "has a placeholder in it that was not filled in"),
        ("$VALUE", "has a placeholder in it that was not filled in"),
        ("{{ value }}", "has a placeholder in it that was not filled in"),
        ("<value>", "has a placeholder in it that was not filled in"),
    ];
    let at =
        |settings: &str| problems(&format!("audience = 'a'\n[[issuers]]\nissuer = 'https://a.example'\n{settings}"));
    for (value, reason) in oddities {
        let issuers = "issuers = ['https://a.example']";
        assert_eq!(
            problems(&format!("audience = '{value}'\n{issuers}")),
            [format!("audience: the audience {value:?} {reason}")]
        );
        assert_eq!(
            problems(&format!("audience = 'a'\nissuers = ['{value}']")),
            [format!("issuers[0]: the issuer {value:?}: the text is not an absolute URL")]
        );
        for keys in ["jwks_file = 'x'", "jwks_url = 'https://keys.example.com'"] {
            assert_eq!(
                problems(&format!("audience = 'a'\n[[issuers]]\nissuer = '{value}'\n{keys}")),
                [format!("issuers[0].issuer: the issuer {value:?} {reason}")]
            );
        }
        for (setting, what) in
            [("audiences", "audience"), ("subjects", "subject"), ("clients_instead_of_audience", "client")]
        {
            assert_eq!(
                at(&format!("{setting} = ['b', '{value}']")),
                [format!("issuers[0].{setting}[1]: the {what} {value:?} {reason}")]
            );
        }
        assert_eq!(
            at(&format!("jwks_url = '{value}'")),
            [format!("issuers[0].jwks_url: the JWKS URL {value:?}: the text is not an absolute URL")]
        );
        assert_eq!(
            at(&format!("jwks_file = '{value}'")),
            [format!("issuers[0].jwks_file: the file of keys {value:?} {reason}")]
        );

        // The builder says the same.
        let keys = || JwkSet::from_json(small_issuer().jwks().to_string().as_bytes()).unwrap();
        let issuer = || Issuer::discover("https://a.example").unwrap();
        let text = |what: &str| format!("the {what} {value:?} {reason}");
        assert_eq!(Issuer::keys(value, keys()).unwrap_err().to_string(), text("issuer"));
        let built = |builder: Builder<Trusting>| builder.build().unwrap_err().to_string();
        assert_eq!(built(ResourceServer::builder(value).trust(issuer())), text("audience"));
        let trusting = |issuer: Issuer| built(ResourceServer::builder("a").trust(issuer));
        assert_eq!(trusting(issuer().audience(value)), text("audience"));
        assert_eq!(trusting(issuer().subjects([value])), text("subject"));
        assert_eq!(trusting(issuer().clients_instead_of_audience([value])), text("client"));
    }
    assert_eq!(at("subjects = ['']"), [r#"issuers[0].subjects[0]: the subject "" is blank"#]);
    let server = "audience = 'https://a.example'\nissuers = ['https://a.example']";
    // A realm is for people to read.
    assert!(config(&format!("{server}\nrealm = 'Users of <{{shop}}>'")).build().is_ok());
    assert_eq!(
        problems(&format!("{server}\nmetadata.resource = 'https://a.example/${{PATH}}'")),
        [
            r#"metadata.resource: the resource "https://a.example/${PATH}" has a placeholder in it that was not filled in"#
        ]
    );
    assert_eq!(
        problems("audience = 'a'\nissuers = ['https://a.example,https://b.example']"),
        [
            r#"issuers[0]: the issuer "https://a.example,https://b.example" is a list of URLs, where there is one for each setting or element"#
        ]
    );
    // What is still a URL with it.
    for value in ["https://a.example/${PATH}", "https://a.example/$PATH", "https://a.example/{tenant}"] {
        let reason = "has a placeholder in it that was not filled in";
        assert_eq!(
            problems(&format!("audience = 'a'\nissuers = ['{value}']")),
            [format!("issuers[0]: the issuer {value:?} {reason}")]
        );
        assert_eq!(
            at(&format!("jwks_url = '{value}'")),
            [format!("issuers[0].jwks_url: the JWKS URL {value:?} {reason}")]
        );
        assert_eq!(Issuer::discover(value).unwrap_err().to_string(), format!("the issuer {value:?} {reason}"));
        assert_eq!(Issuer::jwks("b", value).unwrap_err().to_string(), format!("the JWKS URL {value:?} {reason}"));
    }
    let common = "https://login.microsoftonline.com/common/v2.0";
    assert_eq!(
        problems(&format!("audience = 'a'\nissuers = ['{common}']")),
        [format!(
            "issuers[0]: the issuer {common:?} is no tenant's: no token names common, organizations or consumers, but the GUID of its tenant"
        )]
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_no_text() {
    use std::os::unix::ffi::OsStringExt;

    let odd = || OsString::from_vec(b"\xff".to_vec());
    let good = [("API_AUDIENCE", "a"), ("API_ISSUERS", "https://a.example")];
    let mut variables: Vec<(OsString, OsString)> = good.map(|(name, value)| (name.into(), value.into())).into();
    variables.push(("OTHER".into(), odd()));
    variables.push((odd(), odd()));
    assert!(Config::from_vars("API_", variables.clone()).build().is_ok());
    variables.push(("API_REALM".into(), odd()));
    let problems = Config::from_vars("API_", variables).build().unwrap_err();
    assert_eq!(lines(&problems), ["realm (API_REALM): a text that is not Unicode, where a text is expected"]);
}

/// What the module's documentation names in its tables, and what the code knows, are the same.
#[test]
fn every_setting_is_documented() {
    let source = fs::read_to_string("src/config/mod.rs").unwrap();
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! | "));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();

    let (presets, settings): (Vec<_>, Vec<_>) = cells.partition(|cells| cells[0].starts_with("[`"));
    let documented: BTreeSet<_> = settings.iter().flat_map(|cells| quoted(cells[0])).collect();
    let mut known = BTreeSet::new();
    // Whoever sets something unheard of is told what there is.
    let mut learn = |document: &str, start: &str| {
        let found = problems(document);
        let names = found.iter().find_map(|line| line.split_once("?\": not a setting; there are ")).expect(document).1;
        known.extend(names.split(", ").map(|name| format!("{start}{name}")));
    };
    learn("'?' = 1", "");
    learn("token_cache.'?' = 1", "token_cache.");
    learn("metadata.'?' = 1", "metadata.");
    learn("issuers = [{ issuer = 'x', '?' = 1 }]", "issuers[].");
    assert_eq!(documented, known);

    let common =
        ["preset", "jwks_url", "jwks_file", "audiences", "clients_instead_of_audience", "subjects", "algorithms"];
    for cells in &presets {
        let preset = quoted(cells[0]).pop_first().unwrap();
        let found = problems(&format!("issuers = [{{ preset = {preset:?}, '?' = 1 }}]"));
        let names = found.iter().find_map(|line| line.split_once("?\": not a setting; there are ")).unwrap().1;
        let names: BTreeSet<_> = names.split(", ").map(str::to_owned).collect();
        let mut arguments = quoted(cells[1].trim_end_matches(" |"));
        if preset == "cognito" {
            assert!(arguments.remove("clients_instead_of_audience") && !names.contains("clients_instead_of_audience"));
        }
        let arguments_known = names.iter().filter(|name| !common.contains(&name.as_str()) || arguments.contains(*name));
        assert_eq!(arguments_known.cloned().collect::<BTreeSet<_>>(), arguments, "{preset}");
    }
    let found = problems("issuers = [{ preset = '' }]");
    let named: BTreeSet<_> = presets.iter().flat_map(|cells| quoted(cells[0])).collect();
    for preset in found.iter().find(|line| line.contains("preset: ")).unwrap().split('"').skip(3).step_by(2) {
        assert!(named.contains(preset), "{preset}");
    }
    assert_eq!(named.len(), 10);
}

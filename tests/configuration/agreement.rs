//! Settings as data and calls of the builder make the same server, or fail with the same error.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tower_bearer::config::{Config, Problems};
use tower_bearer::jose::Algorithm;
use tower_bearer::keys::{KeyFile, RemoteKeys};
use tower_bearer::metadata::Metadata;
use tower_bearer::server::{Builder, ConfigError};
use tower_bearer::validation::Profile;
use tower_bearer::validation::TokenCache;
use tower_bearer::{Issuer, ResourceServer};

use super::config;

/// The same issuers, with the same rules and keys from the same places.
#[test]
fn presets_equal_the_constructors() {
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
        ("preset = 'github_actions'\nrepositories = ['1', '2']".into(), Issuer::github_actions(["1", "2"])),
        (
            "preset = 'github_actions_enterprise'\nissuer = 'https://github.example.com/_services/token'\nrepositories = ['1']".into(),
            Issuer::github_actions_enterprise("https://github.example.com/_services/token", ["1"]),
        ),
        (
            "preset = 'cloudflare_access'\ndomain = 'shop.cloudflareaccess.com'\nclient_as_subject = true".into(),
            Issuer::cloudflare_access("shop.cloudflareaccess.com").map(Issuer::client_as_subject),
        ),
        ("preset = 'google_iap'".into(), Issuer::google_iap()),
        ("preset = 'firebase'\nproject = 'shop-1a2b3'".into(), Issuer::firebase("shop-1a2b3")),
        ("preset = 'supabase'\nproject = 'abc'\naudiences = ['x']".into(), Issuer::supabase("abc").map(|issuer| issuer.audiences(["x"]))),
        (
            "preset = 'supabase_self_hosted'\nissuer = 'https://supabase.example.com/auth/v1'".into(),
            Issuer::supabase_self_hosted("https://supabase.example.com/auth/v1"),
        ),
        (
            "preset = 'authentik'\nbase_url = 'https://id.example.com'\nslug = 'shop'".into(),
            Issuer::authentik("https://id.example.com", "shop"),
        ),
        ("preset = 'ad_fs'\nhost = 'sts.example.com'".into(), Issuer::ad_fs("sts.example.com")),
        ("preset = 'dex'\nissuer = 'https://dex.example.com/dex'".into(), Issuer::dex("https://dex.example.com/dex")),
        ("preset = 'hydra'\nissuer = 'https://hydra.example.com/'".into(), Issuer::hydra("https://hydra.example.com/")),
        (format!("preset = 'entra_external'\ntenant = '{tenant}'"), Issuer::entra_external(tenant)),
        (
            format!("preset = 'azure_b2c'\ndomain = 'shop.b2clogin.com'\ntenant = '{tenant}'\npolicy = 'B2C_1_in'"),
            Issuer::azure_b2c("shop.b2clogin.com", tenant, "B2C_1_in"),
        ),
        (
            format!("preset = 'auth0'\ndomain = 'shop.eu.auth0.com'\njwks_url = '{url}'"),
            Issuer::auth0("shop.eu.auth0.com").map(|issuer| issuer.keys_from(RemoteKeys::at(url).unwrap())),
        ),
        (
            "preset = 'auth0'\ndomain = 'shop.eu.auth0.com'\npersist_keys = 'no/such/file'".into(),
            Issuer::auth0("shop.eu.auth0.com").map(|issuer| issuer.persist_keys("no/such/file")),
        ),
        (
            format!("issuer = 'any'\njwks_url = '{url}'\npersist_keys = 'no/such/file'"),
            Issuer::jwks("any", url).map(|issuer| issuer.persist_keys("no/such/file")),
        ),
        (
            "issuer = 'any'\njwks_file = '/keys'\npersist_keys = 'no/such/file'".into(),
            Issuer::keys("any", KeyFile::new("/keys")).map(|issuer| issuer.persist_keys("no/such/file")),
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
pub(super) fn assert_same(data: Result<Builder, Problems>, code: Result<Builder, ConfigError>) {
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

/// One issuer, as settings and as calls of the builder.
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
            "issuer": identifier, "jwks_url": jwks_url, "audiences": audiences, "identify_by_client": clients,
            "subjects": subjects, "algorithms": names,
        }))
    }

    fn as_code(&self) -> Result<Issuer, ConfigError> {
        let mut issuer = match self.jwks_url {
            Some(url) => Issuer::jwks(self.identifier, url)?,
            None => Issuer::discover(self.identifier)?,
        };
        issuer = issuer.audiences(self.audiences.iter().copied());
        if let Some(clients) = &self.clients {
            issuer = issuer.identify_by_client(clients.iter().copied());
        }
        if let Some(subjects) = &self.subjects {
            issuer = issuer.allow_subjects(subjects.iter().copied());
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
    fn settings_and_builder_agree(
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

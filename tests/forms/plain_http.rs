//! Keys over plain http, in a network that the operator trusts.

use std::net::SocketAddr;

use serde_json::json;
use tower_bearer::config::Config;
use tower_bearer::keys::{RemoteKeys, UrlError};
use tower_bearer::server::ConfigError;
use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::log::logged;
use crate::harness::{AUDIENCE, app, current_thread_runtime, fetches, good, present, small_issuer};

/// A client for which the name `keycloak` leads to this machine, as in a Docker Compose network to another one.
fn client(issuer: &TestIssuer) -> reqwest::Client {
    let address: SocketAddr = issuer.url().strip_prefix("http://").unwrap().parse().unwrap();
    reqwest::Client::builder().no_proxy().resolve("keycloak", address).pool_max_idle_per_host(0).build().unwrap()
}

fn named_keycloak(url: &str) -> String {
    url.replace("127.0.0.1", "keycloak")
}

fn api(issuer: Issuer) -> ResourceServer {
    ResourceServer::builder(AUDIENCE).trust(issuer).build().unwrap()
}

/// Row I5.
#[test]
fn plain_http_from_another_machine_needs_a_switch() {
    let build = |issuer: Issuer| ResourceServer::builder(AUDIENCE).trust(issuer).build().err();
    let issuers = [
        ("http://keycloak:8080/realms/shop", Issuer::keycloak("http://keycloak:8080", "shop").unwrap()),
        ("http://login.example/", Issuer::discover("http://login.example").unwrap()),
        ("http://10.0.0.1/", Issuer::discover("http://10.0.0.1").unwrap()),
        ("http://127.0.0.1.login.example/", Issuer::discover("http://127.0.0.1.login.example").unwrap()),
        ("http://keys.example/jwks", Issuer::jwks("https://login.example", "http://keys.example/jwks").unwrap()),
        ("http://cluster.local/", Issuer::kubernetes("http://cluster.local").unwrap()),
    ];
    for (url, issuer) in issuers {
        assert_eq!(build(issuer.clone()), Some(ConfigError::PlainHttp { url: url.to_owned() }));
        assert_eq!(build(issuer.insecure_http()), None, "{url}");
    }
    // It changes nothing else.
    for (other, reason) in
        [("ftp://login.example", UrlError::Scheme), ("https://u@login.example", UrlError::Credentials)]
    {
        let error = ConfigError::Issuer { value: other.to_owned(), reason };
        assert_eq!(Issuer::discover(other).map(Issuer::insecure_http).err(), Some(error));
    }
    for source in [RemoteKeys::at("http://keys.example/jwks"), RemoteKeys::discover("http://login.example")] {
        assert_eq!(source.err(), Some(UrlError::Scheme));
    }
    assert_eq!(RemoteKeys::insecure_http_at("ftp://keys.example/jwks").err(), Some(UrlError::Scheme));
}

#[test]
fn metadata_names_an_issuer_over_plain_http_where_that_is_allowed() {
    let document = |issuer: Issuer| {
        let server = ResourceServer::builder(AUDIENCE).trust(issuer).metadata(tower_bearer::metadata::Metadata::new());
        let api = server.build().unwrap();
        serde_json::from_slice::<serde_json::Value>(api.metadata().unwrap().json()).unwrap()["authorization_servers"]
            .clone()
    };
    let keycloak = Issuer::keycloak("http://keycloak:8080", "shop").unwrap().insecure_http();
    assert_eq!(document(keycloak), json!(["http://keycloak:8080/realms/shop"]));
    // This is only a name, from which nothing is fetched.
    assert_eq!(document(Issuer::ad_fs("sts.example.com").unwrap()), json!(null));
}

#[tokio::test]
async fn keys_are_fetched_over_plain_http_where_that_is_allowed() {
    let issuer = small_issuer();
    let name = named_keycloak(issuer.url());
    let token = || good(&issuer).claim("iss", &name).sign();
    let at = RemoteKeys::insecure_http_at(&named_keycloak(&issuer.jwks_url())).unwrap().client(client(&issuer));
    present(&app(&api(Issuer::keys(&name, at).unwrap())), &token()).await.assert_ok();
    issuer.set_metadata(json!({ "issuer": name, "jwks_uri": named_keycloak(&issuer.jwks_url()) }));
    let discovered = RemoteKeys::insecure_http_discover(&name).unwrap().client(client(&issuer));
    present(&app(&api(Issuer::keys(&name, discovered).unwrap())), &token()).await.assert_ok();
    assert_eq!(fetches(&issuer), (1, 2));
}

/// Row D16.
#[tokio::test]
async fn metadata_over_plain_http_does_not_lead_to_this_machine() {
    let issuer = small_issuer();
    let name = named_keycloak(issuer.url());
    issuer.set_metadata(json!({ "issuer": name, "jwks_uri": issuer.jwks_url() }));
    let keys = RemoteKeys::insecure_http_discover(&name).unwrap().client(client(&issuer));
    let token = good(&issuer).claim("iss", &name).sign();
    present(&app(&api(Issuer::keys(&name, keys).unwrap())), &token).await.assert_keys_unavailable();
    assert_eq!(issuer.requests(Endpoint::Jwks), 0);
}

#[test]
fn plain_http_is_logged_once() {
    let issuer = small_issuer();
    let ((), text) = logged(|| {
        current_thread_runtime().block_on(async {
            for (url, client) in
                [(named_keycloak(&issuer.jwks_url()), client(&issuer)), (issuer.jwks_url(), client(&issuer))]
            {
                let keys = RemoteKeys::insecure_http_at(&url).unwrap().client(client);
                let api = api(Issuer::keys(issuer.url(), keys).unwrap());
                present(&app(&api), &good(&issuer).sign()).await.assert_ok();
                issuer.rotate();
                present(&app(&api), &good(&issuer).sign()).await.assert_ok();
            }
        });
    });
    assert_eq!(fetches(&issuer), (0, 4));
    let lines: Vec<_> = text.lines().filter(|line| line.contains("plain http")).collect();
    let [line] = lines[..] else { panic!("{lines:#?}") };
    assert!(line.contains("WARN") && line.contains("http://keycloak:"), "{line}");
}

#[test]
fn configuration_has_the_switch() {
    let config =
        |settings: &str| -> Config { toml::from_str(&format!("audience = 'a'\n[[issuers]]\n{settings}")).unwrap() };
    for settings in [
        "issuer = 'http://login.example'",
        "preset = 'keycloak'\nbase_url = 'http://keycloak:8080'\nrealm = 'shop'",
        "issuer = 'https://login.example'\njwks_url = 'http://keys.example/jwks'",
        "preset = 'auth0'\ndomain = 'shop.example.com'\njwks_url = 'http://keys.example/jwks'",
    ] {
        assert!(config(settings).build().is_err(), "{settings}");
        assert!(config(&format!("{settings}\ninsecure_http = false")).build().is_err(), "{settings}");
        config(&format!("{settings}\ninsecure_http = true")).build().unwrap();
    }
}

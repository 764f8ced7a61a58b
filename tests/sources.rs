//! Sources of keys, and the status of the keys.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use tokio::time::{Instant, sleep};
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::keys::{FetchError, FetchFuture, FetchRequest, Fetched, KeyFile, KeySource, RemoteKeys, Seed};
use tower_bearer::testing::{Endpoint, Fault, TestClock, TestIssuer};
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::memory_source::{Fetch, HOUR, MINUTE, SECOND, Setup, keys, settle};
use crate::harness::{AUDIENCE, app, fetches, good, present, server, small_issuer};

fn server_of(issuer: &TestIssuer, source: impl KeySource, clock: &TestClock) -> ResourceServer {
    let trusted = Issuer::keys(issuer.url(), source).unwrap();
    ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone()).build().unwrap()
}

#[test]
fn static_keys_need_no_fetch_and_no_runtime() {
    let issuer = small_issuer();
    let clock = TestClock::new();
    let api = server_of(&issuer, keys(&issuer), &clock);
    let token = good(&issuer).expires_in(24 * HOUR).sign();
    api.try_verify(&token).unwrap();
    let status = api.status().remove(0);
    assert_eq!((status.is_usable, status.fetches, status.age, status.lifetime), (true, 0, None, None));
    clock.advance((24 * HOUR).saturating_sub(SECOND));
    api.try_verify(&token).unwrap();
    let unknown = good(&issuer).header("kid", "unknown").expires_in(48 * HOUR).sign();
    let verdict = api.try_verify(&unknown);
    assert!(matches!(verdict, Err(VerifyError::Token(TokenError::UnknownKey { .. }))), "{verdict:?}");
    assert_eq!(fetches(&issuer), (0, 0));
}

#[test]
fn static_keys_without_a_usable_one_are_a_configuration_error() {
    let symmetric = "; entry 0 (kid \"a\"): a symmetric key was published";
    for (document, reason) in [
        (r#"{"keys":[]}"#, ""),
        (r#"{"keys":[{"kty":"EC","use":"enc"}]}"#, "; entry 0: the key is not for signatures: use is \"enc\""),
        (r#"{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}"#, symmetric),
    ] {
        let keys = JwkSet::from_json(document.as_bytes()).unwrap();
        let issuer = Issuer::keys("https://issuer.example.test", keys).unwrap();
        let error = ResourceServer::builder(AUDIENCE).trust(issuer).build().unwrap_err();
        let found = "none of the fixed keys of the issuer \"https://issuer.example.test\" can be used";
        assert_eq!(error.to_string(), format!("{found}, expected at least one usable key{reason}"));
    }
}

#[tokio::test(start_paused = true)]
async fn static_keys_do_not_expire() {
    let issuer = small_issuer();
    let api = server_of(&issuer, keys(&issuer), &TestClock::new());
    let token = good(&issuer).expires_in(24 * HOUR).sign();
    for _ in 0..100 {
        api.try_verify(&token).unwrap();
        settle().await;
        sleep(5 * MINUTE).await;
    }
}

#[tokio::test]
async fn a_file_is_read_again_when_its_keys_may_have_changed() {
    let issuer = small_issuer();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("keys-{}.json", std::process::id()));
    let clock = TestClock::new();
    let api = server_of(&issuer, KeyFile::new(&path), &clock);
    let app = app(&api);
    present(&app, &good(&issuer).sign()).await.assert_keys_unavailable();
    let missing = FetchError::File { path: path.clone(), kind: std::io::ErrorKind::NotFound };
    assert_eq!(api.status()[0].last_error, Some(missing));

    fs::write(&path, issuer.jwks().to_string()).unwrap();
    clock.advance(SECOND);
    present(&app, &good(&issuer).sign()).await.assert_ok();
    assert_eq!(api.status()[0].lifetime, Some(MINUTE));

    issuer.rotate();
    fs::write(&path, issuer.jwks().to_string()).unwrap();
    clock.advance(MINUTE);
    present(&app, &good(&issuer).sign()).await.assert_ok();
    fs::remove_file(path).unwrap();
}

/// Reading from a pipe, for one, may never end.
#[tokio::test]
async fn only_regular_files_are_read() {
    let issuer = small_issuer();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let api = server_of(&issuer, KeyFile::new(folder), &TestClock::new());
    present(&app(&api), &good(&issuer).sign()).await.assert_keys_unavailable();
    let kind = std::io::ErrorKind::InvalidInput;
    assert_eq!(api.status()[0].last_error, Some(FetchError::File { path: folder.into(), kind }));
}

/// Nothing listens at the `jwks_uri`: the keys can only come through the proxy of this client.
#[tokio::test]
async fn a_custom_http_client_is_used() {
    let issuer = small_issuer();
    let proxy = reqwest::Proxy::http(issuer.url()).unwrap();
    let client = reqwest::Client::builder().proxy(proxy).build().unwrap();
    let keys = RemoteKeys::at("http://localhost:1/jwks").unwrap().client(client);
    present(&app(&server_of(&issuer, keys, &TestClock::new())), &good(&issuer).sign()).await.assert_ok();
    assert_eq!(fetches(&issuer), (0, 1));
}

/// A custom client may follow redirects to any origin; documents from other origins are not used.
/// Row I13.
#[tokio::test]
async fn a_custom_http_client_cannot_return_keys_of_another_origin() {
    let (issuer, elsewhere) = (small_issuer(), small_issuer());
    issuer.fail(Endpoint::Jwks, Fault::Redirect(elsewhere.jwks_url()));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let keys = RemoteKeys::at(&issuer.jwks_url()).unwrap().client(client);
    let api = server_of(&issuer, keys, &TestClock::new());
    present(&app(&api), &good(&issuer).signed_by(&elsewhere).sign()).await.assert_keys_unavailable();
    assert_eq!(api.status()[0].last_error, Some(FetchError::Redirected { url: issuer.jwks_url().into() }));
}

/// Row I8.
#[tokio::test]
async fn unchanged_keys_are_not_sent_again() {
    let clock = TestClock::new();
    let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).clock(clock.clone()).start();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).clock(clock.clone()).build().unwrap();
    let token = || good(&issuer).expires_in(24 * HOUR).sign();
    let app = app(&api);
    present(&app, &token()).await.assert_ok();
    for round in 1..=3 {
        clock.advance(10 * MINUTE);
        present(&app, &token()).await.assert_ok();
        while api.status()[0].age.is_none_or(|age| age > SECOND) {
            tokio::task::yield_now().await;
        }
        assert_eq!((issuer.requests(Endpoint::Jwks), issuer.not_modified(Endpoint::Jwks)), (1 + round, round));
    }
    issuer.rotate();
    present(&app, &token()).await.assert_ok();
    assert_eq!((issuer.requests(Endpoint::Jwks), issuer.not_modified(Endpoint::Jwks)), (5, 3));
}

#[tokio::test]
async fn the_status_describes_the_keys() {
    let issuer = TestIssuer::start();
    let mut published = issuer.jwks();
    published["keys"].as_array_mut().unwrap().push(serde_json::json!({ "kty": "oct", "k": "AA", "kid": "secret" }));
    issuer.set_jwks(published);
    issuer.set_cache_control("max-age=120");
    let clock = TestClock::new();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).clock(clock.clone()).build().unwrap();
    let status = api.status().remove(0);
    assert_eq!((&*status.issuer, status.is_usable, status.age), (issuer.url(), false, None));

    api.ready().await;
    clock.advance(30 * SECOND);
    let status = api.status().remove(0);
    assert!(status.is_usable);
    assert_eq!((status.fetches, status.failures, &status.last_error), (1, 0, &None));
    assert_eq!(status.lifetime, Some(120 * SECOND));
    assert!(status.age.is_some_and(|age| (30 * SECOND..31 * SECOND).contains(&age)), "{status:?}");
    let expected = ["rsa-1", "p-256-1", "p-384-1", "p-521-1", "ed25519-1", "ml-dsa-44-1", "ml-dsa-65-1", "ml-dsa-87-1"];
    assert!(status.key_ids.iter().map(|id| &**id).eq(expected), "{:?}", status.key_ids);
    assert_eq!(status.skipped[0].to_string(), "entry 8 (kid \"secret\"): a symmetric key was published");
}

#[tokio::test(start_paused = true)]
async fn ready_waits_until_the_issuer_is_up() {
    let setup = Setup::new(|_| Fetch::Fail);
    let api = setup.api.clone();
    let ready = tokio::spawn(async move { api.ready().await });
    sleep(5 * MINUTE).await;
    assert!(!ready.is_finished());
    assert!(setup.source.fetches() > 5);
    setup.publish_current();
    let recovered = Instant::now();
    ready.await.unwrap();
    assert!(recovered.elapsed() <= 61 * SECOND, "{:?}", recovered.elapsed());
    setup.try_verify().unwrap();
}

#[tokio::test]
async fn ready_asks_all_issuers_at_once() {
    let (one, other) = (small_issuer(), small_issuer());
    for issuer in [&one, &other] {
        issuer.fail(Endpoint::Jwks, Fault::Hang);
    }
    let api = ResourceServer::builder(AUDIENCE).trust(one.issuer()).trust(other.issuer()).build().unwrap();
    let ready = tokio::spawn(async move { api.ready().await });
    while fetches(&one).1 == 0 || fetches(&other).1 == 0 {
        tokio::task::yield_now().await;
    }
    ready.abort();
}

#[tokio::test]
async fn a_source_without_keys_cannot_answer_unchanged() {
    struct Unchanged;
    impl KeySource for Unchanged {
        fn fetch<'a>(&'a self, _: tower_bearer::keys::FetchRequest<'a>) -> tower_bearer::keys::FetchFuture<'a> {
            Box::pin(std::future::ready(Ok(tower_bearer::keys::Fetched::unchanged())))
        }
    }
    let issuer = small_issuer();
    let api = server_of(&issuer, Unchanged, &TestClock::new());
    present(&app(&api), &good(&issuer).sign()).await.assert_keys_unavailable();
    assert_eq!(api.status()[0].last_error, Some(FetchError::NothingHeld));
}

#[tokio::test]
async fn two_servers_share_nothing() {
    let issuer = small_issuer();
    let (one, other) = (server(&issuer), server(&issuer));
    one.ready().await;
    assert_eq!((one.status()[0].fetches, other.status()[0].fetches), (1, 0));
}

/// An HTTP cache answers, or is told to ask the issuer.
/// Row I7.
#[tokio::test]
async fn the_age_header_counts_and_caches_can_be_bypassed() {
    let issuer = small_issuer();
    let keys = RemoteKeys::discover(issuer.url()).unwrap();
    let start = std::time::Instant::now();
    let mut request = FetchRequest::new(start);
    let fetched = keys.fetch(request).await.unwrap();
    assert!(format!("{fetched:?}").contains("age: 0ns"), "{fetched:?}");
    issuer.set_age(55);
    let fetched = keys.fetch(request).await.unwrap();
    assert!(format!("{fetched:?}").contains("age: 55s"), "{fetched:?}");
    let bypassed = || [Endpoint::OAuthMetadata, Endpoint::Jwks].map(|endpoint| issuer.bypassed_caches(endpoint));
    assert_eq!(bypassed(), [0, 0]);
    request.bypass_caches = true;
    keys.fetch(request).await.unwrap();
    assert_eq!(bypassed(), [1, 1], "the metadata, too, come from the issuer then");
    assert_eq!(fetches(&issuer), (2, 3));
}

#[tokio::test]
async fn file_errors_name_the_path() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("no-keys-{}.json", std::process::id()));
    fs::write(&path, "{}").unwrap();
    let error = KeyFile::new(&path).fetch(FetchRequest::new(std::time::Instant::now())).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("{}: ", path.display())), "{error}");
    fs::remove_file(path).unwrap();
}

/// Its keys are known before the first fetch, and may have been written down long ago.
struct Seeded(JwkSet, JwkSet);

impl KeySource for Seeded {
    fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
        Box::pin(async { Ok(Fetched::keys(self.1.clone())) })
    }

    fn seed(&self) -> Option<Seed> {
        Some(self.0.clone().into())
    }
}

#[tokio::test]
async fn initial_keys_refuse_no_token_of_a_newer_key() {
    let issuer = small_issuer();
    let keys = || JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
    let (old, old_token) = (keys(), good(&issuer).sign());
    issuer.rotate();
    let source = Seeded(old, keys());
    let api = ResourceServer::builder(AUDIENCE).trust(Issuer::keys(issuer.url(), source).unwrap()).build().unwrap();
    api.try_verify(&old_token).unwrap();
    let long_ago = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() - 600;
    api.verify(&good(&issuer).claim("iat", long_ago).sign()).await.unwrap();
    assert!(api.verify(&old_token).await.is_err());
}

/// RFC 9111 §4.3.4: header fields that a 304 does not have keep their stored values.
#[tokio::test]
async fn a_304_without_freshness_keeps_the_lifetime() {
    let issuer = small_issuer();
    let clock = TestClock::new();
    issuer.set_cache_control("max-age=120");
    let api = server_of(&issuer, RemoteKeys::at(&issuer.jwks_url()).unwrap(), &clock);
    let token = good(&issuer).expires_in(HOUR).sign();
    api.verify(&token).await.unwrap();
    issuer.set_cache_control("public");
    clock.advance(110 * SECOND);
    api.verify(&token).await.unwrap();
    while api.status()[0].age.is_none_or(|age| age >= MINUTE) {
        sleep(SECOND / 100).await;
    }
    assert_eq!(issuer.not_modified(Endpoint::Jwks), 1);
    assert_eq!(api.status()[0].lifetime, Some(2 * MINUTE));
}

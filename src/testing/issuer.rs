use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::endpoints::{Endpoint, Endpoints, Fault};
use super::introspection::CLIENT;
use super::signing_key::SigningKey;
use super::token_builder::TokenBuilder;
#[cfg(feature = "http-client")]
use crate::Issuer;
use crate::clock::{Clock, SystemClock};
#[cfg(feature = "introspection")]
use crate::introspection::{ClientAuthentication, Secret};
use crate::jose::{Algorithm, encode_base64url};

/// An issuer for tests on a loopback port, with real keys generated at start-up, and with metadata and a key set.
///
/// It serves on its own thread until it is dropped.
pub struct TestIssuer {
    url: String,
    algorithms: Vec<Algorithm>,
    clock: Arc<dyn Clock>,
    keys: Arc<Mutex<Keys>>,
    issued: AtomicU64,
    endpoints: Arc<Endpoints>,
    _alive: watch::Sender<()>,
}

struct Keys {
    generation: u32,
    current: Vec<Arc<SigningKey>>,
    /// What will sign after the current ones, once it has been published.
    next: Option<Vec<Arc<SigningKey>>>,
}

impl TestIssuer {
    /// Starts an issuer with keys for every algorithm, on a free port.
    ///
    /// # Panics
    ///
    /// If no port is free.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A builder for an issuer that differs from the default.
    pub fn builder() -> TestIssuerBuilder {
        TestIssuerBuilder {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            path: String::new(),
            url: None,
            algorithms: Algorithm::ALL.to_vec(),
            clock: Arc::new(SystemClock),
        }
    }

    /// The issuer's identifier, which is also its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of its key set.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/jwks", self.url)
    }

    /// The URL of its introspection endpoint (RFC 7662). It answers only the client `test-api` with the secret `test-secret`.
    #[must_use]
    pub fn introspection_url(&self) -> String {
        format!("{}/introspect", self.url)
    }

    /// An [`Issuer`] for a server that trusts this issuer, through discovery.
    ///
    /// # Panics
    ///
    /// If the identifier is not a URL because of the path given to the builder.
    #[must_use]
    #[cfg(feature = "http-client")]
    pub fn issuer(&self) -> Issuer {
        Issuer::discover(&self.url).expect("a loopback URL")
    }

    /// A builder for a token signed with ES256 or, if the issuer has no key for it, with the issuer's first algorithm.
    pub fn token(&self) -> TokenBuilder {
        self.token_by(self.default_algorithm())
    }

    /// A builder for a token signed with `algorithm`.
    ///
    /// # Panics
    ///
    /// If the issuer has no key for it.
    pub fn token_by(&self, algorithm: Algorithm) -> TokenBuilder {
        let id = self.issued.fetch_add(1, Ordering::Relaxed);
        TokenBuilder::new(&self.url, self.key_for(algorithm), algorithm, id, self.clock.now())
    }

    /// Replaces every key with a new one that has a new `kid`, and publishes only the new keys: a rotation without notice.
    pub fn rotate(&self) {
        self.publish_next();
        self.sign_with_next();
        self.set_jwks(self.jwks());
    }

    /// Creates the next keys and publishes them in addition to the current ones, which still sign: the start of a rotation
    /// with notice.
    pub fn publish_next(&self) {
        let mut keys = self.keys();
        keys.generation += 1;
        let next = generate(&self.algorithms, keys.generation);
        self.set_jwks(jwks(keys.current.iter().chain(&next)));
        keys.next = Some(next);
    }

    /// Signs with the next keys from now on; what is published does not change.
    ///
    /// # Panics
    ///
    /// If [`publish_next`](Self::publish_next) was not called before.
    pub fn sign_with_next(&self) {
        let mut keys = self.keys();
        keys.current = keys.next.take().expect("publish_next comes first");
    }

    /// The key set of the current signing keys, whatever is published.
    #[must_use]
    pub fn jwks(&self) -> Value {
        jwks(&self.keys().current)
    }

    /// Publishes this as the key set.
    ///
    /// # Panics
    ///
    /// If it does not serialize as JSON.
    pub fn set_jwks(&self, jwks: impl Serialize) {
        self.endpoints.state().jwks = serde_json::to_value(jwks).expect("a JSON value");
    }

    /// The metadata as it is published.
    #[must_use]
    pub fn metadata(&self) -> Value {
        self.endpoints.state().metadata.clone()
    }

    /// Publishes this as the metadata.
    ///
    /// # Panics
    ///
    /// If it does not serialize as JSON.
    pub fn set_metadata(&self, metadata: impl Serialize) {
        self.endpoints.state().metadata = serde_json::to_value(metadata).expect("a JSON value");
    }

    /// Sends this as the `Cache-Control` of every document.
    pub fn set_cache_control(&self, value: &str) {
        self.endpoints.state().cache_control = Some(value.to_owned());
    }

    /// Sends this as the `Age` of every document, in seconds, as if it came from a cache that stored it that long ago (RFC
    /// 9111 §5.1). Default: no `Age`, as if the issuer itself answered.
    pub fn set_age(&self, seconds: u64) {
        self.endpoints.state().age = Some(seconds.to_string());
    }

    /// Makes an endpoint fail from now on.
    pub fn fail(&self, endpoint: Endpoint, fault: Fault) {
        self.endpoints.state().faults.insert(endpoint, fault);
    }

    /// Makes all endpoints work again.
    pub fn recover(&self) {
        self.endpoints.state().faults.clear();
    }

    /// The number of requests to an endpoint.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> usize {
        self.endpoints.requests(endpoint)
    }

    /// The number of requests to an endpoint that were answered with 304, because the client already had the document.
    #[must_use]
    pub fn not_modified(&self, endpoint: Endpoint) -> usize {
        self.endpoints.not_modified(endpoint)
    }

    /// The number of requests to an endpoint that made caches revalidate (`Cache-Control: no-cache`, RFC 9111 §5.2.1.4).
    #[must_use]
    pub fn bypassed_caches(&self, endpoint: Endpoint) -> usize {
        self.endpoints.bypassed_caches(endpoint)
    }

    /// An [`Issuer`] for a server that introspects this issuer's tokens (RFC 7662).
    ///
    /// # Panics
    ///
    /// If the identifier is not a URL because of the path given to the builder.
    #[must_use]
    #[cfg(feature = "introspection")]
    pub fn introspection(&self) -> Issuer {
        Issuer::introspection(&self.url, self.introspection_client()).expect("a loopback URL")
    }

    /// How a server authenticates to the introspection endpoint.
    ///
    /// # Panics
    ///
    /// Never, as long as the crate accepts its own constants.
    #[must_use]
    #[cfg(feature = "introspection")]
    pub fn introspection_client(&self) -> ClientAuthentication {
        let (id, secret) = CLIENT;
        let secret = Secret::new(secret).expect("a secret");
        ClientAuthentication::client_secret_basic(id, secret).expect("an identifier")
    }

    /// Issues an opaque token with these claims: when the token is introspected, the issuer answers with them and with
    /// `active` (RFC 7662).
    #[must_use]
    pub fn opaque_token(&self, claims: &TokenBuilder) -> String {
        let id = self.issued.fetch_add(1, Ordering::Relaxed);
        let token = format!("opaque-{id}-{}", random());
        let mut answer = claims.claims().clone();
        answer.insert("active".to_owned(), true.into());
        self.set_answer(&token, answer);
        token
    }

    /// Sets the issuer's answer when this token is introspected, from now on.
    ///
    /// # Panics
    ///
    /// If `answer` does not serialize as JSON.
    pub fn set_answer(&self, token: &str, answer: impl Serialize) {
        let answer = serde_json::to_value(answer).expect("a JSON value");
        self.endpoints.state().opaque.set_answer(token, answer);
    }

    /// Revokes an opaque token: it is no longer active.
    pub fn revoke(&self, token: &str) {
        self.set_answer(token, json!({ "active": false }));
    }

    /// Changes the signed answers (RFC 9701) from now on: `change` gets the answer as a JWT before it is signed.
    pub fn change_signed_answers(&self, change: impl Fn(TokenBuilder) -> TokenBuilder + Send + Sync + 'static) {
        let (keys, clock, url) = (Arc::clone(&self.keys), Arc::clone(&self.clock), self.url.clone());
        let algorithm = self.default_algorithm();
        let sign = move |answer: Value| {
            let key = key_for(&keys.lock().unwrap_or_else(PoisonError::into_inner), algorithm);
            let builder = TokenBuilder::new(&url, key, algorithm, 0, clock.now());
            let answer = ["sub", "client_id", "jti", "exp"]
                .iter()
                .fold(builder, |builder, name| builder.without_claim(name))
                .header("typ", "token-introspection+jwt")
                .audience(CLIENT.0)
                .claim("token_introspection", answer);
            change(answer).sign()
        };
        self.endpoints.state().sign_answer = Some(Arc::new(sign));
    }

    fn default_algorithm(&self) -> Algorithm {
        let default = Algorithm::ES256;
        if self.algorithms.contains(&default) { default } else { self.algorithms[0] }
    }

    fn key_for(&self, algorithm: Algorithm) -> Arc<SigningKey> {
        key_for(&self.keys(), algorithm)
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenBuilder {
    /// Signs with the current key of another issuer, but changes nothing else: a forged token.
    ///
    /// # Panics
    ///
    /// If `other` has no key for the algorithm.
    pub fn signed_by(mut self, other: &TestIssuer) -> Self {
        self.key = other.key_for(self.algorithm);
        self
    }
}

fn key_for(keys: &Keys, algorithm: Algorithm) -> Arc<SigningKey> {
    let key = keys.current.iter().find(|key| key.is_of_the_kind_for(algorithm));
    Arc::clone(key.unwrap_or_else(|| panic!("the issuer has no key for {algorithm}")))
}

/// What nobody guesses.
fn random() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has random numbers");
    encode_base64url(bytes)
}

fn generate(algorithms: &[Algorithm], generation: u32) -> Vec<Arc<SigningKey>> {
    SigningKey::generate_for(algorithms, generation).into_iter().map(Arc::new).collect()
}

fn jwks<'a>(keys: impl IntoIterator<Item = &'a Arc<SigningKey>>) -> Value {
    json!({ "keys": keys.into_iter().map(|key| key.jwk()).collect::<Vec<_>>() })
}

impl fmt::Debug for TestIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIssuer").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Builds a [`TestIssuer`].
#[must_use = "`start` makes the issuer"]
pub struct TestIssuerBuilder {
    listen: SocketAddr,
    path: String,
    url: Option<String>,
    algorithms: Vec<Algorithm>,
    clock: Arc<dyn Clock>,
}

impl TestIssuerBuilder {
    /// Sets the algorithms to create keys for. Default: all, of which RSA takes the longest.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets the clock by which tokens are issued. Default: the system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the address to listen on. Default: a free port of 127.0.0.1.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets the path of the issuer's URL, such as `/realms/test`. Default: none.
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Sets the issuer's identifier, if something else serves its documents there, such as an authorization server that
    /// publishes this issuer's [`metadata`](TestIssuer::metadata) and [`jwks`](TestIssuer::jwks) alongside its own endpoints.
    /// Default: the URL of the address that it listens on.
    pub fn url(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }

    /// Creates the keys and starts serving.
    ///
    /// # Panics
    ///
    /// If the address is not available, or there are no algorithms.
    #[must_use]
    pub fn start(self) -> TestIssuer {
        let Self { listen, path, url, algorithms, clock } = self;
        assert!(!algorithms.is_empty(), "an issuer needs a key");
        let keys = Keys { generation: 1, current: generate(&algorithms, 1), next: None };
        let (endpoints, alive) = Endpoints::serve(listen, path.clone());
        let url = url.unwrap_or_else(|| format!("{}{path}", endpoints.origin()));
        let issuer = TestIssuer {
            algorithms,
            clock,
            issued: AtomicU64::new(1),
            endpoints,
            _alive: alive,
            keys: Arc::new(Mutex::new(keys)),
            url,
        };
        issuer.set_jwks(issuer.jwks());
        issuer.change_signed_answers(|answer| answer);
        issuer.set_metadata(json!({
            "issuer": issuer.url,
            "jwks_uri": issuer.jwks_url(),
            "introspection_endpoint": issuer.introspection_url(),
        }));
        issuer
    }
}

impl fmt::Debug for TestIssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIssuerBuilder").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

//! On every path through a server, a bound token passes with its proof and never without.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderName, Request, Response, StatusCode};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_bearer::clock::Clock as _;
use tower_bearer::credentials::TokenSource;
use tower_bearer::dpop::{Freshness, MemoryReplayStore, ReplayAnswer, ReplayEntry, ReplayStore};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestClient, TestClock, TestIssuer};
use tower_bearer::validation::TokenCache;
use tower_bearer::{Issuer, ResourceServer};

use super::{PROOF, URL, dpop};
use crate::harness::memory_source::{Fetch, Source, keys};
use crate::harness::{AUDIENCE, builder_with_keys, good, small_issuer};

/// How a request reaches its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// The cache of verified tokens does not know the token.
    Miss,
    /// It does.
    Hit,
    /// There is none.
    WithoutCache,
    /// The request waits for the issuer's keys.
    WaitingForKeys,
    /// The request waits for the replay store, and then for the service.
    WaitingForTheStore,
    Optional,
    /// Within another layer of the same server.
    Nested,
    /// Within an optional layer of another server.
    NestedInAnother,
    /// Without a layer.
    VerifyRequest,
    /// The same, waiting for keys and for the store.
    VerifyRequestWaiting,
}

impl Path {
    pub(super) const ALL: [Self; 10] = [
        Self::Miss,
        Self::Hit,
        Self::WithoutCache,
        Self::WaitingForKeys,
        Self::WaitingForTheStore,
        Self::Optional,
        Self::Nested,
        Self::NestedInAnother,
        Self::VerifyRequest,
        Self::VerifyRequestWaiting,
    ];

    fn waits_for_keys(self) -> bool {
        matches!(self, Self::WaitingForKeys | Self::VerifyRequestWaiting)
    }

    fn waits_for_store(self) -> bool {
        matches!(self, Self::WaitingForTheStore | Self::VerifyRequestWaiting)
    }
}

/// A store that answers after a while.
struct Late<S>(Arc<S>);

impl<S: ReplayStore> ReplayStore for Late<S> {
    fn insert(&self, entry: ReplayEntry) -> ReplayAnswer {
        let store = Arc::clone(&self.0);
        ReplayAnswer::later(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            match store.insert(entry) {
                ReplayAnswer::Now(answer) => answer,
                ReplayAnswer::Later(answer) => answer.await,
            }
        })
    }
}

/// A client with a bound token, and new servers for it.
pub(super) struct Ground {
    pub(super) issuer: TestIssuer,
    pub(super) client: TestClient,
    pub(super) token: String,
}

impl Ground {
    pub(super) fn new() -> Self {
        let (issuer, client) = (small_issuer(), TestClient::new(Algorithm::ES256));
        let token = good(&issuer).bound_to(&client).sign();
        Self { issuer, client, token }
    }

    pub(super) fn proof(&self) -> String {
        self.client.proof("GET", URL, &self.token).sign()
    }

    /// The credentials, by the scheme `DPoP`, with these proofs.
    pub(super) fn with_proofs<'p>(&self, proofs: impl IntoIterator<Item = &'p str>) -> Vec<(HeaderName, String)> {
        self.headers("DPoP", proofs)
    }

    fn headers<'p>(&self, scheme: &str, proofs: impl IntoIterator<Item = &'p str>) -> Vec<(HeaderName, String)> {
        let mut headers = vec![(AUTHORIZATION, format!("{scheme} {}", self.token))];
        headers.extend(proofs.into_iter().map(|proof| (PROOF, proof.to_owned())));
        headers
    }

    /// Requests that a thief could make who has the token, and a proof that was used. Each is refused.
    fn attempts(&self, used: &str) -> Vec<(&'static str, Vec<(HeaderName, String)>)> {
        let proof = |method: &str, url: &str, token: &str| self.client.proof(method, url, token);
        let thief = TestClient::new(Algorithm::ES256);
        let good = self.proof();
        let forged = proof("GET", URL, &self.token).signed_by(&thief).sign();
        vec![
            ("Bearer", self.headers("Bearer", [])),
            ("Bearer with a proof", self.headers("Bearer", [&*good])),
            ("Bearer in another case", self.headers("bearer", [&*good])),
            ("DPoP without a proof", self.with_proofs([])),
            ("an empty proof", self.with_proofs([""])),
            ("two proofs", self.with_proofs([&*good, &*good])),
            ("two schemes", [self.headers("Bearer", []), self.with_proofs([&*good])].concat()),
            ("another client's proof", self.with_proofs([&*thief.proof("GET", URL, &self.token).sign()])),
            ("a forged proof", self.with_proofs([&*forged])),
            ("a proof for another method", self.with_proofs([&*proof("PUT", URL, &self.token).sign()])),
            ("a proof for another target", self.with_proofs([&*proof("GET", "https://a.test/me", &self.token).sign()])),
            ("a proof for another token", self.with_proofs([&*proof("GET", URL, "x").sign()])),
            ("an old proof", self.with_proofs([&*proof("GET", URL, &self.token).claim("iat", 1).sign()])),
            ("a used proof", self.with_proofs([used])),
        ]
    }

    /// A server on which a request takes this path, with this store. It has seen the token if the path is a hit.
    pub(super) async fn server(&self, path: Path, store: Arc<impl ReplayStore>) -> ResourceServer {
        let fetch = if path.waits_for_keys() {
            Fetch::Late(keys(&self.issuer), Duration::from_millis(10))
        } else {
            Fetch::Keys(keys(&self.issuer), None)
        };
        let issuer = Issuer::keys(self.issuer.url(), Source::new(fetch)).unwrap();
        let dpop = if path.waits_for_store() { dpop().replay_store(Late(store)) } else { dpop().replay_store(store) };
        let builder = ResourceServer::builder(AUDIENCE).trust(issuer).dpop(dpop);
        let builder = if path == Path::WithoutCache { builder.token_cache(TokenCache::off()) } else { builder };
        let api = builder.build().unwrap();
        if !path.waits_for_keys() {
            api.ready().await;
        }
        if path == Path::Hit {
            // Validated, and kept from the third time on.
            for _ in 0..3 {
                api.verify(&self.token).await.unwrap_err();
            }
            assert_eq!(api.token_cache_status().unwrap().entries, 1);
        }
        api
    }

    /// The status of the answer, and how many requests have reached the service behind the layer, or were accepted without one.
    pub(super) async fn send(
        &self,
        path: Path,
        api: &ResourceServer,
        headers: &[(HeaderName, String)],
    ) -> (StatusCode, usize) {
        let request = headers.iter().fold(Request::get("/me"), |request, (name, value)| request.header(name, value));
        let request = request.body(()).unwrap();
        let reached = Arc::<AtomicUsize>::default();
        let service = counting(&reached);
        let response = match path {
            Path::VerifyRequest | Path::VerifyRequestWaiting => {
                return match api.verify_request(&request).await {
                    Ok(_) => (StatusCode::OK, 1),
                    Err(rejection) => (rejection.status(), 0),
                };
            }
            Path::Optional => api.layer().optional().layer(service).oneshot(request).await,
            Path::Nested => api.layer().optional().layer(api.layer().layer(service)).oneshot(request).await,
            Path::NestedInAnother => {
                let other = self.server(Path::Miss, Arc::new(MemoryReplayStore::new())).await;
                other.layer().optional().layer(api.layer().layer(service)).oneshot(request).await
            }
            _ => api.layer().layer(service).oneshot(request).await,
        };
        (response.unwrap().status(), reached.load(Ordering::Relaxed))
    }
}

fn counting(
    reached: &Arc<AtomicUsize>,
) -> impl Service<Request<()>, Response = Response<String>, Error = Infallible, Future: Send> + Clone + use<> {
    let reached = Arc::clone(reached);
    service_fn(move |_: Request<()>| {
        reached.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(Response::new(String::new())))
    })
}

/// Rows L1, L6, L7, L9 to L11, L13, L15.
#[tokio::test]
async fn a_bound_token_never_passes_without_its_proof() {
    let ground = Ground::new();
    for path in Path::ALL {
        let store = Arc::new(MemoryReplayStore::new());
        let used = ground.proof();
        let api = ground.server(path, Arc::clone(&store)).await;
        assert_eq!(ground.send(path, &api, &ground.with_proofs([&*used])).await, (StatusCode::OK, 1), "{path:?}");
        for (what, headers) in ground.attempts(&used) {
            // Another server each time, so that it waits for its keys, or has not seen the token; and the same again.
            for api in [ground.server(path, Arc::clone(&store)).await, api.clone()] {
                let (status, reached) = ground.send(path, &api, &headers).await;
                assert!(matches!(status.as_u16(), 400 | 401), "{path:?}, {what}: {status}");
                assert_eq!(reached, 0, "{path:?}, {what}");
            }
        }
        assert_eq!(store.status().entries, 1, "{path:?}: nothing else was used up");
    }
}

/// Rows L11, L13.
///
/// RFC 9449 §7.1: a bound token is presented in `Authorization`. There is no proof for one that is elsewhere, or that is text.
#[tokio::test]
async fn a_bound_token_from_elsewhere_never_passes() {
    let ground = Ground::new();
    let token = &ground.token;
    let header = HeaderName::from_static("x-token");
    let sources = [
        (TokenSource::cookie("t"), "/me".to_owned(), Some((COOKIE, format!("t={token}")))),
        (TokenSource::query(), format!("/me?access_token={token}"), None),
        (TokenSource::header(header.clone()), "/me".to_owned(), Some((header, token.clone()))),
    ];
    for path in [Path::Miss, Path::Hit, Path::WaitingForKeys, Path::WaitingForTheStore] {
        for (source, uri, place) in &sources {
            for (only, optional, with_proof) in (0..8).map(|bits| (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0)) {
                let api = ground.server(path, Arc::new(MemoryReplayStore::new())).await;
                let layer = api.layer();
                let layer = if only { layer.token_only_from(source.clone()) } else { layer.token_from(source.clone()) };
                let layer = if optional { layer.optional() } else { layer };
                let mut request = Request::get(uri);
                for (name, value) in place.iter().cloned().chain(with_proof.then(|| (PROOF, ground.proof()))) {
                    request = request.header(name, value);
                }
                let reached = Arc::<AtomicUsize>::default();
                let response = layer.layer(counting(&reached)).oneshot(request.body(()).unwrap()).await.unwrap();
                let found = (response.status().as_u16(), reached.load(Ordering::Relaxed));
                assert_eq!(found, (401, 0), "{path:?}, {source:?}, {only}, {optional}, {with_proof}");
            }
        }
        let api = ground.server(path, Arc::new(MemoryReplayStore::new())).await;
        for _ in 0..3 {
            assert!(api.try_verify(token).is_err(), "{path:?}");
            assert!(api.verify(token).await.is_err(), "{path:?}");
            assert!(api.explain(token).await.verdict().is_err(), "{path:?}");
        }
    }
}

/// Row L15.
///
/// Its client has gone while it waited for keys. The proof was not inserted, so it is good when it comes again.
#[tokio::test]
async fn a_request_that_ends_while_it_waits_for_keys_uses_no_proof_up() {
    let ground = Ground::new();
    let store = Arc::new(MemoryReplayStore::new());
    let headers = ground.with_proofs([&*ground.proof()]);
    for path in [Path::WaitingForKeys, Path::VerifyRequestWaiting] {
        let api = ground.server(path, Arc::clone(&store)).await;
        let waiting = ground.send(path, &api, &headers);
        assert!(tokio::time::timeout(Duration::from_millis(1), waiting).await.is_err(), "it did not wait");
        api.ready().await;
        assert_eq!(store.status().entries, 0);
    }
    let api = ground.server(Path::Miss, Arc::clone(&store)).await;
    assert_eq!(ground.send(Path::Miss, &api, &headers).await, (StatusCode::OK, 1));
    assert_eq!(ground.send(Path::Miss, &api, &headers).await, (StatusCode::UNAUTHORIZED, 0));
}

/// A store whose answer takes an hour.
struct Slow(TestClock);

impl ReplayStore for Slow {
    fn insert(&self, _: ReplayEntry) -> ReplayAnswer {
        let clock = self.0.clone();
        ReplayAnswer::later(async move {
            clock.set(clock.now() + Duration::from_secs(3600));
            Ok(Freshness::Fresh)
        })
    }
}

#[tokio::test]
async fn a_token_that_expires_while_the_store_is_asked_is_refused() {
    for path in [Path::WaitingForTheStore, Path::VerifyRequest] {
        let (ground, clock) = (Ground::new(), TestClock::new());
        let builder = builder_with_keys(ground.issuer.url(), &ground.issuer.jwks()).clock(clock.clone());
        let api = builder.dpop(dpop().replay_store(Slow(clock))).build().unwrap();
        let headers = ground.with_proofs([&*ground.proof()]);
        assert_eq!(ground.send(path, &api, &headers).await, (StatusCode::UNAUTHORIZED, 0), "{path:?}");
    }
}

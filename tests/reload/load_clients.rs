//! Clients of an API whose configuration is replaced all the time, each with one kind of credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

use fastrand::Rng;
use http::StatusCode;
use tower_bearer::Issuer;
use tower_bearer::clock::Clock;
use tower_bearer::jose::Algorithm;
use tower_bearer::tenants::{ResolveError, ResolvedTenant, TenantSettings, from_fn};
use tower_bearer::testing::{TestClient, TestIssuer, TokenBuilder};

use super::{Rig, document};
use crate::harness::memory_source::keys;
use crate::harness::{AUDIENCE, Answer, good, present, send_with};

const TENANT: &str = "https://login.example.com/acme";
/// An audience that is not the API.
const ELSEWHERE: &str = "https://other.example.test";

/// A clock that stands still, however long the test takes.
#[derive(Clone, Copy)]
struct Standing(SystemTime, Instant);

impl Clock for Standing {
    fn now(&self) -> SystemTime {
        self.0
    }

    fn monotonic(&self) -> Instant {
        self.1
    }
}

/// An API, and those that issue tokens for it. Its time stands still, so that nothing ends by itself.
pub(super) struct Api {
    pub(super) rig: Rig,
    pub(super) steady: TestIssuer,
    /// Trusted by every second configuration.
    pub(super) toggled: TestIssuer,
    pub(super) opaque: TestIssuer,
    signer_of_tenant: TestIssuer,
    clock: Standing,
    /// How many mistakes the callback has been told.
    told: Arc<AtomicUsize>,
    /// Twice the number of configurations before, and one more while the next one takes their place.
    phase: AtomicUsize,
    pub(super) opaque_tokens: AtomicUsize,
    /// The answers to tokens of `toggled` that one configuration alone can have given.
    pub(super) accepted: AtomicUsize,
    pub(super) refused: AtomicUsize,
}

impl Api {
    pub(super) fn new() -> Self {
        let clock = Standing(SystemTime::now(), Instant::now());
        let issuer = || TestIssuer::builder().algorithms([Algorithm::ES256]).clock(clock).start();
        let (steady, toggled, opaque, signer_of_tenant) = (issuer(), issuer(), issuer(), issuer());
        let introspected = opaque.introspection();
        let keys = keys(&signer_of_tenant);
        let tenants = TenantSettings::new(from_fn(move |iss: String| {
            let tenant = (iss == TENANT).then(|| Issuer::keys(&iss, keys.clone()).map_err(ResolveError::new));
            async move { Ok(tenant.transpose()?.map(|issuer| ResolvedTenant::new(issuer).value(()))) }
        }));
        let told = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&told);
        let rig = Rig::with(&settings(true, &steady, &toggled), |watch| {
            let watch = watch.clock(clock).on_reload(move |outcome| {
                count.fetch_add(usize::from(outcome.is_err()), Ordering::Relaxed);
            });
            watch.customize(move |builder| builder.trust(introspected.clone()).trust_resolved(tenants.clone()))
        });
        Self {
            rig,
            steady,
            toggled,
            opaque,
            signer_of_tenant,
            clock,
            told,
            phase: AtomicUsize::new(0),
            opaque_tokens: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        }
    }

    pub(super) fn document(&self, is_trusted: bool) -> String {
        settings(is_trusted, &self.steady, &self.toggled)
    }

    /// Replaces the configuration. The first one trusts `toggled`, and then every second one does.
    pub(super) async fn replace(&self, is_trusted: bool) {
        self.phase.fetch_add(1, Ordering::SeqCst);
        self.rig.reload(&self.document(is_trusted)).await;
        self.phase.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn told(&self) -> usize {
        self.told.load(Ordering::Relaxed)
    }

    fn opaque_token(&self, claims: &TokenBuilder) -> String {
        self.opaque_tokens.fetch_add(1, Ordering::Relaxed);
        self.opaque.opaque_token(claims)
    }
}

fn settings(is_trusted: bool, steady: &TestIssuer, toggled: &TestIssuer) -> String {
    let dpop = format!("[dpop]\nurl = {AUDIENCE:?}");
    if is_trusted {
        document(&format!("realm = \"both\"\n{dpop}"), &[steady, toggled])
    } else {
        document(&format!("realm = \"one\"\n{dpop}"), &[steady])
    }
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Steady,
    Proof,
    Opaque,
    Tenant,
    Toggled,
}

/// A client, with a token that it sends again and again, and with tokens that it sends once.
pub(super) struct Client {
    api: Arc<Api>,
    kind: Kind,
    random: Rng,
    token: String,
    key: TestClient,
    used_proofs: Vec<String>,
}

impl Client {
    pub(super) fn new(api: &Arc<Api>, kind: Kind, seed: u64) -> Self {
        let key = TestClient::new(Algorithm::ES256).clock(api.clock);
        let token = match kind {
            Kind::Steady => good(&api.steady).sign(),
            Kind::Proof => good(&api.steady).bound_to(&key).sign(),
            Kind::Opaque => api.opaque_token(&good(&api.opaque)),
            Kind::Tenant => good(&api.signer_of_tenant).claim("iss", TENANT).sign(),
            Kind::Toggled => good(&api.toggled).sign(),
        };
        Self { api: Arc::clone(api), kind, random: Rng::with_seed(seed), token, key, used_proofs: Vec::new() }
    }

    /// Sends one of the requests that the client can send, and checks the answer.
    pub(super) async fn turn(&mut self) {
        for _ in 0..self.random.usize(..4) {
            tokio::task::yield_now().await;
        }
        let choice = self.random.usize(..4);
        let Self { api, token, .. } = self;
        let of_tenant = || good(&api.signer_of_tenant).claim("iss", TENANT);
        match (self.kind, choice) {
            (Kind::Proof, _) => self.send_proofs().await,
            (Kind::Toggled, 0 | 1) => assert_as_configured(api, token).await,
            (Kind::Toggled, _) => assert_as_configured(api, &good(&api.toggled).sign()).await,
            (_, 0) => assert_accepted(api, token).await,
            (Kind::Steady, 1) => assert_accepted(api, &good(&api.steady).sign()).await,
            (Kind::Steady, 2) => assert_refused(api, &good(&api.steady).audience(ELSEWHERE).sign()).await,
            (Kind::Steady, _) => assert_refused(api, &good(&api.steady).signed_by(&api.toggled).sign()).await,
            (Kind::Opaque, 1 | 2) => assert_accepted(api, &api.opaque_token(&good(&api.opaque))).await,
            (Kind::Opaque, _) => {
                let revoked = api.opaque_token(&good(&api.opaque));
                api.opaque.revoke(&revoked);
                assert_refused(api, &revoked).await;
            }
            (Kind::Tenant, 1 | 2) => assert_accepted(api, &of_tenant().sign()).await,
            (Kind::Tenant, _) => assert_refused(api, &of_tenant().audience(ELSEWHERE).sign()).await,
        }
    }

    /// The same proof twice at once, and one that was used under an earlier configuration.
    async fn send_proofs(&mut self) {
        let proof = self.proof();
        let (first, second) = tokio::join!(self.send_in_task(&proof), self.send_in_task(&proof));
        let accepted = if first.status == StatusCode::OK { &first } else { &second };
        let refused = if first.status == StatusCode::OK { &second } else { &first };
        assert!(accepted.status == StatusCode::OK && is_replay(refused), "{first:?}, {second:?}");
        self.used_proofs.push(proof);
        let used = &self.used_proofs[self.random.usize(..self.used_proofs.len())];
        let answer = self.send_proof(used).await;
        assert!(is_replay(&answer), "{answer:?}");
    }

    fn proof(&self) -> String {
        self.key.proof("GET", &format!("{AUDIENCE}/me"), &self.token).sign()
    }

    /// A proof that was accepted.
    pub(super) async fn use_proof(&mut self) -> String {
        let proof = self.proof();
        self.send_proof(&proof).await.assert_ok();
        proof
    }

    pub(super) async fn send_proof(&self, proof: &str) -> Answer {
        send_proof(&self.api, &self.token, proof).await
    }

    /// Beside other requests of this client, also on another thread.
    async fn send_in_task(&self, proof: &str) -> Answer {
        let (api, token, proof) = (Arc::clone(&self.api), self.token.clone(), proof.to_owned());
        tokio::spawn(async move { send_proof(&api, &token, &proof).await }).await.unwrap()
    }
}

async fn send_proof(api: &Api, token: &str, proof: &str) -> Answer {
    let headers = [("authorization", format!("DPoP {token}")), ("dpop", proof.to_owned())];
    send_with(&api.rig.app, "/me", &headers).await
}

async fn assert_accepted(api: &Api, token: &str) {
    present(&api.rig.app, token).await.assert_ok();
}

async fn assert_refused(api: &Api, token: &str) {
    let answer = present(&api.rig.app, token).await;
    assert!(is_refused(&answer, "invalid_token"), "{answer:?}");
}

/// If the same configuration was in force all the time, its answer is the only right one.
async fn assert_as_configured(api: &Api, token: &str) {
    let start = api.phase.load(Ordering::SeqCst);
    let answer = present(&api.rig.app, token).await;
    let is_exact = start.is_multiple_of(2) && start == api.phase.load(Ordering::SeqCst);
    let is_trusted = (start / 2).is_multiple_of(2);
    match answer.status {
        StatusCode::OK if is_trusted || !is_exact => {
            api.accepted.fetch_add(usize::from(is_exact), Ordering::Relaxed);
        }
        StatusCode::UNAUTHORIZED if !is_trusted || !is_exact => {
            assert!(has_realm(&answer, "one"), "{answer:?}");
            api.refused.fetch_add(usize::from(is_exact), Ordering::Relaxed);
        }
        _ => panic!("{answer:?}, in phase {start}"),
    }
}

pub(super) fn is_replay(answer: &Answer) -> bool {
    is_refused(answer, "invalid_dpop_proof")
}

fn is_refused(answer: &Answer, error: &str) -> bool {
    let error = format!("error=\"{error}\"");
    answer.status == StatusCode::UNAUTHORIZED && challenges(answer).any(|challenge| challenge.contains(&error))
}

/// Every challenge has this realm.
pub(super) fn has_realm(answer: &Answer, realm: &str) -> bool {
    let realm = format!("realm=\"{realm}\"");
    challenges(answer).all(|challenge| challenge.contains(&realm))
}

fn challenges(answer: &Answer) -> impl Iterator<Item = &str> {
    answer.headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap())
}

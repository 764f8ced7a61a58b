//! A resolver that does not do what it should, and one whose answers are not acceptable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower_bearer::tenants::{ResolveError, ResolveFuture, TenantResolver, TenantSettings, from_fn};
use tower_bearer::testing::{Endpoint, TestClock};
use tower_bearer::validation::VerifyError;
use tower_bearer::{Issuer, ResourceServer};

use super::{Database, Rig, assert_later, iss};
use crate::harness::log::logged;
use crate::harness::memory_source::{Source, keys};
use crate::harness::{AUDIENCE, current_thread_runtime, small_issuer};

const SECOND: Duration = Duration::from_secs(1);

/// Does this about `t0`, and knows every other tenant.
#[derive(Clone)]
struct Odd(Arc<Fault>, Source);

struct Fault {
    kind: Kind,
    calls: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Hang,
    Error,
    Panic,
    PanicLater,
    OtherIssuer,
    Loopback,
    LinkLocal,
    Metadata,
    PlainHttp,
}

impl TenantResolver for Odd {
    fn resolve<'a>(&'a self, iss: &'a str) -> ResolveFuture<'a> {
        let known = Issuer::keys(iss, self.1.clone()).map_err(ResolveError::new);
        if iss != super::iss(0) {
            return Box::pin(async move { Ok(Some(known?.into())) });
        }
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        let issuer =
            |made: Result<Issuer, _>| -> ResolveFuture<'a> { Box::pin(async move { Ok(Some(made.unwrap().into())) }) };
        match self.0.kind {
            Kind::Hang => Box::pin(std::future::pending()),
            Kind::Error => Box::pin(async { Err(ResolveError::new("no connection")) }),
            Kind::Panic => panic!("on purpose"),
            Kind::PanicLater => Box::pin(async {
                tokio::task::yield_now().await;
                panic!("on purpose")
            }),
            Kind::OtherIssuer => issuer(Issuer::keys(&super::iss(1), self.1.clone())),
            Kind::Loopback => issuer(Issuer::jwks(iss, "http://127.0.0.1:9/jwks")),
            Kind::LinkLocal => issuer(Issuer::jwks(iss, "https://169.254.1.1/jwks")),
            Kind::Metadata => issuer(Issuer::jwks(iss, "https://[fd00:ec2::254]/jwks")),
            Kind::PlainHttp => issuer(Issuer::jwks(iss, "http://keys.example/jwks")),
        }
    }
}

fn rig(kind: Kind) -> (Rig, Arc<Fault>) {
    let signer = small_issuer();
    let source = Source::new(crate::harness::memory_source::Fetch::Keys(keys(&signer), None));
    let fault = Arc::new(Fault { kind, calls: AtomicUsize::new(0) });
    let api = ResourceServer::builder(AUDIENCE).trust_resolved(Odd(Arc::clone(&fault), source)).build().unwrap();
    (Rig { signer, database: Database::new(), api }, fault)
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_cannot_answer_is_503_and_others_notice_nothing() {
    for kind in [
        Kind::Error,
        Kind::Panic,
        Kind::PanicLater,
        Kind::OtherIssuer,
        Kind::Loopback,
        Kind::LinkLocal,
        Kind::Metadata,
        Kind::PlainHttp,
    ] {
        let (rig, fault) = rig(kind);
        let token = rig.token(&iss(0)).sign();
        assert_later(&rig.send(&token).await, 503);
        assert_later(&rig.send(&token).await, 503);
        assert_eq!(fault.calls.load(Ordering::Relaxed), 1, "{kind:?}: it is not asked again at once");
        assert_eq!(rig.use_tenant(1).await, 200, "{kind:?}");
        assert_eq!(rig.use_tenant(2).await, 200, "{kind:?}");
        tokio::time::advance(SECOND).await;
        assert_later(&rig.send(&token).await, 503);
        assert_eq!(fault.calls.load(Ordering::Relaxed), 2, "{kind:?}");
        assert_eq!(rig.tenants().status(&iss(0)), None, "{kind:?}");
        let error = rig.api.verify(&token).await.unwrap_err();
        assert!(matches!(error, VerifyError::TenantUnavailable { .. }) && error.reason().is_none(), "{error}");
    }
}

/// Not even when 32 calls hang: those that wait for their turn are told so in time.
#[tokio::test(start_paused = true)]
async fn a_resolver_that_hangs_is_503_after_five_seconds() {
    let (rig, fault) = rig(Kind::Hang);
    let token = rig.token(&iss(0)).sign();
    let start = tokio::time::Instant::now();
    let (answer, other) = tokio::join!(rig.send(&token), rig.use_tenant(1));
    assert_later(&answer, 503);
    assert_eq!(start.elapsed().as_secs(), 5);
    assert_eq!(other, 200);
    assert_eq!(fault.calls.load(Ordering::Relaxed), 1);

    let hangs = Arc::new(Hangs(AtomicUsize::new(0)));
    let api = ResourceServer::builder(AUDIENCE).trust_resolved(Arc::clone(&hangs)).build().unwrap();
    let rig = Arc::new(Rig { signer: small_issuer(), database: Database::new(), api });
    let start = tokio::time::Instant::now();
    let requests = (0..100).map(|number| {
        let (rig, token) = (Arc::clone(&rig), rig.token(&iss(number)).sign());
        tokio::spawn(async move { assert_later(&rig.send(&token).await, 503) })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap();
    }
    assert_eq!(start.elapsed().as_secs(), 5);
    assert_eq!(hangs.0.load(Ordering::Relaxed), 32);
}

/// Hangs, and counts its calls.
struct Hangs(AtomicUsize);

impl TenantResolver for Hangs {
    fn resolve<'a>(&'a self, _: &'a str) -> ResolveFuture<'a> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::pending())
    }
}

#[test]
fn what_is_wrong_with_an_answer_is_logged_and_told_to_no_client() {
    for (kind, text) in [
        (Kind::Error, "no connection"),
        (Kind::PanicLater, "the resolver panicked"),
        (
            Kind::OtherIssuer,
            "the resolver returned the issuer \"https://login.example.com/t1\" for \"https://login.example.com/t0\"",
        ),
        (Kind::Loopback, "the URL points to this machine"),
        (Kind::PlainHttp, "would be fetched over plain http"),
    ] {
        let (rig, _) = rig(kind);
        let token = rig.token(&iss(0)).sign();
        let (answer, log) = logged(|| current_thread_runtime().block_on(rig.send(&token)));
        assert!(log.contains(text), "{log}");
        let rejection = answer.unwrap_err();
        assert_eq!(rejection.description(), None);
        assert!(!rejection.response::<String>().headers().contains_key("www-authenticate"));
    }
}

/// Of 100 failures in a row the first one is logged, and the end.
#[test]
fn a_failing_resolver_is_logged_once() {
    let fails = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let resolver = {
        let fails = Arc::clone(&fails);
        from_fn(move |_| {
            let fails = fails.load(Ordering::Relaxed);
            async move { if fails { Err(ResolveError::new("no connection")) } else { Ok(None::<Issuer>) } }
        })
    };
    let api = ResourceServer::builder(AUDIENCE).trust_resolved(TenantSettings::new(resolver)).build().unwrap();
    let rig = Rig { signer: small_issuer(), database: Database::new(), api };
    let ((), log) = logged(|| {
        current_thread_runtime().block_on(async {
            for number in 0..100 {
                assert_eq!(rig.use_tenant(number).await, 503);
            }
            fails.store(false, Ordering::Relaxed);
            assert_eq!(rig.use_tenant(100).await, 401);
        });
    });
    assert_eq!(log.matches("tenants cannot be resolved").count(), 1);
    assert_eq!(log.matches("tenants can be resolved again").count(), 1);
}

/// An issuer on this machine is refused before anything is asked there, unless a pattern says that tenants are there.
#[tokio::test]
async fn a_tenant_on_this_machine_needs_a_pattern_that_says_so() {
    let issuer = crate::harness::small_issuer();
    let (url, token) = (issuer.url().to_owned(), |issuer: &tower_bearer::testing::TestIssuer| {
        issuer.token().audience(AUDIENCE).sign()
    });
    let resolver = || from_fn(|iss: String| async move { Issuer::discover(&iss).map(Some).map_err(ResolveError::new) });
    let api = ResourceServer::builder(AUDIENCE).trust_resolved(resolver()).build().unwrap();
    let rig = Rig { signer: small_issuer(), database: Database::new(), api };
    assert_later(&rig.send(&token(&issuer)).await, 503);
    assert_eq!(issuer.requests(Endpoint::OAuthMetadata) + issuer.requests(Endpoint::OpenIdMetadata), 0, "{url}");

    let tenant = tower_bearer::testing::TestIssuer::builder().path("/acme").start();
    let origin = tenant.url().strip_suffix("/acme").unwrap();
    let settings = TenantSettings::new(resolver()).issuer_pattern(&format!("{origin}/{{tenant}}")).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust_resolved(settings).build().unwrap();
    let rig = Rig { signer: small_issuer(), database: Database::new(), api };
    assert_eq!(rig.status(&token(&tenant)).await, 200);
    assert_eq!(tenant.requests(Endpoint::Jwks), 1);
}

/// A pattern on this machine does not open the metadata service of a cloud.
#[tokio::test]
async fn a_pattern_on_this_machine_allows_no_other_local_address() {
    for (jwks, status) in
        [("http://127.0.0.1:9/jwks", 503), ("https://169.254.169.254/jwks", 503), ("https://[fe80::1]/jwks", 503)]
    {
        let resolver = from_fn(move |iss: String| {
            let issuer = Issuer::jwks(&iss, jwks).map(Some).map_err(ResolveError::new);
            async move { issuer }
        });
        let settings = TenantSettings::new(resolver).issuer_pattern("http://127.0.0.1:9/{tenant}").unwrap();
        let api = ResourceServer::builder(AUDIENCE).trust_resolved(settings).build().unwrap();
        let rig = Rig { signer: small_issuer(), database: Database::new(), api };
        let iss = "http://127.0.0.1:9/acme";
        assert_eq!(rig.status(&rig.token(iss).sign()).await, status);
        // Only the first of them was a tenant, whose keys could not be fetched.
        assert_eq!(rig.tenants().status(iss).is_some(), jwks.contains("127.0.0.1"), "{jwks}");
    }
}

#[test]
fn without_a_runtime_nothing_is_asked() {
    let rig = Rig::new(1);
    let token = rig.token(&iss(0)).sign();
    let error = rig.api.try_verify(&token).unwrap_err();
    assert!(matches!(error, VerifyError::TenantUnavailable { .. }), "{error}");
    assert_eq!(rig.database.calls(), 0);
    // A runtime that ends cancels what is under way.
    rig.database.set_delay(SECOND);
    let runtime = current_thread_runtime();
    runtime.block_on(async {
        let error = rig.api.try_verify(&token).unwrap_err();
        assert!(matches!(error, VerifyError::TenantUnavailable { .. }), "{error}");
        tokio::task::yield_now().await;
    });
    drop(runtime);
    rig.database.set_delay(Duration::ZERO);
    assert_eq!(current_thread_runtime().block_on(rig.status(&token)), 200);
}

/// The runtime of the first request is there, and nobody drives it.
#[test]
fn a_load_that_makes_no_progress_is_begun_again() {
    let clock = TestClock::new();
    let of_server = clock.clone();
    let rig = Rig::with(1, |settings| settings, |builder| builder.clock(of_server));
    let token = rig.token(&iss(0)).sign();
    let stopped = current_thread_runtime();
    let error = stopped.block_on(async { rig.api.try_verify(&token).unwrap_err() });
    assert!(matches!(error, VerifyError::TenantUnavailable { .. }), "{error}");
    assert_eq!(rig.database.calls(), 0);
    clock.advance(25 * SECOND);
    assert_eq!(current_thread_runtime().block_on(rig.status(&token)), 200);
    // The end of the other one changes nothing.
    drop(stopped);
    assert_eq!(current_thread_runtime().block_on(rig.status(&token)), 200);
    assert_eq!(rig.database.calls(), 1);
}

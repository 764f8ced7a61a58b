//! Tenants of a server whose configuration is replaced.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tower_bearer::Issuer;
use tower_bearer::tenants::{
    ResolveError, ResolveFuture, ResolvedTenant, TenantRequest, TenantResolver, TenantSettings,
};
use tower_bearer::testing::TestIssuer;

use super::{Rig, document, of};
use crate::harness::memory_source::{Fetch, INSTANT, Source, keys};
use crate::harness::{good, present, small_issuer};

const ISS: &str = "https://login.example.com/acme";

/// What the application has recorded: one tenant, or none.
#[derive(Clone)]
struct Directory(Arc<Inner>);

struct Inner {
    source: Source,
    is_known: AtomicBool,
    calls: AtomicUsize,
    /// No call is answered while it is closed.
    gate: watch::Sender<bool>,
}

impl Directory {
    fn new(signer: &TestIssuer) -> Self {
        Self(Arc::new(Inner {
            source: Source::new(Fetch::Keys(keys(signer), None)),
            is_known: AtomicBool::new(true),
            calls: AtomicUsize::new(0),
            gate: watch::Sender::new(true),
        }))
    }

    fn settings(&self) -> TenantSettings {
        TenantSettings::new(self.clone())
    }

    fn forget(&self) {
        self.0.is_known.store(false, Ordering::Relaxed);
    }

    /// How often it was asked, and how often the keys were fetched.
    fn counts(&self) -> (usize, usize) {
        (self.0.calls.load(Ordering::Relaxed), self.0.source.fetches())
    }
}

impl TenantResolver for Directory {
    fn resolve<'a>(&'a self, iss: &'a str) -> ResolveFuture<'a> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        let mut gate = self.0.gate.subscribe();
        Box::pin(async move {
            gate.wait_for(|open| *open).await.map_err(ResolveError::new)?;
            if iss != ISS || !self.0.is_known.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let issuer = Issuer::keys(iss, self.0.source.clone()).map_err(ResolveError::new)?;
            Ok(Some(ResolvedTenant::new(issuer).value(())))
        })
    }
}

/// A server with an issuer in its file, and with tenants that the application adds.
struct Setup {
    issuer: TestIssuer,
    signer: TestIssuer,
    directory: Directory,
    /// What the application adds at the next reload.
    settings: Arc<Mutex<Option<TenantSettings>>>,
    rig: Rig,
}

impl Setup {
    fn new() -> Self {
        let (issuer, signer) = (small_issuer(), small_issuer());
        let directory = Directory::new(&signer);
        let settings = Arc::new(Mutex::new(Some(directory.settings())));
        let added = Arc::clone(&settings);
        let rig = Rig::with(&document("", &[&issuer]), |watch| {
            watch.customize(move |builder| match added.lock().unwrap().clone() {
                Some(tenants) => builder.trust_resolved(tenants),
                None => builder,
            })
        });
        Self { issuer, signer, directory, settings, rig }
    }

    fn token(&self) -> String {
        good(&self.signer).claim("iss", ISS).sign()
    }

    /// Changes what the application adds at the next reload.
    fn change(&self, change: impl FnOnce(TenantSettings) -> TenantSettings) {
        let mut settings = self.settings.lock().unwrap();
        *settings = settings.take().map(change);
    }

    /// Reloads the file with more settings of its own.
    async fn reload(&self, own: &str) {
        self.rig.reload(&document(own, &[&self.issuer])).await;
    }

    fn hits(&self) -> u64 {
        self.rig.api.token_cache_status().unwrap().hits
    }
}

#[tokio::test(start_paused = true)]
async fn tenants_of_the_same_settings_stay() {
    let setup = Setup::new();
    let token = setup.token();
    for _ in 0..3 {
        present(&setup.rig.app, &token).await.assert_ok();
    }
    let (tenants, hits) = (setup.rig.api.tenants().unwrap(), setup.hits());
    for own in ["realm = \"new\"", ""] {
        let before = setup.hits();
        setup.reload(own).await;
        setup.rig.api.try_verify(&token).expect(own);
        present(&setup.rig.app, &token).await.assert_ok();
        assert_eq!(setup.hits(), before + 2, "{own}: it is remembered");
    }
    assert!(setup.hits() > hits);
    assert_eq!(setup.directory.counts(), (1, 1));
    // What the application holds since the start is about the same tenants.
    tenants.forget(ISS);
    present(&setup.rig.app, &token).await.assert_invalid_token();
}

#[tokio::test(start_paused = true)]
async fn tenants_stay_if_the_issuers_of_the_file_come_in_another_order() {
    let (setup, other) = (Setup::new(), small_issuer());
    let token = setup.token();
    setup.rig.reload(&document("", &[&setup.issuer, &other])).await;
    for _ in 0..3 {
        present(&setup.rig.app, &token).await.assert_ok();
    }
    let counts = setup.directory.counts();
    setup.rig.reload(&document("", &[&other, &setup.issuer])).await;
    present(&setup.rig.app, &token).await.assert_ok();
    assert_eq!(setup.directory.counts(), counts);
    for issuers in [&[&other][..], &[&other, &setup.issuer]] {
        setup.rig.reload(&document("", issuers)).await;
        present(&setup.rig.app, &token).await.assert_ok();
    }
    assert_eq!(setup.directory.counts(), (counts.0 + 2, counts.1 + 2), "another issuer may be a tenant");
}

/// Whatever a setting says about a tenant's tokens, or about the table: nothing is kept if it is another one.
#[tokio::test(start_paused = true)]
async fn tenants_of_other_settings_are_resolved_again() {
    let setup = Setup::new();
    let (token, other) = (setup.token(), small_issuer());
    let same: fn(TenantSettings) -> TenantSettings = |settings| settings;
    let pattern: fn(TenantSettings) -> TenantSettings =
        |settings| settings.issuer_pattern("https://login.example.com/{tenant}").unwrap();
    let directory = setup.directory.clone();
    let one = |own: &str| document(own, &[&setup.issuer]);
    for (settings, change) in [
        (one("leeway = 10"), same),
        (one("profile = \"rfc9068\""), same),
        (one("[dpop]\nurl = \"https://api.example.test\""), same),
        (one("scope_hierarchy = { files = \"files:read\" }"), same),
        (document("", &[&setup.issuer, &other]), same),
        (one(""), |settings| settings.max_tenants(7)),
        (one(""), |settings| settings.idle_after(Duration::from_secs(600))),
        (one(""), |settings| settings.resolve_again_after(Duration::from_secs(600))),
        (one(""), pattern),
        (one(""), |settings| settings.check(|_: TenantRequest<'_>, (): &()| true)),
        (one(""), |settings| settings.check(|request: TenantRequest<'_>, (): &()| request.uri().path() == "/me")),
    ] {
        // Only one thing is another one than before.
        setup.reload("").await;
        for _ in 0..3 {
            present(&setup.rig.app, &token).await.assert_ok();
        }
        let (calls, fetches) = directory.counts();
        setup.change(change);
        setup.rig.reload(&settings).await;
        present(&setup.rig.app, &token).await.assert_ok();
        assert_eq!(directory.counts(), (calls + 1, fetches + 1), "{settings}");
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    // The same resolver in other settings, which cannot be compared.
    let (calls, fetches) = directory.counts();
    setup.change(|_| directory.settings());
    setup.reload("").await;
    present(&setup.rig.app, &token).await.assert_ok();
    assert_eq!(directory.counts(), (calls + 1, fetches + 1));
}

/// A remembered token of a tenant is refused with the first request after the reload.
#[tokio::test(start_paused = true)]
async fn what_the_new_configuration_refuses_of_a_tenant_is_refused_at_once() {
    let setup = Setup::new();
    let (token, signer) = (setup.token(), small_issuer());
    let stranger = Directory::new(&signer);
    let with_audience = format!("audience = \"https://other.test\"\n{}", of(&setup.issuer, ""));
    let same = setup.settings.lock().unwrap().clone();
    // Its audience, its keys, its request, and whether there are tenants at all.
    for (settings, tenants) in [
        (with_audience, same.clone()),
        (document("", &[&setup.issuer]), Some(stranger.settings())),
        (document("", &[&setup.issuer]), same.clone().map(|it| it.check(|_: TenantRequest<'_>, (): &()| false))),
        (document("", &[&setup.issuer]), None),
    ] {
        for _ in 0..3 {
            present(&setup.rig.app, &token).await.assert_ok();
        }
        *setup.settings.lock().unwrap() = tenants;
        setup.rig.reload(&settings).await;
        for _ in 0..2 {
            assert_eq!(present(&setup.rig.app, &token).await.status, 401, "{settings}");
        }
        setup.settings.lock().unwrap().clone_from(&same);
        setup.reload("").await;
    }
    present(&setup.rig.app, &token).await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_tenant_stays_forgotten() {
    let setup = Setup::new();
    let token = setup.token();
    for _ in 0..3 {
        present(&setup.rig.app, &token).await.assert_ok();
    }
    setup.rig.api.tenants().unwrap().forget(ISS);
    // The resolver still knows it, and is not asked, also where the tenants are made anew.
    for own in ["realm = \"new\"", "", "leeway = 10"] {
        setup.reload(own).await;
        assert_eq!(present(&setup.rig.app, &token).await.status, 401, "{own}");
        assert_eq!(setup.rig.api.tenants().unwrap().list(), []);
    }
    assert_eq!(setup.directory.counts(), (1, 1));
    // After five seconds the resolver decides.
    setup.directory.forget();
    tokio::time::advance(Duration::from_secs(5)).await;
    present(&setup.rig.app, &token).await.assert_invalid_token();
    assert_eq!(setup.directory.counts(), (2, 1));
}

/// The tenant is being resolved when the configuration is replaced.
#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_its_tenant_is_checked_by_the_new_configuration() {
    for (what, status, calls) in [
        ("another realm", 200, 1),
        ("another leeway", 200, 2),
        ("another audience", 401, 2),
        ("another resolver", 401, 1),
        ("no tenants", 401, 1),
        ("forgotten before", 401, 1),
        ("forgotten after", 401, 1),
    ] {
        let setup = Setup::new();
        let (rig, token) = (&setup.rig, setup.token());
        let elsewhere = Directory::new(&setup.signer);
        elsewhere.forget();
        setup.directory.0.gate.send_replace(false);
        let reload = async {
            while setup.directory.counts().0 == 0 {
                tokio::time::sleep(INSTANT).await;
            }
            let forget = || rig.api.tenants().unwrap().forget(ISS);
            match what {
                "another resolver" => *setup.settings.lock().unwrap() = Some(elsewhere.settings()),
                "no tenants" => *setup.settings.lock().unwrap() = None,
                "forgotten before" => forget(),
                _ => {}
            }
            let settings = match what {
                "another leeway" => document("leeway = 10", &[&setup.issuer]),
                "another audience" => format!("audience = \"https://other.test\"\n{}", of(&setup.issuer, "")),
                _ => document("realm = \"new\"", &[&setup.issuer]),
            };
            rig.reload(&settings).await;
            if what == "forgotten after" {
                forget();
            }
            setup.directory.0.gate.send_replace(true);
        };
        let request = crate::harness::request(Some(&token));
        let (by_layer, by_text, by_request, ()) =
            tokio::join!(present(&rig.app, &token), rig.api.verify(&token), rig.api.verify_request(&request), reload);
        assert_eq!(by_layer.status, status, "{what}");
        assert_eq!([by_text.is_ok(), by_request.is_ok()], [status == 200; 2], "{what}");
        assert_eq!(setup.directory.counts().0, calls, "{what}");
        assert_eq!(elsewhere.counts().0, usize::from(what == "another resolver"), "{what}");
    }
}

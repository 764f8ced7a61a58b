//! Issuers that are known at run time: one for each tenant, from the application's database.

mod displaced;
mod forget;
mod handlers;
mod identifiers;
mod interrupted;
mod memory;
mod metadata;
mod not_slowed;
mod path;
mod races;
mod refetches;
mod resolver;
mod separation;
mod sqlite;
mod status;
mod strangers;
mod table;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use tower_bearer::server::Builder;
use tower_bearer::tenants::{ResolveError, ResolveFuture, ResolvedTenant, TenantResolver, TenantSettings, Tenants};
use tower_bearer::testing::{TestIssuer, TokenBuilder};
use tower_bearer::{AccessToken, Issuer, Rejection, ResourceServer};

use crate::harness::memory_source::{Fetch, Source, keys};
use crate::harness::{AUDIENCE, small_issuer};

/// What the application has recorded about its tenants: the resolver asks it, and counts that.
#[derive(Clone)]
struct Database(Arc<Tables>);

struct Tables {
    tenants: Mutex<HashMap<String, Tenant>>,
    asked: Mutex<HashMap<String, usize>>,
    /// How long an answer takes.
    delay: Mutex<Duration>,
}

#[derive(Clone)]
struct Tenant {
    issuer: Issuer,
    value: Option<Customer>,
    keys: Source,
}

/// What handlers get.
#[derive(Clone)]
struct Customer {
    name: String,
    host: String,
}

impl Database {
    fn new() -> Self {
        Self(Arc::new(Tables { tenants: Mutex::default(), asked: Mutex::default(), delay: Mutex::new(Duration::ZERO) }))
    }

    /// Records a tenant whose keys come from this source.
    fn insert(&self, iss: &str, keys: &Source, change: impl FnOnce(Issuer) -> Issuer) {
        let issuer = change(Issuer::keys(iss, keys.clone()).unwrap());
        let tenant = Tenant { issuer, value: None, keys: keys.clone() };
        self.0.tenants.lock().unwrap().insert(iss.to_owned(), tenant);
    }

    fn set_value(&self, iss: &str, customer: Customer) {
        self.0.tenants.lock().unwrap().get_mut(iss).unwrap().value = Some(customer);
    }

    fn remove(&self, iss: &str) {
        self.0.tenants.lock().unwrap().remove(iss);
    }

    fn get(&self, iss: &str) -> Option<ResolvedTenant> {
        let tenant = self.0.tenants.lock().unwrap().get(iss).cloned()?;
        let resolved = ResolvedTenant::new(tenant.issuer);
        Some(match tenant.value {
            Some(value) => resolved.value(value),
            None => resolved,
        })
    }

    fn set_delay(&self, delay: Duration) {
        *self.0.delay.lock().unwrap() = delay;
    }

    /// How often the resolver was asked.
    fn calls(&self) -> usize {
        self.0.asked.lock().unwrap().values().sum()
    }

    fn calls_about(&self, iss: &str) -> usize {
        self.0.asked.lock().unwrap().get(iss).copied().unwrap_or_default()
    }

    fn fetches_of(&self, iss: &str) -> usize {
        self.0.tenants.lock().unwrap()[iss].keys.fetches()
    }

    /// How often the keys of any tenant were fetched.
    fn fetches(&self) -> usize {
        self.0.tenants.lock().unwrap().values().map(|tenant| tenant.keys.fetches()).sum()
    }
}

impl TenantResolver for Database {
    fn resolve<'a>(&'a self, iss: &'a str) -> ResolveFuture<'a> {
        *self.0.asked.lock().unwrap().entry(iss.to_owned()).or_default() += 1;
        let delay = *self.0.delay.lock().unwrap();
        Box::pin(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            Ok::<_, ResolveError>(self.get(iss))
        })
    }
}

/// A server that resolves its tenants, and an issuer whose keys all of them have.
struct Rig {
    signer: TestIssuer,
    database: Database,
    api: ResourceServer,
}

impl Rig {
    /// With the tenants `t0`, `t1`, …
    fn new(tenants: usize) -> Self {
        Self::with(tenants, |settings| settings, |builder| builder)
    }

    fn with(
        tenants: usize,
        settings: impl FnOnce(TenantSettings) -> TenantSettings,
        builder: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let (signer, database) = (small_issuer(), Database::new());
        let api = ResourceServer::builder(AUDIENCE).trust_resolved(settings(TenantSettings::new(database.clone())));
        let rig = Self { signer, database, api: builder(api).build().unwrap() };
        (0..tenants).for_each(|number| rig.insert(number));
        rig
    }

    /// Records the tenant with this number.
    fn insert(&self, number: usize) {
        self.database.insert(&iss(number), &self.source(), |issuer| issuer);
    }

    /// A source of the keys of all.
    fn source(&self) -> Source {
        Source::new(Fetch::Keys(keys(&self.signer), None))
    }

    fn tenants(&self) -> Tenants {
        self.api.tenants().unwrap()
    }

    fn token(&self, iss: &str) -> TokenBuilder {
        self.signer.token().claim("iss", iss).audience(AUDIENCE).scope("read:me")
    }

    /// A token of this tenant that it has not signed.
    fn forged(&self, iss: &str) -> String {
        let token = self.token(iss).sign();
        let (rest, _) = token.rsplit_once('.').unwrap();
        format!("{rest}.{}", "A".repeat(86))
    }

    async fn send(&self, token: &str) -> Result<AccessToken, Rejection> {
        self.api.verify_request(&request(token)).await
    }

    async fn status(&self, token: &str) -> u16 {
        status_of(&self.send(token).await)
    }

    /// The status of a good token of the tenant with this number.
    async fn use_tenant(&self, number: usize) -> u16 {
        self.status(&self.token(&iss(number)).sign()).await
    }

    /// The tenants in the table.
    fn active(&self) -> Vec<String> {
        let listed = self.tenants().list().into_iter().filter(|status| status.is_active);
        let mut active: Vec<_> = listed.map(|status| status.issuer.into_string()).collect();
        active.sort();
        active
    }
}

fn iss(number: usize) -> String {
    format!("https://login.example.com/t{number}")
}

fn request(token: &str) -> Request<()> {
    Request::get("/me").header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap()
}

fn status_of(answer: &Result<AccessToken, Rejection>) -> u16 {
    answer.as_ref().map_or_else(Rejection::status, |_| StatusCode::OK).as_u16()
}

/// Asserts that a client keeps its token and is told when to try again.
#[track_caller]
fn assert_later(answer: &Result<AccessToken, Rejection>, status: u16) {
    assert_eq!(status_of(answer), status);
    let rejection = answer.as_ref().unwrap_err();
    assert_eq!(rejection.error(), None);
    assert!(rejection.retry_after().is_some() && rejection.challenges().count() == 0);
}

//! Revocation: tokens that are refused before they expire.

mod attacks;
mod bound;
mod feed_rig;
mod logout;
mod malformations;
mod malformed;
mod many_events;
mod parked;
mod paths;
mod recorded;
mod sharing;
mod signal_settings;
mod signals;
mod silence;
mod strangers;
mod streams;
mod subjects;
mod tokens;
mod websocket;

use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use axum::Router;
use tower_bearer::ResourceServer;
use tower_bearer::revocation::Revocations;
use tower_bearer::server::Builder;
use tower_bearer::testing::{TestClock, TestIssuer, TokenBuilder};

use crate::harness::{AUDIENCE, app, builder_with_keys, small_issuer};

/// The outcome of a future that does not wait.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("it waits"),
    }
}

const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// A server with revocations and with keys that nobody fetches, on a clock that the test moves.
struct Rig {
    issuer: TestIssuer,
    clock: TestClock,
    revocations: Revocations,
    api: ResourceServer,
    app: Router,
}

impl Rig {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let (issuer, clock) = (small_issuer(), TestClock::new());
        let revocations = Revocations::new(LIFE).clock(clock.clone());
        let builder = builder_with_keys(issuer.url(), &issuer.jwks()).clock(clock.clone());
        let api = change(builder.revocations(revocations.clone())).build().unwrap();
        let app = app(&api);
        Self { issuer, clock, revocations, api, app }
    }

    /// A token that was issued so many seconds from now, and is good for an hour.
    fn token(&self, issued: f64) -> TokenBuilder {
        let now = self.now() + issued;
        let token = self.issuer.token().audience(AUDIENCE).scope("read:me").subject("alice").client_id("app");
        token.claim("sid", "s").claim("jti", "j").claim("iat", now).claim("exp", now + 3600.0)
    }

    fn now(&self) -> f64 {
        use tower_bearer::clock::Clock as _;
        self.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64().floor()
    }
}

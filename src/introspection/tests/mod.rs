//! Tests of the client against a server on this machine.

mod assertions;
mod connections;
mod discovery;
mod failures;
mod generated;
mod keys;
mod requests;
mod signed;
mod stub;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::stub::Stub;
use super::endpoint::Endpoint;
use super::*;
use crate::clock::Clock;
use crate::keys::Encryption;

/// A clock that shows 2026-11-29T18:45:09Z at first, and is moved.
struct MovedClock {
    start: Instant,
    moved_by: AtomicU64,
}

const NOW: u64 = 1_795_977_909;

impl MovedClock {
    fn new() -> Self {
        Self { start: tokio::time::Instant::now().into_std(), moved_by: AtomicU64::new(0) }
    }

    fn advance(&self, seconds: u64) {
        self.moved_by.fetch_add(seconds, Ordering::Relaxed);
    }

    fn moved_by(&self) -> Duration {
        Duration::from_secs(self.moved_by.load(Ordering::Relaxed))
    }
}

impl Clock for MovedClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW) + self.moved_by()
    }

    fn monotonic(&self) -> Instant {
        self.start + self.moved_by()
    }
}

const ISSUER: &str = "https://as.example.com/t";

fn basic() -> ClientAuthentication {
    ClientAuthentication::client_secret_basic("s6BhdRkqt3", Secret::new("gX1fBat3bV").unwrap()).unwrap()
}

/// The endpoint at the stub's `/introspect`.
fn endpoint(stub: &Stub, authentication: ClientAuthentication) -> Endpoint {
    Endpoint::at(&stub.url("/introspect"), ISSUER, authentication, Encryption::Required).unwrap()
}

/// The JSON of an answer.
fn json(answer: Result<Answer, IntrospectionError>) -> String {
    match answer {
        Ok(Answer::Json(body)) => String::from_utf8(body).unwrap(),
        other => panic!("{other:?}"),
    }
}

//! What every target needs: an issuer with keys of every kind, somebody else with keys of the same names, and servers that
//! have the issuer's keys at hand. Keys are made when the process starts, and are nowhere but in its memory.

use std::convert::Infallible;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{Request, Response};
use tokio::runtime::{Builder, Runtime};
use tower::{Service, service_fn};
use tower_bearer::clock::Clock;
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::testing::{TestIssuer, TokenBuilder};
use tower_bearer::{AccessToken, Issuer, ResourceServer};

use crate::template::{filled, number};

/// The issuer whose tokens are good.
pub const ISSUER: &str = "https://issuer.example.test";
/// For whom they are good.
pub const AUDIENCE: &str = "https://api.example.test";

/// When it is: one moment of the day the process started, so that a verdict can be had twice.
pub static NOW: LazyLock<SystemTime> = LazyLock::new(|| UNIX_EPOCH + Duration::from_secs(seconds_now()));

/// The keys that sign good tokens.
pub static KEYS: LazyLock<TestIssuer> = LazyLock::new(issuer);
/// Keys of the same names and kinds, of somebody else who calls himself the same.
pub static STRANGER: LazyLock<TestIssuer> = LazyLock::new(issuer);

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The seconds since 1970, so many after [`NOW`].
#[must_use]
pub fn seconds_from_now(offset: i64) -> i64 {
    let now = NOW.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(now).unwrap_or(0) + offset
}

/// It is always [`NOW`], and keys age by tokio's time: for what runs in a [`runtime`].
pub struct Moment;

impl Clock for Moment {
    fn now(&self) -> SystemTime {
        *NOW
    }
}

/// The time of day is what this says, and keys do not grow old, however long it fuzzes.
pub struct Ageless(pub fn() -> SystemTime);

impl Clock for Ageless {
    fn now(&self) -> SystemTime {
        (self.0)()
    }

    fn monotonic(&self) -> Instant {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        *START
    }
}

fn issuer() -> TestIssuer {
    TestIssuer::builder().url(ISSUER).clock(Moment).start()
}

/// A server that trusts [`KEYS`], by this clock.
///
/// # Panics
///
/// If the crate refuses its own issuer's keys.
#[must_use]
pub fn server(clock: impl Clock) -> ResourceServer {
    let keys = JwkSet::from_json(KEYS.jwks().to_string().as_bytes()).expect("a key set");
    let issuer = Issuer::keys(ISSUER, keys).expect("an identifier");
    ResourceServer::builder(AUDIENCE).trust(issuer).clock(clock).build().expect("a server")
}

/// A token that is good, in the making.
pub fn good(algorithm: Algorithm) -> TokenBuilder {
    KEYS.token_by(algorithm).audience(AUDIENCE).scope("read:me")
}

/// Tells the subject of the token that a request came with.
#[must_use]
pub fn whoami<B>() -> impl Service<Request<B>, Response = Response<String>, Error = Infallible, Future: Send> + Clone
where
    B: Send + 'static,
{
    service_fn(|request: Request<B>| async move {
        let token = request.extensions().get::<AccessToken>();
        Ok(Response::new(token.map(|token| token.subject().to_owned()).unwrap_or_default()))
    })
}

/// A runtime whose time passes only where everybody waits for it, and then at once: nobody waits for a key that does not
/// exist.
///
/// # Panics
///
/// If the system gives it nothing to wait with.
#[must_use]
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}

/// Writes the seconds since 1970 in the place of `$` and so many seconds from [`NOW`] on, as in `{"exp":$300}`.
#[must_use]
pub fn with_times(template: &[u8]) -> Vec<u8> {
    filled(template, |part| {
        let (sign, digits) = part.strip_prefix(b"-").map_or((1, part), |digits| (-1, digits));
        let (offset, rest) = number(digits, 9);
        let time = seconds_from_now(sign * i64::try_from(offset?).ok()?);
        Some((time.to_string().into(), rest))
    })
}

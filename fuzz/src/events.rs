//! Security events and logout tokens: any header and payload that a key of the transmitter signed.
//!
//! - Nothing panics, and the status is 202 or 200, 400, or 503 once the table is full.
//! - What is accepted satisfies a second reading of RFC 8417 §2, RFC 8935 §2 and OpenID Connect Back-Channel Logout 1.0 §2.6.
//! - No text is accepted as two of a security event, a logout token and an access token.
//! - No token of another issuer is revoked.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};
use tower_bearer::feeds::{BackChannelLogout, LogoutReceiver, SharedSignals, SharedSignalsReceiver};
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::revocation::Revocations;
use tower_bearer::testing::{TestIssuer, logout_request, push_request};
use tower_bearer::{Issuer, ResourceServer};

use crate::json::Json;
use crate::world::{AUDIENCE, ISSUER, KEYS, Moment, STRANGER, good, runtime, with_times};

const OTHER: &str = "https://other.example.test";
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

struct World {
    runtime: Runtime,
    signals: SharedSignalsReceiver,
    logout: LogoutReceiver,
    server: ResourceServer,
    /// Of another issuer, for a user of every name that a corpus has.
    others: Vec<String>,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let runtime = runtime();
    let _guard = runtime.enter();
    let keys = |issuer: &TestIssuer| JwkSet::from_json(issuer.jwks().to_string().as_bytes()).expect("a key set");
    let issuer = || Issuer::keys(ISSUER, keys(&KEYS)).expect("an identifier");
    let revocations = Revocations::new(Duration::from_secs(86_399)).clock(Moment);
    // The same audience for all three, so that it tells none of them apart.
    let signals = SharedSignals::from_issuer(issuer(), AUDIENCE).receiver(&revocations).expect("a receiver");
    let logout = BackChannelLogout::from_issuer(issuer(), AUDIENCE).receiver(&revocations).expect("a receiver");
    let other = Issuer::keys(OTHER, keys(&STRANGER)).expect("an identifier");
    let server =
        ResourceServer::builder(AUDIENCE).trust(issuer()).trust(other).clock(Moment).revocations(revocations).build();
    let others = ["alice", "bob", "zoe", "s"].map(|name| {
        let token = good(Algorithm::ES256).signed_by(&STRANGER).claim("iss", OTHER);
        token.subject(name).claim("sid", name).claim("jti", name).sign()
    });
    Mutex::new(World { signals, logout, server: server.expect("a server"), others: others.into(), runtime })
});

/// A header and a payload, a line each. In the payload `$-60` is a time.
pub fn run(input: &[u8]) {
    let mut lines = input.splitn(2, |byte| *byte == b'\n');
    let (Some(header), Some(payload)) = (lines.next(), lines.next()) else { return };
    let payload = with_times(payload);
    let header_json = Json::read(header);
    let algorithm = header_json.as_ref().and_then(|header| header.member("alg")?.text()?.parse().ok());
    let token = KEYS.token_by(algorithm.unwrap_or(Algorithm::ES256));
    let text = token.raw_header(header.to_vec()).raw_payload(payload.clone()).sign();
    let World { runtime, signals, logout, server, others } = &*WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    let is_event = runtime.block_on(is_taken(signals.clone(), push_request(&text), 202));
    let is_logout = runtime.block_on(is_taken(logout.clone(), logout_request(&text), 200));
    let is_access_token = runtime.block_on(server.verify(&text)).is_ok();
    assert!([is_event, is_logout, is_access_token].iter().filter(|it| **it).count() < 2, "{text}");
    let read = header_json.as_ref().zip(Json::read(&payload));
    if is_event {
        let (header, payload) = read.as_ref().expect("JSON");
        assert!(may_be_event(header, payload), "{header:?} {payload:?}");
    }
    if is_logout {
        let (header, payload) = read.as_ref().expect("JSON");
        assert!(may_be_logout(header, payload), "{header:?} {payload:?}");
    }
    for other in others {
        assert!(runtime.block_on(server.verify(other)).is_ok(), "{payload:?}");
    }
}

/// Whether a receiver answers with this status.
async fn is_taken<S>(receiver: S, request: Request<String>, expected: u16) -> bool
where
    S: Service<Request<String>, Response = Response<Full<bytes::Bytes>>, Error = std::convert::Infallible>,
{
    let Ok(response) = receiver.oneshot(request).await;
    let status = response.status().as_u16();
    assert!([expected, 400, 503].contains(&status), "{status}");
    status == expected
}

/// What both have in common.
fn may_be_message(header: &Json, payload: &Json, typ: &[&str]) -> bool {
    let found = header.member("typ").and_then(Json::text).map(str::to_ascii_lowercase);
    let audiences = payload.member("aud").and_then(Json::texts).unwrap_or_default();
    typ.contains(&found.as_deref().unwrap_or_default())
        && !header.has_duplicates()
        && !payload.has_duplicates()
        && payload.depth() <= 32
        && payload.member("iss").and_then(Json::text) == Some(ISSUER)
        && audiences.contains(&AUDIENCE)
        && payload.member("iat").and_then(Json::number).is_some()
        && payload.member("jti").and_then(Json::text).is_some_and(|jti| !jti.is_empty())
}

fn may_be_event(header: &Json, payload: &Json) -> bool {
    let events = match payload.member("events") {
        Some(Json::Object(events)) => &**events,
        _ => &[],
    };
    may_be_message(header, payload, &["secevent+jwt", "application/secevent+jwt"])
        && matches!(events, [(_, Json::Object(_))])
        && ["exp", "sub"].iter().all(|name| payload.member(name).is_none())
}

fn may_be_logout(header: &Json, payload: &Json) -> bool {
    let types = ["logout+jwt", "application/logout+jwt", "jwt", "application/jwt", ""];
    let named = |name| payload.member(name).and_then(Json::text).is_some_and(|text| !text.is_empty());
    may_be_message(header, payload, &types)
        && matches!(payload.member("events").and_then(|events| events.member(LOGOUT)), Some(Json::Object(_)))
        && payload.member("exp").and_then(Json::number).is_some()
        && payload.member("nonce").is_none()
        && (named("sub") || named("sid"))
}

//! Any `Authorization` lines, through the layer.
//!
//! - Nothing panics, and the status is 200, 400, 401 or 503.
//! - It is 200 if and only if there is one line, and it is `Bearer`, in any case, spaces and the good token.
//! - Every challenge but that of a 503, which has none, reads back, and has a `realm`.
//! - The layer within is told of nobody but the subject of the good token.

use std::sync::{LazyLock, Mutex, PoisonError};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use tokio::runtime::Runtime;
use tower_bearer::ResourceServer;

use crate::lines::{GOOD, lines};
use crate::requests::answer;
use crate::world::{Moment, runtime, server};

struct World {
    runtime: Runtime,
    server: ResourceServer,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let runtime = runtime();
    let server = runtime.block_on(async { server(Moment) });
    Mutex::new(World { runtime, server })
});

/// Each line of the input is an `Authorization` line, with tokens in the place of [their names](crate::lines).
pub fn run(input: &[u8]) {
    let mut request = Request::new(());
    let mut sent: Vec<Vec<u8>> = Vec::new();
    for line in lines(input) {
        // What cannot stand in a header does not come this far.
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            request.headers_mut().append(AUTHORIZATION, value);
            sent.push(line);
        }
    }
    let is_good = matches!(&*sent, [only] if is_good(only));
    let World { runtime, server } = &*WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    let status = runtime.block_on(answer(server.layer(), request));
    assert_eq!(status == 200, is_good, "{status} for {:?}", input.escape_ascii().to_string());
}

/// RFC 9110 §11.4 with RFC 6750 §2.1, read backwards.
fn is_good(line: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(line) else { return false };
    let Some(before) = text.trim_matches([' ', '\t']).strip_suffix(&**GOOD) else { return false };
    let scheme = before.trim_end_matches(' ');
    scheme.len() < before.len() && scheme.eq_ignore_ascii_case("bearer")
}

//! Discovery: from an issuer's identifier to its keys.

mod bounds;
mod locations;
mod repeats;
mod urls;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Uri;
use http::header::LOCATION;
use serde_json::{Value, json};
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::serve::serve;
use crate::harness::{AUDIENCE, Answer, ISSUER, app, good, present};

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";
/// The most that is read of a document.
const MAX_DOCUMENT: usize = 256 * 1024;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A web site that logs the requested paths. `TestIssuer` has one counter for two of the locations.
struct Site {
    origin: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    pages: HashMap<String, Page>,
    log: Vec<String>,
}

#[derive(Clone)]
struct Page {
    status: u16,
    location: Option<String>,
    body: Vec<u8>,
}

impl Page {
    fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, location: None, body: body.into() }
    }

    fn json(body: &Value) -> Self {
        Self::ok(body.to_string())
    }

    fn status(status: u16) -> Self {
        Self { status, location: None, body: Vec::new() }
    }

    fn redirect(location: &str) -> Self {
        Self { status: 307, location: Some(location.to_owned()), body: Vec::new() }
    }

    /// Pads the page with white space, which is insignificant in JSON.
    fn padded_to(mut self, length: usize) -> Self {
        self.body.resize(length, b' ');
        self
    }
}

impl Site {
    async fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let pages = Arc::clone(&state);
        let answer = move |uri: Uri| {
            let mut state = pages.lock().unwrap();
            let asked = uri.path_and_query().unwrap().to_string();
            let page = state.pages.get(&asked).cloned().unwrap_or_else(|| Page::status(404));
            state.log.push(asked);
            let response = Response::builder().status(page.status);
            let response = page.location.iter().fold(response, |response, to| response.header(LOCATION, to));
            std::future::ready(response.body(Body::from(page.body)).unwrap())
        };
        let origin = format!("http://{}", serve(Router::new().fallback(answer)).await);
        Self { origin, state }
    }

    /// The key set of [`ISSUER`] at `/jwks`, and nothing else.
    fn reset(&self) {
        *self.state.lock().unwrap() = State::default();
        self.put("/jwks", Page::json(&ISSUER.jwks()));
    }

    fn put(&self, path: &str, page: Page) {
        self.state.lock().unwrap().pages.insert(path.to_owned(), page);
    }

    /// What was asked for since the last call, in order.
    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().log)
    }

    /// The metadata of `issuer`, whose keys are here.
    fn metadata(&self, issuer: &str) -> Page {
        Page::json(&json!({ "issuer": issuer, "jwks_uri": format!("{}/jwks", self.origin) }))
    }
}

fn discovering(issuer: &str) -> ResourceServer {
    ResourceServer::builder(AUDIENCE).trust(Issuer::discover(issuer).unwrap()).build().unwrap()
}

/// Presents a token of `issuer` to a server that knows only the identifier.
async fn ask(issuer: &str) -> Answer {
    present(&app(&discovering(issuer)), &good(&ISSUER).claim("iss", issuer).sign()).await
}

/// The paths at which the metadata of an issuer with this path may be.
fn places(path: &str) -> Vec<String> {
    match path.trim_end_matches('/') {
        "" => vec![OAUTH.to_owned(), OPENID.to_owned()],
        path => vec![format!("{OAUTH}{path}"), format!("{OPENID}{path}"), format!("{path}{OPENID}")],
    }
}

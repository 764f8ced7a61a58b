//! `/sign-out-everywhere`: the user ends all of their sessions and grants here, and the API is notified.
//!
//! This takes a page and a click. A link, a picture or a form on another site can at most open the page: its form has a token that no other
//! site knows, and no other page may frame it.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::response::Response;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;
use bytes::Bytes;
use http::{StatusCode, Uri};
use url::Url;

use super::authorize::{COOKIE, see_other};
use super::parameters::Parameters;
use super::{AuthorizationServer, pages, secrets};

/// The parameter that says to a client that the user has signed out.
const SIGNED_OUT: (&str, &str) = ("signed_out", "everywhere");

/// A page without a form: its status and what it says.
type Refusal = (StatusCode, &'static str);

const NOBODY: Refusal = (StatusCode::FORBIDDEN, "Nobody is signed in here.");

type Server = State<Arc<AuthorizationServer>>;

/// The client to which the user returns.
pub(super) struct WayBack {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
}

/// `GET /sign-out-everywhere`, with `client_id` and `redirect_uri` if a client has sent the user: asks whether the user means it.
pub(super) async fn ask(State(server): Server, jar: CookieJar, uri: Uri) -> Response {
    let Ok(query) = Parameters::parse(uri.query().unwrap_or_default().as_bytes()) else {
        return pages::refusal(StatusCode::BAD_REQUEST, "A parameter of the request is repeated.");
    };
    let way_back = match server.way_back(&query) {
        Ok(way_back) => way_back,
        Err(reason) => return pages::refusal(StatusCode::BAD_REQUEST, reason),
    };
    let mut memory = server.memory();
    let session = jar.get(COOKIE).and_then(|cookie| memory.sessions.get(cookie.value()));
    match session {
        Some(session) if session.login.is_some() => pages::sign_out_everywhere(session, way_back.as_ref()),
        _ => pages::refusal(NOBODY.0, NOBODY.1),
    }
}

/// `POST /sign-out-everywhere`: what the user has answered.
pub(super) async fn submit(State(server): Server, jar: CookieJar, body: Bytes) -> Response {
    let Ok(form) = Parameters::parse(&body) else {
        return pages::refusal(StatusCode::BAD_REQUEST, "The form is malformed.");
    };
    let way_back = match server.way_back(&form) {
        Ok(way_back) => way_back,
        Err(reason) => return pages::refusal(StatusCode::BAD_REQUEST, reason),
    };
    let name = jar.get(COOKIE).map(Cookie::value).unwrap_or_default();
    let (subject, at) = match server.end_all(name, &form) {
        Ok(Some(ended)) => ended,
        Ok(None) => return way_back.map_or_else(pages::still_signed_in, |way_back| way_back.follow(&[])),
        Err((status, reason)) => return pages::refusal(status, reason),
    };
    if let Some(transmitter) = &server.transmitter
        && let Err(error) = transmitter.session_revoked(&server.issuer, subject, at).await
    {
        tracing::warn!("the API has not been told that {subject} has signed out everywhere: {error}");
        return pages::refusal(StatusCode::BAD_GATEWAY, "You are signed out here, but the API has not been told so.");
    }
    way_back.map_or_else(pages::signed_out_everywhere, |way_back| way_back.follow(&[SIGNED_OUT]))
}

impl AuthorizationServer {
    /// Only to where a client is registered: else this server would send its users wherever a link says.
    fn way_back(&self, parameters: &Parameters) -> Result<Option<WayBack>, &'static str> {
        let (client_id, redirect_uri) = (parameters.text("client_id"), parameters.text("redirect_uri"));
        if client_id.is_empty() && redirect_uri.is_empty() {
            return Ok(None);
        }
        let client = self.clients.get(client_id).ok_or("No such client is registered here.")?;
        if !client.redirect_uris.iter().any(|registered| registered == redirect_uri) {
            return Err("The client is registered with another redirect URI.");
        }
        Ok(Some(WayBack { client_id: client_id.to_owned(), redirect_uri: redirect_uri.to_owned() }))
    }

    /// Ends all sessions and grants of the user of this session. Returns the user, and the time until which the ended tokens were
    /// issued; `None` if the user has cancelled.
    fn end_all(&self, session: &str, form: &Parameters) -> Result<Option<(&'static str, SystemTime)>, Refusal> {
        let mut memory = self.memory();
        let session = memory.sessions.get(session).ok_or(NOBODY)?;
        if !secrets::are_equal(&session.csrf, form.text("csrf")) {
            return Err((StatusCode::FORBIDDEN, "This form was not sent from a page of this server."));
        }
        let subject = session.login.as_ref().ok_or(NOBODY)?.subject;
        if form.text("decision") != "sign-out" {
            return Ok(None);
        }
        memory.sessions.end_all_of(subject);
        memory.grants.end_all_of(subject);
        // The time is taken while nobody else can use a grant: so all tokens of the ended grants were issued before it.
        let now = SystemTime::now();
        drop(memory);
        if let Some(opaque) = &self.opaque {
            opaque.end_all_of(subject, now);
        }
        Ok(Some((subject, now)))
    }
}

impl WayBack {
    fn follow(&self, parameters: &[(&str, &str)]) -> Response {
        let Ok(mut location) = Url::parse(&self.redirect_uri) else {
            return pages::refusal(StatusCode::BAD_REQUEST, "The redirect URI is not a URL.");
        };
        if !parameters.is_empty() {
            location.query_pairs_mut().extend_pairs(parameters);
        }
        see_other(location.as_str(), Some(&self.redirect_uri))
    }
}

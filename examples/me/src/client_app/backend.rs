//! The app's own backend. It begins each sign-in, redeems the code and refreshes, and keeps the refresh token in a cookie that no
//! script can read; the page gets access tokens, which last for minutes and which it keeps in its memory alone.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router, middleware};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use http::HeaderValue;
use serde::Deserialize;
use serde_json::{Value, json};
use time::Duration;
use url::Url;

use super::flow::Flow;
use super::messages::Messages;
use super::refreshes::Refreshes;
use super::same_origin;
use super::tokens::{Granted, NoTokens, Tokens};
use crate::authorization_server::clients::WEB_APP;

/// Both cookies are sent to the backend alone, and never with what another site has caused.
const PATH: &str = "/bff";
const FLOW: &str = "flow";
const FLOW_LIFETIME: Duration = Duration::minutes(10);
const REFRESH: &str = "refresh";
/// The authorization server's limit for a family of refresh tokens.
const REFRESH_LIFETIME: Duration = Duration::hours(8);

pub(super) struct Backend {
    /// That of the page, and the only one that may ask.
    pub(super) origin: HeaderValue,
    pub(super) authorization_endpoint: Url,
    pub(super) tokens: Tokens,
    pub(super) api: String,
    pub(super) refreshes: Refreshes,
}

/// What the page wants to be asked of the authorization server, and what it does afterwards.
#[derive(Deserialize)]
struct Wish {
    scope: String,
    acr_values: Option<String>,
    max_age: Option<String>,
    resume: Option<String>,
    subject: Option<String>,
}

/// With what the authorization server has sent the user back to the page.
#[derive(Deserialize)]
struct Returned {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

type Reply = (CookieJar, Json<Value>);

pub(super) fn router(backend: Arc<Backend>) -> Router {
    Router::new()
        .route("/bff/authorize", post(authorize))
        .route("/bff/session", post(begin_session))
        .route("/bff/refresh", post(refresh))
        .route("/bff/profile", post(profile))
        .route("/bff/sign-out", post(sign_out))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&backend), same_origin::check))
        .with_state(backend)
}

/// Where to send the user. The verifier, the state and the nonce stay behind, in a cookie.
async fn authorize(State(backend): State<Arc<Backend>>, jar: CookieJar, Json(wish): Json<Wish>) -> Reply {
    let flow = Flow::begin(wish.resume, wish.subject);
    let mut url = backend.authorization_endpoint.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", WEB_APP)
        .append_pair("redirect_uri", &backend.tokens.redirect_uri)
        .append_pair("scope", &wish.scope)
        .append_pair("state", &flow.state)
        .append_pair("nonce", &flow.nonce)
        .append_pair("code_challenge", &flow.challenge())
        .append_pair("code_challenge_method", "S256")
        .extend_pairs(wish.acr_values.map(|values| ("acr_values", values)))
        .extend_pairs(wish.max_age.map(|age| ("max_age", age)));
    let jar = jar.add(backend.cookie(FLOW, flow.to_cookie(), FLOW_LIFETIME));
    (jar, Json(json!({ "location": url })))
}

/// Redeems the code, if it is the answer to the question that this browser was sent with.
async fn begin_session(State(backend): State<Arc<Backend>>, jar: CookieJar, Json(returned): Json<Returned>) -> Reply {
    // A foreign answer is not looked at, and the question stays open.
    let flow = jar.get(FLOW).and_then(|cookie| Flow::from_cookie(cookie.value()));
    let Some(flow) = flow.filter(|flow| returned.state.as_deref() == Some(&flow.state)) else {
        let reason = "Refused: this answer has a foreign state, so it belongs to no sign-in that this browser began.";
        return (jar, refused(reason, &Messages::default()));
    };
    let jar = jar.remove(expired(FLOW));
    let mut messages = Messages::default();
    let granted = match backend.redeem(&flow, &returned, &mut messages).await {
        Ok(granted) => granted,
        Err(reason) => return (jar, refused(&reason, &messages)),
    };
    let (tokens, claims) = granted;
    // What was begun as one user is not finished as another.
    if flow.resume.is_some() && flow.subject.as_deref().is_some_and(|subject| claims["sub"] != subject) {
        backend.give_back(tokens.refresh_token.as_deref(), &mut messages).await;
        return (jar, refused("Refused: somebody else has signed in, so nothing goes on.", &messages));
    }
    let earlier = jar.get(REFRESH).map(|cookie| cookie.value().to_owned());
    backend.give_back(earlier.as_deref(), &mut messages).await;
    let reply = json!({
        "access_token": tokens.access_token, "id_token_claims": claims, "resume": flow.resume, "messages": messages,
    });
    (backend.keep(jar, &tokens), Json(reply))
}

/// The next access token, or none if no user is signed in.
async fn refresh(State(backend): State<Arc<Backend>>, jar: CookieJar) -> Reply {
    let mut messages = Messages::default();
    match backend.refresh(jar, &mut messages).await {
        Ok((jar, access_token)) => (jar, Json(json!({ "access_token": access_token, "messages": messages }))),
        Err((jar, reason)) => (jar, refused_or_signed_out(reason, &messages)),
    }
}

/// The backend calls the API itself, as a web application on a server does: the page sees no token at all.
async fn profile(State(backend): State<Arc<Backend>>, jar: CookieJar) -> Reply {
    let mut messages = Messages::default();
    let (jar, access_token) = match backend.refresh(jar, &mut messages).await {
        Ok(refreshed) => refreshed,
        Err((jar, reason)) => return (jar, refused_or_signed_out(reason, &messages)),
    };
    let request = backend.tokens.http.get(format!("{}/api/me", backend.api)).bearer_auth(access_token);
    match messages.get("GET /api/me, Bearer token", request).await {
        Ok(answer) if answer.is_success => (jar, Json(json!({ "profile": answer.body, "messages": messages }))),
        _ => (jar, refused("Refused by the API.", &messages)),
    }
}

/// Ends the session here and at the authorization server. The cookie goes, whatever becomes of the revocation.
async fn sign_out(State(backend): State<Arc<Backend>>, jar: CookieJar) -> Reply {
    let mut messages = Messages::default();
    let token = jar.get(REFRESH).map(|cookie| cookie.value().to_owned());
    let is_revoked = backend.give_back(token.as_deref(), &mut messages).await;
    (jar.remove(expired(REFRESH)), Json(json!({ "revoked": is_revoked, "messages": messages })))
}

impl Backend {
    async fn redeem(
        &self,
        flow: &Flow,
        returned: &Returned,
        messages: &mut Messages,
    ) -> Result<(Granted, Value), String> {
        // RFC 9207: the code of one server must not be sent to another.
        if returned.iss.as_deref() != Some(&self.tokens.issuer) {
            return Err("Refused: another authorization server has answered.".to_owned());
        }
        if let Some(error) = &returned.error {
            let reason = returned.error_description.as_ref().unwrap_or(error);
            return Err(NoTokens::Refused(reason.clone()).to_string());
        }
        let code = returned.code.as_deref().ok_or("Refused: the answer has no code.")?;
        let tokens = self.tokens.redeem(code, &flow.verifier, messages).await.map_err(|error| error.to_string())?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let claims = self.tokens.id_token_claims(tokens.id_token.as_deref(), &flow.nonce, now);
        Ok((tokens, claims.map_err(|error| error.to_string())?))
    }

    /// An access token for the browser that has the cookie, which then has the next one.
    async fn refresh(
        self: &Arc<Self>,
        jar: CookieJar,
        messages: &mut Messages,
    ) -> Result<(CookieJar, String), (CookieJar, Option<NoTokens>)> {
        let Some(token) = jar.get(REFRESH).map(|cookie| cookie.value().to_owned()) else { return Err((jar, None)) };
        // In a task, so that it goes on when the page goes away: else the old token would be spent and the next one lost.
        let backend = Arc::clone(self);
        let task = tokio::spawn(async move {
            let mut messages = Messages::default();
            let refresh = backend.tokens.refresh(&token, &mut messages);
            (backend.refreshes.once(&token, refresh).await, messages)
        });
        let Ok((refreshed, sent)) = task.await else { return Err((jar, Some(NoTokens::Unreachable))) };
        messages.extend(sent);
        match refreshed {
            Ok(granted) => Ok((self.keep(jar, &granted), granted.access_token)),
            // It may be good again when the authorization server is back.
            Err(NoTokens::Unreachable) => Err((jar, Some(NoTokens::Unreachable))),
            Err(reason) => Err((jar.remove(expired(REFRESH)), Some(reason))),
        }
    }

    /// Ends a refresh token and all that came from the same sign-in.
    async fn give_back(&self, refresh_token: Option<&str>, messages: &mut Messages) -> bool {
        let Some(token) = refresh_token else { return true };
        self.refreshes.forget(token);
        self.tokens.revoke(token, messages).await
    }

    /// A server that does not rotate refresh tokens sends none, and the old one goes on.
    fn keep(&self, jar: CookieJar, granted: &Granted) -> CookieJar {
        match &granted.refresh_token {
            Some(token) => jar.add(self.cookie(REFRESH, token.clone(), REFRESH_LIFETIME)),
            None => jar,
        }
    }

    /// `Secure` wherever the app is on https; this machine is not.
    fn cookie(&self, name: &'static str, value: String, lifetime: Duration) -> Cookie<'static> {
        let is_https = self.origin.as_bytes().starts_with(b"https:");
        let cookie = Cookie::build((name, value)).path(PATH).http_only(true).same_site(SameSite::Strict);
        cookie.secure(is_https).max_age(lifetime).build()
    }
}

fn expired(name: &'static str) -> Cookie<'static> {
    Cookie::build(name).path(PATH).build()
}

/// No signed-in user is not an error: every page asks when it starts.
fn refused_or_signed_out(reason: Option<NoTokens>, messages: &Messages) -> Json<Value> {
    match reason {
        Some(reason) => refused(&reason.to_string(), messages),
        None => Json(json!({ "messages": messages })),
    }
}

/// A sentence for the user; the request itself was in order.
fn refused(reason: &str, messages: &Messages) -> Json<Value> {
    Json(json!({ "refused": reason, "messages": messages }))
}

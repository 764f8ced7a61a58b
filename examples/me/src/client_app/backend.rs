//! The app's own backend. It begins each sign-in, redeems the code and refreshes, and keeps the refresh token in a cookie that no script can
//! read; the page gets access tokens, which last for minutes and are kept only in the page's memory.
//!
//! With DPoP (RFC 9449), an access token is bound to a key of the client that uses it. For its own tokens, the page makes the proof for the
//! token endpoint and sends it in the header `DPoP`; the nonce for the next proof comes back in `DPoP-Nonce`. The backend has another key, for
//! its own calls. The refresh token is bound to neither, because the backend authenticates with its secret (§5).

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router, middleware};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Value, json};
use time::Duration;
use url::Url;

use super::flow::Flow;
use super::messages::{Answer, Messages, json_of};
use super::refreshes::Refreshes;
use super::same_origin;
use super::tokens::{Granted, NoTokens, Proof, Tokens};
use crate::authorization_server::clients::WEB_APP;
use crate::client_key::{ClientKey, NONCE, PROOF};

/// Both cookies are sent only to the backend, and never with a request that another site has caused.
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
    /// The profile at the API.
    pub(super) profile: Url,
    /// For the tokens that the backend itself uses; without it they are Bearer tokens.
    pub(super) key: Option<Arc<ClientKey>>,
    pub(super) refreshes: Refreshes,
}

/// What the page wants to be asked of the authorization server, and what it does afterwards.
#[derive(Deserialize)]
struct Wish {
    scope: String,
    acr_values: Option<String>,
    max_age: Option<String>,
    dpop_jkt: Option<String>,
    resume: Option<String>,
    subject: Option<String>,
}

/// The parameters with which the authorization server has sent the user back to the page.
#[derive(Deserialize)]
struct Returned {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// The cookies, the nonce for the page's next proof, and the rest.
type Reply = (CookieJar, HeaderMap, Json<Value>);

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
        .extend_pairs(wish.max_age.map(|age| ("max_age", age)))
        .extend_pairs(wish.dpop_jkt.map(|jkt| ("dpop_jkt", jkt)));
    let jar = jar.add(backend.cookie(FLOW, flow.to_cookie(), FLOW_LIFETIME));
    (jar, HeaderMap::new(), Json(json!({ "location": url })))
}

/// Redeems the code, if it answers the authorization request with which this browser was sent.
async fn begin_session(
    State(backend): State<Arc<Backend>>,
    jar: CookieJar,
    headers: HeaderMap,
    Json(returned): Json<Returned>,
) -> Reply {
    let mut messages = Messages::default();
    // A foreign answer is not looked at, and the question stays open.
    let flow = jar.get(FLOW).and_then(|cookie| Flow::from_cookie(cookie.value()));
    let Some(flow) = flow.filter(|flow| returned.state.as_deref() == Some(&flow.state)) else {
        return refused(jar, &NoTokens::ForeignState, &messages);
    };
    let redeemed = backend.redeem(&flow, &returned, &proof_of_page(&headers), &mut messages).await;
    // The code is not spent by a bad proof, so the page can come again with a better one.
    if let Err(reason @ NoTokens::BadProof { .. }) = &redeemed {
        return refused(jar, reason, &messages);
    }
    let jar = jar.remove(expired(FLOW));
    let (tokens, claims) = match redeemed {
        Ok(granted) => granted,
        Err(reason) => return refused(jar, &reason, &messages),
    };
    // What was begun as one user is not finished as another.
    if flow.resume.is_some() && flow.subject.as_deref().is_some_and(|subject| claims["sub"] != subject) {
        backend.give_back(tokens.refresh_token.as_deref(), &mut messages).await;
        return refused(jar, &NoTokens::OtherUser, &messages);
    }
    let earlier = jar.get(REFRESH).map(|cookie| cookie.value().to_owned());
    backend.give_back(earlier.as_deref(), &mut messages).await;
    let reply = json!({
        "access_token": tokens.access_token, "id_token_claims": claims, "resume": flow.resume, "messages": messages,
    });
    (backend.keep(jar, &tokens), with_nonce(tokens.nonce.as_deref()), Json(reply))
}

/// The next access token, or none if no user is signed in.
async fn refresh(State(backend): State<Arc<Backend>>, jar: CookieJar, headers: HeaderMap) -> Reply {
    let mut messages = Messages::default();
    match backend.refresh(jar, proof_of_page(&headers), &mut messages).await {
        Ok((jar, granted)) => {
            let reply = json!({ "access_token": granted.access_token, "messages": messages });
            (jar, with_nonce(granted.nonce.as_deref()), Json(reply))
        }
        Err((jar, reason)) => refused_or_signed_out(jar, reason, &messages),
    }
}

/// The backend calls the API itself, as a web application on a server does: the page sees no token at all.
async fn profile(State(backend): State<Arc<Backend>>, jar: CookieJar) -> Reply {
    let mut messages = Messages::default();
    let proof = backend.key.clone().map_or(Proof::None, Proof::Own);
    let (jar, granted) = match backend.refresh(jar, proof, &mut messages).await {
        Ok(refreshed) => refreshed,
        Err((jar, reason)) => return refused_or_signed_out(jar, reason, &messages),
    };
    let reply = match backend.call_api(&granted.access_token, &mut messages).await {
        Ok(answer) if answer.status().is_success() => json!({ "profile": json_of(&answer), "messages": messages }),
        _ => json!({ "refused": "Refused by the API.", "messages": messages }),
    };
    (jar, HeaderMap::new(), Json(reply))
}

/// Ends the session here and at the authorization server. The cookie goes, whatever becomes of the revocation.
async fn sign_out(State(backend): State<Arc<Backend>>, jar: CookieJar) -> Reply {
    let mut messages = Messages::default();
    let token = jar.get(REFRESH).map(|cookie| cookie.value().to_owned());
    let is_revoked = backend.give_back(token.as_deref(), &mut messages).await;
    let reply = json!({ "revoked": is_revoked, "messages": messages });
    (jar.remove(expired(REFRESH)), HeaderMap::new(), Json(reply))
}

impl Backend {
    async fn redeem(
        &self,
        flow: &Flow,
        returned: &Returned,
        proof: &Proof,
        messages: &mut Messages,
    ) -> Result<(Granted, Value), NoTokens> {
        // RFC 9207: the code of one server must not be sent to another.
        if returned.iss.as_deref() != Some(&self.tokens.issuer) {
            return Err(NoTokens::OtherServer);
        }
        if let Some(error) = &returned.error {
            let reason = returned.error_description.as_ref().unwrap_or(error);
            return Err(NoTokens::Refused(reason.clone()));
        }
        let code = returned.code.as_deref().ok_or(NoTokens::NoCode)?;
        let tokens = self.tokens.redeem(code, &flow.verifier, proof, messages).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let claims = self.tokens.id_token_claims(tokens.id_token.as_deref(), &flow.nonce, now)?;
        Ok((tokens, claims))
    }

    /// An access token for the browser that has the cookie, which then has the next one.
    async fn refresh(
        self: &Arc<Self>,
        jar: CookieJar,
        proof: Proof,
        messages: &mut Messages,
    ) -> Result<(CookieJar, Granted), (CookieJar, Option<NoTokens>)> {
        let Some(token) = jar.get(REFRESH).map(|cookie| cookie.value().to_owned()) else { return Err((jar, None)) };
        // In a task, so that it goes on when the page goes away: else the old token would be spent and the next one lost.
        let backend = Arc::clone(self);
        let task = tokio::spawn(async move {
            let mut messages = Messages::default();
            (backend.refresh_for(token, &proof, &mut messages).await, messages)
        });
        let Ok((refreshed, sent)) = task.await else { return Err((jar, Some(NoTokens::Unreachable))) };
        messages.extend(sent);
        match refreshed {
            Ok(granted) => Ok((self.keep(jar, &granted), granted)),
            Err(reason) if reason.leaves_grant() => Err((jar, Some(reason))),
            Err(reason) => Err((jar.remove(expired(REFRESH)), Some(reason))),
        }
    }

    /// An access token for the key of this proof. If the refresh token was just exchanged for one that another key needs, the next refresh
    /// token is exchanged too.
    async fn refresh_for(&self, token: String, proof: &Proof, messages: &mut Messages) -> Result<Granted, NoTokens> {
        let mut token = token;
        loop {
            let refresh = self.tokens.refresh(&token, proof, messages);
            let granted = self.refreshes.once(&token, refresh).await?;
            match &granted.refresh_token {
                Some(next) if granted.holder != proof.holder() => token.clone_from(next),
                _ => return Ok(granted),
            }
        }
    }

    async fn call_api(&self, access_token: &str, messages: &mut Messages) -> reqwest::Result<Answer> {
        let request = || self.tokens.http.get(self.profile.clone());
        let Some(key) = &self.key else {
            return messages.get("GET /api/me, Bearer token", request().bearer_auth(access_token)).await;
        };
        let proven = || {
            let request = request().header(AUTHORIZATION, format!("DPoP {access_token}"));
            request.header(PROOF, key.proof(&Method::GET, &self.profile, Some(access_token)))
        };
        let answer = messages.get("GET /api/me, token and proof", proven()).await?;
        if key.learn_nonce(&self.profile, &answer) {
            return messages.get("GET /api/me, token and proof", proven()).await;
        }
        Ok(answer)
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

/// The proof for the token endpoint that the page has made, if any.
fn proof_of_page(headers: &HeaderMap) -> Proof {
    let proof = headers.get(PROOF).and_then(|proof| proof.to_str().ok());
    proof.map_or(Proof::None, |proof| Proof::OfPage(proof.to_owned()))
}

fn with_nonce(nonce: Option<&str>) -> HeaderMap {
    nonce.and_then(|nonce| HeaderValue::try_from(nonce).ok()).map(|nonce| (NONCE, nonce)).into_iter().collect()
}

/// No signed-in user is not an error: every page asks when it starts. If the user was signed in and is not any more, the page is told so.
fn refused_or_signed_out(jar: CookieJar, reason: Option<NoTokens>, messages: &Messages) -> Reply {
    match reason {
        Some(reason) => {
            let (jar, headers, Json(mut reply)) = refused(jar, &reason, messages);
            reply["signed_out"] = json!(!reason.leaves_grant());
            (jar, headers, Json(reply))
        }
        None => (jar, HeaderMap::new(), Json(json!({ "messages": messages }))),
    }
}

/// A sentence for the user; the request itself was in order. If only a nonce is missing, the page is told so.
fn refused(jar: CookieJar, reason: &NoTokens, messages: &Messages) -> Reply {
    let mut reply = json!({ "refused": reason.to_string(), "messages": messages });
    let nonce = match reason {
        NoTokens::BadProof { nonce, .. } => nonce.as_deref(),
        _ => None,
    };
    if nonce.is_some() {
        reply["error"] = json!("use_dpop_nonce");
    }
    (jar, with_nonce(nonce), Json(reply))
}

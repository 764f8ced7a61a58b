//! The crate in front of a service in any language: a proxy asks it about every request before it passes one on. It answers
//! as nginx's `auth_request`, Traefik's `ForwardAuth` and Envoy's `ext_authz` expect it: `cargo run --example forward_auth`.
//!
//! | the proxy asks for | and a good token gets |
//! |---|---|
//! | `/auth`, or any path below | 200 |
//! | `/scope/read:me`, or any path below | 200 if it grants `read:me`, else 403 |
//!
//! Every 200 has `X-Auth-Subject`, `X-Auth-Client`, `X-Auth-Scope` and `X-Auth-Issuer` for the service behind the proxy, empty
//! where the token says nothing, so that a proxy which overwrites what it is given leaves nothing of the client's. Everything
//! else is refused: 400, 401 and 403 with a challenge, and 503 with `Retry-After` while the issuer is down.
//!
//! The scope stands in the path, because the proxy's configuration alone writes that. It does not stand in the query: Envoy
//! appends the client's own. Several are separated by `%20`, and a slash within one is `%2F`.
//!
//! # nginx
//!
//! ```nginx
//! # For `http { … }`. nginx itself passes on the challenge of a 401, and of nothing else.
//! map $auth_status $auth_challenge_left { 400 $auth_challenge; 403 $auth_challenge; }
//!
//! # For `server { … }`.
//! location /_scope/ {
//!     internal;                                      # no client gets here
//!     proxy_pass http://127.0.0.1:9000/scope/;
//!     proxy_pass_request_body off;
//!     proxy_set_header Content-Length "";
//! }
//! location /api/ {
//!     auth_request /_scope/read:me;                  # several: "/_scope/read:me write:me"
//!     auth_request_set $auth_status $upstream_status;
//!     auth_request_set $auth_challenge $upstream_http_www_authenticate;
//!     auth_request_set $auth_retry_after $upstream_http_retry_after;
//!     auth_request_set $auth_subject $upstream_http_x_auth_subject;
//!     auth_request_set $auth_client $upstream_http_x_auth_client;
//!     auth_request_set $auth_scope $upstream_http_x_auth_scope;
//!     auth_request_set $auth_issuer $upstream_http_x_auth_issuer;
//!     proxy_set_header X-Auth-Subject $auth_subject;    # in place of whatever the client sent
//!     proxy_set_header X-Auth-Client $auth_client;
//!     proxy_set_header X-Auth-Scope $auth_scope;
//!     proxy_set_header X-Auth-Issuer $auth_issuer;
//!     add_header WWW-Authenticate $auth_challenge_left always;
//!     error_page 500 = @undecided;
//!     proxy_pass http://127.0.0.1:8000;
//! }
//! # auth_request knows 2xx, 401 and 403, and makes 500 of every other answer.
//! location @undecided {
//!     add_header WWW-Authenticate $auth_challenge_left always;
//!     add_header Retry-After $auth_retry_after always;
//!     if ($auth_status = 400) { return 400; }
//!     if ($auth_status = 503) { return 503; }
//!     return 500;
//! }
//! ```
//!
//! # Traefik
//!
//! ```yaml
//! http:
//!   middlewares:
//!     read-me:
//!       forwardAuth:
//!         address: http://127.0.0.1:9000/scope/read:me
//!         authResponseHeaders: [X-Auth-Subject, X-Auth-Client, X-Auth-Scope, X-Auth-Issuer]
//! ```
//!
//! # Envoy
//!
//! ```yaml
//! name: envoy.filters.http.ext_authz
//! typed_config:
//!   "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
//!   http_service:
//!     server_uri: { uri: "http://127.0.0.1:9000", cluster: forward_auth, timeout: 7s }
//!     path_prefix: /scope/read:me
//!     authorization_response:
//!       allowed_upstream_headers: { patterns: [{ prefix: x-auth-, ignore_case: true }] }
//!   status_on_error: { code: ServiceUnavailable }    # else a 503 of ours becomes 403
//! ```
//!
//! # Cautions
//!
//! - What the service behind believes must come from here: the proxy overwrites or strips every `X-Auth-*` header of a client,
//!   also on routes that it does not ask about, and in the spelling `X_Auth_Subject` if the service cannot tell the two apart
//!   (nginx drops those by itself, Envoy with `headers_with_underscores_action`). Nobody reaches the service but the proxy.
//! - Listen on loopback or a private network: a caller that reaches this server chooses the scope, and the answer names the subject.
//! - The token still reaches the service. If it has no need of it, drop it: `proxy_set_header Authorization "";`.
//! - No answer from here may mean yes: leave Envoy's `failure_mode_allow` off. Give the proxy 7 seconds of patience, one more
//!   than a request may wait for a key.
//! - Preflights of browsers bring no token: let the proxy answer them.

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use clap::Parser;
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use tokio::net::TcpListener;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AccessToken, Issuer, Require, ResourceServer, Scope};

/// Answers a proxy whether it may pass a request on: nginx, Traefik, Envoy
#[derive(Parser)]
struct Arguments {
    /// The issuer to trust, by its URL (http for this machine alone); without it, the example brings its own
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The audience that tokens must carry
    #[arg(long, default_value = "https://api.example.test")]
    audience: String,
    /// The address to listen on, which proxies alone should reach
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).init();
    let Arguments { issuer, audience, listen } = Arguments::parse();
    let own_issuer = issuer.is_none().then(TestIssuer::start);
    let own_url = own_issuer.as_ref().map(|own| own.url().to_owned());
    let issuer = Issuer::discover(&issuer.or(own_url).unwrap_or_default())?;
    let api = ResourceServer::builder(&audience).trust(issuer).build()?;

    let mut router = Router::new();
    for below in ["", "/", "/{*path}"] {
        router = router
            .route(&format!("/auth{below}"), any(async |token: AccessToken| identity(&token)))
            .route(&format!("/scope/{{scope}}{below}"), any(with_scope));
    }
    let router = router.with_state(api.clone()).layer(api.layer());

    let listener = TcpListener::bind(listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("A proxy asks {url}/auth, or {url}/scope/read:me");
    if let Some(issuer) = &own_issuer {
        let token = issuer.token().audience(&audience).scope("read:me").sign();
        println!("curl -i {url}/scope/read:me");
        println!("curl -i {url}/scope/read:me -H 'Authorization: Bearer {token}'");
        println!("curl -i {url}/scope/write:me -H 'Authorization: Bearer {token}'");
    }
    Ok(axum::serve(listener, router).await?)
}

#[derive(Deserialize)]
struct Needed {
    scope: String,
}

async fn with_scope(State(api): State<ResourceServer>, Path(needed): Path<Needed>, token: AccessToken) -> Response {
    let Ok(scope) = needed.scope.parse::<Scope>() else {
        tracing::error!(scope = needed.scope, "the proxy asks for what is no scope");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    match api.check(&token, &Require::from(scope)) {
        Ok(()) => identity(&token).into_response(),
        Err(rejection) => rejection.into_response(),
    }
}

/// Whom the token is about. One who cannot be named in a header is refused, not passed on under part of a name.
fn identity(token: &AccessToken) -> Result<[(HeaderName, HeaderValue); 5], StatusCode> {
    Ok([
        header("x-auth-subject", token.subject())?,
        header("x-auth-client", token.client_id().unwrap_or_default())?,
        header("x-auth-scope", token.scope().as_str())?,
        header("x-auth-issuer", token.issuer())?,
        // The next request may bring another token.
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ])
}

/// Printable ASCII, which every recipient reads alike, and no space at an end, where HTTP drops it.
fn header(name: &'static str, text: &str) -> Result<(HeaderName, HeaderValue), StatusCode> {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.trim_matches(' ') == text;
    let value = HeaderValue::from_str(text).ok().filter(|_| plain).ok_or_else(|| {
        tracing::warn!(name, "a good token was refused: its value cannot stand in this header");
        StatusCode::FORBIDDEN
    })?;
    Ok((HeaderName::from_static(name), value))
}

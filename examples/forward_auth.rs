//! The crate in front of a service in any language: a proxy asks this server about every request before passing it on. The answers suit
//! nginx's `auth_request`, Traefik's `ForwardAuth` and Envoy's `ext_authz`: `cargo run --example forward_auth`.
//!
//! | the proxy asks for | and a good token gets |
//! |---|---|
//! | `/auth`, or any path below | 200 |
//! | `/scope/read:me`, or any path below | 200 if it grants `read:me`, otherwise 403 |
//!
//! Every 200 has `X-Auth-Subject`, `X-Auth-Client`, `X-Auth-Scope` and `X-Auth-Issuer` for the service behind the proxy. They are empty if
//! the token has no such value, so that a proxy that copies them always overwrites the client's own. Everything else is refused: with 400,
//! 401 or 403 and a challenge, or with 503 and `Retry-After` while the issuer is down.
//!
//! With `--dpop https://api.example.com` it also accepts tokens that are bound to a key (RFC 9449), with a proof for the request that
//! the proxy asks about. The proxy names that request in two headers, which it overwrites in every request.
//!
//! The scope is in the path, because only the proxy's configuration determines that. It is not in the query, to which Envoy appends the
//! client's own. Separate several scopes with `%20`, and write a slash within a scope as `%2F`.
//!
//! # nginx
//!
//! ```nginx
//! # For `http { … }`. By itself, nginx passes on only the challenge of a 401.
//! map $auth_status $auth_challenge_left { 400 $auth_challenge; 403 $auth_challenge; }
//! map $auth_nonce $auth_nonce_caching { "" ""; default no-store; }      # a nonce is for one client
//!
//! # For `server { … }`.
//! location /_scope/ {
//!     internal;                                      # no client gets here
//!     proxy_pass http://127.0.0.1:9000/scope/;
//!     proxy_pass_request_body off;
//!     proxy_set_header Content-Length "";
//!     proxy_set_header X-Original-URI $request_uri;      # for --dpop: replaces whatever the client sent
//!     proxy_set_header X-Original-Method $request_method;
//! }
//! location /api/ {
//!     auth_request /_scope/read:me;                  # several: "/_scope/read:me write:me"
//!     auth_request_set $auth_status $upstream_status;
//!     auth_request_set $auth_challenge $upstream_http_www_authenticate;
//!     auth_request_set $auth_nonce $upstream_http_dpop_nonce;
//!     auth_request_set $auth_retry_after $upstream_http_retry_after;
//!     auth_request_set $auth_subject $upstream_http_x_auth_subject;
//!     auth_request_set $auth_client $upstream_http_x_auth_client;
//!     auth_request_set $auth_scope $upstream_http_x_auth_scope;
//!     auth_request_set $auth_issuer $upstream_http_x_auth_issuer;
//!     proxy_set_header X-Auth-Subject $auth_subject;    # replaces whatever the client sent
//!     proxy_set_header X-Auth-Client $auth_client;
//!     proxy_set_header X-Auth-Scope $auth_scope;
//!     proxy_set_header X-Auth-Issuer $auth_issuer;
//!     add_header WWW-Authenticate $auth_challenge_left always;
//!     add_header DPoP-Nonce $auth_nonce always;
//!     add_header Cache-Control $auth_nonce_caching always;
//!     error_page 500 = @undecided;
//!     proxy_pass http://127.0.0.1:8000;
//! }
//! # auth_request knows 2xx, 401 and 403, and turns every other answer into 500.
//! location @undecided {
//!     add_header WWW-Authenticate $auth_challenge_left always;
//!     add_header Retry-After $auth_retry_after always;
//!     if ($auth_status = 400) { return 400; }
//!     if ($auth_status = 429) { return 429; }
//!     if ($auth_status = 503) { return 503; }
//!     return 500;
//! }
//! ```
//!
//! nginx before 1.23 passes on only one line of `WWW-Authenticate`, so the challenges of all schemes are on one line here (RFC 9110
//! §11.6.1).
//!
//! # Traefik
//!
//! Traefik overwrites `X-Forwarded-Uri` and `X-Forwarded-Method` unless `trustForwardHeader` is on. For DPoP, leave it off, and start the
//! example with `--target-header x-forwarded-uri --method-header x-forwarded-method`. Put middlewares that change the path after this one.
//! Traefik drops the new nonce of a 200, so a client learns it from the next 401.
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
//! Envoy sends only some headers of a request. For DPoP, it must send the proof, and another filter must write the two headers first.
//!
//! ```yaml
//! # For DPoP.
//! name: envoy.filters.http.header_mutation
//! typed_config:
//!   "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
//!   mutations:
//!     request_mutations:
//!       - append: { header: { key: x-original-uri, value: "%REQ(:PATH)%" }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }
//!       - append: { header: { key: x-original-method, value: "%REQ(:METHOD)%" }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }
//! ```
//!
//! ```yaml
//! name: envoy.filters.http.ext_authz
//! typed_config:
//!   "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
//!   allowed_headers: { patterns: [{ exact: dpop }, { prefix: x-original- }] }    # for DPoP
//!   http_service:
//!     server_uri: { uri: "http://127.0.0.1:9000", cluster: forward_auth, timeout: 7s }
//!     path_prefix: /scope/read:me
//!     authorization_response:
//!       allowed_upstream_headers: { patterns: [{ prefix: x-auth-, ignore_case: true }] }
//!       allowed_client_headers_on_success: { patterns: [{ exact: dpop-nonce }] }    # for DPoP
//!   status_on_error: { code: ServiceUnavailable }    # otherwise our 503 becomes 403
//! ```
//!
//! # Cautions
//!
//! - The service must trust only headers from here: the proxy must overwrite or strip every `X-Auth-*` header of a client, also on routes
//!   that it does not ask about, and also in the spelling `X_Auth_Subject` if the service does not distinguish the two (nginx drops those
//!   by default, Envoy with `headers_with_underscores_action`). Only the proxy may be able to reach the service.
//! - Listen on loopback or a private network: anyone who reaches this server can choose the scope, and the answer names the subject.
//! - The token still reaches the service. If the service does not need it, drop it: `proxy_set_header Authorization "";`.
//! - A missing answer must not mean yes: leave Envoy's `failure_mode_allow` off. Set the proxy's timeout to 7 seconds, one more than a
//!   request may wait for a key.
//! - A proxy that passes on the client's own `X-Original-URI` or `X-Original-Method` makes proofs worthless: anyone who has captured a
//!   proof can name the request that it was made for, and send another request. The two headers are trusted only from the addresses of `--proxy`.
//! - A proof is accepted once. nginx asks again after an internal redirect (`index`, `try_files`), so protect only locations without one.
//! - The token is read from `Authorization`. For a token in a cookie, the layer must know the method of the client's request, because nginx and
//!   Traefik ask with `GET`: `TokenSource::cookie("token").method_from(…)` with the header that holds it.
//! - Browsers' preflight requests have no token: let the proxy answer them.

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use clap::Parser;
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use tokio::net::TcpListener;
use tower_bearer::dpop::{Dpop, InvalidPublicUrl, Nonces, PeerAddress, PublicUrl};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AccessToken, Issuer, Require, ResourceServer, Scope};

/// Tells a proxy (nginx, Traefik or Envoy) whether it may pass a request on
#[derive(Parser)]
struct Arguments {
    /// The issuer to trust, by its URL (http only for this machine); without it, the example starts its own
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The audience that tokens must carry
    #[arg(long, default_value = "https://api.example.test")]
    audience: String,
    /// The address to listen on, which only proxies should reach
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Accept tokens that are bound to a key, with DPoP proofs for requests to the API at this URL, which clients call
    #[arg(long, value_name = "URL")]
    dpop: Option<String>,
    /// Require a nonce in every proof
    #[arg(long, requires = "dpop")]
    nonces: bool,
    /// The addresses or networks of the proxies, which name the request that they ask about
    #[arg(long, value_name = "NETWORK", default_values = ["127.0.0.1", "::1"])]
    proxy: Vec<String>,
    /// The header with the path and the query of the request that a proxy asks about; every proxy overwrites it
    #[arg(long, value_name = "NAME", default_value = "x-original-uri")]
    target_header: HeaderName,
    /// The header with the method of that request; every proxy overwrites it
    #[arg(long, value_name = "NAME", default_value = "x-original-method")]
    method_header: HeaderName,
}

impl Arguments {
    fn proofs(&self) -> Result<Option<Dpop>, InvalidPublicUrl> {
        let Some(url) = &self.dpop else { return Ok(None) };
        let (target, method) = (self.target_header.clone(), self.method_header.clone());
        let dpop = Dpop::at_url(PublicUrl::new(url)?.forward_auth(&self.proxy, target, method)?);
        Ok(Some(if self.nonces { dpop.nonces(Nonces::random()) } else { dpop }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).init();
    let arguments = Arguments::parse();
    let proofs = arguments.proofs()?;
    let Arguments { issuer, audience, listen, .. } = arguments;
    let own_issuer = issuer.is_none().then(TestIssuer::start);
    let own_url = own_issuer.as_ref().map(|own| own.url().to_owned());
    let issuer = Issuer::discover(&issuer.or(own_url).unwrap_or_default())?;
    let mut builder = ResourceServer::builder(&audience).trust(issuer);
    if let Some(proofs) = proofs {
        builder = builder.dpop(proofs);
    }
    let api = builder.build()?;

    let mut router = Router::new();
    for below in ["", "/", "/{*path}"] {
        router = router
            .route(&format!("/auth{below}"), any(async |token: AccessToken| identity(&token)))
            .route(&format!("/scope/{{scope}}{below}"), any(with_scope));
    }
    let router = router.with_state(api.clone()).layer(api.layer());
    let router = router.layer(from_fn(with_peer)).layer(map_response(challenges_in_one_line));

    let listener = TcpListener::bind(listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("A proxy sends its request to {url}/auth, or to {url}/scope/read:me");
    if let Some(issuer) = &own_issuer {
        let token = issuer.token().audience(&audience).scope("read:me").sign();
        println!("curl -i {url}/scope/read:me");
        println!("curl -i {url}/scope/read:me -H 'Authorization: Bearer {token}'");
        println!("curl -i {url}/scope/write:me -H 'Authorization: Bearer {token}'");
    }
    Ok(axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await?)
}

/// Tells the layer which proxy asks.
async fn with_peer(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(PeerAddress(peer.ip()));
    next.run(request).await
}

/// For nginx before 1.23, which passes on one line of them.
async fn challenges_in_one_line(mut response: Response) -> Response {
    let lines: Vec<_> = response.headers().get_all(WWW_AUTHENTICATE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(line) = HeaderValue::from_bytes(&lines.join(&b", "[..]))
        && !line.is_empty()
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, line);
    }
    response
}

#[derive(Deserialize)]
struct Needed {
    scope: String,
}

async fn with_scope(State(api): State<ResourceServer>, Path(needed): Path<Needed>, token: AccessToken) -> Response {
    let Ok(scope) = needed.scope.parse::<Scope>() else {
        tracing::error!(
            scope = needed.scope,
            "expected a scope in the path that the proxy requests, found something else"
        );
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
        tracing::warn!(name, "a good token was refused: one of its values cannot be put into this header");
        StatusCode::FORBIDDEN
    })?;
    Ok((HeaderName::from_static(name), value))
}

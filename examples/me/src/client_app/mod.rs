//! The client app: a page without a build step, and the backend that keeps its refresh token, on one origin.

mod backend;
mod flow;
mod messages;
mod refreshes;
mod same_origin;
mod tokens;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::json;
use tower::ServiceBuilder;
use tower_http::set_header::SetResponseHeaderLayer;
use url::{Url, form_urlencoded};

use self::backend::Backend;
use self::refreshes::Refreshes;
use self::tokens::Tokens;
use crate::authorization_server::AuthorizationServer;
use crate::authorization_server::clients::WEB_APP;
use crate::client_key::ClientKey;

/// Where the page is, and what it needs to know.
pub(crate) struct ClientApp<'a> {
    pub(crate) redirect_uri: &'a str,
    pub(crate) api: &'a str,
    pub(crate) audience: &'a str,
    /// Whether the page and its backend have keys, and want tokens that are bound to them.
    pub(crate) with_proofs: bool,
}

impl ClientApp<'_> {
    /// `server` is where its users sign in.
    pub(crate) fn router(&self, server: &AuthorizationServer) -> Result<Router, Box<dyn Error>> {
        let config = json!({
            "issuer": server.issuer.url(),
            "redirect_uri": self.redirect_uri,
            "scope": server.scopes.as_str(),
            "api": self.api,
            "audience": self.audience,
            "dpop": self.with_proofs,
            "sign_out_everywhere": format!("{}/sign-out-everywhere?{}", server.issuer.url(), self.way_back()),
            "token_endpoint": server.issuer.metadata()["token_endpoint"],
        });
        // It may run only its own scripts, and connect only to its backend and the API.
        let policy = format!(
            "default-src 'self'; connect-src 'self' {}; img-src 'self' data:; frame-ancestors 'none'; \
             base-uri 'none'; form-action 'none'; object-src 'none'",
            Url::parse(self.api)?.origin().ascii_serialization()
        );
        let policy = HeaderValue::try_from(policy)?;
        let fixed = |name, value| SetResponseHeaderLayer::overriding(name, value);
        let router = Router::new()
            .route("/", get(async || file("text/html; charset=utf-8", include_str!("../../app/index.html"))))
            .route("/app.js", get(async || script(include_str!("../../app/app.js"))))
            .route("/challenges.js", get(async || script(include_str!("../../app/challenges.js"))))
            .route("/dpop.js", get(async || script(include_str!("../../app/dpop.js"))))
            .route("/messages.js", get(async || script(include_str!("../../app/messages.js"))))
            .route("/icon.svg", get(icon))
            .route("/style.css", get(style))
            .route("/config.json", get(async move || Json(config)))
            .merge(backend::router(Arc::new(self.backend(server)?)))
            .layer(
                ServiceBuilder::new()
                    .layer(fixed(CONTENT_SECURITY_POLICY, policy))
                    .layer(fixed(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
                    .layer(fixed(REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
                    .layer(fixed(CACHE_CONTROL, HeaderValue::from_static("no-store"))),
            );
        Ok(router)
    }

    /// For the authorization server: to whom the user returns.
    fn way_back(&self) -> String {
        let parameters = [("client_id", WEB_APP), ("redirect_uri", self.redirect_uri)];
        form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
    }

    fn backend(&self, server: &AuthorizationServer) -> Result<Backend, Box<dyn Error>> {
        let metadata = server.issuer.metadata();
        let endpoint = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
        let http = Client::builder().no_proxy().redirect(Policy::none()).timeout(Duration::from_secs(5)).build()?;
        Ok(Backend {
            origin: HeaderValue::try_from(Url::parse(self.redirect_uri)?.origin().ascii_serialization())?,
            authorization_endpoint: Url::parse(&endpoint("authorization_endpoint"))?,
            tokens: Tokens {
                http,
                issuer: server.issuer.url().to_owned(),
                token_endpoint: Url::parse(&endpoint("token_endpoint"))?,
                revocation_endpoint: endpoint("revocation_endpoint"),
                redirect_uri: self.redirect_uri.to_owned(),
            },
            profile: Url::parse(&format!("{}/api/me", self.api))?,
            key: self.with_proofs.then(|| Arc::new(ClientKey::generate())),
            refreshes: Refreshes::default(),
        })
    }
}

/// The authorization server's pages share this and the next.
pub(crate) async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("../../app/style.css"))
}

pub(crate) async fn icon() -> impl IntoResponse {
    file("image/svg+xml", include_str!("../../app/icon.svg"))
}

fn script(content: &'static str) -> impl IntoResponse {
    file("text/javascript; charset=utf-8", content)
}

fn file(content_type: &'static str, content: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, content_type)], content)
}

//! An authorization server, **for development only**: two users whose passwords are shown on the login page, one-time codes that are shown where they
//! are requested, clients with well-known secrets, open registration, plain http, and unbounded state that is only in memory. It lets you see and
//! attack the whole sequence on one machine.
//!
//! What it does follows the RFCs: authorization code with PKCE (RFC 6749, 7636, 9700), `iss` in every answer (RFC 9207), step-up (RFC 9470), refresh
//! tokens that rotate, client credentials, ID tokens, revocation (RFC 7009), tokens that are bound to a key (RFC 9449), opaque tokens with
//! introspection (RFC 7662), resource indicators (RFC 8707), dynamic client registration (RFC 7591), and security events when a user signs out
//! everywhere (RFC 8417, RFC 8935). A [`TestIssuer`] signs the tokens.

mod authorize;
pub(crate) mod clients;
mod grants;
mod metadata;
mod mint;
mod nonces;
pub(crate) mod opaque;
mod pages;
mod parameters;
mod pkce;
pub(crate) mod proofs;
mod registration;
mod request;
pub(crate) mod secrets;
mod sessions;
mod settings;
mod sign_out;
mod token;
pub(crate) mod transmitter;
pub(crate) mod users;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::CONTENT_TYPE;
use http::{HeaderName, Method};
use serde_json::Value;
use tower_bearer::dpop::EXPOSED_HEADERS;
use tower_bearer::jose::Algorithm;
use tower_bearer::require::AcrValues;
use tower_bearer::testing::{TestIssuer, TokenBuilder};
use tower_bearer::{Issuer, Scope};
use tower_http::cors::{AllowOrigin, CorsLayer};

use self::clients::Clients;
use self::grants::Grants;
use self::opaque::OpaqueTokens;
use self::proofs::Proofs;
use self::sessions::Sessions;
pub use self::settings::Settings;
use self::transmitter::Transmitter;
use crate::client_app;
use crate::client_key::PROOF;

const TOKEN_LIFETIME: Duration = Duration::from_secs(300);

/// Clients of the Model Context Protocol send it to authorization servers too.
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// The server: what it knows, and what it keeps.
pub struct AuthorizationServer {
    pub(crate) issuer: TestIssuer,
    /// The API that the access tokens are for, and what its scopes are.
    audience: String,
    api_scopes: Scope,
    /// Of access tokens, in seconds.
    token_lifetime: AtomicU64,
    /// All that can be granted.
    pub(crate) scopes: Scope,
    /// The `acr` values of an authentication with a second factor.
    strong: AcrValues,
    clients: Clients,
    /// Without them every token is a Bearer token.
    proofs: Option<Proofs>,
    /// Without it access tokens are JWTs.
    pub(crate) opaque: Option<OpaqueTokens>,
    /// Without it nobody is told when a user signs out everywhere.
    pub(crate) transmitter: Option<Transmitter>,
    memory: Mutex<Memory>,
}

/// What changes.
#[derive(Default)]
struct Memory {
    sessions: Sessions,
    grants: Grants,
}

impl AuthorizationServer {
    /// Starts the server. It answers as soon as its [`router`](Self::router) is served at its origin.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the text is good")]
    pub fn new(settings: Settings) -> Arc<Self> {
        let Settings { origin, audience, api_scopes, strong, app_redirect_uri, proofs, is_opaque, transmitter } =
            settings;
        tracing::warn!("{origin} is an authorization server for development only: do not use it in production");
        let issuer =
            TestIssuer::builder().algorithms([Algorithm::ES256, mint::ID_TOKEN_ALGORITHM]).url(&origin).start();
        let scopes = format!("openid offline_access {api_scopes}");
        let server = Self {
            issuer,
            audience,
            token_lifetime: AtomicU64::new(TOKEN_LIFETIME.as_secs()),
            scopes: scopes.trim_end().parse().expect("scope tokens separated by one space"),
            api_scopes,
            strong,
            clients: Clients::new(&app_redirect_uri),
            proofs,
            opaque: is_opaque.then(OpaqueTokens::default),
            transmitter,
            memory: Mutex::default(),
        };
        server.issuer.set_metadata(metadata::document(&server));
        Arc::new(server)
    }

    /// This server, as an API trusts it.
    pub fn issuer(&self) -> Issuer {
        self.issuer.issuer()
    }

    /// Sets how long access tokens that are issued from now on are valid, in whole seconds. The default is five minutes.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.token_lifetime.store(lifetime.as_secs(), Ordering::Relaxed);
    }

    /// Pages of `origins` may call the endpoints that are meant for scripts. Those that users navigate to are not open to other pages.
    pub fn router(self: Arc<Self>, origins: impl Into<AllowOrigin>) -> Router {
        let for_pages = Router::new()
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(jwks))
            .route("/register", post(registration::register))
            .route("/token", post(token::token))
            .route("/revoke", post(token::revoke))
            .layer(
                CorsLayer::new()
                    .allow_origin(origins)
                    .allow_methods([Method::GET, Method::POST])
                    .allow_headers([CONTENT_TYPE, PROOF, PROTOCOL_VERSION])
                    .expose_headers(EXPOSED_HEADERS),
            );
        let for_users = Router::new()
            .route("/authorize", get(authorize::begin))
            .route("/interaction/{id}", get(authorize::show))
            .route("/interaction/{id}/{step}", post(authorize::submit))
            .route("/sign-out-everywhere", get(sign_out::ask).post(sign_out::submit))
            .route("/introspect", post(opaque::introspect))
            .route("/style.css", get(client_app::style))
            .route("/icon.svg", get(client_app::icon));
        for_pages.merge(for_users).with_state(self)
    }

    /// An access token as clients get them here, with these claims.
    pub(crate) fn issue(&self, token: &TokenBuilder) -> String {
        self.opaque.as_ref().map_or_else(|| token.sign(), |opaque| opaque.issue(token, None))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn metadata(State(server): State<Arc<AuthorizationServer>>) -> Json<Value> {
    Json(server.issuer.metadata())
}

async fn jwks(State(server): State<Arc<AuthorizationServer>>) -> Json<Value> {
    Json(server.issuer.jwks())
}

//! The resource-server half of OAuth 2.0 as a [`tower`](tower_layer) layer: it finds and caches the issuer's keys,
//! validates the Bearer token of every request, enforces scopes, roles and the strength of the authentication per route,
//! hands the claims to the handler, and tells a refused client exactly what to do next. It wraps axum, hyper and tonic
//! services alike.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use tower_bearer::{AccessToken, Issuer, ResourceServer};
//!
//! async fn me(token: AccessToken) -> String { format!("hello {}\n", token.subject()) }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let api = ResourceServer::builder("https://api.example.com") // the audience: not optional
//!         .trust(Issuer::discover("https://login.example.com")?)
//!         .build()?; // no I/O: it starts whether or not the issuer is up
//!     let app = Router::new().route("/api/me", get(me)).layer(api.layer());
//!     axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?;
//!     Ok(())
//! }
//! ```
//!
//! [`ResourceServer`] judges tokens, [`Issuer`] says whom it trusts, [`ResourceServer::layer`] puts it in front of a
//! service, [`AccessToken`] and [`Claims`] are what a handler gets, [`Require`] is what a route needs beyond a good token,
//! and [`Rejection`] is what a refused client sees, in [any shape](rejection::Respond). With `hyper` the layer wraps a `service_fn` in the same way, and the
//! handler reads `request.extensions().get::<AccessToken>()`. What is no HTTP request goes to
//! [`ResourceServer::verify`]. A server that is to be [found](metadata) by clients that know nothing but its URL has metadata.
//!
//! The [`manual`] has a page for each task, and those that a reviewer wants to see: the [defaults](manual::defaults)
//! and their reasons, the [threat model](manual::threat_model), what it does [not do](manual::limits), and the
//! [architecture](manual::architecture), which leads from here to any rule.
//!
//! # What it decides
//!
//! Every request gets one of these answers, and the inner service sees only the first:
//!
//! | the request | the answer |
//! |---|---|
//! | has one good token | the inner service, with the [`AccessToken`] in the request's extensions |
//! | has no Bearer credentials | 401, a challenge with a `realm` and **no** error; or the inner service, behind an [optional](layer::ProtectLayer::optional) layer |
//! | has malformed credentials, or more than one | 400 `invalid_request` |
//! | has a bad token, of whatever kind | 401 `invalid_token`, always in the same words |
//! | has a good token of a user who has to [authenticate](Require::and_acr) more strongly or anew for the route | 401 `insufficient_user_authentication` with `acr_values`, `max_age` and `scope` (RFC 9470) |
//! | has a good token that grants too little for the route | 403 `insufficient_scope`, with the scope that would do |
//! | has a token in a [cookie](credentials::TokenSource::cookie), and a page of another origin caused the request | 403 without a challenge |
//! | needs more than a bound of this server allows: too many requests wait for keys, the next fetch is too far off, or too many keys were tried | 429 with `Retry-After`, and no error that would make the client throw the token away |
//! | has a token that cannot be verified, because the issuer cannot be reached or publishes no usable key | 503 with `Retry-After`, and no error, as before |
//! | reached a [`Require`] or an extractor that no layer protects, or had a token of another server [checked](ResourceServer::check) | 500, and an error in the log that names the mistake |
//!
//! A token is good if all of this holds, in this order:
//!
//! 1. It is at most 16 KiB of compact JWS (RFC 7515 §7.1): strict base64url, strict JSON without a name twice at any depth or
//!    one that `serde_json` reserves, no critical extension, neither nested nor encrypted.
//! 2. Its `iss` is that of a trusted [`Issuer`], code point by code point, and its `alg` one that this issuer may use. For a
//!    [list of tenants](Issuer::entra_tenants) any tenant will do here, and its `tid` must be the same tenant.
//! 3. Its `typ` and its claims are those of an access token, by the [profile](validation::Profile) that is set and by what the
//!    issuer's [preset](Issuer#presets) knows of it.
//! 4. It is not bound to a key (`cnf`), because no proof of that key is checked yet.
//! 5. It has a `sub`, and its `aud` names this server; or it has none, names its client, and its issuer is one that names
//!    [clients instead](Issuer::identify_by_client).
//! 6. Its `exp`, `nbf` and `iat` fit the time, give or take 30 seconds.
//! 7. A key of the issuer verifies its signature: one with the `kid` that the token states or, for a token without `kid`, one
//!    of at most 17 that fit its `alg`. The keys are those of the last fetch.
//! 8. Its tenant, subject and client are on the issuer's lists of [tenants](Issuer::entra_tenants),
//!    [subjects](Issuer::allow_subjects) and [clients](Issuer::identify_by_client), where there are such lists.
//! 9. Its claims parse as the `T` of [`claims`](server::Builder::claims), if that is set.
//!
//! The cheap rules come first, so a token that could not pass anyway never costs a request to the issuer. The lists come after
//! the signature, so that nobody can find out who is on them with tokens that nobody signed.
//!
//! A token that passed twice is remembered, so that its signature need not be verified and its claims need not be parsed
//! again. What may have changed since is judged at every request: 6, and whether the very key of 7 is still its issuer's. See
//! [`TokenCache`](validation::TokenCache).
//!
//! # Features
//!
//! `http-client` is on by default, the others are off. None changes what the others do.
//!
//! | feature | what it adds |
//! |---|---|
//! | `http-client` | keys fetched by HTTP with `reqwest`: [`RemoteKeys`](keys::RemoteKeys), [`Issuer::discover`], [`Issuer::jwks`] and the [presets](Issuer#presets). Without it keys come from a [`JwkSet`](jose::JwkSet), a [`KeyFile`](keys::KeyFile) or a [`KeySource`](keys::KeySource) of yours |
//! | `axum` | [extractors](crate::axum) for [`AccessToken`] and [`Claims`], and [`Rejection`] as a response |
//! | `jsonwebtoken` | a [`JwkSet`](jose::JwkSet) from the `JwkSet` of the crate `jsonwebtoken`, version 12, none of whose cryptography it switches on |
//! | `metrics` | [`metrics`]: counts of decisions and fetches, and the age of keys |
//! | `serde` | [`config`]: the whole [`ResourceServer`] from a configuration file or from environment variables. Without `http-client` every issuer in it needs a `jwks_file` |
//! | `testing` | [`testing`]: an issuer, tokens of every shape, and a clock that moves when told to |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
pub mod axum;
mod challenge;
pub mod clock;
#[cfg(feature = "serde")]
pub mod config;
pub mod credentials;
mod issuer;
pub mod jose;
pub mod keys;
pub mod layer;
// Pages, and nothing that a build needs.
#[cfg(any(doc, doctest))]
pub mod manual;
pub mod metadata;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "metrics/off.rs"]
mod metrics;
pub mod redact;
pub mod rejection;
pub mod require;
pub mod server;
#[cfg(feature = "testing")]
pub mod testing;
pub mod token;
pub mod validation;

pub use issuer::issuer::Issuer;
pub use rejection::rejection::Rejection;
pub use require::requirement::Require;
pub use server::resource_server::ResourceServer;
pub use token::access_token::AccessToken;
pub use token::claims::Claims;
pub use token::scope::Scope;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

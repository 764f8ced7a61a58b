//! Protects an HTTP API with OAuth 2.0 access tokens: the resource-server half of OAuth 2.0 as a [`tower`](tower_layer) layer.
//!
//! For every request, the layer finds the Bearer token, validates it with the keys of its issuer, checks what the route requires, and
//! passes the claims to the handler. If any of this fails, it answers with a refusal that tells the client what to do next. It works
//! with axum, hyper and tonic services.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use tower_bearer::{AccessToken, Issuer, ResourceServer};
//!
//! async fn me(token: AccessToken) -> String { format!("hello {}\n", token.subject()) }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let api = ResourceServer::builder("https://api.example.com") // the audience of its tokens
//!         .trust(Issuer::discover("https://login.example.com")?)
//!         .build()?; // no I/O: it starts even if the issuer is down
//!     let app = Router::new().route("/api/me", get(me)).layer(api.layer());
//!     axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?;
//!     Ok(())
//! }
//! ```
//!
//! # Where it fits in OAuth
//!
//! ```text
//!  client                    authorization server               your service
//!    │                       (Keycloak, Auth0, …)     ┌──────────────┬──────────────┐
//!    │  1. sign-in and consent         │              │ tower-bearer │ your handler │
//!    ├────────────────────────────────▶│              └──────┬───────┴──────┬───────┘
//!    │  2. access token, a signed JWT  │                     │              │
//!    │◀────────────────────────────────┤  3. public keys     │              │
//!    │                                 ├────────────────────▶│              │
//!    │  4. request with the token      │                     │  5. request  │
//!    ├──────────────────────────────────────────────────────▶│  and claims  │
//!    │                                 │                     ├─────────────▶│
//!    │  6. response, or a refusal that says what to do next  │              │
//!    │◀──────────────────────────────────────────────────────┤◀─────────────┤
//! ```
//!
//! The client signs the user in and gets a token from the authorization server, which is the *issuer* of the token. The client
//! then sends the token to your service with each request (RFC 6750). This crate is the part in your service that validates it.
//!
//! # The main types
//!
//! | type | what it is |
//! |---|---|
//! | [`ResourceServer`] | validates tokens; [`layer`](ResourceServer::layer) puts it in front of a service, and [`verify`](ResourceServer::verify) validates tokens outside requests |
//! | [`Issuer`] | an authorization server that the resource server trusts, with [presets](Issuer#presets) for common providers |
//! | [`AccessToken`], [`Claims`] | what a handler gets, as an axum extractor or as an extension of the request |
//! | [`Require`] | what a route needs beyond a valid token |
//! | [`Revocations`](revocation::Revocations) | refuses tokens before they expire |
//! | [`Rejection`] | what a refused client gets, with a body that a [responder](rejection::Respond) creates |
//! | [`Metadata`](metadata::Metadata) | lets clients that know only the URL of the service find its authorization server |
//!
//! # Where to go
//!
//! - The [`manual`] has a page for each task: [axum](manual::axum), [hyper](manual::hyper), [tonic](manual::tonic), [deployment](manual::deployment),
//!   [opaque tokens](manual::opaque_tokens), [tenants](manual::tenants), [several kinds of credentials](manual::several_credentials), [proxies](manual::proxies), [testing](manual::testing), [providers](manual::providers), [MCP](manual::mcp),
//!   [revocation](manual::revocation), [step-up](manual::step_up), [delegation and fine-grained authorization](manual::delegation), [sockets and queues](manual::messages),
//!   [observability](manual::observability) and [migrating](manual::migrating).
//! - For a review, read the [defaults](manual::defaults) and their reasons, the [threat model](manual::threat_model), the
//!   [limits](manual::limits) and the [architecture](manual::architecture).
//! - The module [`keys`] documents how keys are fetched, cached and replaced.
//!
//! # What it decides
//!
//! Every request gets one of these answers:
//!
//! | the request | the answer |
//! |---|---|
//! | has one valid token | the inner service, with the [`AccessToken`] in the request's extensions |
//! | has no credentials of a scheme that the server accepts | 401 and a challenge with a `realm` and **no** error; with an [optional](layer::ProtectLayer::optional) layer, the inner service |
//! | has malformed credentials, or more than one token | 400 `invalid_request` |
//! | has a bad token, of any kind | 401 `invalid_token`, always with the same description |
//! | has a credential that the layer [ignores](layer::ProtectLayer::ignore_tokens), such as the application's own API key | the inner service without a token, if an [extension](Require::or_extension) of the request satisfies the requirement of the layer; otherwise the same as for a bad token |
//! | has a valid token that is bound to a key, but no valid [DPoP](dpop::Dpop) proof | 401 `invalid_dpop_proof`, or `use_dpop_nonce` with a nonce (RFC 9449) |
//! | has a valid token that is bound to a [client certificate](certificate::ClientCertificates), but not that certificate | 401 `invalid_token`, as for a bad token (RFC 8705) |
//! | repeats the header that names the client certificate | 400 `invalid_request` |
//! | has a valid token of a user who has to [authenticate](Require::and_acr) again or more strongly for the route | 401 `insufficient_user_authentication` with `acr_values`, `max_age` and `scope` (RFC 9470) |
//! | has a valid token that grants too little for the route | 403 `insufficient_scope`, with the scope that is needed |
//! | has a token in a [cookie](credentials::TokenSource::cookie), and is a cross-site request (CSRF) | 403 without a challenge |
//! | reaches [`mcp::Operations`] with a body that is not a JSON-RPC message | 400, or 413 if the body exceeds 1 MiB |
//! | reaches [`mcp::Operations`] and names a session of another user | 404 |
//! | exceeds a limit of this server: too many requests are waiting for keys or for a tenant, too many opaque tokens are waiting for their issuer, too many tenants are being loaded, the keys may not be fetched again yet, too many keys had to be tried for tokens without a `kid`, or one key made too many DPoP proofs | 429 with `Retry-After`, and no error, so that the client keeps its token |
//! | has a token that cannot be validated, because the issuer cannot be reached, publishes no usable key, or does not answer about an opaque token, or because it is not known whether the issuer is a [tenant](manual::tenants) | 503 with `Retry-After`, and no error, so that the client keeps its token |
//! | has a DPoP proof, but the [replay store](dpop::ReplayStore) is full or does not answer | 503 with `Retry-After`, and no error |
//! | reaches a [`Require`] or an extractor that no layer protects, or has a token that is [checked](ResourceServer::check) by a server other than the one that validated it | 500, and an error in the log that names the mistake |
//!
//! A token is valid if all of the following hold, checked in this order:
//!
//! 1. It is a JWS in the compact form (RFC 7515 §7.1) of at most 16 KiB: strict base64url, and strict JSON without duplicate names at
//!    any depth and without names that `serde_json` reserves. It has no critical extensions, and is neither nested nor encrypted.
//! 2. Its `iss` is the identifier of a trusted [`Issuer`], code point by code point, and its `alg` is one that this issuer may use.
//!    With a [list of tenants](Issuer::entra_tenants), any tenant passes this check, and `tid` must name the tenant that `iss` names.
//!    With [tenants](manual::tenants), `iss` may also be the identifier of a tenant that the resolver knows. Several issuers can
//!    share an identifier only if they are [user flows](Issuer::azure_b2c); `tfp` then selects one. For a [SPIFFE trust
//!    domain](Issuer::spiffe), `sub` replaces `iss`.
//! 3. Its `typ` and its claims are those of an access token, according to the [profile](validation::Profile) and the issuer's
//!    [preset](Issuer#presets). Its claims about [scopes](AccessToken::scope), [delegation](AccessToken::actor) and [fine-grained
//!    authorization](AccessToken::authorization_details) are well-formed.
//! 4. It is not bound to a key (`cnf`). With [DPoP](dpop::Dpop), it may be bound by `jkt`, and each request must then have a proof by
//!    that key. With [client certificates](certificate::ClientCertificates), it may be bound by `x5t#S256`, and each request must then
//!    have that certificate.
//! 5. It has a `sub`, or a client [that stands in for it](Issuer::client_as_subject), and its `aud` names this server. If the issuer's
//!    tokens are [identified by client](Issuer::identify_by_client), the token names a client, and `aud` may be absent.
//! 6. `exp` is present and has not passed, and `nbf` and `iat` are not in the future, with a leeway of 30 seconds.
//! 7. A key of the issuer verifies its signature: a key with the token's `kid` or, if it has no `kid`, one of at most 17 keys that fit
//!    its `alg`. The keys are those of the last fetch.
//! 8. Its tenant, subject, caller and client are on the issuer's lists of [tenants](Issuer::entra_tenants),
//!    [subjects](Issuer::allow_subjects), [callers](Issuer::github_actions) and [clients](Issuer::identify_by_client), if there are
//!    such lists.
//! 9. Its claims parse as the `T` of [`claims`](server::Builder::claims), if that is set.
//!
//! If its issuer is one whose tokens are [introspected](Issuer::introspection), an opaque token is valid if the issuer answers that
//! it is active, and steps 3 to 6, 8 and 9 succeed for the claims of the answer. [`opaque_tokens`](manual::opaque_tokens) has the
//! details.
//!
//! The cheap checks come first, so that a token that fails them never costs a request to the issuer. The lists come after the
//! signature, so that unsigned tokens do not reveal who is on them.
//!
//! With [revocations](revocation), a JWT also needs an `iat` and must not live longer than revocations are remembered (checked in
//! step 6). Whether a token is revoked is checked last, at every request.
//!
//! A token that has been used twice is cached, so that its signature is not verified again and its claims are not parsed again.
//! Because time passes and keys change, every request still repeats step 6, and checks that the key from step 7 still belongs to the
//! issuer. See [`TokenCache`](validation::TokenCache).
//!
//! A token is validated when its request arrives. A response that outlives the token, such as a stream of events, continues unless the
//! layer has [`end_with_token`](layer::ProtectLayer::end_with_token).
//!
//! # Features
//!
//! `http-client` is on by default; the others are off. A feature adds items and changes nothing else.
//!
//! | feature | what it adds |
//! |---|---|
//! | `http-client` | keys fetched by HTTP with `reqwest`: [`RemoteKeys`](keys::RemoteKeys), [`Issuer::discover`], [`Issuer::jwks`] and the [presets](Issuer#presets). Without it, keys come from a [`JwkSet`](jose::JwkSet), a [`KeyFile`](keys::KeyFile) or your own [`KeySource`](keys::KeySource) |
//! | `axum` | [extractors](crate::axum) for [`AccessToken`] and [`Claims`], and [`Rejection`] as a response |
//! | `back-channel-logout` | [`feeds::BackChannelLogout`]: revocations from the logout tokens of an OpenID provider |
//! | `introspection` | [`introspection`]: [opaque tokens](manual::opaque_tokens), validated by asking their issuer (RFC 7662, RFC 9701). It includes `http-client` |
//! | `jsonwebtoken` | a conversion from the `JwkSet` of the crate `jsonwebtoken`, version 12, to a [`JwkSet`](jose::JwkSet); it enables no cryptography of that crate |
//! | `mcp` | [`mcp`]: requirements for each tool and method of an MCP server |
//! | `metrics` | [`metrics`]: counts of decisions and fetches, and the age of keys |
//! | `serde` | [`config`]: the whole [`ResourceServer`] from a configuration file or from environment variables; [`config::watch`](config::watch()) follows the file while the server runs. Without `http-client`, every issuer in the file needs a `jwks_file` |
//! | `shared-signals` | [`feeds::SharedSignals`]: revocations from the security events of a transmitter |
//! | `tenants` | [`tenants`]: issuers that are known only at run time, such as [one for each customer](manual::tenants) |
//! | `testing` | [`testing`]: an issuer, tokens of every form, and a clock that tests control |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
pub mod axum;
mod binding;
mod challenge;
pub mod clock;
#[cfg(feature = "serde")]
pub mod config;
pub mod credentials;
#[cfg(any(feature = "back-channel-logout", feature = "shared-signals"))]
pub mod feeds;
#[cfg(feature = "introspection")]
pub mod introspection;
mod issuer;
pub mod jose;
pub mod keys;
pub mod layer;
// Pages of documentation. A build does not need them.
#[cfg(any(doc, doctest))]
pub mod manual;
#[cfg(feature = "mcp")]
pub mod mcp;
pub mod metadata;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "metrics/off.rs"]
mod metrics;
mod placeholder;
pub mod redact;
pub mod rejection;
pub mod require;
pub mod revocation;
pub mod server;
mod settled_until;
#[cfg(feature = "tenants")]
pub mod tenants;
#[cfg(feature = "testing")]
pub mod testing;
pub mod token;
pub mod validation;

pub use binding::certificate;
pub use binding::dpop;
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

//! What a protected resource says about itself (RFC 9728): which authorization servers it trusts, which scopes there are.
//!
//! A client that knows nothing but the API's URL finds its way from here: a challenge names the document by
//! `resource_metadata`, the document names the authorization servers, and those tell the rest (RFC 8414). Clients of the
//! Model Context Protocol insist on it.
//!
//! The document is built from the server's configuration once it has [some](crate::server::Builder::metadata), and served
//! where RFC 9728 §3.1 puts it:
//!
//! ```
//! use axum::Router;
//! use tower_bearer::metadata::Metadata;
//! use tower_bearer::{Issuer, ResourceServer};
//!
//! let api = ResourceServer::builder("https://api.example.com/files")
//!     .trust(Issuer::discover("https://login.example.com")?)
//!     .metadata(Metadata::new().scopes_supported(["files:read", "files:write"]).resource_name("Example Files"))
//!     .build()?;
//! let mut app: Router = Router::new(); // … with routes, and `.layer(api.layer())`
//! if let Some(metadata) = api.metadata() {
//!     assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource/files");
//!     app = app.route_service(metadata.path(), metadata.service());
//! }
//! # Ok::<(), tower_bearer::server::ConfigError>(())
//! ```
//!
//! It is outside the protecting layer, because whoever needs it has no token yet (RFC 9728 §7). With hyper, requests for
//! [`path`](ResourceMetadata::path) go to [`service`](ResourceMetadata::service).

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use crate::Scope;

/// What the document is to say beyond what follows from the server's configuration.
///
/// By default it has `resource`, the server's audience; `authorization_servers`, the trusted issuers whose identifiers are
/// URLs, without the tenants of a [list](crate::Issuer::entra_tenants); and `bearer_methods_supported`, which is `["header"]`.
#[derive(Clone, Debug, Default)]
#[must_use = "give it to the builder of a server with `metadata`"]
pub struct Metadata {
    pub(crate) resource: Option<String>,
    parameters: Map<String, Value>,
}

impl Metadata {
    /// Nothing beyond that.
    pub fn new() -> Self {
        Self::default()
    }

    /// The resource's identifier: an https URL without a fragment (RFC 9728 §1.2), http being allowed for this machine alone.
    ///
    /// Default: the server's audience.
    pub fn resource(mut self, url: impl Into<String>) -> Self {
        self.resource = Some(url.into());
        self
    }

    /// The scopes that a client may want to ask for. `offline_access` is none of them: it is asked of the authorization
    /// server, for itself.
    pub fn scopes_supported<'a>(self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        self.parameter("scopes_supported", scopes.into_iter().collect::<Vec<_>>())
    }

    /// The name to show to a user.
    pub fn resource_name(self, name: &str) -> Self {
        self.parameter("resource_name", name)
    }

    /// The URL of what a client's developer should read.
    pub fn resource_documentation(self, url: &str) -> Self {
        self.parameter("resource_documentation", url)
    }

    /// The URL of what the resource demands of clients in the use of its data.
    pub fn resource_policy_uri(self, url: &str) -> Self {
        self.parameter("resource_policy_uri", url)
    }

    /// The URL of the terms of service.
    pub fn resource_tos_uri(self, url: &str) -> Self {
        self.parameter("resource_tos_uri", url)
    }

    /// Any other parameter of RFC 9728 §2, such as `resource_name#fr`, whose value is whatever serializes as JSON. `resource`
    /// and `authorization_servers` are the server's own and stay so.
    ///
    /// # Panics
    ///
    /// If `value` does not serialize.
    pub fn parameter(mut self, name: &str, value: impl Serialize) -> Self {
        self.parameters.insert(name.to_owned(), serde_json::to_value(value).expect("a JSON value"));
        self
    }

    /// The scopes among those supported that should not be there (RFC 6749 §3.3), and where they stand.
    pub(crate) fn odd_scopes(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_odd = |scope: &str| scope.contains(' ') || scope.parse::<Scope>().is_err() || scope == "offline_access";
        self.texts("scopes_supported").filter(move |(_, scope)| is_odd(scope))
    }

    /// Where `none` stands among the algorithms of a parameter (RFC 9728 §2).
    pub(crate) fn unsigned(&self, parameter: &str) -> impl Iterator<Item = usize> {
        self.texts(parameter).filter(|(_, algorithm)| *algorithm == "none").map(|(at, _)| at)
    }

    fn texts(&self, parameter: &str) -> impl Iterator<Item = (usize, &str)> {
        let values = self.parameters.get(parameter).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        values.iter().enumerate().filter_map(|(at, value)| Some((at, value.as_str()?)))
    }
}

/// The metadata document of a protected resource, and where it belongs: see the [module](self).
#[derive(Clone, Debug)]
pub struct ResourceMetadata {
    url: Url,
    json: Bytes,
}

impl ResourceMetadata {
    /// `url` is that of `resource`.
    pub(crate) fn new<'i>(
        resource: &str,
        mut url: Url,
        authorization_servers: impl Iterator<Item = &'i str>,
        metadata: Metadata,
    ) -> Self {
        let mut parameters = metadata.parameters;
        parameters.entry("bearer_methods_supported").or_insert_with(|| Value::from(vec!["header"]));
        parameters.insert("resource".into(), resource.into());
        parameters.insert("authorization_servers".into(), authorization_servers.collect());
        // RFC 9728 §3.2: what has no elements is left out.
        parameters.retain(|_, value| value.as_array().is_none_or(|elements| !elements.is_empty()));
        // RFC 9728 §3.1: between host and path, and a slash that is all of the path goes.
        let path = if url.path() == "/" { "" } else { url.path() };
        url.set_path(&format!("/.well-known/oauth-protected-resource{path}"));
        Self { url, json: Value::from(parameters).to_string().into() }
    }

    /// Where the document is: the `resource_metadata` of the server's challenges.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The path to serve it at (RFC 9728 §3.1). It is a literal one. axum takes a segment that starts with `:` or `*` for a
    /// mistake, and then wants to be told otherwise: see its `Router::without_v07_checks`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The document itself.
    #[must_use]
    pub fn json(&self) -> &Bytes {
        &self.json
    }
}

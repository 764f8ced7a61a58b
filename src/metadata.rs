//! The metadata of a protected resource (RFC 9728): which authorization servers it trusts, and which scopes it has.
//!
//! A client that knows only the API's URL starts here: a challenge names the document as `resource_metadata`, the document names the
//! authorization servers, and their metadata names the rest (RFC 8414). MCP clients require the document.
//!
//! The document is built if the server's configuration has [metadata](crate::server::Builder::metadata). The application
//! serves it at the path that RFC 9728 §3.1 defines:
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
//! The route is outside the protecting layer, because a client that needs the document has no token yet (RFC 9728 §7). With
//! hyper, requests for [`path`](ResourceMetadata::path) go to [`service`](ResourceMetadata::service).

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use crate::Scope;
use crate::redact::Excerpt;
use crate::token::OFFLINE_ACCESS;

/// RFC 9728 §3.1.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

const CERTIFICATE_BOUND: &str = "tls_client_certificate_bound_access_tokens";

/// The parameters of the metadata document that do not follow from the server's configuration.
///
/// By default the document has `resource`, the server's audience; `authorization_servers`, the trusted issuers whose identifiers are
/// URLs, except the tenants of a [list](crate::Issuer::entra_tenants); and `bearer_methods_supported`, which is `["header"]`. For a
/// server with [DPoP](crate::server::Builder::dpop), it also has `dpop_signing_alg_values_supported`, and
/// `dpop_bound_access_tokens_required` if bound tokens are required. For a server with [client
/// certificates](crate::server::Builder::client_certificates), it also has `tls_client_certificate_bound_access_tokens`.
#[derive(Clone, Debug, Default)]
#[must_use = "give it to the builder of a server with `metadata`"]
pub struct Metadata {
    pub(crate) resource: Option<String>,
    parameters: Map<String, Value>,
}

impl Metadata {
    /// Only the default parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the resource's identifier: an https URL without a fragment (RFC 9728 §1.2). A loopback address may use http.
    ///
    /// Default: the server's audience.
    pub fn resource(mut self, url: impl Into<String>) -> Self {
        self.resource = Some(url.into());
        self
    }

    /// Sets the scopes that a client may request. `offline_access` is not allowed here, because it concerns the authorization server
    /// and not the resource.
    ///
    /// Default: the parameter is not in the document.
    pub fn scopes_supported<'a>(self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        self.parameter("scopes_supported", scopes.into_iter().collect::<Vec<_>>())
    }

    /// Sets the name of the resource that is shown to users.
    pub fn resource_name(self, name: &str) -> Self {
        self.parameter("resource_name", name)
    }

    /// Sets the URL of the documentation for client developers.
    pub fn resource_documentation(self, url: &str) -> Self {
        self.parameter("resource_documentation", url)
    }

    /// Sets the URL of the policy on how clients may use the data.
    pub fn resource_policy_uri(self, url: &str) -> Self {
        self.parameter("resource_policy_uri", url)
    }

    /// Sets the URL of the terms of service.
    pub fn resource_tos_uri(self, url: &str) -> Self {
        self.parameter("resource_tos_uri", url)
    }

    /// Sets any parameter of RFC 9728 §2, such as `resource_name#fr`; it replaces an earlier value of the same name.
    ///
    /// `value` is anything that serializes as JSON. `resource` and `authorization_servers` have no effect: they follow from
    /// [`resource`](Self::resource) and from the trusted issuers.
    ///
    /// # Panics
    ///
    /// If `value` does not serialize. Text, booleans, numbers and lists of these always do; for other types, use
    /// [`try_parameter`](Self::try_parameter).
    #[track_caller]
    pub fn parameter(self, name: &str, value: impl Serialize) -> Self {
        self.try_parameter(name, value).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`parameter`](Self::parameter), for a type that may not serialize as JSON, such as a map whose keys are not strings.
    ///
    /// # Errors
    ///
    /// If `value` does not serialize.
    pub fn try_parameter(mut self, name: &str, value: impl Serialize) -> Result<Self, InvalidParameter> {
        let value = serde_json::to_value(value)
            .map_err(|error| InvalidParameter { name: name.into(), reason: error.to_string().into() })?;
        self.parameters.insert(name.to_owned(), value);
        Ok(self)
    }

    /// The parameters about DPoP (RFC 9728 §2), unless the application has set them.
    pub(crate) fn of_dpop(mut self, algorithms: Vec<&'static str>, is_required: bool) -> Self {
        self.parameters.entry("dpop_signing_alg_values_supported").or_insert_with(|| algorithms.into());
        if is_required {
            self.parameters.entry("dpop_bound_access_tokens_required").or_insert_with(|| true.into());
        }
        self
    }

    /// The parameter about client certificates (RFC 9728 §2, RFC 8705 §3.3), unless the application has set it.
    pub(crate) fn of_certificates(mut self) -> Self {
        self.parameters.entry(CERTIFICATE_BOUND).or_insert_with(|| true.into());
        self
    }

    /// The values of `scopes_supported` that are not one scope token (RFC 6749 §3.3) or not a scope of a resource, with their
    /// positions.
    pub(crate) fn invalid_scopes(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_invalid =
            |scope: &str| scope.contains(' ') || scope.parse::<Scope>().is_err() || scope == OFFLINE_ACCESS;
        self.texts("scopes_supported").filter(move |(_, scope)| is_invalid(scope))
    }

    /// The algorithms that it names for DPoP proofs, with their positions.
    pub(crate) fn proof_algorithms(&self) -> impl Iterator<Item = (usize, &str)> {
        self.texts("dpop_signing_alg_values_supported")
    }

    /// Whether it says that tokens need not be bound to a key.
    pub(crate) fn denies_dpop(&self) -> bool {
        self.parameters.get("dpop_bound_access_tokens_required").and_then(Value::as_bool) == Some(false)
    }

    /// Whether it says that tokens cannot be bound to a client certificate.
    pub(crate) fn denies_certificates(&self) -> bool {
        self.parameters.get(CERTIFICATE_BOUND).and_then(Value::as_bool) == Some(false)
    }

    /// The positions of `none` among the algorithms of a parameter, where RFC 9728 §2 forbids it.
    pub(crate) fn alg_none_positions(&self, parameter: &str) -> impl Iterator<Item = usize> {
        self.texts(parameter).filter(|(_, algorithm)| *algorithm == "none").map(|(at, _)| at)
    }

    fn texts(&self, parameter: &str) -> impl Iterator<Item = (usize, &str)> {
        let values = self.parameters.get(parameter).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        values.iter().enumerate().filter_map(|(at, value)| Some((at, value.as_str()?)))
    }
}

/// A parameter whose value does not serialize as JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a JSON value for the metadata parameter {name:?}, found one that does not serialize: {reason}")]
pub struct InvalidParameter {
    name: Excerpt,
    reason: Excerpt,
}

/// The metadata document of a protected resource, and its URL: see the [module](self).
#[derive(Clone, Debug)]
pub struct ResourceMetadata {
    url: Url,
    json: Bytes,
}

impl ResourceMetadata {
    /// The document for `resource`, which was parsed as `url`.
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
        // RFC 9728 §3.2: parameters with zero elements are left out.
        parameters.retain(|_, value| value.as_array().is_none_or(|elements| !elements.is_empty()));
        // RFC 9728 §3.1: inserted between host and path. A path that is only a slash is removed first.
        let path = if url.path() == "/" { "" } else { url.path() };
        url.set_path(&format!("{WELL_KNOWN}{path}"));
        Self { url, json: Value::from(parameters).to_string().into() }
    }

    /// The same document for another resource, which trusts this authorization server alone.
    #[cfg(feature = "tenants")]
    pub(crate) fn of_tenant(&self, resource: &str, url: Url, authorization_server: &str) -> Self {
        // It was made of an object.
        let parameters = serde_json::from_slice(&self.json).unwrap_or_default();
        let metadata = Metadata { resource: None, parameters };
        Self::new(resource, url, std::iter::once(authorization_server), metadata)
    }

    /// The URL of the document, which is the `resource_metadata` in the server's challenges.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The path to serve the document at (RFC 9728 §3.1).
    ///
    /// It has no path parameters. If a segment starts with `:` or `*`, axum takes it for the syntax of an earlier version and panics,
    /// unless `Router::without_v07_checks` is called.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// Every path to serve the document at: [`path`](Self::path) and, if the resource's identifier has a path, also
    /// `/.well-known/oauth-protected-resource`.
    ///
    /// MCP clients that have no challenge try both, in this order. The second is correct only if the whole host is this resource,
    /// because RFC 9728 defines it for a resource without a path.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let root = (self.path() != WELL_KNOWN).then_some(WELL_KNOWN);
        std::iter::once(self.path()).chain(root)
    }

    /// The document, as JSON.
    #[must_use]
    pub fn json(&self) -> &Bytes {
        &self.json
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_value_that_does_not_serialize_is_an_error() {
        let keys_are_lists = BTreeMap::from([(vec![1], 2)]);
        let error = Metadata::new().try_parameter("x_limits", keys_are_lists).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"expected a JSON value for the metadata parameter "x_limits", found one that does not serialize: key must be a string"#
        );
        let metadata = Metadata::new().try_parameter("resource_name", "One").unwrap().parameter("resource_name", "Two");
        assert_eq!(Value::from(metadata.parameters), serde_json::json!({"resource_name": "Two"}));
    }

    #[test]
    #[should_panic(expected = "the metadata parameter \"x_limits\"")]
    fn a_literal_value_that_does_not_serialize_panics() {
        let _ = Metadata::new().parameter("x_limits", BTreeMap::from([(vec![1], 2)]));
    }
}

//! The settings of an authorization server.

use tower_bearer::Scope;
use tower_bearer::require::AcrValues;

use super::proofs::Proofs;
use super::transmitter::Transmitter;

/// What an authorization server is started with.
pub struct Settings {
    pub(super) origin: String,
    pub(super) audience: String,
    pub(super) api_scopes: Scope,
    pub(super) strong: AcrValues,
    pub(super) app_redirect_uri: String,
    pub(super) proofs: Option<Proofs>,
    pub(super) is_opaque: bool,
    pub(super) transmitter: Option<Transmitter>,
}

impl Settings {
    /// `origin` is where the server will be reached, and its issuer identifier. The access tokens are for one API: with this
    /// audience and with these scopes.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the text is good")]
    pub fn new(origin: &str, audience: &str, api_scopes: &Scope) -> Self {
        Self {
            origin: origin.to_owned(),
            audience: audience.to_owned(),
            api_scopes: api_scopes.clone(),
            strong: "urn:example:mfa".parse().expect("one value"),
            app_redirect_uri: "https://app.example.test/".to_owned(),
            proofs: None,
            is_opaque: false,
            transmitter: None,
        }
    }

    /// The `acr` values of an authentication with a second factor.
    pub(crate) fn strong(self, strong: &AcrValues) -> Self {
        Self { strong: strong.clone(), ..self }
    }

    /// Where the client app is.
    pub(crate) fn app_redirect_uri(self, uri: &str) -> Self {
        Self { app_redirect_uri: uri.to_owned(), ..self }
    }

    /// How proofs are checked. Without them every token is a Bearer token.
    pub(crate) fn proofs(self, proofs: Option<Proofs>) -> Self {
        Self { proofs, ..self }
    }

    /// Makes the access tokens opaque. Without it, they are JWTs.
    pub(crate) fn opaque(self) -> Self {
        Self { is_opaque: true, ..self }
    }

    /// Who is told when a user signs out everywhere. Without it, access tokens end when they expire.
    pub(crate) fn transmitter(self, transmitter: Transmitter) -> Self {
        Self { transmitter: Some(transmitter), ..self }
    }
}

use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap, HeaderName};

use super::certificate_error::CertificateError;
use super::certificate_header::CertificateHeader;
use super::client_certificate::ClientCertificate;
use crate::credentials::RequestView;

/// How a server accepts tokens that are bound to a client certificate, by mutual TLS (RFC 8705 §3).
///
/// ```
/// use tower_bearer::certificate::ClientCertificates;
/// use tower_bearer::{Issuer, ResourceServer};
///
/// let api = ResourceServer::builder("https://api.example.com")
///     .trust(Issuer::discover("https://login.example.com")?)
///     .client_certificates(ClientCertificates::from_connection())
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A token whose `cnf` has an `x5t#S256` is then accepted if the certificate of the request has this thumbprint. Without a certificate,
/// or with a different one, the token is refused with 401 `invalid_token`. It is sent with the scheme `Bearer`, from any
/// [source](crate::credentials::TokenSource). If its `cnf` also has a `jkt`, it needs a [DPoP](crate::dpop::Dpop) proof as well. An
/// unbound token is accepted unless a binding is [required](Self::required).
///
/// The certificate comes from one place, either the connection or a header. A certificate in the other place is ignored.
#[derive(Clone)]
#[must_use = "give it to the builder of a server with `client_certificates`"]
pub struct ClientCertificates {
    source: Source,
    tokens: Tokens,
}

#[derive(Clone)]
enum Source {
    /// With the name of the type of the extension.
    Extension(&'static str, Extract),
    Header(CertificateHeader),
}

type Extract = Arc<dyn Fn(&Extensions) -> Option<ClientCertificate> + Send + Sync>;

/// Which tokens are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tokens {
    Any,
    BoundToCertificateOrKey,
    BoundToCertificate,
}

impl ClientCertificates {
    /// The certificate of the connection, which the application puts into each request as the extension [`ClientCertificate`]: for a
    /// process that terminates TLS itself.
    pub fn from_connection() -> Self {
        Self::from_extension(|certificate: &ClientCertificate| Some(certificate.clone()))
    }

    /// The certificate from a request extension of another type: for a TLS server that inserts its own extension.
    ///
    /// `certificate` returns the certificate of the client itself, which is the first of a chain, and `None` for a connection without
    /// one. It is called for each request with a bound token. Only the TLS server may insert this type, with what the handshake has
    /// shown.
    ///
    /// With axum-server (0.9 or newer, feature `tls-rustls`):
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use axum_server::tls::TlsInfo;
    /// use tower_bearer::certificate::{ClientCertificate, ClientCertificates};
    ///
    /// let certificates = ClientCertificates::from_extension(|tls: &Arc<TlsInfo>| {
    ///     tls.peer_certificates.first().map(ClientCertificate::from_der)
    /// });
    /// # let _ = certificates;
    /// ```
    pub fn from_extension<T: Send + Sync + 'static>(
        certificate: impl Fn(&T) -> Option<ClientCertificate> + Send + Sync + 'static,
    ) -> Self {
        let extract = move |extensions: &Extensions| extensions.get::<T>().and_then(&certificate);
        Self::from_source(Source::Extension(std::any::type_name::<T>(), Arc::new(extract)))
    }

    /// The certificate that a trusted proxy names in a header: for a process behind a TLS-terminating proxy.
    pub fn from_header(header: CertificateHeader) -> Self {
        Self::from_source(Source::Header(header))
    }

    fn from_source(source: Source) -> Self {
        Self { source, tokens: Tokens::Any }
    }

    /// Refuses tokens that are not bound to a certificate with 401 `invalid_token` (RFC 9700 §2.2.1), including tokens that are bound
    /// to a key by [DPoP](crate::dpop::Dpop). [`required_unless_dpop`](Self::required_unless_dpop) accepts the latter.
    ///
    /// [`verify`](crate::ResourceServer::verify) then accepts nothing, because it receives a token without a certificate.
    ///
    /// Default: unbound tokens are accepted, so that clients can migrate one by one.
    pub fn required(mut self) -> Self {
        self.tokens = Tokens::BoundToCertificate;
        self
    }

    /// Refuses tokens that are bound neither to a certificate nor to a key by [DPoP](crate::dpop::Dpop): for a server that accepts only
    /// these two kinds (FAPI 2.0 §5.3.4). Without [DPoP](crate::server::Builder::dpop), this is the same as
    /// [`required`](Self::required).
    pub fn required_unless_dpop(mut self) -> Self {
        self.tokens = Tokens::BoundToCertificateOrKey;
        self
    }

    /// The header whose meaning is taken, if the settings name one.
    pub(crate) fn taken_header(&self) -> Option<&HeaderName> {
        self.header().and_then(CertificateHeader::taken_name)
    }

    /// Whether a token is accepted that is bound to no certificate, and to a key or not.
    pub(crate) fn accepts_unbound(&self, is_bound_to_key: bool) -> bool {
        match self.tokens {
            Tokens::Any => true,
            Tokens::BoundToCertificateOrKey => is_bound_to_key,
            Tokens::BoundToCertificate => false,
        }
    }

    /// Removes from the request what names a certificate, for this layer and those within it. No handler sees it.
    pub(crate) fn set_aside(&self, headers: &mut HeaderMap, extensions: &mut Extensions) {
        if let Some(header) = self.header() {
            header.set_aside(headers, extensions);
        }
    }

    /// Checks that the request does not name several certificates.
    pub(crate) fn check_lines(&self, request: RequestView<'_>) -> Result<(), CertificateError> {
        self.header().map_or(Ok(()), |header| header.check_lines(request))
    }

    /// Checks that the request has the certificate with this thumbprint.
    pub(crate) fn check(&self, request: RequestView<'_>, expected: &str) -> Result<(), CertificateError> {
        let found = self.find(request)?;
        if found.thumbprint() == expected { Ok(()) } else { Err(CertificateError::Mismatch) }
    }

    /// The certificate of the request.
    pub(crate) fn find(&self, request: RequestView<'_>) -> Result<ClientCertificate, CertificateError> {
        match &self.source {
            Source::Extension(_, extract) => extract(request.extensions).ok_or(CertificateError::Absent),
            Source::Header(header) => header.read(request),
        }
    }

    /// Where certificates come from, for a developer.
    pub(crate) fn source(&self) -> String {
        match &self.source {
            Source::Extension(name, _) => format!("the request extension {name}"),
            Source::Header(header) => format!("the header {}", header.name()),
        }
    }

    fn header(&self) -> Option<&CertificateHeader> {
        match &self.source {
            Source::Extension(..) => None,
            Source::Header(header) => Some(header),
        }
    }
}

impl fmt::Debug for ClientCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ClientCertificates");
        match &self.source {
            Source::Extension(name, _) => debug.field("extension", name),
            Source::Header(header) => debug.field("header", header),
        };
        debug.field("tokens", &self.tokens).finish()
    }
}

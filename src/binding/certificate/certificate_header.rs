use http::header::{AUTHORIZATION, COOKIE, HOST};
use http::{Extensions, HeaderMap, HeaderName};

use super::certificate_error::CertificateError;
use super::client_certificate::ClientCertificate;
use super::header_form::HeaderForm;
use super::set_aside::{SetAside, only_line};
use super::trusted_proxies::TrustedProxies;
use crate::credentials::{PROOF, RequestView};

/// `Client-Cert` (RFC 9440 §2.2).
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// A header in which a TLS-terminating proxy names the client certificate, and the proxies that are trusted to send it.
///
/// The header must occur once, with at most 32,768 bytes, in the form that its constructor describes. A request that has a token and repeats the
/// header gets 400 `invalid_request`, whatever the token, because it is ambiguous which line is meant. The layer removes this header and the header
/// with the [secret](TrustedProxies::with_secret) from every request, so no handler sees what a stranger may have written.
///
/// ```
/// use tower_bearer::certificate::{CertificateHeader, TrustedProxies};
///
/// let header = CertificateHeader::client_cert(TrustedProxies::at(["10.0.0.0/8"])?);
/// # Ok::<(), tower_bearer::certificate::InvalidProxies>(())
/// ```
#[derive(Clone, Debug)]
pub struct CertificateHeader {
    name: HeaderName,
    form: HeaderForm,
    proxies: TrustedProxies,
}

impl CertificateHeader {
    /// `Client-Cert`, with the certificate as `:base64 of its DER form:` (RFC 9440 §2.2). Padding is required, and parameters are refused.
    pub fn client_cert(proxies: TrustedProxies) -> Self {
        Self { name: CLIENT_CERT, form: HeaderForm::ByteSequence, proxies }
    }

    /// `X-Forwarded-Client-Cert` of Envoy: exactly one element with `Hash` (the SHA-256 hash of the DER form in hexadecimal digits), `Cert` (the
    /// certificate as URL-encoded PEM), or both for the same certificate.
    ///
    /// With `forward_client_cert_details: SANITIZE_SET`, Envoy writes one element and drops what the client sent. With `APPEND_FORWARD`, a client
    /// that sends the header itself causes a second element, and is refused. Do not use `FORWARD_ONLY` or `ALWAYS_FORWARD_ONLY`, which let the
    /// client write the header.
    pub fn x_forwarded_client_cert(proxies: TrustedProxies) -> Self {
        Self { name: X_FORWARDED_CLIENT_CERT, form: HeaderForm::Xfcc, proxies }
    }

    /// A header of this name with the certificate as URL-encoded PEM, like nginx's `$ssl_client_escaped_cert`: exactly one certificate, with
    /// nothing before or after it.
    ///
    /// ```nginx
    /// ssl_verify_client optional_no_ca;          # or `on`, with ssl_client_certificate
    /// proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
    /// ```
    pub fn escaped_pem(name: HeaderName, proxies: TrustedProxies) -> Self {
        Self { name, form: HeaderForm::EscapedPem, proxies }
    }

    /// The name of the header.
    #[must_use]
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    /// A header that has another meaning, and would be removed from every request.
    pub(crate) fn taken_name(&self) -> Option<&HeaderName> {
        let has_other_meaning = |name: &&HeaderName| [AUTHORIZATION, COOKIE, HOST, PROOF].contains(name);
        let both = (self.proxies.secret_header() == Some(&self.name)).then_some(&self.name);
        both.or_else(|| self.names().find(has_other_meaning))
    }

    pub(super) fn set_aside(&self, headers: &mut HeaderMap, extensions: &mut Extensions) {
        SetAside::take(self.names(), headers, extensions);
    }

    /// Checks that each header has at most one line.
    pub(super) fn check_lines(&self, request: RequestView<'_>) -> Result<(), CertificateError> {
        self.names().try_for_each(|name| only_line(request, name).map(drop))
    }

    /// The certificate that a trusted proxy names.
    pub(super) fn read(&self, request: RequestView<'_>) -> Result<ClientCertificate, CertificateError> {
        let line = only_line(request, &self.name)?.ok_or(CertificateError::Absent)?;
        self.proxies.check(request)?;
        self.form.read(line.as_bytes()).map_err(|reason| CertificateError::Malformed { reason })
    }

    fn names(&self) -> impl Iterator<Item = &HeaderName> {
        std::iter::once(&self.name).chain(self.proxies.secret_header())
    }
}

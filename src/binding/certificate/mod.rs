//! Tokens that are bound to a client certificate (mutual TLS, RFC 8705 §3): only a connection with that certificate may use them.
//!
//! The server that terminates TLS knows the certificate. If that is this process, the application puts a [`ClientCertificate`]
//! into each request. If it is a proxy, the proxy names the certificate in a [header](CertificateHeader). [`ClientCertificates`]
//! are the settings, and [the manual](crate::manual::sender_constrained#mutual-tls) has an example of each.

mod certificate_error;
mod certificate_header;
mod client_certificate;
mod client_certificates;
mod der;
mod escaped_pem;
mod header_form;
#[cfg(test)]
mod header_properties;
#[cfg(test)]
mod header_tests;
mod invalid_proxies;
mod set_aside;
mod trusted_proxies;
mod xfcc;

pub use super::network::InvalidNetwork;
pub use super::peer::PeerAddress;
pub use certificate_error::CertificateError;
pub use certificate_header::CertificateHeader;
pub use client_certificate::ClientCertificate;
pub use client_certificates::ClientCertificates;
pub use invalid_proxies::InvalidProxies;
pub use trusted_proxies::TrustedProxies;

//! The flag for tokens that are bound to a client certificate.

use clap::Args;
use tower_bearer::certificate::{CertificateHeader, ClientCertificates, InvalidProxies, TrustedProxies};

/// From whom a client certificate counts.
#[derive(Args)]
pub(crate) struct CertificateArguments {
    /// Accept tokens that are bound to a client certificate (RFC 8705), which a proxy in this network names in the header Client-Cert (RFC 9440)
    #[arg(long, value_name = "CIDR")]
    client_cert_from: Vec<String>,
}

impl CertificateArguments {
    /// `None` without a proxy.
    pub(crate) fn settings(&self) -> Result<Option<ClientCertificates>, InvalidProxies> {
        if self.client_cert_from.is_empty() {
            return Ok(None);
        }
        let proxies = TrustedProxies::at(&self.client_cert_from)?;
        Ok(Some(ClientCertificates::from_header(CertificateHeader::client_cert(proxies))))
    }
}

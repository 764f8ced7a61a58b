//! The step of an explanation that concerns the client certificate.

use super::request_checks::RequestChecks;
use super::step::Step;
use crate::AccessToken;
use crate::binding::certificate::{CertificateError, ClientCertificate};
use crate::credentials::RequestView;
use crate::redact::quoted;
use crate::validation::VerifyError;

impl RequestChecks {
    /// The step of a valid token that is bound to a certificate, or has to be. Without a request there is no certificate.
    pub(super) fn certificate_step(
        &self,
        token: &AccessToken,
        request: Option<RequestView<'_>>,
        error: Option<&VerifyError>,
    ) -> Option<Step> {
        let certificates = self.certificates.as_ref()?;
        let step =
            |expected, found, holds| Step { name: "certificate", source: "RFC 8705 §3", expected, found, holds };
        if let Some(VerifyError::Certificate(error @ (CertificateError::NotBound | CertificateError::Several))) = error
        {
            let (expected, found) = match error {
                CertificateError::NotBound => ("a token that is bound to a client certificate", "one that is not"),
                _ => ("one line of each header about the client certificate", "several"),
            };
            return Some(step(expected.to_owned(), found.to_owned(), false));
        }
        let expected = token.confirmation()?.x5t_s256?;
        let found = request.map_or(Err(CertificateError::Absent), |request| certificates.find(request));
        let holds = found.as_ref().is_ok_and(|found| found.thumbprint() == expected);
        Some(step(
            format!("the certificate {} in {}", quoted(Some(expected)), certificates.source()),
            shown(found, request.is_some()),
            holds,
        ))
    }
}

fn shown(found: Result<ClientCertificate, CertificateError>, has_request: bool) -> String {
    match found {
        Ok(certificate) => quoted(Some(certificate.thumbprint())),
        Err(CertificateError::Absent) if has_request => "none".to_owned(),
        Err(CertificateError::Absent) => "the token alone".to_owned(),
        Err(error) => error.to_string(),
    }
}

//! Credentials that the application checks itself, instead of this crate.

use super::snapshot::Snapshot;
use crate::Rejection;
use crate::credentials::Scheme;
use crate::jose::{has_form_of_jwt, jws_payload};
use crate::rejection::RejectionKind;
use crate::token::RegisteredClaims;
use crate::validation::trust_domain_of;

impl Snapshot {
    /// Whether the application may have a credential of its own with this text: it is not the JWT of a trusted issuer.
    ///
    /// A JWT whose issuer cannot be read is validated too, and so refused: another reader might see the claims of a trusted issuer
    /// in it.
    pub(crate) fn may_ignore(&self, text: &str) -> bool {
        if !has_form_of_jwt(text) {
            return true;
        }
        let payload = jws_payload(text);
        // By the parser of the validation, so that both see the same issuer.
        let claims = payload.as_deref().and_then(|payload| RegisteredClaims::parse(payload).ok());
        claims.is_some_and(|claims| {
            let trust_domain = claims.sub.as_deref().and_then(trust_domain_of);
            let iss = claims.iss.as_deref();
            let validator = &self.0.validator;
            validator.issuers.of_claims(iss, trust_domain).is_empty() && !validator.may_be_of_tenant(iss)
        })
    }

    /// The refusal of a request whose credential the layer ignores, and no extension replaces. It is the one of a bad token, so that it
    /// does not tell a good API key from a bad one.
    pub(crate) fn refuse_ignored(&self, used: Scheme, reason: &'static str) -> Rejection {
        tracing::debug!(error = reason, "request refused");
        Rejection::new(RejectionKind::InvalidToken, self.0.challenges.invalid_token(used))
    }

    /// The same for a requirement or an extractor that needs a token.
    pub(crate) fn refuse_without_token(&self) -> Rejection {
        // With another scheme the layer has refused the request.
        self.refuse_ignored(Scheme::Bearer, "the layer ignores the credential, but this needs an access token")
    }
}

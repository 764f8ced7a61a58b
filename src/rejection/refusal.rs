use http::StatusCode;

use super::rejection_kind::RejectionKind;
use crate::Rejection;
use crate::require::Shortfall;

/// What the callback of [`Builder::on_refusal`](crate::server::Builder::on_refusal) learns about a refused request: constants, and the
/// issuer of the token if the token is valid.
///
/// It contains no token, no claim and nothing else that a client wrote, so it may be logged and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    kind: RejectionKind,
    status: StatusCode,
    error: Option<&'static str>,
    reason: Option<&'static str>,
    issuer: Option<&'a str>,
    shortfall: Option<&'a Shortfall>,
}

impl<'a> Refusal<'a> {
    pub(crate) fn new(rejection: &'a Rejection, reason: Option<&'static str>, issuer: Option<&'a str>) -> Self {
        Self {
            kind: rejection.kind(),
            status: rejection.status(),
            error: rejection.error(),
            reason,
            issuer,
            shortfall: rejection.shortfall(),
        }
    }

    /// Why the request was refused, as far as the client may know.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The status of the refusal. [`Grpc`](super::Grpc) may answer 200 and put its own status into the headers.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The error code of the challenge, if it has one (RFC 6750 §3.1, RFC 9449 §7.1, RFC 9470 §3).
    #[must_use]
    pub fn error(&self) -> Option<&'static str> {
        self.error
    }

    /// What is wrong with the token or its proof, as [a constant word](crate::validation::VerifyError::reason) that the client does not
    /// see; `ignored` for a credential that the layer [ignores](crate::layer::ProtectLayer::ignore_tokens). `None` if there is no token,
    /// if it cannot be validated now, or if it is valid but does not grant enough.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    /// The issuer of the token, if the token is valid: its signature was verified, or its issuer has answered that it is active, and it
    /// satisfies all rules. The request was then refused for another reason, such as the token's scope, its proof, or a revocation.
    #[must_use]
    pub fn issuer(&self) -> Option<&'a str> {
        self.issuer
    }

    /// What a valid token lacks for the operation, with the roles and claims that the client is not told of: see
    /// [`Shortfall::missing`].
    #[must_use]
    pub fn shortfall(&self) -> Option<&'a Shortfall> {
        self.shortfall
    }
}

use std::time::Duration;

use super::target_uri_error::TargetUriError;
use crate::jose::{Algorithm, JsonError, JwsError, UnusableJwk};
use crate::redact::Excerpt;
use crate::token::NumericDate;

/// What is wrong with a DPoP proof, for logs and tests.
///
/// It holds what was found and what was expected. A stranger may have written what was found, so only an [`Excerpt`] of it is kept.
/// Clients never see this error: they get `invalid_dpop_proof`, or `use_dpop_nonce` if a valid nonce is missing (RFC 9449 §7.1, §9).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The request has no `DPoP` header (RFC 9449 §4.3, rule 1).
    #[error("the request has no DPoP header, expected one")]
    Absent,
    /// The request has more than one `DPoP` header (RFC 9449 §4.3, rule 1).
    #[error("the request has {found} DPoP headers, expected one")]
    Several {
        /// The number of headers.
        found: usize,
    },
    /// The header has characters that no proof has.
    #[error("the DPoP header is not printable ASCII")]
    NotText,
    /// The proof is too long.
    #[error("the proof has {length} bytes, expected at most {limit}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The maximum length in bytes.
        limit: usize,
    },
    /// The proof is not a signed JWT (RFC 9449 §4.3, rule 2).
    #[error("the proof is malformed: {0}")]
    Jws(JwsError),
    /// The header's `typ` is not that of a proof (RFC 9449 §4.3, rule 4).
    #[error("the typ of the proof is {}, expected \"dpop+jwt\"", shown(.found.as_ref()))]
    Type {
        /// The `typ`, if there is one.
        found: Option<Excerpt>,
    },
    /// The algorithm is not one that this server accepts in proofs (RFC 9449 §4.3, rule 5).
    #[error("the algorithm {found} of the proof is not allowed")]
    Algorithm {
        /// The `alg`.
        found: Algorithm,
    },
    /// The header has no `jwk` (RFC 9449 §4.2).
    #[error("the header of the proof has no jwk")]
    NoKey,
    /// The `jwk` is not a usable public key: it is private, symmetric, weak, or not for the `alg` (RFC 9449 §4.3, rules 6 and 7).
    #[error("the jwk of the proof cannot be used: {0}")]
    Key(UnusableJwk),
    /// The payload is not an acceptable JSON object, or a claim has the wrong type.
    #[error("the payload of the proof is not acceptable JSON: {0}")]
    Payload(JsonError),
    /// A claim that a proof for a resource server must have is absent (RFC 9449 §4.3, rule 3).
    #[error("the claim {claim:?} of the proof is missing")]
    Missing {
        /// Its name.
        claim: &'static str,
    },
    /// The `jti` is empty or too long.
    #[error("the jti of the proof has {length} bytes, expected 1 to {limit}")]
    JtiLength {
        /// Its length in bytes.
        length: usize,
        /// The maximum length in bytes.
        limit: usize,
    },
    /// The target of the request is not known, so no proof can match it.
    #[error("no proof can match this request: {0}")]
    Request(#[from] TargetUriError),
    /// The proof's key is not the one that the token is bound to (RFC 9449 §4.3, rule 12; §6.1).
    #[error("the key of the proof has the thumbprint {found:?}, expected {expected:?} as in the jkt of the token")]
    OtherKey {
        /// The thumbprint of the `jwk`.
        found: Excerpt,
        /// The `jkt` of the token.
        expected: Excerpt,
    },
    /// The `ath` is not the hash of the access token (RFC 9449 §4.3, rule 12).
    #[error("the ath of the proof is {found:?}, expected the hash of the access token")]
    OtherToken {
        /// The `ath`.
        found: Excerpt,
    },
    /// The `htm` is not the method of the request (RFC 9449 §4.3, rule 8).
    #[error("the htm of the proof is {found:?}, expected {expected:?}")]
    Method {
        /// The `htm`.
        found: Excerpt,
        /// The method of the request.
        expected: Excerpt,
    },
    /// The `htu` is not the target URI of the request (RFC 9449 §4.3, rule 9).
    #[error("the htu of the proof is {found:?}, expected {expected:?}")]
    Target {
        /// The `htu`, normalised, without query and fragment.
        found: Excerpt,
        /// The target URI of the request, normalised, without query and fragment.
        expected: Excerpt,
    },
    /// The `htu` is not an absolute http or https URI (RFC 9449 §4.2).
    #[error("the htu of the proof is {found:?}, expected an absolute URI such as {expected:?}")]
    MalformedTarget {
        /// The `htu`, without the values of its query.
        found: Excerpt,
        /// The target URI of the request, normalised, without query and fragment.
        expected: Excerpt,
    },
    /// The proof was made too long ago (RFC 9449 §4.3, rule 11).
    #[error("the proof was made {} s ago (iat {iat}, at most {} s are allowed)", seconds(*now, *iat), .window.as_secs_f64())]
    TooOld {
        /// The `iat`.
        iat: NumericDate,
        /// When the proof was checked.
        now: NumericDate,
        /// How far apart the two may be.
        window: Duration,
    },
    /// The proof was made too far in the future (RFC 9449 §4.3, rule 11).
    #[error("the proof was made {} s in the future (iat {iat}, at most {} s are allowed)", seconds(*iat, *now), .window.as_secs_f64())]
    InTheFuture {
        /// The `iat`.
        iat: NumericDate,
        /// When the proof was checked.
        now: NumericDate,
        /// How far apart the two may be.
        window: Duration,
    },
    /// The proof has no `nonce`, and this server requires one (RFC 9449 §4.3, rule 10; §9).
    #[error("the proof has no nonce, expected one from this server")]
    NoNonce,
    /// The `nonce` is not from this server, or is too old (RFC 9449 §4.3, rule 10; §9).
    #[error("the nonce of the proof is not from this server, or has expired")]
    Nonce,
    /// The key in the `jwk` did not make the signature (RFC 9449 §4.3, rule 6).
    #[error("the signature of the proof is not valid for its jwk")]
    Signature,
    /// The proof was used before (RFC 9449 §11.1).
    #[error("the proof was used before")]
    Replayed,
}

impl ProofError {
    /// A constant word for the error, for logs and as the label of a metric. It does not change between versions.
    ///
    /// `proof_absent`, `proof_several`, `proof_too_long`, `proof_malformed`, `proof_type`, `proof_algorithm`, `proof_no_key`, `proof_key`,
    /// `proof_payload`, `proof_missing_claim`, `proof_jti`, `proof_request`, `proof_other_key`, `proof_other_token`, `proof_method`,
    /// `proof_target`, `proof_too_old`, `proof_in_the_future`, `proof_no_nonce`, `proof_nonce`, `proof_signature` or `proof_replayed`.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Absent => "proof_absent",
            Self::Several { .. } => "proof_several",
            Self::TooLong { .. } => "proof_too_long",
            Self::NotText | Self::Jws(_) => "proof_malformed",
            Self::Type { .. } => "proof_type",
            Self::Algorithm { .. } => "proof_algorithm",
            Self::NoKey => "proof_no_key",
            Self::Key(_) => "proof_key",
            Self::Payload(_) => "proof_payload",
            Self::Missing { .. } => "proof_missing_claim",
            Self::JtiLength { .. } => "proof_jti",
            Self::Request(_) => "proof_request",
            Self::OtherKey { .. } => "proof_other_key",
            Self::OtherToken { .. } => "proof_other_token",
            Self::Method { .. } => "proof_method",
            Self::Target { .. } | Self::MalformedTarget { .. } => "proof_target",
            Self::TooOld { .. } => "proof_too_old",
            Self::InTheFuture { .. } => "proof_in_the_future",
            Self::NoNonce => "proof_no_nonce",
            Self::Nonce => "proof_nonce",
            Self::Signature => "proof_signature",
            Self::Replayed => "proof_replayed",
        }
    }

    /// Whether a proof with a fresh nonce would do: the client is told `use_dpop_nonce` (RFC 9449 §9).
    pub(crate) const fn asks_for_a_nonce(&self) -> bool {
        matches!(self, Self::NoNonce | Self::Nonce)
    }
}

/// The time from `earlier` to `later`, in whole seconds.
fn seconds(later: NumericDate, earlier: NumericDate) -> f64 {
    (later.seconds() - earlier.seconds()).ceil()
}

fn shown(text: Option<&Excerpt>) -> String {
    text.map_or("absent".to_owned(), |text| format!("{text:?}"))
}

//! The rules for a proof apart from its form and its signature, one table row each (RFC 9449 §4.3).
//!
//! They are checked in order, up to the first that fails. `explain` reads the same rows and shows all of them.

use std::time::{Duration, SystemTime};

use http::Method;

use super::proof::UnverifiedProof;
use super::proof_error::ProofError;
use crate::jose::{Algorithm, AlgorithmSet};
use crate::redact::{Excerpt, quoted, url};
use crate::token::{NumericDate, ProofBinding};

/// One rule about a proof: a row of the table.
pub(crate) struct Rule {
    /// What the rule is about: a header parameter or a claim. It does not change between versions.
    pub(crate) name: &'static str,
    /// Where the rule comes from.
    pub(crate) source: &'static str,
    /// Whether the server's settings ask for it.
    pub(crate) applies: fn(&ProofFacts<'_>) -> bool,
    /// Whether the proof satisfies it.
    pub(crate) check: fn(&ProofFacts<'_>) -> Result<(), ProofError>,
    /// What the rule requires, in words for a developer.
    pub(crate) expected: fn(&ProofFacts<'_>) -> String,
    /// What the proof has instead.
    pub(crate) found: fn(&ProofFacts<'_>) -> String,
}

/// What a rule reads: the proof, the token and the request that it came with, the settings, and the time.
pub(crate) struct ProofFacts<'a> {
    pub(crate) proof: &'a UnverifiedProof,
    /// The algorithms that this server accepts in proofs.
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) binding: ProofBinding<'a>,
    /// The method of the request.
    pub(crate) method: &'a Method,
    pub(crate) target: Target<'a>,
    pub(crate) now: SystemTime,
    /// How far `iat` may be from the server's time, in both directions.
    pub(crate) window: Duration,
    pub(crate) freshness: FreshBy,
    pub(crate) nonce: NonceVerdict,
}

/// The two URIs that rule 9 of RFC 9449 §4.3 compares. Both are normalised by the same function, without query and fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    /// The target URI of the request.
    pub(crate) expected: &'a str,
    /// The `htu`, or `None` if it is not an absolute http or https URI.
    pub(crate) signed: Option<&'a str>,
}

/// By what a server tells that a proof is fresh (RFC 9449 §11.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FreshBy {
    /// By the client's clock. No nonce is required, and a nonce is ignored.
    IssuedAt,
    /// By a nonce, which holds the server's time. The client's clock is ignored.
    Nonce,
    /// By both.
    Both,
}

/// What the server's nonces say of the one in the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NonceVerdict {
    /// The proof has none.
    Absent,
    /// It is one of this server, and has not expired.
    Good,
    /// It is another's, or has expired.
    Bad,
}

/// In the order in which they are checked: what costs nothing first, then what tells strangers from clients.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "proof_alg",
        source: "RFC 9449 §4.3, rule 5",
        applies: |_| true,
        check: |facts| {
            let found = facts.proof.algorithm();
            if facts.algorithms.contains(found) { Ok(()) } else { Err(ProofError::Algorithm { found }) }
        },
        expected: |facts| {
            let allowed = Algorithm::ALL.iter().filter(|algorithm| facts.algorithms.contains(**algorithm));
            let allowed: Vec<_> = allowed.map(|algorithm| algorithm.name()).collect();
            format!("one of {}", allowed.join(", "))
        },
        found: |facts| facts.proof.algorithm().to_string(),
    },
    Rule {
        name: "jkt",
        source: "RFC 9449 §4.3, rule 12; §6.1",
        applies: |_| true,
        check: |facts| {
            let found = facts.proof.thumbprint();
            if found.is_written_as(facts.binding.jkt) {
                return Ok(());
            }
            Err(ProofError::OtherKey { found: found.to_string().into(), expected: facts.binding.jkt.into() })
        },
        expected: |facts| format!("the thumbprint {} as in the jkt of the token", quoted(Some(facts.binding.jkt))),
        found: |facts| format!("the thumbprint {}", quoted(Some(&facts.proof.thumbprint().to_string()))),
    },
    Rule {
        name: "ath",
        source: "RFC 9449 §4.3, rule 12",
        applies: |_| true,
        check: |facts| {
            let found = facts.proof.ath();
            if found == facts.binding.ath { Ok(()) } else { Err(ProofError::OtherToken { found: found.into() }) }
        },
        expected: |_| "the hash of the access token".to_owned(),
        found: |facts| match facts.proof.ath() {
            ath if ath == facts.binding.ath => "the hash of the access token".to_owned(),
            ath => quoted(Some(ath)),
        },
    },
    Rule {
        name: "htm",
        source: "RFC 9449 §4.3, rule 8",
        applies: |_| true,
        // RFC 9110 §9.1: methods are case-sensitive.
        check: |facts| match (facts.proof.htm(), facts.method.as_str()) {
            (found, expected) if found == expected => Ok(()),
            (found, expected) => Err(ProofError::Method { found: found.into(), expected: expected.into() }),
        },
        expected: |facts| quoted(Some(facts.method.as_str())),
        found: |facts| quoted(Some(facts.proof.htm())),
    },
    Rule {
        name: "htu",
        source: "RFC 9449 §4.3, rule 9",
        applies: |_| true,
        check: |facts| match facts.target {
            Target { expected, signed: Some(signed) } if signed == expected => Ok(()),
            Target { expected, signed: Some(signed) } => {
                Err(ProofError::Target { found: signed.into(), expected: expected.into() })
            }
            Target { expected, signed: None } => {
                Err(ProofError::MalformedTarget { found: written(facts.proof.htu()), expected: expected.into() })
            }
        },
        expected: |facts| quoted(Some(facts.target.expected)),
        found: |facts| match facts.target.signed {
            Some(signed) => quoted(Some(signed)),
            None => format!("{:?}, which is not an absolute URI", written(facts.proof.htu())),
        },
    },
    Rule {
        name: "proof_iat",
        source: "RFC 9449 §4.3, rule 11",
        applies: |facts| facts.freshness != FreshBy::Nonce,
        check: check_iat,
        expected: |facts| {
            format!("at most {} s before or after {}", facts.window.as_secs_f64(), NumericDate::from(facts.now))
        },
        found: |facts| {
            let iat = facts.proof.issued_at();
            let ahead = iat.seconds() - NumericDate::from(facts.now).seconds();
            let distance = if ahead < 0.0 { format!("{:.0} s ago", -ahead) } else { format!("in {ahead:.0} s") };
            format!("{iat} ({distance})")
        },
    },
    Rule {
        name: "nonce",
        source: "RFC 9449 §4.3, rule 10; §9",
        applies: |facts| facts.freshness != FreshBy::IssuedAt,
        check: |facts| match facts.nonce {
            NonceVerdict::Good => Ok(()),
            NonceVerdict::Absent => Err(ProofError::NoNonce),
            NonceVerdict::Bad => Err(ProofError::Nonce),
        },
        expected: |_| "a nonce from this server that has not expired".to_owned(),
        found: |facts| match facts.nonce {
            NonceVerdict::Good => "a valid nonce from this server".to_owned(),
            NonceVerdict::Absent => "none".to_owned(),
            NonceVerdict::Bad => "a nonce that is not from this server, or has expired".to_owned(),
        },
    },
];

/// Checks the rules that apply, up to the first that fails.
pub(super) fn check(facts: &ProofFacts<'_>) -> Result<(), ProofError> {
    RULES.iter().filter(|rule| (rule.applies)(facts)).try_for_each(|rule| (rule.check)(facts))
}

/// RFC 9449 §11.1. Both ends of the window belong to it.
fn check_iat(facts: &ProofFacts<'_>) -> Result<(), ProofError> {
    let (iat, now, window) = (facts.proof.issued_at(), NumericDate::from(facts.now), facts.window);
    if iat.plus(window) < now {
        return Err(ProofError::TooOld { iat, now, window });
    }
    if now.plus(window) < iat { Err(ProofError::InTheFuture { iat, now, window }) } else { Ok(()) }
}

/// An `htu` that is not normalised, without the values of its query.
fn written(htu: &str) -> Excerpt {
    url(htu).into()
}

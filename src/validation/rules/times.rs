//! The rules about the times of a token.

use std::time::{Duration, SystemTime};

use super::super::token_error::TokenError;
use super::rule::{Applies, Facts, Rule};
use super::text::{Date, date};
use crate::AccessToken;
use crate::token::{NumericDate, Validity};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "exp",
        source: "RFC 7519 §4.1.4",
        applies: Applies::Always,
        // RFC 9068 §2.2 requires `exp`.
        check: |facts| {
            let exp = facts.claims.exp.ok_or(TokenError::Missing { claim: "exp" })?;
            check_exp(exp, facts.policy.leeway, facts.now)
        },
        expected: |facts| format!("later than {} s before {}", facts.policy.leeway.as_secs_f64(), Date(facts.now)),
        found: |facts| date(facts.claims.exp, facts.now),
    },
    Rule {
        name: "nbf",
        source: "RFC 7519 §4.1.5",
        applies: Applies::Always,
        check: |facts| check_nbf(facts.claims.nbf, facts.policy.leeway, facts.now),
        expected: not_in_the_future,
        found: |facts| date(facts.claims.nbf, facts.now),
    },
    Rule {
        name: "iat",
        source: "RFC 7519 §4.1.6",
        applies: Applies::Always,
        check: |facts| check_iat(facts.claims.iat, facts.policy.leeway, facts.now),
        expected: not_in_the_future,
        found: |facts| date(facts.claims.iat, facts.now),
    },
    Rule {
        name: "lifetime",
        source: "RFC 7519 §4.1.4",
        applies: Applies::If(|policy| policy.max_lifetime.is_some()),
        check: |facts| check_lifetime(facts),
        expected: |facts| match facts.policy.max_lifetime.filter(|_| facts.header.is_some()) {
            Some(limit) => format!("an iat, and an exp at most {} s later", limit.as_secs_f64()),
            None => "any, because its issuer is asked again".to_owned(),
        },
        found: |facts| match (facts.claims.iat, facts.claims.exp) {
            (Some(iat), Some(exp)) => format!("{} s", exp.seconds() - iat.seconds()),
            (None, _) => "no iat".to_owned(),
            (_, None) => "no exp".to_owned(),
        },
    },
];

/// A revocation is forgotten when every token that it concerns has expired. Without `iat` nobody knows when that is: such a token
/// could be old when it was revoked, and come within the limit only later.
fn check_lifetime(facts: &Facts<'_>) -> Result<(), TokenError> {
    let (Some(limit), Some(_)) = (facts.policy.max_lifetime, facts.header) else { return Ok(()) };
    let iat = facts.claims.iat.ok_or(TokenError::Missing { claim: "iat" })?;
    let exp = facts.claims.exp.ok_or(TokenError::Missing { claim: "exp" })?;
    let (lifetime, limit) = (exp.seconds() - iat.seconds(), limit.as_secs_f64());
    if lifetime <= limit { Ok(()) } else { Err(TokenError::LivesTooLong { lifetime, limit }) }
}

/// The rules of this table, for a token that was validated before.
pub(in crate::validation) fn check_validity(
    &Validity { exp, nbf, iat }: &Validity,
    leeway: Duration,
    now: NumericDate,
) -> Result<(), TokenError> {
    check_exp(exp, leeway, now)?;
    check_nbf(nbf, leeway, now)?;
    check_iat(iat, leeway, now)
}

/// The same for a request that has waited since its token was validated.
pub(crate) fn check_times_again(token: &AccessToken, now: SystemTime) -> Result<(), TokenError> {
    check_validity(&token.validity(), token.leeway(), now.into())
}

/// RFC 7519 §4.1.4.
fn check_exp(exp: NumericDate, leeway: Duration, now: NumericDate) -> Result<(), TokenError> {
    if now < exp.plus(leeway) { Ok(()) } else { Err(TokenError::Expired { exp, now, leeway }) }
}

/// RFC 7519 §4.1.5.
fn check_nbf(nbf: Option<NumericDate>, leeway: Duration, now: NumericDate) -> Result<(), TokenError> {
    match nbf {
        Some(nbf) if nbf > now.plus(leeway) => Err(TokenError::NotYetValid { nbf, now, leeway }),
        _ => Ok(()),
    }
}

/// FAPI 2.0 §5.3.2.1. RFC 7519 §4.1.6 leaves it open. An issuer whose clock runs that far ahead is not to be trusted with `exp`.
fn check_iat(iat: Option<NumericDate>, leeway: Duration, now: NumericDate) -> Result<(), TokenError> {
    match iat {
        Some(iat) if iat > now.plus(leeway) => Err(TokenError::IssuedInTheFuture { iat, now, leeway }),
        _ => Ok(()),
    }
}

fn not_in_the_future(facts: &Facts<'_>) -> String {
    format!("none, or no later than {} s after {}", facts.policy.leeway.as_secs_f64(), Date(facts.now))
}

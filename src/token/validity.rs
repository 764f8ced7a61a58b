use std::time::Duration;

use super::error::TokenError;
use super::numeric_date::NumericDate;

/// What of a token depends on the time: judged when it is verified, and again whenever a verified one is used once more.
#[derive(Clone, Copy)]
pub(crate) struct Validity {
    pub(super) exp: NumericDate,
    pub(super) nbf: Option<NumericDate>,
    pub(super) iat: Option<NumericDate>,
}

impl Validity {
    pub(crate) fn check(&self, leeway: Duration, now: NumericDate) -> Result<(), TokenError> {
        has_not_expired(self.exp, leeway, now)?;
        is_valid_already(self.nbf, leeway, now)?;
        was_issued_in_the_past(self.iat, leeway, now)
    }
}

/// RFC 7519 §4.1.4.
pub(super) fn has_not_expired(exp: NumericDate, leeway: Duration, now: NumericDate) -> Result<(), TokenError> {
    if now < exp.plus(leeway) { Ok(()) } else { Err(TokenError::Expired { exp, now }) }
}

/// RFC 7519 §4.1.5.
pub(super) fn is_valid_already(nbf: Option<NumericDate>, leeway: Duration, now: NumericDate) -> Result<(), TokenError> {
    match nbf {
        Some(nbf) if nbf > now.plus(leeway) => Err(TokenError::NotYetValid { nbf, now }),
        _ => Ok(()),
    }
}

/// FAPI 2.0 §5.3.2.1: RFC 7519 §4.1.6 leaves it open, and an issuer whose clock runs that far ahead is not one to
/// trust with `exp`.
pub(super) fn was_issued_in_the_past(
    iat: Option<NumericDate>,
    leeway: Duration,
    now: NumericDate,
) -> Result<(), TokenError> {
    match iat {
        Some(iat) if iat > now.plus(leeway) => Err(TokenError::IssuedInTheFuture { iat, now }),
        _ => Ok(()),
    }
}

use super::numeric_date::NumericDate;

/// The claims of a token that limit the time in which it is valid. They are checked each time the token is used.
#[derive(Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) exp: NumericDate,
    pub(crate) nbf: Option<NumericDate>,
    pub(crate) iat: Option<NumericDate>,
}

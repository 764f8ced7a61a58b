/// What a revocation compares of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenFacts<'t> {
    pub(crate) issuer: &'t str,
    pub(crate) session: Option<&'t str>,
    pub(crate) id: Option<&'t str>,
    pub(crate) subject: &'t str,
    pub(crate) client: Option<&'t str>,
    pub(crate) issued: Issued,
}

/// Since when a token is known to be good, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Issued {
    /// It was issued in this second (`iat`).
    At(f64),
    /// Its issuer was asked then, and has answered that it is active.
    Confirmed(f64),
}

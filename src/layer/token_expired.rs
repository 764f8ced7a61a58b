use std::fmt;
use std::time::SystemTime;

use crate::AccessToken;
use crate::token::NumericDate;

/// The error of a response body that is incomplete because the access token of its request has expired.
///
/// It is the boxed error of an [`EndingBody`](super::EndingBody), and has no source. A server such as hyper
/// does not send it, but breaks the connection or resets the stream, so the client knows that the body is
/// incomplete.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenExpired {
    exp: SystemTime,
}

impl TokenExpired {
    pub(super) fn of(token: &AccessToken) -> Self {
        Self { exp: token.expires_at() }
    }

    /// When the token expired (`exp`), without the leeway.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.exp
    }
}

impl fmt::Display for TokenExpired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exp = NumericDate::from(self.exp);
        write!(f, "the access token of the request expired before the response body was complete (exp {exp})")
    }
}

impl std::error::Error for TokenExpired {}

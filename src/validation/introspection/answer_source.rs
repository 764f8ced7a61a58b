use std::pin::Pin;
use std::time::Duration;

/// The endpoint that says what a token is: RFC 7662 §2, as far as the answers' users know it.
pub(crate) trait AnswerSource: Send + Sync + 'static {
    /// Asks about one token. The answer is the JSON that the issuer has given, and possibly signed.
    fn ask<'a>(&'a self, token: &'a str) -> AnswerFuture<'a>;
}

/// What [`AnswerSource::ask`] returns.
pub(crate) type AnswerFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, Unanswered>> + Send + 'a>>;

/// The endpoint has not said what the token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered {
    /// Whether it says something about the endpoint, and not about this one token.
    pub(crate) is_outage: bool,
    /// When the endpoint wants to be asked again, if it says so.
    pub(crate) retry_after: Option<Duration>,
}

use std::fmt;
use std::time::SystemTime;

/// Which tokens of an issuer are no longer accepted.
///
/// | what is revoked | the tokens that are refused |
/// |---|---|
/// | [`session`](Self::session) | those with this `sid`, whenever they were issued: a session that has ended stays ended |
/// | [`session_of`](Self::session_of) | the same, and the subject's tokens without `sid` that were issued up to [its time](Self::at) |
/// | [`token`](Self::token) | the one with this `jti` |
/// | [`subject`](Self::subject), [`client`](Self::client), [`issuer`](Self::issuer) | those that were issued up to [its time](Self::at). If the user signs in again, the new tokens are accepted |
///
/// Names are compared as a whole, and are case-sensitive. A revocation for one issuer does not affect another issuer's tokens.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "give it to `Revocations::revoke`"]
pub struct Revocation {
    pub(super) issuer: Box<str>,
    pub(super) target: Target,
    pub(super) at: Option<SystemTime>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Target {
    Session(Box<str>),
    SessionOf { sid: Box<str>, sub: Box<str> },
    Token(Box<str>),
    Subject(Box<str>),
    Client(Box<str>),
    Issuer,
}

impl Revocation {
    /// All tokens of a session, by their [`session_id`](crate::AccessToken::session_id) (`sid`).
    ///
    /// Not every issuer writes `sid` into access tokens: [`subject`](Self::subject) works with all of them.
    pub fn session(issuer: &str, sid: &str) -> Self {
        Self::new(issuer, Target::Session(sid.into()))
    }

    /// All tokens of a session, and the subject's tokens without `sid` that were issued up to now, because they may belong to this session. The
    /// tokens of the subject's other sessions remain valid.
    ///
    /// This works whether or not the issuer writes `sid` into access tokens. If more than 16 sessions of one subject are revoked in this way,
    /// further ones are treated like [`subject`](Self::subject), which takes no more room.
    pub fn session_of(issuer: &str, sid: &str, sub: &str) -> Self {
        Self::new(issuer, Target::SessionOf { sid: sid.into(), sub: sub.into() })
    }

    /// One token, by its [`id`](crate::AccessToken::id) (`jti`).
    pub fn token(issuer: &str, jti: &str) -> Self {
        Self::new(issuer, Target::Token(jti.into()))
    }

    /// All tokens of a [subject](crate::AccessToken::subject) that were issued up to now.
    pub fn subject(issuer: &str, sub: &str) -> Self {
        Self::new(issuer, Target::Subject(sub.into()))
    }

    /// All tokens of a [client](crate::AccessToken::client_id) that were issued up to now.
    pub fn client(issuer: &str, client_id: &str) -> Self {
        Self::new(issuer, Target::Client(client_id.into()))
    }

    /// All tokens of an issuer that were issued up to now.
    pub fn issuer(issuer: &str) -> Self {
        Self::new(issuer, Target::Issuer)
    }

    /// Refuses the tokens that were issued up to `time`. Tokens that were issued later remain valid. Because `iat` usually has whole seconds, a
    /// token issued in the same second is refused.
    ///
    /// A time in the future is treated as now. For a session or a token, the time makes no difference.
    ///
    /// `iat` is a time of the issuer's clock. If that clock is two seconds ahead of this server's, tokens issued in the last two seconds before
    /// the revocation remain valid. If that matters, also revoke the session, which does not depend on a time.
    ///
    /// Default: the time at which it is [revoked](super::Revocations::revoke).
    pub fn at(self, time: SystemTime) -> Self {
        Self { at: Some(time), ..self }
    }

    /// Like [`at`](Self::at), unless a time is set already.
    #[cfg(feature = "shared-signals")]
    pub(crate) fn at_or(self, time: SystemTime) -> Self {
        Self { at: self.at.or(Some(time)), ..self }
    }

    fn new(issuer: &str, target: Target) -> Self {
        Self { issuer: issuer.into(), target, at: None }
    }
}

/// Without the names, which may be a person's.
impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = match &self.target {
            Target::Session(_) => "session",
            Target::SessionOf { .. } => "session_of",
            Target::Token(_) => "token",
            Target::Subject(_) => "subject",
            Target::Client(_) => "client",
            Target::Issuer => "issuer",
        };
        f.debug_struct("Revocation")
            .field("issuer", &self.issuer)
            .field("target", &target)
            .field("at", &self.at)
            .finish()
    }
}

use std::fmt;
use std::time::Duration;

use super::dialect::Dialect;
use super::identities::Identities;
use super::profile::Profile;
use super::recipient::Recipient;
use crate::jose::AlgorithmSet;
use crate::token::SubjectClaim;

/// What the tokens of one issuer must satisfy. Two that are equal accept and refuse the same tokens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) issuer: Identities,
    pub(crate) recipient: Recipient,
    pub(crate) subject: SubjectClaim,
    pub(crate) subjects: Subjects,
    pub(crate) callers: Option<Callers>,
    pub(crate) user_flow: Option<UserFlow>,
    pub(crate) dialect: Dialect,
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) bindings: Bindings,
    pub(crate) format: Format,
    pub(crate) profile: Profile,
    pub(crate) leeway: Duration,
    /// How long a token may live, if revocations are remembered for that long.
    pub(crate) max_lifetime: Option<Duration>,
}

/// The format of an issuer's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The token itself has the claims.
    Jwt,
    /// The issuer has the claims, and is asked for them.
    Opaque,
}

/// How a token may be bound to a key of the client. What is not checked at each request is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bindings {
    /// By `jkt` (RFC 9449 §6.1). Each request has a proof.
    pub(crate) dpop: bool,
    /// By `x5t#S256` (RFC 8705 §3.1). Each request has the certificate.
    pub(crate) certificate: bool,
}

/// The allowed subjects of an issuer's tokens.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Subjects {
    Any,
    Listed(Vec<Box<str>>),
}

/// The allowed values of one claim, for an issuer whose tokens are identified by another claim than `sub`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Callers {
    pub(crate) claim: &'static str,
    pub(crate) listed: Vec<Box<str>>,
}

/// Without the values of the list.
impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {} values of {}", self.listed.len(), self.claim)
    }
}

/// A user flow or a custom policy of Azure AD B2C. All of a directory have one `iss`, and each has its keys at a URL of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserFlow(Box<str>);

impl UserFlow {
    #[cfg(feature = "http-client")]
    pub(crate) fn new(name: &str) -> Self {
        Self(name.into())
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Whether `name` is that of this user flow. Names that differ only in case are the same.
    pub(crate) fn is(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| name.eq_ignore_ascii_case(&self.0))
    }
}

/// The number of subjects, not their names: they may be people.
impl fmt::Debug for Subjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Listed(listed) => write!(f, "one of {}", listed.len()),
        }
    }
}

use std::fmt;
use std::time::Duration;

use super::dialect::Dialect;
use super::identities::Identities;
use super::profile::Profile;
use super::recipient::Recipient;
use crate::jose::AlgorithmSet;

/// What the tokens of one issuer must satisfy.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) issuer: Identities,
    pub(crate) recipient: Recipient,
    pub(crate) subjects: Subjects,
    pub(crate) dialect: Dialect,
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) profile: Profile,
    pub(crate) leeway: Duration,
}

/// The allowed subjects of an issuer's tokens.
#[derive(Clone)]
pub(crate) enum Subjects {
    Any,
    Listed(Vec<Box<str>>),
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

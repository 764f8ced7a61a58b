use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::redact::Excerpt;

/// How closely a token must follow RFC 9068.
///
/// The text form is `generic` or `rfc9068`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// What issuers send in practice: the header's `typ` is `at+jwt`, `JWT`, `JOSE` or absent, in upper or lower case, with or without the prefix
    /// `application/`. The scope is in `scope`, `scp` or `scopes`, and `iss`, `aud`, `exp` and `sub` are required. Tokens that are known to be of
    /// another kind are still refused.
    #[default]
    Generic,
    /// RFC 9068 to the letter: `typ` is `at+jwt` or `application/at+jwt`, the scope is a string in `scope`, and `client_id`, `iat` and `jti` are
    /// also required.
    Rfc9068,
}

impl Profile {
    pub(crate) const ALL: [Self; 2] = [Self::Generic, Self::Rfc9068];

    /// The text form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Rfc9068 => "rfc9068",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        let profile = Self::ALL.into_iter().find(|profile| profile.name() == text);
        profile.ok_or_else(|| UnknownProfile { found: text.into() })
    }
}

impl TryFrom<&str> for Profile {
    type Error = UnknownProfile;

    fn try_from(text: &str) -> Result<Self, UnknownProfile> {
        text.parse()
    }
}

impl Serialize for Profile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The error for a text that does not name a [`Profile`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the profile \"generic\" or \"rfc9068\", found {found:?}")]
#[non_exhaustive]
pub struct UnknownProfile {
    /// The text.
    pub found: Excerpt,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_from_what_it_is_written_as() {
        for profile in Profile::ALL {
            assert_eq!(profile.to_string().parse(), Ok(profile));
            let json = serde_json::to_string(&profile).unwrap();
            assert_eq!(serde_json::from_str::<Profile>(&json).unwrap(), profile);
        }
        let error = Profile::try_from("RFC9068").unwrap_err();
        assert_eq!(error.to_string(), r#"expected the profile "generic" or "rfc9068", found "RFC9068""#);
    }
}

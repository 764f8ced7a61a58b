use std::fmt;
use std::str::FromStr;

use crate::{Scope, redact};

/// Authentication context class references that will do, in order of preference: the `acr_values` of a challenge
/// (RFC 9470 §3) and of the authorization request that follows it (OpenID Connect Core §3.1.2.1).
///
/// The text form has one space between two. Values compare whole, never by their order as texts.
///
/// ```
/// use tower_bearer::require::AcrValues;
///
/// let values: AcrValues = "urn:example:hwk urn:example:mfa".parse()?;
/// assert!(values.contains("urn:example:mfa"));
/// # Ok::<(), tower_bearer::require::InvalidAcrValues>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcrValues(Box<str>);

impl AcrValues {
    /// Whether `acr` is one of the values.
    #[must_use]
    pub fn contains(&self, acr: &str) -> bool {
        self.iter().any(|value| value == acr)
    }

    /// The values, the preferred one first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }

    /// The values with one space between two.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Those that both have, in the order of `self`; if there is none, `self`.
    pub(super) fn in_common_with(self, other: &Self) -> Self {
        let common: Vec<&str> = self.iter().filter(|value| other.contains(value)).collect();
        if common.is_empty() { self } else { Self(common.join(" ").into()) }
    }
}

impl fmt::Display for AcrValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads one or more values with exactly one space between two. They are made of the characters of a scope token, which
/// need no quoting in a challenge.
impl FromStr for AcrValues {
    type Err = InvalidAcrValues;

    fn from_str(text: &str) -> Result<Self, InvalidAcrValues> {
        let scope: Result<Scope, _> = text.parse();
        scope.map(|_| Self(text.into())).map_err(|_| InvalidAcrValues(redact::cut(text).into_owned()))
    }
}

/// A text that is no list of authentication context class references, cut to 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a list of acr values with one space between two (RFC 9470 §3)")]
pub struct InvalidAcrValues(pub String);

/// Authentication context classes that are ordered, the weakest first, so that a requirement can say "at least".
///
/// `acr` values have no order of their own (RFC 9470 §6.1); this is the application's.
///
/// ```
/// use tower_bearer::Require;
/// use tower_bearer::require::Levels;
///
/// let levels = Levels::new(["pwd", "mfa", "hwk"]);
/// let transfer = Require::scope("transfer").acr_values(levels.at_least("mfa")); // mfa or hwk
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels(Vec<Box<str>>);

impl Levels {
    /// The levels, the weakest first.
    ///
    /// # Panics
    ///
    /// If there is none, one stands twice, or one is no `acr` value.
    #[must_use]
    #[track_caller]
    pub fn new<'a>(weakest_first: impl IntoIterator<Item = &'a str>) -> Self {
        let levels: Vec<Box<str>> = weakest_first.into_iter().map(Into::into).collect();
        assert!(!levels.is_empty(), "there are no levels");
        for (at, level) in levels.iter().enumerate() {
            assert!(!level.contains(' ') && level.parse::<AcrValues>().is_ok(), "{level:?} is no acr value");
            assert!(!levels[..at].contains(level), "the level {level:?} stands twice");
        }
        Self(levels)
    }

    /// `level` and all that are stronger. A client is told to ask for `level`, the weakest that will do, first.
    ///
    /// # Panics
    ///
    /// If `level` is none of the levels.
    #[must_use]
    #[track_caller]
    pub fn at_least(&self, level: &str) -> AcrValues {
        let Some(weakest) = self.0.iter().position(|own| &**own == level) else {
            panic!("{level:?} is none of the levels {:?}", self.0)
        };
        AcrValues(self.0[weakest..].join(" ").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row J4.
    #[test]
    fn values_are_compared_whole() {
        let values: AcrValues = "mfa hwk".parse().unwrap();
        for other in ["", "MFA", "mf", "mfa hwk", "mfa2", " mfa"] {
            assert!(!values.contains(other), "{other:?}");
        }
        assert_eq!(values.iter().collect::<Vec<_>>(), ["mfa", "hwk"]);
    }

    /// Row J2.
    #[test]
    fn values_need_no_quoting() {
        for bad in ["", " ", "a  b", "a ", "\"", "a\\b", "é", "a\tb"] {
            assert!(bad.parse::<AcrValues>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn at_least_follows_the_given_order() {
        let levels = Levels::new(["zero", "one", "a"]);
        assert_eq!(levels.at_least("zero").as_str(), "zero one a");
        assert_eq!(levels.at_least("one").as_str(), "one a");
        assert_eq!(levels.at_least("a").as_str(), "a");
    }

    #[test]
    fn two_lists_combine_to_their_intersection() {
        let values = |text: &str| text.parse::<AcrValues>().unwrap();
        assert_eq!(values("a b c").in_common_with(&values("c b")), values("b c"));
        assert_eq!(values("a").in_common_with(&values("b")), values("a"));
    }
}

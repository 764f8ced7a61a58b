use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::Scope;
use crate::redact::Excerpt;

/// Authentication context class references, in order of preference: the `acr_values` of a challenge (RFC 9470 §3) and of the
/// authorization request that follows it (OpenID Connect Core §3.1.2.1).
///
/// As text, and with serde, the values are separated by one space. A value is compared only for equality.
///
/// ```
/// use tower_bearer::require::AcrValues;
///
/// let values: AcrValues = "urn:example:hwk urn:example:mfa".parse()?;
/// assert!(values.contains("urn:example:mfa"));
/// # Ok::<(), tower_bearer::require::InvalidAcrValues>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AcrValues(Box<str>);

impl AcrValues {
    /// Whether `acr` is one of the values.
    #[must_use]
    pub fn contains(&self, acr: &str) -> bool {
        self.iter().any(|value| value == acr)
    }

    /// The values, with the preferred one first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }

    /// The values, separated by one space.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `values` in this order. There is at least one, and each was parsed.
    pub(super) fn of(values: &[impl AsRef<str>]) -> Self {
        Self(values.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ").into())
    }

    /// The values that both have, in the order of `self`; if there is none, `self`.
    pub(super) fn in_common_with(self, other: &Self) -> Self {
        let common: Vec<&str> = self.iter().filter(|value| other.contains(value)).collect();
        if common.is_empty() { self } else { Self::of(&common) }
    }
}

impl fmt::Display for AcrValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parses one or more values with exactly one space between two. Their characters are those of a scope token (RFC 6749
/// §3.3), which need no quoting in a challenge.
impl FromStr for AcrValues {
    type Err = InvalidAcrValues;

    fn from_str(text: &str) -> Result<Self, InvalidAcrValues> {
        let scope: Result<Scope, _> = text.parse();
        scope.map(|_| Self(text.into())).map_err(|_| InvalidAcrValues { text: text.into() })
    }
}

impl TryFrom<&str> for AcrValues {
    type Error = InvalidAcrValues;

    fn try_from(text: &str) -> Result<Self, InvalidAcrValues> {
        text.parse()
    }
}

impl TryFrom<String> for AcrValues {
    type Error = InvalidAcrValues;

    fn try_from(text: String) -> Result<Self, InvalidAcrValues> {
        text.parse()
    }
}

impl Serialize for AcrValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Text that is not a list of authentication context class references.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected acr values separated by one space (RFC 9470 §3), found {text:?}")]
pub struct InvalidAcrValues {
    text: Excerpt,
}

impl InvalidAcrValues {
    /// The text, truncated to 200 characters.
    #[must_use]
    pub fn text(&self) -> &Excerpt {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // j4
    #[test]
    fn values_compare_as_a_whole() {
        let values: AcrValues = "mfa hwk".parse().unwrap();
        for other in ["", "MFA", "mf", "mfa hwk", "mfa2", " mfa"] {
            assert!(!values.contains(other), "{other:?}");
        }
        assert_eq!(values.iter().collect::<Vec<_>>(), ["mfa", "hwk"]);
    }

    // j2
    #[test]
    fn values_need_no_quoting() {
        for bad in ["", " ", "a  b", "a ", "\"", "a\\b", "é", "a\tb"] {
            assert!(bad.parse::<AcrValues>().is_err(), "{bad:?}");
            assert!(AcrValues::try_from(bad).is_err(), "{bad:?}");
            assert!(AcrValues::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn serde_form_is_the_text() {
        let values: AcrValues = serde_json::from_str(r#""hwk mfa""#).unwrap();
        assert_eq!(values, "hwk mfa".try_into().unwrap());
        assert_eq!(serde_json::to_string(&values).unwrap(), r#""hwk mfa""#);
        for bad in [r#""""#, r#""hwk  mfa""#, r#"["hwk"]"#, "1", "null"] {
            assert!(serde_json::from_str::<AcrValues>(bad).is_err(), "{bad}");
        }
        let error = serde_json::from_str::<AcrValues>(r#""a  b""#).unwrap_err();
        assert_eq!(error.to_string(), r#"expected acr values separated by one space (RFC 9470 §3), found "a  b""#);
    }

    #[test]
    fn two_lists_that_both_apply_have_their_common_values() {
        let values = |text: &str| text.parse::<AcrValues>().unwrap();
        assert_eq!(values("a b c").in_common_with(&values("c b")), values("b c"));
        assert_eq!(values("a").in_common_with(&values("b")), values("a"));
    }
}

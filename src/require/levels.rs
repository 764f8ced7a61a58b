use super::acr_values::{AcrValues, InvalidAcrValues};
use crate::redact::Excerpt;

/// Ordered authentication context classes, weakest first, so that a requirement can be "at least this one".
///
/// `acr` values have no order of their own (RFC 9470 §6.1), so the application defines it.
///
/// ```
/// use tower_bearer::Require;
/// use tower_bearer::require::Levels;
///
/// let levels = Levels::new(["pwd", "mfa", "hwk"]);
/// let transfer = Require::scope("transfer").and_acr_values(levels.at_least("mfa")); // mfa or hwk
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels(Vec<Box<str>>);

impl Levels {
    /// The levels, weakest first.
    ///
    /// # Panics
    ///
    /// If the list is empty, or a level is repeated or is not an `acr` value. [`try_new`](Self::try_new) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn new<'a>(weakest_first: impl IntoIterator<Item = &'a str>) -> Self {
        Self::try_new(weakest_first).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`new`](Self::new), for levels known only at run time.
    ///
    /// # Errors
    ///
    /// If the list is empty, or a level is repeated or is not an `acr` value.
    pub fn try_new<'a>(weakest_first: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidLevels> {
        let mut levels: Vec<Box<str>> = Vec::new();
        for level in weakest_first {
            let values: AcrValues = level.parse()?;
            if values.iter().count() != 1 {
                return Err(InvalidLevels::Several { level: level.into() });
            }
            if levels.iter().any(|earlier| **earlier == *level) {
                return Err(InvalidLevels::Repeated { level: level.into() });
            }
            levels.push(level.into());
        }
        if levels.is_empty() { Err(InvalidLevels::Empty) } else { Ok(Self(levels)) }
    }

    /// `level` and all stronger levels. A client is told to request `level` first, because it is the weakest
    /// that is enough.
    ///
    /// # Panics
    ///
    /// If `level` is not one of the levels. [`try_at_least`](Self::try_at_least) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn at_least(&self, level: &str) -> AcrValues {
        self.try_at_least(level).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`at_least`](Self::at_least), for a level known only at run time.
    ///
    /// # Errors
    ///
    /// If `level` is not one of the levels.
    pub fn try_at_least(&self, level: &str) -> Result<AcrValues, InvalidLevels> {
        match self.0.iter().position(|own| **own == *level) {
            Some(weakest) => Ok(AcrValues::of(&self.0[weakest..])),
            None => Err(InvalidLevels::Unknown { level: level.into(), levels: self.0.join(", ").into() }),
        }
    }
}

/// Why a list of levels, or a level in one, cannot be used. Text in it is truncated to 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLevels {
    /// The list is empty.
    #[error("expected at least one level, found an empty list")]
    Empty,
    /// A level is not an `acr` value.
    #[error(transparent)]
    Value(#[from] InvalidAcrValues),
    /// A level has a space in it, so it would be several `acr` values.
    #[error("expected one acr value for each level, found {level:?}")]
    Several {
        /// The level.
        level: Excerpt,
    },
    /// The list has the same level twice.
    #[error("expected every level once, found {level:?} twice")]
    Repeated {
        /// The level.
        level: Excerpt,
    },
    /// The level is not in the list.
    #[error("expected one of the levels {levels}, found {level:?}")]
    Unknown {
        /// The level.
        level: Excerpt,
        /// The levels of the list, separated by commas.
        levels: Excerpt,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_follows_the_order_given() {
        let levels = Levels::new(["zero", "one", "a"]);
        assert_eq!(levels.at_least("zero").as_str(), "zero one a");
        assert_eq!(levels.at_least("one").as_str(), "one a");
        assert_eq!(levels.at_least("a").as_str(), "a");
    }

    #[test]
    fn invalid_levels_are_errors() {
        for (levels, expected) in [
            (&[][..], "expected at least one level, found an empty list"),
            (&["a", ""], r#"expected acr values separated by one space (RFC 9470 §3), found """#),
            (&["a", "é"], r#"expected acr values separated by one space (RFC 9470 §3), found "é""#),
            (&["a", "b c"], r#"expected one acr value for each level, found "b c""#),
            (&["a", "b", "a"], r#"expected every level once, found "a" twice"#),
        ] {
            let found = Levels::try_new(levels.iter().copied()).map_err(|error| error.to_string());
            assert_eq!(found, Err(expected.to_owned()), "{levels:?}");
        }
        let levels = Levels::try_new(["a", "b"]).unwrap();
        let unknown = |level| levels.try_at_least(level).map_err(|error| error.to_string());
        assert_eq!(levels.try_at_least("b"), Ok("b".parse().unwrap()));
        for level in ["c", "", "A", "a b"] {
            assert_eq!(unknown(level), Err(format!("expected one of the levels a, b, found {level:?}")));
        }
    }

    #[test]
    #[should_panic(expected = "expected at least one level, found an empty list")]
    fn an_empty_literal_list_panics() {
        let _ = Levels::new([]);
    }

    #[test]
    #[should_panic(expected = "expected one of the levels pwd, mfa, found \"hwk\"")]
    fn an_unknown_literal_level_panics() {
        let _ = Levels::new(["pwd", "mfa"]).at_least("hwk");
    }
}

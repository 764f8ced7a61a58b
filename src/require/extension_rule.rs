use std::fmt;
use std::sync::Arc;

use http::Extensions;

/// What the extensions of a request must have where its credential is not a token.
///
/// It is apart from the rules about tokens, so that an extension adds nothing to a token.
pub(super) enum ExtensionRule {
    /// A value of this type.
    Has {
        type_name: &'static str,
        is_in: fn(&Extensions) -> bool,
    },
    All([Arc<Self>; 2]),
    Any([Arc<Self>; 2]),
}

impl ExtensionRule {
    pub(super) fn has<T: Send + Sync + 'static>() -> Self {
        Self::Has { type_name: std::any::type_name::<T>(), is_in: |extensions| extensions.get::<T>().is_some() }
    }

    pub(super) fn holds(&self, extensions: &Extensions) -> bool {
        match self {
            Self::Has { is_in, .. } => is_in(extensions),
            Self::All(rules) => rules.iter().all(|rule| rule.holds(extensions)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(extensions)),
        }
    }
}

impl fmt::Debug for ExtensionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Has { type_name, .. } => write!(f, "extension {type_name}"),
            Self::All(rules) => write!(f, "all {rules:?}"),
            Self::Any(rules) => write!(f, "any {rules:?}"),
        }
    }
}

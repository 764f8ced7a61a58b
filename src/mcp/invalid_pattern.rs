use crate::redact::Excerpt;

/// A name pattern that [`Operations`](super::Operations) does not accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(r#"expected a name, or a prefix followed by a single asterisk, such as "delete_*", found {pattern:?}"#)]
pub struct InvalidPattern {
    pattern: Excerpt,
}

impl InvalidPattern {
    pub(super) fn new(pattern: &str) -> Self {
        Self { pattern: pattern.into() }
    }
}

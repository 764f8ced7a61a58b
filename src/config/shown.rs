use crate::redact::{self, Excerpt};

/// Text of a configuration for a message to the operator: without secrets of a URL, and cut to 200 characters. `Debug` adds
/// quotes.
pub(super) fn shown(text: &str) -> Excerpt {
    redact::url(text).into()
}

use std::fmt;

use crate::redact;

/// A text of a configuration as an operator may see it, in quotes: without what may be a secret in a URL, and cut.
pub(super) struct Shown<'t>(pub(super) &'t str);

impl Shown<'_> {
    /// The most characters that are shown.
    pub(super) const MAX: usize = redact::MAX_CHARACTERS;

    /// The text within the quotes.
    pub(super) fn text(&self) -> String {
        redact::url(self.0)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

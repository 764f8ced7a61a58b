use std::fmt;

use super::invalid_requirement::InvalidRequirement;

/// At least one name: of clients, of issuers or of actors.
#[derive(Clone)]
pub(super) struct Names(Box<[Box<str>]>);

impl Names {
    /// The `names`, which are those of an `expected`.
    pub(super) fn at_least_one<'a>(
        expected: &'static str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidRequirement> {
        let names: Box<[Box<str>]> = names.into_iter().map(Into::into).collect();
        if names.is_empty() { Err(InvalidRequirement::Empty { expected }) } else { Ok(Self(names)) }
    }

    /// Whether `name` is one of them.
    pub(super) fn contain(&self, name: &str) -> bool {
        self.0.iter().any(|own| **own == *name)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

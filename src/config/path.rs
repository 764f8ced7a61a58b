use std::borrow::Cow;
use std::fmt;

use super::shown::shown;
use crate::redact::MAX_CHARACTERS;

/// The place of a setting in a configuration: `issuers[1].algorithms[0]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Name(Cow<'static, str>),
    Element(usize),
}

impl Path {
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(super) fn name(&self, name: impl Into<Cow<'static, str>>) -> Self {
        self.and(Step::Name(name.into()))
    }

    pub(super) fn element(&self, at: usize) -> Self {
        self.and(Step::Element(at))
    }

    fn and(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

/// Formats the step as a part of a variable's name.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Element(at) => at.fmt(f),
        }
    }
}

/// Formats the path as TOML does, with quotes around a name that needs them.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Element(element) => write!(f, "[{element}]")?,
                Step::Name(name) => {
                    f.write_str(if at == 0 { "" } else { "." })?;
                    if is_bare(name) { f.write_str(name) } else { write!(f, "{:?}", shown(name)) }?;
                }
            }
        }
        Ok(())
    }
}

/// Whether TOML writes the name without quotes. A name that is cut is quoted.
fn is_bare(name: &str) -> bool {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_CHARACTERS).contains(&name.len()) && name.bytes().all(is_bare)
}

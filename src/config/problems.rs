use std::fmt;

use crate::server::ConfigError;

/// All problems in a configuration, in document order. `Display` and `Debug` write one line for each.
#[derive(Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

/// A problem in a configuration: its place, and what is wrong there.
///
/// `Display` writes the path, the variables in parentheses if there are any, a colon and the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    path: String,
    variables: Option<String>,
    message: String,
}

impl Problems {
    /// `None` if there are none.
    pub(super) fn new(problems: Vec<Problem>) -> Option<Self> {
        if problems.is_empty() { None } else { Some(Self(problems)) }
    }

    /// An error of the builder that no setting caused.
    pub(super) fn of(error: &ConfigError) -> Self {
        Self(vec![Problem::new(String::new(), None, error.to_string())])
    }

    /// The problems, at least one.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'p> IntoIterator for &'p Problems {
    type Item = &'p Problem;
    type IntoIter = std::slice::Iter<'p, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Problem {
    pub(super) fn new(path: String, variables: Option<String>, message: String) -> Self {
        Self { path, variables, message }
    }

    /// The place of the setting in the [`Config`](super::Config), such as `issuers[1].algorithms[0]`. If the setting is
    /// missing, this is where it belongs.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The environment variables that set the value, such as `API_ISSUERS__1__ALGORITHMS`, separated by commas.
    ///
    /// If the setting is missing, this is the variable that would set it. `None` if the configuration does not come
    /// [from variables](super::Config::from_vars).
    #[must_use]
    pub fn variables(&self) -> Option<&str> {
        self.variables.as_deref()
    }

    /// What was expected and what was found, in one sentence.
    ///
    /// If the builder refuses the value, this is the text of its [`ConfigError`](crate::server::ConfigError). A
    /// password in a URL is omitted, and a value is truncated to 200 characters.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "\n" })?;
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, variables, message } = self;
        match (&**path, variables) {
            ("", _) => f.write_str(message),
            (path, None) => write!(f, "{path}: {message}"),
            (path, Some(variables)) => write!(f, "{path} ({variables}): {message}"),
        }
    }
}

impl std::error::Error for Problems {}

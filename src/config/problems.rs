use std::fmt;

use crate::server::ConfigError;

/// Every reason why a configuration makes no server, in the order of the document. It is displayed with one line for
/// each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

/// One reason why a configuration makes no server. It is displayed as its path, the variables that set it in parentheses, a
/// colon and its message.
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

    /// What the builder refuses for a reason that lies in no setting.
    pub(super) fn of(error: &ConfigError) -> Self {
        Self(vec![Problem::new(String::new(), None, error.to_string())])
    }

    /// One after the other; there is at least one.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
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

    /// Where it is, from the top of the [`Config`](super::Config): `issuers[1].algorithms[0]`. It is where something is
    /// missing, too.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The environment variables that set what is there, or the one that would: `API_ISSUERS__1__ALGORITHMS`. Several have
    /// commas between them. `None` if the configuration does not come [from variables](super::Config::from_vars).
    #[must_use]
    pub fn variables(&self) -> Option<&str> {
        self.variables.as_deref()
    }

    /// What is there, and what was expected. Where the builder refuses the same, it is the sentence of its
    /// [`ConfigError`](crate::server::ConfigError). A password in a URL is left out, and a value is cut after 200
    /// characters.
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

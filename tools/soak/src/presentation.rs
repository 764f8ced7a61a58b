use std::fmt::Write;
use std::sync::Arc;

use crate::answer::Answer;
use crate::expectation::Expectation;
use crate::opaque::OpaqueToken;
use crate::tokens::Token;

/// One request to come.
pub(crate) struct Presentation {
    pub(crate) kind: &'static str,
    pub(crate) path: &'static str,
    /// The values of its `Authorization` lines.
    pub(crate) lines: Vec<String>,
    /// The value of its `DPoP` line.
    pub(crate) proof: Option<String>,
    pub(crate) rule: Rule,
    /// Tells this request from all others.
    pub(crate) number: u64,
}

/// How the right answer is found.
pub(crate) enum Rule {
    /// It is this one, whatever happens.
    Always(Answer),
    /// It depends on what the key of the token is worth; if it is good, it is this one.
    ByToken { token: Arc<Token>, granted: Answer },
    /// The token is opaque. It depends on what its issuer says about it; if it is good, it is this one.
    ByIssuer { token: Arc<OpaqueToken>, granted: Answer },
    /// It depends on what was done here before.
    ByDeeds(Box<dyn Expectation>),
}

impl Presentation {
    /// What a granted request is to get: the subject of its own token and its own number.
    pub(crate) fn echo(&self) -> String {
        match &self.rule {
            Rule::ByToken { token, .. } => format!("{} {}", token.subject, self.number),
            Rule::ByIssuer { token, .. } => format!("{} {}", token.subject, self.number),
            Rule::ByDeeds(expectation) => format!("{} {}", expectation.echo(), self.number),
            Rule::Always(_) => format!("nobody {}", self.number),
        }
    }

    /// The scheme of its credentials, if it has any.
    pub(crate) fn scheme(&self) -> &str {
        self.lines.first().and_then(|line| line.split(' ').next()).unwrap_or_default()
    }

    pub(crate) fn request(&self) -> Vec<u8> {
        let mut request = format!("GET {}/{} HTTP/1.1\r\nHost: api.example.test\r\n", self.path, self.number);
        for line in &self.lines {
            // Nothing that is written to a `String` fails.
            let _ = write!(request, "Authorization: {line}\r\n");
        }
        if let Some(proof) = &self.proof {
            let _ = write!(request, "DPoP: {proof}\r\n");
        }
        request.push_str("\r\n");
        request.into()
    }
}

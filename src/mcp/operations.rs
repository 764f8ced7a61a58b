use std::fmt;

use super::invalid_pattern::InvalidPattern;
use super::invalid_session_key::InvalidSessionKey;
use super::patterns::{Pattern, Patterns};
use super::rules::{MirroredHeaders, Rules};
use super::sessions::Sessions;
use crate::Require;

/// What each operation of an MCP server needs of a token: a layer for inside of the [protecting layer](crate::ResourceServer::layer).
///
/// ```
/// use tower_bearer::Require;
/// use tower_bearer::mcp::Operations;
///
/// let write = Require::scope("files:write");
/// let operations = Operations::new()
///     .tool("create_file", write.clone())
///     .tool("delete_*", write.and_acr("urn:example:mfa"))
///     .method("resources/*", Require::scope("files:read"))
///     .otherwise(Require::scope("files:read"));
/// ```
///
/// The requirement of a request is the first of these that there is:
///
/// 1. for a call of a tool (`tools/call`), that of the tool's exact name; else those of all [tool](Self::tool) patterns that match the name,
///    together;
/// 2. that of the exact [method](Self::method); else those of all method patterns that match, together;
/// 3. that of [`otherwise`](Self::otherwise).
///
/// A pattern is a name, or the start of names followed by an asterisk, as `delete_*`. Names compare case-sensitively. So no tool escapes
/// `delete_*` because there is also `*`, and the order in which patterns are added does not matter. A look-up compares few of the patterns,
/// however many there are: among 1,000 it took less than 200 ns where it was measured.
///
/// Tools alone are told apart by name: all prompts need what `prompts/get` needs, and all resources what `resources/read` needs.
///
/// The challenge of a refusal names what the operation and the protecting layer require together, so that one more authorization request
/// is enough.
///
/// A `GET`, `HEAD`, `DELETE` or `OPTIONS` without a body brings no message, and needs what [`otherwise`](Self::otherwise) says. One with a body
/// needs that and what its message needs, because the service behind may have one handler for all methods.
///
/// A request for the result of an earlier call, such as `tasks/result` or a `GET` with `Last-Event-ID`, needs no more than its own method
/// does: give such methods the requirement of the tools whose results they return, or check the token in the handler.
///
/// See the [module](super) for how the operation is read and for sessions.
#[derive(Clone)]
pub struct Operations {
    tools: Vec<(Pattern, Require)>,
    methods: Vec<(Pattern, Require)>,
    otherwise: Option<Require>,
    headers: MirroredHeaders,
    sessions: Sessions,
}

impl Operations {
    /// No requirements yet.
    ///
    /// # Panics
    ///
    /// If the system has no random bytes, of which the key for sessions is made.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tools: Vec::new(),
            methods: Vec::new(),
            otherwise: None,
            headers: MirroredHeaders::Unverified,
            sessions: Sessions::random(),
        }
    }

    /// A call of a tool whose name matches `pattern` needs `requirement`.
    ///
    /// # Panics
    ///
    /// If `pattern` is empty or has an asterisk elsewhere than at its end. [`try_tool`](Self::try_tool) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn tool(self, pattern: &str, requirement: Require) -> Self {
        self.try_tool(pattern, requirement).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`tool`](Self::tool), for a pattern that is no literal.
    ///
    /// # Errors
    ///
    /// If `pattern` is empty or has an asterisk elsewhere than at its end.
    pub fn try_tool(mut self, pattern: &str, requirement: Require) -> Result<Self, InvalidPattern> {
        self.tools.push((Pattern::parse(pattern)?, requirement));
        Ok(self)
    }

    /// A request or notification whose method matches `pattern`, such as `resources/read` or `tasks/*`, needs `requirement`.
    ///
    /// # Panics
    ///
    /// If `pattern` is empty or has an asterisk elsewhere than at its end. [`try_method`](Self::try_method) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn method(self, pattern: &str, requirement: Require) -> Self {
        self.try_method(pattern, requirement).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`method`](Self::method), for a pattern that is no literal.
    ///
    /// # Errors
    ///
    /// If `pattern` is empty or has an asterisk elsewhere than at its end.
    pub fn try_method(mut self, pattern: &str, requirement: Require) -> Result<Self, InvalidPattern> {
        self.methods.push((Pattern::parse(pattern)?, requirement));
        Ok(self)
    }

    /// Every other request needs `requirement`: for example `initialize`, `tools/list`, a tool without a pattern, and an answer of the
    /// client to a request of the server.
    ///
    /// If it is called again, the last one counts.
    ///
    /// Default: the requirements of all patterns together. So an operation that was forgotten is open only to tokens that may do
    /// everything.
    #[must_use]
    pub fn otherwise(mut self, requirement: Require) -> Self {
        self.otherwise = Some(requirement);
        self
    }

    /// States that the inner service compares the headers that repeat the operation with the body, and refuses a request in which they
    /// differ. The layer then reads no body where the headers tell the operation.
    ///
    /// Revision 2026-07-28 of the protocol demands that of servers. The service has to do it for every message that it acts on, and with
    /// the one value that each header has. What is between, such as a proxy, has to leave these headers and the body as they are.
    ///
    /// `rmcp` 3.11 does it for requests and notifications. It does not for answers of clients to requests of the server; to those it
    /// answers 400 in that revision.
    ///
    /// Default: the body is read, whatever the headers say.
    #[must_use]
    pub fn inner_verifies_headers(mut self) -> Self {
        self.headers = MirroredHeaders::VerifiedByInner;
        self
    }

    /// The key for the MACs of [sessions](super#sessions): at least 32 random bytes, the same in every process that may get requests of a
    /// session. Processes that share sessions need it, and those whose sessions survive a restart.
    ///
    /// With another key, all sessions are unknown, and their clients begin new ones.
    ///
    /// Default: a random key for each call of [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// If the key has less than 32 bytes.
    pub fn session_key(mut self, key: impl AsRef<[u8]>) -> Result<Self, InvalidSessionKey> {
        self.sessions = Sessions::with_key(key.as_ref())?;
        Ok(self)
    }

    pub(crate) fn rules(&self) -> Rules {
        let (tools, methods) = (Patterns::new(self.tools.clone()), Patterns::new(self.methods.clone()));
        let strictest = || {
            let all = tools.requirements().chain(methods.requirements()).cloned();
            all.reduce(Require::and).unwrap_or_else(Require::token)
        };
        let otherwise = self.otherwise.clone().unwrap_or_else(strictest);
        Rules { tools, methods, otherwise, headers: self.headers, sessions: self.sessions.clone() }
    }
}

impl Default for Operations {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations")
            .field("tools", &self.tools)
            .field("methods", &self.methods)
            .field("otherwise", &self.otherwise)
            .finish_non_exhaustive()
    }
}

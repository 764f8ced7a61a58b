use std::fmt;

use super::invalid_pattern::InvalidPattern;
use super::invalid_session_key::InvalidSessionKey;
use super::patterns::{Pattern, Patterns};
use super::rules::{MirroredHeaders, Rules};
use super::sessions::Sessions;
use crate::Require;

/// A layer to put inside the [protecting layer](crate::ResourceServer::layer), with the requirement of each operation of an MCP server.
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
/// The requirement of a request is the first of these that applies:
///
/// 1. for a tool call (`tools/call`), that of the tool's exact name, or else those of all matching [tool](Self::tool) patterns together;
/// 2. that of the exact [method](Self::method), or else those of all matching method patterns together;
/// 3. that of [`otherwise`](Self::otherwise).
///
/// A pattern is a name, or a prefix followed by an asterisk, such as `delete_*`. Names are case-sensitive. Because all matching patterns
/// apply, an additional pattern `*` exempts no tool from `delete_*`, and the order in which patterns are added does not matter. A lookup
/// compares only a few patterns: with 1,000 patterns, it was measured to take less than 200 ns.
///
/// Only tools are distinguished by name: all prompts need what `prompts/get` needs, and all resources what `resources/read` needs.
///
/// The challenge of a refusal names what the operation and the protecting layer require together, so one more authorization request is
/// enough.
///
/// A `GET`, `HEAD`, `DELETE` or `OPTIONS` without a body has no message, and needs what [`otherwise`](Self::otherwise) requires. With a
/// body, it also needs what its message needs, because the service may use one handler for all methods.
///
/// A request for the result of an earlier call, such as `tasks/result` or a `GET` with `Last-Event-ID`, needs only what its own method
/// needs. Give such methods the requirement of the tools whose results they return, or check the token in the handler.
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
    /// If the system provides no random bytes for the key of sessions.
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

    /// Sets the requirement for calls of tools whose name matches `pattern`.
    ///
    /// # Panics
    ///
    /// If `pattern` is empty, or has an asterisk anywhere but at its end. [`try_tool`](Self::try_tool) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn tool(self, pattern: &str, requirement: Require) -> Self {
        self.try_tool(pattern, requirement).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`tool`](Self::tool), for a pattern known only at run time.
    ///
    /// # Errors
    ///
    /// If `pattern` is empty, or has an asterisk anywhere but at its end.
    pub fn try_tool(mut self, pattern: &str, requirement: Require) -> Result<Self, InvalidPattern> {
        self.tools.push((Pattern::parse(pattern)?, requirement));
        Ok(self)
    }

    /// Sets the requirement for requests and notifications whose method matches `pattern`, such as `resources/read` or `tasks/*`.
    ///
    /// # Panics
    ///
    /// If `pattern` is empty, or has an asterisk anywhere but at its end. [`try_method`](Self::try_method) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn method(self, pattern: &str, requirement: Require) -> Self {
        self.try_method(pattern, requirement).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`method`](Self::method), for a pattern known only at run time.
    ///
    /// # Errors
    ///
    /// If `pattern` is empty, or has an asterisk anywhere but at its end.
    pub fn try_method(mut self, pattern: &str, requirement: Require) -> Result<Self, InvalidPattern> {
        self.methods.push((Pattern::parse(pattern)?, requirement));
        Ok(self)
    }

    /// Sets the requirement for every other request, such as `initialize`, `tools/list`, a call of a tool without a pattern, or a
    /// client's answer to a request from the server.
    ///
    /// If this is called again, the last call wins.
    ///
    /// Default: the requirements of all patterns together, so a forgotten operation is open only to tokens that may do everything.
    #[must_use]
    pub fn otherwise(mut self, requirement: Require) -> Self {
        self.otherwise = Some(requirement);
        self
    }

    /// States that the inner service compares the headers that repeat the operation with the body, and refuses a request if they differ.
    /// The layer then does not read the body if the headers name the operation.
    ///
    /// Revision 2026-07-28 of the protocol requires this of servers. The service must do it for every message that it acts on, with the
    /// single value of each header. Anything in between, such as a proxy, must not change these headers or the body.
    ///
    /// `rmcp` 3.11 does this for requests and notifications, but not for clients' answers to requests from the server, which it refuses
    /// with 400 in that revision.
    ///
    /// Default: the body is read, whatever the headers say.
    #[must_use]
    pub fn inner_verifies_headers(mut self) -> Self {
        self.headers = MirroredHeaders::VerifiedByInner;
        self
    }

    /// Sets the key for the MACs of [sessions](super#sessions): at least 32 random bytes, the same in every process that may receive
    /// requests of a session. It is needed if processes share sessions, or if sessions survive a restart.
    ///
    /// With a new key, all sessions are unknown, and their clients begin new ones.
    ///
    /// Default: a random key for each call of [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// If the key has fewer than 32 bytes.
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

use std::borrow::Cow;

use http::{HeaderMap, Method};
use smallvec::SmallVec;

use super::message::{Operation, TOOLS_CALL, operations};
use super::message_error::MessageError;
use super::mirrored_headers;
use super::patterns::Patterns;
use super::sessions::Sessions;
use crate::Require;

/// What [`Operations`](super::Operations) say, made ready for lookups.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(super) tools: Patterns,
    pub(super) methods: Patterns,
    pub(super) otherwise: Require,
    pub(super) headers: MirroredHeaders,
    pub(super) sessions: Sessions,
}

/// Whether the headers that repeat the operation decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MirroredHeaders {
    /// The body decides, whatever they say.
    Unverified,
    /// The inner service compares them with the body.
    VerifiedByInner,
}

impl Rules {
    /// What a request needs by its headers; `None` if the body has to be read.
    pub(crate) fn of_headers(&self, headers: &HeaderMap) -> Option<&Require> {
        if self.headers == MirroredHeaders::Unverified {
            return None;
        }
        mirrored_headers::operation(headers).map(|operation| self.of(&operation))
    }

    /// What a request with this body needs. If its method does not demand a body, a request without one brings no message, and a
    /// request with one needs both what its message needs and what a request without a message needs: a service may have one handler
    /// for all methods.
    pub(crate) fn of_request(&self, method: &Method, body: &[u8]) -> Result<Cow<'_, Require>, MessageError> {
        if !may_lack_message(method) {
            return self.of_message(body);
        }
        if body.is_empty() {
            return Ok(Cow::Borrowed(self.without_message()));
        }
        Ok(Cow::Owned(self.of_message(body)?.into_owned().and(self.without_message().clone())))
    }

    /// What a message, or a batch of messages, needs.
    fn of_message(&self, body: &[u8]) -> Result<Cow<'_, Require>, MessageError> {
        let mut needed: SmallVec<[&Require; 1]> = SmallVec::new();
        operations(body, |operation| {
            let requirement = self.of(&operation);
            // A batch may call the same tool very often.
            if !needed.iter().any(|before| std::ptr::eq(*before, requirement)) {
                needed.push(requirement);
            }
        })?;
        match &*needed {
            [one] => Ok(Cow::Borrowed(one)),
            several => {
                let all = several.iter().copied().cloned().reduce(Require::and);
                all.map(Cow::Owned).ok_or(MessageError::Empty)
            }
        }
    }

    /// What a request that brings no message needs, such as one for a stream of events.
    pub(crate) fn without_message(&self) -> &Require {
        &self.otherwise
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    fn of(&self, operation: &Operation<'_>) -> &Require {
        let found = match operation {
            Operation::Tool(name) => self.tools.find(name).or_else(|| self.methods.find(TOOLS_CALL)),
            Operation::Method(method) => self.methods.find(method),
            Operation::Answer => None,
        };
        found.unwrap_or(&self.otherwise)
    }
}

/// Whether a request with this method may come without a message. CONNECT opens a WebSocket over HTTP/2 (RFC 8441).
pub(crate) fn may_lack_message(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS | Method::CONNECT)
}

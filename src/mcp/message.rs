use std::borrow::Cow;

use serde::de::MapAccess;

use super::message_error::MessageError;
use crate::jose::{Member, Members, read_objects};

/// The method that calls a tool.
pub(super) const TOOLS_CALL: &str = "tools/call";

/// What a JSON-RPC message asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operation<'m> {
    /// A call of the tool of this name.
    Tool(Cow<'m, str>),
    /// A request or a notification with this method, which calls no tool.
    Method(Cow<'m, str>),
    /// The answer to a request of the server.
    Answer,
}

/// Gives `each` the operation of each message in `body`: one message or a batch (JSON-RPC 2.0 §4, §6).
pub(super) fn operations<'m>(body: &'m [u8], mut each: impl FnMut(Operation<'m>)) -> Result<(), MessageError> {
    let mut wrong = None;
    read_objects(body, |message: Message<'m>| match message.operation() {
        Ok(operation) => each(operation),
        Err(error) => wrong = Some(error),
    })?;
    wrong.map_or(Ok(()), Err)
}

/// The members that tell what a message is.
#[derive(Default)]
struct Message<'m> {
    method: Option<Cow<'m, str>>,
    params: Params<'m>,
    has_result: bool,
    is_ambiguous: bool,
}

#[derive(Default)]
struct Params<'m> {
    name: Option<Cow<'m, str>>,
    is_ambiguous: bool,
}

impl<'m> Message<'m> {
    fn operation(self) -> Result<Operation<'m>, MessageError> {
        if self.is_ambiguous {
            return Err(MessageError::Ambiguous);
        }
        match (self.method, self.has_result) {
            (Some(method), false) if method == TOOLS_CALL => {
                if self.params.is_ambiguous {
                    return Err(MessageError::Ambiguous);
                }
                self.params.name.map(Operation::Tool).ok_or(MessageError::NoTool)
            }
            (Some(method), false) => Ok(Operation::Method(method)),
            (None, true) => Ok(Operation::Answer),
            // Two services may disagree about what it is.
            (Some(_), true) | (None, false) => Err(MessageError::Neither),
        }
    }
}

impl<'m> Members<'m> for Message<'m> {
    fn member<A: MapAccess<'m>>(&mut self, name: &str, member: Member<'_, 'm, A>) -> Result<(), A::Error> {
        match name {
            "method" => self.method = Some(member.text()?),
            "params" => member.object(&mut self.params)?,
            "result" | "error" => {
                self.has_result = true;
                member.skip()?;
            }
            _ => {
                self.is_ambiguous |= ["method", "params", "result", "error"].iter().any(|known| resembles(name, known));
                member.skip()?;
            }
        }
        Ok(())
    }
}

impl<'m> Members<'m> for Params<'m> {
    fn member<A: MapAccess<'m>>(&mut self, name: &str, member: Member<'_, 'm, A>) -> Result<(), A::Error> {
        if name == "name" {
            // Of other methods it may be of another type.
            self.name = member.read_leniently::<Cow<'m, str>>()?;
            return Ok(());
        }
        self.is_ambiguous |= resembles(name, "name");
        member.skip()
    }
}

/// Whether a reader that ignores the case of letters takes `name` for the ASCII text `known`. There are such readers, and they take the
/// last of several members, so for them `Method` after `method` is the method.
fn resembles(name: &str, known: &str) -> bool {
    // No letter that has an ASCII letter as its other case is longer than this.
    const MAX_BYTES: usize = 3;
    // By upper case, to which the long s belongs too.
    name.len() <= known.len() * MAX_BYTES
        && name.chars().flat_map(char::to_uppercase).eq(known.chars().flat_map(char::to_uppercase))
}

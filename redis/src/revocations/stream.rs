use std::collections::HashMap;
use std::time::Duration;

use redis::{Cmd, Value, cmd, from_redis_value};

use super::entry_id::EntryId;
use super::extent::Extent;
use super::stream_error::StreamError;
use crate::connection::{LinkError, kind_of};
use crate::namespace::Namespace;

/// The field of an entry that has the record.
const FIELD: &str = "record";

/// The commands for the stream of a namespace, and what their replies mean.
pub(super) struct Stream {
    key: Vec<u8>,
}

/// An entry of the stream.
pub(super) struct Entry {
    pub(super) id: EntryId,
    /// `None` if it has none, or one that is no text.
    pub(super) record: Option<String>,
}

impl Stream {
    pub(super) fn new(namespace: &Namespace) -> Self {
        Self { key: namespace.key("revocations") }
    }

    /// Appends an entry, whose ID is the reply.
    pub(super) fn append(&self, record: &str) -> Cmd {
        let mut command = cmd("XADD");
        command.arg(&self.key).arg("*").arg(FIELD).arg(record);
        command
    }

    /// Reads at most `count` entries after this one. If there is none, it waits for the first one for this long, or not at all.
    pub(super) fn read(&self, after: EntryId, count: usize, wait: Option<Duration>) -> Cmd {
        let mut command = cmd("XREAD");
        command.arg("COUNT").arg(count);
        if let Some(wait) = wait {
            // Redis takes zero for no limit.
            command.arg("BLOCK").arg(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
        }
        command.arg("STREAMS").arg(&self.key).arg(after.to_string());
        command
    }

    pub(super) fn extent(&self) -> Cmd {
        let mut command = cmd("XINFO");
        command.arg("STREAM").arg(&self.key);
        command
    }

    /// Removes entries before this one, but only whole nodes of Redis' tree, which costs little.
    pub(super) fn trim(&self, before: EntryId) -> Cmd {
        let mut command = cmd("XTRIM");
        command.arg(&self.key).arg("MINID").arg("~").arg(before.to_string());
        command
    }
}

/// What [`Stream::append`] has replied.
pub(super) fn id_of(reply: &Value) -> Result<EntryId, StreamError> {
    let Value::BulkString(id) = reply else { return Err(unexpected("the ID of an entry", reply)) };
    str::from_utf8(id).ok().and_then(|id| id.parse().ok()).ok_or_else(|| unexpected("the ID of an entry", reply))
}

/// What [`Stream::read`] has replied.
pub(super) fn entries_of(reply: Value) -> Result<Vec<Entry>, StreamError> {
    const EXPECTED: &str = "the entries of one stream";
    match reply {
        Value::Nil => Ok(Vec::new()),
        // With RESP3, a map of the streams that were asked for.
        Value::Map(mut streams) => match (streams.pop(), streams.len()) {
            (Some((_, Value::Array(entries))), 0) => entries.into_iter().map(entry_of).collect(),
            _ => Err(unexpected(EXPECTED, &Value::Map(streams))),
        },
        other => Err(unexpected(EXPECTED, &other)),
    }
}

fn entry_of(entry: Value) -> Result<Entry, StreamError> {
    const EXPECTED: &str = "an entry with an ID and fields";
    let Value::Array(parts) = entry else { return Err(unexpected(EXPECTED, &entry)) };
    let [id, fields] = <[Value; 2]>::try_from(parts).map_err(|parts| unexpected(EXPECTED, &Value::Array(parts)))?;
    // Somebody else may have appended it.
    let mut fields = from_redis_value::<HashMap<Vec<u8>, Vec<u8>>>(fields).unwrap_or_default();
    let record = fields.remove(FIELD.as_bytes()).and_then(|record| String::from_utf8(record).ok());
    Ok(Entry { id: id_of(&id)?, record })
}

/// What [`Stream::extent`] has replied.
pub(super) fn extent_of(reply: Result<Value, LinkError>) -> Result<Extent, StreamError> {
    const EXPECTED: &str = "the first and the last entry of the stream";
    let reply = match reply {
        Err(LinkError::Command(error)) if error.detail().is_some_and(|detail| detail.contains("no such key")) => {
            return Ok(Extent::default());
        }
        reply => reply?,
    };
    let members =
        from_redis_value::<HashMap<String, Value>>(reply.clone()).map_err(|_| unexpected(EXPECTED, &reply))?;
    let first = match members.get("first-entry") {
        Some(Value::Nil) => None,
        Some(entry) => Some(entry_of(entry.clone())?.id),
        None => return Err(unexpected(EXPECTED, &reply)),
    };
    let last = id_of(members.get("last-generated-id").unwrap_or(&Value::Nil))?;
    Ok(Extent { first, last })
}

fn unexpected(expected: &'static str, found: &Value) -> StreamError {
    StreamError::Reply { expected, found: kind_of(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Redis takes zero for no limit.
    #[test]
    fn a_short_wait_is_a_millisecond() {
        let stream = Stream::new(&Namespace::new("orders").unwrap());
        for (wait, expected) in [(0, "1"), (999, "1"), (2000, "2")] {
            let command = stream.read(EntryId::START, 7, Some(Duration::from_micros(wait))).get_packed_command();
            let expected = format!("BLOCK\r\n$1\r\n{expected}\r\n");
            assert!(String::from_utf8(command).unwrap().contains(&expected), "{wait}");
        }
    }
}

use redis::Value;

/// What kind of reply it is, for an error. Its content may be anything.
pub(crate) fn kind_of(reply: &Value) -> &'static str {
    match reply {
        Value::SimpleString(_) | Value::BulkString(_) | Value::VerbatimString { .. } => "a text",
        Value::Int(_) | Value::Double(_) => "a number",
        Value::Boolean(_) => "a boolean",
        Value::Array(_) | Value::Set(_) | Value::Map(_) => "a list",
        _ => "another reply",
    }
}

//! What the sources that are compiled in name as `crate::jose`.

pub(crate) use self::strict_json::read_struct;

#[path = "../../src/jose/json_error.rs"]
mod json_error;
#[path = "../../src/jose/strict_json.rs"]
#[expect(dead_code, reason = "the crate uses all of it")]
mod strict_json;

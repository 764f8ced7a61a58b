use serde::Serialize;
use serde_json::{Map, Value};

use crate::jose::encode_base64url;

/// Header and payload of a JWT in the making: every member can be set to anything, or left out.
#[derive(Clone, Default)]
pub(super) struct UnsignedJwt {
    pub(super) header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
    /// Takes the place of the header.
    pub(super) raw_header: Option<Vec<u8>>,
    /// Takes the place of the payload.
    pub(super) raw_payload: Option<Vec<u8>>,
}

impl UnsignedJwt {
    /// # Panics
    ///
    /// If `value` does not serialize as JSON.
    pub(super) fn set_header(&mut self, name: &str, value: impl Serialize) {
        self.header.insert(name.to_owned(), serde_json::to_value(value).expect("a JSON value"));
    }

    /// # Panics
    ///
    /// If `value` does not serialize as JSON.
    pub(super) fn set_claim(&mut self, name: &str, value: impl Serialize) {
        self.claims.insert(name.to_owned(), serde_json::to_value(value).expect("a JSON value"));
    }

    /// The first two parts with the dot between them.
    pub(super) fn signing_input(&self) -> String {
        let bytes = |raw: &Option<Vec<u8>>, members: &Map<String, Value>| {
            raw.clone().unwrap_or_else(|| Value::from(members.clone()).to_string().into())
        };
        let header = encode_base64url(bytes(&self.raw_header, &self.header));
        let payload = encode_base64url(bytes(&self.raw_payload, &self.claims));
        format!("{header}.{payload}")
    }
}

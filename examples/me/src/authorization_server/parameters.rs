//! The parameters of a query or a form.

use std::collections::HashMap;

use url::form_urlencoded;

pub(crate) struct Parameters(HashMap<String, String>);

/// A parameter stands in the request twice, and readers might differ in which of the two they take.
#[derive(Debug, thiserror::Error)]
#[error("a parameter is repeated")]
pub(crate) struct Repeated;

impl Parameters {
    /// No parameter may be repeated, and one without a value counts as left out (RFC 6749 §3.1, §3.2).
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, Repeated> {
        let mut parameters = HashMap::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if parameters.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(Repeated);
            }
        }
        parameters.retain(|_, value| !value.is_empty());
        Ok(Self(parameters))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The empty string if the parameter is left out, which no secret equals.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }
}

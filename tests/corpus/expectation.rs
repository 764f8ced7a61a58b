//! The expected answers, in the shorthand of RFC 6750 §3.1's codes, and what holds of every answer.

use std::fmt;

use super::wire::Response;
use crate::harness::challenge::Challenge;

/// What a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `200`: the resource, and no challenge.
    Granted,
    /// `401 bare`: a challenge without an error.
    Bare,
    /// `401 IT`: `invalid_token`.
    InvalidToken,
    /// `400 IR`: `invalid_request`.
    InvalidRequest,
    /// `403 IS`: `insufficient_scope`, and the scope that would do.
    InsufficientScope,
    /// `401 IUA`: `insufficient_user_authentication`, and the one that would do.
    InsufficientUserAuthentication,
    /// `503`: the keys are unavailable. There is no challenge, so that no client discards a good token.
    Unavailable,
    /// `429`: a bound of the server is reached, and no challenge, for the same reason.
    TooManyRequests,
    /// `close`: nothing at all.
    Closed,
    /// A status that the layer has nothing to do with: 400 of the HTTP server, 404 of the router.
    Plain(u16),
}

impl Kind {
    /// One of the kinds with ` | ` between two.
    pub(super) fn parse_alternatives(text: &str) -> Vec<Self> {
        let kind = |word: &str| match word {
            "200" => Self::Granted,
            "401 bare" => Self::Bare,
            "401 IT" => Self::InvalidToken,
            "400 IR" => Self::InvalidRequest,
            "403 IS" => Self::InsufficientScope,
            "401 IUA" => Self::InsufficientUserAuthentication,
            "503" => Self::Unavailable,
            "429" => Self::TooManyRequests,
            "close" => Self::Closed,
            status => Self::Plain(status.parse().unwrap_or_else(|_| panic!("{text:?} is no answer"))),
        };
        text.split(" | ").map(kind).collect()
    }

    /// The kind of an answer. An answer that is wrong under every expectation is an error.
    pub(super) fn of(response: &Response) -> Result<Self, String> {
        let challenge = challenge(response)?;
        let error = challenge.as_ref().and_then(|challenge| challenge.get("error"));
        let has = |name: &str| challenge.as_ref().is_some_and(|challenge| challenge.get(name).is_some());
        let kind = match (response.status, challenge.is_some(), error) {
            (200, false, _) => Self::Granted,
            (503, false, _) if retries(response) => Self::Unavailable,
            (429, false, _) if retries(response) => Self::TooManyRequests,
            (401, true, None) if !has("error_description") && !has("error_uri") => Self::Bare,
            (401, true, Some("invalid_token")) => Self::InvalidToken,
            (400, true, Some("invalid_request")) => Self::InvalidRequest,
            (403, true, Some("insufficient_scope")) if has("scope") => Self::InsufficientScope,
            (401, true, Some("insufficient_user_authentication")) if has("acr_values") || has("max_age") => {
                Self::InsufficientUserAuthentication
            }
            (status @ (400 | 404 | 405 | 408 | 414 | 431), false, _) => Self::Plain(status),
            _ => return Err(format!("an answer of no kind: {response:?}")),
        };
        if response.status >= 400 && !response.body.is_empty() {
            return Err(format!("a refusal with a body: {response:?}"));
        }
        if challenge.is_some() && response.header("cache-control") != Some("no-store") {
            return Err(format!("a refusal that may be stored: {response:?}"));
        }
        Ok(kind)
    }
}

/// What may stand in any answer (row B6 and more): nothing is shareable, and there is no header that nobody asked for.
pub(super) fn headers_are_in_order(response: &Response) -> Result<(), String> {
    const KNOWN: [&str; 9] = [
        "www-authenticate",
        "cache-control",
        "content-type",
        "content-length",
        "date",
        "connection",
        "retry-after",
        "allow",
        "vary",
    ];
    for (name, value) in &response.headers {
        if !KNOWN.contains(&&**name) {
            return Err(format!("the header {name}: {value}"));
        }
    }
    let caching = response.header("cache-control").unwrap_or_default();
    if ["public", "s-maxage", "must-revalidate"].iter().any(|word| caching.contains(word)) {
        return Err(format!("cache-control: {caching}"));
    }
    Ok(())
}

/// The challenge (rows A14 to A16, B1 to B3), read strictly by two parsers.
fn challenge(response: &Response) -> Result<Option<Challenge>, String> {
    let mut lines = response.headers.iter().filter(|(name, _)| name == "www-authenticate").map(|(_, value)| &**value);
    let (text, more) = (lines.next(), lines.next());
    if more.is_some() {
        return Err(format!("more than one challenge: {response:?}"));
    }
    let Some(text) = text else {
        return if response.status == 401 { Err("401 without a challenge".to_owned()) } else { Ok(None) };
    };
    let challenge = Challenge::parse(text).map_err(|error| format!("{error}: {text}"))?;
    let other = http_auth::parse_challenges(text).map_err(|error| error.to_string())?;
    if other.len() != 1 || other[0].params.len() != challenge.parameters.len() {
        return Err(format!("two parsers read it in two ways: {text}"));
    }
    if challenge.scheme != "Bearer" || challenge.parameters.is_empty() {
        return Err(format!("no Bearer with a parameter: {text}"));
    }
    for (name, value) in &challenge.parameters {
        let allowed = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        let is_scope = |token: &str| !token.is_empty() && !token.contains(' ');
        let good = match &**name {
            "error_uri" => value.bytes().all(|byte| byte != b' ' && allowed(byte)),
            "scope" | "acr_values" => value.bytes().all(allowed) && value.split(' ').all(is_scope),
            "max_age" => !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()),
            _ => value.bytes().all(allowed),
        };
        if !good {
            return Err(format!("{name}: {text}"));
        }
    }
    Ok(Some(challenge))
}

fn retries(response: &Response) -> bool {
    let seconds = response.header("retry-after").and_then(|value| value.parse().ok());
    seconds.is_some_and(|seconds: u32| (1..=60).contains(&seconds))
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Granted => "200",
            Self::Bare => "401 bare",
            Self::InvalidToken => "401 IT",
            Self::InvalidRequest => "400 IR",
            Self::InsufficientScope => "403 IS",
            Self::InsufficientUserAuthentication => "401 IUA",
            Self::Unavailable => "503",
            Self::TooManyRequests => "429",
            Self::Closed => "close",
            Self::Plain(status) => return write!(f, "{status}"),
        })
    }
}

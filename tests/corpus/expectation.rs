//! The expected answers, in the shorthand of RFC 6750 §3.1's and RFC 9449 §7.1's codes, and what holds of every answer.

use std::fmt;

use super::challenges::{Challenges, Offered};
use super::wire::Response;

/// What a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `200`: the resource, and no challenge.
    Granted,
    /// `401 bare`: a challenge without an error.
    Bare,
    /// `401 IT`: `invalid_token`.
    InvalidToken,
    /// `401 IDP`: `invalid_dpop_proof`.
    InvalidProof,
    /// `401 UDN`: `use_dpop_nonce`, and the nonce.
    NonceRequired,
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
            "401 IDP" => Self::InvalidProof,
            "401 UDN" => Self::NonceRequired,
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
    ///
    /// `used` is the scheme of the request, if it is known.
    pub(super) fn of(response: &Response, used: Option<&str>, offered: Offered) -> Result<Self, String> {
        let challenges = Challenges::read(response, offered)?;
        challenges.blame(used, offered)?;
        let challenge = challenges.of_error();
        let error = challenge.and_then(|challenge| challenge.get("error"));
        let has = |name: &str| challenge.is_some_and(|challenge| challenge.get(name).is_some());
        let of_dpop = challenge.is_some_and(|challenge| challenge.scheme == "DPoP");
        let kind = match (response.status, !challenges.is_empty(), error) {
            (200, false, _) => Self::Granted,
            (503, false, _) if retries(response) => Self::Unavailable,
            (429, false, _) if retries(response) => Self::TooManyRequests,
            (401, true, None) => Self::Bare,
            (401, true, Some("invalid_token")) => Self::InvalidToken,
            (401, true, Some("invalid_dpop_proof")) if of_dpop => Self::InvalidProof,
            (401, true, Some("use_dpop_nonce")) if of_dpop && offered.nonces => Self::NonceRequired,
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
        if !challenges.is_empty() && response.header("cache-control") != Some("no-store") {
            return Err(format!("a refusal that may be stored: {response:?}"));
        }
        // The nonce in a proof has just been issued, so none is renewed with a success (RFC 9449 §8.2).
        match (kind, response.header("dpop-nonce")) {
            (Self::NonceRequired, Some(nonce)) if is_nonce(nonce) => Ok(kind),
            (Self::NonceRequired, _) | (_, Some(_)) => Err(format!("a nonce is absent, or too much: {response:?}")),
            (_, None) => Ok(kind),
        }
    }
}

/// RFC 9449 §8.1.
fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

/// What may stand in any answer (row B6 and more): nothing is shareable, and there is no header that nobody asked for.
pub(super) fn headers_are_in_order(response: &Response) -> Result<(), String> {
    const KNOWN: [&str; 10] = [
        "www-authenticate",
        "dpop-nonce",
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
        let times = response.headers.iter().filter(|(other, _)| other == name).count();
        if times > 1 && name != "www-authenticate" {
            return Err(format!("the header {name} {times} times"));
        }
    }
    let caching = response.header("cache-control").unwrap_or_default();
    if ["public", "s-maxage", "must-revalidate"].iter().any(|word| caching.contains(word)) {
        return Err(format!("cache-control: {caching}"));
    }
    Ok(())
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
            Self::InvalidProof => "401 IDP",
            Self::NonceRequired => "401 UDN",
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

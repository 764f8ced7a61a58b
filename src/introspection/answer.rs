use std::fmt;
use std::time::SystemTime;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use url::Url;

use super::exchange::Reply;
use super::introspection_error::IntrospectionError;
use super::retry_after::retry_after;
use crate::jose::read_struct;
use crate::redact;

/// What an endpoint says about a token that is not active (RFC 7662 §2.2).
const INACTIVE: &[u8] = br#"{"active":false}"#;

/// What an introspection endpoint says about a token, not yet read.
pub(crate) enum Answer {
    /// A JSON document (RFC 7662 §2.2).
    Json(Vec<u8>),
    /// A JWT (RFC 9701 §5), whose signature is not yet verified.
    Signed(Vec<u8>),
}

/// Which form of answers is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerForm {
    Json,
    Signed,
}

impl AnswerForm {
    /// Its media type, the only one that is accepted. A plain answer in place of a signed one would bypass the signature.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Signed => "application/token-introspection+jwt",
        }
    }
}

impl Answer {
    /// Reads status and content type.
    pub(super) fn of(reply: Reply, form: AnswerForm, url: &Url, now: SystemTime) -> Result<Self, IntrospectionError> {
        let Reply { status, headers, body } = reply;
        match status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(IntrospectionError::OurCredentials { url: redact::place(url), status });
            }
            StatusCode::BAD_REQUEST if refusal(&body).as_deref() == Some("invalid_client") => {
                return Err(IntrospectionError::OurCredentials { url: redact::place(url), status });
            }
            // RFC 7009 §2.2.1. The request is right, and it is the token that the endpoint knows nothing about: oidc-provider says so
            // of every JWT, its own ID tokens included.
            StatusCode::BAD_REQUEST if refusal(&body).as_deref() == Some("unsupported_token_type") => {
                return Ok(Self::Json(INACTIVE.into()));
            }
            _ => {
                let retry_after = retry_after(&headers, now);
                return Err(IntrospectionError::Status { url: redact::place(url), status, retry_after });
            }
        }
        if !is_of_type(&headers, form.media_type()) {
            let found = headers.get(CONTENT_TYPE).map(|found| String::from_utf8_lossy(found.as_bytes()).into());
            return Err(IntrospectionError::ContentType {
                url: redact::place(url),
                expected: form.media_type(),
                found,
            });
        }
        Ok(match form {
            AnswerForm::Json => Self::Json(body),
            AnswerForm::Signed => Self::Signed(body),
        })
    }
}

/// Whether there is one content type, and it is this one, ignoring case and parameters (RFC 9110 §8.3.1).
fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    let mut found = headers.get_all(CONTENT_TYPE).iter();
    let (Some(found), None) = (found.next().map(HeaderValue::to_str), found.next()) else { return false };
    let found = found.ok().and_then(|found| found.split(';').next());
    found.is_some_and(|found| found.trim().eq_ignore_ascii_case(media_type))
}

/// The error in a refusal with 400 (RFC 6749 §5.2). Some servers refuse a client in this way.
fn refusal(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    read_struct(body).map(|refusal: Refusal| refusal.error)
}

/// Shows the form and the length: an answer is about a person.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (form, length) = match self {
            Self::Json(body) => ("Json", body.len()),
            Self::Signed(body) => ("Signed", body.len()),
        };
        write!(f, "{form}({length} bytes)")
    }
}

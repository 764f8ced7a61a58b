use std::time::Duration;

use http::StatusCode;

use crate::keys::FetchError;
use crate::redact::Excerpt;

/// Why an introspection endpoint gave no usable answer about a token.
///
/// It does not mean that the token is bad. It contains neither the token nor a secret, and only the status and the content type of the
/// answer. A URL is shown without user name, password and the values of its query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntrospectionError {
    /// The endpoint is not known, because no usable metadata of the issuer was found.
    #[error("the introspection endpoint is not known: {reason}")]
    Discovery {
        /// Why.
        reason: FetchError,
        /// How long until the next attempt to find it.
        retry_after: Duration,
    },
    /// The HTTP client could not be built, usually because the machine has no root certificates.
    #[error("{url}: the HTTP client could not be built: {reason}")]
    Client {
        /// The endpoint.
        url: Box<str>,
        /// The error of the client's builder.
        reason: Box<str>,
    },
    /// No client assertion could be signed.
    #[error("{url}: the client assertion could not be signed")]
    Assertion {
        /// The endpoint.
        url: Box<str>,
    },
    /// The connection to the endpoint failed.
    #[error("{url}: {reason}")]
    Connect {
        /// The endpoint.
        url: Box<str>,
        /// The error of the client.
        reason: Box<str>,
    },
    /// The connection broke before the end of the answer, or the answer is not HTTP.
    #[error("{url}: {reason}")]
    Request {
        /// The endpoint.
        url: Box<str>,
        /// The error of the client.
        reason: Box<str>,
    },
    /// There was no complete answer in time.
    #[error("{url}: no complete answer within {limit:?}")]
    Timeout {
        /// The endpoint, or the issuer whose metadata did not come.
        url: Box<str>,
        /// The time limit.
        limit: Duration,
    },
    /// The answer has a status other than 200 (RFC 7662 §2.3).
    #[error("{url}: answered {status}")]
    Status {
        /// The endpoint.
        url: Box<str>,
        /// The status.
        status: StatusCode,
        /// When to ask again, according to the answer (`Retry-After`, RFC 9110 §10.2.3): at most 60 seconds.
        retry_after: Option<Duration>,
    },
    /// The endpoint refused this server, not the token: 401, 403, or 400 with `invalid_client` (RFC 6749 §5.2).
    ///
    /// The identifier, the secret or the key of this server is wrong, or the authorization server does not allow it to introspect.
    #[error("{url}: answered {status}, so the endpoint refuses the credentials of this server")]
    OurCredentials {
        /// The endpoint.
        url: Box<str>,
        /// The status.
        status: StatusCode,
    },
    /// The answer is a redirect. It is never followed, because the token and the credentials are only for this endpoint.
    #[error("{url}: answered with a redirect, which is not followed")]
    Redirected {
        /// The endpoint.
        url: Box<str>,
    },
    /// The answer has more than 256 KiB.
    #[error("{url}: the answer is larger than 256 KiB")]
    TooLarge {
        /// The endpoint.
        url: Box<str>,
    },
    /// The answer has the wrong media type, such as an HTML page.
    #[error("{url}: expected the content type {expected}, and found {}", .found.as_ref().map_or("none".to_owned(), |found| format!("{found:?}")))]
    ContentType {
        /// The endpoint.
        url: Box<str>,
        /// The media type that was asked for.
        expected: &'static str,
        /// The media type of the answer.
        found: Option<Excerpt>,
    },
}

impl IntrospectionError {
    /// Whether the endpoint cannot be reached, is overloaded or refuses this server, so that further requests would fail too.
    ///
    /// 500 and a connection that breaks are not among these: one odd token may cause them, again and again.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Timeout { .. } => true,
            // A firewall may answer 403 because of one token.
            Self::OurCredentials { status, .. } => *status != StatusCode::FORBIDDEN,
            Self::Status { status, .. } => is_of_outage(*status),
            Self::Discovery { reason, .. } => is_outage_of_metadata(reason),
            _ => false,
        }
    }

    /// When to ask again, if that is known.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Discovery { retry_after, .. } => Some(*retry_after),
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

fn is_of_outage(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502..=504)
}

fn is_outage_of_metadata(error: &FetchError) -> bool {
    match error {
        FetchError::Request { .. } | FetchError::Timeout { .. } => true,
        FetchError::Status { status, .. } => is_of_outage(*status),
        // The last attempt is the one that ended the search.
        FetchError::Discovery { attempts } => attempts.last().is_some_and(is_outage_of_metadata),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> IntrospectionError {
        let status = StatusCode::from_u16(status).unwrap();
        IntrospectionError::Status { url: "u".into(), status, retry_after: None }
    }

    #[test]
    fn an_outage_is_what_further_requests_would_meet_too() {
        let (url, reason, limit): (Box<str>, Box<str>, _) = ("u".into(), "r".into(), Duration::ZERO);
        let discovery = |reason| IntrospectionError::Discovery { reason, retry_after: limit };
        let found = |status| FetchError::Status { url: "u".into(), status };
        let attempts = |attempts: &[FetchError]| discovery(FetchError::Discovery { attempts: attempts.into() });
        for outage in [
            IntrospectionError::Connect { url: url.clone(), reason: reason.clone() },
            IntrospectionError::OurCredentials { url: url.clone(), status: StatusCode::UNAUTHORIZED },
            IntrospectionError::OurCredentials { url: url.clone(), status: StatusCode::BAD_REQUEST },
            IntrospectionError::Timeout { url: url.clone(), limit },
            status(429),
            status(502),
            status(503),
            status(504),
            discovery(FetchError::Timeout { url: url.clone(), limit }),
            attempts(&[found(StatusCode::NOT_FOUND), found(StatusCode::SERVICE_UNAVAILABLE)]),
        ] {
            assert!(outage.is_outage(), "{outage:?}");
        }
        for other in [
            IntrospectionError::Request { url: url.clone(), reason: reason.clone() },
            IntrospectionError::OurCredentials { url: url.clone(), status: StatusCode::FORBIDDEN },
            IntrospectionError::Redirected { url: url.clone() },
            IntrospectionError::TooLarge { url: url.clone() },
            IntrospectionError::ContentType { url: url.clone(), expected: "a", found: None },
            IntrospectionError::Assertion { url: url.clone() },
            status(500),
            status(501),
            status(505),
            status(404),
            status(400),
            status(408),
            attempts(&[found(StatusCode::SERVICE_UNAVAILABLE), found(StatusCode::NOT_FOUND)]),
        ] {
            assert!(!other.is_outage(), "{other:?}");
        }
    }
}

//! What a request got.

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

pub(super) const INVALID_TOKEN: &str = r#"Bearer realm="https://api.example.test", error="invalid_token", error_description="The access token is malformed, expired, or not valid here""#;

/// What a request got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

impl Answer {
    pub(crate) fn challenge(&self) -> Option<&str> {
        self.headers.get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap())
    }

    /// The resource, and no challenge.
    #[track_caller]
    pub(crate) fn assert_ok(&self) {
        assert_eq!((self.status, self.challenge()), (StatusCode::OK, None));
    }

    /// `401 bare`.
    #[track_caller]
    pub(crate) fn assert_bare(&self) {
        self.assert_refused(StatusCode::UNAUTHORIZED, r#"Bearer realm="https://api.example.test""#);
    }

    /// `401 bare` that tells the scope to ask for.
    #[track_caller]
    pub(crate) fn assert_bare_with_scope(&self, scope: &str) {
        let challenge = format!(r#"Bearer realm="https://api.example.test", scope="{scope}""#);
        self.assert_refused(StatusCode::UNAUTHORIZED, &challenge);
    }

    /// `400 IR`.
    #[track_caller]
    pub(crate) fn assert_invalid_request(&self) {
        self.assert_refused(
            StatusCode::BAD_REQUEST,
            r#"Bearer realm="https://api.example.test", error="invalid_request", error_description="The credentials of the request are malformed, or there is more than one""#,
        );
    }

    /// `401 IT`.
    #[track_caller]
    pub(crate) fn assert_invalid_token(&self) {
        self.assert_refused(StatusCode::UNAUTHORIZED, INVALID_TOKEN);
    }

    /// `403 IS`.
    #[track_caller]
    pub(crate) fn assert_insufficient_scope(&self, scope: &str) {
        self.assert_refused(
            StatusCode::FORBIDDEN,
            &format!(
                r#"Bearer realm="https://api.example.test", error="insufficient_scope", error_description="The request needs more than the access token grants", scope="{scope}""#
            ),
        );
    }

    /// 503 without a challenge, so that a client keeps its token.
    #[track_caller]
    pub(crate) fn assert_keys_unavailable(&self) {
        assert_eq!((self.status, self.challenge()), (StatusCode::SERVICE_UNAVAILABLE, None));
        let seconds: u64 = self.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }

    #[track_caller]
    fn assert_refused(&self, status: StatusCode, challenge: &str) {
        assert_eq!((self.status, self.challenge()), (status, Some(challenge)));
        assert_eq!(self.headers.get_all(WWW_AUTHENTICATE).iter().count(), 1);
        assert_eq!(self.headers["cache-control"], "no-store");
    }
}

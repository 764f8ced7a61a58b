use http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http_auth::ChallengeRef;

use crate::connection::Response;
use crate::presentation::Presentation;

/// What a request was answered with, as the table of answers has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    /// 200 for the token's own subject.
    Granted,
    /// 401 without an error.
    NoCredentials,
    /// 400 `invalid_request`.
    InvalidRequest,
    /// 401 `invalid_token`.
    InvalidToken,
    /// 401 `invalid_dpop_proof`.
    InvalidProof,
    /// 403 `insufficient_scope`.
    InsufficientScope,
    /// 401 `insufficient_user_authentication`.
    StepUp,
    /// 503 with `Retry-After` and without an error.
    Unavailable,
    /// 429 with `Retry-After` and without an error.
    TooManyRequests,
    /// 200 for somebody else, or for another request.
    Anothers,
    /// Nothing that the layer may ever answer.
    Nonsense,
}

impl Answer {
    pub(crate) const ALL: [Self; 11] = [
        Self::Granted,
        Self::NoCredentials,
        Self::InvalidRequest,
        Self::InvalidToken,
        Self::InvalidProof,
        Self::InsufficientScope,
        Self::StepUp,
        Self::Unavailable,
        Self::TooManyRequests,
        Self::Anothers,
        Self::Nonsense,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Granted => "200",
            Self::NoCredentials => "401",
            Self::InvalidRequest => "400",
            Self::InvalidToken => "401 token",
            Self::InvalidProof => "401 proof",
            Self::InsufficientScope => "403",
            Self::StepUp => "401 acr",
            Self::Unavailable => "503",
            Self::TooManyRequests => "429",
            Self::Anothers => "another's",
            Self::Nonsense => "nonsense",
        }
    }

    /// The answer that a response is, down to its challenge and its body.
    pub(crate) fn of(response: &Response, presentation: &Presentation) -> Self {
        let challenges: Vec<_> = response.all(WWW_AUTHENTICATE.as_str()).collect();
        match (response.status, &*challenges) {
            (200, []) if response.body == presentation.echo() => Self::Granted,
            (200, []) => Self::Anothers,
            (503, []) => Self::undecided(Self::Unavailable, 60, response),
            (429, []) => Self::undecided(Self::TooManyRequests, 5, response),
            (status @ (400 | 401 | 403), [bearer, dpop]) => {
                Self::refusal(status, [bearer, dpop], presentation.scheme(), response)
            }
            _ => Self::Nonsense,
        }
    }

    /// `answer`, if it says to come back within `most` seconds.
    fn undecided(answer: Self, most: u64, response: &Response) -> Self {
        let after = response.all(RETRY_AFTER.as_str()).next().and_then(|seconds| seconds.parse().ok());
        let is_sound = after.is_some_and(|after| (1..=most).contains(&after))
            && !response.body.contains("\"error\"")
            && is_not_stored(response);
        if is_sound { answer } else { Self::Nonsense }
    }

    /// One challenge for each scheme, and the error in that of the scheme that was used.
    fn refusal(status: u16, challenges: [&str; 2], used: &str, response: &Response) -> Self {
        let parsed = challenges.map(|challenge| http_auth::parse_challenges(challenge).unwrap_or_default());
        let [[bearer], [dpop]] = parsed.each_ref().map(Vec::as_slice) else { return Self::Nonsense };
        let (with, without) = if used == "DPoP" { (dpop, bearer) } else { (bearer, dpop) };
        let parameter = |name: &str| parameter(with, name);
        let is_of = |challenge: &ChallengeRef<'_>, scheme: &str| {
            challenge.scheme.eq_ignore_ascii_case(scheme)
                && self::parameter(challenge, "realm").as_deref() == Some(crate::realm::AUDIENCE)
        };
        let is_sound = is_of(bearer, "Bearer")
            && is_of(dpop, "DPoP")
            && self::parameter(without, "error").is_none()
            && parameter("error").is_none_or(|error| response.body.contains(&format!("\"error\":\"{error}\"")))
            && !response.body.contains("user-")
            && is_not_stored(response);
        match (status, parameter("error").as_deref()) {
            _ if !is_sound => Self::Nonsense,
            (401, None) => Self::NoCredentials,
            (400, Some("invalid_request")) => Self::InvalidRequest,
            (401, Some("invalid_token")) => Self::InvalidToken,
            (401, Some("invalid_dpop_proof")) if used == "DPoP" => Self::InvalidProof,
            (403, Some("insufficient_scope")) if parameter("scope").as_deref() == Some("admin") => {
                Self::InsufficientScope
            }
            (401, Some("insufficient_user_authentication"))
                if parameter("acr_values").as_deref() == Some("urn:example:mfa") =>
            {
                Self::StepUp
            }
            _ => Self::Nonsense,
        }
    }
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_unescaped())
}

fn is_not_stored(response: &Response) -> bool {
    response.all(CACHE_CONTROL.as_str()).any(|value| value == "no-store")
}

//! The one place that writes `WWW-Authenticate` (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use smallvec::SmallVec;

use crate::Scope;
use crate::credentials::Scheme;
use crate::require::{AcrValues, Lack, Shortfall};

/// The error codes, each with its one description: a constant, never a word of the token or of a parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    /// RFC 6750 §3.1, as the two that follow.
    InvalidRequest,
    InvalidToken,
    InsufficientScope,
    /// RFC 9470 §3.
    InsufficientUserAuthentication,
    /// Microsoft Entra ID's, for a challenge with `claims`.
    InsufficientClaims,
    /// RFC 9449 §7.1.
    InvalidDpopProof,
    /// RFC 9449 §9.
    UseDpopNonce,
}

impl ErrorCode {
    pub(crate) fn of(shortfall: &Shortfall) -> Self {
        match shortfall.lack() {
            Lack::Freshness => Self::InvalidToken,
            Lack::Authentication if shortfall.auth_context().is_some() => Self::InsufficientClaims,
            Lack::Authentication => Self::InsufficientUserAuthentication,
            Lack::Privileges => Self::InsufficientScope,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::InsufficientClaims => "insufficient_claims",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }

    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The credentials of the request are malformed, or there is more than one",
            Self::InvalidToken => "The access token is malformed, expired, or not valid here",
            Self::InsufficientScope => "The request needs more than the access token grants",
            Self::InsufficientUserAuthentication | Self::InsufficientClaims => {
                "The request needs a stronger or more recent authentication"
            }
            Self::InvalidDpopProof => "The DPoP proof is absent, malformed, or not for this request",
            Self::UseDpopNonce => "The DPoP proof needs the nonce of this response",
        }
    }
}

/// The challenges of one response, each for a header of its own.
pub(crate) type ChallengeList = SmallVec<[HeaderValue; 1]>;

/// The challenges of one resource server: one for each scheme that it accepts. An error is in the one that the request used
/// (RFC 9449 §7.2), or else in the only one.
#[derive(Debug)]
pub(crate) struct Challenges {
    accepted: SmallVec<[OfScheme; 1]>,
}

/// The challenges of one scheme.
#[derive(Debug)]
struct OfScheme {
    scheme: Scheme,
    base: Challenge,
    no_credentials: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
}

/// Which schemes are accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AcceptedSchemes<'a> {
    Bearer,
    /// With the algorithms of proofs, separated by spaces.
    BearerAndDpop {
        algs: &'a str,
    },
    Dpop {
        algs: &'a str,
    },
}

impl Challenges {
    /// `None` if `realm` cannot stand in a header. `resource_metadata` is where the metadata document is (RFC 9728 §5.1).
    pub(crate) fn new(realm: &str, resource_metadata: Option<&str>, accepted: AcceptedSchemes<'_>) -> Option<Self> {
        if !realm.bytes().all(is_printable) {
            return None;
        }
        let of = |scheme, algs| OfScheme::new(scheme, realm, resource_metadata, algs);
        let bearer = || of(Scheme::Bearer, None);
        let dpop = |algs| of(Scheme::Dpop, Some(algs));
        let accepted = match accepted {
            AcceptedSchemes::Bearer => SmallVec::from_iter([bearer()]),
            AcceptedSchemes::BearerAndDpop { algs } => SmallVec::from_iter([bearer(), dpop(algs)]),
            AcceptedSchemes::Dpop { algs } => SmallVec::from_iter([dpop(algs)]),
        };
        Some(Self { accepted })
    }

    /// RFC 6750 §3.1: the challenge to a request without credentials has no error code. It names the scope to ask for if that is
    /// known.
    pub(crate) fn no_credentials(&self, scope: Option<&Scope>) -> ChallengeList {
        let challenge = |of: &OfScheme| match scope {
            Some(scope) => of.base.clone().with("scope", scope.as_str()).write(),
            None => of.no_credentials.clone(),
        };
        self.accepted.iter().map(challenge).collect()
    }

    pub(crate) fn invalid_request(&self, used: Scheme) -> ChallengeList {
        self.with_error(used, |of| of.invalid_request.clone())
    }

    pub(crate) fn invalid_token(&self, used: Scheme) -> ChallengeList {
        self.with_error(used, |of| of.invalid_token.clone())
    }

    /// RFC 9449 §7.1, §9: the error of a proof.
    pub(crate) fn proof(&self, error: ErrorCode) -> ChallengeList {
        self.with_error(Scheme::Dpop, |of| of.base.clone().with_error(error).write())
    }

    /// RFC 6750 §3.1, RFC 9470 §3: the error, and all that the operation needs.
    pub(crate) fn falls_short(&self, used: Scheme, shortfall: &Shortfall) -> ChallengeList {
        let error = ErrorCode::of(shortfall);
        let description = shortfall.description().unwrap_or(error.description());
        let max_age = shortfall.max_age().map(|age| age.as_secs().to_string());
        self.with_error(used, |of| {
            of.base
                .clone()
                .with("error", error.name())
                .with("error_description", description)
                .with_some("acr_values", shortfall.acr_values().map(AcrValues::as_str))
                .with_some("max_age", max_age.as_deref())
                .with_some("claims", shortfall.auth_context().map(entra_claims).as_deref())
                .with_some("scope", shortfall.scope().map(Scope::as_str))
                .write()
        })
    }

    fn with_error(&self, used: Scheme, error: impl Fn(&OfScheme) -> HeaderValue) -> ChallengeList {
        let is_accepted = self.accepted.iter().any(|of| of.scheme == used);
        let challenge = |of: &OfScheme| {
            if of.scheme == used || !is_accepted { error(of) } else { of.no_credentials.clone() }
        };
        self.accepted.iter().map(challenge).collect()
    }
}

impl OfScheme {
    fn new(scheme: Scheme, realm: &str, resource_metadata: Option<&str>, algs: Option<&str>) -> Self {
        let name = match scheme {
            Scheme::Bearer => "Bearer ",
            Scheme::Dpop => "DPoP ",
        };
        let base = Challenge(name.to_owned()).with("realm", realm);
        let base = base.with_some("resource_metadata", resource_metadata).with_some("algs", algs);
        Self {
            scheme,
            no_credentials: base.clone().write(),
            invalid_request: base.clone().with_error(ErrorCode::InvalidRequest).write(),
            invalid_token: base.clone().with_error(ErrorCode::InvalidToken).write(),
            base,
        }
    }
}

/// What Microsoft Entra ID is to be asked for, as its clients pass it on: base64 of an OpenID Connect `claims` parameter.
fn entra_claims(auth_context: &str) -> String {
    let claims = serde_json::json!({"access_token": {"acrs": {"essential": true, "value": auth_context}}});
    STANDARD.encode(claims.to_string())
}

/// A challenge under construction: the scheme, then its parameters. The caller writes each parameter at most once.
#[derive(Clone, Debug)]
struct Challenge(String);

impl Challenge {
    fn with_error(self, error: ErrorCode) -> Self {
        self.with("error", error.name()).with("error_description", error.description())
    }

    fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Every value is a quoted-string (RFC 9110 §5.6.4) of printable ASCII. Any other character becomes a question mark.
    fn with(mut self, name: &str, value: &str) -> Self {
        if !self.0.ends_with(' ') {
            self.0.push_str(", ");
        }
        self.0.push_str(name);
        self.0.push_str("=\"");
        // RFC 6750 §3 allows no quotes in these two, escaped or not.
        let no_quotes = matches!(name, "error_description" | "error_uri");
        for character in value.chars() {
            match character {
                '"' | '\\' if no_quotes => self.0.push('\''),
                '"' | '\\' => self.0.extend(['\\', character]),
                ' '..='~' => self.0.push(character),
                _ => self.0.push('?'),
            }
        }
        self.0.push('"');
        self
    }

    fn write(self) -> HeaderValue {
        HeaderValue::try_from(self.0).unwrap_or_else(|_| unreachable!("printable ASCII"))
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row B3.
    #[test]
    fn every_realm_is_a_quoted_string() {
        let bare = |realm| {
            Challenges::new(realm, None, AcceptedSchemes::Bearer)
                .map(|challenges| challenges.no_credentials(None)[0].clone())
        };
        assert_eq!(bare("https://api.example.com").unwrap(), r#"Bearer realm="https://api.example.com""#);
        assert_eq!(bare(r#"a "b" \c"#).unwrap(), r#"Bearer realm="a \"b\" \\c""#);
        for bad in ["a\r\nSet-Cookie: x", "a\0", "é", "\t", "\u{7f}"] {
            assert_eq!(bare(bad), None, "{bad:?}");
        }
    }

    /// Row A16.
    #[test]
    fn descriptions_use_only_allowed_characters() {
        let allowed = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        for error in [
            ErrorCode::InvalidRequest,
            ErrorCode::InvalidToken,
            ErrorCode::InsufficientScope,
            ErrorCode::InsufficientUserAuthentication,
            ErrorCode::InsufficientClaims,
            ErrorCode::InvalidDpopProof,
            ErrorCode::UseDpopNonce,
        ] {
            assert!(error.description().bytes().all(allowed), "{error:?}");
        }
        let challenges = Challenges::new("r", None, AcceptedSchemes::Bearer).unwrap();
        let custom = Shortfall::denied("a \"b\" \\ é\r\nSet-Cookie: x");
        let written = challenges.falls_short(Scheme::Bearer, &custom).remove(0);
        let expected = r#"Bearer realm="r", error="insufficient_scope", error_description="a 'b' ' ???Set-Cookie: x""#;
        assert_eq!(written, expected);
    }

    /// Row K5.
    #[test]
    fn every_challenge_names_the_metadata() {
        let accepted = AcceptedSchemes::BearerAndDpop { algs: "ES256" };
        let challenges = Challenges::new("r", Some("https://a.test/m"), accepted).unwrap();
        let denied = Shortfall::denied("no");
        for list in [
            challenges.no_credentials(None),
            challenges.no_credentials(Some(&"a b".parse().unwrap())),
            challenges.invalid_request(Scheme::Bearer),
            challenges.invalid_token(Scheme::Bearer),
            challenges.falls_short(Scheme::Bearer, &denied),
            challenges.proof(ErrorCode::UseDpopNonce),
        ] {
            let [bearer, dpop] = &*list else { panic!("{list:?}") };
            for (scheme, value) in [("Bearer", bearer), ("DPoP", dpop)] {
                let text = value.to_str().unwrap();
                let expected = format!(r#"{scheme} realm="r", resource_metadata="https://a.test/m""#);
                assert!(text.starts_with(&expected), "{text}");
                assert_eq!(text.contains(r#", algs="ES256""#), scheme == "DPoP", "{text}");
            }
        }
    }

    /// Row L18.
    #[test]
    fn the_error_is_in_the_challenge_of_the_scheme_that_was_used() {
        let errors = |accepted, used| {
            let challenges = Challenges::new("r", None, accepted).unwrap();
            let list = challenges.invalid_token(used);
            list.iter().map(|value| value.to_str().unwrap().contains("error=")).collect::<Vec<_>>()
        };
        let both = AcceptedSchemes::BearerAndDpop { algs: "ES256" };
        assert_eq!(errors(both, Scheme::Bearer), [true, false]);
        assert_eq!(errors(both, Scheme::Dpop), [false, true]);
        assert_eq!(errors(AcceptedSchemes::Dpop { algs: "ES256" }, Scheme::Bearer), [true]);
        assert_eq!(errors(AcceptedSchemes::Bearer, Scheme::Bearer), [true]);
    }
}

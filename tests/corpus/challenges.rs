//! The challenges of an answer (rows A14 to A16, B1 to B4, L12, L18), read strictly by two parsers.

use tower_bearer::jose::Algorithm;

use super::wire::Response;
use crate::harness::challenge::Challenge;

/// What a server offers: it decides which challenges and nonces an answer may have.
#[derive(Clone, Copy)]
pub(super) struct Offered {
    /// The scheme of each challenge, in their order.
    pub(super) schemes: &'static [&'static str],
    pub(super) nonces: bool,
}

/// The challenges of one answer: none, or one for each scheme that the server offers.
pub(super) struct Challenges(Vec<Challenge>);

impl Challenges {
    pub(super) fn read(response: &Response, offered: Offered) -> Result<Self, String> {
        let lines = response.headers.iter().filter(|(name, _)| name == "www-authenticate").map(|(_, value)| value);
        let challenges: Vec<_> = lines.map(|text| read_one(text)).collect::<Result<_, _>>()?;
        let schemes: Vec<_> = challenges.iter().map(|challenge| &*challenge.scheme).collect();
        if schemes.is_empty() {
            return if response.status == 401 {
                Err("401 without a challenge".to_owned())
            } else {
                Ok(Self(challenges))
            };
        }
        if schemes != offered.schemes {
            return Err(format!("challenges of {schemes:?}, expected {:?}", offered.schemes));
        }
        let algorithms: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
        for challenge in &challenges {
            let expected = (challenge.scheme == "DPoP").then(|| algorithms.join(" "));
            if challenge.get("algs") != expected.as_deref() {
                return Err(format!("algs: {challenge:?}"));
            }
            if challenge.get("error").is_none()
                && ["error_description", "error_uri"].iter().any(|name| challenge.get(name).is_some())
            {
                return Err(format!("a description of no error: {challenge:?}"));
            }
        }
        if challenges.iter().filter(|challenge| challenge.get("error").is_some()).count() > 1 {
            return Err(format!("two errors: {challenges:?}"));
        }
        Ok(Self(challenges))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The challenge with an error.
    pub(super) fn of_error(&self) -> Option<&Challenge> {
        self.0.iter().find(|challenge| challenge.get("error").is_some())
    }

    /// The error is in the challenge of the scheme that the request used, if it used one and the server offers it (RFC 9449 §7.2).
    pub(super) fn blame(&self, used: Option<&str>, offered: Offered) -> Result<(), String> {
        let used = used.filter(|used| offered.schemes.contains(used));
        match (self.of_error(), used) {
            (Some(challenge), Some(used)) if challenge.scheme != used => {
                Err(format!("the request used {used}, and the error is in {challenge:?}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the challenge with the error, or one of them if there is no error, has this parameter.
    pub(super) fn have(&self, name: &str, value: &str) -> bool {
        let has = |challenge: &Challenge| challenge.get(name) == Some(value);
        self.of_error().map_or_else(|| self.0.iter().any(has), has)
    }
}

fn read_one(text: &str) -> Result<Challenge, String> {
    let challenge = Challenge::parse(text).map_err(|error| format!("{error}: {text}"))?;
    let other = http_auth::parse_challenges(text).map_err(|error| error.to_string())?;
    if other.len() != 1 || other[0].params.len() != challenge.parameters.len() {
        return Err(format!("two parsers read it in two ways: {text}"));
    }
    if challenge.parameters.is_empty() {
        return Err(format!("no parameter: {text}"));
    }
    for (name, value) in &challenge.parameters {
        let allowed = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        let is_list = |value: &str| {
            value.bytes().all(allowed) && value.split(' ').all(|token| !token.is_empty() && !token.contains(' '))
        };
        let good = match &**name {
            "error_uri" => value.bytes().all(|byte| byte != b' ' && allowed(byte)),
            "scope" | "acr_values" | "algs" => is_list(value),
            "max_age" => !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()),
            _ => value.bytes().all(allowed),
        };
        if !good {
            return Err(format!("{name}: {text}"));
        }
    }
    Ok(challenge)
}

/// The scheme of the only `Authorization` line of a request, if there is one and it is a scheme for tokens.
pub(super) fn used_scheme(request: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(request);
    let mut values = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("authorization").then_some(value)
    });
    let (value, None) = (values.next()?, values.next()) else { return None };
    let scheme = value.trim().split(|character: char| !character.is_ascii_alphanumeric()).next().unwrap_or_default();
    ["Bearer", "DPoP"].into_iter().find(|known| known.eq_ignore_ascii_case(scheme))
}

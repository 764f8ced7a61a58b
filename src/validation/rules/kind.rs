//! The rules about who issued the token, and whether it is an access token.

use super::super::dialect::{AtHash, Mark};
use super::super::policy::{Format, UserFlow};
use super::super::profile::Profile;
use super::super::token_error::TokenError;
use super::rule::{Applies, Facts, Rule, require_claim};
use super::text::{list, presence, strings};
use crate::jose::{Algorithm, Strings};
use crate::redact::quoted;
use crate::token::ClaimJson;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "iss",
        source: "RFC 9068 §4",
        applies: Applies::Always,
        check: check_issuer,
        expected: |facts| match &facts.policy.issuer {
            issuer if issuer.are_a_trust_domain() => format!("a sub of {}", quoted(Some(issuer.name()))),
            issuer if issuer.are_listed() => {
                format!("{} of any tenant, and the tenant in tid", quoted(Some(issuer.name())))
            }
            issuer if issuer.have_tenants() => format!("{}, and its tenant in tid", list(issuer.iter())),
            issuer => list(issuer.iter()),
        },
        found: |facts| match facts.claims.iss.as_deref() {
            _ if facts.policy.issuer.are_a_trust_domain() => quoted(facts.trust_domain()),
            iss if facts.policy.issuer.have_tenants() => {
                format!("{}, tid {}", quoted(iss), quoted(facts.claims.tenant()))
            }
            iss => quoted(iss),
        },
    },
    Rule {
        name: "alg",
        source: "RFC 8725 §3.1",
        applies: Applies::If(|policy| policy.format == Format::Jwt),
        check: |facts| {
            let found = facts.header()?.algorithm;
            if facts.policy.algorithms.contains(found) { Ok(()) } else { Err(TokenError::Algorithm { found }) }
        },
        expected: |facts| {
            let allowed = Algorithm::ALL.iter().filter(|it| facts.policy.algorithms.contains(**it));
            list(allowed.map(|algorithm| algorithm.name()))
        },
        found: |facts| facts.header.map_or("none".to_owned(), |header| header.algorithm.to_string()),
    },
    Rule {
        name: "typ",
        source: "RFC 9068 §4, RFC 8725 §3.11",
        applies: Applies::If(|policy| policy.format == Format::Jwt),
        check: check_type,
        expected: |facts| match facts.policy.profile {
            Profile::Rfc9068 => "at+jwt".to_owned(),
            Profile::Generic => "at+jwt, JWT, JOSE or none".to_owned(),
        },
        found: |facts| quoted(facts.header.and_then(|header| header.typ.as_deref())),
    },
    Rule {
        name: "kind",
        source: "RFC 8725 §3.12",
        applies: Applies::Always,
        check: check_kind,
        expected: |facts| match facts.policy.dialect.at_hash {
            AtHash::OfIdTokens => "no mark of an ID, refresh, logout or other token".to_owned(),
            AtHash::InEveryToken => "at_hash, and no mark of a refresh, logout or other token".to_owned(),
        },
        found: |facts| match check_kind(facts) {
            Err(TokenError::NotAnAccessToken { claim: "token_use" }) => {
                format!("token_use {}", quoted(facts.claims.token_use.as_deref()))
            }
            Err(TokenError::NotAnAccessToken { claim: "typ" }) => {
                format!("typ {}", quoted(facts.claims.typ.as_deref()))
            }
            Err(TokenError::NotAnAccessToken { claim }) => claim.to_owned(),
            Err(TokenError::Missing { claim }) => format!("no {claim}"),
            _ => "none".to_owned(),
        },
    },
    Rule {
        name: "token_type",
        source: "RFC 7662 §2.2",
        applies: Applies::If(|policy| policy.format == Format::Opaque),
        check: check_token_type,
        expected: |_| "that of an access token, or none if there is an aud".to_owned(),
        found: |facts| strings(facts.claims.token_type.as_ref()),
    },
    Rule {
        name: "provider",
        source: "RFC 8725 §3.12",
        applies: Applies::If(|policy| policy.dialect.mark != Mark::None),
        check: |facts| facts.policy.dialect.check_mark(facts.claims, facts.payload),
        expected: expected_mark,
        found: found_mark,
    },
    Rule {
        name: "user_flow",
        source: "RFC 8725 §3.8",
        applies: Applies::If(|policy| policy.user_flow.is_some()),
        check: |facts| match &facts.policy.user_flow {
            Some(flow) if !flow.is(facts.claims.user_flow()) => Err(TokenError::UserFlow {
                found: facts.claims.user_flow().map(Into::into),
                expected: flow.name().into(),
            }),
            _ => Ok(()),
        },
        expected: |facts| quoted(facts.policy.user_flow.as_ref().map(UserFlow::name)),
        found: |facts| quoted(facts.claims.user_flow()),
    },
    Rule {
        name: "profile",
        source: "RFC 9068 §2.2",
        applies: Applies::Except(Profile::Generic),
        check: |facts| {
            require_claim("client_id", facts.claims.client_id.as_deref())?;
            require_claim("jti", facts.claims.jti.as_deref())?;
            facts.claims.iat.map(drop).ok_or(TokenError::Missing { claim: "iat" })
        },
        expected: |_| "client_id, jti and iat".to_owned(),
        found: |facts| {
            let present = |name, value: Option<&str>| value.filter(|value| !value.is_empty()).map(|_| name);
            let client = present("client_id", facts.claims.client_id.as_deref());
            let id = present("jti", facts.claims.jti.as_deref());
            list([client, id, facts.claims.iat.map(|_| "iat")].into_iter().flatten())
        },
    },
];

/// RFC 9068 §4: `iss` is compared code point by code point.
fn check_issuer(facts: &Facts<'_>) -> Result<(), TokenError> {
    if facts.policy.issuer.are_a_trust_domain() {
        return check_trust_domain(facts);
    }
    let issuer = facts.issuer()?;
    let matched =
        facts.policy.issuer.match_issuer(issuer).ok_or_else(|| TokenError::Issuer { found: issuer.into() })?;
    matched.check_tenant(facts.claims)
}

/// JWT-SVID §3.1: the subject is the SPIFFE ID of a workload. The keys that count are those of its trust domain (SPIFFE ID §2.1).
fn check_trust_domain(facts: &Facts<'_>) -> Result<(), TokenError> {
    let expected = facts.policy.issuer.name();
    match facts.trust_domain() {
        Some(found) if found == expected => Ok(()),
        found => Err(TokenError::TrustDomain { found: found.map(Into::into), expected: expected.into() }),
    }
}

/// What every access token of the provider has.
fn expected_mark(facts: &Facts<'_>) -> String {
    let dialect = facts.policy.dialect;
    match dialect.mark {
        Mark::None => "nothing".to_owned(),
        Mark::TokenUse => "token_use \"access\"".to_owned(),
        Mark::Bearer => "typ \"Bearer\" in the payload".to_owned(),
        Mark::Client => dialect.client.name().to_owned(),
        Mark::Id => "jti".to_owned(),
        Mark::IdPrefix(prefix) => format!("a jti that begins with {prefix:?}"),
        Mark::Claim(claim) => claim.to_owned(),
        Mark::Value { claim, value } => format!("{claim} {value:?}"),
    }
}

fn found_mark(facts: &Facts<'_>) -> String {
    match facts.policy.dialect.mark {
        Mark::None => "nothing".to_owned(),
        Mark::TokenUse => quoted(facts.claims.token_use.as_deref()),
        Mark::Bearer => quoted(facts.claims.typ.as_deref()),
        Mark::Client => quoted(facts.client()),
        Mark::Id => presence(facts.claims.jti.as_deref().is_some_and(|id| !id.is_empty())),
        Mark::IdPrefix(_) => quoted(facts.claims.jti.as_deref()),
        Mark::Claim(claim) => presence(ClaimJson::find(facts.payload, claim).is_some_and(|it| !it.is_empty_text())),
        Mark::Value { claim, .. } => match ClaimJson::find(facts.payload, claim) {
            None => "none".to_owned(),
            Some(json) => json.text().map_or("not a string".to_owned(), |text| quoted(Some(&*text))),
        },
    }
}

/// RFC 9068 §4, RFC 8725 §3.11. `JOSE` says no more than that this is a JWS (RFC 7515 §4.1.9), so it counts as no `typ`.
fn check_type(facts: &Facts<'_>) -> Result<(), TokenError> {
    let header = facts.header()?;
    let typ = header.typ.as_deref();
    let is = |expected: &str| header.is_of_type(expected);
    let is_acceptable = match facts.policy.profile {
        Profile::Rfc9068 => is("at+jwt"),
        Profile::Generic => typ.is_none() || is("at+jwt") || is("JWT") || is("JOSE"),
    };
    if is_acceptable { Ok(()) } else { Err(TokenError::Type { found: typ.map(Into::into) }) }
}

/// RFC 8725 §3.12, RFC 9068 §5: the same keys sign ID tokens, refresh tokens, logout tokens and more.
fn check_kind(facts: &Facts<'_>) -> Result<(), TokenError> {
    let claims = facts.claims;
    let at_hash = facts.policy.dialect.at_hash;
    if claims.has_at_hash && at_hash == AtHash::OfIdTokens {
        return Err(TokenError::NotAnAccessToken { claim: "at_hash" });
    }
    if let Some(claim) = claims.foreign {
        return Err(TokenError::NotAnAccessToken { claim });
    }
    // Amazon Cognito writes `access` or `id`, and Ory Hydra answers `access_token` or `refresh_token`.
    let is_access = |token_use: &str| {
        token_use == "access" || (facts.policy.format == Format::Opaque && token_use == "access_token")
    };
    if claims.token_use.as_deref().is_some_and(|token_use| !is_access(token_use)) {
        return Err(TokenError::NotAnAccessToken { claim: "token_use" });
    }
    // Keycloak writes `Bearer` or one of these.
    let is_other =
        |typ: &str| ["ID", "Refresh", "Offline", "Logout"].iter().any(|other| typ.eq_ignore_ascii_case(other));
    if claims.typ.as_deref().is_some_and(is_other) {
        return Err(TokenError::NotAnAccessToken { claim: "typ" });
    }
    if !claims.has_at_hash && at_hash == AtHash::InEveryToken {
        return Err(TokenError::Missing { claim: "at_hash" });
    }
    Ok(())
}

/// RFC 7662 §2.2 leaves the values to RFC 6749 §7.1, where they say how a token is used: `Bearer`, `DPoP`. Some issuers say there
/// that it is no access token, and others say nothing there of a refresh token, and leave out `aud` too. So without an `aud` the
/// answer has to say that this is an access token.
fn check_token_type(facts: &Facts<'_>) -> Result<(), TokenError> {
    let claims = facts.claims;
    let names_no_audience = claims.aud.as_ref().and_then(Strings::as_slice).is_none_or(<[_]>::is_empty);
    let is_other = |found: &str| {
        let found = found.to_ascii_lowercase();
        found == "id" || ["refresh", "offline", "id_token", "logout"].iter().any(|other| found.contains(other))
    };
    match claims.token_type.as_ref().map(Strings::as_slice) {
        None if names_no_audience && !is_marked_as_access_token(facts) => {
            Err(TokenError::Missing { claim: "token_type" })
        }
        None => Ok(()),
        // RFC 9449 §6.2: whatever has removed the confirmation, the token is not a Bearer token.
        Some(Some([found])) if found.eq_ignore_ascii_case("DPoP") && !claims.has_cnf => Err(TokenError::Bound),
        Some(Some([found])) if !is_other(found) => Ok(()),
        Some(_) => Err(TokenError::NotAnAccessToken { claim: "token_type" }),
    }
}

/// Whether another claim says that this is an access token. What says something else has been refused.
fn is_marked_as_access_token(facts: &Facts<'_>) -> bool {
    let is_bearer = |typ: &str| typ.eq_ignore_ascii_case("Bearer");
    facts.claims.token_use.is_some() || facts.claims.typ.as_deref().is_some_and(is_bearer)
}

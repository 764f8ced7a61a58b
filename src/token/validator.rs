use std::fmt;
use std::time::{Duration, SystemTime};

use super::access_token::{AccessToken, Judge};
use super::claims::ParseClaims;
use super::dialect::Dialect;
use super::error::TokenError;
use super::identity::Identities;
use super::numeric_date::NumericDate;
use super::recipient::Recipient;
use super::registered::RegisteredClaims;
use super::rule::{Rule, Stage};
use super::scope::Scope;
use super::validity::{Validity, has_not_expired, is_valid_already, was_issued_in_the_past};
use crate::jose::{
    Algorithm, AlgorithmSet, JsonError, JwkSet, KeyIdentity, Scratch, SignatureError, Strings, Unverified, Verified,
    VerifyingKey,
};

/// The most octets a token may have: ML-DSA tokens are 4 to 7 KB, and nothing is parsed beyond.
pub(crate) const MAX_TOKEN_LENGTH: usize = 16 * 1024;

/// How closely a token must follow RFC 9068.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// What issuers really send: the header's `typ` is `at+jwt`, `application/at+jwt` (in any case), `JWT` or absent, the
    /// scope is in `scope`, `scp` or `scopes`, and `iss`, `aud`, `exp` and `sub` are required. What is known to be another
    /// kind of token is refused all the same.
    #[default]
    Generic,
    /// RFC 9068 to the letter: `typ` is `at+jwt` or `application/at+jwt`, `client_id`, `iat` and `jti` are required beside
    /// the above, and the scope is a string in `scope`.
    Rfc9068,
}

/// What the tokens of one issuer must satisfy.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) issuer: Identities,
    pub(crate) recipient: Recipient,
    pub(crate) subjects: Subjects,
    pub(crate) dialect: Dialect,
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) profile: Profile,
    pub(crate) leeway: Duration,
}

/// Who may be the subject of an issuer's tokens.
#[derive(Clone)]
pub(crate) enum Subjects {
    Any,
    These(Vec<Box<str>>),
}

/// How many there are, and not who: they may be people.
impl fmt::Debug for Subjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::These(these) => write!(f, "one of {}", these.len()),
        }
    }
}

/// A token that was read and not yet believed.
pub(crate) struct Candidate<'t> {
    pub(super) jws: Unverified<'t>,
    pub(super) claims: RegisteredClaims<'t>,
}

impl<'t> Candidate<'t> {
    pub(crate) fn parse(token: &'t str, scratch: &'t mut Scratch) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_LENGTH {
            return Err(TokenError::TooLong { length: token.len(), limit: MAX_TOKEN_LENGTH });
        }
        let jws = Unverified::parse(token, scratch)?;
        let claims = RegisteredClaims::parse(jws.unverified_payload()).map_err(TokenError::Payload)?;
        Ok(Self { jws, claims })
    }

    /// The `iss` that the token claims.
    pub(crate) fn issuer(&self) -> Result<&str, TokenError> {
        self.claims.iss.as_deref().ok_or(TokenError::Missing { claim: "iss" })
    }

    /// All [rules](Rule) of the stage before the signature. They come first because they are cheap, and so that a token that
    /// could not pass anyway never costs a request to the issuer.
    pub(crate) fn check(self, policy: &'t Policy, now: NumericDate) -> Result<Plausible<'t>, TokenError> {
        Rule::of(Stage::Unsigned).try_for_each(|rule| rule.check(&self, policy, now))?;
        let (scope, validity) = (self.scope(policy), self.validity()?);
        Ok(Plausible { candidate: self, scope, validity, policy, now })
    }

    /// All [rules](Rule) of the stage after the signature. It takes the proof that there was a good one.
    fn check_signed(&self, _: &Verified<'_>, policy: &Policy, now: NumericDate) -> Result<(), TokenError> {
        Rule::of(Stage::Signed).try_for_each(|rule| rule.check(self, policy, now))
    }

    /// RFC 9068 §4: code point by code point.
    pub(super) fn issuer_matches(&self, policy: &Policy) -> Result<(), TokenError> {
        let issuer = self.issuer()?;
        let met = policy.issuer.meet(issuer).ok_or_else(|| TokenError::Issuer { found: issuer.into() })?;
        met.tenant_matches(&self.claims)
    }

    /// A closed list, where one issuer has many tenants.
    pub(super) fn tenant_is_listed(&self, policy: &Policy) -> Result<(), TokenError> {
        let issuer = self.issuer()?;
        if policy.issuer.contain(issuer) { Ok(()) } else { Err(TokenError::Issuer { found: issuer.into() }) }
    }

    /// RFC 8725 §3.1: an allowlist for each issuer.
    pub(super) fn algorithm_is_allowed(&self, policy: &Policy) -> Result<(), TokenError> {
        let found = self.jws.header().algorithm;
        if policy.algorithms.contains(found) { Ok(()) } else { Err(TokenError::Algorithm { found }) }
    }

    /// RFC 9068 §4, RFC 8725 §3.11; media types compare in any case (RFC 7515 §4.1.9).
    pub(super) fn type_is_access_token(&self, policy: &Policy) -> Result<(), TokenError> {
        let is = |typ: &str, expected: &str| typ.eq_ignore_ascii_case(expected);
        match (self.jws.header().typ.as_deref(), policy.profile) {
            (Some(typ), _) if is(typ, "at+jwt") || is(typ, "application/at+jwt") => Ok(()),
            (Some(typ), Profile::Generic) if is(typ, "JWT") => Ok(()),
            (None, Profile::Generic) => Ok(()),
            (typ, _) => Err(TokenError::Type { found: typ.map(Into::into) }),
        }
    }

    /// RFC 8725 §3.12, RFC 9068 §5: the same keys sign ID tokens, refresh tokens, logout tokens and more.
    pub(super) fn is_no_other_kind_of_token(&self) -> Result<(), TokenError> {
        let claims = &self.claims;
        if let Some(claim) = claims.foreign {
            return Err(TokenError::NotAnAccessToken { claim });
        }
        // Amazon Cognito writes `access` or `id`.
        if claims.token_use.as_deref().is_some_and(|token_use| token_use != "access") {
            return Err(TokenError::NotAnAccessToken { claim: "token_use" });
        }
        // Keycloak writes `Bearer` or one of these.
        let foreign =
            |typ: &str| ["ID", "Refresh", "Offline", "Logout"].iter().any(|other| typ.eq_ignore_ascii_case(other));
        if claims.typ.as_deref().is_some_and(foreign) {
            return Err(TokenError::NotAnAccessToken { claim: "typ" });
        }
        Ok(())
    }

    /// RFC 8725 §3.12: it has what every access token of its provider has.
    pub(super) fn has_the_providers_mark(&self, policy: &Policy) -> Result<(), TokenError> {
        policy.dialect.marks_access_tokens(&self.claims)
    }

    /// RFC 7800 §3.1, RFC 9449 §7.2, RFC 8705 §3: a confirmation that cannot be checked is not ignored.
    pub(super) fn is_not_bound(&self) -> Result<(), TokenError> {
        if self.claims.has_cnf { Err(TokenError::Bound) } else { Ok(()) }
    }

    /// RFC 9068 §2.2. It is asked for in every profile, because handlers key their data by it.
    pub(super) fn names_its_subject(&self) -> Result<(), TokenError> {
        present("sub", self.claims.sub.as_deref())
    }

    /// RFC 8725 §3.8: a list for issuers that vouch for anybody.
    pub(super) fn subject_is_let_in(&self, policy: &Policy) -> Result<(), TokenError> {
        match (&policy.subjects, &self.claims.sub) {
            (Subjects::Any, _) => Ok(()),
            (Subjects::These(these), Some(subject)) if these.iter().any(|known| **known == **subject) => Ok(()),
            (Subjects::These(_), _) => Err(TokenError::Subject),
        }
    }

    /// RFC 9068 §2.2: the claims that only the strict profile requires.
    pub(super) fn has_profile_claims(&self, policy: &Policy) -> Result<(), TokenError> {
        if policy.profile == Profile::Generic {
            return Ok(());
        }
        present("client_id", self.claims.client_id.as_deref())?;
        present("jti", self.claims.jti.as_deref())?;
        self.claims.iat.map(drop).ok_or(TokenError::Missing { claim: "iat" })
    }

    /// RFC 9068 §4, RFC 7519 §4.1.3: the token is for this resource server, whoever else it is for.
    pub(super) fn audience_matches(&self, policy: &Policy) -> Result<(), TokenError> {
        let client = self.claims.client(policy.dialect.client);
        policy.recipient.is_named(&self.claims, client, policy.profile)
    }

    /// The token was issued to a client that is let in, where clients stand in for an audience.
    pub(super) fn client_is_listed(&self, policy: &Policy) -> Result<(), TokenError> {
        policy.recipient.lists(self.claims.client(policy.dialect.client))
    }

    /// RFC 7515 §5.2: the payload, if one of its issuer's `keys` made the signature, and which. The key of the identity `first` is
    /// tried first, and further ones as long as `try_another` agrees.
    pub(crate) fn verify<'k>(
        &self,
        keys: &'k JwkSet,
        dialect: Dialect,
        first: impl FnOnce() -> Option<KeyIdentity>,
        try_another: impl Fn() -> bool,
    ) -> Result<(Verified<'t>, &'k VerifyingKey), SignatureError> {
        self.jws.verify(keys, |key| dialect.lets_sign(key, &self.claims), first, try_another)
    }

    /// The name of the key that the token claims to be signed with.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.jws.header().kid.as_deref()
    }

    /// The algorithm that it claims to be signed with.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.jws.header().algorithm
    }

    /// RFC 7519 §4.1.4; RFC 9068 §2.2 requires `exp`.
    pub(super) fn has_not_expired(&self, policy: &Policy, now: NumericDate) -> Result<(), TokenError> {
        has_not_expired(self.validity()?.exp, policy.leeway, now)
    }

    /// RFC 7519 §4.1.5.
    pub(super) fn is_valid_already(&self, policy: &Policy, now: NumericDate) -> Result<(), TokenError> {
        is_valid_already(self.claims.nbf, policy.leeway, now)
    }

    /// RFC 7519 §4.1.6, FAPI 2.0 §5.3.2.1.
    pub(super) fn was_issued_in_the_past(&self, policy: &Policy, now: NumericDate) -> Result<(), TokenError> {
        was_issued_in_the_past(self.claims.iat, policy.leeway, now)
    }

    fn validity(&self) -> Result<Validity, TokenError> {
        let exp = self.claims.exp.ok_or(TokenError::Missing { claim: "exp" })?;
        Ok(Validity { exp, nbf: self.claims.nbf, iat: self.claims.iat })
    }

    /// RFC 9068 §2.2.3: an absent scope grants nothing; a malformed one makes a bad token, not a token without scopes.
    pub(super) fn scope_is_well_formed(&self, policy: &Policy) -> Result<(), TokenError> {
        match (self.scope_claim(policy), policy.profile) {
            ((name, Some(Strings::Other)), _) | ((name, Some(Strings::Many(_))), Profile::Rfc9068) => {
                Err(TokenError::Payload(JsonError::WrongType { name: name.into() }))
            }
            _ => Ok(()),
        }
    }

    fn scope(&self, policy: &Policy) -> Scope {
        let (_, value) = self.scope_claim(policy);
        value.and_then(Scope::granted).unwrap_or_else(Scope::none)
    }

    /// RFC 9068 §2.2.3, and what issuers write instead: the first of `scope`, `scp` and `scopes` counts, alone.
    pub(super) fn scope_claim(&self, policy: &Policy) -> (&'static str, Option<&Strings<'t>>) {
        let claims = &self.claims;
        let places = [("scope", &claims.scope), ("scp", &claims.scp), ("scopes", &claims.scopes)];
        let places = match policy.profile {
            Profile::Rfc9068 => &places[..1],
            Profile::Generic => &places[..],
        };
        let first = places.iter().find(|(_, value)| value.is_some()).unwrap_or(&places[0]);
        (first.0, first.1.as_ref())
    }
}

/// A token that satisfies every rule of the stage before the signature. Its signature and the rules after it are still open.
pub(crate) struct Plausible<'t> {
    candidate: Candidate<'t>,
    scope: Scope,
    validity: Validity,
    policy: &'t Policy,
    now: NumericDate,
}

impl<'t> Plausible<'t> {
    /// The name of the key that the token claims to be signed with.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.candidate.kid()
    }

    /// The algorithm that the token claims to be signed with.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.candidate.algorithm()
    }

    /// When the token claims to have been issued.
    pub(crate) fn issued_at(&self) -> Option<SystemTime> {
        self.validity.iat.map(SystemTime::from)
    }

    /// The payload, if one of its issuer's `keys` made the signature, and which: see [`Candidate::verify`].
    pub(crate) fn verify<'k>(
        &self,
        keys: &'k JwkSet,
        first: impl FnOnce() -> Option<KeyIdentity>,
        try_another: impl Fn() -> bool,
    ) -> Result<(Verified<'t>, &'k VerifyingKey), SignatureError> {
        self.candidate.verify(keys, self.policy.dialect, first, try_another)
    }

    /// The access token, once its signature is `verified`.
    pub(crate) fn into_token(
        self,
        verified: &Verified<'_>,
        parse_claims: Option<ParseClaims>,
        judge: Judge,
    ) -> Result<AccessToken, TokenError> {
        let Self { candidate, scope, validity, policy, now } = self;
        candidate.check_signed(verified, policy, now)?;
        let client = policy.dialect.client;
        AccessToken::new(verified, candidate.claims, scope, validity, client, parse_claims, judge)
    }
}

fn present(claim: &'static str, value: Option<&str>) -> Result<(), TokenError> {
    if value.is_some_and(|value| !value.is_empty()) { Ok(()) } else { Err(TokenError::Missing { claim }) }
}

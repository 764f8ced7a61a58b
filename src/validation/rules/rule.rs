use super::super::policy::Policy;
use super::super::profile::Profile;
use super::super::spiffe_id::trust_domain_of;
use super::super::token_error::TokenError;
use crate::Scope;
use crate::jose::{Header, Strings};
use crate::token::{NumericDate, RegisteredClaims};

/// One rule about a token: a row of a table.
pub(crate) struct Rule {
    /// What the rule is about: a header parameter, a claim, or a word for several. It does not change between versions.
    pub(crate) name: &'static str,
    /// Where the rule comes from.
    pub(crate) source: &'static str,
    /// Which issuers' tokens it applies to.
    pub(crate) applies: Applies,
    /// Whether the token satisfies it.
    pub(crate) check: fn(&Facts<'_>) -> Result<(), TokenError>,
    /// What the rule requires, in words for a developer.
    pub(crate) expected: fn(&Facts<'_>) -> String,
    /// What the token has instead. The subject is never shown: it may be a person's.
    pub(crate) found: fn(&Facts<'_>) -> String,
}

/// Which issuers' tokens a rule applies to.
pub(crate) enum Applies {
    /// To all.
    Always,
    /// To those of every profile but this one.
    Except(Profile),
    /// To those whose policy has something to compare with.
    If(fn(&Policy) -> bool),
}

impl Applies {
    pub(super) fn to(&self, policy: &Policy) -> bool {
        match self {
            Self::Always => true,
            Self::Except(profile) => policy.profile != *profile,
            Self::If(applies) => applies(policy),
        }
    }
}

/// What a rule reads: the token, the policy of its issuer, and the time.
pub(crate) struct Facts<'a> {
    /// `None` for a token that is no JWT. The rules about headers do not apply to it.
    pub(crate) header: Option<&'a Header<'a>>,
    pub(crate) claims: &'a RegisteredClaims<'a>,
    /// The JSON that the claims are from.
    pub(crate) payload: &'a [u8],
    pub(crate) policy: &'a Policy,
    pub(crate) now: NumericDate,
}

impl<'a> Facts<'a> {
    /// The header of a JWT. A rule that needs one refuses a token without.
    pub(super) fn header(&self) -> Result<&'a Header<'a>, TokenError> {
        self.header.ok_or(TokenError::Type { found: None })
    }

    /// The `iss` of the token.
    pub(super) fn issuer(&self) -> Result<&'a str, TokenError> {
        self.claims.iss.as_deref().ok_or(TokenError::Missing { claim: "iss" })
    }

    /// The SPIFFE trust domain of the subject.
    pub(super) fn trust_domain(&self) -> Option<&'a str> {
        self.claims.sub.as_deref().and_then(trust_domain_of)
    }

    /// The client that the token was issued to.
    pub(super) fn client(&self) -> Option<&'a str> {
        self.claims.client(self.policy.dialect.client)
    }

    /// The subject, never empty.
    pub(super) fn subject(&self) -> Option<&'a str> {
        self.claims.subject(self.policy.subject, self.policy.dialect.client)
    }

    /// What the token grants. A rule has checked that the claim is well formed.
    pub(crate) fn scope(&self) -> Scope {
        let (_, value) = self.scope_claim();
        value.and_then(Scope::granted).unwrap_or_else(Scope::none)
    }

    /// RFC 9068 §2.2.3 has `scope`. In the generic profile `scp` and `scopes` count too: the first of the three that is present
    /// counts, alone.
    pub(super) fn scope_claim(&self) -> (&'static str, Option<&'a Strings<'a>>) {
        let claims = self.claims;
        let places = [("scope", &claims.scope), ("scp", &claims.scp), ("scopes", &claims.scopes)];
        let places = match self.policy.profile {
            Profile::Rfc9068 => &places[..1],
            Profile::Generic => &places[..],
        };
        let first = places.iter().find(|(_, value)| value.is_some()).unwrap_or(&places[0]);
        (first.0, first.1.as_ref())
    }
}

/// RFC 9068 §2.2: a required claim is present and not empty.
pub(super) fn require_claim(claim: &'static str, value: Option<&str>) -> Result<(), TokenError> {
    if value.is_some_and(|value| !value.is_empty()) { Ok(()) } else { Err(TokenError::Missing { claim }) }
}

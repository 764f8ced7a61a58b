use std::time::SystemTime;

use super::policy::Policy;
use super::rules::{self, Facts};
use super::server_context::ServerContext;
use super::spiffe_id::trust_domain_of;
use super::token_error::TokenError;
use crate::AccessToken;
use crate::Scope;
use crate::jose::{
    Algorithm, JwkSet, KeyIdentity, KnownHeaders, Scratch, SignatureError, Unverified, Verified, VerifyingKey,
};
use crate::token::{NumericDate, RegisteredClaims, TimePolicy, Validated, Validity};

/// The maximum length of a token, in bytes: ML-DSA tokens have 4 to 7 KB. A longer token is not parsed.
pub(crate) const MAX_TOKEN_LENGTH: usize = 16 * 1024;

/// A parsed token. Nothing in it has been verified.
pub(crate) struct UnverifiedToken<'t> {
    jws: Unverified<'t>,
    claims: RegisteredClaims<'t>,
}

impl<'t> UnverifiedToken<'t> {
    pub(crate) fn parse(token: &'t str, scratch: &'t mut Scratch, known: &'t KnownHeaders) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_LENGTH {
            return Err(TokenError::TooLong { length: token.len(), limit: MAX_TOKEN_LENGTH });
        }
        let jws = Unverified::parse(token, scratch, known)?;
        let claims = RegisteredClaims::parse(jws.unverified_payload()).map_err(TokenError::Payload)?;
        Ok(Self { jws, claims })
    }

    /// The `iss` of the token.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.claims.iss.as_deref()
    }

    /// The SPIFFE trust domain of the token's subject, as a SPIFFE ID.
    pub(crate) fn trust_domain(&self) -> Option<&str> {
        self.claims.sub.as_deref().and_then(trust_domain_of)
    }

    /// Whether the token was issued by the user flow of `policy`.
    pub(crate) fn is_of_user_flow(&self, policy: &Policy) -> bool {
        policy.user_flow.as_ref().is_some_and(|flow| flow.is(self.claims.user_flow()))
    }

    /// The `kid` of the token.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.jws.header().kid.as_deref()
    }

    /// The `alg` of the token.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.jws.header().algorithm
    }

    /// What the [rules](super::rules::Rule) read.
    pub(crate) fn facts<'a>(&'a self, policy: &'a Policy, now: NumericDate) -> Facts<'a> {
        Facts {
            header: Some(self.jws.header()),
            claims: &self.claims,
            payload: self.jws.unverified_payload(),
            policy,
            now,
        }
    }

    /// Checks the rules of [`Stage::BeforeSignature`](super::rules::Stage::BeforeSignature). They come first because they are
    /// cheap, and so that a token that could not pass anyway never costs a request to the issuer.
    pub(crate) fn check(self, policy: &'t Policy, now: NumericDate) -> Result<CheckedToken<'t>, TokenError> {
        let facts = self.facts(policy, now);
        rules::check_before_signature(&facts)?;
        let scope = facts.scope();
        let exp = self.claims.exp.ok_or(TokenError::Missing { claim: "exp" })?;
        let validity = Validity { exp, nbf: self.claims.nbf, iat: self.claims.iat };
        Ok(CheckedToken { token: self, scope, validity, policy, now })
    }

    /// The payload and the key that signed it, if one of the issuer's `keys` did (RFC 7515 §5.2). The key of the identity `first`
    /// is tried first. Each further key is tried only if `try_another` allows it.
    pub(crate) fn verify<'k>(
        &self,
        keys: &'k JwkSet,
        policy: &Policy,
        first: impl FnOnce() -> Option<KeyIdentity>,
        try_another: impl Fn() -> bool,
    ) -> Result<(Verified<'t>, &'k VerifyingKey), SignatureError> {
        self.jws.verify(keys, |key| policy.dialect.may_sign(key, &self.claims), first, try_another)
    }
}

/// A token that satisfies every rule of [`Stage::BeforeSignature`](super::rules::Stage::BeforeSignature). Its signature has not
/// been verified.
pub(crate) struct CheckedToken<'t> {
    token: UnverifiedToken<'t>,
    scope: Scope,
    validity: Validity,
    policy: &'t Policy,
    now: NumericDate,
}

impl<'t> CheckedToken<'t> {
    pub(crate) fn kid(&self) -> Option<&str> {
        self.token.kid()
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.token.algorithm()
    }

    /// The `iat` of the token.
    pub(crate) fn issued_at(&self) -> Option<SystemTime> {
        self.validity.iat.map(SystemTime::from)
    }

    /// See [`UnverifiedToken::verify`].
    pub(crate) fn verify<'k>(
        &self,
        keys: &'k JwkSet,
        first: impl FnOnce() -> Option<KeyIdentity>,
        try_another: impl Fn() -> bool,
    ) -> Result<(Verified<'t>, &'k VerifyingKey), SignatureError> {
        self.token.verify(keys, self.policy, first, try_another)
    }

    /// The access token, if the rules of [`Stage::AfterSignature`](super::rules::Stage::AfterSignature) are satisfied too.
    pub(crate) fn into_access_token(
        self,
        verified: &Verified<'_>,
        time: TimePolicy,
        server: &ServerContext,
    ) -> Result<AccessToken, TokenError> {
        let Self { mut token, scope, validity, policy, now } = self;
        rules::check_after_signature(&token.facts(policy, now), verified.into())?;
        if policy.issuer.are_a_trust_domain() {
            // What a JWT-SVID says in `iss` identifies no one (JWT-SVID §3).
            token.claims.iss = Some(policy.issuer.name().to_owned().into());
        }
        let (client_claim, subject_claim) = (policy.dialect.client, policy.subject);
        // Not before the signature is verified: a stranger's scope costs no expansion.
        let (scope, identity) = (server.all_granted(scope), server.identity);
        let validated = Validated {
            scope,
            validity,
            client_claim,
            roles_claim: policy.dialect.roles,
            subject_claim,
            server: identity,
            time,
            revocations: server.revocations.clone(),
            asked_at: None,
        };
        AccessToken::new(verified.into(), token.claims, validated, server.parse_claims).map_err(TokenError::from)
    }
}

use std::time::SystemTime;

use super::policy::Policy;
use super::rules::{self, Facts};
use super::server_context::ServerContext;
use super::token_error::TokenError;
use crate::AccessToken;
use crate::token::{
    ClaimJson, NumericDate, RegisteredClaims, SubjectClaim, TimePolicy, TrustedPayload, Validated, Validity,
};

/// What an issuer has answered about an opaque token that is active (RFC 7662 §2.2).
pub(crate) struct IntrospectedToken<'a> {
    claims: RegisteredClaims<'a>,
    answer: &'a [u8],
}

impl<'a> IntrospectedToken<'a> {
    /// The claims of an answer of the issuer with this policy.
    pub(crate) fn parse(answer: &'a [u8], policy: &Policy) -> Result<Self, TokenError> {
        let mut claims = RegisteredClaims::parse(answer).map_err(TokenError::Payload)?;
        // RFC 7662 §2.2: it is optional. Who has answered is known.
        claims.iss.get_or_insert_with(|| policy.issuer.name().to_owned().into());
        if policy.subject == SubjectClaim::ClientInstead {
            // RFC 7662 §2.2: the name of the resource owner. django-oauth-toolkit names users in this way, and gives no `sub`.
            claims.names_user = ClaimJson::find(answer, "username").is_some_and(|name| !name.is_empty_text());
        }
        Ok(Self { claims, answer })
    }

    pub(crate) fn facts<'f>(&'f self, policy: &'f Policy, now: NumericDate) -> Facts<'f> {
        Facts { header: None, claims: &self.claims, payload: self.answer, policy, now }
    }

    /// The access token, if the rules are satisfied.
    pub(crate) fn into_access_token(
        self,
        policy: &Policy,
        now: NumericDate,
        asked_at: SystemTime,
        server: &ServerContext,
    ) -> Result<AccessToken, TokenError> {
        let facts = self.facts(policy, now);
        let payload = TrustedPayload::of_answer(self.answer);
        rules::check_before_signature(&facts)?;
        rules::check_after_signature(&facts, payload)?;
        let exp = self.claims.exp.ok_or(TokenError::Missing { claim: "exp" })?;
        let validated = Validated {
            scope: server.all_granted(facts.scope()),
            validity: Validity { exp, nbf: self.claims.nbf, iat: self.claims.iat },
            client_claim: policy.dialect.client,
            roles_claim: policy.dialect.roles,
            subject_claim: policy.subject,
            server: server.identity,
            time: TimePolicy { clock: server.clock.clone(), leeway: policy.leeway },
            revocations: server.revocations.clone(),
            asked_at: Some(asked_at.into()),
        };
        AccessToken::new(payload, self.claims, validated, server.parse_claims).map_err(TokenError::from)
    }
}

//! Validation of an opaque token, from its issuer's answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::evidence::Evidence;
use super::introspected_token::IntrospectedToken;
use super::introspection::{Introspector, Lookup};
use super::outcome::{Outcome, Pending};
use super::rules::check_validity;
use super::server_context::ServerContext;
use super::token_error::TokenError;
use super::trusted_issuer::TrustedIssuer;
use super::verify_error::VerifyError;
use crate::AccessToken;
use crate::clock::Moment;
use crate::metrics;

/// When to try again if there is no runtime.
const RETRY_AFTER_MISUSE: Duration = Duration::from_secs(1);

impl TrustedIssuer {
    /// Validates an opaque token, by what the issuer has said about it or says now.
    pub(crate) fn introspect(
        self: &Arc<Self>,
        introspector: &Arc<Introspector>,
        token: &str,
        now: Moment,
        server: &ServerContext,
    ) -> Outcome {
        match introspector.look_up(token, now) {
            Lookup::Active(token) => match check_validity(&token.validity(), self.policy.leeway, now.wall.into()) {
                Ok(()) => {
                    metrics::token_remembered();
                    Outcome::Accepted(token, Evidence::Answer)
                }
                Err(error) => error.into(),
            },
            Lookup::Refused(error) => Outcome::Refused(error),
            Lookup::Wait(pending) => Outcome::Wait(Pending::Answer(pending)),
            Lookup::Ask(load, pending) => {
                let Ok(runtime) = tokio::runtime::Handle::try_current() else {
                    tracing::error!(
                        "an opaque token was validated outside a tokio runtime, where its issuer cannot be asked"
                    );
                    return Outcome::Refused(VerifyError::IntrospectionUnavailable { retry_after: RETRY_AFTER_MISUSE });
                };
                let (issuer, introspector) = (Arc::clone(self), Arc::clone(introspector));
                let (token, server) = (Box::<str>::from(token), server.clone());
                // A task of its own: the request that asked may go away, and others wait for the same answer.
                runtime.spawn(async move {
                    let validate = |answer: &[u8], asked_at| issuer.validate_answer(answer, asked_at, &server);
                    introspector.load(load, token, validate).await;
                });
                Outcome::Wait(Pending::Answer(pending))
            }
        }
    }

    /// The verdict of an answer that says that the token is active.
    pub(crate) fn validate_answer(
        &self,
        answer: &[u8],
        asked_at: SystemTime,
        server: &ServerContext,
    ) -> Result<AccessToken, TokenError> {
        let now = server.clock.now().into();
        let token = IntrospectedToken::parse(answer, &self.policy)?;
        let token = token.into_access_token(&self.policy, now, asked_at, server)?;
        // So that it is remembered as refused: each question costs. Any other revocation is one for which to ask again.
        if token.is_revoked_whatever_its_issuer_says() { Err(TokenError::Revoked) } else { Ok(token) }
    }
}

//! Checks what an operation needs, and creates the refusals that name it.

use super::resource_server::ResourceServer;
use super::snapshot::Snapshot;
use crate::credentials::Scheme;
use crate::rejection::RejectionKind;
use crate::token::scope_to_offer;
use crate::validation::VerifyError;
use crate::{AccessToken, Rejection, Require, Scope};

impl ResourceServer {
    /// Checks that `token` satisfies `requirement` now: for a handler that finds out late what it needs. A token that has expired
    /// or been [revoked](crate::revocation) in the meantime is refused with 401 `invalid_token`, even if it satisfies `requirement`. While
    /// revocations may be missing and the server [refuses tokens](crate::revocation::Revocations::share_and_refuse_when_stale) for that reason,
    /// every token is refused with 503. The error is the response to send.
    ///
    /// The token must be one that this server, or a clone of it, has validated: another server may trust other issuers, expect
    /// another audience, or allow another leeway. Any other token is a mistake in the program: it is refused with 500, whatever it
    /// grants, and the mistake is logged as an error. [`Require::check`] checks only the requirement.
    ///
    /// This does not know the request, so the refusal names only the scope of `requirement`, not that of the layers that the
    /// request has passed. A client may request exactly that scope, so name everything that the operation needs:
    /// `Require::scope("files:read files:write")` within a layer that requires `files:read`.
    ///
    /// ```
    /// # use tower_bearer::{AccessToken, Rejection, Require, ResourceServer};
    /// # struct Payment { amount: u64 }
    /// async fn pay(api: ResourceServer, token: AccessToken, payment: Payment) -> Result<String, Rejection> {
    ///     if payment.amount > 1000 {
    ///         api.check(&token, &Require::token().and_acr("urn:example:mfa"))?;
    ///     }
    ///     Ok("paid".to_owned())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The refusal, as documented at [`Require`].
    pub fn check(&self, token: &AccessToken, requirement: &Require) -> Result<(), Rejection> {
        self.0.current().check_within(None, token, requirement)
    }
}

impl Snapshot {
    /// Like [`check`](ResourceServer::check), for a request that has passed a layer with the requirement `outer`. The refusal names what both need.
    pub(crate) fn check_within(
        &self,
        outer: Option<&Require>,
        token: &AccessToken,
        requirement: &Require,
    ) -> Result<(), Rejection> {
        if !token.was_validated_by(self.identity()) {
            return Err(Rejection::token_of_another_server(token.issuer()));
        }
        if let Err(error @ VerifyError::RevocationsUnavailable { retry_after }) = self.check_revocation(token) {
            tracing::debug!(%error, "request refused");
            return Err(Rejection::revocations_unavailable(retry_after));
        }
        let now = self.0.validator.clock().now();
        requirement.check(token, now).map_err(|alone| {
            let both = outer.map(|outer| outer.clone().and(requirement.clone()).check(token, now));
            // A custom rule may return something else the second time. What was refused stays refused.
            let shortfall = both.and_then(Result::err).unwrap_or(alone);
            tracing::debug!(%shortfall, "request refused");
            let shortfall = shortfall.with_scope(|scope| self.scope_to_offer(scope));
            let is_bound_to_key = token.confirmation().is_some_and(|confirmation| confirmation.jkt.is_some());
            let used = if is_bound_to_key { Scheme::Dpop } else { Scheme::Bearer };
            Rejection::falls_short(self.0.challenges.falls_short(used, &shortfall), shortfall)
        })
    }

    /// The refusal of a request without credentials, for which an operation needs this scope, if that is known.
    pub(crate) fn no_credentials(&self, needed: Option<Scope>) -> Rejection {
        tracing::debug!(error = "no credentials", "request refused");
        let scope = needed.and_then(|scope| self.scope_to_offer(scope));
        Rejection::new(RejectionKind::NoCredentials, self.0.challenges.no_credentials(scope.as_ref()))
    }

    /// What a challenge names of the scope that is needed.
    fn scope_to_offer(&self, needed: Scope) -> Option<Scope> {
        scope_to_offer(needed, self.0.validator.context.implied_scopes.as_deref())
    }
}

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::AccessToken;
use crate::clock::{Clock, Moment};
#[cfg(feature = "introspection")]
use crate::credentials::is_b64token;
use crate::issuer::IssuerRegistry;
use crate::jose::{KnownHeaders, Scratch};
use crate::keys::PendingLookup;
use crate::metrics;
#[cfg(feature = "tenants")]
use crate::tenants::Tenants;
#[cfg(feature = "introspection")]
use crate::validation::introspection::Introspector;
use crate::validation::{
    Entry, Fingerprint, MAX_TOKEN_LENGTH, Outcome, Pending, ServerContext, TokenError, TrustedIssuer, UnverifiedToken,
    VerifiedTokens, VerifyError,
};

/// The maximum time that a request waits for a key: a little more than the time that a fetch may take by default.
const MAX_WAIT: Duration = Duration::from_secs(6);
/// When to retry after that.
const RETRY_AFTER_WAITING: Duration = Duration::from_secs(5);
/// When to retry while the keys are being fetched.
const RETRY_WHILE_FETCHING: Duration = Duration::from_secs(1);

/// Validates tokens: with the cache of verified tokens, and otherwise with the rules and keys of their issuer.
pub(super) struct Validator {
    pub(super) issuers: IssuerRegistry,
    /// Where an issuer that is none of these is looked for.
    #[cfg(feature = "tenants")]
    pub(super) tenants: Option<Tenants>,
    pub(super) context: ServerContext,
    // The memories outlive a configuration.
    pub(super) verified: Option<Arc<VerifiedTokens>>,
    pub(super) known_headers: Arc<KnownHeaders>,
}

impl Validator {
    /// Validates a token, and waits for the issuer's keys if they have to be fetched.
    pub(super) async fn verify(&self, token: &str) -> Result<AccessToken, VerifyError> {
        let arrived = self.monotonic();
        match self.validate(token, arrived) {
            Outcome::Accepted(token, _) => Ok(token),
            Outcome::Refused(error) => Err(error),
            Outcome::Wait(pending) => self.wait(pending, token, arrived).await,
        }
    }

    /// Validates a token with the keys that are available now.
    pub(super) fn try_verify(&self, token: &str) -> Result<AccessToken, VerifyError> {
        match self.validate(token, self.monotonic()) {
            Outcome::Accepted(token, _) => Ok(token),
            Outcome::Refused(error) => Err(error),
            Outcome::Wait(Pending::Keys(_)) => Err(VerifyError::KeysUnavailable { retry_after: RETRY_WHILE_FETCHING }),
            #[cfg(feature = "tenants")]
            Outcome::Wait(Pending::Issuer(_)) => {
                Err(VerifyError::TenantUnavailable { retry_after: RETRY_WHILE_FETCHING })
            }
            #[cfg(feature = "introspection")]
            Outcome::Wait(Pending::Answer(_)) => {
                Err(VerifyError::IntrospectionUnavailable { retry_after: RETRY_WHILE_FETCHING })
            }
        }
    }

    /// Validates a token that arrives `now`.
    pub(super) fn validate(&self, token: &str, now: Instant) -> Outcome {
        let Some((cache, fingerprint)) = self.cache_for(token) else {
            return self.validate_fresh(token, now, now, None);
        };
        let Some(entry) = cache.get(fingerprint) else {
            return self.validate_fresh(token, now, now, Some(fingerprint));
        };
        match self.revalidate_cached(&entry, now) {
            Some(Ok(())) => {
                cache.hit();
                Outcome::Accepted(entry.token, entry.evidence)
            }
            Some(Err(error)) => error.into(),
            None => {
                let outcome = self.validate_fresh(token, now, now, Some(fingerprint));
                if let Outcome::Refused(VerifyError::Token(_)) = outcome {
                    cache.forget(fingerprint);
                }
                outcome
            }
        }
    }

    /// Waits until the token can be validated, for at most 6 seconds.
    pub(super) async fn wait(
        &self,
        pending: Pending,
        token: &str,
        arrived: Instant,
    ) -> Result<AccessToken, VerifyError> {
        match pending {
            Pending::Keys(pending) => {
                let late = Err(VerifyError::KeysUnavailable { retry_after: RETRY_AFTER_WAITING });
                tokio::time::timeout(MAX_WAIT, self.wait_for_keys(pending, token, arrived)).await.unwrap_or(late)
            }
            #[cfg(feature = "tenants")]
            Pending::Issuer(pending) => {
                let late = Err(VerifyError::TenantUnavailable { retry_after: RETRY_AFTER_WAITING });
                tokio::time::timeout(MAX_WAIT, self.wait_for_issuer(pending, token, arrived)).await.unwrap_or(late)
            }
            #[cfg(feature = "introspection")]
            Pending::Answer(pending) => {
                let late = Err(VerifyError::IntrospectionUnavailable { retry_after: RETRY_AFTER_WAITING });
                tokio::time::timeout(MAX_WAIT, pending.verdict()).await.unwrap_or(late)
            }
        }
    }

    /// Waits for a fetch of keys, and validates the token again after each.
    pub(super) async fn wait_for_keys(
        &self,
        mut pending: PendingLookup,
        token: &str,
        arrived: Instant,
    ) -> Result<AccessToken, VerifyError> {
        loop {
            pending.news().await;
            // Without the cache: it had no usable entry for the token when the request arrived.
            match self.validate_fresh(token, arrived, self.monotonic(), None) {
                Outcome::Accepted(token, _) => return Ok(token),
                Outcome::Refused(error) => return Err(error),
                Outcome::Wait(Pending::Keys(next)) => pending = next,
                #[cfg(feature = "tenants")]
                Outcome::Wait(Pending::Issuer(pending)) => {
                    return Box::pin(self.wait_for_issuer(pending, token, arrived)).await;
                }
                #[cfg(feature = "introspection")]
                Outcome::Wait(Pending::Answer(pending)) => return pending.verdict().await,
            }
        }
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.context.clock
    }

    pub(super) fn monotonic(&self) -> Instant {
        self.context.clock.monotonic()
    }

    /// The cache, and the token's fingerprint there. A token that is too long, or whose header no verified token had, cannot be
    /// cached, so it is not hashed.
    fn cache_for(&self, token: &str) -> Option<(&VerifiedTokens, Fingerprint)> {
        let may_be_cached = token.len() <= MAX_TOKEN_LENGTH && self.known_headers.may_be_cached(token);
        let cache = self.verified.as_deref().filter(|_| may_be_cached)?;
        Some((cache, cache.fingerprint(token)))
    }

    /// Checks what may have changed of a cached token. `None` if only a new validation tells.
    fn revalidate_cached(&self, entry: &Entry, now: Instant) -> Option<Result<(), TokenError>> {
        let Some(issuer) = self.issuers.get(entry.issuer) else { return self.revalidate_of_tenant(entry, now) };
        issuer.revalidate(&entry.validity, entry.evidence, self.moment(now))
    }

    /// Validates a token without the cache. `fingerprint` is the token's, if it has been computed already.
    fn validate_fresh(&self, token: &str, arrived: Instant, now: Instant, fingerprint: Option<Fingerprint>) -> Outcome {
        self.try_validate_fresh(token, arrived, now, fingerprint).unwrap_or_else(Outcome::from)
    }

    pub(super) fn try_validate_fresh(
        &self,
        text: &str,
        arrived: Instant,
        now: Instant,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Outcome, TokenError> {
        #[cfg(feature = "introspection")]
        if let Some((issuer, introspector)) = self.to_be_asked_about(text) {
            return Ok(issuer.introspect(introspector, text, self.moment(now), &self.context));
        }
        let mut scratch = Scratch::default();
        let token = UnverifiedToken::parse(text, &mut scratch, &self.known_headers)?;
        match self.issuers.of_token(&token) {
            Ok(issuer) => self.validate_with(issuer, token, text, arrived, now, fingerprint),
            Err(error) => self.validate_of_tenant(token, error, text, arrived, now, fingerprint),
        }
    }

    /// Validates a token with the rules and keys of its issuer.
    pub(super) fn validate_with(
        &self,
        issuer: &TrustedIssuer,
        token: UnverifiedToken<'_>,
        text: &str,
        arrived: Instant,
        now: Instant,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Outcome, TokenError> {
        let outcome = issuer.validate(token, arrived, self.moment(now), &self.context)?;
        if let (Some(cache), Outcome::Accepted(token, evidence)) = (&self.verified, &outcome) {
            let fingerprint = fingerprint.unwrap_or_else(|| cache.fingerprint(text));
            let (token, evidence) = (token.clone(), *evidence);
            let entry = Entry { validity: token.validity(), token, evidence, issuer: issuer.generation };
            cache.verified(fingerprint, entry);
        }
        Ok(outcome)
    }

    /// The issuer that is asked about a token, if there is one, and the token has the form of one (RFC 6750 §2.1).
    #[cfg(feature = "introspection")]
    pub(super) fn to_be_asked_about(&self, token: &str) -> Option<(&Arc<TrustedIssuer>, &Arc<Introspector>)> {
        let may_be_sent = self.issuers.have_opaque_tokens() && token.len() <= MAX_TOKEN_LENGTH;
        let may_be_sent = may_be_sent && is_b64token(token.as_bytes());
        if may_be_sent { self.issuers.to_be_asked_about(token) } else { None }
    }

    /// `monotonic`, which was just read, with the time of day. A token that is refused earlier does not read the time of day.
    pub(super) fn moment(&self, monotonic: Instant) -> Moment {
        Moment { monotonic, wall: self.context.clock.now() }
    }
}

/// Counts one validated token.
pub(super) fn count(verdict: &Result<AccessToken, VerifyError>) {
    match verdict {
        Ok(_) => metrics::accepted(),
        Err(error) => count_error(error),
    }
}

/// Counts one token that is not accepted.
pub(super) fn count_error(error: &VerifyError) {
    match error.reason() {
        Some(reason) => metrics::refused(reason),
        None => metrics::undecided(),
    }
}

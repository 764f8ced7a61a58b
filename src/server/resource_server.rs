use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Span;

use super::builder::{Builder, NeedsIssuer};
use super::claims_extension::ClaimsExtension;
use super::credentials::is_b64token;
use super::token_cache::{Entry, Fingerprint, TokenCache, TokenCacheStatus, VerifiedTokens};
use crate::challenge::Challenges;
use crate::clock::{Clock, Moment};
use crate::jose::{Scratch, SignatureError};
use crate::keys::{IssuerStatus, KeyStore, Lookup, PendingLookup, TokenTimes};
use crate::metadata::ResourceMetadata;
use crate::metrics;
use crate::rejection::RejectionKind;
use crate::token::{Candidate, Identities, Judge, MAX_TOKEN_LENGTH, Policy, ServerIdentity, TokenError};
use crate::{AccessToken, Rejection, Require, Scope};

/// The most that a request waits for a key, a little more than one fetch may take.
const MAX_WAIT: Duration = Duration::from_secs(6);
/// When to come back after that.
const RETRY_AFTER_WAITING: Duration = Duration::from_secs(5);
/// When to come back if the keys are being fetched, or if as many verifications were made as may be.
const SOON: Duration = Duration::from_secs(1);

/// A protected resource's half of OAuth 2.0 (RFC 6749 §1.1): it trusts some issuers, and judges their access tokens.
///
/// It is made once and shared: cloning it is cheap, and all clones share their keys.
///
/// ```
/// use tower_bearer::{Issuer, ResourceServer};
///
/// let api = ResourceServer::builder("https://api.example.com")
///     .trust(Issuer::discover("https://login.example.com")?)
///     .build()?;
/// # Ok::<(), tower_bearer::server::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ResourceServer(pub(super) Arc<Inner>);

pub(super) struct Inner {
    identity: ServerIdentity,
    pub(super) trusted: Vec<Trusted>,
    pub(super) clock: Arc<dyn Clock>,
    challenges: Challenges,
    claims: Option<ClaimsExtension>,
    metadata: Option<ResourceMetadata>,
    verified: Option<VerifiedTokens>,
}

/// One issuer: the rules for its tokens and its keys, so that no rule or key serves another's.
pub(super) struct Trusted {
    pub(super) policy: Policy,
    pub(super) keys: KeyStore,
}

impl ResourceServer {
    /// Starts building a server whose tokens carry `audience` in `aud`: its own identifier, by which issuers know it, such as
    /// the URL of its API (RFC 9068 §4, RFC 8707 §2).
    ///
    /// It has no default: a server that accepts tokens for anybody accepts those that were meant for somebody else.
    pub fn builder(audience: impl Into<String>) -> Builder<NeedsIssuer> {
        Builder::new(audience.into())
    }

    pub(super) fn new(
        trusted: Vec<Trusted>,
        clock: Arc<dyn Clock>,
        challenges: Challenges,
        claims: Option<ClaimsExtension>,
        metadata: Option<ResourceMetadata>,
        token_cache: &TokenCache,
    ) -> Self {
        let verified = VerifiedTokens::new(token_cache);
        let identity = ServerIdentity::next();
        Self(Arc::new(Inner { identity, trusted, clock, challenges, claims, metadata, verified }))
    }

    /// Judges a token outside of any HTTP request: one that came in a WebSocket message, or through a queue.
    ///
    /// It waits at most 6 seconds for the issuer's keys, and not at all if they are at hand. Dropping the future cancels
    /// nothing for others. It must be called within a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// Why the token is refused, or that nobody can tell.
    pub async fn verify(&self, token: &str) -> Result<AccessToken, VerifyError> {
        let verdict = self.verify_uncounted(token).await;
        count(&verdict);
        verdict
    }

    pub(super) async fn verify_uncounted(&self, token: &str) -> Result<AccessToken, VerifyError> {
        let arrived = self.0.clock.monotonic();
        match self.judge(token, arrived) {
            Judgement::Passed(verdict) => verdict,
            Judgement::Wait(pending) => self.wait_and_judge(pending, token, arrived).await,
        }
    }

    /// Judges a token with what is known now. If the issuer's keys have to be fetched first, the fetch is started, and the
    /// answer is [`VerifyError::KeysUnavailable`].
    ///
    /// # Errors
    ///
    /// Why the token is refused, or that nobody can tell.
    pub fn try_verify(&self, token: &str) -> Result<AccessToken, VerifyError> {
        let verdict = match self.judge(token, self.0.clock.monotonic()) {
            Judgement::Passed(verdict) => verdict,
            Judgement::Wait(_) => Err(VerifyError::KeysUnavailable { retry_after: SOON }),
        };
        count(&verdict);
        verdict
    }

    /// Waits until the keys of every issuer are at hand, however long that takes: for a process that wants to be asked only
    /// when it can answer. Put a timeout around it for one that would rather fail.
    ///
    /// Nobody has to call it. It must be called within a tokio runtime with I/O and time enabled.
    pub async fn ready(&self) {
        // Every fetch is started at the first look, so the issuers do not wait for one another.
        let _ = self.is_ready();
        for trusted in &self.0.trusted {
            trusted.keys.ready().await;
        }
    }

    /// Waits until the keys of one issuer are at hand, however long that takes: as [`ready`](Self::ready), for a process that does
    /// not want to wait for all of its issuers.
    ///
    /// # Errors
    ///
    /// At once if `issuer` is not the identifier of an issuer that this server trusts.
    pub async fn ready_for(&self, issuer: &str) -> Result<(), NotTrusted> {
        let (_, trusted) = self.trusted(issuer).map_err(|_| NotTrusted)?;
        trusted.keys.ready().await;
        Ok(())
    }

    /// Whether tokens of every issuer can be validated now: for a readiness probe. Cheap, and never waits.
    ///
    /// If keys are missing, it starts their fetch, as a request would: a process that gets no requests before it is ready becomes
    /// ready all the same. That needs a tokio runtime with I/O and time enabled.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        // Each is asked, so that all fetches are started.
        let missing = self.0.trusted.iter().filter(|trusted| !trusted.keys.is_ready());
        missing.count() == 0
    }

    /// How the keys of every issuer are, in the order in which they were trusted. Cheap, and never waits.
    ///
    /// If keys are missing, it starts their fetch, as [`is_ready`](Self::is_ready) does.
    #[must_use]
    pub fn status(&self) -> Vec<IssuerStatus> {
        let _ = self.is_ready();
        self.0.trusted.iter().map(|trusted| trusted.keys.status()).collect()
    }

    /// What is remembered of verified tokens, and how often that helped; `None` if nothing is to be. Cheap enough to ask for
    /// every second.
    #[must_use]
    pub fn token_cache_status(&self) -> Option<TokenCacheStatus> {
        self.0.verified.as_ref().map(VerifiedTokens::status)
    }

    /// The metadata document, if the server was built [with metadata](Builder::metadata).
    #[must_use]
    pub fn metadata(&self) -> Option<&ResourceMetadata> {
        self.0.metadata.as_ref()
    }

    /// Whether `token` satisfies `requirement` now: for a handler that can tell only late what it needs. A token that has
    /// expired since it came is refused with 401 `invalid_token`. What it returns is the response to send.
    ///
    /// The token must be one that this server, or a clone of it, has validated: another server may trust other issuers,
    /// expect another audience, or allow another leeway. Any other token is a mistake in the program: it is refused with 500
    /// whatever it grants, and the mistake is logged as an error. [`Require::check`] asks nothing but the requirement.
    ///
    /// ```
    /// # use tower_bearer::{AccessToken, Rejection, Require, ResourceServer};
    /// # struct Payment { amount: u64 }
    /// async fn pay(api: ResourceServer, token: AccessToken, payment: Payment) -> Result<String, Rejection> {
    ///     if payment.amount > 1000 {
    ///         api.check(&token, &Require::token().acr("urn:example:mfa"))?;
    ///     }
    ///     Ok("paid".to_owned())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The refusal: see [`Require`] for which.
    pub fn check(&self, token: &AccessToken, requirement: &Require) -> Result<(), Rejection> {
        if !token.was_validated_by(self.0.identity) {
            return Err(Rejection::token_of_another_server(token.issuer()));
        }
        requirement.check(token, self.0.clock.now()).map_err(|shortfall| {
            tracing::debug!(%shortfall, "request refused");
            Rejection::falls_short(self.0.challenges.falls_short(&shortfall), shortfall)
        })
    }

    /// Judges the token of a request. Why it is refused is told to the request's `span`.
    pub(crate) fn admit(&self, token: &str, span: &Span) -> Admission {
        let arrived = self.0.clock.monotonic();
        match self.judge(token, arrived) {
            Judgement::Passed(verdict) => match self.conclude(verdict, token, span) {
                Ok(token) => Admission::Granted(token),
                Err(rejection) => Admission::Refused(rejection),
            },
            Judgement::Wait(pending) => {
                let (server, token, span) = (self.clone(), Box::<str>::from(token), span.clone());
                Admission::Pending(Box::pin(async move {
                    let verdict = server.wait_and_judge(pending, &token, arrived).await;
                    server.conclude(verdict, &token, &span)
                }))
            }
        }
    }

    /// The refusal of a request without credentials, with the scope to ask for if that is known.
    pub(crate) fn no_credentials(&self, scope: Option<&Scope>) -> Rejection {
        tracing::debug!(error = "no credentials", "request refused");
        Rejection::new(RejectionKind::NoCredentials, self.0.challenges.no_credentials(scope))
    }

    pub(crate) fn invalid_request(&self) -> Rejection {
        Rejection::new(RejectionKind::InvalidRequest, self.0.challenges.invalid_request())
    }

    /// The moment of a monotonic time that was just read. What is refused without a look at the time of day does not read that.
    fn at(&self, monotonic: Instant) -> Moment {
        Moment { monotonic, wall: self.0.clock.now() }
    }

    pub(super) fn claims_extension(&self) -> Option<&ClaimsExtension> {
        self.0.claims.as_ref()
    }

    /// What the client is told of the verdict on its token, if it is a refusal.
    fn conclude(
        &self,
        verdict: Result<AccessToken, VerifyError>,
        token: &str,
        span: &Span,
    ) -> Result<AccessToken, Rejection> {
        count(&verdict);
        verdict.map_err(|error| {
            // First, so that the event has it too.
            if let VerifyError::Token(error) = &error {
                span.record("reason", error.reason());
            }
            tracing::debug!(%error, "request refused");
            match error {
                VerifyError::Token(error) => {
                    // RFC 6750 §2.1, §3.1: what is no b64token makes a malformed request rather than a bad token.
                    if error.concerns_spelling() && !is_b64token(token.as_bytes()) {
                        return self.invalid_request();
                    }
                    Rejection::new(RejectionKind::InvalidToken, self.0.challenges.invalid_token())
                }
                VerifyError::KeysUnavailable { retry_after } => Rejection::keys_unavailable(retry_after),
                VerifyError::TooManyRequests { retry_after } => Rejection::too_many_requests(retry_after),
            }
        })
    }

    async fn wait_and_judge(
        &self,
        mut pending: PendingLookup,
        token: &str,
        arrived: Instant,
    ) -> Result<AccessToken, VerifyError> {
        let verdict = async {
            loop {
                pending.news().await;
                // A moment ago the token was not one that is remembered, or its key was unavailable.
                match self.judge_anew(token, arrived, self.0.clock.monotonic(), None) {
                    Judgement::Passed(verdict) => return verdict,
                    Judgement::Wait(next) => pending = next,
                }
            }
        };
        let late = Err(VerifyError::KeysUnavailable { retry_after: RETRY_AFTER_WAITING });
        tokio::time::timeout(MAX_WAIT, verdict).await.unwrap_or(late)
    }

    /// Judges a token that arrives `now`.
    fn judge(&self, token: &str, now: Instant) -> Judgement {
        let anew = |fingerprint| self.judge_anew(token, now, now, fingerprint);
        let Some((cache, fingerprint)) = self.place(token) else { return anew(None) };
        let Some(entry) = cache.get(fingerprint) else { return anew(Some(fingerprint)) };
        match self.judge_again(&entry, now) {
            Some(Ok(())) => {
                cache.hit();
                Judgement::Passed(Ok(entry.token))
            }
            Some(Err(error)) => Judgement::Passed(Err(error.into())),
            None => {
                let judgement = anew(Some(fingerprint));
                if let Judgement::Passed(Err(VerifyError::Token(_))) = judgement {
                    cache.forget(fingerprint);
                }
                judgement
            }
        }
    }

    /// Where the token would be remembered. A token that is too long is not remembered, and is not hashed.
    fn place(&self, token: &str) -> Option<(&VerifiedTokens, Fingerprint)> {
        let may_be_there = token.len() <= MAX_TOKEN_LENGTH;
        let cache = self.0.verified.as_ref().filter(|_| may_be_there)?;
        Some((cache, cache.fingerprint(token)))
    }

    /// Judges a token that was good before by what may have changed since. `None` if its key is not in use any more, or nobody
    /// can tell.
    fn judge_again(
        &self,
        Entry { validity, key, issuer, token: _ }: &Entry,
        now: Instant,
    ) -> Option<Result<(), TokenError>> {
        let Trusted { policy, keys } = self.0.trusted.get(*issuer)?;
        let now = self.at(now);
        let verdict = validity.check(policy.leeway, now.wall.into());
        // The same order as at first: a token that has expired is bad, whatever its key.
        if verdict.is_err() || keys.still_holds(*key, now) { Some(verdict) } else { None }
    }

    /// Judges a token by all there is to it.
    fn judge_anew(&self, token: &str, arrived: Instant, now: Instant, fingerprint: Option<Fingerprint>) -> Judgement {
        match self.try_judge(token, arrived, now, fingerprint) {
            Ok(judgement) => judgement,
            Err(error) => Judgement::Passed(Err(VerifyError::Token(error))),
        }
    }

    /// `fingerprint` is the token's, if it was needed already.
    fn try_judge(
        &self,
        text: &str,
        arrived: Instant,
        now: Instant,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Judgement, TokenError> {
        let mut scratch = Scratch::default();
        let candidate = Candidate::parse(text, &mut scratch)?;
        let (issuer, trusted) = self.trusted(candidate.issuer()?)?;
        let Trusted { policy, keys: store } = trusted;
        let now = self.at(now);
        let plausible = candidate.check(policy, now.wall.into())?;
        let times = TokenTimes { arrived, issued: plausible.issued_at(), leeway: policy.leeway };
        let mut lookup = store.look_up(plausible.kid(), times, now);
        loop {
            let keys = match lookup {
                Lookup::Keys(keys) => keys,
                Lookup::Unknown => return Err(TokenError::UnknownKey { kid: plausible.kid().map(Into::into) }),
                Lookup::Wait(pending) => return Ok(Judgement::Wait(pending)),
                Lookup::Unavailable { retry_after } => return Ok(Judgement::unavailable(retry_after)),
                Lookup::Busy { retry_after } => return Ok(Judgement::too_many_requests(retry_after)),
            };
            let algorithm = plausible.algorithm();
            let verified = plausible.verify(&keys, || store.last_verified(algorithm), || store.try_another_key(now));
            let (verified, key) = match verified {
                Ok((verified, key)) => (verified, key.identity()),
                Err(SignatureError::NoBudget) => return Ok(Judgement::too_many_requests(SOON)),
                Err(SignatureError::NoKid { tried, fitting }) => {
                    // The keys have no names either, so it may be a new one that made the signature.
                    lookup = match store.look_beyond(&keys, times, now) {
                        Lookup::Unknown => return Err(TokenError::NoKid { tried, fitting }),
                        other => other,
                    };
                    continue;
                }
                Err(error @ (SignatureError::NoKey | SignatureError::Mismatch)) => {
                    store.on_signature_mismatch(now);
                    return Err(TokenError::of_signature(error, algorithm));
                }
            };
            if plausible.kid().is_none() {
                store.verified(algorithm, key);
            }
            let judge = Judge { server: self.0.identity, clock: Arc::clone(&self.0.clock), leeway: policy.leeway };
            let token = plausible.into_token(&verified, self.0.claims.map(|claims| claims.parse), judge)?;
            if let Some(cache) = &self.0.verified {
                let fingerprint = fingerprint.unwrap_or_else(|| cache.fingerprint(text));
                let entry = Entry { validity: token.validity(), token: token.clone(), key, issuer };
                cache.verified(fingerprint, entry);
            }
            return Ok(Judgement::Passed(Ok(token)));
        }
    }

    /// RFC 8725 §3.8: the issuer is one of those trusted, before anything is fetched.
    pub(super) fn trusted(&self, issuer: &str) -> Result<(usize, &Trusted), TokenError> {
        let find = |is: &dyn Fn(&Identities) -> bool| {
            let mut trusted = self.0.trusted.iter().enumerate();
            trusted.find(|(_, trusted)| is(&trusted.policy.issuer))
        };
        // A list of tenants stands for every tenant until the signature is verified, but for those that are trusted elsewhere.
        let trusted = find(&|identities| identities.contain(issuer));
        let trusted = trusted.or_else(|| find(&|identities| identities.may_contain(issuer)));
        trusted.ok_or_else(|| TokenError::Issuer { found: issuer.into() })
    }
}

/// One more token was judged.
fn count(verdict: &Result<AccessToken, VerifyError>) {
    match verdict {
        Ok(_) => metrics::accepted(),
        Err(VerifyError::Token(error)) => metrics::refused(error.reason()),
        Err(VerifyError::KeysUnavailable { .. } | VerifyError::TooManyRequests { .. }) => metrics::undecided(),
    }
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policies: Vec<_> = self.0.trusted.iter().map(|trusted| &trusted.policy).collect();
        f.debug_struct("ResourceServer").field("trusted", &policies).finish_non_exhaustive()
    }
}

/// What is known about a token so far.
enum Judgement {
    Passed(Result<AccessToken, VerifyError>),
    /// Judge again when this has news.
    Wait(PendingLookup),
}

impl Judgement {
    fn unavailable(retry_after: Duration) -> Self {
        Self::Passed(Err(VerifyError::KeysUnavailable { retry_after }))
    }

    fn too_many_requests(retry_after: Duration) -> Self {
        Self::Passed(Err(VerifyError::TooManyRequests { retry_after }))
    }
}

/// What is known about a request so far.
pub(crate) enum Admission {
    Granted(AccessToken),
    Refused(Rejection),
    Pending(Pending),
}

/// The verdict on a request whose key is being fetched.
pub(crate) type Pending = Pin<Box<dyn Future<Output = Result<AccessToken, Rejection>> + Send>>;

/// Why [`ResourceServer::verify`] hands out no [`AccessToken`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is bad.
    #[error("the token is refused: {0}")]
    Token(#[from] TokenError),
    /// The token may be good: without the issuer's keys nobody can tell.
    #[error("the issuer's keys are unavailable, try again in {retry_after:?}")]
    KeysUnavailable {
        /// When another attempt makes sense.
        retry_after: Duration,
    },
    /// The token may be good: a bound of this server is reached, on requests that wait for a key or on verifications for tokens
    /// that name no key.
    #[error("too many tokens wait for their key, try again in {retry_after:?}")]
    TooManyRequests {
        /// When another attempt makes sense.
        retry_after: Duration,
    },
}

/// The issuer is not one that the server trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server does not trust an issuer of this identifier")]
#[non_exhaustive]
pub struct NotTrusted;

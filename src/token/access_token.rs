use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::claims::{self, ClaimsError, ParseClaims, ParsedClaims};
use super::dialect::ClientClaim;
use super::error::TokenError;
use super::numeric_date::NumericDate;
use super::registered::RegisteredClaims;
use super::scope::Scope;
use super::text::Text;
use super::validity::Validity;
use crate::clock::Clock;
use crate::jose::{Strings, Verified};
use crate::redact::Excerpt;

/// How long [`AccessToken::expires`] sleeps without a look at the time of day.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// A validated access token: its existence is the proof.
///
/// Only validation makes one, so a handler that asks for it cannot run without one. It is a request extension and, with
/// the `axum` feature, an extractor. Cloning it is cheap. Its `Debug` form shows neither the token nor the subject.
#[derive(Clone)]
pub struct AccessToken(Arc<Inner>);

struct Inner {
    issuer: Text,
    subject: Text,
    client_id: Option<Text>,
    audience: Box<[Text]>,
    scope: Scope,
    id: Option<Text>,
    validity: Validity,
    acr: Option<Text>,
    auth_time: Option<NumericDate>,
    judge: Judge,
    payload: Box<[u8]>,
    parsed_claims: Option<ParsedClaims>,
}

/// Which server judged a token, and by whose time it was judged and will be again.
#[derive(Clone)]
pub(crate) struct Judge {
    pub(crate) server: ServerIdentity,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) leeway: Duration,
}

/// Which of all servers that were ever built in this process one is: a number that is never given twice.
///
/// It is no address, so that a server may keep its identity when everything else about it is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerIdentity(u64);

impl ServerIdentity {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Judge {
    /// Whether `date` is known, lies in the past, and is not older than `age`, give or take the leeway.
    fn finds_recent(&self, date: Option<NumericDate>, age: Duration, now: SystemTime) -> bool {
        let now = NumericDate::from(now);
        date.is_some_and(|date| date <= now.plus(self.leeway) && now <= date.plus(age).plus(self.leeway))
    }
}

impl AccessToken {
    pub(super) fn new(
        verified: &Verified<'_>,
        mut claims: RegisteredClaims<'_>,
        scope: Scope,
        validity: Validity,
        client_claim: ClientClaim,
        parse_claims: Option<ParseClaims>,
        judge: Judge,
    ) -> Result<Self, TokenError> {
        let missing = |claim| TokenError::Missing { claim };
        let payload = verified.payload();
        let kept = |text| Text::new(text, payload);
        let client = claims.take_client(client_claim);
        let audience = claims.aud.as_ref().and_then(Strings::as_slice).unwrap_or_default();
        Ok(Self(Arc::new(Inner {
            issuer: claims.iss.map(kept).ok_or(missing("iss"))?,
            subject: claims.sub.map(kept).ok_or(missing("sub"))?,
            client_id: client.map(kept),
            audience: audience.iter().cloned().map(kept).collect(),
            scope,
            id: claims.jti.map(kept),
            validity,
            acr: claims.acr.and_then(Strings::into_one).map(kept),
            auth_time: claims.auth_time,
            judge,
            parsed_claims: parse_claims.map(|parse| parse(payload)).transpose()?,
            payload: payload.into(),
        })))
    }

    /// Who issued the token (`iss`): one of the issuers that the server trusts.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.text(&self.0.issuer)
    }

    /// On whose behalf the client acts (`sub`), never empty. Unique within the [issuer](Self::issuer) only, and not
    /// necessarily a person: with the client-credentials grant it is the client itself (RFC 9068 §2.2, §6).
    #[must_use]
    pub fn subject(&self) -> &str {
        self.text(&self.0.subject)
    }

    /// The client that the token was issued to: `client_id` (RFC 9068 §2.2), or `azp`, or what else the issuer's
    /// [preset](crate::Issuer#presets) says that it writes instead.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_ref().map(|client_id| self.text(client_id))
    }

    /// Whom the token is for (`aud`): this server, and possibly others. Nobody at all only if the issuer is one that names
    /// its [clients instead](crate::Issuer::clients_instead_of_audience).
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.0.audience.iter().map(|audience| self.text(audience))
    }

    /// What the token grants.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// When the token ends (`exp`), the leeway not counted.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.0.validity.exp.into()
    }

    /// When the token was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.0.validity.iat.map(Into::into)
    }

    /// Ends when the token does: at [`expires_at`](Self::expires_at) plus the server's leeway, by its clock. What outlives the
    /// request, such as a WebSocket or a stream of events, ends with it:
    ///
    /// ```
    /// # use tower_bearer::AccessToken;
    /// # async fn next_message() -> Option<String> { None }
    /// # async fn handle(message: String) {}
    /// async fn converse(token: AccessToken) {
    ///     let mut expired = std::pin::pin!(token.expires());
    ///     loop {
    ///         tokio::select! {
    ///             () = &mut expired => break,
    ///             message = next_message() => match message {
    ///                 Some(message) => handle(message).await,
    ///                 None => break,
    ///             },
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// It must be polled within a tokio runtime with time enabled. It holds on to nothing but the token.
    pub fn expires(&self) -> impl Future<Output = ()> + Send + use<> {
        let token = self.clone();
        async move {
            loop {
                let left = token.end().seconds() - NumericDate::from(token.0.judge.clock.now()).seconds();
                if left <= 0.0 {
                    return;
                }
                // The time of day may jump, and timers do not notice.
                tokio::time::sleep(Duration::from_secs_f64(left.min(LONGEST_SLEEP.as_secs_f64()))).await;
            }
        }
    }

    /// How the user was authenticated when the token was issued (`acr`): an authentication context class, to be compared
    /// as a whole (RFC 9068 §2.2.1). `None` also where it is no string.
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.0.acr.as_ref().map(|acr| self.text(acr))
    }

    /// When the user was last authenticated (`auth_time`, RFC 9068 §2.2.1). `None` also where it is no number.
    #[must_use]
    pub fn auth_time(&self) -> Option<SystemTime> {
        self.0.auth_time.map(Into::into)
    }

    /// The token's own identifier (`jti`), unique within the [issuer](Self::issuer).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_ref().map(|id| self.text(id))
    }

    /// All claims as a `T`, parsed at every call. [`Claims`](crate::Claims) is parsed once, and refuses at the edge.
    ///
    /// The payload was read strictly before: no object in it has a name twice, and at most 32 levels nest. That holds for
    /// every `T` that takes the claims as they stand, `serde_json::Value` and maps included. It does not hold for JSON in a
    /// text, where a `T` parses one as a second document.
    ///
    /// # Errors
    ///
    /// When the claims are no `T`.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, ClaimsError> {
        claims::read(&self.0.payload)
    }

    /// The claims as they were signed: a JSON object without a name twice.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    /// Whether it was this server that validated the token.
    pub(crate) fn was_validated_by(&self, server: ServerIdentity) -> bool {
        self.0.judge.server == server
    }

    /// RFC 7519 §4.1.4, as when the token was validated.
    pub(crate) fn has_expired(&self, now: SystemTime) -> bool {
        NumericDate::from(now) >= self.end()
    }

    /// `exp` and the leeway.
    fn end(&self) -> NumericDate {
        self.0.validity.exp.plus(self.0.judge.leeway)
    }

    /// Whether the user was authenticated at most `age` ago.
    pub(crate) fn was_authenticated_within(&self, age: Duration, now: SystemTime) -> bool {
        self.0.judge.finds_recent(self.0.auth_time, age, now)
    }

    /// Whether the token was issued at most `age` ago.
    pub(crate) fn was_issued_within(&self, age: Duration, now: SystemTime) -> bool {
        self.0.judge.finds_recent(self.0.validity.iat, age, now)
    }

    /// What of the token depends on the time.
    pub(crate) fn validity(&self) -> Validity {
        self.0.validity
    }

    /// About how many bytes of memory the token and its clones take together. What the application's own claims hold on to is
    /// taken to be as much as they were parsed from.
    pub(crate) fn footprint(&self) -> usize {
        let Inner { issuer, subject, client_id, audience, scope, id, acr, payload, parsed_claims, .. } = &*self.0;
        let texts = [Some(issuer), Some(subject), client_id.as_ref(), id.as_ref(), acr.as_ref()];
        let texts: usize = texts.into_iter().flatten().chain(audience).map(Text::apart).sum();
        let parsed = parsed_claims.as_ref().map_or(0, |parsed| size_of_val(&**parsed) + payload.len());
        size_of::<Inner>() + size_of_val(&**audience) + texts + scope.as_str().len() + payload.len() + parsed
    }

    fn text<'a>(&'a self, text: &'a Text) -> &'a str {
        text.get(&self.0.payload)
    }

    /// A token that was not validated, for unit tests.
    #[cfg(test)]
    pub(crate) fn of_payload(payload: &str, end: SystemTime) -> Self {
        let clock = Arc::new(crate::clock::SystemClock);
        let judge = Judge { server: ServerIdentity::next(), clock, leeway: Duration::ZERO };
        Self(Arc::new(Inner {
            issuer: Text::Apart("".into()),
            subject: Text::Apart("".into()),
            client_id: None,
            audience: Box::default(),
            scope: Scope::none(),
            id: None,
            validity: Validity { exp: end.into(), nbf: None, iat: None },
            acr: None,
            auth_time: None,
            judge,
            payload: payload.as_bytes().into(),
            parsed_claims: None,
        }))
    }

    pub(crate) fn parsed_claims(&self) -> Option<&ParsedClaims> {
        self.0.parsed_claims.as_ref()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("issuer", &Excerpt::from(self.issuer()))
            .field("client_id", &self.client_id().map(Excerpt::from))
            .field("scope", &Excerpt::from(self.scope().as_str()))
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}

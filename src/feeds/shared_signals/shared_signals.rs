use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::bearer_token::BearerToken;
use super::matching::Matching;
use super::receiver::{Inner, SharedSignalsReceiver};
use super::resolver::Resolver;
use super::unmatched_subject::UnmatchedSubject;
use crate::Issuer;
use crate::feeds::feed_issuer::FeedIssuer;
use crate::feeds::inbox::Inbox;
use crate::feeds::invalid_feed::InvalidFeed;
use crate::issuer::ConfigError;
use crate::revocation::{FeedKind, FeedSettings, Revocation, Revocations};
use crate::server::check_audience;

/// Receives the security events that a transmitter pushes, and revokes tokens accordingly (Shared Signals Framework 1.0, RFC 8417,
/// RFC 8935).
///
/// | event | effect |
/// |---|---|
/// | CAEP `session-revoked`, `token-claims-change`, `assurance-level-change`, and `credential-change` unless a credential was created | the subject's tokens that were issued up to the time of the event are refused; a session's tokens are refused for good |
/// | RISC `account-disabled`, `account-purged`, `sessions-revoked` | the same |
/// | `verification` | [`FeedStatus::verification_state`](crate::revocation::FeedStatus::verification_state) |
/// | `stream-updated` | [`FeedStatus::stream_state`](crate::revocation::FeedStatus::stream_state) |
/// | any other | none, and the transmitter gets 202 |
///
/// The time of an event is its `event_timestamp`, in seconds or in milliseconds (as Okta writes it), otherwise `toe`, otherwise `iat`. A time in the
/// future is treated as now.
///
/// # Subjects
///
/// The subject is `sub_id`, or else the event's `subject`, as in earlier drafts.
///
/// | subject (RFC 9493, SSF 1.0 §3) | what is revoked |
/// |---|---|
/// | `iss_sub` | the [subject](Revocation::subject) of that issuer, if the feed [speaks for the issuer](Self::subjects_of) |
/// | `account`, `uri`, `did` | the subject of the transmitter's issuer that has this text as its `sub` |
/// | `opaque` | the same, and the [session](Revocation::session) of the transmitter's issuer that has this text as its `sid`: transmitters use it for both |
/// | `jwt_id` | the [token](Revocation::token) |
/// | `aliases` | each alias |
/// | `complex` with `user` and `session` | the [session of that user](Revocation::session_of); the `id` of an `opaque` session is the `sid` |
/// | … whose session is the text `ALL`, which is how Keycloak denotes all sessions of a user | the user |
/// | … with `session` | the [session](Revocation::session) of the transmitter's issuer |
/// | … with `user` in any other case, also together with members such as `device` or `tenant` | the user |
/// | … with neither `user` nor `session` | nothing: it is counted as unmatched |
/// | `email`, `phone_number`, `saml_assertion_id`, any other | what [`resolve_subjects`](Self::resolve_subjects) returns; otherwise it is counted as unmatched |
///
/// # Answers
///
/// | status | when |
/// |---|---|
/// | 202 | all revocations have been made and stored, or there are none |
/// | 400 with JSON (RFC 8935 §2.4) | the message is bad: `invalid_request`, `invalid_key`, `invalid_issuer`, `invalid_audience` or `authentication_failed` |
/// | 405, 408, 413 | the request is not a POST; its body took longer than 10 seconds; its body has more than 64 KiB |
/// | 429 with `Retry-After` | 64 messages are already being handled, 256 other bodies have begun to arrive since this one did, or too many keys were tried or requested |
/// | 503 with `Retry-After` | the transmitter's keys, the store or `resolve_subjects` are unavailable, or the table of revocations is full |
#[derive(Clone)]
#[must_use = "`receiver` makes the service"]
pub struct SharedSignals {
    issuer: Issuer,
    audience: String,
    bearer_token: Result<Option<BearerToken>, InvalidFeed>,
    other_issuers: Vec<Box<str>>,
    default_issuer: Option<Box<str>>,
    critical: Vec<Box<str>>,
    accepts_any_jwt_type: bool,
    resolver: Option<Resolver>,
    silent_after: Option<Duration>,
    refuse_when_stale: Option<Duration>,
}

impl SharedSignals {
    /// Accepts events from this issuer for this audience.
    ///
    /// `issuer` has the transmitter's identifier, which is the `iss` of its events, and the transmitter's keys. If the metadata at
    /// `/.well-known/ssf-configuration` names other keys than the OpenID provider's, use [`Issuer::jwks`]. The issuer's rules for access tokens do
    /// not apply.
    ///
    /// `audience` is the `aud` of the stream.
    pub fn from_issuer(issuer: Issuer, audience: impl Into<String>) -> Self {
        Self {
            issuer,
            audience: audience.into(),
            bearer_token: Ok(None),
            other_issuers: Vec::new(),
            default_issuer: None,
            critical: Vec::new(),
            accepts_any_jwt_type: false,
            resolver: None,
            silent_after: None,
            refuse_when_stale: None,
        }
    }

    /// Accepts messages only with this bearer token in `Authorization`. In the configuration of the stream, it is usually called
    /// `authorization_header` (`Bearer …`).
    ///
    /// It is compared in constant time before anything is read. It does not replace the signature.
    ///
    /// Default: none, so strangers can make this server read and verify messages, within the limits of the feed.
    pub fn bearer_token(self, token: impl AsRef<str>) -> Self {
        Self { bearer_token: BearerToken::new(token.as_ref()).map(Some).ok_or(InvalidFeed::BearerToken), ..self }
    }

    /// Lets the transmitter also speak for subjects and tokens of this issuer, as in `{"format": "iss_sub", "iss": …}`. Call it again to add more
    /// issuers.
    ///
    /// Default: it speaks only for its own. Events about those of other issuers are acknowledged and counted, but change nothing.
    pub fn subjects_of(mut self, issuer: impl Into<String>) -> Self {
        self.other_issuers.push(issuer.into().into());
        self
    }

    /// Attributes subjects and sessions without an issuer, as in `{"format": "opaque", "id": …}`, to this issuer, and lets the transmitter speak for
    /// it. Use this for a transmitter whose identifier is not the `iss` of the access tokens, such as authentik.
    ///
    /// Default: they belong to the transmitter itself.
    pub fn subjects_without_issuer_of(self, issuer: impl Into<String>) -> Self {
        Self { default_issuer: Some(issuer.into().into()), ..self }
    }

    /// Sets the `critical_subject_members` of the transmitter's metadata: the members of complex subjects that a receiver must understand to
    /// interpret an event.
    ///
    /// This receiver understands `user`, and `session` where its `format` is `opaque`. An event with another member of this list is
    /// acknowledged and discarded (SSF 1.0 §3.6).
    ///
    /// Default: none.
    pub fn critical_subject_members(self, members: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { critical: members.into_iter().map(|member| member.into().into()).collect(), ..self }
    }

    /// Accepts events without a `typ`, or with `JWT`: for authentik and other transmitters that write no specific type.
    ///
    /// An access token or an ID token of the same issuer still does not pass for an event, because it has an `exp` and no `events`.
    ///
    /// Default: `typ` has to be `secevent+jwt` (RFC 8417 §2.3, SSF 1.0 §4.1.1).
    pub fn accept_any_jwt_type(self) -> Self {
        Self { accepts_any_jwt_type: true, ..self }
    }

    /// Sets a callback for subjects that cannot be compared with tokens, such as email addresses. It returns the revocations to make, or none. If it
    /// fails, or does not answer within 10 seconds, the transmitter gets 503 and sends the event again.
    ///
    /// It is called only for events that revoke tokens, in a verified message, and not for subjects of issuers that the feed does not speak for.
    /// It may be called more than once for an event, and may revoke tokens of any issuer.
    ///
    /// ```
    /// use tower_bearer::feeds::{SharedSignals, UnmatchedSubject};
    /// use tower_bearer::revocation::Revocation;
    /// # use tower_bearer::Issuer;
    ///
    /// # async fn user_id(_: &str) -> Result<Option<String>, std::io::Error> { Ok(None) }
    /// # let issuer = Issuer::discover("https://login.example.com")?;
    /// let signals = SharedSignals::from_issuer(issuer, "https://api.example.com/ssf").resolve_subjects(
    ///     |subject: UnmatchedSubject| async move {
    ///         let Some(email) = subject.text("email") else { return Ok(None) };
    ///         let user = user_id(email).await?; // your database
    ///         Ok::<_, std::io::Error>(user.map(|user| Revocation::subject(subject.issuer(), &user)))
    ///     },
    /// );
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// Default: such events are acknowledged and counted as unmatched, but change nothing.
    pub fn resolve_subjects<F, Fut, R, E>(self, resolve: F) -> Self
    where
        F: Fn(UnmatchedSubject) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoIterator<Item = Revocation>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self { resolver: Some(Resolver::new(resolve)), ..self }
    }

    /// Shows the feed as [stale](crate::revocation::FeedStatus::is_stale), in its status and in metrics, if the transmitter has been silent for
    /// longer than this. Request verification events from the transmitter at least that often. An event whose `iat` is older than this is acted
    /// on, but does not end the silence.
    ///
    /// Default: it may be silent.
    pub fn expect_events_within(self, silence: Duration) -> Self {
        Self { silent_after: Some(silence), ..self }
    }

    /// Refuses all tokens with 503 and `Retry-After`, at every server with these revocations, if the transmitter has been silent for longer than
    /// this.
    ///
    /// This turns an outage of the transmitter into an outage of the service. The time starts when the first receiver is created.
    ///
    /// Default: tokens are accepted.
    pub fn refuse_when_stale(self, silence: Duration) -> Self {
        Self { refuse_when_stale: Some(silence), ..self }
    }

    /// Returns the service to mount at a route, for example with `Router::route_service`. It needs no layer, and its route must not be behind one
    /// that requires an access token. It needs a tokio runtime. Nothing is fetched before the first message arrives.
    ///
    /// If you call this again for the same issuer and audience, the feed has one status for all receivers, and the limits of silence that were set
    /// last apply.
    ///
    /// # Errors
    ///
    /// If a setting is not acceptable: see [`InvalidFeed`].
    pub fn receiver(self, revocations: &Revocations) -> Result<SharedSignalsReceiver, InvalidFeed> {
        let issuer = FeedIssuer::new(&self.issuer, revocations.shared_clock())?;
        check_audience(&self.audience)?;
        for other in self.other_issuers.iter().chain(&self.default_issuer) {
            ConfigError::check_issuer(other)?;
        }
        let bearer_token = self.bearer_token?;
        for value in [self.silent_after, self.refuse_when_stale].into_iter().flatten() {
            if value.is_zero() {
                return Err(InvalidFeed::Silence { value });
            }
        }
        let settings = FeedSettings {
            kind: FeedKind::SharedSignals,
            issuer: Some(issuer.name.clone()),
            audience: Some(self.audience.clone().into()),
            silent_after: self.silent_after,
            refuse_when_stale: self.refuse_when_stale,
        };
        let mut other_issuers = self.other_issuers;
        other_issuers.push(issuer.name.clone());
        let default_issuer = self.default_issuer.unwrap_or_else(|| issuer.name.clone());
        let matching = Matching { issuer: default_issuer, other_issuers, critical: self.critical };
        Ok(SharedSignalsReceiver::new(Inner {
            issuer,
            audience: self.audience.into(),
            accepts_any_jwt_type: self.accepts_any_jwt_type,
            bearer_token,
            matching,
            resolver: self.resolver,
            revocations: revocations.clone(),
            feed: revocations.add_feed(settings),
            inbox: Inbox::default(),
        }))
    }
}

impl fmt::Debug for SharedSignals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSignals")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("has_bearer_token", &!matches!(self.bearer_token, Ok(None)))
            .field("subjects_of", &self.other_issuers)
            .finish_non_exhaustive()
    }
}

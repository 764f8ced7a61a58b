use std::ops::RangeInclusive;
use std::time::Duration;

use super::client_authentication::ClientAuthentication;
use super::endpoint::Endpoint;
use super::invalid_introspection::InvalidIntrospection;
use crate::keys::{Encryption, InvalidTimeouts, UrlError};

/// How many requests may be on their way at once.
const CONCURRENT_REQUESTS_RANGE: RangeInclusive<usize> = 1..=1024;
/// How long an answer may count at most.
const MAX_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// How long an answer counts by default.
const LIFETIME: Duration = Duration::from_secs(60);
/// The memory for answers by default.
const MEMORY: u64 = 16 * 1024 * 1024;
/// How many requests may be on their way at once by default.
const CONCURRENT_REQUESTS: usize = 32;

/// How the opaque tokens of an issuer are introspected (RFC 7662): where, as which client, and for how long an answer counts.
///
/// [`Issuer::introspection`](crate::Issuer::introspection) makes one with all defaults. For other settings, make one and give it to
/// [`Issuer::introspect`](crate::Issuer::introspect):
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::Issuer;
/// use tower_bearer::introspection::{ClientAuthentication, Introspection, Secret};
///
/// let api = ClientAuthentication::client_secret_basic("shop-api", Secret::new("correct horse battery staple")?)?;
/// let introspection = Introspection::discover("https://login.example.com", api)?.lifetime(Duration::from_secs(10));
/// let issuer = Issuer::discover("https://login.example.com")?.introspect(introspection);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Which tokens are introspected
///
/// A token without the form of a JWT, and a JWT whose `iss` names this issuer. A JWT of another issuer never is, however its validation
/// ends: no token is sent to anybody but its issuer. If several issuers are introspected, each of them but one needs a
/// [prefix](Self::token_prefix).
///
/// # How often the issuer is asked
///
/// Once for each token and [lifetime](Self::lifetime), however many requests have the token at once. A request may go away without ending
/// that of the others. At most 1,024 tokens wait for the endpoint, and requests with further tokens get 429. A quarter of these places, and of
/// the [requests](Self::concurrent_requests) that may be on their way, is kept for tokens that were active within the last 10 minutes, so
/// that a flood of junk does not refuse them when their answers end.
///
/// If at least half of 20 and more requests within 10 seconds find that the endpoint cannot be reached, answers late, refuses this server, or
/// answers 429, 502, 503 or 504, it is not asked for 5 seconds. Requests with new tokens then get 503 with `Retry-After`. A 500 for one odd token is not among
/// these.
#[derive(Debug)]
#[must_use = "give it to an issuer with `introspect`"]
pub struct Introspection {
    pub(crate) endpoint: Endpoint,
    pub(crate) lifetime: Duration,
    pub(crate) memory: u64,
    pub(crate) concurrent_requests: usize,
    pub(crate) audience: AbsentAudience,
    pub(crate) prefixes: Vec<Box<str>>,
    pub(crate) answers: Answers,
}

/// What an answer without `aud` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AbsentAudience {
    /// Nothing: the token may be for another server.
    Refused,
    /// That the issuer has checked it.
    CheckedByIssuer,
}

/// In which form answers come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    Plain,
    /// RFC 9701.
    Signed,
}

impl Introspection {
    /// Asks at the `introspection_endpoint` of the issuer's metadata (RFC 8414 §2), which is looked for as that of its keys is.
    ///
    /// # Errors
    ///
    /// If `issuer` is not an https URL without query and fragment. Plain http is for this machine, or for an issuer that
    /// [allows it](crate::Issuer::insecure_http).
    pub fn discover(issuer: &str, authentication: ClientAuthentication) -> Result<Self, UrlError> {
        Endpoint::discovered(issuer, authentication, Encryption::Optional).map(Self::new)
    }

    /// Asks at this endpoint of the issuer with the identifier `issuer`.
    ///
    /// # Errors
    ///
    /// If `endpoint` is not an https URL. Plain http is for this machine, or for an issuer that
    /// [allows it](crate::Issuer::insecure_http).
    pub fn at(endpoint: &str, issuer: &str, authentication: ClientAuthentication) -> Result<Self, UrlError> {
        Endpoint::at(endpoint, issuer, authentication, Encryption::Optional).map(Self::new)
    }

    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            lifetime: LIFETIME,
            memory: MEMORY,
            concurrent_requests: CONCURRENT_REQUESTS,
            audience: AbsentAudience::Refused,
            prefixes: Vec::new(),
            answers: Answers::Plain,
        }
    }

    /// Sets how long an answer counts, from when the issuer was asked: at most 10 minutes. Use does not prolong it.
    ///
    /// A token that is revoked is accepted for as long, at most. Every answer also ends with the token's `exp`, whatever this is. With zero no
    /// answer about an active token is kept: a request shares the answer to a question that is not sent yet, and gets none from before it
    /// began. A refused token is remembered for 5 seconds, and one about which a question failed for 1 second.
    ///
    /// Default: 60 seconds, the time in which a busy client sends many requests, and an operator who revokes a token does not notice.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets how much memory the answers about active tokens may take, in bytes. Beyond it, those that are used least are dropped.
    ///
    /// Default: 16 MiB, about 10,000 tokens.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets how many requests to the endpoint may be on their way at once: 1 to 1,024.
    ///
    /// Default: 32, which is 320 new tokens a second if the endpoint takes 100 ms.
    pub fn concurrent_requests(mut self, at_once: usize) -> Self {
        self.concurrent_requests = at_once;
        self
    }

    /// Accepts answers without `aud`: the issuer answers this client only about tokens that are for it (RFC 7662 §4).
    ///
    /// Turn it on only if that is so. Otherwise a token for another API of the issuer is accepted here. An `aud` that is there has to name this
    /// server all the same. Without an `aud`, the answer has to say that the token is an access token, by `token_type`, `token_use` or `typ`:
    /// some issuers say nothing of the kind about a refresh token.
    ///
    /// Look also at what the issuer answers about a refresh token. Where that has neither an `aud` nor a type, as with oidc-provider by
    /// default, a refresh token is an access token then. The issuer has to leave it out of its answers.
    ///
    /// Default: an answer without `aud` is refused.
    pub fn audience_checked_by_issuer(mut self) -> Self {
        self.audience = AbsentAudience::CheckedByIssuer;
        self
    }

    /// Introspects only opaque tokens that begin like this, such as `ory_at_`. Called again, it adds another. JWTs that name the issuer are
    /// introspected whatever they begin with.
    ///
    /// Default: every token without the form of a JWT that begins like no other issuer's.
    pub fn token_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefixes.push(prefix.into().into());
        self
    }

    /// Whether both ask in the same way, and treat the answers alike.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let Self { endpoint, lifetime, memory, concurrent_requests, audience, prefixes, answers } = self;
        endpoint.is_like(&other.endpoint)
            && (*lifetime, *memory, *concurrent_requests) == (other.lifetime, other.memory, other.concurrent_requests)
            && (*audience, prefixes, *answers) == (other.audience, &other.prefixes, other.answers)
    }

    /// What is not acceptable about the settings. Prefixes are another matter.
    pub(crate) fn check(&self) -> Vec<InvalidIntrospection> {
        let lifetime =
            (self.lifetime > MAX_LIFETIME).then_some(InvalidIntrospection::Lifetime { value: self.lifetime });
        let value = self.concurrent_requests;
        let is_possible = CONCURRENT_REQUESTS_RANGE.contains(&value);
        let requests = (!is_possible).then_some(InvalidIntrospection::ConcurrentRequests { value });
        let no_certificate = self.endpoint.lacks_client().then_some(InvalidIntrospection::NoCertificate);
        [lifetime, requests, no_certificate].into_iter().flatten().collect()
    }

    /// Whether it is clear which of two issuers a token is from. A prefix that is empty is not considered.
    pub(crate) fn check_beside(&self, other: &Self) -> Result<(), InvalidIntrospection> {
        let begin_alike = |one: &str, other: &str| one.starts_with(other) || other.starts_with(one);
        let is_of_other = |prefix: &str| other.prefixes.iter().any(|other| begin_alike(prefix, other));
        let ambiguous = match (self.prefixes.is_empty(), other.prefixes.is_empty()) {
            (true, true) => Some(""),
            _ => self.prefixes.iter().map(|prefix| &**prefix).find(|prefix| !prefix.is_empty() && is_of_other(prefix)),
        };
        ambiguous.map_or(Ok(()), |prefix| Err(InvalidIntrospection::AmbiguousPrefix { prefix: prefix.into() }))
    }

    /// Asks for signed answers (RFC 9701), and accepts no others. A key of the issuer has to have signed them.
    ///
    /// A signature shows later that the issuer has given this answer. It does not say for which token, so TLS is needed all the same.
    ///
    /// Default: plain answers, which TLS protects.
    pub fn signed_answers(self) -> Self {
        Self { answers: Answers::Signed, endpoint: self.endpoint.signed_answers(), ..self }
    }

    /// Asks with this client: with a certificate of this server (RFC 8705), a private root certificate, or through a proxy.
    ///
    /// It should follow no redirects. The limits on time and size stay.
    ///
    /// Default: a client with rustls and the system's root certificates, which follows no redirects.
    pub fn client(self, client: reqwest::Client) -> Self {
        Self { endpoint: self.endpoint.client(client), ..self }
    }

    /// Sets how long connecting may take, and how long one request may take in all, metadata included. Requests wait for at most 6
    /// seconds.
    ///
    /// Default: 2 seconds to connect, and 5 seconds in all.
    ///
    /// # Errors
    ///
    /// If one of them is out of its range, which is that of [`RemoteKeys::timeouts`](crate::keys::RemoteKeys::timeouts).
    pub fn timeouts(self, connect: Duration, total: Duration) -> Result<Self, InvalidTimeouts> {
        Ok(Self { endpoint: self.endpoint.timeouts(connect, total)?, ..self })
    }
}

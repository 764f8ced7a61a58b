use std::ops::RangeInclusive;
use std::time::Duration;

use super::client_authentication::ClientAuthentication;
use super::endpoint::Endpoint;
use super::invalid_introspection::InvalidIntrospection;
use crate::keys::{Encryption, InvalidTimeouts, UrlError};

/// How many requests may be in flight at once.
const CONCURRENT_REQUESTS_RANGE: RangeInclusive<usize> = 1..=1024;
/// How long an answer may count at most.
const MAX_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// How long an answer is used by default.
const LIFETIME: Duration = Duration::from_secs(60);
/// The memory for answers by default.
const MEMORY: u64 = 16 * 1024 * 1024;
/// How many requests may be in flight at once by default.
const CONCURRENT_REQUESTS: usize = 32;

/// How the opaque tokens of an issuer are introspected (RFC 7662): where, as which client, and for how long an answer is used.
///
/// [`Issuer::introspection`](crate::Issuer::introspection) uses the defaults. For other settings, create one and pass it to
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
/// Tokens that do not have the form of a JWT, and JWTs whose `iss` names this issuer. A JWT of another issuer is never introspected here, whether or
/// not it is valid: a token is sent only to its issuer. If several issuers are introspected, all but one need a [prefix](Self::token_prefix).
///
/// # How often the issuer is asked
///
/// Once per token and [lifetime](Self::lifetime), however many requests have the token at once. If one request is cancelled, the others still get the
/// answer. At most 1,024 tokens wait for the endpoint, and requests with further tokens get 429. A quarter of these places, and of the [concurrent
/// requests](Self::concurrent_requests), is reserved for tokens that were active within the last 10 minutes, so that a flood of junk does not cause
/// them to be refused when their answers expire.
///
/// If there are at least 20 requests within 10 seconds, and at least half of them fail, nothing is sent to the endpoint for 5 seconds, and requests
/// with new tokens get 503 with `Retry-After`. A request fails in this sense if the endpoint cannot be reached, is too slow, refuses this server, or
/// answers 429, 502, 503 or 504. A 500, which may be about a single odd token, is not a failure.
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
    /// The answer is refused: the token may be for another server.
    Refused,
    /// The issuer has checked it.
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
    /// Asks the `introspection_endpoint` in the issuer's metadata (RFC 8414 §2), which is found in the same way as for the issuer's keys.
    ///
    /// # Errors
    ///
    /// If `issuer` is not an https URL without a query or a fragment. Plain http is allowed only for this machine, or for an issuer that [allows
    /// it](crate::Issuer::insecure_http).
    pub fn discover(issuer: &str, authentication: ClientAuthentication) -> Result<Self, UrlError> {
        Endpoint::discovered(issuer, authentication, Encryption::Optional).map(Self::new)
    }

    /// Asks the endpoint at this URL, for the issuer with the identifier `issuer`.
    ///
    /// # Errors
    ///
    /// If `endpoint` is not an https URL. Plain http is allowed only for this machine, or for an issuer that [allows
    /// it](crate::Issuer::insecure_http).
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

    /// Sets how long an answer is used, counted from the request to the issuer: at most 10 minutes. Use does not extend it.
    ///
    /// A revoked token is accepted for at most this long. An answer is never used beyond the token's `exp`. With zero, no answer about an active
    /// token is kept: concurrent requests may share an introspection request that has not been sent yet, but no request gets an answer from before
    /// it began. A refused token is remembered for 5 seconds, and a failed introspection for 1 second.
    ///
    /// Default: 60 seconds: long enough to serve many requests of a busy client, and short enough for an operator who revokes a token.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets how much memory the answers about active tokens may take, in bytes. Beyond that, the least used answers are dropped.
    ///
    /// Default: 16 MiB, about 10,000 tokens.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets how many requests to the endpoint may be in flight at once: 1 to 1,024.
    ///
    /// Default: 32, which is 320 new tokens a second if the endpoint takes 100 ms.
    pub fn concurrent_requests(mut self, at_once: usize) -> Self {
        self.concurrent_requests = at_once;
        self
    }

    /// Accepts answers without `aud`, because the issuer answers this client only about tokens that are meant for it (RFC 7662 §4).
    ///
    /// Turn this on only if that is true; otherwise, tokens for the issuer's other APIs are accepted here. If an answer has an `aud`, it must still
    /// name this server. If it has none, it must say that the token is an access token, with `token_type`, `token_use` or `typ`, because some
    /// issuers also answer without `aud` about a refresh token, but without these members.
    ///
    /// As a test, introspect a refresh token too. If the answer looks like one for an access token, refresh tokens are accepted here, unless
    /// a [prefix](Self::token_prefix) excludes them.
    ///
    /// Default: an answer without `aud` is refused.
    pub fn audience_checked_by_issuer(mut self) -> Self {
        self.audience = AbsentAudience::CheckedByIssuer;
        self
    }

    /// Introspects only opaque tokens that start with this prefix, such as `ory_at_`. Call it again to add others. JWTs that name the issuer are
    /// introspected whatever they start with.
    ///
    /// Default: every token that does not have the form of a JWT, unless it starts with a prefix of another issuer.
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

    /// Asks for signed answers (RFC 9701), and accepts no others. They must be signed with a key of the issuer.
    ///
    /// With the signature, you can prove later that the issuer gave this answer. It does not say for which token, so TLS is still needed.
    ///
    /// Default: plain answers, which TLS protects.
    pub fn signed_answers(self) -> Self {
        Self { answers: Answers::Signed, endpoint: self.endpoint.signed_answers(), ..self }
    }

    /// Sets the HTTP client to ask with, for example with a certificate of this server (RFC 8705), a private root certificate, or a proxy.
    ///
    /// It should not follow redirects. The limits on time and size still apply.
    ///
    /// Default: a client with rustls and the system's root certificates that does not follow redirects.
    pub fn client(self, client: reqwest::Client) -> Self {
        Self { endpoint: self.endpoint.client(client), ..self }
    }

    /// Sets how long connecting may take, and how long a request to the endpoint may take in total, metadata included. An API request waits for at
    /// most 6 seconds.
    ///
    /// Default: 2 seconds to connect, and 5 seconds in total.
    ///
    /// # Errors
    ///
    /// If a timeout is out of range. The ranges are those of [`RemoteKeys::timeouts`](crate::keys::RemoteKeys::timeouts).
    pub fn timeouts(self, connect: Duration, total: Duration) -> Result<Self, InvalidTimeouts> {
        Ok(Self { endpoint: self.endpoint.timeouts(connect, total)?, ..self })
    }
}

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::claims_extension::ClaimsExtension;
use super::config_error::ConfigError;
use super::issuer::Issuer;
use super::resource_server::{ResourceServer, Trusted};
use super::token_cache::TokenCache;
use crate::clock::{Clock, SystemClock};
use crate::keys::{KeyStore, PendingLookups};
use crate::metadata::Metadata;
use crate::token::{Policy, Profile, Recipient};

/// The leeway when none is set.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
/// The most leeway there may be.
pub(super) const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// Makes a [`ResourceServer`]. It starts without an issuer, and cannot be built before one is [trusted](Self::trust).
#[must_use]
pub struct Builder<State> {
    pub(super) audience: String,
    pub(super) realm: Option<String>,
    pub(super) issuers: Vec<Issuer>,
    profile: Profile,
    pub(super) leeway: Duration,
    clock: Arc<dyn Clock>,
    claims: Option<ClaimsExtension>,
    pub(super) metadata: Option<Metadata>,
    token_cache: TokenCache,
    state: PhantomData<State>,
}

/// The state of a [`Builder`] that trusts nobody yet.
#[derive(Debug)]
pub enum NeedsIssuer {}

/// The state of a [`Builder`] that trusts at least one issuer.
#[derive(Debug)]
pub enum Trusting {}

impl Builder<NeedsIssuer> {
    pub(super) fn new(audience: String) -> Self {
        Self {
            audience,
            realm: None,
            issuers: Vec::new(),
            profile: Profile::default(),
            leeway: DEFAULT_LEEWAY,
            clock: Arc::new(SystemClock),
            claims: None,
            metadata: None,
            token_cache: TokenCache::default(),
            state: PhantomData,
        }
    }
}

impl<State> Builder<State> {
    /// Accepts the tokens of `issuer`. Call it again for others: each has its own keys, audiences and algorithms.
    pub fn trust(mut self, issuer: Issuer) -> Builder<Trusting> {
        self.issuers.push(issuer);
        let Self { audience, realm, issuers, profile, leeway, clock, claims, metadata, token_cache, state: _ } = self;
        Builder { audience, realm, issuers, profile, leeway, clock, claims, metadata, token_cache, state: PhantomData }
    }

    /// The `realm` of every challenge: what the user is asked to authenticate for (RFC 9110 §11.5).
    ///
    /// Default: the audience, because a challenge needs at least one parameter (RFC 6750 §3).
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// How closely tokens must follow RFC 9068.
    ///
    /// Default: [`Profile::Generic`], because most issuers do not follow it yet. It is the audience that then keeps ID tokens
    /// out, so use an audience that is no client's identifier.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// How far the issuers' clocks may be off, for `exp`, `nbf`, `iat` and `auth_time`; at most 60 seconds.
    ///
    /// Default: 30 seconds, which clocks that are kept by NTP never need and others often do.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Where the time comes from.
    ///
    /// Default: the system.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Has a [metadata document](crate::metadata) and names its place in every challenge, by `resource_metadata` (RFC 9728
    /// §5.1). Serving it there is the application's part: see [`ResourceServer::metadata`].
    ///
    /// Default: none, because a challenge should not name what nobody serves.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Parses every token's claims as a `T` too and hands them on as [`Claims<T>`](crate::Claims). A token whose claims are
    /// no `T` is refused with 401 `invalid_token`, before it reaches a handler.
    ///
    /// Default: not done.
    pub fn claims<T: DeserializeOwned + Send + Sync + 'static>(mut self) -> Self {
        self.claims = Some(ClaimsExtension::of::<T>());
        self
    }

    /// How much is remembered of the tokens that were verified, so that their signatures need not be verified at every request.
    ///
    /// Default: [on](TokenCache::default), with at most 10,000 tokens and 16 MiB. Nothing that would be refused without it
    /// passes with it: see [`TokenCache`].
    pub fn token_cache(mut self, token_cache: TokenCache) -> Self {
        self.token_cache = token_cache;
        self
    }
}

impl Builder<Trusting> {
    /// Builds the server. Nothing is fetched, no runtime is needed, and no issuer needs to be up.
    ///
    /// # Errors
    ///
    /// The first setting that makes no sense.
    pub fn build(self) -> Result<ResourceServer, ConfigError> {
        if let Some(first) = self.mistakes().into_iter().next() {
            return Err(first.error);
        }
        let metadata = self.resource_metadata()?;
        let challenges = self.challenges(metadata.as_ref())?;
        let pending = PendingLookups::default();
        let trusted = self.issuers.iter().map(|issuer| self.trusted(issuer, &pending)).collect();
        Ok(ResourceServer::new(trusted, self.clock, challenges, self.claims, metadata, &self.token_cache))
    }

    /// An issuer whose settings make sense.
    fn trusted(&self, issuer: &Issuer, pending: &PendingLookups) -> Trusted {
        let Issuer { identities, source, mut audiences, clients, subjects, dialect, algorithms } = issuer.clone();
        if audiences.is_empty() {
            audiences.push(self.audience.as_str().into());
        }
        let recipient = match clients {
            None => Recipient::Audience(audiences),
            Some(clients) => Recipient::Client { clients, audiences },
        };
        let keys = KeyStore::new(identities.name(), source.into(), Arc::clone(&self.clock), pending.clone());
        let (profile, leeway) = (self.profile, self.leeway);
        Trusted {
            policy: Policy { issuer: identities, recipient, subjects, dialect, algorithms, profile, leeway },
            keys,
        }
    }
}

impl<State> fmt::Debug for Builder<State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("audience", &self.audience)
            .field("issuers", &self.issuers)
            .field("profile", &self.profile)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}

use std::collections::BTreeSet;
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
use crate::challenge::Challenges;
use crate::clock::{Clock, SystemClock};
use crate::keys::{self, KeyStore};
use crate::metadata::{Metadata, ResourceMetadata};
use crate::token::{Policy, Profile, Recipient, Subjects};

/// The leeway when none is set.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
/// The most leeway there may be.
const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// Makes a [`ResourceServer`]. It starts without an issuer, and cannot be built before one is [trusted](Self::trust).
#[must_use]
pub struct Builder<State> {
    audience: String,
    realm: Option<String>,
    issuers: Vec<Issuer>,
    profile: Profile,
    leeway: Duration,
    clock: Arc<dyn Clock>,
    claims: Option<ClaimsExtension>,
    metadata: Option<Metadata>,
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

    /// How far the issuers' clocks may be off, for `exp`, `nbf` and `iat`; at most 60 seconds.
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
        if self.leeway > MAX_LEEWAY {
            return Err(ConfigError::Leeway { value: self.leeway });
        }
        check_audience(&self.audience)?;
        let metadata = self.resource_metadata()?;
        let realm = self.realm.unwrap_or_else(|| self.audience.clone());
        let challenges = Challenges::new(&realm, metadata.as_ref().map(ResourceMetadata::url))
            .ok_or(ConfigError::Realm { value: realm })?;
        check_unique(&self.issuers)?;
        let mut trusted: Vec<Trusted> = Vec::new();
        for issuer in self.issuers {
            let Issuer { identities, source, mut audiences, clients, subjects, dialect, algorithms } = issuer;
            if algorithms.is_empty() {
                return Err(ConfigError::NoAlgorithm { issuer: identities.name().to_owned() });
            }
            if matches!(&subjects, Subjects::These(these) if these.is_empty()) {
                return Err(ConfigError::NoSubject { issuer: identities.name().to_owned() });
            }
            audiences.iter().try_for_each(|audience| check_audience(audience))?;
            if audiences.is_empty() {
                audiences.push(self.audience.as_str().into());
            }
            let recipient = match clients {
                None => Recipient::Audience(audiences),
                Some(clients) => {
                    check_clients(identities.name(), &clients)?;
                    Recipient::Client { clients, audiences }
                }
            };
            let keys = KeyStore::new(identities.name(), source.into(), Arc::clone(&self.clock));
            let policy = Policy {
                issuer: identities,
                recipient,
                subjects,
                dialect,
                algorithms,
                profile: self.profile,
                leeway: self.leeway,
            };
            trusted.push(Trusted { policy, keys });
        }
        Ok(ResourceServer::new(trusted, self.clock, challenges, self.claims, metadata, &self.token_cache))
    }

    fn resource_metadata(&self) -> Result<Option<ResourceMetadata>, ConfigError> {
        let Some(metadata) = self.metadata.clone() else { return Ok(None) };
        let resource = metadata.resource.clone().unwrap_or_else(|| self.audience.clone());
        let url =
            keys::identifying(&resource).map_err(|reason| ConfigError::Resource { value: resource.clone(), reason })?;
        if let Some(scope) = metadata.odd_scope() {
            return Err(ConfigError::MetadataScope { value: scope.to_owned() });
        }
        let identifiers = self.issuers.iter().flat_map(|issuer| issuer.identities.iter());
        let authorization_servers = identifiers.filter(|identifier| keys::fetchable(identifier).is_ok());
        Ok(Some(ResourceMetadata::new(&resource, url, authorization_servers, metadata)))
    }
}

/// A token's `iss` must lead to one issuer, and through all the identifiers of all of them.
fn check_unique(issuers: &[Issuer]) -> Result<(), ConfigError> {
    let mut known = BTreeSet::new();
    match issuers.iter().flat_map(|issuer| issuer.identities.iter()).find(|identifier| !known.insert(*identifier)) {
        Some(twice) => Err(ConfigError::DuplicateIssuer { value: twice.to_owned() }),
        None => Ok(()),
    }
}

fn check_clients(issuer: &str, clients: &[Box<str>]) -> Result<(), ConfigError> {
    if clients.is_empty() {
        return Err(ConfigError::NoClient { issuer: issuer.to_owned() });
    }
    match clients.iter().find(|client| client.is_empty()) {
        Some(_) => Err(ConfigError::EmptyClient { issuer: issuer.to_owned() }),
        None => Ok(()),
    }
}

fn check_audience(audience: &str) -> Result<(), ConfigError> {
    if !audience.is_empty() && audience.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return Ok(());
    }
    Err(ConfigError::Audience { value: audience.to_owned() })
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

//! What a server's settings must be, each rule once: [`Builder::build`] stops at the first mistake, configuration that
//! came as data is told all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use url::Url;

use super::builder::{Builder, MAX_LEEWAY, Trusting};
use super::config_error::ConfigError;
use super::issuer::Issuer;
use super::text_error::{check_issuer, check_text};
use crate::challenge::Challenges;
use crate::keys::{self, KeySource};
use crate::metadata::{Metadata, ResourceMetadata};
use crate::token::Subjects;

/// The parameters of the metadata that name algorithms.
const SIGNED: [&[&str]; 2] =
    [&["metadata", "resource_signing_alg_values_supported"], &["metadata", "dpop_signing_alg_values_supported"]];

/// A setting that makes no sense, and where it stands.
#[cfg_attr(not(feature = "serde"), expect(dead_code, reason = "who builds by code knows the place"))]
pub(crate) struct Mistake {
    pub(crate) place: Place,
    pub(crate) error: ConfigError,
}

/// Where a setting stands.
#[derive(Clone, Copy, Default)]
#[cfg_attr(not(feature = "serde"), expect(dead_code, reason = "who builds by code knows the place"))]
pub(crate) struct Place {
    /// The setting of which issuer it is, in the order in which they were trusted; the server's own otherwise.
    pub(crate) issuer: Option<usize>,
    /// The method that sets it, and the method's own part before it.
    pub(crate) setting: &'static [&'static str],
    /// Which element of it.
    pub(crate) element: Option<usize>,
}

impl Builder<Trusting> {
    /// Every mistake there is.
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Mistakes::default();
        mistakes.note(Place::of(&["leeway"]), self.check_leeway());
        let audience = check_audience(&self.audience);
        // What stands in for another setting would be the same mistake once more.
        let is_audience_good = audience.is_ok();
        mistakes.note(Place::of(&["audience"]), audience);
        if let Some(metadata) = &self.metadata {
            if metadata.resource.is_some() || is_audience_good {
                let resource = self.resource(metadata).and_then(|(resource, _)| check_text("resource", &resource));
                mistakes.note(Place::of(&["metadata", "resource"]), resource);
            }
            for (at, scope) in metadata.invalid_scopes() {
                let error = ConfigError::MetadataScope { value: scope.to_owned() };
                mistakes.note(Place::of(&["metadata", "scopes_supported"]).element(at), Err::<(), _>(error));
            }
            for setting in SIGNED {
                for at in setting.last().into_iter().flat_map(|parameter| metadata.alg_none_positions(parameter)) {
                    mistakes.note(Place::of(setting).element(at), Err::<(), _>(ConfigError::MetadataAlgorithm));
                }
            }
        }
        if self.realm.is_some() {
            mistakes.note(Place::of(&["realm"]), self.challenges(None));
        }
        self.note_duplicates(&mut mistakes);
        for (at, issuer) in self.issuers.iter().enumerate() {
            issuer.note_mistakes(at, &mut mistakes);
        }
        mistakes.0
    }

    fn check_leeway(&self) -> Result<(), ConfigError> {
        if self.leeway > MAX_LEEWAY { Err(ConfigError::Leeway { value: self.leeway }) } else { Ok(()) }
    }

    /// The resource's identifier, and the URL that it is.
    fn resource(&self, metadata: &Metadata) -> Result<(String, Url), ConfigError> {
        let resource = metadata.resource.clone().unwrap_or_else(|| self.audience.clone());
        match keys::identifying(&resource) {
            Ok(url) => Ok((resource, url)),
            Err(reason) => Err(ConfigError::Resource { value: resource, reason }),
        }
    }

    pub(super) fn resource_metadata(&self) -> Result<Option<ResourceMetadata>, ConfigError> {
        let Some(metadata) = self.metadata.clone() else { return Ok(None) };
        let (resource, url) = self.resource(&metadata)?;
        // Everybody may read the metadata, and nobody but its issuer knows who is on a list of tenants.
        let named = self.issuers.iter().filter(|issuer| !issuer.identities.are_listed());
        let identifiers = named.flat_map(|issuer| issuer.identities.iter());
        let authorization_servers = identifiers.filter(|identifier| keys::fetchable(identifier).is_ok());
        Ok(Some(ResourceMetadata::new(&resource, url, authorization_servers, metadata)))
    }

    pub(super) fn challenges(&self, metadata: Option<&ResourceMetadata>) -> Result<Challenges, ConfigError> {
        let realm = self.realm.as_ref().unwrap_or(&self.audience);
        Challenges::new(realm, metadata.map(ResourceMetadata::url))
            .ok_or_else(|| ConfigError::Realm { value: realm.clone() })
    }

    /// A token's `iss` must lead to one issuer, and through all the identifiers of all of them.
    fn note_duplicates(&self, mistakes: &mut Mistakes) {
        let mut known = BTreeSet::new();
        for (at, issuer) in self.issuers.iter().enumerate() {
            for twice in issuer.identities.iter().filter(|identifier| !known.insert(*identifier)) {
                let error = ConfigError::DuplicateIssuer { value: twice.to_owned() };
                mistakes.note(Place::of(&[]).issuer(at), Err::<(), _>(error));
            }
        }
    }
}

impl Issuer {
    fn note_mistakes(&self, at: usize, mistakes: &mut Mistakes) {
        let Self { identities, source, audiences, clients, subjects, algorithms, .. } = self;
        let mut note = |setting: &'static [&'static str], element, verdict: Result<(), ConfigError>| {
            mistakes.note(Place { issuer: Some(at), setting, element }, verdict);
        };
        let issuer = || identities.name().to_owned();
        if algorithms.is_empty() {
            note(&["algorithms"], None, Err(ConfigError::NoAlgorithm { issuer: issuer() }));
        }
        if Arc::<dyn KeySource>::from(source.clone()).fixed().is_some_and(|keys| keys.keys().is_empty()) {
            note(&[], None, Err(ConfigError::NoKey { issuer: issuer() }));
        }
        // Those of a preset that are not the application's words pass; so do those that were checked before.
        for identifier in identities.iter() {
            note(&[], None, check_issuer(identifier));
        }
        if let Subjects::These(these) = subjects {
            if these.is_empty() {
                note(&["subjects"], None, Err(ConfigError::NoSubject { issuer: issuer() }));
            }
            for (at, subject) in these.iter().enumerate() {
                note(&["subjects"], Some(at), check_text("subject", subject));
            }
        }
        for (at, audience) in audiences.iter().enumerate() {
            note(&["audiences"], Some(at), check_audience(audience));
        }
        let Some(clients) = clients else { return };
        if clients.is_empty() {
            note(&["clients_instead_of_audience"], None, Err(ConfigError::NoClient { issuer: issuer() }));
        }
        for (at, client) in clients.iter().enumerate() {
            let verdict = match &**client {
                "" => Err(ConfigError::EmptyClient { issuer: issuer() }),
                client => check_text("client", client),
            };
            note(&["clients_instead_of_audience"], Some(at), verdict);
        }
    }
}

fn check_audience(audience: &str) -> Result<(), ConfigError> {
    if !audience.is_empty() && audience.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return check_text("audience", audience);
    }
    Err(ConfigError::Audience { value: audience.to_owned() })
}

#[derive(Default)]
struct Mistakes(Vec<Mistake>);

impl Mistakes {
    fn note<T>(&mut self, place: Place, verdict: Result<T, ConfigError>) {
        self.0.extend(verdict.err().map(|error| Mistake { place, error }));
    }
}

impl Place {
    /// Of the server's own.
    fn of(setting: &'static [&'static str]) -> Self {
        Self { setting, ..Self::default() }
    }

    fn issuer(self, at: usize) -> Self {
        Self { issuer: Some(at), ..self }
    }

    fn element(self, at: usize) -> Self {
        Self { element: Some(at), ..self }
    }
}

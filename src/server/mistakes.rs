//! The rules about a server's settings. [`Builder::build`] reports the first mistake; configuration from a file or from variables
//! reports all mistakes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::builder::Builder;
use crate::Issuer;
use crate::binding::dpop::Dpop;
use crate::challenge::{AcceptedSchemes, Challenges};
#[cfg(feature = "introspection")]
use crate::credentials::is_b64token;
#[cfg(feature = "introspection")]
use crate::introspection::{Introspection, InvalidIntrospection};
use crate::issuer::ConfigError;
use crate::keys::{self, Encryption, KeySource};
use crate::metadata::{Metadata, ResourceMetadata};
#[cfg(feature = "introspection")]
use crate::redact;
use crate::token::ImpliedScopes;
use crate::validation::Subjects;

/// The maximum leeway.
const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// The acceptable windows for the `iat` of a proof (RFC 9449 §11.1: seconds to minutes).
const WINDOW: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(10 * 60);

/// The parameters of the metadata that name algorithms.
const SIGNED: [&[&str]; 2] =
    [&["metadata", "resource_signing_alg_values_supported"], &["metadata", "dpop_signing_alg_values_supported"]];

const PERSIST_KEYS: &[&str] = &["persist_keys"];
#[cfg(feature = "introspection")]
const TOKEN_PREFIXES: &[&str] = &["introspection", "token_prefixes"];

/// A setting that is not acceptable, and its place.
#[cfg_attr(not(feature = "serde"), expect(dead_code, reason = "only configuration reports the place"))]
pub(crate) struct Mistake {
    pub(crate) place: Place,
    pub(crate) error: ConfigError,
}

/// The place of a setting.
#[derive(Clone, Copy, Default)]
#[cfg_attr(not(feature = "serde"), expect(dead_code, reason = "only configuration reports the place"))]
pub(crate) struct Place {
    /// The number of the issuer whose setting it is, in the order in which they were trusted; `None` for the server's own.
    pub(crate) issuer: Option<usize>,
    /// The name of the method that sets it, after the name of the part that it belongs to.
    pub(crate) setting: &'static [&'static str],
    /// The number of the element, if the setting is a list.
    pub(crate) element: Option<usize>,
}

impl Builder {
    /// All mistakes.
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Mistakes::default();
        mistakes.note(Place::of(&["leeway"]), self.check_leeway());
        let audience = check_audience(&self.audience);
        // A setting that defaults to the audience would repeat the audience's mistake.
        let is_audience_good = audience.is_ok();
        mistakes.note(Place::of(&["audience"]), audience);
        if let Some(metadata) = &self.metadata {
            if metadata.resource.is_some() || is_audience_good {
                let resource =
                    self.resource(metadata).and_then(|(resource, _)| ConfigError::check_text("resource", &resource));
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
        if let Some(dpop) = &self.dpop {
            mistakes.note(Place::of(&["dpop", "url"]), ConfigError::check_text("public URL", &dpop.public_url()));
            let window: &[_] =
                if dpop.accepts_replays() { &["dpop", "insecure_accept_replay_within"] } else { &["dpop", "window"] };
            mistakes.note(Place::of(window), check_window(dpop.effective_window()));
            if dpop.algorithm_names().is_empty() {
                mistakes.note(Place::of(&["dpop", "algorithms"]), Err::<(), _>(ConfigError::NoProofAlgorithm));
            } else if let Some(metadata) = &self.metadata {
                note_contradictions(metadata, dpop, &mut mistakes);
            }
        }
        if let Some(certificates) = &self.client_certificates {
            if let Some(name) = certificates.taken_header() {
                let error = ConfigError::CertificateHeader { name: name.as_str().to_owned() };
                mistakes.note(Place::of(&["client_certificates"]), Err::<(), _>(error));
            }
            if self.metadata.as_ref().is_some_and(Metadata::denies_certificates) {
                let place = Place::of(&["metadata", "tls_client_certificate_bound_access_tokens"]);
                mistakes.note(place, Err::<(), _>(ConfigError::MetadataDeniesCertificates));
            }
        }
        if self.realm.is_some() {
            mistakes.note(Place::of(&["realm"]), self.challenges(None));
        }
        mistakes.note(Place::of(&["scope_hierarchy"]), self.implied_scopes());
        #[cfg(feature = "tenants")]
        if self.tenants.len() > 1 {
            mistakes.note(Place::of(&[]), Err::<(), _>(ConfigError::ResolversTwice));
        }
        if self.issuers.is_empty() && !self.has_tenants() {
            mistakes.note(Place::of(&[]), Err::<(), _>(ConfigError::NoIssuer));
        }
        self.note_duplicates(&mut mistakes);
        #[cfg(feature = "introspection")]
        self.note_ambiguous_tokens(&mut mistakes);
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
        let url = resource_url(&resource)?;
        Ok((resource, url))
    }

    pub(super) fn resource_metadata(&self) -> Result<Option<ResourceMetadata>, ConfigError> {
        let Some(metadata) = self.metadata.clone() else { return Ok(None) };
        let metadata = match &self.dpop {
            Some(dpop) => metadata.of_dpop(dpop.algorithm_names(), dpop.is_required()),
            None => metadata,
        };
        let metadata = if self.client_certificates.is_some() { metadata.of_certificates() } else { metadata };
        let (resource, url) = self.resource(&metadata)?;
        // The metadata is public, and a list of tenants is secret.
        let named = self.issuers.iter().filter(|issuer| !issuer.identities.are_listed());
        let identifiers = named.flat_map(|issuer| {
            let encryption = if issuer.insecure_http { Encryption::Optional } else { Encryption::Required };
            issuer.identities.iter().filter(move |identifier| keys::fetchable(identifier, encryption).is_ok())
        });
        // Several issuers have one identifier if they are user flows of one directory.
        let mut known = BTreeSet::new();
        let authorization_servers = identifiers.filter(|identifier| known.insert(*identifier));
        Ok(Some(ResourceMetadata::new(&resource, url, authorization_servers, metadata)))
    }

    /// What the hierarchy of scopes implies; `None` if no scope implies another.
    pub(super) fn implied_scopes(&self) -> Result<Option<ImpliedScopes>, ConfigError> {
        ImpliedScopes::new(&self.scope_hierarchy).map_err(|scopes| ConfigError::ScopeCycle { scopes })
    }

    pub(super) fn challenges(&self, metadata: Option<&ResourceMetadata>) -> Result<Challenges, ConfigError> {
        let realm = self.realm.as_ref().unwrap_or(&self.audience);
        let algs = self.dpop.as_ref().map(|dpop| dpop.algorithm_names().join(" "));
        let accepted = match (&self.dpop, &algs) {
            (Some(dpop), Some(algs)) if dpop.is_required() => AcceptedSchemes::Dpop { algs },
            (Some(_), Some(algs)) => AcceptedSchemes::BearerAndDpop { algs },
            _ => AcceptedSchemes::Bearer,
        };
        Challenges::new(realm, metadata.map(ResourceMetadata::url), accepted)
            .ok_or_else(|| ConfigError::Realm { value: realm.clone() })
    }

    /// An opaque token must lead to one issuer.
    #[cfg(feature = "introspection")]
    fn note_ambiguous_tokens(&self, mistakes: &mut Mistakes) {
        let mut earlier: Vec<&Introspection> = Vec::new();
        for (at, issuer) in self.issuers.iter().enumerate() {
            let Some(introspection) = &issuer.introspection else { continue };
            let checked = earlier.iter().try_for_each(|earlier| introspection.check_beside(earlier));
            if let Err(reason) = checked {
                let named = match &reason {
                    InvalidIntrospection::AmbiguousPrefix { prefix } => Some(prefix),
                    _ => None,
                };
                let element = named.and_then(|named| introspection.prefixes.iter().position(|known| known == named));
                let place = Place { issuer: Some(at), setting: TOKEN_PREFIXES, element };
                let error = ConfigError::Introspection { issuer: issuer.identities.name().to_owned(), reason };
                mistakes.note(place, Err::<(), _>(error));
            }
            earlier.push(introspection);
        }
    }

    /// Every identifier must lead to one issuer, or to one for each user flow, and every file to the keys of one.
    fn note_duplicates(&self, mistakes: &mut Mistakes) {
        let mut known: BTreeMap<_, Vec<Option<String>>> = BTreeMap::new();
        let mut files = BTreeSet::new();
        for (at, issuer) in self.issuers.iter().enumerate() {
            if let Some(twice) = issuer.persisted_at().filter(|path| !files.insert(*path)) {
                let error = ConfigError::PersistPathTwice { value: twice.display().to_string() };
                mistakes.note(Place::of(PERSIST_KEYS).issuer(at), Err::<(), _>(error));
            }
            let flow = issuer.user_flow.as_ref().map(|flow| flow.name().to_ascii_lowercase());
            for twice in issuer.identities.iter() {
                let flows = known.entry(twice).or_default();
                // An issuer without a user flow is the issuer of the tokens of all flows.
                let is_known = flows.iter().any(|known| known.is_none() || flow.is_none() || *known == flow);
                flows.push(flow.clone());
                if !is_known {
                    continue;
                }
                let error = ConfigError::DuplicateIssuer { value: twice.to_owned() };
                mistakes.note(Place::of(&[]).issuer(at), Err::<(), _>(error));
            }
        }
    }
}

impl Issuer {
    /// The introspection endpoint must belong to this issuer, and the issuer must have an identifier of its own.
    #[cfg(feature = "introspection")]
    fn check_introspection(&self, introspection: &Introspection) -> Result<(), InvalidIntrospection> {
        let identities = &self.identities;
        if identities.are_a_trust_domain() || identities.are_listed() || self.user_flow.is_some() {
            return Err(InvalidIntrospection::NoOwnIdentifier);
        }
        let found = introspection.endpoint.issuer();
        if identities.contain(found) {
            return Ok(());
        }
        Err(InvalidIntrospection::OtherIssuer { found: redact::url(found).into() })
    }

    /// Its first mistake, which is an error where no server is built either.
    #[cfg(any(feature = "back-channel-logout", feature = "shared-signals", feature = "tenants"))]
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let mut mistakes = Mistakes::default();
        self.note_mistakes(0, &mut mistakes);
        mistakes.0.into_iter().next().map_or(Ok(()), |first| Err(first.error))
    }

    fn note_mistakes(&self, at: usize, mistakes: &mut Mistakes) {
        let Self { identities, source, insecure_http, audiences, clients, subjects, dialect, algorithms, .. } = self;
        let mut note = |setting: &'static [&'static str], element, verdict: Result<(), ConfigError>| {
            mistakes.note(Place { issuer: Some(at), setting, element }, verdict);
        };
        let issuer = || identities.name().to_owned();
        if algorithms.is_empty() {
            note(&["algorithms"], None, Err(ConfigError::NoAlgorithm { issuer: issuer() }));
        }
        if let Some(url) = source.plain_http().filter(|_| !insecure_http) {
            note(&["insecure_http"], None, Err(ConfigError::PlainHttp { url: url.as_str().to_owned() }));
        }
        #[cfg(feature = "introspection")]
        if let Some(introspection) = &self.introspection {
            let refused = |reason| Err(ConfigError::Introspection { issuer: issuer(), reason });
            for reason in introspection.check().into_iter().chain(self.check_introspection(introspection).err()) {
                note(setting_of(&reason), None, refused(reason));
            }
            for (at, prefix) in introspection.prefixes.iter().enumerate() {
                if let Some(reason) = fault_of_prefix(prefix) {
                    note(TOKEN_PREFIXES, Some(at), refused(reason));
                }
            }
            // The issuer's own URL has been noted.
            let url = introspection.endpoint.plain_http().filter(|url| source.plain_http() != Some(url));
            if let Some(url) = url.filter(|_| !insecure_http) {
                note(&["insecure_http"], None, Err(ConfigError::PlainHttp { url: url.as_str().to_owned() }));
            }
        }
        let fixed = Arc::<dyn KeySource>::from(source.clone()).fixed();
        if let Some(keys) = fixed.map(|keys| keys.select(dialect.key_purpose)).filter(|keys| keys.keys().is_empty()) {
            note(&[], None, Err(ConfigError::NoKey { issuer: issuer(), skipped: keys.skipped().to_vec() }));
        }
        if let Some(path) = self.persisted_at() {
            note(PERSIST_KEYS, None, ConfigError::check_text("file of persisted keys", &path.to_string_lossy()));
        }
        if self.persist_keys.is_some() && !source.is_remote() {
            note(PERSIST_KEYS, None, Err(ConfigError::NotPersistable { issuer: issuer() }));
        }
        // Identifiers that a preset has made pass, and so do those that a constructor has checked.
        for identifier in identities.iter() {
            note(&[], None, ConfigError::check_issuer(identifier));
        }
        if let Subjects::Listed(listed) = subjects {
            if listed.is_empty() {
                note(&["subjects"], None, Err(ConfigError::NoSubject { issuer: issuer() }));
            }
            for (at, subject) in listed.iter().enumerate() {
                note(&["subjects"], Some(at), ConfigError::check_text("subject", subject));
            }
        }
        for (at, audience) in audiences.iter().enumerate() {
            note(&["audiences"], Some(at), check_audience(audience));
        }
        let Some(clients) = clients else { return };
        if clients.is_empty() {
            note(&["identify_by_client"], None, Err(ConfigError::NoClient { issuer: issuer() }));
        }
        for (at, client) in clients.iter().enumerate() {
            let verdict = match &**client {
                "" => Err(ConfigError::EmptyClient { issuer: issuer() }),
                client => ConfigError::check_text("client", client),
            };
            note(&["identify_by_client"], Some(at), verdict);
        }
    }
}

#[cfg(feature = "introspection")]
fn setting_of(reason: &InvalidIntrospection) -> &'static [&'static str] {
    match reason {
        InvalidIntrospection::Lifetime { .. } => &["introspection", "lifetime"],
        InvalidIntrospection::ConcurrentRequests { .. } => &["introspection", "concurrent_requests"],
        _ => &["introspection"],
    }
}

/// Why no token begins with the prefix, or every one does.
#[cfg(feature = "introspection")]
fn fault_of_prefix(prefix: &str) -> Option<InvalidIntrospection> {
    if prefix.is_empty() {
        return Some(InvalidIntrospection::EmptyPrefix);
    }
    (!is_b64token(prefix.as_bytes())).then(|| InvalidIntrospection::ImpossiblePrefix { prefix: prefix.into() })
}

/// The metadata must not tell clients to send what this server refuses.
fn note_contradictions(metadata: &Metadata, dpop: &Dpop, mistakes: &mut Mistakes) {
    let accepted = dpop.algorithm_names();
    for (at, algorithm) in metadata.proof_algorithms() {
        if algorithm != "none" && !accepted.contains(&algorithm) {
            let error = ConfigError::MetadataProofAlgorithm { value: algorithm.to_owned() };
            mistakes.note(Place::of(SIGNED[1]).element(at), Err::<(), _>(error));
        }
    }
    if dpop.is_required() && metadata.denies_dpop() {
        let place = Place::of(&["metadata", "dpop_bound_access_tokens_required"]);
        mistakes.note(place, Err::<(), _>(ConfigError::MetadataDeniesDpop));
    }
}

fn check_window(window: Duration) -> Result<(), ConfigError> {
    if WINDOW.contains(&window) { Ok(()) } else { Err(ConfigError::ProofWindow { value: window }) }
}

/// The URL that the identifier of a resource is (RFC 9728 §1.2).
pub(super) fn resource_url(resource: &str) -> Result<Url, ConfigError> {
    let refuse = |reason| ConfigError::Resource { value: resource.to_owned(), reason };
    keys::identifying(resource, Encryption::Required).map_err(refuse)
}

pub(crate) fn check_audience(audience: &str) -> Result<(), ConfigError> {
    if !audience.is_empty() && audience.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return ConfigError::check_text("audience", audience);
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
    /// The place of a setting of the server's own.
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

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer, TokenBuilder};

use crate::timeline::{Span, Timeline};

pub(crate) const AUDIENCE: &str = "https://api.example.test";
/// How long keys are fresh when the issuer does not say, at least and at most, as the documentation of `keys` has it.
const LIFETIME: Duration = Duration::from_secs(600);
const LIFETIMES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(3600)];

/// An issuer, and everything that was ever true of it. Whoever changes it changes it through this.
pub(crate) struct Realm {
    pub(crate) name: &'static str,
    pub(crate) issuer: TestIssuer,
    history: Mutex<History>,
}

pub(crate) struct History {
    /// What is published.
    pub(crate) keys: Timeline<Arc<Published>>,
    /// What goes wrong with the metadata, and with the key set.
    pub(crate) faults: [Timeline<Option<Fault>>; 2],
    /// How long the key set is fresh.
    pub(crate) lifetime: Timeline<Duration>,
    /// What tokens are signed with.
    signing: Key,
    generations: u32,
    /// The key sets of the generations, each alone.
    documents: BTreeMap<u32, Value>,
}

/// Whose key is published under the name of which generation: empty, if no published key can be used.
pub(crate) type Published = BTreeMap<u32, Signer>;

/// A signing key: the name it goes by, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: Name,
    pub(crate) signer: Signer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A generation's.
    Generation(u32),
    /// One that was never heard before and will never be published.
    Unheard,
}

/// Whose signature a token bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    /// The issuer's own key of that generation.
    Own,
    /// A key of an issuer that is not trusted. It counts while this issuer publishes it under a name of its own.
    Stranger,
    /// A key of another issuer that is trusted too.
    Neighbour,
    /// The signature fits no key: something was changed afterwards.
    Nobody,
}

/// The issuers that are trusted, by their places: two that are restless, …
pub(crate) const RESTLESS: [usize; 2] = [0, 1];
/// … one that has keys of the same names as the first and no trouble ever, …
pub(crate) const TWIN: usize = 2;
/// … and one that is away for longer than its keys are fresh.
pub(crate) const AWAY: usize = 3;
pub(crate) const NAMES: [&str; 4] = ["restless", "moody", "twin", "away"];
pub(crate) type Realms = [Realm; NAMES.len()];

/// Well-formed key sets without a key that can be used: one is empty, the other has a key for encryption alone (RFC 7517 §A.1).
pub(crate) const UNUSABLE: [&str; 2] = [
    r#"{"keys":[]}"#,
    concat!(
        r#"{"keys":[{"kty":"EC","crv":"P-256","use":"enc","kid":"1","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","#,
        r#""y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#,
    ),
];

/// The endpoints, in the order of their faults.
pub(crate) const ENDPOINTS: [Endpoint; 2] = [Endpoint::OAuthMetadata, Endpoint::Jwks];

impl Realm {
    pub(crate) fn start(name: &'static str) -> Self {
        let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).start();
        let history = History {
            keys: Timeline::new(Arc::new(Published::from([(1, Signer::Own)]))),
            faults: [Timeline::new(None), Timeline::new(None)],
            lifetime: Timeline::new(LIFETIME),
            signing: Key { name: Name::Generation(1), signer: Signer::Own },
            generations: 1,
            documents: BTreeMap::from([(1, issuer.jwks())]),
        };
        Self { name, issuer, history: Mutex::new(history) }
    }

    /// What was true of it. While somebody looks, nothing changes.
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token in the making that is good at the API, and the key that is to sign it.
    pub(crate) fn token(&self, stranger: &TestIssuer) -> (TokenBuilder, Key) {
        let history = self.history();
        let token = self.issuer.token().audience(AUDIENCE).scope("read:me");
        match history.signing {
            key @ Key { signer: Signer::Stranger, .. } => (token.signed_by(stranger), key),
            key => (token, key),
        }
    }

    /// Publishes a key beside those that are published, and signs with it after that at any time: a considerate rotation.
    pub(crate) fn publish_next(&self) {
        let mut history = self.history();
        // They stand for one generation, whatever was put in its place.
        let (since, ()) = Span::of(|| self.issuer.publish_next());
        history.generations += 1;
        let Name::Generation(current) = history.signing.name else { return };
        let published = [current, history.generations].map(|generation| (generation, Signer::Own));
        history.keys.change(since, Arc::new(published.into()));
    }

    pub(crate) fn sign_with_next(&self) {
        let mut history = self.history();
        self.issuer.sign_with_next();
        history.signed_with_next(&self.issuer);
    }

    /// Publishes a new key instead of all others and signs with it at once: a rotation that nobody was told of.
    pub(crate) fn rotate(&self) {
        let mut history = self.history();
        let (since, ()) = Span::of(|| self.issuer.rotate());
        let old = history.generations;
        let new = old + 1;
        history.generations = new;
        history.signed_with_next(&self.issuer);
        history.keys.change(since, Arc::new([(old, Signer::Own), (new, Signer::Own)].into()));
        history.keys.change(since, Arc::new([(new, Signer::Own)].into()));
    }

    /// Publishes the newest `count` generations, and nothing else.
    pub(crate) fn publish_newest(&self, count: u32) {
        let mut history = self.history();
        let Name::Generation(current) = history.signing.name else { return };
        let kept = current.saturating_sub(count) + 1..=current;
        let entries: Vec<_> =
            kept.clone().filter_map(|generation| entry(history.documents.get(&generation)?)).collect();
        let (since, ()) = Span::of(|| self.issuer.set_jwks(json!({ "keys": entries })));
        history.signing.signer = Signer::Own;
        history.keys.change(since, Arc::new(kept.map(|generation| (generation, Signer::Own)).collect()));
    }

    /// Withdraws the key that signs, as by mistake: only the one before is published.
    pub(crate) fn withdraw_current(&self) {
        let mut history = self.history();
        let Name::Generation(current) = history.signing.name else { return };
        let Some(document) = history.documents.get(&(current - 1)).cloned() else { return };
        let (since, ()) = Span::of(|| self.issuer.set_jwks(document));
        history.keys.change(since, Arc::new([(current - 1, Signer::Own)].into()));
    }

    /// Publishes a new key under the name of the current one and signs with it: what no issuer should do.
    pub(crate) fn replace_current(&self, stranger: &TestIssuer) {
        let mut history = self.history();
        let Name::Generation(current) = history.signing.name else { return };
        let own = history.documents.get(&current).and_then(entry);
        let (Some(own), Some(mut other)) = (own, entry(&stranger.jwks())) else { return };
        other["kid"] = own["kid"].clone();
        let (since, ()) = Span::of(|| self.issuer.set_jwks(json!({ "keys": [other] })));
        history.signing.signer = Signer::Stranger;
        history.keys.change(since, Arc::new([(current, Signer::Stranger)].into()));
    }

    pub(crate) fn fail(&self, endpoint: usize, fault: Fault) {
        let mut history = self.history();
        let (since, ()) = Span::of(|| self.issuer.fail(ENDPOINTS[endpoint], fault.clone()));
        history.faults[endpoint].change(since, Some(fault));
    }

    pub(crate) fn recover(&self) {
        let mut history = self.history();
        let (since, ()) = Span::of(|| self.issuer.recover());
        for faults in &mut history.faults {
            faults.change(since, None);
        }
    }

    /// Says how long its documents are fresh; `lifetime` is what that comes to.
    pub(crate) fn set_cache_control(&self, value: &str, lifetime: Duration) {
        let mut history = self.history();
        let (since, ()) = Span::of(|| self.issuer.set_cache_control(value));
        history.lifetime.change(since, lifetime.clamp(LIFETIMES[0], LIFETIMES[1]));
    }
}

impl History {
    /// How often there was a new key.
    pub(crate) fn rotations(&self) -> u32 {
        self.generations - 1
    }

    fn signed_with_next(&mut self, issuer: &TestIssuer) {
        self.signing = Key { name: Name::Generation(self.generations), signer: Signer::Own };
        self.documents.insert(self.generations, issuer.jwks());
        // No token is as old as the generations before.
        while self.documents.len() > 3 {
            self.documents.pop_first();
        }
    }
}

/// The one key of a document.
fn entry(document: &Value) -> Option<Value> {
    document["keys"].get(0).cloned()
}

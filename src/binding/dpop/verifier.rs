use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderValue};
use http::{Extensions, Method};
use smallvec::SmallVec;

use super::checked_proof::CheckedProof;
use super::dpop::{Dpop, IssuedAt, Replays, Tokens};
use super::nonce::Nonces;
use super::proof::UnverifiedProof;
use super::proof_error::ProofError;
use super::proof_keys::ProofKeys;
use super::public_url::PublicUrl;
use super::replay::{Freshness, MemoryReplayStore, ReplayAnswer, ReplayEntry, ReplayKey, ReplayStore};
use super::rules::{FreshBy, NonceVerdict, ProofFacts, Target};
use super::target_uri::TargetUri;
use crate::binding::peer::PeerAddress;
use crate::clock::Clock;
use crate::credentials::{PROOF, RequestView};
use crate::jose::AlgorithmSet;
use crate::token::ProofBinding;

/// The clocks of the instances that share a replay store may differ by this much.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// The maximum time that a request waits for the replay store, between the check of its proof and the insertion.
pub(crate) const MAX_WAIT_FOR_STORE: Duration = Duration::from_secs(5);

/// Checks the proofs of requests with bound tokens, as a [`Dpop`] has it.
pub(crate) struct ProofVerifier {
    url: PublicUrl,
    algorithms: AlgorithmSet,
    window: Duration,
    fresh_by: FreshBy,
    nonces: Option<Nonces>,
    tokens: Tokens,
    keys: Arc<ProofKeys>,
    /// The store, if the server made it.
    memory: Option<Arc<MemoryReplayStore>>,
    /// `None` if replays are accepted.
    store: Option<Arc<dyn ReplayStore>>,
    keep_for: Duration,
}

/// What outlives a verifier when the configuration is replaced: used proofs in memory, the random keys of nonces, and parsed keys.
#[derive(Clone)]
pub(crate) struct KeptProofs {
    memory: Option<Arc<MemoryReplayStore>>,
    nonces: Option<Nonces>,
    keys: Arc<ProofKeys>,
}

/// A proof that has passed every check, except that it may have been used before.
#[derive(Debug)]
#[must_use = "the proof may have been used before"]
pub(crate) struct GoodProof {
    key: ReplayKey,
    /// A nonce for the answer, because the one in the proof expires soon (RFC 9449 §8.2).
    pub(crate) new_nonce: Option<HeaderValue>,
}

/// The proof of a request, and what the rules compare it with.
pub(crate) struct Compared {
    proof: UnverifiedProof,
    method: Method,
    target: TargetUri,
    /// The `htu`, if it is an absolute URI.
    signed: Option<TargetUri>,
    now: SystemTime,
    nonce: NonceVerdict,
    new_nonce: Option<HeaderValue>,
}

/// A proof that has been inserted into the replay store of a server for this very request, for an inner layer of the same server. The
/// extension that holds it has a private type, so no other code can store one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsedProof {
    /// The address of the store, which lives as long as the server.
    store: usize,
    key: ReplayKey,
}

/// The request extension with the proofs that layers around this one have used for this very request.
#[derive(Clone, Default)]
struct UsedProofs(SmallVec<[UsedProof; 1]>);

impl UsedProof {
    fn of(proof: &GoodProof, store: &Arc<dyn ReplayStore>) -> Self {
        Self { store: Arc::as_ptr(store).addr(), key: proof.key }
    }

    /// Tells layers within this one.
    pub(crate) fn note(self, extensions: &mut Extensions) {
        extensions.get_or_insert_default::<UsedProofs>().0.push(self);
    }

    fn is_noted(self, extensions: &Extensions) -> bool {
        extensions.get::<UsedProofs>().is_some_and(|UsedProofs(noted)| noted.contains(&self))
    }
}

impl ProofVerifier {
    /// Whether a proxy asks about requests.
    pub(crate) fn is_asked_by_proxies(&self) -> bool {
        self.url.is_asked_by_proxies()
    }

    /// A verifier that goes on where the one with `kept` ended.
    pub(crate) fn new(dpop: &Dpop, kept: Option<&KeptProofs>) -> Self {
        let window = dpop.effective_window();
        let Dpop { url, algorithms, issued_at, nonces, tokens, replays, .. } = dpop.clone();
        let before = kept.and_then(|kept| kept.nonces.as_ref());
        let nonces = nonces.map(|nonces| match before {
            Some(before) => nonces.with_random_keys_of(before),
            None => nonces,
        });
        let fresh_by = match (&nonces, issued_at, &replays) {
            (None, _, _) => FreshBy::IssuedAt,
            (Some(_), IssuedAt::Checked, _) | (Some(_), _, Replays::AcceptedWithin(_)) => FreshBy::Both,
            (Some(_), IssuedAt::Ignored, _) => FreshBy::Nonce,
        };
        let kept_memory = kept.and_then(|kept| kept.memory.clone());
        let memory = match &replays {
            Replays::InMemory => Some(kept_memory.unwrap_or_else(|| Arc::new(MemoryReplayStore::new()))),
            Replays::By(_) | Replays::AcceptedWithin(_) => None,
        };
        let store: Option<Arc<dyn ReplayStore>> = match replays {
            Replays::InMemory => memory.clone().map(|memory| memory as _),
            Replays::By(store) => Some(store),
            Replays::AcceptedWithin(_) => None,
        };
        // The time between the first and the last moment at which one proof is accepted.
        let by_issued_at = 2 * window;
        let accepted_for = match (&nonces, fresh_by) {
            (None, _) => by_issued_at,
            (Some(nonces), FreshBy::Nonce) => nonces.acceptance(),
            (Some(nonces), _) => nonces.acceptance().min(by_issued_at),
        };
        let keep_for = accepted_for + CLOCK_SKEW + MAX_WAIT_FOR_STORE;
        let keys = kept.map_or_else(|| Arc::new(ProofKeys::new()), |kept| Arc::clone(&kept.keys));
        Self { url, algorithms, window, fresh_by, nonces, tokens, keys, memory, store, keep_for }
    }

    /// What the verifier after a reload goes on with. What this one does not use stays as it was `before`.
    pub(crate) fn kept(&self, before: Option<&KeptProofs>) -> KeptProofs {
        KeptProofs {
            memory: self.memory.clone().or_else(|| before.and_then(|kept| kept.memory.clone())),
            nonces: self.nonces.clone().or_else(|| before.and_then(|kept| kept.nonces.clone())),
            keys: Arc::clone(&self.keys),
        }
    }

    /// Whether only tokens that are bound to a key are accepted.
    pub(crate) fn is_required(&self) -> bool {
        self.tokens == Tokens::BoundOnly
    }

    /// A nonce for a client whose proof had none, or a bad one.
    pub(crate) fn issue_nonce(&self, clock: &dyn Clock) -> Option<HeaderValue> {
        self.nonces.as_ref().map(|nonces| nonces.issue(clock.now()))
    }

    /// Checks the proof of a request with a token that has been validated, and has this `binding`.
    ///
    /// First its form and the rules, then its signature, so a stranger cannot cause a verification. [`insert`](Self::insert) comes
    /// last, so a proof that fails leaves no trace.
    pub(crate) fn check(
        &self,
        request: RequestView<'_>,
        binding: ProofBinding<'_>,
        clock: &dyn Clock,
    ) -> Result<GoodProof, ProofError> {
        let compared = self.compare(request, clock)?;
        let verified = CheckedProof::check(&self.facts(&compared, binding))?.verify_signature(&self.keys)?;
        let key = ReplayKey::new(binding.jkt, compared.method.as_str(), compared.target.as_str(), verified.jti());
        Ok(GoodProof { key, new_nonce: compared.new_nonce })
    }

    /// The proof of a request, and what the rules compare it with.
    pub(crate) fn compare(&self, request: RequestView<'_>, clock: &dyn Clock) -> Result<Compared, ProofError> {
        let proof = UnverifiedProof::parse(only_proof(request.headers)?)?;
        let peer = request.extensions.get::<PeerAddress>().map(|PeerAddress(address)| *address);
        let target = self.url.target(request, peer)?;
        let method = self.url.method(request, peer)?;
        let signed = TargetUri::parse_htu(proof.htu()).ok();
        let now = clock.now();
        let (nonce, new_nonce) = self.check_nonce(proof.nonce(), now);
        Ok(Compared { proof, method, target, signed, now, nonce, new_nonce })
    }

    /// What the rules read.
    pub(crate) fn facts<'a>(&self, compared: &'a Compared, binding: ProofBinding<'a>) -> ProofFacts<'a> {
        let Compared { proof, method, target, signed, now, nonce, .. } = compared;
        ProofFacts {
            proof,
            algorithms: self.algorithms,
            binding,
            method,
            target: Target { expected: target.as_str(), signed: signed.as_ref().map(TargetUri::as_str) },
            now: *now,
            window: self.window,
            freshness: self.fresh_by,
            nonce: *nonce,
        }
    }

    /// The headers of the request that would have made its target the one that the proof signs, if they had counted.
    pub(crate) fn headers_that_match(&self, request: RequestView<'_>, compared: &Compared) -> Vec<&'static str> {
        let signed = compared.signed.as_ref().filter(|signed| **signed != compared.target);
        signed.map(|signed| self.url.headers_that_match(request, signed)).unwrap_or_default()
    }

    /// Inserts a good proof into the replay store, once for each request.
    pub(crate) fn insert(&self, proof: &GoodProof, request: RequestView<'_>, clock: &dyn Clock) -> ReplayAnswer {
        match &self.store {
            Some(store) if !UsedProof::of(proof, store).is_noted(request.extensions) => {
                store.insert(ReplayEntry::new(proof.key, self.keep_for, clock))
            }
            // An outer layer has inserted it for this request, or replays are accepted.
            _ => ReplayAnswer::Now(Ok(Freshness::Fresh)),
        }
    }

    /// What an inner layer of the same server has to know of a proof that passed.
    pub(crate) fn used(&self, proof: &GoodProof) -> Option<UsedProof> {
        self.store.as_ref().map(|store| UsedProof::of(proof, store))
    }

    /// What the nonce of a proof is worth, and a new one for the answer if it expires soon.
    fn check_nonce(&self, nonce: Option<&str>, now: SystemTime) -> (NonceVerdict, Option<HeaderValue>) {
        let Some((nonces, nonce)) = self.nonces.as_ref().zip(nonce) else { return (NonceVerdict::Absent, None) };
        match nonces.check(nonce, now) {
            Ok(age) => (NonceVerdict::Good, nonces.needs_renewal(age).then(|| nonces.issue(now))),
            Err(error) => {
                tracing::debug!(%error, "DPoP nonce refused");
                (NonceVerdict::Bad, None)
            }
        }
    }
}

/// RFC 9449 §4.3, rule 1: there is one header, with one value.
fn only_proof(headers: &HeaderMap) -> Result<&str, ProofError> {
    let mut lines = headers.get_all(PROOF).iter();
    match (lines.next(), lines.next()) {
        // A list of two has a comma, which no proof has.
        (Some(line), None) => line.to_str().map_err(|_| ProofError::NotText),
        (None, _) => Err(ProofError::Absent),
        (Some(_), Some(_)) => Err(ProofError::Several { found: headers.get_all(PROOF).iter().count() }),
    }
}

impl fmt::Debug for ProofVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofVerifier")
            .field("url", &self.url)
            .field("fresh_by", &self.fresh_by)
            .finish_non_exhaustive()
    }
}

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::invalid_public_url::InvalidPublicUrl;
use super::nonce::Nonces;
use super::public_url::PublicUrl;
use super::replay::ReplayStore;
use crate::jose::{Algorithm, AlgorithmSet};

/// The default window around the server's time.
const DEFAULT_WINDOW: Duration = Duration::from_secs(60);

/// How a server accepts tokens that are bound to a key, with DPoP proofs (RFC 9449).
///
/// ```
/// use tower_bearer::dpop::Dpop;
/// use tower_bearer::{Issuer, ResourceServer};
///
/// let api = ResourceServer::builder("https://api.example.com")
///     .trust(Issuer::discover("https://login.example.com")?)
///     .dpop(Dpop::at("https://api.example.com")?)
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A token whose `cnf` has a `jkt` is then accepted with the scheme `DPoP` in the `Authorization` header and a proof by that key. With
/// the scheme `Bearer`, or from another [source](crate::credentials::TokenSource), it is refused with 401 `invalid_token` (§7.2). A token
/// that is not bound to a key is accepted with the scheme `Bearer`, unless a binding is [required](Self::required).
///
/// A page can read the challenge and the nonce in the answer to a cross-origin request only if the answer lists
/// [`EXPOSED_HEADERS`](crate::dpop::EXPOSED_HEADERS) in `Access-Control-Expose-Headers`.
#[derive(Clone)]
#[must_use = "give it to the builder of a server with `dpop`"]
pub struct Dpop {
    pub(super) url: PublicUrl,
    pub(super) algorithms: AlgorithmSet,
    pub(super) issued_at: IssuedAt,
    pub(super) window: Duration,
    pub(super) nonces: Option<Nonces>,
    pub(super) tokens: Tokens,
    pub(super) replays: Replays,
}

/// Whether `iat` counts where nonces are required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IssuedAt {
    Checked,
    Ignored,
}

/// Which tokens are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tokens {
    BoundOrNot,
    BoundOnly,
}

/// How proofs that are used again are detected.
#[derive(Clone)]
pub(super) enum Replays {
    /// By a store in memory, which the server makes.
    InMemory,
    By(Arc<dyn ReplayStore>),
    /// They are accepted while `iat` is within this window.
    AcceptedWithin(Duration),
}

impl Dpop {
    /// Accepts proofs for requests to a service with this public URL, which clients call and sign as `htu`: see [`PublicUrl::new`].
    ///
    /// # Errors
    ///
    /// If a client could not call the URL.
    pub fn at(url: &str) -> Result<Self, InvalidPublicUrl> {
        PublicUrl::new(url).map(Self::at_url)
    }

    /// Accepts proofs for requests to a service with this public URL: for a service behind proxies, or one that is mounted below a path.
    pub fn at_url(url: PublicUrl) -> Self {
        Self {
            url,
            algorithms: AlgorithmSet::all(),
            issued_at: IssuedAt::Checked,
            window: DEFAULT_WINDOW,
            nonces: None,
            tokens: Tokens::BoundOrNot,
            replays: Replays::InMemory,
        }
    }

    /// How far `iat` may be from the server's time, in both directions (RFC 9449 §11.1): between 1 second and 10 minutes.
    ///
    /// Default: 60 seconds. It has no effect if only [nonces](Self::nonces) decide.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Requires a nonce from this server in every proof, and ignores `iat`, so the client's clock does not matter (RFC 9449 §9).
    ///
    /// A proof without a valid nonce is refused with 401 `use_dpop_nonce` and a new nonce, and the client repeats the request once.
    /// Clients' clocks are often wrong by seconds, and sometimes by days. Nonces also prevent the use of proofs that were made in advance
    /// (§11.2).
    ///
    /// Default: no nonces, because they cost a client an additional request. `iat` then has to be within the [window](Self::window).
    pub fn nonces(mut self, nonces: Nonces) -> Self {
        (self.nonces, self.issued_at) = (Some(nonces), IssuedAt::Ignored);
        self
    }

    /// Requires a nonce from this server in every proof, and also an `iat` within the [window](Self::window).
    pub fn nonces_and_issued_at(mut self, nonces: Nonces) -> Self {
        (self.nonces, self.issued_at) = (Some(nonces), IssuedAt::Checked);
        self
    }

    /// Refuses tokens that are not bound to a key with 401 `invalid_token` (RFC 9700 §2.2.1). Challenges then name only the scheme
    /// `DPoP`.
    ///
    /// [`verify`](crate::ResourceServer::verify) then accepts nothing, because it receives a token without a proof.
    ///
    /// Default: such tokens are accepted with the scheme `Bearer`, so that clients can migrate one by one.
    pub fn required(mut self) -> Self {
        self.tokens = Tokens::BoundOnly;
        self
    }

    /// Sets the algorithms that proofs may be signed with, which are the `algs` of the challenge (RFC 9449 §7.1).
    ///
    /// Default: every algorithm of this crate. All are asymmetric.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets the store that detects replayed proofs (RFC 9449 §11.1), such as one that several instances share.
    ///
    /// A proof is kept for about twice the [window](Self::window), or for the lifetime of a [nonce](Nonces::lifetime).
    ///
    /// If the layers of two servers are nested, and the servers share a store, give both a clone of one `Dpop`, so that a request's proof
    /// is inserted only once. With separate stores, each server sees the proof once anyway.
    ///
    /// Default: a [`MemoryReplayStore`](crate::dpop::MemoryReplayStore), which suffices for one process. With the default window it can
    /// take 4,000 requests a second in all, and 60 a second from one client.
    pub fn replay_store(mut self, store: impl ReplayStore) -> Self {
        self.replays = Replays::By(Arc::new(store));
        self
    }

    /// Accepts a proof any number of times while its `iat` is at most `window` from the server's time. This replaces the
    /// [window](Self::window), and `iat` is checked even with [nonces](Self::nonces).
    ///
    /// This is insecure: anyone who captures a request can repeat it. Use it only if several instances cannot share a store.
    pub fn insecure_accept_replay_within(mut self, window: Duration) -> Self {
        self.replays = Replays::AcceptedWithin(window);
        self
    }

    pub(crate) fn is_required(&self) -> bool {
        self.tokens == Tokens::BoundOnly
    }

    /// Whether a proof may be used again within the [window](Self::effective_window).
    pub(crate) fn accepts_replays(&self) -> bool {
        matches!(self.replays, Replays::AcceptedWithin(_))
    }

    /// The public URL of the root of the service, in its normal form.
    pub(crate) fn public_url(&self) -> String {
        self.url.root()
    }

    /// How far `iat` may be from the server's time, where it is checked.
    pub(crate) fn effective_window(&self) -> Duration {
        match self.replays {
            Replays::AcceptedWithin(window) => window,
            Replays::InMemory | Replays::By(_) => self.window,
        }
    }

    /// The names of the accepted algorithms.
    pub(crate) fn algorithm_names(&self) -> Vec<&'static str> {
        let accepted = Algorithm::ALL.iter().filter(|algorithm| self.algorithms.contains(**algorithm));
        accepted.map(|algorithm| algorithm.name()).collect()
    }
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("url", &self.url)
            .field("algorithms", &self.algorithms)
            .field("issued_at", &self.issued_at)
            .field("window", &self.effective_window())
            .field("nonces", &self.nonces)
            .field("tokens", &self.tokens)
            .field("accepts_replays", &self.accepts_replays())
            .finish_non_exhaustive()
    }
}

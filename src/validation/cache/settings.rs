/// How much a server remembers of the tokens that it has verified, for
/// [`Builder::token_cache`](crate::server::Builder::token_cache).
///
/// A token is kept from its second verification on, under a keyed hash and never as text. When it comes again, its signature is
/// not verified again, and [`Claims<T>`](crate::Claims) are not parsed again. Whatever may have changed is checked each time:
/// `exp`, `nbf` and `iat`; that the key which verified it is still one of its issuer's, with the same material and for the same
/// algorithms; and that the keys are not too old. So a withdrawn key, a key that was replaced under the same `kid` and an issuer
/// that has been unreachable for too long count at once, as without a cache. Refused tokens are not kept.
///
/// ```
/// use tower_bearer::validation::TokenCache;
///
/// let busy = TokenCache::default().entries(100_000).bytes(192 * 1024 * 1024);
/// let none = TokenCache::off();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct TokenCache {
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

impl TokenCache {
    /// Remembers nothing: every request costs a verification.
    pub const fn off() -> Self {
        Self { entries: 0, bytes: 0 }
    }

    /// The maximum number of tokens that are kept. Beyond it, the least recently used ones are evicted. `0` is [off](Self::off).
    ///
    /// Default: 10,000, about the number of clients that one instance serves during the lifetime of a token.
    pub const fn entries(mut self, entries: u64) -> Self {
        self.entries = entries;
        self
    }

    /// The maximum memory for the kept tokens, in bytes, with all overhead. `0` is [off](Self::off).
    ///
    /// A token takes the size of its payload, about 0.7 KB for its fields and the cache's own, and with
    /// [`Builder::claims`](crate::server::Builder::claims) the size of `T` and that of the payload once more, an estimate of
    /// what `T` holds on to. Each is counted as its share of the whole at least (`bytes / entries`), which is how both bounds
    /// hold. Beside that there are 8 to 16 bytes for each of the [entries](Self::entries) that there is room for, to know a
    /// token when it comes for the second time.
    ///
    /// Default: 16 MiB, which is 10,000 tokens of 1.3 KB, and little beside what a server needs anyway.
    pub const fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }
}

/// On, with 10,000 entries and 16 MiB.
impl Default for TokenCache {
    fn default() -> Self {
        Self { entries: 10_000, bytes: 16 * 1024 * 1024 }
    }
}

/// What a server remembers of the tokens that it has verified, and what good that does, from
/// [`ResourceServer::token_cache_status`](crate::ResourceServer::token_cache_status).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCacheStatus {
    /// How many tokens are kept.
    pub entries: u64,
    /// What they count for against the bound, in bytes.
    pub bytes: u64,
    /// How many tokens were found good without verifying their signature, since the start.
    pub hits: u64,
    /// How many tokens were found good by verifying their signature, since the start. Refused tokens are in neither number.
    pub misses: u64,
}

impl TokenCacheStatus {
    /// The part of the good tokens that needed no verification, from 0 to 1; 0 before the first.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub fn hit_rate(&self) -> f64 {
        match self.hits + self.misses {
            0 => 0.0,
            all => self.hits as f64 / all as f64,
        }
    }
}

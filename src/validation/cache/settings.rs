/// The size of the cache of verified tokens, for [`Builder::token_cache`](crate::server::Builder::token_cache).
///
/// A token is cached from its second verification on, under a keyed hash and never as text. When it is used again, its signature
/// is not verified and [`Claims<T>`](crate::Claims) are not parsed again. Whatever may have changed is checked each time: `exp`,
/// `nbf` and `iat`; that the key that verified the token still belongs to its issuer, with the same material and for the same
/// algorithms; and that the keys are not too old. So if a key is withdrawn or is
/// replaced under the same `kid`, or if an issuer has been unreachable for too long, that takes effect immediately, as without a cache. Refused
/// tokens are not cached.
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
    /// Disables the cache: every request costs a verification.
    pub const fn off() -> Self {
        Self { entries: 0, bytes: 0 }
    }

    /// Sets the maximum number of cached tokens. Beyond it, the least recently used tokens are evicted. `0` is [off](Self::off).
    ///
    /// Default: 10,000, which is about the number of clients that one instance serves during the lifetime of a token.
    pub const fn entries(mut self, entries: u64) -> Self {
        self.entries = entries;
        self
    }

    /// Sets the maximum memory for the cached tokens, in bytes, including all overhead. `0` is [off](Self::off).
    ///
    /// A token takes the size of its payload plus about 0.7 KB. With [`Builder::claims`](crate::server::Builder::claims), it
    /// also takes the size of `T` and the size of the payload again, as an estimate of what `T` owns. Each token is charged at
    /// least its share of the total (`bytes / entries`), so that both limits hold. In addition, 8 to 16 bytes for each possible
    /// [entry](Self::entries) serve to recognize a token that is used for the second time.
    ///
    /// Default: 16 MiB, which is 10,000 tokens of 1.3 KB, and little compared to what a server needs anyway.
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

/// The content and the effect of the cache of verified tokens, from
/// [`ResourceServer::token_cache_status`](crate::ResourceServer::token_cache_status).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCacheStatus {
    /// How many tokens are cached.
    pub entries: u64,
    /// How much of the memory limit they use, in bytes.
    pub bytes: u64,
    /// How many tokens were accepted without verifying their signature, since the start.
    pub hits: u64,
    /// How many tokens were accepted after verifying their signature, since the start. Refused tokens are in neither number.
    pub misses: u64,
}

impl TokenCacheStatus {
    /// The share of accepted tokens that needed no verification, from 0 to 1; 0 before the first.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub fn hit_rate(&self) -> f64 {
        match self.hits + self.misses {
            0 => 0.0,
            all => self.hits as f64 / all as f64,
        }
    }
}

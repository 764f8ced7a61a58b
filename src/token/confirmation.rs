use super::text::Text;

/// Which key the holder of a token has to prove (`cnf`, RFC 7800 §3.1). If both thumbprints are there, both have to be proven.
#[derive(Clone)]
pub(crate) struct Confirmation<T> {
    /// The thumbprint of the key that signs DPoP proofs (RFC 9449 §6.1).
    pub(crate) jkt: Option<T>,
    /// The SHA-256 hash of the client's certificate (RFC 8705 §3.1).
    pub(crate) x5t_s256: Option<T>,
}

impl<T> Confirmation<T> {
    pub(super) fn map<'c, U>(&'c self, map: impl Fn(&'c T) -> U) -> Confirmation<U> {
        Confirmation { jkt: self.jkt.as_ref().map(&map), x5t_s256: self.x5t_s256.as_ref().map(&map) }
    }
}

impl Confirmation<Text> {
    /// About how many bytes of memory it takes.
    pub(super) fn footprint(&self) -> usize {
        size_of::<Self>() + [&self.jkt, &self.x5t_s256].into_iter().flatten().map(Text::apart).sum::<usize>()
    }
}

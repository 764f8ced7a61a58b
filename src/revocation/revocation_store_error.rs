use std::error::Error;

/// A [`RevocationStore`](super::RevocationStore) does not answer, or not as expected.
#[derive(Debug, thiserror::Error)]
#[error("the shared store of revocations has failed")]
pub struct RevocationStoreError {
    source: Box<dyn Error + Send + Sync>,
}

impl RevocationStoreError {
    /// An error of the store, which becomes the [`source`](Error::source). It is logged, and no client sees it.
    ///
    /// It should contain neither a password of the store nor the record.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

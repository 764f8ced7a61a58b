use std::error::Error;

/// The error of a [`RevocationStore`](super::RevocationStore) that does not answer, or not as expected.
#[derive(Debug, thiserror::Error)]
#[error("the shared store of revocations has failed")]
pub struct RevocationStoreError {
    source: Box<dyn Error + Send + Sync>,
}

impl RevocationStoreError {
    /// Wraps an error of the store, which becomes the [`source`](Error::source). It is logged, and never sent
    /// to a client.
    ///
    /// It should contain neither the store's password nor the record.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

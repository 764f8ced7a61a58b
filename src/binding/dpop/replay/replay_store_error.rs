use std::error::Error;

/// The error of a [`ReplayStore`](super::ReplayStore) that could not tell whether a proof is fresh. The
/// request is refused with 503.
#[derive(Debug, thiserror::Error)]
#[error("the replay store could not tell whether the proof has been used")]
pub struct ReplayStoreError {
    source: Box<dyn Error + Send + Sync>,
}

impl ReplayStoreError {
    /// Wraps an error of the store, which becomes the [`source`](Error::source). It is logged, and never sent
    /// to a client.
    ///
    /// It should contain neither the store's password nor the key of the entry.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_the_source_and_not_in_the_text() {
        let error = ReplayStoreError::new("connection reset");
        assert_eq!(error.to_string(), "the replay store could not tell whether the proof has been used");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("connection reset"));
    }
}

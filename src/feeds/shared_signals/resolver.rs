use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::unmatched_subject::UnmatchedSubject;
use crate::revocation::Revocation;

/// How long the application may take to find a subject.
const MAX_TIME: Duration = Duration::from_secs(10);

type ResolveFuture = Pin<Box<dyn Future<Output = Result<Vec<Revocation>, BoxError>> + Send>>;
type BoxError = Box<dyn Error + Send + Sync>;

/// The application's own way from a subject to revocations.
#[derive(Clone)]
pub(super) struct Resolver(Arc<dyn Fn(UnmatchedSubject) -> ResolveFuture + Send + Sync>);

impl Resolver {
    pub(super) fn new<F, Fut, R, E>(resolve: F) -> Self
    where
        F: Fn(UnmatchedSubject) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoIterator<Item = Revocation>,
        E: Into<BoxError>,
    {
        Self(Arc::new(move |subject| {
            let resolving = resolve(subject);
            Box::pin(async move {
                let found = resolving.await.map_err(Into::into)?;
                Ok(found.into_iter().collect())
            })
        }))
    }

    /// The revocations of the subject. A revocation to which the application has given no time gets that of the event, because the event may be
    /// sent again later.
    pub(super) async fn resolve(&self, subject: UnmatchedSubject) -> Result<Vec<Revocation>, BoxError> {
        let time = subject.time;
        let found = tokio::time::timeout(MAX_TIME, (self.0)(subject)).await.map_err(BoxError::from)??;
        Ok(found.into_iter().map(|revocation| revocation.at_or(time)).collect())
    }
}

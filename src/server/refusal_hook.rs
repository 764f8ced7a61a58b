use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::rejection::Refusal;

/// The callback that the application has set for refused requests.
#[derive(Clone)]
pub(super) struct RefusalHook(Arc<dyn Fn(&Refusal<'_>) + Send + Sync>);

impl RefusalHook {
    pub(super) fn new(hook: impl Fn(&Refusal<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    /// Calls it. A panic in it ends here: the request is refused already.
    pub(super) fn call(&self, refusal: &Refusal<'_>) {
        // What the hook has left half done is its own.
        if catch_unwind(AssertUnwindSafe(|| (self.0)(refusal))).is_err() {
            tracing::error!("the callback set with on_refusal has panicked; the request is still refused");
        }
    }
}

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rmcp::model::{ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, tool, tool_handler, tool_router};

/// How often each tool was run.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    reads: Arc<AtomicUsize>,
    deletes: Arc<AtomicUsize>,
    resources: Arc<AtomicUsize>,
}

impl Calls {
    /// Reads, deletes and resources, since the last time.
    pub(crate) fn take(&self) -> [usize; 3] {
        [&self.reads, &self.deletes, &self.resources].map(|count| count.swap(0, Ordering::Relaxed))
    }
}

#[derive(Clone)]
pub(crate) struct Tools {
    calls: Calls,
}

#[tool_router]
impl Tools {
    pub(crate) fn new(calls: Calls) -> Self {
        Self { calls }
    }

    #[tool(description = "Reads")]
    async fn read_file(&self) -> String {
        self.calls.reads.fetch_add(1, Ordering::Relaxed);
        "read".to_owned()
    }

    #[tool(description = "Deletes")]
    async fn delete_file(&self) -> String {
        self.calls.deletes.fetch_add(1, Ordering::Relaxed);
        "deleted".to_owned()
    }
}

#[tool_handler]
impl ServerHandler for Tools {
    async fn read_resource(
        &self,
        _: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.calls.resources.fetch_add(1, Ordering::Relaxed);
        Ok(ReadResourceResult::new(Vec::new()).into())
    }
}

//! The tools: some files to list, delete and watch.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::request::Parts;
use rmcp::handler::server::tool::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{ProgressNotificationParam, RequestMetaObject};
use rmcp::schemars::{self, JsonSchema};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, tool, tool_handler, tool_router};
use serde::Deserialize;
use tower_bearer::AccessToken;

/// How often a watcher hears of the files.
const PERIOD: Duration = Duration::from_millis(500);

/// What every request's handler shares.
#[derive(Clone)]
pub(crate) struct Files(Arc<Mutex<BTreeSet<String>>>);

#[derive(Deserialize, JsonSchema)]
struct Name {
    /// The name of a file
    name: String,
}

impl Default for Files {
    fn default() -> Self {
        let names = ["accounts.txt", "letter.txt", "notes.txt"];
        Self(Arc::new(Mutex::new(names.map(ToOwned::to_owned).into())))
    }
}

/// None of the tools asks what a token may do: that is decided before, by the layers of the router.
#[tool_router]
impl Files {
    #[tool(description = "Lists the files")]
    async fn list_files(&self) -> String {
        self.names().join("\n")
    }

    #[tool(description = "Deletes a file")]
    async fn delete_file(&self, Parameters(Name { name }): Parameters<Name>) -> Result<String, ErrorData> {
        let was_there = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        if was_there { Ok(format!("{name} is deleted")) } else { Err(ErrorData::invalid_params("no such file", None)) }
    }

    #[tool(description = "Tells who the caller is")]
    async fn whoami(&self, Extension(parts): Extension<Parts>) -> Result<String, ErrorData> {
        let token = access_token(&parts)?;
        let client = token.client_id().unwrap_or("unknown");
        Ok(format!("{} with the client {client} and the scope {:?}", token.subject(), token.scope().as_str()))
    }

    #[tool(
        description = "Reports the number of files twice a second, as progress, for as long as the access token is valid"
    )]
    async fn watch_files(
        &self,
        meta: RequestMetaObject,
        context: RequestContext<RoleServer>,
    ) -> Result<String, ErrorData> {
        let progress = meta.get_progress_token().ok_or_else(|| ErrorData::invalid_params("no progress token", None))?;
        let mut ticks = tokio::time::interval(PERIOD);
        for step in 0_u32.. {
            tokio::select! {
                () = context.ct.cancelled() => break,
                _ = ticks.tick() => {}
            }
            let message = format!("{} files", self.names().len());
            let told = ProgressNotificationParam::new(progress.clone(), f64::from(step)).with_message(message);
            // The layer has ended the response with the token, or the client is gone.
            if context.peer.notify_progress(told).await.is_err() {
                break;
            }
        }
        Ok("there are no more watchers".to_owned())
    }

    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[tool_handler(name = "files", instructions = "Some files to list, delete and watch.")]
impl ServerHandler for Files {}

/// The token of the HTTP request that a message came with.
fn access_token(parts: &Parts) -> Result<&AccessToken, ErrorData> {
    parts.extensions.get().ok_or_else(|| ErrorData::internal_error("the protecting layer is missing", None))
}

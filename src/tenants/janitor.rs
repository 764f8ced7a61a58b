//! A task that removes idle tenants while no request does.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;

use super::tenant_table::{State, TenantTable};

/// The task looks this many times within the time after which a tenant is idle.
const LOOKS: u32 = 4;

/// Starts the task, unless it runs. It ends with the table, or with its runtime; the next load then starts another.
pub(super) fn keep(table: &Arc<TenantTable>, state: &mut State, runtime: &Handle) {
    if state.janitor.as_ref().is_none_or(tokio::task::JoinHandle::is_finished) {
        let pause = table.settings().idle_after / LOOKS;
        // Spawning takes no lock of the table: the task does not end before its first pause.
        state.janitor = Some(runtime.spawn(run(Arc::downgrade(table), pause)));
    }
}

async fn run(table: Weak<TenantTable>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(table) = table.upgrade() else { return };
        table.remove_idle();
    }
}

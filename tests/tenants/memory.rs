//! The memory of tenants, in bytes.

use std::env;
use std::process::Command;

use allocation_counter::{AllocationInfo, measure};
use tower_bearer::tenants::{ResolveError, TenantSettings, from_fn};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Issuer, ResourceServer};

use super::iss;
use crate::harness::memory_source::{Fetch, SECOND, Source, keys};
use crate::harness::{AUDIENCE, paused_runtime, small_issuer};

const IN_TABLE: usize = 64;

/// A server that knows every tenant, without keeping a list of them.
fn server(signer: &TestIssuer) -> ResourceServer {
    let keys = keys(signer);
    let resolver = from_fn(move |iss: String| {
        let source = Source::new(Fetch::Keys(keys.clone(), None));
        async move { Issuer::keys(&iss, source).map(Some).map_err(ResolveError::new) }
    });
    let settings = TenantSettings::new(resolver).max_tenants(IN_TABLE);
    ResourceServer::builder(AUDIENCE).trust_resolved(settings).build().unwrap()
}

/// What is allocated more after the tenants were used than before. Everything runs on this thread.
fn used(
    numbers: std::ops::Range<usize>,
    runtime: &tokio::runtime::Runtime,
    mut work: impl AsyncFnMut(usize),
) -> AllocationInfo {
    measure(|| {
        runtime.block_on(async {
            for number in numbers {
                work(number).await;
                // The budget of fetches is not the point here.
                tokio::time::advance(SECOND / 10).await;
            }
            // Tasks of tenants that have left end.
            tokio::time::sleep(SECOND).await;
        });
    })
}

/// Asserts that ten thousand tenants need as much memory as a thousand do.
fn assert_bounded(is_signed: bool) {
    let (signer, runtime) = (small_issuer(), paused_runtime());
    let api = server(&signer);
    let work = async |number: usize| {
        let mut token = signer.token().claim("iss", iss(number)).audience(AUDIENCE).sign();
        if !is_signed {
            token.replace_range(token.len() - 86.., &"A".repeat(86));
        }
        assert_eq!(api.verify(&token).await.is_ok(), is_signed, "{number}");
    };
    let first = used(0..1000, &runtime, work);
    assert!(first.bytes_current < 1024 * 1024, "{first:?}");
    let further = used(1000..10_000, &runtime, work);
    assert!(further.bytes_current < 16 * 1024 && further.bytes_max < 64 * 1024, "{further:?}");
}

/// Runs the test in a process of its own. What this thread drops may be freed by another thread that uses such a table, and is then counted there.
fn alone(name: &str, run: impl FnOnce()) {
    const ALONE: &str = "MEMORY_OF_TENANTS_ALONE";
    if env::var_os(ALONE).is_some() {
        return run();
    }
    let name = format!("tenants::memory::{name}");
    let output = Command::new(env::current_exe().unwrap()).args(["--exact", &name]).env(ALONE, "").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn ten_thousand_tenants_need_no_more_memory_than_a_thousand() {
    alone("ten_thousand_tenants_need_no_more_memory_than_a_thousand", || assert_bounded(true));
}

#[test]
fn ten_thousand_tenants_that_only_strangers_name_need_no_more_memory_than_a_thousand() {
    let name = "ten_thousand_tenants_that_only_strangers_name_need_no_more_memory_than_a_thousand";
    alone(name, || assert_bounded(false));
}

//! The metrics that the work of one thread records.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tower_bearer::metrics;

use super::current_thread_runtime;

/// Runs a story on this thread alone, which may read what is recorded so far. The scrape at its end.
pub(crate) fn recording(story: impl AsyncFnOnce(PrometheusHandle)) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = current_thread_runtime();
    ::metrics::with_local_recorder(&recorder, || {
        metrics::describe();
        runtime.block_on(story(recorder.handle()));
    });
    handle.render()
}

/// The scrape after a story that runs on this thread alone.
pub(crate) fn scrape_after(story: impl Future<Output = ()>) -> String {
    recording(async |_| story.await)
}

/// The lines of a scrape about a metric, without its name, in order.
pub(crate) fn lines<'s>(scrape: &'s str, name: &str) -> Vec<&'s str> {
    let mut lines: Vec<_> = scrape.lines().filter_map(|line| line.strip_prefix(name)).collect();
    lines.sort_unstable();
    lines
}

/// The value of a metric without labels but `labels`.
#[track_caller]
pub(crate) fn value(scrape: &str, name: &str, labels: &str) -> String {
    let series = format!("{name}{labels} ");
    let line = scrape.lines().find_map(|line| line.strip_prefix(series.as_str()));
    line.unwrap_or_else(|| panic!("no {series}in {scrape}")).to_owned()
}

use std::error::Error;
use std::hash::RandomState;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tracing::dispatcher;

use super::named_files::named_files;
use super::reloaded::Reloaded;
use super::stamp::{Stamp, read};
use super::watch_error::WatchError;
use super::watch_status::WatchStatus;
use crate::ResourceServer;
use crate::clock::Clock;
use crate::config::{Config, Problems};
use crate::metrics;
use crate::server::{Builder, Reloadable};

/// The maximum size of a configuration, as of a document.
const MAX_FILE: u64 = 1024 * 1024;

/// How long content must stay the same before it counts: a file may be written while it is read.
const SETTLE: Duration = Duration::from_millis(200);

/// Makes a configuration of a text, in the format of the application.
type Parse = dyn Fn(&str) -> Result<Config, Box<dyn Error + Send + Sync>> + Send + Sync;
/// Is told of each outcome.
type OnReload = dyn Fn(Result<&Reloaded, &WatchError>) + Send + Sync;

/// How a server is made of a file.
pub(super) struct Recipe {
    pub(super) path: PathBuf,
    /// Keys are kept only by a server with the same clock.
    pub(super) clock: Arc<dyn Clock>,
    pub(super) parse: Box<Parse>,
    pub(super) customize: Box<dyn Fn(Builder) -> Builder + Send + Sync>,
    pub(super) on_reload: Box<OnReload>,
}

/// Reads the file again and again, and replaces the configuration of the server. All of it blocks.
pub(super) struct Follower {
    recipe: Recipe,
    key: RandomState,
    /// Held while the file is read, so that one reading follows the other.
    state: Mutex<State>,
    status: Mutex<WatchStatus>,
}

struct State {
    server: Reloadable,
    seen: Seen,
    /// The path of the metadata document for which the application has a route.
    routed: Option<String>,
}

/// What the last reading found.
struct Seen {
    stamp: Stamp,
    /// The files that the configuration names.
    named: Vec<PathBuf>,
    failed: bool,
}

impl Follower {
    pub(super) fn start(recipe: Recipe) -> Result<Self, WatchError> {
        let key = RandomState::new();
        let (seen, builder) = recipe.read(&key);
        let server = Reloadable::build(builder?).map_err(|error| recipe.settings_error(Problems::of(&error)))?;
        let routed = metadata_path(&server.server());
        let state = Mutex::new(State { server, seen, routed });
        metrics::configuration_read(true, false);
        Ok(Self { recipe, key, state, status: Mutex::default() })
    }

    /// Polls the file until the task is aborted.
    pub(super) async fn run(self: Arc<Self>, interval: Duration) {
        let settle = SETTLE.min(interval);
        loop {
            tokio::time::sleep(interval).await;
            let found = self.blocking(Self::find_change).await.flatten();
            if let Some(stamp) = found {
                tokio::time::sleep(settle).await;
                self.blocking(move |follower| follower.reload_if(stamp)).await;
            }
        }
    }

    /// Reads the file, whether it has changed or not.
    pub(super) fn reload(&self) -> Result<Reloaded, WatchError> {
        self.reload_with(&mut self.state(), Told::Always)
    }

    pub(super) fn server(&self) -> ResourceServer {
        self.state().server.server()
    }

    pub(super) fn status(&self) -> WatchStatus {
        lock(&self.status).clone()
    }

    pub(super) fn path(&self) -> &Path {
        &self.recipe.path
    }

    /// What the files contain now, if that has changed since the last reading, or if that failed.
    fn find_change(&self) -> Option<Stamp> {
        let state = self.state();
        let stamp = self.stamp(&state.seen);
        (state.seen.failed || stamp != state.seen.stamp).then_some(stamp)
    }

    /// Reads the file if it still contains what was found.
    fn reload_if(&self, found: Stamp) {
        let mut state = self.state();
        if self.stamp(&state.seen) == found {
            drop(self.reload_with(&mut state, Told::IfNew));
        }
    }

    fn stamp(&self, seen: &Seen) -> Stamp {
        let content = read(&self.recipe.path, MAX_FILE);
        Stamp::of(&self.key, &content, seen.named.iter().map(PathBuf::as_path))
    }

    fn reload_with(&self, state: &mut State, told: Told) -> Result<Reloaded, WatchError> {
        let replaced = catch_unwind(AssertUnwindSafe(|| self.replace(state))).unwrap_or(Err(WatchError::Panicked));
        state.seen.failed = replaced.is_err();
        let mut status = lock(&self.status);
        let is_new = told == Told::Always || status.last_error.as_ref() != replaced.as_ref().err();
        match &replaced {
            Ok(reloaded) => {
                status.reloads += 1;
                status.last_error = None;
                status.needs_restart.clone_from(&reloaded.needs_restart);
            }
            Err(error) => {
                status.refusals += u64::from(is_new);
                status.last_error = Some(error.clone());
            }
        }
        drop(status);
        metrics::configuration_read(replaced.is_ok(), is_new || replaced.is_ok());
        if is_new || replaced.is_ok() {
            self.tell(replaced.as_ref());
        }
        replaced
    }

    fn replace(&self, state: &mut State) -> Result<Reloaded, WatchError> {
        let (seen, builder) = self.recipe.read(&self.key);
        state.seen = seen;
        let changes = state.server.replace(builder?);
        let changes = changes.map_err(|error| self.recipe.settings_error(Problems::of(&error)))?;
        let now = metadata_path(&state.server.server());
        Ok(Reloaded::new(changes, needs_restart(state.routed.as_deref(), now.as_deref())))
    }

    /// Logs the outcome, and calls the application.
    fn tell(&self, outcome: Result<&Reloaded, &WatchError>) {
        let path = &self.recipe.path;
        match outcome {
            Ok(Reloaded { added, changed, removed, kept, needs_restart }) => {
                tracing::info!(?path, ?added, ?changed, ?removed, kept, "the configuration was replaced");
                for what in needs_restart {
                    tracing::warn!(?path, "{what}");
                }
            }
            Err(WatchError::Settings { problems, .. }) => {
                for problem in problems {
                    tracing::error!(?path, %problem, "the configuration file has a mistake, so the last good configuration stays in use");
                }
            }
            Err(error) => {
                tracing::error!(?path, %error, "the configuration file is not used, so the last good configuration stays in use");
            }
        }
        // A panic of the application must end neither the polling nor this reload.
        drop(catch_unwind(AssertUnwindSafe(|| (self.recipe.on_reload)(outcome))));
    }

    /// The result of `work` on a thread for it. `None` if the runtime has ended.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let follower = Arc::clone(self);
        // What is logged there belongs to the subscriber of the task.
        let subscriber = dispatcher::get_default(Clone::clone);
        spawn_blocking(move || dispatcher::with_default(&subscriber, || work(&follower))).await.ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Which mistakes are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Always,
    IfNew,
}

impl Recipe {
    /// What the file contains, and the builder that it makes.
    fn read(&self, key: &RandomState) -> (Seen, Result<Builder, WatchError>) {
        let content = read(&self.path, MAX_FILE);
        let config = self.parse(&content);
        // Before the named files are read for their content: what changes between is found at the next reading.
        let named = config.as_ref().map(|config| named_files(&config.tree)).unwrap_or_default();
        let stamp = Stamp::of(key, &content, named.iter().copied());
        let named = named.into_iter().map(Path::to_owned).collect();
        let builder = config.and_then(|config| config.builder().map_err(|problems| self.settings_error(problems)));
        (
            Seen { stamp, named, failed: false },
            builder.map(|builder| (self.customize)(builder.shared_clock(Arc::clone(&self.clock)))),
        )
    }

    fn settings_error(&self, problems: Problems) -> WatchError {
        WatchError::Settings { path: self.path.clone(), problems }
    }

    fn parse(&self, content: &io::Result<Vec<u8>>) -> Result<Config, WatchError> {
        let path = || self.path.clone();
        let content = content.as_ref().map_err(|error| WatchError::Read { path: path(), kind: error.kind() })?;
        if content.len() as u64 > MAX_FILE {
            return Err(WatchError::TooLarge { path: path() });
        }
        let text = std::str::from_utf8(content).map_err(|_| WatchError::NotUtf8 { path: path() })?;
        (self.parse)(text).map_err(|error| {
            let reason = error.to_string();
            WatchError::Format { path: path(), reason: reason.lines().next().unwrap_or_default().into() }
        })
    }
}

fn metadata_path(server: &ResourceServer) -> Option<String> {
    server.metadata().map(|metadata| metadata.path().to_owned())
}

/// What only a restart applies.
fn needs_restart(routed: Option<&str>, now: Option<&str>) -> Vec<String> {
    let Some(now) = now.filter(|now| Some(*now) != routed) else { return Vec::new() };
    let routed = routed.unwrap_or("no path");
    vec![format!(
        "the metadata document belongs at {now}, and was at {routed} at the start: only a restart changes its route"
    )]
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The configuration is replaced as a whole, so the state is consistent even after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::clock::SystemClock;

    const GOOD: &str = "audience = \"https://api.example.com\"\nissuers = [\"https://login.example.com\"]";

    /// A reload happens on a thread for blocking work, where no test looks: so these call it themselves.
    #[test]
    fn reloads_are_recorded_and_a_mistake_once() {
        let path = std::env::temp_dir().join(format!("tower-bearer-follower-{:016x}.toml", fastrand::u64(..)));
        std::fs::write(&path, GOOD).unwrap();
        let recorder = PrometheusBuilder::new().build_recorder();
        let scrape = recorder.handle();
        ::metrics::with_local_recorder(&recorder, || {
            let follower = Follower::start(Recipe {
                path: path.clone(),
                clock: Arc::new(SystemClock),
                parse: Box::new(|text| toml::from_str(text).map_err(Into::into)),
                customize: Box::new(|builder| builder),
                on_reload: Box::new(|_| {}),
            });
            let follower = follower.unwrap();
            assert_eq!(series(&scrape.render()), ["current 1"]);
            for (text, expected) in [
                ("nonsense", ["current 0", "reloads_total{result=\"failure\"} 1"].as_slice()),
                ("nonsense", &["current 0", "reloads_total{result=\"failure\"} 1"]),
                (GOOD, &["current 1", "reloads_total{result=\"failure\"} 1", "reloads_total{result=\"success\"} 1"]),
            ] {
                std::fs::write(&path, text).unwrap();
                let found = follower.find_change().unwrap();
                follower.reload_if(found);
                assert_eq!(series(&scrape.render()), expected);
            }
            assert!(follower.find_change().is_none());
        });
        std::fs::remove_file(path).unwrap();
    }

    fn series(scrape: &str) -> Vec<&str> {
        let mut lines: Vec<_> =
            scrape.lines().filter_map(|line| line.strip_prefix("tower_bearer_configuration_")).collect();
        lines.sort_unstable();
        lines
    }
}

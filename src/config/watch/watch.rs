use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::follower::{Follower, Recipe};
use super::reloaded::Reloaded;
use super::watch_error::WatchError;
use super::watched::Watched;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::server::Builder;

/// How often the file is read.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// The shortest interval that can be set, so that a mistake does not keep a core busy.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// Creates a server from the configuration file at `path`, and follows the file while the server runs: see [`Watch`].
///
/// `parse` turns the text of the file, in whatever format, into a [`Config`]. It is called at every reload, and may extract the `Config` from the
/// application's own settings.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("tower-bearer-doc-watch-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("api.toml");
/// # std::fs::write(&path, "audience = \"https://api.example.com\"\nissuers = [\"https://login.example.com\"]")?;
/// use tower_bearer::config;
///
/// let watched = config::watch(&path, |text| toml::from_str(text)).start()?;
/// let api = watched.server();
/// let app: axum::Router = axum::Router::new().layer(api.layer()); // keep `watched` as long as this
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(()) }
/// ```
///
/// Only the first line of the error of `parse` is [reported](WatchError::Format). There, `toml` says where the mistake is, but not what it is. This
/// reports both:
///
/// ```
/// use tower_bearer::config::{self, Config};
///
/// fn parse(text: &str) -> Result<Config, String> {
///     toml::from_str(text).map_err(|error| {
///         let whole = error.to_string();
///         format!("{}: {}", whole.lines().next().unwrap_or_default(), error.message())
///     })
/// }
/// # assert_eq!(parse("audience = 1\nissuers").unwrap_err(), "TOML parse error at line 2, column 8: key with no value, expected `=`");
/// let watch = config::watch("/etc/shop/api.toml", parse);
/// ```
pub fn watch<E>(path: impl Into<PathBuf>, parse: impl Fn(&str) -> Result<Config, E> + Send + Sync + 'static) -> Watch
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let recipe = Recipe {
        path: path.into(),
        clock: Arc::new(SystemClock),
        parse: Box::new(move |text| parse(text).map_err(Into::into)),
        customize: Box::new(|builder| builder),
        on_reload: Box::new(|_| {}),
    };
    Watch { recipe, interval: Some(DEFAULT_INTERVAL) }
}

/// Follows a configuration file, so that operators can change the configuration without a restart.
///
/// [`watch`] creates one, and [`start`](Self::start) reads the file for the first time. From then on, the file is read every [5
/// seconds](Self::interval) and at each call of [`Watched::reload`]. A changed file replaces either the whole configuration or none of it:
///
/// - **A mistake changes nothing.** A file that cannot be read, that is not text, that `parse` rejects, or that has a
///   [problem](crate::config::Problems) leaves the last good configuration in place. All problems are logged as errors with `tracing`, shown in
///   [`Watched::status`] and passed to [`on_reload`](Self::on_reload). The next reading tries again. Polling reports the same mistake only once; [`Watched::reload`] reports
///   it each time.
/// - **A request has one configuration** from beginning to end, in all layers that it passes. The new configuration applies to every request that
///   begins after the change. If a request is waiting when the issuer of its token is removed or changed, it is validated with the new configuration.
/// - **What is unchanged is kept**: an issuer's keys and their age, if the keys come from the same place, so nothing is fetched; cached tokens and
///   answers about opaque tokens, if their issuer and all rules for them are unchanged; used proofs and random nonce keys; and the identity of the
///   server, so that [`check`](crate::ResourceServer::check) recognizes tokens that were validated before.
/// - **Changes and removals take effect immediately**: tokens of an issuer whose keys, audience, algorithms or other rules have changed are validated
///   again. Tokens of a removed issuer are refused, and its keys are dropped and no longer fetched.
///
/// A reload also reads the files that the settings name: client secrets, private keys and nonce keys, which are settings whose names end in `_file`
/// or `_files`. A change to such a file is noticed like a change to the configuration file. A `jwks_file` is followed
/// [separately](crate::keys::KeyFile).
///
/// # How changes are noticed
///
/// The content is compared, not the modification time. So this works on every file system, with editors that replace the file, and with the links of
/// a Kubernetes `ConfigMap`. A file that is written in place may be read half-written, so changed content is used only if a second reading, 0.2
/// seconds later, finds the same. To be sure, replace the file by renaming a new one.
///
/// # What is set in code
///
/// [`customize`](Self::customize) completes the builder at each reload, for example with [revocations](crate::server::Builder::revocations) and their
/// feeds. The settings of a [layer](crate::ResourceServer::layer) are also set in code: its
/// token sources, its requirement, whether credentials are optional, and its responder. They do not change while the layer exists. Challenges, the
/// realm, DPoP and its scheme, scopes that imply others, and the metadata document come from the configuration. For the document, route
/// [`metadata_service`](crate::ResourceServer::metadata_service).
///
/// Only a new path for the metadata document needs a restart, because the application has routed the old one. A warning and
/// [`Reloaded::needs_restart`] report it.
///
/// # Limits
///
/// - After a change to a larger [`window`](crate::dpop::Dpop::window), or to another rule for the age of DPoP proofs, an earlier proof may be used
///   once more, as after a restart.
/// - Issuers that [`customize`](Self::customize) adds with keys from the application's own source keep their keys if they are clones of one issuer.
///   An issuer that is created at each call is a new one each time.
/// - If [`token_cache`](crate::server::Builder::token_cache) changes, all cached tokens are validated again.
#[must_use = "nothing is read before it is started"]
pub struct Watch {
    recipe: Recipe,
    interval: Option<Duration>,
}

impl Watch {
    /// Sets how often the file is read: at least 10 milliseconds. Shorter values are raised to that.
    ///
    /// Default: 5 seconds. A reading takes tens of microseconds.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval.max(MIN_INTERVAL));
        self
    }

    /// Reads the file only when [`Watched::reload`] is called, for example by a signal handler.
    ///
    /// Default: it is also read every [5 seconds](Self::interval).
    pub fn without_polling(mut self) -> Self {
        self.interval = None;
        self
    }

    /// Completes the builder at each reload, with everything that is not data.
    ///
    /// `customize` is called with the settings of the file, on a thread for blocking work. Create what has to outlive a reload outside, and clone it
    /// here:
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_bearer::config;
    /// use tower_bearer::revocation::Revocations;
    ///
    /// let revocations = Revocations::new(Duration::from_secs(3600));
    /// let watch = config::watch("/etc/shop/api.toml", |text| toml::from_str(text))
    ///     .customize(move |builder| builder.revocations(revocations.clone()));
    /// ```
    ///
    /// Set the clock with [`clock`](Self::clock). A clock that is set here is a new one each time, and all keys are then fetched again.
    ///
    /// Default: only the settings of the file.
    pub fn customize(mut self, customize: impl Fn(Builder) -> Builder + Send + Sync + 'static) -> Self {
        self.recipe.customize = Box::new(customize);
        self
    }

    /// Sets the source of time, like [`Builder::clock`].
    ///
    /// Default: the system's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.recipe.clock = Arc::new(clock);
        self
    }

    /// Sets a callback that runs for every reload, with what has changed or why nothing has. It must be quick and must not call [`Watched::reload`].
    ///
    /// Polling does not call it for a file that is unchanged since the last reading, or for a mistake that has already been reported.
    ///
    /// Default: only logs and [`Watched::status`].
    pub fn on_reload(mut self, on_reload: impl Fn(Result<&Reloaded, &WatchError>) + Send + Sync + 'static) -> Self {
        self.recipe.on_reload = Box::new(on_reload);
        self
    }

    /// Reads the file, builds the server and starts to follow the file. It blocks while it reads, and must be called within a tokio runtime with time
    /// enabled. Nothing is fetched.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or has a mistake, because there is no good configuration yet.
    ///
    /// # Panics
    ///
    /// If the application's parser or [`customize`](Self::customize) panics. A later reading returns [`WatchError::Panicked`] instead.
    pub fn start(self) -> Result<Watched, WatchError> {
        let runtime = Handle::try_current().map_err(|_| WatchError::NoRuntime)?;
        let follower = Arc::new(Follower::start(self.recipe)?);
        let poll = self.interval.map(|interval| runtime.spawn(Arc::clone(&follower).run(interval)).abort_handle());
        Ok(Watched::new(follower, poll))
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("path", &self.recipe.path)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

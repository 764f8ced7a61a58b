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
/// At least this often less, so that a mistake does not keep a core busy.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// A server from the configuration file at `path`, which follows the file while it runs: see [`Watch`].
///
/// `parse` makes the [`Config`] of the text of the file, in whatever format it has. It is called at every reload, and may take the
/// `Config` out of the application's own settings.
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

/// Follows a configuration file, so that operators change the configuration without a restart.
///
/// [`watch`] makes one, and [`start`](Self::start) reads the file for the first time. From then on the file is read every
/// [5 seconds](Self::interval), and at each call of [`Watched::reload`]. A file that has changed replaces the whole configuration, or
/// nothing of it:
///
/// - **A mistake changes nothing.** A file that cannot be read, that is no text, that `parse` refuses, or that has a
///   [problem](crate::config::Problems) leaves the last good configuration in place. All problems are logged as errors (`tracing`), and are
///   in [`Watched::status`] and in the outcome for [`on_reload`](Self::on_reload). The next reading tries again. The same mistake is told once.
/// - **A request has one configuration**, from its beginning to its end, in all layers that it passes. The new one counts for every request that
///   begins after the change. If a request waits meanwhile, and the issuer of its token was removed or changed, it is validated with the new
///   one.
/// - **What is unchanged stays**: the keys of an issuer whose keys come from the same place, with their age, so nothing is fetched; remembered tokens
///   and answers about opaque tokens, if their issuer and all rules for them are the same; the proofs that were used, random keys of nonces;
///   the identity of the server, so that [`check`](crate::ResourceServer::check) knows tokens that were validated before.
/// - **What is changed or gone counts at once**: tokens of an issuer whose keys, audience, algorithms or other rules are others are validated anew, and those of a
///   removed issuer are refused. Its keys are dropped and not fetched any more.
///
/// Files that the settings name are read again at a reload: client secrets, private keys and keys of nonces, which are settings
/// whose names end with `_file` or `_files`. A change of such a file is noticed as a change of the configuration file is. A `jwks_file` is
/// read [by itself](crate::keys::KeyFile).
///
/// # How changes are noticed
///
/// The content is compared, and not the time of the last change. So it works on every file system, with editors that replace the file, and
/// with the links of a Kubernetes `ConfigMap`. A file that is written in place may be read half: so content that has changed counts only when a
/// second reading, 0.2 seconds later, finds the same. Replace the file by a rename to be sure.
///
/// # What is code
///
/// [`customize`](Self::customize) completes the builder at each reload. The settings of a [layer](crate::ResourceServer::layer) are code too: its
/// sources of tokens, its requirement, whether credentials are optional, its responder. They are the same as long as the layer exists.
/// Challenges, realm, DPoP with its scheme, scopes that imply others, and the metadata document come from the configuration. For the document, route
/// [`metadata_service`](crate::ResourceServer::metadata_service).
///
/// One thing needs a restart: the path of the metadata document, which the application has routed. A new path is told by a warning and in
/// [`Reloaded::needs_restart`].
///
/// # Limits
///
/// - If a larger [`window`](crate::dpop::Dpop::window), or another rule for the age of DPoP proofs, replaces one, a proof from before may be used once more, as
///   after a restart.
/// - Issuers that [`customize`](Self::customize) adds, with keys from a source of the application, keep their keys if they are clones of one issuer. An issuer that is
///   made anew at each call is another one each time.
/// - With another [`token_cache`](crate::server::Builder::token_cache), all remembered tokens are validated again.
#[must_use = "nothing is read before it is started"]
pub struct Watch {
    recipe: Recipe,
    interval: Option<Duration>,
}

impl Watch {
    /// How often the file is read. Less than 10 milliseconds counts as 10.
    ///
    /// Default: 5 seconds. A reading takes some ten microseconds.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval.max(MIN_INTERVAL));
        self
    }

    /// Reads the file only when [`Watched::reload`] is called, such as by the handler of a signal.
    ///
    /// Default: it is read every [5 seconds](Self::interval) too.
    pub fn without_polling(mut self) -> Self {
        self.interval = None;
        self
    }

    /// Completes the builder at each reload, with everything that is not data.
    ///
    /// It is called with the settings of the file, on a thread for blocking work. What is to last must be made outside, and cloned here:
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
    /// The clock is set by [`clock`](Self::clock). One that is set here is another clock each time, and all keys are fetched anew.
    ///
    /// Default: the settings of the file are all.
    pub fn customize(mut self, customize: impl Fn(Builder) -> Builder + Send + Sync + 'static) -> Self {
        self.recipe.customize = Box::new(customize);
        self
    }

    /// The source of time, as for [`Builder::clock`].
    ///
    /// Default: the system's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.recipe.clock = Arc::new(clock);
        self
    }

    /// Is told of every reload: what has changed, or why nothing has. It must be quick and must not call [`Watched::reload`].
    ///
    /// A file that is unchanged since the last reading is no reload, and neither is a mistake that has been told.
    ///
    /// Default: logs and [`Watched::status`] alone.
    pub fn on_reload(mut self, on_reload: impl Fn(Result<&Reloaded, &WatchError>) + Send + Sync + 'static) -> Self {
        self.recipe.on_reload = Box::new(on_reload);
        self
    }

    /// Reads the file, builds the server, and begins to follow the file. It blocks for as long as reading takes. It must be called within a
    /// tokio runtime with time enabled. Nothing is fetched.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has a mistake: there is no good configuration yet.
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

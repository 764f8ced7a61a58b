use std::ffi::OsString;
use std::fmt;

use serde::{Deserialize, Deserializer};

use super::problems::Problems;
use super::reader::Reader;
use super::settings;
use super::tree::Tree;
use super::variables::{self, Names};
use crate::ResourceServer;
use crate::server::Builder;

/// The settings of a [`ResourceServer`], not yet validated: see the [module](super).
#[derive(Clone)]
pub struct Config {
    pub(super) tree: Tree,
    /// The names of the variables, if the settings come from variables.
    names: Option<Names>,
}

impl Config {
    /// The settings in the environment variables whose names start with `prefix`, such as `API_`, ignoring case. The
    /// [module](super#from-the-environment) documents their names and values.
    ///
    /// Get the variables from [`std::env::vars_os`]: [`std::env::vars`] panics if any of them is not Unicode.
    #[must_use]
    pub fn from_vars<N: Into<OsString>, V: Into<OsString>>(
        prefix: &str,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let (tree, names) = variables::tree(prefix, variables);
        Self { tree, names: Some(names) }
    }

    /// Returns a builder with these settings, for everything that is not data: [`claims`](Builder::claims), [`clock`](Builder::clock),
    /// [`on_refusal`](Builder::on_refusal), or an issuer with another source of [keys](crate::Issuer::keys).
    ///
    /// The settings are validated here. [`Builder::build`] validates what is set afterwards.
    ///
    /// # Errors
    ///
    /// All problems with the settings.
    pub fn builder(self) -> Result<Builder, Problems> {
        let mut reader = Reader::default();
        let builder = settings::read(&mut reader, &self.tree);
        match reader.problems(&self.tree, self.names.as_ref()) {
            None => Ok(builder),
            Some(problems) => Err(problems),
        }
    }

    /// Builds the server. Nothing is fetched, and no runtime is needed. Files of persisted keys are read if there are any.
    ///
    /// # Errors
    ///
    /// All problems with the settings.
    pub fn build(self) -> Result<ResourceServer, Problems> {
        self.builder()?.build().map_err(|error| Problems::of(&error))
    }
}

/// Deserializes from any self-describing format, such as TOML, JSON and YAML.
///
/// It fails only for errors of the format itself, and for a document of more than 1 MiB or 8 levels. [`builder`](Config::builder)
/// validates the values.
impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tree::deserialize(deserializer).map(|tree| Self { tree, names: None })
    }
}

/// Formats the names of the settings and no values, because a value may be a secret.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.tree.names().collect();
        f.debug_struct("Config").field("settings", &names).finish_non_exhaustive()
    }
}

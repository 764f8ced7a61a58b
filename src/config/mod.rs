//! The whole server as data: from a configuration file, from environment variables, or from both (feature `serde`).
//!
//! What goes in is anything that serde reads and that tells what its values are (TOML, JSON, YAML), also as a part of
//! an application's own settings. What comes out is a [`ResourceServer`], or [everything that is wrong](Problems) with
//! the settings, at once: each with its place, its value, and what was expected. The settings have the names, the
//! defaults and the rules of the [builder](crate::server::Builder), which judges them: what it refuses is refused here
//! in the same words, and nothing that it refuses can be had from here. No setting turns a check off.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tower_bearer::config::Config;
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     listen: String,
//!     api: Config,
//! }
//!
//! let settings: Settings = toml::from_str(r#"
//! listen = "127.0.0.1:3000"
//!
//! [api]
//! audience = "https://api.example.com"        # required: what tokens for this server name in `aud`
//! realm = "Example API"                       # the audience, if left out
//! profile = "rfc9068"                         # "generic", if left out
//! leeway = 10                                 # seconds, 60 at most; 30, if left out
//! token_cache = { entries = 50_000, bytes = 67_108_864 } # false for none; 10,000 and 16 MiB, if left out
//!
//! [api.metadata]                              # `true` for one with no more in it; none, if left out
//! scopes_supported = ["orders:read", "orders:write"]
//! resource_name = "Example Orders"
//! "resource_name#de" = "Beispielbestellungen"
//! resource_documentation = "https://docs.example.com/orders"
//!
//! [[api.issuers]]                             # required, and at least one
//! issuer = "https://login.example.com"        # by its metadata
//! algorithms = ["ES256", "EdDSA"]             # all asymmetric ones, if left out
//!
//! [[api.issuers]]
//! preset = "keycloak"
//! base_url = "https://id.example.com"
//! realm = "shop"
//! jwks_url = "https://keycloak.internal:8443/realms/shop/protocol/openid-connect/certs" # in place of the preset's
//! audiences = ["shop-api"]                    # in place of the server's
//!
//! [[api.issuers]]
//! issuer = "https://kubernetes.default.svc"
//! jwks_file = "/etc/keys/cluster.json"        # no metadata is asked for, and no URL
//! subjects = ["system:serviceaccount:shop:frontend"] # any subject, if left out
//! "#)?;
//!
//! let api = settings.api.build()?;
//! assert_eq!(api.status().len(), 3);
//! # assert_eq!(settings.listen, "127.0.0.1:3000");
//! # Ok(()) }
//! ```
//!
//! An issuer that needs nothing but its identifier is a text: `issuers = ["https://login.example.com"]`. For what is no
//! data, such as the type of your claims, [`Config::builder`] gives the builder as the settings leave it.
//!
//! # Settings
//!
//! | setting | what it is | default |
//! |---|---|---|
//! | `audience` | a text, as for [`ResourceServer::builder`] | required |
//! | `issuers` | a list of issuers, each an identifier or a table, as for [`trust`](Builder::trust) | required |
//! | `realm` | a text, as for [`realm`](Builder::realm) | the audience |
//! | `profile` | `"generic"` or `"rfc9068"`, as for [`profile`](Builder::profile) | `"generic"` |
//! | `leeway` | a whole number of seconds, at most 60, as for [`leeway`](Builder::leeway) | 30 |
//! | `token_cache` | a table, or `false` for [none](crate::server::TokenCache::off), or `true` | `true`: on, with the defaults that follow |
//! | `token_cache.entries` | a whole number, as for [`entries`](crate::server::TokenCache::entries) | 10,000 |
//! | `token_cache.bytes` | a whole number, as for [`bytes`](crate::server::TokenCache::bytes) | 16,777,216 |
//! | `metadata` | a table, or `true` for an empty one, or `false`, as for [`metadata`](Builder::metadata) | `false`: none |
//! | `metadata.resource` | a text, as for [`resource`](crate::metadata::Metadata::resource) | the audience |
//! | `metadata.scopes_supported` | a list of texts | not in the document, as all that follow |
//! | `metadata.resource_name` | a text; for a language as `resource_name#fr`, as the next three | |
//! | `metadata.resource_documentation` | a text | |
//! | `metadata.resource_policy_uri` | a text | |
//! | `metadata.resource_tos_uri` | a text | |
//! | `metadata.jwks_uri` | a text | |
//! | `metadata.bearer_methods_supported` | a list of texts | `["header"]` |
//! | `metadata.resource_signing_alg_values_supported` | a list of texts | |
//! | `metadata.tls_client_certificate_bound_access_tokens` | `true` or `false` | |
//! | `metadata.authorization_details_types_supported` | a list of texts | |
//! | `metadata.dpop_signing_alg_values_supported` | a list of texts | |
//! | `metadata.dpop_bound_access_tokens_required` | `true` or `false` | |
//! | `metadata.signed_metadata` | a text | |
//! | `issuers[].issuer` | the identifier, as for [`discover`](crate::Issuer::discover); with one of the next two, as for [`jwks`](crate::Issuer::jwks) and [`keys`](crate::Issuer::keys) | required without a preset |
//! | `issuers[].jwks_url` | the URL of the keys | where the metadata or the preset says |
//! | `issuers[].jwks_file` | a [file](crate::keys::KeyFile) with the keys | the same |
//! | `issuers[].preset` | one of those below, with its arguments beside it | none |
//! | `issuers[].audiences` | a list of texts, as for [`audience`](crate::Issuer::audience) | the server's audience |
//! | `issuers[].clients_instead_of_audience` | a list of texts, as for [`clients_instead_of_audience`](crate::Issuer::clients_instead_of_audience) | an audience is required |
//! | `issuers[].subjects` | a list of texts, as for [`subjects`](crate::Issuer::subjects) | any |
//! | `issuers[].algorithms` | a list of [names](crate::jose::Algorithm::name), as for [`algorithms`](crate::Issuer::algorithms) | all |
//!
//! Presets are the [constructors](crate::Issuer#presets) of the same names, and all their arguments are required:
//!
//! | preset | arguments |
//! |---|---|
//! | [`keycloak`](crate::Issuer::keycloak) | `base_url`, `realm` |
//! | [`auth0`](crate::Issuer::auth0) | `domain` |
//! | [`entra`](crate::Issuer::entra) | `tenant` |
//! | [`entra_tenants`](crate::Issuer::entra_tenants) | `tenants`, a list |
//! | [`entra_v1`](crate::Issuer::entra_v1) | `tenant` |
//! | [`okta`](crate::Issuer::okta) | `domain`, `authorization_server` |
//! | [`cognito`](crate::Issuer::cognito) | `pool`, and `clients`, a list in place of `clients_instead_of_audience` |
//! | [`google`](crate::Issuer::google) | `subjects`, a list |
//! | [`zitadel`](crate::Issuer::zitadel) | `domain` |
//! | [`kubernetes`](crate::Issuer::kubernetes) | `issuer` |
//!
//! A value of another type is a problem, and nothing is converted: a list of one is a list. An unknown name is a
//! problem, because a setting that nobody heeds may be one that somebody relies on; so is a name that is there twice, a
//! list that is empty where that would mean nobody or everybody, and `null`. What is to have its default is left out.
//!
//! # From the environment
//!
//! [`Config::from_vars`] reads variables whose names are a prefix of yours and the name of the setting, both in any case,
//! with `__` before the name of a part and before the number of an element, from 0:
//!
//! ```
//! use tower_bearer::config::Config;
//!
//! let config = Config::from_vars("API_", [
//!     ("API_AUDIENCE", "https://api.example.com"),
//!     ("API_ISSUERS", "https://login.example.com https://other.example.com"),
//!     ("API_LEEWAY", "10"),
//!     ("API_TOKEN_CACHE", "off"),
//!     ("API_METADATA__SCOPES_SUPPORTED", "orders:read orders:write"),
//!     ("HOME", "/home/api"), // not ours
//! ]);
//! let api = config.build()?;
//! assert_eq!(api.status().len(), 2);
//!
//! let with_a_preset = Config::from_vars("API_", [
//!     ("API_AUDIENCE", "https://api.example.com"),
//!     ("API_ISSUERS__0", "https://login.example.com"),
//!     ("API_ISSUERS__1__PRESET", "keycloak"),
//!     ("API_ISSUERS__1__BASE_URL", "https://id.example.com"),
//!     ("API_ISSUERS__1__REALM", "shop"),
//!     ("API_ISSUERS__1__ALGORITHMS", "ES256 EdDSA"),
//! ]);
//! # assert_eq!(with_a_preset.clone().build()?.status().len(), 2);
//! let _ = with_a_preset.build()?; // in a program: Config::from_vars("API_", std::env::vars_os())
//! # Ok::<(), tower_bearer::config::Problems>(())
//! ```
//!
//! A variable is a text, and its setting says how it is read: a number is digits and nothing else, `true` and `on` are
//! true and `false` and `off` are not, and a list is words with spaces between, or variables with numbers where an
//! element has a space or a comma in it. An empty variable is an empty text or list, never a setting that was left out: it must
//! not be what lets everybody in. Choose a prefix that no other variable has: whatever else starts with it is an
//! unknown setting. Problems tell the name of such a one, and not its value. Wherever a setting comes from, they call it
//! by its path, and add the variable: `issuers[1].realm (API_ISSUERS__1__REALM)`. Two names that differ only in case set the
//! same, which is a problem.
//!
//! # Problems
//!
//! ```
//! use tower_bearer::config::Config;
//!
//! let config: Config = toml::from_str(r#"
//! audience = "https://api.example.com"
//! leway = 10
//!
//! [[issuers]]
//! issuer = "https://login.example.com"
//! algorithms = ["ES256", "HS256"]
//!
//! [[issuers]]
//! issuer = "http://other.example.com"
//! "#)?;
//!
//! let problems = config.build().unwrap_err();
//! assert_eq!(problems.to_string(), r#"
//! leway: not a setting; did you mean leeway?
//! issuers[0].algorithms[1]: "HS256" is not a supported signature algorithm: whoever has the secret to verify tokens with can make them
//! issuers[1].issuer: the issuer "http://other.example.com": the scheme is not https, and http is for this machine only
//! "#.trim());
//! assert_eq!(problems.iter().next().unwrap().path(), "leway");
//! # Ok::<(), toml::de::Error>(())
//! ```
//!
//! They are in the order of the document where the format's reader keeps it, as `toml` does with its feature
//! `preserve_order`.

mod issuer;
mod metadata;
mod nearest;
mod path;
#[cfg(feature = "http-client")]
mod preset;
mod problems;
mod reader;
mod settings;
mod shown;
mod tree;
mod variables;

pub use problems::{Problem, Problems};

use std::ffi::OsString;
use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::ResourceServer;
use crate::server::{Builder, Trusting};
use reader::Reader;
use tree::Tree;
use variables::Names;

/// The settings of a [`ResourceServer`] as data: see the [module](self).
#[derive(Clone)]
pub struct Config {
    tree: Tree,
    /// Those of the variables, if it came from some.
    names: Option<Names>,
}

impl Config {
    /// The settings in those of these environment variables whose names start with `prefix`, such as `API_`, in any case. See the
    /// [module](self#from-the-environment) for their names and values.
    ///
    /// Take them with [`std::env::vars_os`]: [`std::env::vars`] panics if any variable at all is not Unicode.
    #[must_use]
    pub fn from_vars<N: Into<OsString>, V: Into<OsString>>(
        prefix: &str,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let (tree, names) = variables::tree(prefix, variables);
        Self { tree, names: Some(names) }
    }

    /// The builder that these settings make, for what is no data: [`claims`](Builder::claims), [`clock`](Builder::clock), an
    /// issuer whose [keys](crate::Issuer::keys) come from elsewhere. Every setting has been judged; what is
    /// set from here on is judged by [`Builder::build`].
    ///
    /// # Errors
    ///
    /// All that is wrong with the settings.
    pub fn builder(self) -> Result<Builder<Trusting>, Problems> {
        let mut reader = Reader::default();
        let builder = settings::read(&mut reader, &self.tree);
        match reader.problems(&self.tree, self.names.as_ref()) {
            None => Ok(builder),
            Some(problems) => Err(problems),
        }
    }

    /// Builds the server. Nothing is fetched, no runtime is needed, and no issuer needs to be up.
    ///
    /// # Errors
    ///
    /// All that is wrong with the settings.
    pub fn build(self) -> Result<ResourceServer, Problems> {
        self.builder()?.build().map_err(|error| Problems::of(&error))
    }
}

/// From any format that tells what its values are, as TOML, JSON and YAML do. It fails only at what the format itself
/// refuses, and at a document that is larger or deeper than any configuration; what the values mean is judged by
/// [`builder`](Config::builder).
impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tree::deserialize(deserializer).map(|tree| Self { tree, names: None })
    }
}

/// The names of the settings; a value may hold what is not for everybody.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.tree.names().collect();
        f.debug_struct("Config").field("settings", &names).finish_non_exhaustive()
    }
}

//! The rows of every table.

use crate::peers::{axum_jwt_auth, huskarl, jwt_authorizer, oauth_resource_server, ours, references, tower_oauth2};
use crate::worker::{work, work_bare};

/// Something that is measured.
pub struct Row {
    /// The package as Cargo.lock names it, or what else it is.
    name: &'static str,
    version: &'static str,
    pub backend: &'static str,
    pub kind: Kind,
    work: fn(),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A peer or this crate, in the backend by which its requests are counted too.
    Peer,
    /// The same once more: for speed only, because what is asked of the issuer is the same in every backend.
    Again,
    /// No layer at all, to compare with.
    Reference,
}

const AWS_LC_RS: &str = "aws-lc-rs";
const RING: &str = "ring";
const RUST_CRYPTO: &str = "RustCrypto";

/// Every row. The first is what all others are compared with.
pub static ROWS: [Row; 11] = [
    Row::new("verification alone", "", AWS_LC_RS, Kind::Reference, || work_bare(references::Floor::new)),
    Row::new("jsonwebtoken", "11", AWS_LC_RS, Kind::Reference, || work_bare(references::Decode::new)),
    Row::new("no protection", "", "", Kind::Reference, || work(async |_| references::Open)),
    // With the token cache off, this one once more: `|builder| builder.token_cache(TokenCache::off())`.
    Row::new("tower-bearer", "", AWS_LC_RS, Kind::Peer, || work(ours::start(|builder| builder))),
    Row::new("axum-jwt-auth", "0.7", AWS_LC_RS, Kind::Peer, || work(axum_jwt_auth::with_aws_lc_rs)),
    Row::new("axum-jwt-auth", "0.7", RUST_CRYPTO, Kind::Again, || work(axum_jwt_auth::with_rust_crypto)),
    Row::new("tower-oauth2-resource-server", "0.12", AWS_LC_RS, Kind::Peer, || work(tower_oauth2::with_aws_lc_rs)),
    Row::new("tower-oauth2-resource-server", "0.12", RUST_CRYPTO, Kind::Again, || work(tower_oauth2::with_rust_crypto)),
    Row::new("jwt-authorizer", "0.15", RING, Kind::Peer, || work(jwt_authorizer::start)),
    Row::new("oauth-resource-server", "0.4", RING, Kind::Peer, || work(oauth_resource_server::start)),
    Row::new("huskarl-axum", "0.1", RUST_CRYPTO, Kind::Peer, || work(huskarl::start)),
];

/// The row that a worker was started for.
pub fn named(id: &str) -> &'static Row {
    ROWS.iter().find(|row| row.id() == id).unwrap_or_else(|| panic!("there is no row {id:?}"))
}

impl Row {
    /// `version` is the beginning of it, for a package of which there are several.
    const fn new(name: &'static str, version: &'static str, backend: &'static str, kind: Kind, work: fn()) -> Self {
        Self { name, version, backend, kind, work }
    }

    /// What distinguishes the row from all others.
    pub fn id(&self) -> String {
        format!("{} {} ({})", self.name, self.version, self.backend)
    }

    /// The name with the version that was built.
    pub fn title(&self) -> String {
        // The lock file knows; nobody else need keep up with it.
        let versions = include_str!("../Cargo.lock")
            .split("[[package]]")
            .filter(|package| package.lines().any(|line| line == format!("name = \"{}\"", self.name)))
            .filter_map(|package| package.lines().find_map(|line| line.strip_prefix("version = \"")))
            .map(|version| version.trim_end_matches('"'));
        let version = versions.into_iter().find(|version| version.starts_with(self.version));
        version.map_or_else(|| self.name.to_owned(), |version| format!("{} {version}", self.name))
    }

    pub fn work(&self) {
        (self.work)();
    }
}

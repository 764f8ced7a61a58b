//! The rows of every table.

use std::time::Duration;

use tower_bearer::dpop::Dpop;
use tower_bearer::validation::TokenCache;

use crate::issuer::AUDIENCE;
use crate::peers::{axum_jwt_auth, huskarl, jwt_authorizer, oauth_resource_server, ours, references, tower_oauth2};
use crate::worker::{work, work_bare};

/// Something that is measured.
pub struct Row {
    /// The package as Cargo.lock names it, or what else it is.
    name: &'static str,
    version: &'static str,
    /// How it is set up, if there are several ways.
    variant: &'static str,
    pub backend: &'static str,
    pub kind: Kind,
    work: fn(),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A peer or this crate, in the backend by which its requests are counted too.
    Peer,
    /// The same with another backend or setting: for speed only, because it asks the issuer for the same.
    Again,
    /// No layer at all, to compare with.
    Reference,
}

const OURS: &str = "tower-bearer";
const AWS_LC_RS: &str = "aws-lc-rs";
const RING: &str = "ring";
const RUST_CRYPTO: &str = "RustCrypto";

/// Every row. The first is what all others are compared with.
pub static ROWS: &[Row] = &[
    Row::new("signature verification only", "", AWS_LC_RS, Kind::Reference, || work_bare(references::Floor::new)),
    Row::new("jsonwebtoken", "12", AWS_LC_RS, Kind::Reference, || work_bare(references::Decode::new)),
    Row::new("no protection", "", "", Kind::Reference, || work(async |_| references::Open)),
    Row::new(OURS, "", AWS_LC_RS, Kind::Peer, || work(ours::start(|builder| builder))),
    Row::new(OURS, "", AWS_LC_RS, Kind::Again, || work(ours::start(|builder| builder.token_cache(TokenCache::off()))))
        .variant("token cache off"),
    Row::new("axum-jwt-auth", "", AWS_LC_RS, Kind::Peer, || work(axum_jwt_auth::with_aws_lc_rs))
        .variant("an extractor"),
    Row::new("axum-jwt-auth", "", RUST_CRYPTO, Kind::Again, || work(axum_jwt_auth::with_rust_crypto))
        .variant("an extractor"),
    Row::new("tower-oauth2-resource-server", "", AWS_LC_RS, Kind::Peer, || work(tower_oauth2::with_aws_lc_rs)),
    Row::new("tower-oauth2-resource-server", "", RUST_CRYPTO, Kind::Again, || work(tower_oauth2::with_rust_crypto)),
    Row::new("jwt-authorizer", "", RING, Kind::Peer, || work(jwt_authorizer::start)),
    Row::new("oauth-resource-server", "", RING, Kind::Peer, || work(oauth_resource_server::start)),
    Row::new("huskarl-axum", "", RUST_CRYPTO, Kind::Peer, || work(huskarl::start)),
];

/// Those that check proofs of possession.
pub static WITH_PROOFS: &[Row] = &[
    Row::new("signature verification only", "", AWS_LC_RS, Kind::Reference, || work_bare(references::Floor::new)),
    Row::new(OURS, "", AWS_LC_RS, Kind::Peer, || {
        work(ours::start(|builder| builder.dpop(Dpop::at(AUDIENCE).expect("a URL"))));
    })
    .variant("with DPoP"),
    Row::new("huskarl-axum", "", RUST_CRYPTO, Kind::Peer, || work(huskarl::with_proofs)).variant("with DPoP"),
];

/// Those that ask the issuer about opaque tokens.
pub static WITH_INTROSPECTION: &[Row] = &[
    Row::new(OURS, "", "", Kind::Peer, || work(ours::opaque(|introspection| introspection))).variant("opaque tokens"),
    Row::new(OURS, "", "", Kind::Again, || work(ours::opaque(|introspection| introspection.lifetime(Duration::ZERO))))
        .variant("opaque tokens, nothing remembered"),
    Row::new("huskarl-axum", "", "", Kind::Peer, || work(huskarl::with_introspection)).variant("opaque tokens"),
];

/// The row that a worker was started for.
pub fn named(id: &str) -> &'static Row {
    ROWS.iter()
        .chain(WITH_PROOFS)
        .chain(WITH_INTROSPECTION)
        .find(|row| row.id() == id)
        .unwrap_or_else(|| panic!("there is no row {id:?}"))
}

impl Row {
    /// `version` is the beginning of it, for a package of which there are several.
    const fn new(name: &'static str, version: &'static str, backend: &'static str, kind: Kind, work: fn()) -> Self {
        Self { name, version, variant: "", backend, kind, work }
    }

    const fn variant(mut self, variant: &'static str) -> Self {
        self.variant = variant;
        self
    }

    pub fn is_ours(&self) -> bool {
        self.name == OURS
    }

    /// What distinguishes the row from all others.
    pub fn id(&self) -> String {
        [self.name, self.version, self.variant, self.backend].join("/")
    }

    /// The name with the version that was built.
    pub fn title(&self) -> String {
        // The lock file knows; nobody else need keep up with it.
        let version = include_str!("../Cargo.lock")
            .split("[[package]]")
            .filter(|package| package.lines().any(|line| line == format!("name = \"{}\"", self.name)))
            .filter_map(|package| package.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"')))
            .find(|version| version.starts_with(self.version));
        let version = version.map(|version| format!(" {version}")).unwrap_or_default();
        let separator = if self.variant.is_empty() { "" } else { ", " };
        format!("{}{version}{separator}{}", self.name, self.variant)
    }

    pub fn work(&self) {
        (self.work)();
    }
}

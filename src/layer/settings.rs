use tracing::Level;

use super::ignored_tokens::IgnoredTokens;
use crate::credentials::TokenSources;
use crate::server::Handle;
use crate::{Require, Scope};

/// The settings of a protecting layer.
#[derive(Clone, Debug)]
pub(super) struct Settings<R> {
    pub(super) server: Handle,
    pub(super) sources: TokenSources,
    pub(super) credentials: Credentials,
    pub(super) requirement: Option<Require>,
    pub(super) ignored_tokens: Option<IgnoredTokens>,
    pub(super) challenge_scope: Option<Scope>,
    pub(super) tracing: Tracing,
    pub(super) span_level: Level,
    pub(super) responder: R,
}

/// Whether a request needs credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    Required,
    Optional,
}

/// Whether the span of a request has the subject of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tracing {
    WithoutSubject,
    WithSubject,
}

use std::sync::Arc;

use super::claims_extension::ClaimsExtension;
use super::refusal_hook::RefusalHook;
use super::request_checks::RequestChecks;
use super::validator::Validator;
use crate::AccessToken;
use crate::challenge::Challenges;
use crate::metadata::ResourceMetadata;
use crate::token::ServerIdentity;
use crate::validation::IssuerGeneration;

/// A server with one configuration. A request sees one from its beginning to its end.
#[derive(Clone)]
pub(crate) struct Snapshot(pub(super) Arc<Inner>);

/// What a server needs to answer requests.
pub(crate) struct Inner {
    pub(super) validator: Validator,
    pub(super) checks: RequestChecks,
    pub(super) challenges: Challenges,
    pub(super) claims: Option<ClaimsExtension>,
    pub(super) metadata: Option<ResourceMetadata>,
    pub(super) on_refusal: Option<RefusalHook>,
}

impl Snapshot {
    /// The number of the server, which is the same for all its configurations.
    pub(super) fn identity(&self) -> ServerIdentity {
        self.0.validator.context.identity
    }

    /// Whether this configuration has the issuer of `token` just as `other` has it.
    pub(super) fn trusts_alike(&self, other: &Self, token: &AccessToken) -> bool {
        let here = self.generations(token);
        !here.is_empty() && here == other.generations(token)
    }

    fn generations(&self, token: &AccessToken) -> Vec<IssuerGeneration> {
        self.0.validator.issuers.named(token.issuer()).iter().map(|issuer| issuer.generation).collect()
    }
}

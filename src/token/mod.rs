//! Access tokens as handlers see them, and their claims.

pub(crate) mod access_token;
mod act_claim;
mod actor;
mod authorization_detail;
mod claim_error;
mod claim_json;
pub(crate) mod claims;
mod claims_error;
#[cfg_attr(not(feature = "http-client"), expect(dead_code, reason = "only presets use all of it"))]
mod client_claim;
mod cnf_claim;
mod confirmation;
mod details_claim;
mod implied_scopes;
mod json_pointer;
mod lifetime;
mod numeric_date;
mod proof_binding;
mod provenance;
mod registered_claims;
mod roles;
mod roles_claim;
pub(crate) mod scope;
mod scope_hierarchy;
mod server_identity;
mod subject_claim;
#[cfg(feature = "tenants")]
mod tenant;
mod text;
mod time_policy;
mod trusted_payload;
mod validity;

pub use actor::Actor;
pub use authorization_detail::{AuthorizationDetail, AuthorizationDetailError};
pub use claim_error::ClaimError;
pub use claims_error::ClaimsError;
pub use json_pointer::InvalidPointer;
pub use numeric_date::NumericDate;
pub use provenance::Provenance;
pub use scope::InvalidScope;
pub use scope_hierarchy::{InvalidImplication, ScopeHierarchy};
#[cfg(feature = "tenants")]
pub use tenant::Tenant;

pub(crate) use access_token::{NotAnAccessToken, Validated};
pub(crate) use act_claim::ActClaim;
pub(crate) use claim_json::ClaimJson;
pub(crate) use client_claim::ClientClaim;
pub(crate) use cnf_claim::CnfClaim;
pub(crate) use confirmation::Confirmation;
pub(crate) use details_claim::DetailsClaim;
pub(crate) use implied_scopes::{ImpliedScopes, scope_to_offer};
pub(crate) use json_pointer::{JsonPointer, is_index};
pub(crate) use proof_binding::ProofBinding;
#[cfg(test)]
pub(crate) use proof_binding::ath_of;
pub(crate) use registered_claims::RegisteredClaims;
pub(crate) use roles_claim::{RolesClaim, RolesForm};
pub(crate) use scope::OFFLINE_ACCESS;
pub(crate) use server_identity::ServerIdentity;
pub(crate) use subject_claim::SubjectClaim;
#[cfg(feature = "tenants")]
pub(crate) use tenant::TenantValue;
pub(crate) use time_policy::TimePolicy;
pub(crate) use trusted_payload::TrustedPayload;
pub(crate) use validity::Validity;

//! The feature `tenants` is off: no issuer is resolved at run time.

use std::sync::Arc;
use std::time::Instant;

use super::builder::Builder;
use super::snapshot::Snapshot;
use super::step::Step;
use super::validator::Validator;
use crate::AccessToken;
use crate::credentials::RequestView;
use crate::validation::{Entry, Fingerprint, Outcome, TokenError, TrustedIssuer, UnverifiedToken, VerifyError};

impl Builder {
    #[expect(clippy::unused_self, reason = "it has none")]
    pub(super) fn has_tenants(&self) -> bool {
        false
    }
}

impl Snapshot {
    #[expect(clippy::unused_self, reason = "there is none")]
    pub(super) fn is_of_tenant(&self, _token: &AccessToken) -> bool {
        false
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "there is none")]
    pub(super) fn check_tenant(&self, _token: &AccessToken, _request: RequestView<'_>) -> Result<(), VerifyError> {
        Ok(())
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "there is none")]
    pub(super) fn check_tenant_alone(&self, _token: &AccessToken) -> Result<(), VerifyError> {
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "there is none")]
    pub(super) fn tenant_step(&self, _token: &AccessToken, _fits: &Result<(), VerifyError>) -> Option<Step> {
        None
    }
}

impl Validator {
    #[expect(clippy::unused_self, reason = "there is none")]
    pub(super) fn held_tenant(&self, _iss: Option<&str>) -> Option<Arc<TrustedIssuer>> {
        None
    }

    #[expect(clippy::unused_self, reason = "there is none")]
    pub(super) fn with_tenants(&self, step: Option<Step>, _iss: Option<&str>) -> Option<Step> {
        step
    }

    #[expect(clippy::unused_self, reason = "there is none")]
    pub(super) fn validate_of_tenant(
        &self,
        _token: UnverifiedToken<'_>,
        error: TokenError,
        _text: &str,
        _arrived: Instant,
        _now: Instant,
        _fingerprint: Option<Fingerprint>,
    ) -> Result<Outcome, TokenError> {
        Err(error)
    }

    #[expect(clippy::unused_self, reason = "there is none")]
    pub(super) fn revalidate_of_tenant(&self, _entry: &Entry, _now: Instant) -> Option<Result<(), TokenError>> {
        None
    }

    #[expect(clippy::unused_self, reason = "there is none")]
    pub(super) fn may_be_of_tenant(&self, _iss: Option<&str>) -> bool {
        false
    }
}

//! Tokens of issuers that are known only at run time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use http::Request;

use super::builder::Builder;
use super::handle::Handle;
use super::issuer_settings::IssuerSettings;
use super::kept::Kept;
use super::mistakes::resource_url;
use super::resource_server::ResourceServer;
use super::snapshot::Snapshot;
use super::step::Step;
use super::validator::Validator;
use crate::AccessToken;
use crate::credentials::RequestView;
use crate::issuer::ConfigError;
use crate::jose::Scratch;
use crate::metadata::ResourceMetadata;
use crate::redact::quoted;
use crate::tenants::{MakeIssuer, TenantLookup, TenantRequest, TenantTable, Tenants};
use crate::validation::{
    Entry, Fingerprint, ISSUER_RULE, Outcome, Pending, PendingIssuer, Standing, TokenError, TrustedIssuer,
    UnverifiedToken, VerifyError,
};

/// The length of the shortest signature of any [algorithm](crate::jose::Algorithm), 64 bytes, in base64url.
const MIN_SIGNATURE: usize = 86;

impl Builder {
    pub(super) fn has_tenants(&self) -> bool {
        !self.tenants.is_empty()
    }

    /// The tenants, with the settings of this server.
    pub(super) fn tenants(&self, settings: IssuerSettings, kept: &Kept<'_>) -> Option<Tenants> {
        let tenants = self.tenants.first()?.clone();
        if let Some(same) = self.kept_tenants(&settings, kept) {
            return Some(same);
        }
        let pinned = self.issuers.iter().map(|issuer| issuer.identities.clone()).collect();
        let make: MakeIssuer = Box::new(move |issuer, pending| {
            issuer.check()?;
            settings.newly_trusted(issuer, pending)
        });
        let tenants = Tenants::new(TenantTable::new(tenants, pinned, make, Arc::clone(&self.clock)));
        if let Some(before) = kept.of_same_clock().and_then(|before| before.server.tenants()) {
            tenants.keep_forgotten_of(before);
        }
        Some(tenants)
    }

    /// The tenants of the configuration before, with what is loaded of them, if the same resolver and the same settings would make the same
    /// of each.
    fn kept_tenants(&self, settings: &IssuerSettings, kept: &Kept<'_>) -> Option<Tenants> {
        let before = kept.of_same_context()?;
        let old = &before.settings;
        // In whatever order: a file may list the same issuers in another one.
        let [old_issuers, new_issuers] =
            [old, self].map(|builder| builder.issuers.iter().map(|issuer| &issuer.identities).collect::<HashSet<_>>());
        let are_alike = old.tenants.first()?.are_like(self.tenants.first()?)
            && IssuerSettings::of(old).are_like(settings)
            && old_issuers == new_issuers;
        before.server.0.validator.tenants.clone().filter(|_| are_alike)
    }
}

impl ResourceServer {
    /// The tenants, if the server [resolves](crate::server::Builder::trust_resolved) issuers at run time.
    #[must_use]
    pub fn tenants(&self) -> Option<Tenants> {
        let tenants = self.handle().current().tenants().cloned()?;
        if let Handle::Fixed(_) = self.handle() {
            return Some(tenants);
        }
        let handle = self.handle().clone();
        Some(tenants.following(move || handle.current().tenants().cloned()))
    }

    /// The [metadata document](crate::metadata) of one tenant: the server's document, but with the `resource` that the tenant's clients call, and the
    /// tenant's `issuer` as the only authorization server. `None` if the server was built without metadata.
    ///
    /// Serve it at the path that RFC 9728 §3.1 defines, where a client that knows the URL of the tenant's API looks for it. Challenges name the
    /// server's own document, because a request without a token names no tenant.
    ///
    /// ```
    /// # use tower_bearer::metadata::Metadata;
    /// # use tower_bearer::tenants::{TenantSettings, from_fn};
    /// # use tower_bearer::{Issuer, ResourceServer};
    /// # let resolver = from_fn(|_| async { Ok(None::<Issuer>) });
    /// let api = ResourceServer::builder("https://api.example.com").trust_resolved(resolver).metadata(Metadata::new()).build()?;
    /// let acme = api.tenant_metadata("https://api.example.com/acme", "https://login.example.com/acme")?;
    /// let path = acme.as_ref().map(|metadata| metadata.path());
    /// assert_eq!(path, Some("/.well-known/oauth-protected-resource/acme"));
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `resource` is not an https URL without a fragment. A loopback address may use http.
    pub fn tenant_metadata(&self, resource: &str, issuer: &str) -> Result<Option<ResourceMetadata>, ConfigError> {
        let url = resource_url(resource)?;
        Ok(self.metadata().map(|metadata| metadata.of_tenant(resource, url, issuer)))
    }
}

impl Snapshot {
    fn tenants(&self) -> Option<&Tenants> {
        self.0.validator.tenants.as_ref()
    }

    /// What an explanation says about it.
    pub(super) fn tenant_step(&self, token: &AccessToken, fits: &Result<(), VerifyError>) -> Option<Step> {
        self.tenants().filter(|tenants| tenants.are_checked() && self.is_of_tenant(token)).map(|_| Step {
            name: "tenant",
            source: "TenantSettings::check",
            expected: "a request that fits the tenant".to_owned(),
            found: if fits.is_ok() { "one" } else { "one that does not" }.to_owned(),
            holds: fits.is_ok(),
        })
    }

    /// Whether the server was not built with the issuer of this valid token.
    pub(super) fn is_of_tenant(&self, token: &AccessToken) -> bool {
        self.0.validator.issuers.named(token.issuer()).is_empty()
    }

    /// Checks that the tenant of a valid token fits the request.
    pub(super) fn check_tenant(&self, token: &AccessToken, request: RequestView<'_>) -> Result<(), VerifyError> {
        let Some(tenants) = self.tenants().filter(|tenants| tenants.are_checked()) else { return Ok(()) };
        // The value alone does not tell: a tenant may have none.
        let fits = !self.is_of_tenant(token) || tenants.fits(TenantRequest::new(request), token.tenant());
        if fits { Ok(()) } else { Err(TokenError::TenantMismatch.into()) }
    }

    /// The same for a token that came without a request: it has no host and no path that would fit.
    pub(super) fn check_tenant_alone(&self, token: &AccessToken) -> Result<(), VerifyError> {
        self.check_tenant(token, (&Request::new(())).into())
    }
}

impl Validator {
    /// Validates a token that is not of an issuer which the server was built with. `error` says so.
    pub(super) fn validate_of_tenant(
        &self,
        token: UnverifiedToken<'_>,
        error: TokenError,
        text: &str,
        arrived: Instant,
        now: Instant,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Outcome, TokenError> {
        let (Some(tenants), Some(iss)) = (&self.tenants, token.issuer()) else { return Err(error) };
        if !may_be_signed(text) {
            // No key can have made it, so nothing is asked of the resolver or of the tenant.
            return Err(if tenants.may_be_a_tenant(iss) { TokenError::Signature } else { error });
        }
        match tenants.look_up(iss, self.moment(now)) {
            TenantLookup::Found(issuer) => self.validate_with_tenant(&issuer, token, text, arrived, now, fingerprint),
            TenantLookup::Unknown => Err(error),
            TenantLookup::Wait(pending) => Ok(Outcome::Wait(Pending::Issuer(Box::pin(pending.issuer())))),
            TenantLookup::Unavailable { retry_after } => {
                Ok(Outcome::Refused(VerifyError::TenantUnavailable { retry_after }))
            }
            TenantLookup::Busy { retry_after } => Ok(Outcome::Refused(VerifyError::TooManyRequests { retry_after })),
        }
    }

    /// Waits for the tenant, validates the token, and waits for its keys if they are still needed.
    pub(super) async fn wait_for_issuer(
        &self,
        pending: PendingIssuer,
        text: &str,
        arrived: Instant,
    ) -> Result<AccessToken, VerifyError> {
        let issuer = pending.await?;
        match self.validate_with_loaded(&issuer, text, arrived).unwrap_or_else(Outcome::from) {
            Outcome::Accepted(token, _) => Ok(token),
            Outcome::Refused(error) => Err(error),
            Outcome::Wait(Pending::Keys(pending)) => self.wait_for_keys(pending, text, arrived).await,
            Outcome::Wait(Pending::Issuer(pending)) => Box::pin(self.wait_for_issuer(pending, text, arrived)).await,
            #[cfg(feature = "introspection")]
            Outcome::Wait(Pending::Answer(pending)) => pending.verdict().await,
        }
    }

    /// With the tenant itself: it may have left its probation already, because others came after it.
    fn validate_with_loaded(
        &self,
        issuer: &Arc<TrustedIssuer>,
        text: &str,
        arrived: Instant,
    ) -> Result<Outcome, TokenError> {
        let mut scratch = Scratch::default();
        let token = UnverifiedToken::parse(text, &mut scratch, &self.known_headers)?;
        if issuer.tenancy.as_ref().is_none_or(|tenancy| tenancy.standing() == Standing::Ended) {
            // It was forgotten or replaced a moment ago.
            return self.try_validate_fresh(text, arrived, self.monotonic(), None);
        }
        self.validate_with_tenant(issuer, token, text, arrived, self.monotonic(), None)
    }

    fn validate_with_tenant(
        &self,
        issuer: &Arc<TrustedIssuer>,
        token: UnverifiedToken<'_>,
        text: &str,
        arrived: Instant,
        now: Instant,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Outcome, TokenError> {
        let outcome = self.validate_with(issuer, token, text, arrived, now, fingerprint)?;
        let is_accepted = match (&outcome, &self.tenants) {
            (Outcome::Accepted(token, _), Some(tenants)) => tenants.accepted(issuer, token.issuer(), now),
            _ => true,
        };
        if is_accepted { Ok(outcome) } else { self.try_validate_fresh(text, arrived, now, None) }
    }

    /// Checks what may have changed of a cached token of a tenant. `None` if the tenant is not in use, or is a new one.
    pub(super) fn revalidate_of_tenant(&self, entry: &Entry, now: Instant) -> Option<Result<(), TokenError>> {
        let (tenants, iss) = (self.tenants.as_ref()?, entry.token.issuer());
        tenants.with_active(iss, entry.issuer, now, |issuer| {
            let checked = issuer.revalidate(&entry.validity, entry.evidence, self.moment(now))?;
            // `None` if the tenant was forgotten meanwhile.
            (checked.is_err() || tenants.accepted(issuer, iss, now)).then_some(checked)
        })
    }

    /// The tenant with this `iss`, if it is loaded.
    pub(super) fn held_tenant(&self, iss: Option<&str>) -> Option<Arc<TrustedIssuer>> {
        self.tenants.as_ref()?.held(iss?)
    }

    /// The step of an unknown issuer, on a server that may know it as a tenant.
    pub(super) fn with_tenants(&self, step: Option<Step>, iss: Option<&str>) -> Option<Step> {
        let Some(tenants) = &self.tenants else { return step };
        let expected = tenants.expected();
        let of_tenants = Step {
            name: ISSUER_RULE.name,
            source: "Builder::trust_resolved",
            expected: expected.clone(),
            found: quoted(iss),
            holds: false,
        };
        Some(step.map_or(of_tenants, |step| Step { expected: format!("{} or {expected}", step.expected), ..step }))
    }

    /// Whether a tenant may have this `iss`.
    pub(super) fn may_be_of_tenant(&self, iss: Option<&str>) -> bool {
        iss.zip(self.tenants.as_ref()).is_some_and(|(iss, tenants)| tenants.may_be_a_tenant(iss))
    }
}

/// Whether the last part of the token is long enough for a signature.
fn may_be_signed(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(_, signature)| signature.len() >= MIN_SIGNATURE)
}

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::act_claim::{ActClaim, ActorClaims};
use super::claims::{self, ParseClaims, ParsedClaims};
use super::claims_error::ClaimsError;
use super::client_claim::ClientClaim;
use super::confirmation::{Confirmation, KeptConfirmation};
use super::details_claim::{Detail, DetailsClaim};
use super::numeric_date::NumericDate;
use super::proof_binding::ProofBinding;
use super::provenance::Provenance;
use super::registered_claims::RegisteredClaims;
use super::roles_claim::RolesClaim;
use super::scope::Scope;
use super::server_identity::ServerIdentity;
use super::subject_claim::SubjectClaim;
#[cfg(feature = "tenants")]
use super::tenant::TenantValue;
use super::text::Text;
use super::time_policy::TimePolicy;
use super::trusted_payload::TrustedPayload;
use super::validity::Validity;
use crate::jose::Strings;
use crate::redact::Excerpt;
use crate::revocation::RevocationTable;

/// A validated access token.
///
/// Only validation creates one, so a handler that takes one runs only for valid tokens. It is a request extension and, with the feature
/// `axum`, an extractor. Cloning it is cheap. `Debug` shows neither the token nor the subject.
#[derive(Clone)]
pub struct AccessToken(pub(super) Arc<Inner>);

pub(super) struct Inner {
    issuer: Text,
    subject: Text,
    client_id: Option<Text>,
    audience: Box<[Text]>,
    scope: Scope,
    id: Option<Text>,
    session: Option<Text>,
    pub(super) validity: Validity,
    acr: Option<Text>,
    auth_time: Option<NumericDate>,
    actors: Box<[ActorClaims<Text>]>,
    details: Box<[Detail<Text>]>,
    confirmation: Option<Box<KeptConfirmation>>,
    server: ServerIdentity,
    pub(super) time: TimePolicy,
    provenance: Provenance,
    roles_claim: RolesClaim,
    payload: Box<[u8]>,
    parsed_claims: Option<ParsedClaims>,
    #[cfg(feature = "tenants")]
    tenant: Option<TenantValue>,
    pub(super) revocations: Option<Arc<RevocationTable>>,
    /// When the issuer was asked about the token, by the time of day.
    pub(super) asked_at: Option<NumericDate>,
    /// The epoch of the table at which the token was not revoked.
    pub(super) checked_at: AtomicU64,
}

/// What validation knows of a token beside its claims.
pub(crate) struct Validated {
    pub(crate) scope: Scope,
    pub(crate) validity: Validity,
    pub(crate) client_claim: ClientClaim,
    pub(crate) roles_claim: RolesClaim,
    pub(crate) subject_claim: SubjectClaim,
    pub(crate) server: ServerIdentity,
    pub(crate) time: TimePolicy,
    pub(crate) revocations: Option<Arc<RevocationTable>>,
    /// When the issuer was asked about the token, if it was.
    pub(crate) asked_at: Option<NumericDate>,
}

/// Why a validated payload makes no access token.
pub(crate) enum NotAnAccessToken {
    /// A claim is missing that every access token has.
    Missing(&'static str),
    /// The claims do not parse as the application's type.
    Claims(ClaimsError),
}

impl AccessToken {
    /// The access token with these claims of the issuer.
    pub(crate) fn new(
        payload: TrustedPayload<'_>,
        mut claims: RegisteredClaims<'_>,
        validated: Validated,
        parse_claims: Option<ParseClaims>,
    ) -> Result<Self, NotAnAccessToken> {
        let Validated {
            scope,
            validity,
            client_claim,
            roles_claim,
            subject_claim,
            server,
            time,
            revocations,
            asked_at,
        } = validated;
        let provenance = payload.provenance();
        let payload = payload.bytes();
        let kept = |text| Text::new(text, payload);
        let subject = claims.subject(subject_claim, client_claim).ok_or(NotAnAccessToken::Missing("sub"))?;
        let subject = Text::new(subject.into(), payload);
        let client = claims.take_client(client_claim);
        let audience = claims.aud.as_ref().and_then(Strings::as_slice).unwrap_or_default();
        Ok(Self(Arc::new(Inner {
            issuer: claims.iss.map(kept).ok_or(NotAnAccessToken::Missing("iss"))?,
            subject,
            client_id: client.map(kept),
            audience: audience.iter().cloned().map(kept).collect(),
            scope,
            id: claims.jti.map(kept),
            session: claims.sid.and_then(Strings::into_one).filter(|sid| !sid.is_empty()).map(kept),
            validity,
            acr: claims.acr.and_then(Strings::into_one).map(kept),
            auth_time: claims.auth_time,
            actors: claims.act.map(|act: ActClaim<'_>| act.keep(payload)).unwrap_or_default(),
            details: claims.authorization_details.map(|it: DetailsClaim<'_>| it.keep(payload)).unwrap_or_default(),
            confirmation: claims.confirmation.map(|cnf| Box::new(KeptConfirmation::new(cnf.keep(payload)))),
            server,
            time,
            provenance,
            roles_claim,
            parsed_claims: parse_claims.map(|parse| parse(payload)).transpose().map_err(NotAnAccessToken::Claims)?,
            payload: payload.into(),
            #[cfg(feature = "tenants")]
            tenant: None,
            revocations,
            asked_at,
            checked_at: AtomicU64::new(0),
        })))
    }

    /// The same token with the value of its tenant. It is not shared yet.
    #[cfg(feature = "tenants")]
    pub(crate) fn of_tenant(mut self, value: Option<&TenantValue>) -> Self {
        if let (Some(token), Some(value)) = (Arc::get_mut(&mut self.0), value) {
            token.tenant = Some(value.clone());
        }
        self
    }

    /// The value of the tenant whose issuer has issued the token, if the resolver has attached one.
    #[cfg(feature = "tenants")]
    pub(crate) fn tenant(&self) -> Option<&TenantValue> {
        self.0.tenant.as_ref()
    }

    /// The issuer of the token (`iss`), which is one that the server trusts.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.text(&self.0.issuer)
    }

    /// The subject on whose behalf the client acts (`sub`), which is never empty. It is unique only within the [issuer](Self::issuer),
    /// and not necessarily a person: with the client credentials grant, it is the client itself (RFC 9068 §2.2, §6). For a token
    /// without `sub` from an issuer with [`client_as_subject`](crate::Issuer::client_as_subject), it is the client's identifier.
    /// [`is_client`](Self::is_client) tells whether it is the client.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.text(&self.0.subject)
    }

    /// The client that the token was issued to: `client_id` (RFC 9068 §2.2), `azp`, or the claim that the issuer's
    /// [preset](crate::Issuer#presets) names instead.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_ref().map(|client_id| self.text(client_id))
    }

    /// Whether the subject is the client itself: there is a [client](Self::client_id), and the subject has the same identifier or the
    /// token has no `sub`. Then there is no user behind the request (RFC 9068 §6, RFC 9700 §4.15).
    ///
    /// `false` does not prove that there is a user. Some issuers give a client a subject with a different name: Microsoft Entra writes
    /// the application's object ID, and Keycloak the ID of the service account that it created for the client.
    #[must_use]
    pub fn is_client(&self) -> bool {
        self.client_id() == Some(self.subject())
    }

    /// The audience of the token (`aud`): this server, and possibly others. It can be empty only if the issuer's tokens are identified
    /// [by client](crate::Issuer::identify_by_client), or if the issuer has checked the audience during introspection.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.0.audience.iter().map(|audience| self.text(audience))
    }

    /// What the token grants: the scopes that the issuer wrote, followed by what they [imply](crate::server::Builder::scope_hierarchy)
    /// at this server. [`claims`](Self::claims) has the scope as it was written.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// Whether the token grants all scope tokens of `scope`, which are separated by one space (RFC 6749 §3.3). Like
    /// [`Require::scope`](crate::Require::scope), this includes what the token's scopes
    /// [imply](crate::server::Builder::scope_hierarchy). A text that is not a scope is never granted.
    ///
    /// Use it to decide what a handler shows. To refuse a request, use [`ResourceServer::check`](crate::ResourceServer::check), whose
    /// error is the right response.
    ///
    /// ```
    /// # fn of(token: &tower_bearer::AccessToken) {
    /// let shows_prices = token.has_scope("prices:read");
    /// # }
    /// ```
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        // An empty part is no scope token, and no scope contains it.
        scope.split(' ').all(|token| self.0.scope.contains(token))
    }

    /// When the token expires (`exp`), without the leeway.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.0.validity.exp.into()
    }

    /// When the token was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.0.validity.iat.map(Into::into)
    }

    /// How the user was authenticated when the token was issued (`acr`): an authentication context class, to be compared as a whole
    /// (RFC 9068 §2.2.1). Also `None` if it is not a string.
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.0.acr.as_ref().map(|acr| self.text(acr))
    }

    /// When the user was last authenticated (`auth_time`, RFC 9068 §2.2.1). Also `None` if it is not a number.
    #[must_use]
    pub fn auth_time(&self) -> Option<SystemTime> {
        self.0.auth_time.map(Into::into)
    }

    /// The token's own identifier (`jti`), unique within the [issuer](Self::issuer).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_ref().map(|id| self.text(id))
    }

    /// The session that the token belongs to (`sid`, OpenID Connect Front-Channel Logout 1.0 §3), unique within the
    /// [issuer](Self::issuer). Also `None` if it is not a string. Not every issuer writes it into access tokens.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.0.session.as_ref().map(|session| self.text(session))
    }

    /// All claims as a `T`, parsed at every call. [`Claims`](crate::Claims) is parsed once, and the layer refuses claims that do not
    /// fit.
    ///
    /// The payload has already been read strictly: no object in it has duplicate names, and there are at most 32 levels. That holds for
    /// every `T` that reads the claims directly, including `serde_json::Value` and maps. It does not hold for JSON inside a string that
    /// a `T` parses as a second document.
    ///
    /// # Errors
    ///
    /// If the claims do not parse as a `T`.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, ClaimsError> {
        claims::read(&self.0.payload)
    }

    /// How the server knows that the claims are true: from a signature, or because it has asked the issuer.
    #[must_use]
    pub fn provenance(&self) -> Provenance {
        self.0.provenance
    }

    /// The claims as they were signed or answered: a JSON object without a name twice.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    /// The claim that the token's roles are in.
    pub(crate) fn roles_claim(&self) -> RolesClaim {
        self.0.roles_claim
    }

    /// The actors that `act` names, the current one first.
    pub(super) fn actors(&self) -> &[ActorClaims<Text>] {
        &self.0.actors
    }

    /// The elements of `authorization_details`.
    pub(super) fn details(&self) -> &[Detail<Text>] {
        &self.0.details
    }

    /// The key whose possession the holder of the token has to prove, for a token that is bound to one.
    pub(crate) fn confirmation(&self) -> Option<Confirmation<&str>> {
        self.0.confirmation.as_ref().map(|confirmation| confirmation.claim.map(|text| self.text(text)))
    }

    /// What a DPoP proof has to name, for a token that is bound to a key by its thumbprint. `text` is the text of this token.
    pub(crate) fn proof_binding(&self, text: &str) -> Option<ProofBinding<'_>> {
        let confirmation = self.0.confirmation.as_ref()?;
        let jkt = confirmation.claim.jkt.as_ref()?;
        Some(ProofBinding { jkt: self.text(jkt), ath: confirmation.ath(text) })
    }

    /// Whether it was this server that validated the token.
    pub(crate) fn was_validated_by(&self, server: ServerIdentity) -> bool {
        self.0.server == server
    }

    /// Whether the user was authenticated at most `age` ago.
    pub(crate) fn was_authenticated_within(&self, age: Duration, now: SystemTime) -> bool {
        self.0.time.is_recent(self.0.auth_time, age, now)
    }

    /// Whether the token was issued at most `age` ago.
    pub(crate) fn was_issued_within(&self, age: Duration, now: SystemTime) -> bool {
        self.0.time.is_recent(self.0.validity.iat, age, now)
    }

    /// The claims that limit the time in which the token is valid.
    pub(crate) fn validity(&self) -> Validity {
        self.0.validity
    }

    /// The leeway of the server that validated the token.
    pub(crate) fn leeway(&self) -> Duration {
        self.0.time.leeway
    }

    /// About how many bytes of memory the token and its clones take together. The heap memory of the application's own claims is
    /// estimated by the length of the payload that they were parsed from.
    pub(crate) fn footprint(&self) -> usize {
        let Inner {
            issuer,
            subject,
            client_id,
            audience,
            scope,
            id,
            session,
            acr,
            actors,
            details,
            payload,
            parsed_claims,
            ..
        } = &*self.0;
        let texts = [Some(issuer), Some(subject), client_id.as_ref(), id.as_ref(), session.as_ref(), acr.as_ref()];
        let in_act = actors.iter().flat_map(|actor| [&actor.sub, &actor.iss, &actor.client_id]).flatten();
        let in_details = details.iter().flat_map(|detail| [&detail.kind, &detail.json]);
        let texts = texts.into_iter().flatten().chain(audience).chain(in_act).chain(in_details).map(Text::apart);
        let parsed = parsed_claims.as_ref().map_or(0, |parsed| size_of_val(&**parsed) + payload.len());
        let lists = size_of_val(&**audience) + size_of_val(&**actors) + size_of_val(&**details);
        let confirmation = self.0.confirmation.as_ref().map_or(0, |confirmation| confirmation.footprint());
        size_of::<Inner>() + lists + confirmation + texts.sum::<usize>() + scope.as_str().len() + payload.len() + parsed
    }

    pub(super) fn text<'a>(&'a self, text: &'a Text) -> &'a str {
        text.get(&self.0.payload)
    }

    /// A token that was not validated, for unit tests.
    #[cfg(test)]
    pub(crate) fn of_payload(payload: &str, end: SystemTime) -> Self {
        let time = TimePolicy { clock: Arc::new(crate::clock::SystemClock), leeway: Duration::ZERO };
        Self(Arc::new(Inner {
            issuer: Text::Apart("".into()),
            subject: Text::Apart("".into()),
            client_id: None,
            audience: Box::default(),
            scope: Scope::none(),
            id: None,
            session: None,
            validity: Validity { exp: end.into(), nbf: None, iat: None },
            acr: None,
            auth_time: None,
            actors: Box::default(),
            details: Box::default(),
            confirmation: None,
            server: ServerIdentity::next(),
            time,
            provenance: Provenance::Signature,
            roles_claim: RolesClaim::default(),
            payload: payload.as_bytes().into(),
            parsed_claims: None,
            #[cfg(feature = "tenants")]
            tenant: None,
            revocations: None,
            asked_at: None,
            checked_at: AtomicU64::new(0),
        }))
    }

    /// The same token with its roles in another claim, for unit tests. It is not shared yet.
    #[cfg(test)]
    pub(crate) fn with_roles_claim(mut self, claim: RolesClaim) -> Self {
        if let Some(token) = Arc::get_mut(&mut self.0) {
            token.roles_claim = claim;
        }
        self
    }

    pub(crate) fn parsed_claims(&self) -> Option<&ParsedClaims> {
        self.0.parsed_claims.as_ref()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("issuer", &Excerpt::from(self.issuer()))
            .field("client_id", &self.client_id().map(Excerpt::from))
            .field("scope", &Excerpt::from(self.scope().as_str()))
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}

use std::fmt;

use super::token_error::TokenError;
use crate::redact::Excerpt;
use crate::token::RegisteredClaims;

/// The placeholder that Microsoft writes for the tenant in an issuer.
pub(crate) const TENANT: &str = "{tenantid}";

/// The identifiers of one issuer: a single one, or those of a closed list of tenants that share keys and rules.
///
/// A token's `iss` is compared code point by code point (RFC 9068 §4). A list of tenants is secret, so until the signature is
/// verified every tenant [matches](Self::match_issuer), listed or not.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identities {
    name: Box<str>,
    /// In the order of their identifiers.
    known: Vec<Identity>,
    form: Form,
}

/// How the tokens of an issuer state that they are its.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Form {
    /// `iss` is one of the identifiers.
    Exact,
    /// The same for a list of tenants, whose identifiers have this form.
    Tenants(Template),
    /// The subject is a SPIFFE ID of the trust domain that the identifier names. There need not be an `iss`.
    TrustDomain,
}

/// One `iss`, and the tenant that a token with it must name besides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    issuer: Box<str>,
    tenant: Option<Box<str>>,
}

/// What precedes and what follows a tenant's identifier in an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Template {
    before: Box<str>,
    after: Box<str>,
}

/// What a token must state besides its `iss`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Match<'i> {
    tenant: Option<&'i str>,
}

impl Identities {
    pub(crate) fn one(issuer: &str) -> Self {
        Self { name: issuer.into(), known: vec![Identity { issuer: issuer.into(), tenant: None }], form: Form::Exact }
    }

    /// A SPIFFE trust domain, by its SPIFFE ID.
    pub(crate) fn of_trust_domain(id: &str) -> Self {
        Self { form: Form::TrustDomain, ..Self::one(id) }
    }

    /// A single identifier that several issuers share. The name distinguishes them.
    #[cfg(feature = "http-client")]
    pub(crate) fn named(name: &str, issuer: &str) -> Self {
        Self { name: name.into(), ..Self::one(issuer) }
    }

    /// A single tenant, whose identifier is public.
    pub(crate) fn of_tenant(template: &str, tenant: &str) -> Self {
        let identity = Identity::of_tenant(template, tenant);
        Self { name: identity.issuer.clone(), known: vec![identity], form: Form::Exact }
    }

    /// A list of tenants of one issuer: one identifier for each, the template with the tenant in its place.
    pub(crate) fn of_tenants<'a>(template: &str, tenants: impl IntoIterator<Item = &'a str>) -> Self {
        let mut known: Vec<_> = tenants.into_iter().map(|tenant| Identity::of_tenant(template, tenant)).collect();
        known.sort_by(|one, other| one.issuer.cmp(&other.issuer));
        let name = match &*known {
            [only] => only.issuer.clone(),
            _ => template.into(),
        };
        let parts = template.split_once(TENANT);
        let form = parts.map_or(Form::Exact, |(before, after)| {
            Form::Tenants(Template { before: before.into(), after: after.into() })
        });
        Self { name, known, form }
    }

    /// The name of the issuer: its identifier; if it has several, their template; and if others have the same, what distinguishes
    /// it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The identifier, if there is one and it alone identifies the issuer.
    #[cfg_attr(
        not(any(feature = "back-channel-logout", feature = "shared-signals")),
        expect(dead_code, reason = "only feeds need it")
    )]
    pub(crate) fn only(&self) -> Option<&str> {
        match (&self.form, &*self.known) {
            (Form::Exact, [Identity { issuer, tenant: None }]) => Some(issuer),
            _ => None,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|identity| &*identity.issuer)
    }

    /// Whether a token has to name its tenant besides.
    pub(super) fn have_tenants(&self) -> bool {
        self.known.iter().any(|identity| identity.tenant.is_some())
    }

    /// Whether this is a list of tenants, which is checked after the signature.
    pub(crate) fn are_listed(&self) -> bool {
        matches!(self.form, Form::Tenants(_))
    }

    /// Whether this is a SPIFFE trust domain, whose tokens need no `iss`.
    pub(crate) fn are_a_trust_domain(&self) -> bool {
        matches!(self.form, Form::TrustDomain)
    }

    /// Whether `issuer` is one of the identifiers, code point by code point.
    pub(crate) fn contain(&self, issuer: &str) -> bool {
        self.get(issuer).is_some()
    }

    /// Whether this issuer's rules and keys apply to tokens of `issuer`: it is one of the identifiers or, for a list of tenants,
    /// follows the template.
    pub(crate) fn may_contain(&self, issuer: &str) -> bool {
        self.match_issuer(issuer).is_some()
    }

    /// What a token of `issuer` must state besides; `None` if `issuer` is another one. For a list of tenants it is enough that
    /// `issuer` follows the template, whether its tenant is listed or not.
    pub(super) fn match_issuer<'i>(&'i self, issuer: &'i str) -> Option<Match<'i>> {
        match &self.form {
            Form::Tenants(template) => template.tenant(issuer).map(|tenant| Match { tenant: Some(tenant) }),
            Form::Exact | Form::TrustDomain => {
                self.get(issuer).map(|identity| Match { tenant: identity.tenant.as_deref() })
            }
        }
    }

    fn get(&self, issuer: &str) -> Option<&Identity> {
        match &*self.known {
            [only] => (&*only.issuer == issuer).then_some(only),
            many => many.binary_search_by(|known| (*known.issuer).cmp(issuer)).ok().map(|at| &many[at]),
        }
    }
}

/// Without the tenants of a list.
impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Tenants(Template { before, after }) => {
                write!(f, "{} tenants of \"{before}{TENANT}{after}\"", self.known.len())
            }
            Form::Exact | Form::TrustDomain => fmt::Debug::fmt(&Excerpt::from(self.name()), f),
        }
    }
}

impl Identity {
    fn of_tenant(template: &str, tenant: &str) -> Self {
        Self { issuer: template.replace(TENANT, tenant).into(), tenant: Some(tenant.into()) }
    }
}

impl Template {
    fn tenant<'i>(&self, issuer: &'i str) -> Option<&'i str> {
        let tenant = issuer.strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        is_tenant(tenant).then_some(tenant)
    }
}

impl Match<'_> {
    /// Microsoft: the tenant in `iss` and the one in `tid` are the same.
    pub(super) fn check_tenant(&self, claims: &RegisteredClaims<'_>) -> Result<(), TokenError> {
        let Some(tenant) = self.tenant else { return Ok(()) };
        match claims.tenant().ok_or(TokenError::Missing { claim: "tid" })? {
            found if found == tenant => Ok(()),
            other => Err(TokenError::Tenant { found: other.into(), expected: tenant.into() }),
        }
    }
}

/// Whether `text` is the identifier of a tenant as tokens state it: a GUID in lower case.
pub(crate) fn is_tenant(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "https://h.example/{tenantid}/v2";
    const A: &str = "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a";
    const B: &str = "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b";
    const C: &str = "3c3c3c3c-3333-4333-8333-3c3c3c3c3c3c";

    fn of(tenant: &str) -> String {
        TEMPLATE.replace(TENANT, tenant)
    }

    #[test]
    fn identifiers_compare_exactly() {
        let many = Identities::of_tenants(TEMPLATE, [C, A, B]);
        assert_eq!((many.name(), many.iter().count()), (TEMPLATE, 3));
        assert!([A, B, C].iter().all(|tenant| many.contain(&of(tenant))));
        for other in [TEMPLATE, "https://h.example/d/v2", &(of(A) + "/"), A, ""] {
            assert!(!many.contain(other) && !many.may_contain(other), "{other}");
        }
        let one = Identities::of_tenants(TEMPLATE, [A]);
        assert_eq!(one.name(), of(A));
        assert!(!one.contain(TEMPLATE) && !Identities::of_tenants(TEMPLATE, []).contain(""));
    }

    #[test]
    fn every_tenant_matches_a_list_and_one_tenant_a_single_one() {
        let list = Identities::of_tenants(TEMPLATE, [A]);
        assert_eq!(list.match_issuer(&of(B)), Some(Match { tenant: Some(B) }));
        assert!(list.may_contain(&of(B)) && !list.contain(&of(B)));
        for odd in [&B.to_uppercase(), "", "common", &B[1..], &format!("{B}0"), &format!("{A}/{B}"), "{tenantid}"] {
            assert!(!list.may_contain(&of(odd)), "{odd}");
        }
        assert!(!list.may_contain(&format!("http://h.example/{B}/v2")));
        let single = Identities::of_tenant(TEMPLATE, A);
        assert_eq!(single.match_issuer(&of(A)), Some(Match { tenant: Some(A) }));
        assert!(!single.may_contain(&of(B)) && !single.are_listed());
        assert_eq!(Identities::one(&of(A)).match_issuer(&of(A)), Some(Match { tenant: None }));
    }
}

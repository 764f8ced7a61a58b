use super::error::TokenError;
use super::registered::RegisteredClaims;

/// What Microsoft writes in an issuer where the tenant stands.
pub(crate) const TENANT: &str = "{tenantid}";

/// Who one issuer is to its tokens: one identifier, or a closed list of them that share keys and rules.
///
/// There are no patterns here. A template is filled in beforehand, so that a token's `iss` is always looked up as it
/// stands (RFC 9068 §4).
#[derive(Clone, Debug)]
pub(crate) struct Identities {
    name: Box<str>,
    /// In the order of their identifiers.
    known: Vec<Identity>,
}

/// One `iss`, and what a token with it must state besides.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) issuer: Box<str>,
    tenant: Option<Box<str>>,
}

impl Identities {
    pub(crate) fn one(issuer: &str) -> Self {
        Self { name: issuer.into(), known: vec![Identity { issuer: issuer.into(), tenant: None }] }
    }

    /// One identifier for each tenant: the template with the tenant in its place.
    pub(crate) fn of_tenants<'a>(template: &str, tenants: impl IntoIterator<Item = &'a str>) -> Self {
        let identity =
            |tenant: &'a str| Identity { issuer: template.replace(TENANT, tenant).into(), tenant: Some(tenant.into()) };
        let mut known: Vec<_> = tenants.into_iter().map(identity).collect();
        known.sort_by(|one, other| one.issuer.cmp(&other.issuer));
        let name = match &*known {
            [only] => only.issuer.clone(),
            _ => template.into(),
        };
        Self { name, known }
    }

    /// What to call the issuer: its identifier or, if it has several, what they have in common.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|identity| &*identity.issuer)
    }

    /// Whether a token has to name its tenant besides.
    pub(super) fn have_tenants(&self) -> bool {
        self.known.iter().any(|identity| identity.tenant.is_some())
    }

    /// The identity of that very identifier, code point by code point.
    pub(crate) fn get(&self, issuer: &str) -> Option<&Identity> {
        match &*self.known {
            [only] => (&*only.issuer == issuer).then_some(only),
            many => many.binary_search_by(|known| (*known.issuer).cmp(issuer)).ok().map(|at| &many[at]),
        }
    }
}

impl Identity {
    /// Microsoft: the tenant that is named in `iss` and the one in `tid` are the same.
    pub(super) fn tenant_matches(&self, claims: &RegisteredClaims) -> Result<(), TokenError> {
        let Some(tenant) = &self.tenant else { return Ok(()) };
        match claims.tenant().ok_or(TokenError::Missing { claim: "tid" })? {
            found if found == &**tenant => Ok(()),
            other => Err(TokenError::Tenant { found: other.into(), expected: tenant.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_looked_up_as_they_stand() {
        let many = Identities::of_tenants("https://h.example/{tenantid}/v2", ["c", "a", "b"]);
        assert_eq!(many.name(), "https://h.example/{tenantid}/v2");
        assert_eq!(many.iter().count(), 3);
        for tenant in ["a", "b", "c"] {
            let issuer = format!("https://h.example/{tenant}/v2");
            assert_eq!(many.get(&issuer).map(|identity| &*identity.issuer), Some(&*issuer));
        }
        for other in ["https://h.example/{tenantid}/v2", "https://h.example/d/v2", "https://h.example/a/v2/", "a", ""] {
            assert!(many.get(other).is_none(), "{other}");
        }
        let one = Identities::of_tenants("https://h.example/{tenantid}/v2", ["a"]);
        assert_eq!(one.name(), "https://h.example/a/v2");
        assert!(one.get("https://h.example/{tenantid}/v2").is_none());
        assert!(Identities::of_tenants("https://h.example/{tenantid}/v2", []).get("").is_none());
    }
}

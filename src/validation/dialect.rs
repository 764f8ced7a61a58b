use super::identities::TENANT;
use super::token_error::TokenError;
use crate::jose::{KeyPurpose, VerifyingKey};
use crate::token::{ClaimJson, ClientClaim, RegisteredClaims, RolesClaim};

/// How the access tokens of one provider differ from those of others. The default fits every issuer.
///
/// A dialect adds rules. The only one that it may remove is that about [`at_hash`](AtHash).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) mark: Mark,
    pub(crate) client: ClientClaim,
    pub(crate) roles: RolesClaim,
    /// What the provider's answers about tokens (RFC 7662) have instead, if that differs from its JWTs.
    pub(crate) in_answers: Option<(Mark, ClientClaim)>,
    pub(crate) key_issuers: KeyIssuers,
    pub(crate) at_hash: AtHash,
    pub(crate) key_purpose: KeyPurpose,
}

/// Whether a token with `at_hash` is an ID token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AtHash {
    /// OpenID Connect Core §3.1.3.6: only ID tokens have one.
    #[default]
    OfIdTokens,
    /// The provider writes one into every access token, so a token without it is another one.
    InEveryToken,
}

/// What distinguishes a provider's access tokens from its other tokens, whatever their audience.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mark {
    /// No claim that could be relied on.
    #[default]
    None,
    /// `token_use` is `access`.
    TokenUse,
    /// `typ`, in the payload, is `Bearer`.
    Bearer,
    /// The client is named where few or none of the provider's ID tokens name it: the preset says which.
    Client,
    /// There is a `jti`. No ID token of the provider has one.
    Id,
    /// The `jti` begins with this. Those of the provider's other tokens begin otherwise.
    IdPrefix(&'static str),
    /// This claim is present, and neither empty nor null. The provider's other tokens have none.
    Claim(&'static str),
    /// This claim has this value.
    Value { claim: &'static str, value: &'static str },
}

/// Whether the `issuer` member of a JWK restricts which tokens the key may sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeyIssuers {
    /// Unknown members of a JWK are ignored (RFC 7517 §4).
    #[default]
    Ignored,
    /// It must be the token's issuer, after the token's tenant has replaced the placeholder in it.
    Honoured,
    /// It must be the token's issuer, or the same tenant at `login.microsoftonline.com`: for tenants with a host of their own.
    OfTenant,
}

/// The issuer of a tenant of Microsoft Entra ID.
const ENTRA: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

impl Dialect {
    /// The same for the provider's answers about tokens.
    #[cfg(feature = "introspection")]
    pub(crate) fn of_answers(self) -> Self {
        let (mark, client) = self.in_answers.unwrap_or((self.mark, self.client));
        Self { mark, client, ..self }
    }

    /// RFC 8725 §3.12: the token has what every access token of this provider has.
    pub(super) fn check_mark(self, claims: &RegisteredClaims<'_>, payload: &[u8]) -> Result<(), TokenError> {
        let (claim, is_present) = match self.mark {
            Mark::None => return Ok(()),
            Mark::TokenUse => ("token_use", claims.token_use.as_deref() == Some("access")),
            Mark::Bearer => {
                if claims.typ.as_deref().is_some_and(|typ| !typ.eq_ignore_ascii_case("Bearer")) {
                    return Err(TokenError::NotAnAccessToken { claim: "typ" });
                }
                ("typ", claims.typ.is_some())
            }
            Mark::Client => (self.client.name(), claims.client(self.client).is_some_and(|client| !client.is_empty())),
            Mark::Id => ("jti", claims.jti.as_deref().is_some_and(|id| !id.is_empty())),
            Mark::IdPrefix(prefix) => {
                if claims.jti.as_deref().is_some_and(|id| !id.starts_with(prefix)) {
                    return Err(TokenError::NotAnAccessToken { claim: "jti" });
                }
                ("jti", claims.jti.is_some())
            }
            Mark::Claim(claim) => (claim, ClaimJson::find(payload, claim).is_some_and(|json| !json.is_empty_text())),
            Mark::Value { claim, value } => match ClaimJson::find(payload, claim) {
                Some(json) if json.text().as_deref() != Some(value) => {
                    return Err(TokenError::NotAnAccessToken { claim });
                }
                found => (claim, found.is_some()),
            },
        };
        if is_present { Ok(()) } else { Err(TokenError::Missing { claim }) }
    }

    /// Whether `key` may sign a token with these claims. Microsoft publishes the keys of all tenants in one set, and some of
    /// them belong to one tenant.
    pub(super) fn may_sign(self, key: &VerifyingKey, claims: &RegisteredClaims<'_>) -> bool {
        let (true, Some(issuer)) = (self.key_issuers != KeyIssuers::Ignored, key.issuer()) else { return true };
        let (Some(iss), Some(tenant)) = (claims.iss.as_deref(), claims.tenant()) else { return false };
        let is_entra = || issuer == ENTRA || is_filled_in(ENTRA, tenant, issuer);
        is_filled_in(issuer, tenant, iss) || (self.key_issuers == KeyIssuers::OfTenant && is_entra())
    }
}

/// Whether `issuer` is `template` with the tenant in the place of every placeholder. A template may have none.
fn is_filled_in(template: &str, tenant: &str, issuer: &str) -> bool {
    let mut parts = template.split(TENANT);
    let start = parts.next().and_then(|first| issuer.strip_prefix(first));
    let rest = parts.try_fold(start, |rest, part| rest?.strip_prefix(tenant)?.strip_prefix(part).map(Some));
    rest.flatten().is_some_and(str::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_in_with_one_tenant() {
        for (template, issuer, expected) in [
            ("https://h/{tenantid}/v2", "https://h/t/v2", true),
            ("https://h/{tenantid}/v2", "https://h/u/v2", false),
            ("https://h/{tenantid}/v2", "https://h/t/v2/", false),
            ("https://h/{tenantid}/v2", "https://h/{tenantid}/v2", false),
            ("https://{tenantid}.h/{tenantid}/v2", "https://t.h/t/v2", true),
            ("https://{tenantid}.h/{tenantid}/v2", "https://t.h/u/v2", false),
            ("https://{tenantid}.h/{tenantid}/v2", "https://u.h/t/v2", false),
            ("https://h/t/v2", "https://h/t/v2", true),
            ("https://h/t/v2", "https://h/t/v2x", false),
            ("{tenantid}", "t", true),
            ("", "", true),
            ("", "t", false),
        ] {
            assert_eq!(is_filled_in(template, "t", issuer), expected, "{template} {issuer}");
        }
    }
}

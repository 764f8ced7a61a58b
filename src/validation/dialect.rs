use super::identities::TENANT;
use super::token_error::TokenError;
use crate::jose::VerifyingKey;
use crate::token::{ClaimJson, ClientClaim, RegisteredClaims};

/// How the access tokens of one provider differ from those of others. The default fits every issuer.
///
/// A dialect adds rules. The only one that it may remove is that about [`at_hash`](AtHash).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dialect {
    pub(crate) mark: Mark,
    pub(crate) client: ClientClaim,
    pub(crate) key_issuers: KeyIssuers,
    pub(crate) at_hash: AtHash,
}

/// Whether a token with `at_hash` is an ID token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AtHash {
    /// OpenID Connect Core §3.1.3.6: only ID tokens have one.
    #[default]
    OfIdTokens,
    /// The provider writes one into access tokens too, so it tells nothing.
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
    /// The client is named. No ID token of the provider names it there.
    Client,
    /// There is a `jti`. No ID token of the provider has one.
    Id,
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
}

impl Dialect {
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
        match (self.key_issuers, key.issuer()) {
            (KeyIssuers::Ignored, _) | (KeyIssuers::Honoured, None) => true,
            (KeyIssuers::Honoured, Some(issuer)) => {
                let (Some(iss), Some(tenant)) = (claims.iss.as_deref(), claims.tenant()) else { return false };
                match issuer.split_once(TENANT) {
                    None => issuer == iss,
                    Some((before, after)) => {
                        let rest = iss.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                        rest == Some(tenant)
                    }
                }
            }
        }
    }
}

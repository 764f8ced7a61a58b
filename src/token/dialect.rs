use super::error::TokenError;
use super::identity::TENANT;
use super::registered::RegisteredClaims;
use crate::jose::VerifyingKey;

/// What the access tokens of one provider have that others' have not. The default is what any issuer's may look like.
///
/// A dialect adds rules and takes none away.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dialect {
    pub(crate) mark: Mark,
    pub(crate) client: ClientClaim,
    pub(crate) key_issuers: KeyIssuers,
}

/// What tells an access token from the provider's other tokens, whatever its audience.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing that could be relied on.
    #[default]
    None,
    /// `token_use` is `access`.
    TokenUse,
    /// `typ`, in the payload, is `Bearer`.
    Bearer,
    /// The client is named, as it is in no ID token.
    Client,
    /// There is a `jti`, as there is in no ID token.
    Id,
}

/// Where the client's identifier is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ClientClaim {
    /// In `client_id` (RFC 9068 §2.2), or in `azp`.
    #[default]
    Standard,
    /// In `appid`.
    AppId,
    /// In `cid`.
    Cid,
}

/// Whether a key's own `issuer` restricts whose tokens it signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeyIssuers {
    /// Unknown members of a JWK are ignored (RFC 7517 §4).
    #[default]
    Ignored,
    /// It is that of the token, once the token's tenant stands where the template has its place.
    Honoured,
}

impl Dialect {
    /// RFC 8725 §3.12: what an access token of this provider always has.
    pub(super) fn marks_access_tokens(self, claims: &RegisteredClaims) -> Result<(), TokenError> {
        let (claim, is_there) = match self.mark {
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
        };
        if is_there { Ok(()) } else { Err(TokenError::Missing { claim }) }
    }

    /// Microsoft: the keys of all tenants are in one set, and some of them are one tenant's alone.
    pub(super) fn lets_sign(self, key: &VerifyingKey, claims: &RegisteredClaims) -> bool {
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

impl ClientClaim {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Standard => "azp",
            Self::AppId => "appid",
            Self::Cid => "cid",
        }
    }
}

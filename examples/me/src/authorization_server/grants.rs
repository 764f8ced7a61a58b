//! What users have granted: codes that are redeemed once within a minute, and refresh tokens that change at every use.
//!
//! Pure: the time is an argument. Access tokens are not here: a JWT is valid for as long as it says, and opaque tokens are
//! [elsewhere](super::opaque).

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use tower_bearer::Scope;

use super::pkce::Challenge;
use super::secrets;

pub(crate) const CODE_LIFETIME: Duration = Duration::from_secs(60);
pub(crate) const REFRESH_LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);

/// What one user has granted to one client, and how that user was authenticated.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) subject: String,
    pub(crate) scope: Scope,
    pub(crate) acr: String,
    pub(crate) auth_time: SystemTime,
    pub(crate) nonce: Option<String>,
}

/// What a code is bound to.
pub(crate) struct Authorization {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Challenge,
    /// The thumbprint of the only key that redeems it, if the client named one (RFC 9449 §10).
    pub(crate) dpop_jkt: Option<String>,
}

/// A client's attempt to redeem a code.
pub(crate) struct Redemption<'a> {
    pub(crate) code: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) is_public: bool,
    pub(crate) redirect_uri: &'a str,
    pub(crate) verifier: &'a str,
    /// The thumbprint of the key that the client has proved.
    pub(crate) jkt: Option<&'a str>,
}

/// Why there are no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GrantError {
    #[error("the code is unknown")]
    UnknownCode,
    #[error("the code was presented before; what was issued from it is revoked")]
    SpentCode,
    #[error("the code has expired")]
    ExpiredCode,
    #[error("the code or the refresh token belongs to another client")]
    OtherClient,
    #[error("redirect_uri is not that of the authorization request")]
    OtherRedirectUri,
    #[error("code_verifier does not match the code_challenge")]
    WrongVerifier,
    #[error("the code or the refresh token is bound to another key")]
    OtherKey,
    #[error("the refresh token is unknown, expired or revoked")]
    UnknownToken,
    #[error("the refresh token was used before; it and all its successors are revoked")]
    ReusedToken,
    #[error("the scope is wider than what was granted")]
    WiderScope,
}

impl GrantError {
    /// The code of RFC 6749 §5.2.
    pub(crate) fn code(self) -> &'static str {
        if self == Self::WiderScope { "invalid_scope" } else { "invalid_grant" }
    }
}

#[derive(Default)]
pub(crate) struct Grants {
    codes: HashMap<String, Code>,
    families: HashMap<String, Family>,
}

struct Code {
    issued: SystemTime,
    state: CodeState,
}

enum CodeState {
    Fresh(Authorization),
    /// With the family of refresh tokens that began with it, if any.
    Spent(Option<String>),
}

/// The refresh tokens that follow one another from one code. A token is the family's name and a secret, of which only the
/// last one counts: any other one in the family's name was used before, or is forged by someone who has seen one.
struct Family {
    grant: Grant,
    /// The thumbprint of the key that a public client has to prove (RFC 9449 §5). A confidential client shows its secret instead.
    jkt: Option<String>,
    current: String,
    began: SystemTime,
}

impl Grants {
    pub(crate) fn issue_code(&mut self, authorization: Authorization, now: SystemTime) -> String {
        self.forget_what_is_over(now);
        let code = secrets::random();
        self.codes.insert(code.clone(), Code { issued: now, state: CodeState::Fresh(authorization) });
        code
    }

    /// Every attempt consumes the code, even with a wrong verifier, so that a verifier cannot be guessed. Presenting it
    /// again revokes what was issued from it (RFC 6749 §4.1.2, RFC 9700 §2.1.1).
    pub(crate) fn redeem(
        &mut self,
        redemption: &Redemption<'_>,
        now: SystemTime,
    ) -> Result<(Grant, Option<String>), GrantError> {
        let code = self.codes.get_mut(redemption.code).ok_or(GrantError::UnknownCode)?;
        let authorization = match std::mem::replace(&mut code.state, CodeState::Spent(None)) {
            CodeState::Fresh(authorization) => authorization,
            CodeState::Spent(family) => {
                family.and_then(|family| self.families.remove(&family));
                return Err(GrantError::SpentCode);
            }
        };
        if is_over(code.issued, CODE_LIFETIME, now) {
            return Err(GrantError::ExpiredCode);
        }
        let Authorization { grant, redirect_uri, challenge, dpop_jkt } = authorization;
        if grant.client_id != redemption.client_id {
            return Err(GrantError::OtherClient);
        }
        if redirect_uri != redemption.redirect_uri {
            return Err(GrantError::OtherRedirectUri);
        }
        if !challenge.is_met_by(redemption.verifier) {
            return Err(GrantError::WrongVerifier);
        }
        if dpop_jkt.is_some_and(|bound_to| redemption.jkt != Some(&bound_to)) {
            return Err(GrantError::OtherKey);
        }
        if !grant.scope.contains("offline_access") {
            return Ok((grant, None));
        }
        let (family, secret) = (secrets::random(), secrets::random());
        code.state = CodeState::Spent(Some(family.clone()));
        let token = format!("{family}.{secret}");
        let jkt = redemption.jkt.filter(|_| redemption.is_public).map(ToOwned::to_owned);
        self.families.insert(family, Family { grant: grant.clone(), jkt, current: secret, began: now });
        Ok((grant, Some(token)))
    }

    /// The old token ends, the next one is returned (RFC 9700 §4.14.2). A narrower scope narrows this one access token.
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        client_id: &str,
        jkt: Option<&str>,
        scope: Option<&Scope>,
        now: SystemTime,
    ) -> Result<(Grant, String), GrantError> {
        let (name, secret) = token.split_once('.').ok_or(GrantError::UnknownToken)?;
        let family = self.families.get_mut(name).ok_or(GrantError::UnknownToken)?;
        if is_over(family.began, REFRESH_LIFETIME, now) {
            return Err(GrantError::UnknownToken);
        }
        // Who does not have the client's key is not the client. It cannot use the token, so the client keeps it.
        if family.jkt.is_some() && family.jkt.as_deref() != jkt {
            return Err(GrantError::OtherKey);
        }
        // Another client presents it, or it was used before: one of its holders stole it, and it is unknown which.
        let stolen = if family.grant.client_id != client_id {
            Some(GrantError::OtherClient)
        } else if !secrets::are_equal(&family.current, secret) {
            Some(GrantError::ReusedToken)
        } else {
            None
        };
        if let Some(error) = stolen {
            self.families.remove(name);
            return Err(error);
        }
        let mut grant = family.grant.clone();
        if let Some(scope) = scope {
            if !grant.scope.includes(scope) {
                return Err(GrantError::WiderScope);
            }
            grant.scope = scope.clone();
        }
        family.current = secrets::random();
        Ok((grant, format!("{name}.{}", family.current)))
    }

    /// Ends the family of this client's token; any other token is none of our business (RFC 7009 §2.1, §2.2).
    pub(crate) fn revoke(&mut self, token: &str, client_id: &str) {
        let name = token.split_once('.').map_or(token, |(name, _)| name);
        if self.families.get(name).is_some_and(|family| family.grant.client_id == client_id) {
            self.families.remove(name);
        }
    }

    /// Ends everything that this user has granted: refresh tokens, and codes that were not redeemed yet.
    pub(crate) fn end_all_of(&mut self, subject: &str) {
        self.families.retain(|_, family| family.grant.subject != subject);
        self.codes.retain(|_, code| match &code.state {
            CodeState::Fresh(authorization) => authorization.grant.subject != subject,
            CodeState::Spent(_) => true,
        });
    }

    /// Whether a family of refresh tokens is still there.
    pub(crate) fn has_family(&self, name: &str) -> bool {
        self.families.contains_key(name)
    }

    /// A spent code is remembered for as long as there may be tokens to revoke.
    fn forget_what_is_over(&mut self, now: SystemTime) {
        self.codes.retain(|_, code| !is_over(code.issued, REFRESH_LIFETIME, now));
        self.families.retain(|_, family| !is_over(family.began, REFRESH_LIFETIME, now));
    }
}

fn is_over(began: SystemTime, lifetime: Duration, now: SystemTime) -> bool {
    now >= began + lifetime
}

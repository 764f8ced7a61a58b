/// One rule, and whether a token satisfies it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// What the rule concerns, in a word that does not change between versions: `size`, `form`, `header` and `payload` of the token's text; then
    /// `iss`, `alg`, `typ`, `kind` (whether it is another kind of token), `provider` (what the issuer's preset requires), `user_flow` (of Azure
    /// AD B2C), `profile`, `scope`, `act`, `authorization_details`, `cnf`, `sub`, `aud`, `exp`, `nbf` and `iat`; then `keys`, `kid` and
    /// `signature`; then, if the issuer has such lists, `tenants`, `subjects`, `callers` (such as the repositories of GitHub) and `clients`;
    /// `claims` for the application's own type; `lifetime` and `revocation` for a server with
    /// [revocations](crate::server::Builder::revocations); `certificate` for a token that is bound to a client certificate; for a DPoP proof,
    /// `proof` (its form), `proof_alg`, `jkt`, `ath`, `htm`, `htu`, `proof_iat`, `nonce` and `proof_signature`; and `tenant`, if the tenant [has
    /// to fit](crate::tenants::TenantSettings::check) the request.
    pub name: &'static str,
    /// Where the rule comes from: an RFC and its section, or this crate.
    pub source: &'static str,
    /// What the rule requires.
    pub expected: String,
    /// What the token has.
    pub found: String,
    /// Whether the token satisfies the rule.
    pub holds: bool,
}

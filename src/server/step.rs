/// One rule, and whether a token satisfies it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// What the rule is about, in a word that does not change between versions: `size`, `form`, `header` and `payload` of the token as a text; then
    /// `iss`, `alg`, `typ`, `kind` (is it another kind of token), `provider` (what the issuer's preset asks for), `user_flow` (of Azure
    /// AD B2C), `profile`, `scope`, `act`, `authorization_details`, `cnf`, `sub`, `aud`, `exp`, `nbf` and `iat`; then `keys`, `kid`
    /// and `signature`; then, if the issuer has such lists, `tenants`, `subjects`, `callers` (such as the repositories of GitHub) and
    /// `clients`; `claims` for the application's own; `lifetime` and `revocation` of a server with
    /// [revocations](crate::server::Builder::revocations). `certificate` of a token that is bound to a client certificate. Of a DPoP proof: `proof` (its form),
    /// `proof_alg`, `jkt`, `ath`, `htm`, `htu`, `proof_iat`, `nonce` and `proof_signature`. `tenant`, if a tenant [has to fit](crate::tenants::TenantSettings::check) its request.
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

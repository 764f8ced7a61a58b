use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::super::source::Source;
use super::text::refuse;
use crate::jose::{Algorithm, KeyPurpose};
use crate::keys::KeySource;
use crate::validation::{Dialect, Identities, is_trust_domain};

/// The algorithms of JWT-SVID §2.1.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

impl Issuer {
    /// A SPIFFE trust domain, such as `example.org`, for the JWT-SVIDs of its workloads. [`AccessToken::issuer`](crate::AccessToken::issuer)
    /// returns the SPIFFE ID of the trust domain, `spiffe://example.org`, and [`AccessToken::subject`](crate::AccessToken::subject) returns
    /// that of the workload.
    ///
    /// - **Keys**: those of `source`: either the bundle of the trust domain, in which only the keys with the `use` `jwt-svid` count, or a
    ///   plain JWK Set. Use [`RemoteKeys::at`](crate::keys::RemoteKeys::at) for a bundle endpoint with a web certificate (`https_web`) or
    ///   SPIRE's OIDC discovery provider, and a [`KeyFile`](crate::keys::KeyFile) for a file that `spiffe-helper` or an agent keeps up to
    ///   date.
    /// - **Also required**: `sub` is the SPIFFE ID of a workload in the trust domain. It replaces `iss`, which a JWT-SVID need not have.
    ///   If `iss` names another issuer that the server trusts, the token is treated as that issuer's. The [algorithms](Self::algorithms)
    ///   are RS, ES and PS 256 to 512.
    /// - **Set up**: every workload of a trust domain can get a JWT-SVID for any audience, so list the callers with
    ///   [`allow_subjects`](Self::allow_subjects) or in a requirement. The audience is a name of this server, often its own SPIFFE ID.
    /// - **`iss`**: [`AccessToken::issuer`](crate::AccessToken::issuer) is always the trust domain. A JWT-SVID may have an `iss`, but
    ///   that is text of the signer's choice and identifies no one. It stays in the claims, but do not base decisions on it.
    /// - **Roles**: none. There are no scopes either, so [`Require::scope`](crate::Require::scope) refuses every token.
    ///
    /// The [strict profile](crate::validation::Profile::Rfc9068) refuses JWT-SVIDs. To trust several trust domains, add one issuer for
    /// each.
    ///
    /// Documentation: <https://spiffe.io/docs/latest/spiffe-specs/jwt-svid/>
    ///
    /// ```
    /// use tower_bearer::keys::RemoteKeys;
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let bundle = RemoteKeys::at("https://spire.example.org/bundle")?;
    /// let workloads = Issuer::spiffe("example.org", bundle)?.allow_subjects(["spiffe://example.org/frontend"]);
    /// let api = ResourceServer::builder("spiffe://example.org/orders").trust(workloads).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `trust_domain` is not the name of a trust domain: lower-case letters, digits, `.`, `-` and `_`, without `spiffe://`.
    pub fn spiffe(trust_domain: &str, source: impl KeySource) -> Result<Self, ConfigError> {
        if !is_trust_domain(trust_domain) {
            let expected = "lower-case letters, digits, '.', '-' and '_', without \"spiffe://\"";
            return Err(refuse("trust domain of SPIFFE", trust_domain, expected));
        }
        let identities = Identities::of_trust_domain(&format!("spiffe://{trust_domain}"));
        let mut issuer = Self::new(identities, Source::Other(std::sync::Arc::new(source))).algorithms(ALGORITHMS);
        issuer.dialect = Dialect { key_purpose: KeyPurpose::JwtSvids, ..issuer.dialect };
        Ok(issuer)
    }
}

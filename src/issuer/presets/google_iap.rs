use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::jwks;
use crate::token::ClientClaim;
use crate::validation::{Identities, Mark};

const IDENTIFIER: &str = "https://cloud.google.com/iap";
const KEYS: &str = "https://www.gstatic.com/iap/verify/public_key-jwk";

impl Issuer {
    /// Google's Identity-Aware Proxy (IAP): for the assertion that it adds to the requests that it lets through. The issuer is
    /// `https://cloud.google.com/iap`, for every project of every customer.
    ///
    /// - **Keys**: at `https://www.gstatic.com/iap/verify/public_key-jwk`, for ES256, the same for all customers. *So only the
    ///   audience tells your application's assertions from those for other applications.* The proxy sets it, and no caller can choose
    ///   it.
    /// - **Also required**: nothing. Google's ID tokens have another issuer and other keys.
    /// - **Set up**: the audience, which the console shows for the resource as *Signed Header JWT Audience*:
    ///   `/projects/{project number}/global/backendServices/{service id}` for Compute Engine and GKE,
    ///   `/projects/{project number}/apps/{project id}` for App Engine,
    ///   `/projects/{project number}/locations/{region}/services/{name}` for Cloud Run. If IAP is turned on for the backend
    ///   service of a load balancer in front of Cloud Run, the audience is that of the backend service.
    /// - **Where the token is**: in the header `x-goog-iap-jwt-assertion`, without the word `Bearer`:
    ///   [`TokenSource::header`](crate::credentials::TokenSource::header). The proxy derives it from a browser cookie, so [refuse
    ///   cross-site requests](crate::credentials::TokenSource::refuse_cross_site) (CSRF). `Authorization` may hold what the caller
    ///   sent to the proxy, so use [`token_only_from`](crate::layer::ProtectLayer::token_only_from) to read only this header. The
    ///   headers `x-goog-authenticated-user-*` are not signed.
    /// - **Roles**: none, and no scopes. The proxy checks who may use the application. `/email` is the user's address, `/hd` is the
    ///   organization of the account, and `/google/access_levels` lists the access levels that the request satisfies. The subject is
    ///   `accounts.google.com:{number}`. There is no client; `azp` repeats the audience.
    ///
    /// Health checks come from the load balancer, do not go through IAP and carry no assertion. So answer them outside the layer.
    /// Google documents the claims at <https://cloud.google.com/iap/docs/signed-headers-howto>.
    ///
    /// ```
    /// use tower_bearer::credentials::TokenSource;
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("/projects/123456789012/global/backendServices/1234567890123456789")
    ///     .trust(Issuer::google_iap()?)
    ///     .build()?;
    /// let assertion = http::HeaderName::from_static("x-goog-iap-jwt-assertion");
    /// let protected = api.layer().token_only_from(TokenSource::header(assertion).refuse_cross_site());
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Never fails; returns `Result` like the other presets.
    pub fn google_iap() -> Result<Self, ConfigError> {
        Ok(Self::new(Identities::one(IDENTIFIER), jwks(KEYS)?).speaking(Mark::None, ClientClaim::ClientId))
    }
}

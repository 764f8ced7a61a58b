use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;

impl Issuer {
    /// A Kubernetes cluster, identified by its issuer, for the tokens of its service accounts. `kubectl get --raw
    /// /.well-known/openid-configuration` shows the `issuer`, which is often `https://kubernetes.default.svc.cluster.local`.
    ///
    /// - **Keys**: found through the issuer's metadata, which managed clusters publish.
    /// - **Set up**: callers mount a projected `serviceAccountToken` volume whose `audience` is this server's. Anyone who may
    ///   create pods can do that, so list the allowed callers with [`allow_subjects`](Self::allow_subjects).
    /// - **Roles**: none, and no scopes. The subject is `system:serviceaccount:{namespace}:{name}`, and `/kubernetes.io` has more.
    ///
    /// If the cluster does not publish its metadata, get the keys from the API server. It has a certificate of the cluster's own
    /// authority, and usually requires a token, which is renewed while the process runs and so must be read for each fetch:
    ///
    /// ```no_run
    /// use tower_bearer::keys::{FetchError, FetchFuture, FetchRequest, KeySource, RemoteKeys};
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// struct ApiServer;
    ///
    /// impl KeySource for ApiServer {
    ///     fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a> {
    ///         Box::pin(async move {
    ///             let keys = api_server().map_err(|error| FetchError::Other { reason: error.to_string().into() })?;
    ///             keys.fetch(request).await
    ///         })
    ///     }
    /// }
    ///
    /// fn api_server() -> Result<RemoteKeys, Box<dyn std::error::Error>> {
    ///     let account = std::path::Path::new("/var/run/secrets/kubernetes.io/serviceaccount");
    ///     let authority = reqwest::Certificate::from_pem(&std::fs::read(account.join("ca.crt"))?)?;
    ///     let token = std::fs::read_to_string(account.join("token"))?;
    ///     let headers = [(reqwest::header::AUTHORIZATION, format!("Bearer {}", token.trim()).parse()?)];
    ///     let client = reqwest::Client::builder()
    ///         .tls_certs_only([authority])
    ///         .default_headers(headers.into_iter().collect())
    ///         .build()?;
    ///     Ok(RemoteKeys::at("https://kubernetes.default.svc/openid/v1/jwks")?.client(client))
    /// }
    ///
    /// let cluster = Issuer::kubernetes("https://kubernetes.default.svc.cluster.local")?
    ///     .keys_from(ApiServer)
    ///     .allow_subjects(["system:serviceaccount:shop:frontend"]);
    /// let api = ResourceServer::builder("https://api.example.com").trust(cluster).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as for [`discover`](Self::discover).
    pub fn kubernetes(issuer: &str) -> Result<Self, ConfigError> {
        Self::openid(issuer)
    }
}

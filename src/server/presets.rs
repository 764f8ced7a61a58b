//! What differs from one provider to another, and nothing else: the rules themselves stand in `token`.

use url::Url;

use super::config_error::ConfigError;
use super::issuer::{Issuer, Source};
use super::text_error::is_any_tenant;
use crate::keys::RemoteKeys;
use crate::token::{ClientClaim, Dialect, Identities, KeyIssuers, Mark, is_tenant};

/// What Microsoft calls the issuers of its version 2 tokens.
const ENTRA_V2: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
/// And those of version 1, with the slash.
const ENTRA_V1: &str = "https://sts.windows.net/{tenantid}/";
/// The keys of all tenants.
const ENTRA_V2_KEYS: &str = "https://login.microsoftonline.com/common/discovery/v2.0/keys";
const ENTRA_V1_KEYS: &str = "https://login.microsoftonline.com/common/discovery/keys";
const GOOGLE: &str = "https://accounts.google.com";

impl Issuer {
    /// A realm of Keycloak. Its identifier is `{base_url}/realms/{realm}`; before version 17 the base URL ended in
    /// `/auth`.
    ///
    /// - **Keys**: by the realm's metadata. Its key set also holds a key for encryption (`RSA-OAEP`), which is skipped.
    /// - **Required besides**: `typ` in the payload is `Bearer`, as in every access token that is not bound to a key.
    ///   ID, refresh, offline and logout tokens of the realm have another.
    /// - **To be set up**: an audience mapper that adds this server's audience to `aud`, in a client scope of the
    ///   clients that call it. Without one, `aud` is `account` or absent, and nobody gets in. Lightweight access tokens
    ///   lack `sub` unless its mapper is told to add it to them.
    /// - **Roles**: `/realm_access/roles`, and `/resource_access/{client}/roles`, which mean something for that client
    ///   only. Scopes are in `scope`; the `acr` is `0`, `1`, or the level that the realm maps it to.
    ///
    /// `iss` has the public host name. Where this server reaches Keycloak by another, say so with
    /// [`keys_from`](Self::keys_from).
    ///
    /// ```
    /// use tower_bearer::{Issuer, Require, ResourceServer};
    ///
    /// let api = ResourceServer::builder("https://api.example.com")
    ///     .trust(Issuer::keycloak("https://id.example.com", "shop")?)
    ///     .build()?;
    /// let administration = Require::token().and_claim_contains("/realm_access/roles", "admin");
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the base URL is not an https URL, ends in a slash or names a realm already, or if the realm is not made of
    /// letters, digits, `-`, `.`, `_` and `~`. A realm of another name is one for [`discover`](Self::discover).
    pub fn keycloak(base_url: &str, realm: &str) -> Result<Self, ConfigError> {
        if base_url.ends_with('/') || base_url.contains("/realms") {
            let expected = "a URL that ends before the slash and \"realms\"";
            return Err(refuse("base URL of Keycloak", base_url, expected));
        }
        let realm = segment("realm of Keycloak", realm)?;
        Ok(Self::openid(&format!("{base_url}/realms/{realm}"))?.speaking(Mark::Bearer, ClientClaim::Standard))
    }

    /// A tenant of Auth0, by its domain: `tenant.eu.auth0.com`, or a domain of your own. Its identifier is
    /// `https://{domain}/`, with the slash.
    ///
    /// - **Keys**: by the tenant's metadata.
    /// - **To be set up**: an API whose identifier is this server's audience. Clients must ask for it (`audience`),
    ///   otherwise they get an opaque token, which is refused. `aud` may also name the `/userinfo` endpoint. An ID
    ///   token's `aud` is the client, so never make a client's identifier the audience.
    /// - **Roles**: `/permissions`, if the API has "Add Permissions in the Access Token". Scopes are in `scope`. The
    ///   API's token profile RFC 9068 fits [`Profile::Rfc9068`](crate::token::Profile::Rfc9068).
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("https://api.example.com")
    ///     .trust(Issuer::auth0("shop.eu.auth0.com")?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `domain` is anything but a domain: no scheme, no slash.
    pub fn auth0(domain: &str) -> Result<Self, ConfigError> {
        Self::openid(&format!("https://{}/", host("domain of Auth0", domain)?))
    }

    /// One tenant of Microsoft Entra ID, by the identifier of its directory, for tokens of version 2: those of an API
    /// whose manifest has `requestedAccessTokenVersion` 2. Their issuer is
    /// `https://login.microsoftonline.com/{tenant}/v2.0`.
    ///
    /// - **Keys**: by the tenant's metadata. They have no `alg`; where one has an `issuer`, it must be the token's,
    ///   because the keys of personal accounts and of organizations stand side by side.
    /// - **Required besides**: `tid` is the tenant, and `azp` is there, as it is not in ID tokens: a client and an API
    ///   that share one registration have the same audience.
    /// - **To be set up**: the audience is the API's client identifier, a GUID. A token for Microsoft Graph is not one
    ///   for your API, and cannot be verified by anybody else.
    /// - **Roles**: `/roles`, and `/groups` if they are configured. Delegated permissions are in `scp`; a token that an
    ///   application got for itself has none. *Any* application of the tenant gets such a token for your API, without
    ///   any role, unless the API's registration requires assignment: so require a scope or a role on every route.
    ///   `sub` differs from one API to another; `/oid` does not.
    ///
    /// Version 1 is [`entra_v1`](Self::entra_v1). Keys of one application alone (claims mapping) and the national
    /// clouds are at other URLs: use [`jwks`](Self::jwks) for those, or [`keys_from`](Self::keys_from).
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    ///     .trust(Issuer::entra("1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a")?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `tenant` is not a GUID in lower case, as it stands in tokens. A domain's name never does, and neither do
    /// `common`, `organizations` or `consumers`.
    pub fn entra(tenant: &str) -> Result<Self, ConfigError> {
        let identities = Identities::of_tenant(ENTRA_V2, guid(tenant)?);
        let keys = RemoteKeys::discover_openid(identities.name());
        let keys = keys.map_err(|reason| ConfigError::Issuer { value: identities.name().to_owned(), reason })?;
        Ok(Self::new(identities, Source::from(keys)).of_entra())
    }

    /// Several tenants of Microsoft Entra ID, for tokens of version 2 of a multi-tenant API: [`entra`](Self::entra) for
    /// each of them, with the keys fetched once for all.
    ///
    /// The list is closed. The `iss` of a token must be that of a tenant in it, to the letter, and `tid` that tenant. Whoever
    /// wants to let every tenant in has to know them all.
    ///
    /// The list stays secret. It is checked after the signature, and until then the tokens of all tenants are treated alike;
    /// [metadata](crate::metadata) does not name its tenants. Of two lists in one server, a stranger can find out which of them
    /// a tenant is on: each list has audiences, rules and keys of its own, and a tenant that is on none is treated as one of the
    /// first. Trust one list where that matters.
    ///
    /// - **Keys**: at the URL that is common to all tenants, directly: the metadata there is that of the issuer
    ///   `https://login.microsoftonline.com/{tenantid}/v2.0`, braces and all, and that is no issuer of any token. By
    ///   that name it is found in [`status`](crate::ResourceServer::status) and in logs.
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let customers = ["1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a", "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b"];
    /// let api = ResourceServer::builder("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    ///     .trust(Issuer::entra_tenants(customers)?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no tenant, or one is not a GUID in lower case. One that is there twice is found out when the server
    /// is built.
    pub fn entra_tenants(tenants: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        let tenants: Vec<_> = tenants.into_iter().collect();
        if tenants.is_empty() {
            return Err(refuse("list of Entra tenants", "", "a list of at least one"));
        }
        let tenants = tenants.iter().map(|tenant| guid(tenant.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(Identities::of_tenants(ENTRA_V2, tenants), jwks(ENTRA_V2_KEYS)?).of_entra())
    }

    /// One tenant of Microsoft Entra ID, for tokens of version 1: what an API gets whose manifest leaves
    /// `requestedAccessTokenVersion` out. Their issuer is `https://sts.windows.net/{tenant}/`, with the slash.
    ///
    /// - **Keys**: at the URL that is common to all tenants, because there is no metadata where the issuer is. They are
    ///   not bound to tenants.
    /// - **Required besides**: `tid` is the tenant, and `appid` is there, as it is not in ID tokens. It is what
    ///   [`client_id`](crate::AccessToken::client_id) tells.
    /// - **To be set up**: the audience is what the client asked for, in most cases the App ID URI (`api://…`).
    /// - **Roles**: as in [`entra`](Self::entra); besides, `acr` is `0` or `1`.
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("api://aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    ///     .trust(Issuer::entra_v1("1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a")?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `tenant` is not a GUID in lower case.
    pub fn entra_v1(tenant: &str) -> Result<Self, ConfigError> {
        let issuer = Self::new(Identities::of_tenant(ENTRA_V1, guid(tenant)?), jwks(ENTRA_V1_KEYS)?);
        Ok(issuer.speaking(Mark::Client, ClientClaim::AppId))
    }

    /// A custom authorization server of Okta: `default`, or the identifier of one that you made, at
    /// `dev-123456.okta.com` or a domain of your own. Its identifier is
    /// `https://{domain}/oauth2/{authorization_server}`.
    ///
    /// - **Keys**: by the server's metadata.
    /// - **Required besides**: `cid`, as there is none in ID tokens. It is what
    ///   [`client_id`](crate::AccessToken::client_id) tells.
    /// - **To be set up**: the authorization server's audience (`api://default` for the first one). The tokens of the
    ///   organization's own server, whose issuer is the bare domain, are for Okta's API and nobody else can rely on
    ///   them.
    /// - **Roles**: `/groups`, if a claim of that name is added. Scopes are in `scp`, an array. `sub` is the user's
    ///   login; `/uid` is what does not change.
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("api://default").trust(Issuer::okta("shop.okta.com", "default")?).build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `domain` is anything but a domain, or the authorization server is not made of letters, digits, `-`, `.`, `_`
    /// and `~`.
    pub fn okta(domain: &str, authorization_server: &str) -> Result<Self, ConfigError> {
        let domain = host("domain of Okta", domain)?;
        let server = segment("authorization server of Okta", authorization_server)?;
        let issuer = Self::openid(&format!("https://{domain}/oauth2/{server}"))?;
        Ok(issuer.speaking(Mark::Client, ClientClaim::Cid))
    }

    /// A user pool of Amazon Cognito, by its identifier, for the tokens of these app clients. Its identifier is
    /// `https://cognito-idp.{region}.amazonaws.com/{pool}`; the region is the part of the pool's before `_`.
    ///
    /// - **Keys**: at the pool's `/.well-known/jwks.json`.
    /// - **Required besides**: `token_use` is there and `access`. `client_id` is one of `clients`, [instead of an
    ///   audience](Self::clients_instead_of_audience), because most access tokens have no `aud`. One that was asked for
    ///   with a resource (RFC 8707) has one, and then it must name this server.
    /// - **To be set up**: nothing. For an API of its own among the pool's, require a scope of its resource server.
    /// - **Roles**: `/cognito:groups`. Scopes are in `scope`; a sign-in with the user pools API gets
    ///   `aws.cognito.signin.user.admin` and no other.
    ///
    /// For China, whose domain differs, use [`jwks`](Self::jwks).
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("https://api.example.com")
    ///     .trust(Issuer::cognito("eu-central-1_AbCdEfGhI", ["4r1l9b6tkn0demo3app5client"])?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `pool` is not the identifier of a pool, such as `eu-central-1_AbCdEfGhI`. That there is no client is found
    /// out when the server is built.
    pub fn cognito(pool: &str, clients: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ConfigError> {
        let expected = "a region outside of China, an underscore, and letters and digits";
        let (region, _) = parse_pool(pool).ok_or_else(|| refuse("user pool of Cognito", pool, expected))?;
        let identifier = format!("https://cognito-idp.{region}.amazonaws.com/{pool}");
        let keys = jwks(&format!("{identifier}/.well-known/jwks.json"))?;
        let issuer = Self::new(Identities::one(&identifier), keys).clients_instead_of_audience(clients);
        Ok(issuer.speaking(Mark::TokenUse, ClientClaim::Standard))
    }

    /// Google, for what its service accounts call others with: the ID tokens that a metadata server, Cloud Run, Cloud
    /// Scheduler, Pub/Sub and `generateIdToken` make for an audience that the caller names.
    ///
    /// Google's access tokens are for Google, and nobody else can verify them. These ID tokens are no access tokens
    /// either: they grant nothing, they only tell who calls. And *anybody with a Google account can have one for your
    /// audience*, so `subjects` says who may: the unique identifiers of service accounts, which are numbers. Unlike
    /// their e-mail addresses they are never given away again.
    ///
    /// - **Accepted**: tokens of `https://accounts.google.com` for this server's audience, with one of the subjects.
    /// - **Refused**: whatever has an `at_hash`, as ID tokens from a user's sign-in do: that is the rule for every
    ///   issuer. So are the assertions of the Identity-Aware Proxy, which are another issuer's
    ///   (`https://cloud.google.com/iap`).
    /// - **Keys**: by Google's metadata.
    /// - **To be set up**: nothing. Make this server's URL the audience, never the identifier of an OAuth client.
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("https://api.example.com")
    ///     .trust(Issuer::google(["100000000000000000001"])?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a subject is not a number: an e-mail address is none. That there is no subject is found out when the server
    /// is built.
    pub fn google(subjects: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ConfigError> {
        let subjects: Vec<String> = subjects.into_iter().map(Into::into).collect();
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        match subjects.iter().find(|subject| !is_number(subject)) {
            Some(odd) => Err(refuse("subject at Google", odd, "the unique identifier of an account, a number")),
            None => Ok(Self::openid(GOOGLE)?.subjects(subjects)),
        }
    }

    /// An instance of Zitadel, by its domain: `shop-abc123.zitadel.cloud`, or one of your own, with the port if there
    /// is one. Its identifier is `https://{domain}`.
    ///
    /// - **Keys**: by the instance's metadata. They live for hours only, which costs nothing: a new one is fetched when
    ///   its first token comes.
    /// - **Required besides**: `jti`, which ID tokens do not have. It takes that much, because the `aud` of an ID token
    ///   names the project and all its applications, too.
    /// - **To be set up**: applications and service users must have the access token type JWT, otherwise their tokens
    ///   are opaque and refused. The audience is the project's identifier; others ask for it with the scope
    ///   `urn:zitadel:iam:org:project:id:{project}:aud`.
    /// - **Roles**: the members of the object `/urn:zitadel:iam:org:project:roles`, if they are asked for or asserted: see
    ///   [`Require::and_claim_has_member`](crate::Require::and_claim_has_member). There are no scopes, so [`Require::scope`](crate::Require::scope) refuses every token.
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("69234237810729019").trust(Issuer::zitadel("id.example.com")?).build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `domain` is anything but a domain, and a port where there is one.
    pub fn zitadel(domain: &str) -> Result<Self, ConfigError> {
        let issuer = Self::openid(&format!("https://{}", host_and_port("domain of Zitadel", domain)?))?;
        Ok(issuer.speaking(Mark::Id, ClientClaim::Standard))
    }

    /// The service accounts of a Kubernetes cluster, by the cluster's issuer: what `kubectl get --raw
    /// /.well-known/openid-configuration` shows as `issuer`, often `https://kubernetes.default.svc.cluster.local`.
    ///
    /// - **Keys**: by the issuer's metadata. Managed clusters publish it for everybody.
    /// - **To be set up**: callers mount a projected `serviceAccountToken` volume whose `audience` is this server's.
    ///   Whoever may make pods can do that, so say who may come with [`subjects`](Self::subjects).
    /// - **Roles**: none, and no scopes. The subject is `system:serviceaccount:{namespace}:{name}`; `/kubernetes.io`
    ///   tells more.
    ///
    /// Within a cluster that publishes nothing, the API server serves the keys, with a certificate of the cluster's own
    /// and, as a rule, to those with a token only. That token is renewed while the process runs, so it has to be read
    /// for each fetch:
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
    ///     .subjects(["system:serviceaccount:shop:frontend"]);
    /// let api = ResourceServer::builder("https://api.example.com").trust(cluster).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`discover`](Self::discover).
    pub fn kubernetes(issuer: &str) -> Result<Self, ConfigError> {
        Self::openid(issuer)
    }

    /// At these providers the metadata is at one place, and what they answer at others is not always 404.
    fn openid(identifier: &str) -> Result<Self, ConfigError> {
        let keys = RemoteKeys::discover_openid(identifier)
            .map_err(|reason| ConfigError::Issuer { value: identifier.to_owned(), reason })?;
        Ok(Self::new(Identities::one(identifier), Source::from(keys)))
    }

    fn speaking(mut self, mark: Mark, client: ClientClaim) -> Self {
        self.dialect = Dialect { mark, client, ..self.dialect };
        self
    }

    fn of_entra(mut self) -> Self {
        self.dialect.key_issuers = KeyIssuers::Honoured;
        self.speaking(Mark::Client, ClientClaim::Standard)
    }
}

fn refuse(argument: &'static str, value: &str, expected: &'static str) -> ConfigError {
    ConfigError::Preset { argument, value: value.to_owned(), expected }
}

fn jwks(url: &str) -> Result<Source, ConfigError> {
    let keys = RemoteKeys::at(url).map_err(|reason| ConfigError::JwksUrl { value: url.to_owned(), reason })?;
    Ok(Source::from(keys))
}

/// One segment of a path, of characters that are never escaped (RFC 3986 §2.3), and neither `.` nor `..`, which lead
/// elsewhere.
fn segment<'a>(argument: &'static str, value: &'a str) -> Result<&'a str, ConfigError> {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
    if value.is_empty() || !value.bytes().all(is_plain) || value == "." || value == ".." {
        return Err(refuse(argument, value, "made of letters, digits, '-', '.', '_' and '~'"));
    }
    Ok(value)
}

/// A domain, written as it stands in a URL.
fn host<'a>(argument: &'static str, value: &'a str) -> Result<&'a str, ConfigError> {
    let host = host_and_port(argument, value)?;
    if host.contains(':') { Err(refuse(argument, value, "a domain without a port")) } else { Ok(host) }
}

fn host_and_port<'a>(argument: &'static str, value: &'a str) -> Result<&'a str, ConfigError> {
    // The parser repairs and normalizes; what it leaves alone is what an issuer writes.
    let text = format!("https://{value}/");
    let is_host = |url: &Url| {
        let is_bare = url.username().is_empty() && url.password().is_none() && url.path() == "/";
        let is_domain = |domain: &str| domain.contains('.') && domain.split('.').all(is_label);
        url.as_str() == text && is_bare && url.domain().is_some_and(is_domain)
    };
    match Url::parse(&text).ok().filter(is_host) {
        Some(_) => Ok(value),
        None => Err(refuse(argument, value, "a domain in lower case, without scheme and slash")),
    }
}

/// What stands between the dots of a domain. URLs may hold more, such as a placeholder that was never filled in.
fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
}

/// The identifier of a tenant as tokens have it: 8, 4, 4, 4 and 12 hexadecimal digits.
fn guid(tenant: &str) -> Result<&str, ConfigError> {
    if is_tenant(tenant) {
        return Ok(tenant);
    }
    let expected = if is_any_tenant(tenant) {
        "a GUID in lower case, but stands for any tenant: set the GUID of yours, or several with entra_tenants"
    } else {
        "a GUID in lower case"
    };
    Err(refuse("tenant of Entra", tenant, expected))
}

/// The region of a user pool, and the rest.
fn parse_pool(pool: &str) -> Option<(&str, &str)> {
    let (region, rest) = pool.split_once('_')?;
    let is_region = region.contains('-')
        && !region.starts_with('-')
        && !region.ends_with('-')
        && !region.starts_with("cn-")
        && region.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-');
    let is_rest = !rest.is_empty() && rest.bytes().all(|octet| octet.is_ascii_alphanumeric());
    (is_region && is_rest).then_some((region, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact;

    const TENANT: &str = "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a";
    const OTHER: &str = "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b";

    fn identifiers(issuer: &Issuer) -> Vec<&str> {
        issuer.identities.iter().collect()
    }

    fn keys(issuer: &Issuer) -> String {
        format!("{:?}", issuer.source)
    }

    #[test]
    fn who_each_provider_is_and_where_its_keys_are() {
        let clients = ["client"];
        let openid = |issuer: Issuer, identifier: &str, metadata: &str| {
            assert_eq!(identifiers(&issuer), [identifier]);
            assert_eq!(keys(&issuer), format!("RemoteKeys {{ metadata: [{metadata:?}], .. }}"));
        };
        openid(
            Issuer::keycloak("https://id.example.com", "shop").unwrap(),
            "https://id.example.com/realms/shop",
            "https://id.example.com/realms/shop/.well-known/openid-configuration",
        );
        openid(
            Issuer::keycloak("https://id.example.com:8443/auth", "Shop_1").unwrap(),
            "https://id.example.com:8443/auth/realms/Shop_1",
            "https://id.example.com:8443/auth/realms/Shop_1/.well-known/openid-configuration",
        );
        openid(
            Issuer::auth0("shop.eu.auth0.com").unwrap(),
            "https://shop.eu.auth0.com/",
            "https://shop.eu.auth0.com/.well-known/openid-configuration",
        );
        openid(
            Issuer::entra(TENANT).unwrap(),
            "https://login.microsoftonline.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0",
            "https://login.microsoftonline.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0/.well-known/openid-configuration",
        );
        openid(
            Issuer::okta("shop.okta.com", "default").unwrap(),
            "https://shop.okta.com/oauth2/default",
            "https://shop.okta.com/oauth2/default/.well-known/openid-configuration",
        );
        openid(
            Issuer::google(["100000000000000000001"]).unwrap(),
            "https://accounts.google.com",
            "https://accounts.google.com/.well-known/openid-configuration",
        );
        openid(
            Issuer::zitadel("id.example.com:8443").unwrap(),
            "https://id.example.com:8443",
            "https://id.example.com:8443/.well-known/openid-configuration",
        );
        openid(
            Issuer::kubernetes("https://kubernetes.default.svc").unwrap(),
            "https://kubernetes.default.svc",
            "https://kubernetes.default.svc/.well-known/openid-configuration",
        );

        let jwks = |issuer: Issuer, identifier: &[&str], name: &str, jwks: &str| {
            assert_eq!(identifiers(&issuer), identifier);
            assert_eq!(issuer.identities.name(), name);
            assert_eq!(keys(&issuer), format!("RemoteKeys {{ jwks: {jwks:?}, .. }}"));
        };
        jwks(
            Issuer::entra_tenants([OTHER, TENANT]).unwrap(),
            &[
                "https://login.microsoftonline.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0",
                "https://login.microsoftonline.com/2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b/v2.0",
            ],
            "https://login.microsoftonline.com/{tenantid}/v2.0",
            "https://login.microsoftonline.com/common/discovery/v2.0/keys",
        );
        jwks(
            Issuer::entra_v1(TENANT).unwrap(),
            &["https://sts.windows.net/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/"],
            "https://sts.windows.net/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/",
            "https://login.microsoftonline.com/common/discovery/keys",
        );
        jwks(
            Issuer::cognito("eu-central-1_AbCdEfGhI", clients).unwrap(),
            &["https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI"],
            "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI",
            "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI/.well-known/jwks.json",
        );
    }

    /// Each is refused with the value in it, and none makes some URL or other.
    fn assert_refused(make: impl Fn(&str) -> Result<Issuer, ConfigError>, values: &[&str]) {
        for odd in values {
            let error = make(odd).expect_err(odd);
            assert!(matches!(&error, ConfigError::Preset { value, .. } if value == odd), "{odd:?}: {error}");
            assert!(error.to_string().contains(&format!("{:?}", redact::url(odd))), "{error}");
        }
    }

    #[test]
    fn what_is_no_domain() {
        let odd = [
            "",
            "shop",
            "https://shop.example.com",
            "shop.example.com/",
            "shop.example.com/x",
            "Shop.example.com",
            "user@shop.example.com",
            ":@shop.example.com",
            "shop.example.com?x",
            "shop.example.com#x",
            "shop.example.com\\",
            "shop.example.com:443",
            "shop .example.com",
            "shop.example.com\n",
            "127.0.0.1",
            "[::1]",
            "{domain}.example.com",
            "$domain.example.com",
            "*.example.com",
            "shop.example.com,other.example.com",
            "shop.example.com.",
            "shop..example.com",
            ".example.com",
            "b\u{fc}cher.example.com",
        ];
        assert_refused(Issuer::auth0, &odd);
        assert_refused(|domain| Issuer::okta(domain, "default"), &odd);
        assert_refused(Issuer::zitadel, &odd);
        assert_refused(Issuer::auth0, &["shop.example.com:8443"]);
        assert_refused(|domain| Issuer::okta(domain, "default"), &["shop.example.com:8443"]);
    }

    #[test]
    fn what_is_no_realm_and_no_authorization_server() {
        let odd = ["", ".", "..", "a/b", "/", "a b", "a%20b", "a?b", "a#b", "a\\b", "a\n", "\u{e9}"];
        assert_refused(|realm| Issuer::keycloak("https://id.example.com", realm), &odd);
        assert_refused(|server| Issuer::okta("shop.okta.com", server), &odd);
        let base = |base: &str| Issuer::keycloak(base, "shop");
        assert_refused(
            base,
            &["https://id.example.com/", "https://id.example.com/realms/shop", "https://h.test/realms"],
        );
        for odd in
            ["", "id.example.com", "http://id.example.com", "https://id.example.com?x", "https://id.example.com#"]
        {
            assert!(matches!(base(odd), Err(ConfigError::Issuer { .. })), "{odd}");
        }
    }

    #[test]
    fn what_is_no_tenant() {
        let odd = [
            "",
            "common",
            "organizations",
            "contoso.onmicrosoft.com",
            "72F988BF-86F1-41AF-91AB-2D7CD011DB47",
            "{1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a}",
            "72f988bf86f141af91ab2d7cd011db47",
            "72f988bf086f1041af091ab02d7cd011db47",
            "72f988bf/86f1/41af/91ab/2d7cd011db47",
            "72f988bf-86f1-41af-91ab-2d7cd011db4",
            "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/",
            "72f988bf-86f1-41af-91ab-2d7cd011db4/",
            "{tenantid}",
        ];
        assert_refused(Issuer::entra, &odd);
        assert_refused(Issuer::entra_v1, &odd);
        assert_refused(|tenant| Issuer::entra_tenants([TENANT, tenant]), &odd);
        let none = Issuer::entra_tenants([""; 0]);
        assert!(matches!(none, Err(ConfigError::Preset { .. })));
    }

    #[test]
    fn what_is_no_user_pool_and_no_account() {
        let odd = [
            "",
            "eu-central-1",
            "_AbC",
            "eu-central-1_",
            "eu-central-1_a/b",
            "eu-central-1_a_b",
            "eu.central_abc",
            "evil.example/-_abc",
            "-_a",
            "EU-CENTRAL-1_AbC",
            "cn-north-1_AbC",
            "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC",
        ];
        assert_refused(|pool| Issuer::cognito(pool, ["client"]), &odd);
        assert_refused(
            |subject| Issuer::google(["1", subject]),
            &["", "worker@shop.iam.gserviceaccount.com", "1 ", "-1"],
        );
    }
}

//! A server from a configuration file or from environment variables (feature `serde`).
//!
//! [`Config`] deserializes from any self-describing format (TOML, JSON, YAML), also as part of an application's own settings. It builds a
//! [`ResourceServer`](crate::ResourceServer), or returns [all problems](Problems) with the settings at once, each with its place, what was expected
//! and what was found. The settings have the names, the defaults and the rules of the [builder](crate::server::Builder), which validates them: its
//! errors appear here in the same words, and a value that it refuses cannot be configured. Two settings weaken a check, and their names start with
//! `insecure_`.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tower_bearer::config::Config;
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     listen: String,
//!     api: Config,
//! }
//!
//! let settings: Settings = toml::from_str(r#"
//! listen = "127.0.0.1:3000"
//!
//! [api]
//! audience = "https://api.example.com"        # required: the `aud` of tokens for this server
//! realm = "Example API"                       # default: the audience
//! profile = "rfc9068"                         # default: "generic"
//! leeway = 10                                 # seconds, at most 60; default: 30
//! token_cache = { entries = 50_000, bytes = 67_108_864 } # or false; default: 10,000 and 16 MiB
//!
//! [api.metadata]                              # or `true` for the default parameters; default: none
//! scopes_supported = ["orders:read", "orders:write"]
//! resource_name = "Example Orders"
//! "resource_name#de" = "Beispielbestellungen"
//! resource_documentation = "https://docs.example.com/orders"
//!
//! [[api.issuers]]                             # required, at least one
//! issuer = "https://login.example.com"        # the keys come from its metadata
//! persist_keys = "/var/lib/shop/login.json"   # and survive a restart; default: they do not
//! algorithms = ["ES256", "EdDSA"]             # default: all, which are asymmetric
//!
//! [[api.issuers]]
//! preset = "keycloak"
//! base_url = "https://id.example.com"
//! realm = "shop"
//! jwks_url = "https://keycloak.internal:8443/realms/shop/protocol/openid-connect/certs" # instead of the preset's
//! audiences = ["shop-api"]                    # instead of the server's
//!
//! [[api.issuers]]
//! issuer = "https://kubernetes.default.svc"
//! jwks_file = "/etc/keys/cluster.json"        # nothing is fetched
//! subjects = ["system:serviceaccount:shop:frontend"] # default: any
//! "#)?;
//!
//! let api = settings.api.build()?;
//! assert_eq!(api.status().len(), 3);
//! # assert_eq!(settings.listen, "127.0.0.1:3000");
//! # Ok(()) }
//! ```
//!
//! An issuer that needs only its identifier can be a string: `issuers = ["https://login.example.com"]`. For everything that is not data, such as the
//! type of your claims, [`Config::builder`] returns a builder with these settings.
//!
//! # Settings
//!
//! | setting | value | default |
//! |---|---|---|
//! | `audience` | a string; see [`ResourceServer::builder`](crate::ResourceServer::builder) | required |
//! | `issuers` | a list of issuers, each an identifier or a table; see [`trust`](crate::server::Builder::trust) | required |
//! | `realm` | a string; see [`realm`](crate::server::Builder::realm) | the audience |
//! | `profile` | `"generic"` or `"rfc9068"`; see [`profile`](crate::server::Builder::profile) | `"generic"` |
//! | `leeway` | an integer from 0 to 60 (seconds); see [`leeway`](crate::server::Builder::leeway) | 30 |
//! | `token_cache` | a table, or `false` for [none](crate::validation::TokenCache::off), or `true` | `true`: on, with the defaults that follow |
//! | `token_cache.entries` | an integer; see [`entries`](crate::validation::TokenCache::entries) | 10,000 |
//! | `token_cache.bytes` | an integer; see [`bytes`](crate::validation::TokenCache::bytes) | 16,777,216 |
//! | `metadata` | a table, or `true` for an empty one, or `false`; see [`metadata`](crate::server::Builder::metadata) | `false`: none |
//! | `metadata.resource` | a string; see [`resource`](crate::metadata::Metadata::resource) | the audience |
//! | `metadata.scopes_supported` | a list of strings | not in the document, like all parameters below |
//! | `metadata.resource_name` | a string; for a language, `resource_name#fr`, also for the next three | |
//! | `metadata.resource_documentation` | a string | |
//! | `metadata.resource_policy_uri` | a string | |
//! | `metadata.resource_tos_uri` | a string | |
//! | `metadata.jwks_uri` | a string | |
//! | `metadata.bearer_methods_supported` | a list of strings | `["header"]` |
//! | `metadata.resource_signing_alg_values_supported` | a list of strings | |
//! | `metadata.tls_client_certificate_bound_access_tokens` | `true` or `false` | |
//! | `metadata.authorization_details_types_supported` | a list of strings | |
//! | `metadata.dpop_signing_alg_values_supported` | a list of strings | |
//! | `metadata.dpop_bound_access_tokens_required` | `true` or `false` | |
//! | `metadata.signed_metadata` | a string | |
//! | `scope_hierarchy` | a table of strings, or a [list of tables](self#scopes-that-imply-others); see [`scope_hierarchy`](crate::server::Builder::scope_hierarchy) | empty: no scope implies another |
//! | `scope_hierarchy[].scope` | one scope token, in a list of tables | required in the table |
//! | `scope_hierarchy[].implies` | a string: the scopes that it implies, separated by one space | required in the table |
//! | `dpop` | a table; see [`dpop`](crate::server::Builder::dpop) | none: tokens that are bound to a key are refused |
//! | `dpop.url` | the public URL; see [`PublicUrl::new`](crate::dpop::PublicUrl::new) | required in the table |
//! | `dpop.mounted_at` | a path; see [`mounted_at`](crate::dpop::PublicUrl::mounted_at) | `"/"` |
//! | `dpop.trusted_proxies` | a list of addresses and networks, for `forwarded_headers` and `forward_auth`; the application inserts the [address of the peer](crate::dpop::PeerAddress) | none |
//! | `dpop.forwarded_headers` | `"x_forwarded"`, `"x_forwarded_with_prefix"` or `"forwarded"`; see [`trust_proxies`](crate::dpop::PublicUrl::trust_proxies) | none |
//! | `dpop.forward_auth` | a table; see [`forward_auth`](crate::dpop::PublicUrl::forward_auth) | the request itself is checked |
//! | `dpop.forward_auth.target` | the name of the header with the target of the request | required in the table |
//! | `dpop.forward_auth.method` | the name of the header with its method | required in the table |
//! | `dpop.window` | an integer from 1 to 600 (seconds); see [`window`](crate::dpop::Dpop::window) | 60 |
//! | `dpop.nonces` | a table, or `true` for random keys, or `false`; see [`nonces`](crate::dpop::Dpop::nonces) | `false`: none |
//! | `dpop.nonces.keys` | a list of one or two secrets in base64; see [`with_keys`](crate::dpop::Nonces::with_keys): the current key first | [random](crate::dpop::Nonces::random) keys of this process |
//! | `dpop.nonces.key_files` | a list of one or two files, each with a secret in base64, instead of `keys` | none |
//! | `dpop.nonces.lifetime` | an integer from 10 to 3,600 (seconds); see [`lifetime`](crate::dpop::Nonces::lifetime) | 300 |
//! | `dpop.nonces.issued_at_too` | `true` or `false`; see [`nonces_and_issued_at`](crate::dpop::Dpop::nonces_and_issued_at) | `false` |
//! | `dpop.required` | `true` or `false`; see [`required`](crate::dpop::Dpop::required) | `false` |
//! | `dpop.algorithms` | a list of [names](crate::jose::Algorithm::name); see [`algorithms`](crate::dpop::Dpop::algorithms) | all |
//! | `dpop.insecure_accept_replay_within` | an integer from 1 to 600 (seconds); see [the method](crate::dpop::Dpop::insecure_accept_replay_within) | a proof is accepted once |
//! | `client_certificates` | a table, or `true` for `from = "connection"`, or `false`; see [`client_certificates`](crate::server::Builder::client_certificates) | `false`: tokens that are bound to a certificate are refused |
//! | `client_certificates.from` | `"connection"` (see [`from_connection`](crate::certificate::ClientCertificates::from_connection)), or a [header](crate::certificate::CertificateHeader): `"client_cert"`, `"x_forwarded_client_cert"` or `"escaped_pem"` | required in the table |
//! | `client_certificates.header` | the name of the header, with `"escaped_pem"` | required there |
//! | `client_certificates.trusted_proxies` | a list of addresses and networks; see [`TrustedProxies::at`](crate::certificate::TrustedProxies::at); the application inserts the [address of the peer](crate::certificate::PeerAddress) | this or `secret_header` is required with a header |
//! | `client_certificates.secret_header` | the name of the header with the secret; see [`TrustedProxies::with_secret`](crate::certificate::TrustedProxies::with_secret) | none |
//! | `client_certificates.secret` | the secret, of at least 16 characters | this or the next one is required with `secret_header` |
//! | `client_certificates.secret_file` | a file with the secret | |
//! | `client_certificates.required` | `true` or `false`; see [`required`](crate::certificate::ClientCertificates::required) | `false` |
//! | `client_certificates.required_unless_dpop` | `true` or `false`; see [the method](crate::certificate::ClientCertificates::required_unless_dpop) | `false` |
//! | `issuers[].issuer` | the identifier; see [`discover`](crate::Issuer::discover) or, with one of the next two, [`jwks`](crate::Issuer::jwks) and [`keys`](crate::Issuer::keys) | required without a preset |
//! | `issuers[].jwks_url` | the URL of the keys | where the metadata or the preset says |
//! | `issuers[].jwks_file` | a [file](crate::keys::KeyFile) with the keys | where the metadata or the preset says |
//! | `issuers[].persist_keys` | the path of a file for keys that are fetched; see [`persist_keys`](crate::Issuer::persist_keys) | none |
//! | `issuers[].preset` | one of the presets below; its arguments are settings of the same table | none |
//! | `issuers[].audiences` | a list of strings; see [`audiences`](crate::Issuer::audiences) | the server's audience, or that of the preset |
//! | `issuers[].identify_by_client` | a list of strings; see [`identify_by_client`](crate::Issuer::identify_by_client) | an audience is required |
//! | `issuers[].insecure_http` | true or false; see [`insecure_http`](crate::Issuer::insecure_http) | false |
//! | `issuers[].client_as_subject` | true or false; see [`client_as_subject`](crate::Issuer::client_as_subject) | false |
//! | `issuers[].subjects` | a list of strings; see [`allow_subjects`](crate::Issuer::allow_subjects) | any |
//! | `issuers[].algorithms` | a list of [names](crate::jose::Algorithm::name); see [`algorithms`](crate::Issuer::algorithms) | all |
//! | `issuers[].introspection` | a table; see [`introspect`](crate::Issuer::introspect) | none: tokens are JWTs, and signatures are verified |
//! | `issuers[].introspection.endpoint` | a URL; see [`at`](crate::introspection::Introspection::at) | where the metadata of the issuer says |
//! | `issuers[].introspection.client_id` | the identifier of this server as a client of the issuer | required in the table |
//! | `issuers[].introspection.client_secret` | a [secret](crate::introspection::Secret::new) | one of these three is required |
//! | `issuers[].introspection.client_secret_file` | a [file](crate::introspection::Secret::from_file) with a secret | |
//! | `issuers[].introspection.private_key_file` | a file with a private key, as [PEM](crate::introspection::PrivateKey::from_pem) or as a [JWK](crate::introspection::PrivateKey::from_jwk) | |
//! | `issuers[].introspection.key_id` | a string; see [`key_id`](crate::introspection::PrivateKey::key_id) | the `kid` of a JWK |
//! | `issuers[].introspection.algorithm` | a name; see [`algorithm`](crate::introspection::PrivateKey::algorithm) | the `alg` of a JWK, or that of the kind of key |
//! | `issuers[].introspection.method` | `"client_secret_basic"`, `"client_secret_post"` or `"private_key_jwt"`; see [`ClientAuthentication`](crate::introspection::ClientAuthentication) | `"client_secret_basic"` with a secret, `"private_key_jwt"` with a key |
//! | `issuers[].introspection.lifetime` | an integer from 0 to 600 (seconds); see [`lifetime`](crate::introspection::Introspection::lifetime) | 60 |
//! | `issuers[].introspection.memory` | an integer (bytes); see [`memory`](crate::introspection::Introspection::memory) | 16,777,216 |
//! | `issuers[].introspection.concurrent_requests` | an integer from 1 to 1024; see [`concurrent_requests`](crate::introspection::Introspection::concurrent_requests) | 32 |
//! | `issuers[].introspection.audience_checked_by_issuer` | `true` or `false`; see [the method](crate::introspection::Introspection::audience_checked_by_issuer) | `false` |
//! | `issuers[].introspection.token_prefixes` | a list of strings; see [`token_prefix`](crate::introspection::Introspection::token_prefix) | all tokens that do not start with another issuer's prefix |
//! | `issuers[].introspection.signed_answers` | `true` or `false`; see [`signed_answers`](crate::introspection::Introspection::signed_answers) | `false` |
//!
//! Presets are the [constructors](crate::Issuer#presets) of the same names, and all their arguments are required:
//!
//! | preset | arguments |
//! |---|---|
//! | [`keycloak`](crate::Issuer::keycloak) | `base_url`, `realm` |
//! | [`auth0`](crate::Issuer::auth0) | `domain` |
//! | [`entra`](crate::Issuer::entra) | `tenant` |
//! | [`entra_tenants`](crate::Issuer::entra_tenants) | `tenants`, a list |
//! | [`entra_v1`](crate::Issuer::entra_v1) | `tenant` |
//! | [`okta`](crate::Issuer::okta) | `domain`, `authorization_server` |
//! | [`cognito`](crate::Issuer::cognito) | `pool`, and `clients`, a list instead of `identify_by_client` |
//! | [`google`](crate::Issuer::google) | `subjects`, a list |
//! | [`zitadel`](crate::Issuer::zitadel) | `domain` |
//! | [`kubernetes`](crate::Issuer::kubernetes) | `issuer` |
//! | [`authentik`](crate::Issuer::authentik) | `base_url`, `slug` |
//! | [`ad_fs`](crate::Issuer::ad_fs) | `host` |
//! | [`dex`](crate::Issuer::dex) | `issuer` |
//! | [`hydra`](crate::Issuer::hydra) | `issuer` |
//! | [`entra_external`](crate::Issuer::entra_external) | `tenant` |
//! | [`azure_b2c`](crate::Issuer::azure_b2c) | `domain`, `tenant`, `policy` |
//! | [`github_actions`](crate::Issuer::github_actions) | `repositories`, a list |
//! | [`github_actions_enterprise`](crate::Issuer::github_actions_enterprise) | `issuer`, and `repositories`, a list |
//! | [`cloudflare_access`](crate::Issuer::cloudflare_access) | `domain` |
//! | [`google_iap`](crate::Issuer::google_iap) | none |
//! | [`firebase`](crate::Issuer::firebase) | `project` |
//! | [`supabase`](crate::Issuer::supabase) | `project` |
//! | [`supabase_self_hosted`](crate::Issuer::supabase_self_hosted) | `issuer` |
//! | [`spiffe`](crate::Issuer::spiffe) | `trust_domain`; and `jwks_url` or `jwks_file` is required |
//!
//! A value of the wrong type is a problem. Nothing is converted: even a list of one element must be a list. An unknown setting is a problem, because
//! someone may rely on it. So are a setting that is set twice, `null`, and an empty list that would allow no token or every token. Omit a setting to
//! get its default.
//!
//! # Scopes that imply others
//!
//! In the table `scope_hierarchy`, each name is a broader scope, and its value lists the scopes that it implies. A list of tables does the same.
//! These two are equivalent:
//!
//! ```
//! # use tower_bearer::config::Config;
//! let table = r#"
//! audience = "https://api.example.com"
//! issuers = ["https://login.example.com"]
//!
//! [scope_hierarchy]
//! files = "files:read files:write"
//! "users:write" = "users:read"
//! "#;
//! let list = r#"
//! audience = "https://api.example.com"
//! issuers = ["https://login.example.com"]
//! scope_hierarchy = [
//!     { scope = "files", implies = "files:read files:write" },
//!     { scope = "users:write", implies = "users:read" },
//! ]
//! "#;
//! # let [table, list] = [table, list].map(|document| toml::from_str::<Config>(document).unwrap().builder().unwrap());
//! # assert_eq!(format!("{table:?}"), format!("{list:?}"));
//! # table.build()?;
//! # Ok::<(), tower_bearer::server::ConfigError>(())
//! ```
//!
//! In variables, the names of the table are read in lower case: `API_SCOPE_HIERARCHY__FILES` sets `files`. For all other scopes, use the list:
//! `API_SCOPE_HIERARCHY__0__SCOPE=Files.All` and `API_SCOPE_HIERARCHY__0__IMPLIES=Files.Read`.
//!
//! # Bound tokens
//!
//! The table `dpop` has every setting of the builder's [`dpop`](crate::server::Builder::dpop) that is data. A replay store that several instances
//! share is set in code: give the [builder](Config::builder) your own `Dpop`.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use tower_bearer::config::Config;
//! # let folder = std::env::temp_dir().join(format!("tower-bearer-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # std::fs::write(folder.join("nonce-key"), "lRxOFnc4xGnpdiCh3OX9JFH6ZYNSQ0YbBhfbuMrIvt4=\n")?;
//! # let document = r#"
//! audience = "https://api.example.com"
//! issuers = ["https://login.example.com"]
//!
//! [dpop]
//! url = "https://api.example.com/shop"        # what clients call
//! mounted_at = "/internal/shop"               # what the gateway rewrites that path to
//! required = true                             # default: tokens that are bound to no key are accepted too
//! algorithms = ["ES256", "EdDSA"]
//!
//! [dpop.nonces]                               # or `true` for one process
//! key_files = ["/run/secrets/nonce-key"]      # `openssl rand -base64 32` makes one
//! lifetime = 120
//! # "#;
//! # let config: Config = toml::from_str(&document.replace("/run/secrets", &folder.display().to_string()))?;
//! # config.build()?;
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(()) }
//! ```
//!
//! A setting that has no effect in combination with others is a problem: `window` if only nonces decide, or `trusted_proxies` without a header.
//!
//! The table `client_certificates` is for tokens that are bound to a client certificate. `true` uses the certificate that the application puts into
//! each request. Behind a TLS-terminating proxy:
//!
//! ```
//! # use tower_bearer::config::Config;
//! # let config: Config = toml::from_str(r#"
//! audience = "https://api.example.com"
//! issuers = ["https://login.example.com"]
//!
//! [client_certificates]
//! from = "client_cert"                        # or "x_forwarded_client_cert", or "escaped_pem" with a `header`
//! trusted_proxies = ["10.0.0.0/8"]            # or a `secret_header` with a `secret_file`
//! required = true                             # default: tokens that are bound to no certificate are accepted too
//! # "#)?;
//! # config.build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Opaque tokens
//!
//! An issuer with the table `introspection` is asked about its tokens (RFC 7662), with the feature `introspection`. The table has every setting of
//! [`Introspection`](crate::introspection::Introspection) that is data. Timeouts and mutual TLS, which needs an HTTP client with a certificate, are
//! set in code.
//!
//! ```
//! # #[cfg(feature = "introspection")] {
//! # use tower_bearer::config::Config;
//! # let folder = std::env::temp_dir().join(format!("tower-bearer-doc-introspection-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # std::fs::write(folder.join("introspection"), "gX1fBat3bV\n")?;
//! # let document = r#"
//! audience = "https://api.example.com"
//!
//! [[issuers]]
//! preset = "hydra"
//! issuer = "https://login.example.com"
//!
//! [issuers.introspection]
//! endpoint = "http://localhost:4445/admin/oauth2/introspect" # default: as the metadata of the issuer says
//! client_id = "shop-api"
//! client_secret_file = "/run/secrets/introspection"
//! lifetime = 10                               # seconds for which a revoked token is still accepted; default: 60
//! # "#;
//! # let config: Config = toml::from_str(&document.replace("/run/secrets", &folder.display().to_string()))?;
//! # config.build()?;
//! # std::fs::remove_dir_all(folder)?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Secrets
//!
//! The only secrets in a configuration are the keys of nonces, client secrets, private keys and the secret of a proxy. They come from files, or from
//! variables such as `API_DPOP__NONCES__KEYS`. Files are read when the server is built, and at each reload of a server that [follows its
//! file](watch()). White space around a nonce key or a proxy secret is ignored, and so is one line break at the end of a client secret. No problem
//! and no `Debug` output shows a secret or its path. The parser of your format may show the line of a syntax error, so prefer files to secrets in the
//! document.
//!
//! # From the environment
//!
//! [`Config::from_vars`] reads variables, which are not merged with a file. Their names are a prefix of your choice and the name of a setting, and
//! are not case-sensitive. `__` separates the name of a table from the name of a setting in it, and the name of a list from the index of an element,
//! which starts at 0:
//!
//! ```
//! use tower_bearer::config::Config;
//!
//! let config = Config::from_vars("API_", [
//!     ("API_AUDIENCE", "https://api.example.com"),
//!     ("API_ISSUERS", "https://login.example.com https://other.example.com"),
//!     ("API_LEEWAY", "10"),
//!     ("API_TOKEN_CACHE", "off"),
//!     ("API_METADATA__SCOPES_SUPPORTED", "orders:read orders:write"),
//!     ("HOME", "/home/api"), // ignored
//! ]);
//! let api = config.build()?;
//! assert_eq!(api.status().len(), 2);
//!
//! let with_a_preset = Config::from_vars("API_", [
//!     ("API_AUDIENCE", "https://api.example.com"),
//!     ("API_ISSUERS__0", "https://login.example.com"),
//!     ("API_ISSUERS__1__PRESET", "keycloak"),
//!     ("API_ISSUERS__1__BASE_URL", "https://id.example.com"),
//!     ("API_ISSUERS__1__REALM", "shop"),
//!     ("API_ISSUERS__1__ALGORITHMS", "ES256 EdDSA"),
//! ]);
//! # assert_eq!(with_a_preset.clone().build()?.status().len(), 2);
//! let _ = with_a_preset.build()?; // in a program: Config::from_vars("API_", std::env::vars_os())
//! # Ok::<(), tower_bearer::config::Problems>(())
//! ```
//!
//! A variable is parsed as the type of its setting. An integer consists of digits. `true` and `on` are true, `false` and `off` are false. A list
//! consists of words separated by spaces; if an element contains a space or a comma, use a numbered variable for each element. An empty variable is
//! an empty string or list and never a default, because a default may allow everyone. Choose a prefix that no other variables have, because every
//! variable with the prefix is a setting; the problem for an unknown one shows its name but not its value. A problem shows the path of the setting
//! and the variable: `issuers[1].realm (API_ISSUERS__1__REALM)`. Two variables whose names differ only in case set the same setting twice, which is a
//! problem.
//!
//! # Changes without a restart
//!
//! [`watch()`] creates a server that follows its configuration file:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("tower-bearer-doc-follow-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("api.toml");
//! # std::fs::write(&path, "[api]\naudience = \"https://api.example.com\"\nissuers = [\"https://login.example.com\"]")?;
//! use tower_bearer::config::{self, Config};
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     api: Config, // and the application's own settings
//! }
//!
//! let watched = config::watch(&path, |text| toml::from_str(text).map(|settings: Settings| settings.api)).start()?;
//! let api = watched.server();
//! # std::fs::write(&path, "[api]\naudience = \"https://api.example.com\"\nissuers = [\"https://id.example.com\"]")?;
//!
//! // Some time later the file names another issuer. It is read every 5 seconds, and now:
//! let reloaded = watched.reload().await?;
//! assert_eq!(reloaded.added, ["https://id.example.com"]);
//! assert_eq!(reloaded.removed, ["https://login.example.com"]);
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(()) }
//! ```
//!
//! A mistake in the file changes nothing and is reported. [`Watch`] documents what is kept when the configuration is replaced, what takes effect
//! immediately, and what is set in code.
//!
//! # Problems
//!
//! ```
//! use tower_bearer::config::Config;
//!
//! let config: Config = toml::from_str(r#"
//! audience = "https://api.example.com"
//! leway = 10
//!
//! [[issuers]]
//! issuer = "https://login.example.com"
//! algorithms = ["ES256", "HS256"]
//!
//! [[issuers]]
//! issuer = "http://other.example.com"
//! "#)?;
//!
//! let problems = config.build().unwrap_err();
//! assert_eq!(problems.to_string(), r#"
//! leway: unknown setting; did you mean leeway?
//! issuers[0].algorithms[1]: "HS256" is not a supported signature algorithm; anyone with the secret that verifies an HMAC can also create tokens
//! issuers[1].insecure_http: "http://other.example.com/" would be fetched over plain http, expected https, or insecure_http for a network that you trust
//! "#.trim());
//! assert_eq!(problems.iter().next().unwrap().path(), "leway");
//! # Ok::<(), toml::de::Error>(())
//! ```
//!
//! They are in the order of the document if the parser of the format keeps it, as `toml` does with its feature `preserve_order`.

mod algorithms;
#[cfg(feature = "http-client")]
mod aliases;
#[cfg(feature = "introspection")]
mod client_authentication;
mod client_certificates;
#[expect(clippy::module_inception, reason = "a file is named for its main type")]
mod config;
#[cfg(feature = "http-client")]
mod constructor;
#[cfg(not(feature = "http-client"))]
#[path = "constructor_off.rs"]
mod constructor;
mod dpop;
#[cfg(feature = "introspection")]
mod introspection;
#[cfg(not(feature = "introspection"))]
#[path = "introspection_off.rs"]
mod introspection;
mod issuer;
mod metadata;
mod nearest;
mod nonces;
mod path;
#[cfg(feature = "http-client")]
mod preset;
mod problems;
mod public_url;
mod reader;
mod scope_hierarchy;
mod settings;
mod shown;
mod stand_in;
mod tree;
mod variables;
mod watch;

pub use config::Config;
pub use problems::{Problem, Problems};
pub use watch::{Reloaded, Watch, WatchError, WatchStatus, Watched, watch};

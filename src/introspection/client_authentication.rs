use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use url::form_urlencoded;

use super::assertion::Assertion;
use super::private_key::PrivateKey;
use super::secret::Secret;
use crate::placeholder::is_placeholder;
use crate::redact::Excerpt;

/// How this server authenticates to the introspection endpoint of an authorization server (RFC 7662 §2.1).
///
/// The server is a client of the authorization server, registered there with an identifier and one of these methods:
///
/// | method | what is sent | when to use it |
/// |---|---|---|
/// | [`private_key_jwt`](Self::private_key_jwt) | a JWT signed with a key that never leaves this server | if the authorization server supports it |
/// | [`tls_client_auth`](Self::tls_client_auth) | a certificate, by your own HTTP client | in a network in which every service has a certificate |
/// | [`client_secret_basic`](Self::client_secret_basic) | the secret, in the `Authorization` header | otherwise: every server supports it |
/// | [`client_secret_post`](Self::client_secret_post) | the secret, in the body | if the header does not work |
///
/// ```
/// use tower_bearer::introspection::{ClientAuthentication, Secret};
///
/// let authentication = ClientAuthentication::client_secret_basic("shop-api", Secret::new("gX1fBat3bV")?)?;
/// assert_eq!(format!("{authentication:?}"), r#"ClientAuthentication { method: "client_secret_basic", client_id: "shop-api" }"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ClientAuthentication {
    client_id: Arc<str>,
    method: Method,
}

#[derive(Clone)]
enum Method {
    ClientSecretBasic(Secret),
    ClientSecretPost(Secret),
    PrivateKeyJwt(Arc<PrivateKey>),
    TlsClientAuth,
}

impl ClientAuthentication {
    /// The identifier and the secret in the `Authorization` header, each form-encoded first (RFC 6749 §2.3.1).
    ///
    /// Some servers do not decode them. That matters only for characters other than letters, digits and `*-._`.
    ///
    /// # Errors
    ///
    /// If the identifier is blank, contains a control character, or is a placeholder such as `${CLIENT_ID}`.
    pub fn client_secret_basic(client_id: &str, secret: Secret) -> Result<Self, InvalidClientId> {
        Self::new(client_id, Method::ClientSecretBasic(secret))
    }

    /// The identifier and the secret in the body (RFC 6749 §2.3.1). This is not recommended, because bodies are logged more often
    /// than the header.
    ///
    /// # Errors
    ///
    /// Same as for [`client_secret_basic`](Self::client_secret_basic).
    pub fn client_secret_post(client_id: &str, secret: Secret) -> Result<Self, InvalidClientId> {
        Self::new(client_id, Method::ClientSecretPost(secret))
    }

    /// A JWT that this server signs for every request (RFC 7523 §2.2).
    ///
    /// Its `iss` and `sub` are the client identifier, its `aud` is only the identifier of the issuer (rfc7523bis), its `typ` is
    /// `client-authentication+jwt`, and it expires after one minute. An RSA signature takes about a millisecond of processor
    /// time, others take tens of microseconds.
    ///
    /// # Errors
    ///
    /// Same as for [`client_secret_basic`](Self::client_secret_basic).
    pub fn private_key_jwt(client_id: &str, key: PrivateKey) -> Result<Self, InvalidClientId> {
        Self::new(client_id, Method::PrivateKeyJwt(Arc::new(key)))
    }

    /// The client certificate of the TLS connection (RFC 8705 §2). The request has the identifier in its body.
    ///
    /// The certificate and its key belong to your own HTTP client (`reqwest::ClientBuilder::identity`). Without one, the server
    /// cannot be built. This works both for certificates issued by an authority (`tls_client_auth`) and for self-signed ones
    /// (`self_signed_tls_client_auth`).
    ///
    /// # Errors
    ///
    /// Same as for [`client_secret_basic`](Self::client_secret_basic).
    pub fn tls_client_auth(client_id: &str) -> Result<Self, InvalidClientId> {
        Self::new(client_id, Method::TlsClientAuth)
    }

    fn new(client_id: &str, method: Method) -> Result<Self, InvalidClientId> {
        if client_id.trim().is_empty() {
            return Err(InvalidClientId::Blank);
        }
        // RFC 6749 appendix A.1 allows none.
        if client_id.contains(char::is_control) {
            return Err(InvalidClientId::ControlCharacter { found: client_id.into() });
        }
        if is_placeholder(client_id) {
            return Err(InvalidClientId::Placeholder { found: client_id.into() });
        }
        Ok(Self { client_id: client_id.into(), method })
    }

    /// The identifier of this server at the authorization server.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether both name the same client with the same secret or key.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let same_method = match (&self.method, &other.method) {
            (Method::ClientSecretBasic(one), Method::ClientSecretBasic(other))
            | (Method::ClientSecretPost(one), Method::ClientSecretPost(other)) => one.expose() == other.expose(),
            (Method::PrivateKeyJwt(one), Method::PrivateKeyJwt(other)) => one.is_like(other),
            (Method::TlsClientAuth, Method::TlsClientAuth) => true,
            _ => false,
        };
        same_method && self.client_id == other.client_id
    }

    /// Whether the default HTTP client cannot authenticate in this way, because it has no certificate.
    pub(crate) fn needs_own_client(&self) -> bool {
        matches!(self.method, Method::TlsClientAuth)
    }

    /// What to send with one request. `None` if no assertion can be signed.
    pub(super) fn credentials(&self, issuer: &str, now: SystemTime) -> Option<Credentials<'_>> {
        let client_id: &str = &self.client_id;
        let in_form = |parameters| Credentials { authorization: None, parameters };
        Some(match &self.method {
            Method::ClientSecretBasic(secret) => {
                Credentials { authorization: Some(basic(client_id, secret)), parameters: Vec::new() }
            }
            Method::ClientSecretPost(secret) => {
                in_form(vec![("client_id", client_id.into()), ("client_secret", secret.expose().into())])
            }
            Method::PrivateKeyJwt(key) => {
                let assertion = Assertion { client_id, issuer }.sign(key, now)?;
                in_form(vec![
                    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into()),
                    ("client_assertion", assertion.into()),
                ])
            }
            Method::TlsClientAuth => in_form(vec![("client_id", client_id.into())]),
        })
    }
}

/// What authenticates one request.
pub(super) struct Credentials<'a> {
    pub(super) authorization: Option<HeaderValue>,
    /// Further parameters of the body.
    pub(super) parameters: Vec<(&'static str, Cow<'a, str>)>,
}

/// RFC 6749 §2.3.1: identifier and secret are form-encoded before they are joined, so a colon in one of them separates nothing.
fn basic(client_id: &str, secret: &Secret) -> HeaderValue {
    let [client_id, secret] = [client_id, secret.expose()].map(form_encoded);
    let credentials = STANDARD.encode(format!("{client_id}:{secret}"));
    let mut value = HeaderValue::try_from(format!("Basic {credentials}")).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    value
}

/// RFC 6749 appendix B.
fn form_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Shows the method and the identifier, and of a key its algorithm and its ID.
impl fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names of the registry "OAuth Token Endpoint Authentication Methods".
        let method = match self.method {
            Method::ClientSecretBasic(_) => "client_secret_basic",
            Method::ClientSecretPost(_) => "client_secret_post",
            Method::PrivateKeyJwt(_) => "private_key_jwt",
            Method::TlsClientAuth => "tls_client_auth",
        };
        let client_id = Excerpt::from(&*self.client_id);
        let mut authentication = f.debug_struct("ClientAuthentication");
        authentication.field("method", &method).field("client_id", &client_id);
        if let Method::PrivateKeyJwt(key) = &self.method {
            authentication.field("key", key);
        }
        authentication.finish()
    }
}

/// Why a text is not a client identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidClientId {
    /// It is empty or only white space.
    #[error("expected the identifier of a client, and found a blank text")]
    Blank,
    /// It contains a control character, such as a line break.
    #[error("expected the identifier of a client without control characters, and found {found:?}")]
    ControlCharacter {
        /// The text.
        found: Excerpt,
    },
    /// It is a placeholder that a template or a shell should have replaced.
    #[error("expected the identifier of a client, and found the placeholder {found:?}")]
    Placeholder {
        /// The text.
        found: Excerpt,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_encoding_is_that_of_rfc_6749() {
        // Appendix B.
        assert_eq!(form_encoded(" %&+£€"), "+%25%26%2B%C2%A3%E2%82%AC");
        assert_eq!(form_encoded("aZ09*-._"), "aZ09*-._", "the characters that stay");
        assert_eq!(form_encoded("a:b~/\"\u{1f600}"), "a%3Ab%7E%2F%22%F0%9F%98%80");
    }

    #[test]
    fn a_colon_in_the_identifier_or_the_secret_separates_nothing() {
        let header = |id, secret| {
            let authentication = ClientAuthentication::client_secret_basic(id, Secret::new(secret).unwrap()).unwrap();
            let header = authentication.credentials("https://h.example", SystemTime::UNIX_EPOCH).unwrap().authorization;
            let header = header.unwrap();
            assert!(header.is_sensitive());
            let credentials = header.to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
            String::from_utf8(STANDARD.decode(credentials).unwrap()).unwrap()
        };
        // RFC 6749 §2.3.1: `Authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW`.
        assert_eq!(header("s6BhdRkqt3", "gX1fBat3bV"), "s6BhdRkqt3:gX1fBat3bV");
        assert_eq!(header("a:b", "c:d e+f%é"), "a%3Ab:c%3Ad+e%2Bf%25%C3%A9");
    }

    #[test]
    fn what_is_no_identifier() {
        let error = |id: &str| ClientAuthentication::tls_client_auth(id).unwrap_err().to_string();
        assert_eq!(error(" "), "expected the identifier of a client, and found a blank text");
        assert_eq!(error("a\n"), r#"expected the identifier of a client without control characters, and found "a\n""#);
        assert_eq!(error("${ID}"), r#"expected the identifier of a client, and found the placeholder "${ID}""#);
        assert!(ClientAuthentication::tls_client_auth("https://api.example/{1}").is_ok());
    }
}

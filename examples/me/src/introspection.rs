//! The flags for an issuer whose tokens are introspected (RFC 7662).

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tower_bearer::Issuer;
use tower_bearer::introspection::{ClientAuthentication, Introspection, PrivateKey, Secret};

/// How the issuer is asked about tokens.
#[derive(Args)]
pub(crate) struct IntrospectionSettings {
    /// How the secret is sent
    #[arg(long, value_enum, value_name = "METHOD", requires = "introspect", conflicts_with = "introspect_key")]
    introspect_method: Option<SecretMethod>,
    /// Authenticate with JWTs (RFC 7523) signed by the private key in this PEM file, instead of a secret
    #[arg(long, value_name = "FILE", requires = "introspect")]
    introspect_key: Option<PathBuf>,
    /// How many seconds an answer is used
    #[arg(long, value_name = "SECONDS", requires = "introspect")]
    introspect_lifetime: Option<u64>,
    /// Ask for signed answers (RFC 9701), and accept no others
    #[arg(long, requires = "introspect")]
    signed_answers: bool,
    /// Accept answers without an audience: the issuer answers this client only about tokens for the API
    #[arg(long, requires = "introspect")]
    audience_checked_by_issuer: bool,
    /// Accept tokens without a subject: their client is the subject
    #[arg(long, requires = "introspect")]
    client_as_subject: bool,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum SecretMethod {
    ClientSecretBasic,
    ClientSecretPost,
}

impl IntrospectionSettings {
    /// The issuer, asked as this client: `CLIENT_ID:SECRET`, or `CLIENT_ID` if it has a key.
    pub(crate) fn trusted(&self, issuer: &str, client: &str) -> Result<Issuer, Box<dyn Error>> {
        let client = self.client(client)?;
        let mut introspection = Introspection::discover(issuer, client)?;
        if let Some(seconds) = self.introspect_lifetime {
            introspection = introspection.lifetime(Duration::from_secs(seconds));
        }
        if self.signed_answers {
            introspection = introspection.signed_answers();
        }
        if self.audience_checked_by_issuer {
            introspection = introspection.audience_checked_by_issuer();
        }
        let issuer = Issuer::discover(issuer)?.introspect(introspection);
        Ok(if self.client_as_subject { issuer.client_as_subject() } else { issuer })
    }

    fn client(&self, client: &str) -> Result<ClientAuthentication, Box<dyn Error>> {
        if let Some(file) = &self.introspect_key {
            let key = PrivateKey::from_pem(&fs::read_to_string(file)?)?;
            return Ok(ClientAuthentication::private_key_jwt(client, key)?);
        }
        let (id, secret) =
            client.split_once(':').ok_or("--introspect: expected CLIENT_ID:SECRET, and found no colon")?;
        let secret = Secret::new(secret)?;
        Ok(match self.introspect_method {
            Some(SecretMethod::ClientSecretPost) => ClientAuthentication::client_secret_post(id, secret)?,
            Some(SecretMethod::ClientSecretBasic) | None => ClientAuthentication::client_secret_basic(id, secret)?,
        })
    }
}

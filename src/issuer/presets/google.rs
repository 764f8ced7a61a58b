use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::refuse;

const IDENTIFIER: &str = "https://accounts.google.com";

impl Issuer {
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
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match subjects.iter().find(|subject| !is_number(subject)) {
            Some(odd) => Err(refuse("subject at Google", odd, "the unique identifier of an account, a number")),
            None => Ok(Self::openid(IDENTIFIER)?.allow_subjects(subjects)),
        }
    }
}

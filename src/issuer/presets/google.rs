use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::{is_number, refuse};

const IDENTIFIER: &str = "https://accounts.google.com";

impl Issuer {
    /// Google, for calls by service accounts: for the ID tokens that a metadata server, Cloud Run, Cloud Scheduler, Pub/Sub and
    /// `generateIdToken` create for an audience that the caller names.
    ///
    /// Google's access tokens are for Google, and only Google can verify them. These ID tokens are not access tokens: they grant
    /// nothing, and only identify the caller. *Anyone with a Google account can get one for your audience*, so `subjects` lists
    /// who may call: the unique IDs of service accounts, which are numbers and, unlike email addresses, never reused.
    ///
    /// - **Accepted**: tokens of `https://accounts.google.com` for this server's audience, with one of the subjects.
    /// - **Refused**: tokens with an `at_hash`, which ID tokens from a user's sign-in have. This rule applies to every issuer. The
    ///   assertions of the Identity-Aware Proxy are refused too, because they have another issuer
    ///   (`https://cloud.google.com/iap`).
    /// - **Keys**: found through Google's metadata.
    /// - **Set up**: nothing. Use this server's URL as the audience, never the identifier of an OAuth client.
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
    /// If a subject is not a number (such as an email address). An empty list of subjects is an error when the server is built.
    pub fn google(subjects: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ConfigError> {
        let subjects: Vec<String> = subjects.into_iter().map(Into::into).collect();
        match subjects.iter().find(|subject| !is_number(subject)) {
            Some(odd) => Err(refuse("subject at Google", odd, "the unique numeric ID of an account")),
            None => Ok(Self::openid(IDENTIFIER)?.allow_subjects(subjects)),
        }
    }
}

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use url::Url;
use url::form_urlencoded::Serializer;

use super::answer::{Answer, AnswerForm};
use super::client_authentication::ClientAuthentication;
use super::exchange::{Exchange, Post};
use super::introspection_error::IntrospectionError;
use super::location::Location;
use crate::clock::Clock;
use crate::keys::{
    Deadline, DiscoveredUrl, Encryption, InvalidTimeouts, IssuerUrl, MetadataUrl, Target, Timeouts, Transport,
    UrlError, fetchable, is_plain,
};
use crate::redact;

/// The introspection endpoint of one issuer (RFC 7662), and how it is asked.
///
/// It remembers no answer. Every call of [`ask`](Self::ask) is one request.
pub(crate) struct Endpoint {
    issuer: Box<str>,
    location: Location,
    authentication: ClientAuthentication,
    exchange: Exchange,
    has_own_client: bool,
    form: AnswerForm,
    /// Whether the warning about plain http is still to be logged.
    warns: AtomicBool,
}

impl Endpoint {
    /// The endpoint at `url` of the issuer with this identifier, which need not be a URL.
    pub(crate) fn at(
        url: &str,
        issuer: &str,
        authentication: ClientAuthentication,
        encryption: Encryption,
    ) -> Result<Self, UrlError> {
        let url = fetchable(url, encryption)?;
        Ok(Self::new(issuer, Target::of(&url), Location::Given(url), authentication))
    }

    /// The endpoint that the metadata of the issuer names (`introspection_endpoint`, RFC 8414 §2).
    ///
    /// The metadata is looked for and checked as for the issuer's keys. It is read with the first request, again with a request that
    /// comes an hour later, and after two failed requests in a row, at most every 5 minutes. Requests share the first search. If it
    /// fails, there is none for 1 second, then 2, 4 … 60, less up to a fifth.
    pub(crate) fn discovered(
        issuer: &str,
        authentication: ClientAuthentication,
        encryption: Encryption,
    ) -> Result<Self, UrlError> {
        let url = IssuerUrl::parse(issuer, encryption)?;
        let target = Target::of(url.url());
        let url = DiscoveredUrl::new(url, MetadataUrl::Introspection);
        let location = Location::discovered(url, Transport::new(target));
        Ok(Self::new(issuer, target, location, authentication))
    }

    fn new(issuer: &str, target: Target, location: Location, authentication: ClientAuthentication) -> Self {
        Self {
            issuer: issuer.into(),
            location,
            authentication,
            exchange: Exchange::new(target),
            has_own_client: false,
            form: AnswerForm::Json,
            warns: AtomicBool::new(true),
        }
    }

    /// Asks with this client, which may have a certificate. The metadata is also read with it.
    ///
    /// The client should follow no redirects. If it does, the answer is refused, and neither the token nor a secret has gone
    /// elsewhere: the body is not sent a second time, and the client sends the `Authorization` header to the same host only.
    pub(crate) fn client(mut self, client: reqwest::Client) -> Self {
        if let Location::Discovered(discovery) = &mut self.location {
            discovery.transport = Transport::new(Target::of(discovery.url.issuer().url())).with_client(client.clone());
        }
        Self { exchange: self.exchange.with_client(client), has_own_client: true, ..self }
    }

    /// Sets how long connecting may take, and how long one request may take in all, metadata included. Default: 2 and 5 seconds.
    pub(crate) fn timeouts(mut self, connect: Duration, total: Duration) -> Result<Self, InvalidTimeouts> {
        let timeouts = Timeouts::new(connect, total)?;
        if let Location::Discovered(discovery) = &mut self.location {
            discovery.transport.set_connect_timeout(connect);
        }
        Ok(Self { exchange: self.exchange.with_timeouts(timeouts), ..self })
    }

    /// Asks for signed answers (RFC 9701 §4), and refuses others.
    pub(crate) fn signed_answers(self) -> Self {
        Self { form: AnswerForm::Signed, ..self }
    }

    /// Whether both are asked in the same way. Two clients of the application cannot be compared, so they are not.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let is_default = !self.has_own_client && !other.has_own_client;
        is_default
            && self.issuer == other.issuer
            && self.location.is_like(&other.location)
            && self.authentication.is_like(&other.authentication)
            && self.exchange.timeouts() == other.exchange.timeouts()
            && self.form == other.form
    }

    /// The identifier of the issuer.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn authentication(&self) -> &ClientAuthentication {
        &self.authentication
    }

    /// The URL that would be asked over plain http on another machine.
    pub(crate) fn plain_http(&self) -> Option<&Url> {
        Some(self.location.configured()).filter(|url| is_plain(url))
    }

    /// Whether this server authenticates by a certificate, and there is no client that has one.
    pub(crate) fn lacks_client(&self) -> bool {
        self.authentication.needs_own_client() && !self.has_own_client
    }

    /// Asks about the token (RFC 7662 §2.1).
    ///
    /// The clock tells when an assertion is signed, and when metadata is read again. Time limits are those of tokio.
    pub(crate) async fn ask(&self, token: &str, clock: &dyn Clock) -> Result<Answer, IntrospectionError> {
        self.warn_of_plain_http();
        let time = self.exchange.time_limit();
        let deadline = Deadline::after(time);
        let late = |url: &Url, limit| IntrospectionError::Timeout { url: redact::place(url), limit };
        let located = deadline.limit(self.location.locate(clock, deadline, time)).await;
        let url = located.unwrap_or_else(|limit| Err(late(self.location.configured(), limit)))?;
        let asked = deadline.limit(self.ask_at(&url, token, clock)).await;
        let answer = asked.unwrap_or_else(|limit| Err(late(&url, limit)));
        self.location.report(&url, answer.is_ok());
        answer
    }

    async fn ask_at(&self, url: &Url, token: &str, clock: &dyn Clock) -> Result<Answer, IntrospectionError> {
        let post = || self.post(token, clock).ok_or_else(|| IntrospectionError::Assertion { url: redact::place(url) });
        let reply = self.exchange.post(url, post).await?;
        Answer::of(reply, self.form, url, clock.now())
    }

    fn post(&self, token: &str, clock: &dyn Clock) -> Option<Post> {
        let credentials = self.authentication.credentials(&self.issuer, clock.now())?;
        let mut form = Serializer::new(String::new());
        form.append_pair("token", token);
        // RFC 7662 §2.1: with the hint the server looks among its access tokens first. It is safe to send, because a server that finds
        // nothing there must look further, and one that does not know the hint may ignore it. What kind of token was found is checked in
        // the answer.
        form.append_pair("token_type_hint", "access_token");
        form.extend_pairs(credentials.parameters);
        Some(Post { accept: self.form.media_type(), authorization: credentials.authorization, form: form.finish() })
    }

    fn warn_of_plain_http(&self) {
        let Some(url) = self.plain_http() else { return };
        if self.warns.swap(false, Ordering::Relaxed) {
            let url = redact::place(url);
            tracing::warn!(
                url,
                "tokens are introspected over plain http, where anyone on the path can read them and this server's credentials"
            );
        }
    }
}

/// Shows neither a token nor a secret.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut endpoint = f.debug_struct("Endpoint");
        match &self.location {
            Location::Given(url) => endpoint.field("url", &redact::place(url)),
            Location::Discovered(discovery) => endpoint.field("issuer", &redact::place(discovery.url.issuer().url())),
        };
        endpoint.field("authentication", &self.authentication).field("form", &self.form).finish_non_exhaustive()
    }
}

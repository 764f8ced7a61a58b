//! Fetches one document by HTTP, with limits on time and size, and from one origin only.

use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

use http::header::{CACHE_CONTROL, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::redirect;
use tokio::time::Instant;
use url::Url;

use super::freshness::Freshness;
use super::issuer_url::is_plain;
use super::resolver::FilteringResolver;
use super::timeouts::Timeouts;
use crate::keys::source::MAX_DOCUMENT_BYTES;
use crate::keys::{FetchError, Validators, is_loopback};
use crate::redact;

/// The most redirects that are followed. All must stay within one origin.
const MAX_REDIRECTS: usize = 3;

/// Gets documents, with the application's client or with the default one.
pub(crate) struct Transport {
    client: OnceLock<reqwest::Client>,
    has_own_client: bool,
    target: Target,
    connect_timeout: Duration,
}

/// Where the servers of a default client are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    ThisMachine,
    Elsewhere,
    /// Elsewhere, over plain http.
    PlainElsewhere,
}

impl Target {
    pub(crate) fn of(url: &Url) -> Self {
        match (is_loopback(url), is_plain(url)) {
            (true, _) => Self::ThisMachine,
            (false, true) => Self::PlainElsewhere,
            (false, false) => Self::Elsewhere,
        }
    }
}

/// A request for one document.
#[derive(Clone, Copy)]
pub(super) struct Get<'a> {
    pub(super) url: &'a Url,
    /// The validators of the document that is held, if it came from this URL.
    pub(super) held: Option<&'a Validators>,
    /// Whether caches on the way must ask the issuer.
    pub(super) bypass_caches: bool,
    pub(super) deadline: Deadline,
}

pub(super) enum Answer {
    Document { body: Vec<u8>, freshness: Freshness, validators: Option<Validators> },
    NotModified { freshness: Freshness },
}

/// When a fetch must have ended, by tokio's clock as for all timers. The server's clock may be a test clock.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Transport {
    pub(crate) fn new(target: Target) -> Self {
        let connect_timeout = Timeouts::default().connect();
        Self { client: OnceLock::new(), has_own_client: false, target, connect_timeout }
    }

    pub(crate) fn with_connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    #[cfg(feature = "introspection")]
    pub(crate) fn set_connect_timeout(&mut self, connect_timeout: Duration) {
        self.connect_timeout = connect_timeout;
    }

    pub(crate) fn with_client(self, client: reqwest::Client) -> Self {
        Self { client: OnceLock::from(client), has_own_client: true, ..self }
    }

    /// Whether both get documents alike. Two clients of the application cannot be compared, so they are not.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let is_default = !self.has_own_client && !other.has_own_client;
        is_default && self.target == other.target && self.connect_timeout == other.connect_timeout
    }

    /// The document, or that it is the one that is held.
    pub(super) async fn get(&self, get: Get<'_>) -> Result<Answer, FetchError> {
        let answer = get.deadline.limit(self.exchange(get)).await;
        answer.unwrap_or_else(|limit| Err(FetchError::Timeout { url: redact::place(get.url), limit }))
    }

    async fn exchange(&self, Get { url, held, bypass_caches, .. }: Get<'_>) -> Result<Answer, FetchError> {
        let failed = |error: reqwest::Error| {
            let reason = describe(&error.without_url());
            FetchError::Request { url: redact::place(url), reason }
        };
        let mut request = self.client(url)?.get(url.clone());
        if let Some(held) = held {
            request = request.headers(held.conditions());
        }
        if bypass_caches {
            // RFC 9111 §5.2.1.4.
            request = request.header(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        let mut response = request.send().await.map_err(failed)?;
        // The application's client may follow redirects to other origins.
        if response.url().origin() != url.origin() {
            return Err(FetchError::Redirected { url: redact::place(url) });
        }
        let freshness = Freshness::of(response.headers());
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if held.is_some() => return Ok(Answer::NotModified { freshness }),
            status => return Err(FetchError::Status { url: redact::place(url), status }),
        }
        let validators = Validators::of(url, response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_DOCUMENT_BYTES {
                return Err(FetchError::TooLarge { url: redact::place(url) });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer::Document { body, freshness, validators })
    }

    /// The client, built at the first fetch: building a server does no I/O, and the root certificates are files. If building fails,
    /// the next fetch tries again.
    ///
    /// All transports with the default time limit share one client for each kind of target: a client has the root certificates, which take 100 KB and
    /// milliseconds to read, and a server may have thousands of issuers. It keeps no connections, so they share nothing else.
    fn client(&self, url: &Url) -> Result<&reqwest::Client, FetchError> {
        static SHARED: [OnceLock<reqwest::Client>; 3] = [const { OnceLock::new() }; 3];
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let is_default = self.connect_timeout == Timeouts::default().connect();
        let place = if is_default { &SHARED[self.target as usize] } else { &self.client };
        if let Some(client) = place.get() {
            return Ok(client);
        }
        let client = default_client(self.target, FilteringResolver::of_the_system())
            .connect_timeout(self.connect_timeout)
            .build()
            .map_err(|error| FetchError::Client { url: redact::place(url), reason: describe(&error) })?;
        Ok(place.get_or_init(|| client))
    }
}

impl Deadline {
    /// `limit` from now.
    pub(crate) fn after(limit: Duration) -> Self {
        // The timer is only asked for its deadline.
        Self { at: tokio::time::sleep(limit).deadline(), limit }
    }

    /// What `work` returns, or the time that there was if it has not ended by then.
    pub(crate) async fn limit<F: Future>(self, work: F) -> Result<F::Output, Duration> {
        tokio::time::timeout_at(self.at, work).await.map_err(|_| self.limit)
    }
}

impl Validators {
    fn of(url: &Url, headers: &HeaderMap) -> Option<Self> {
        let (etag, last_modified) = (headers.get(ETAG).cloned(), headers.get(LAST_MODIFIED).cloned());
        (etag.is_some() || last_modified.is_some()).then(|| Self { url: url.clone(), etag, last_modified })
    }

    fn conditions(&self) -> HeaderMap {
        let conditions = [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.last_modified)];
        conditions.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

fn default_client(target: Target, resolver: FilteringResolver) -> reqwest::ClientBuilder {
    client_for(target, resolver)
        .redirect(redirect::Policy::custom(follow))
        // A connection is driven by the runtime that opened it, which may have ended at the next fetch.
        .pool_max_idle_per_host(0)
}

/// A client that connects to servers at `target`, and to no server on this machine if that is elsewhere.
pub(crate) fn client_for(target: Target, resolver: FilteringResolver) -> reqwest::ClientBuilder {
    let client = reqwest::Client::builder()
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .referer(false);
    match target {
        // A proxy could replace the keys.
        Target::ThisMachine => client.no_proxy(),
        Target::PlainElsewhere => client.no_proxy().dns_resolver(resolver),
        Target::Elsewhere => client.dns_resolver(resolver),
    }
}

/// RFC 8725bis §3.10: redirects are followed within the origin only.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let same_origin = attempt.previous().last().is_some_and(|previous| previous.origin() == attempt.url().origin());
    if same_origin && attempt.previous().len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
}

/// An error with all its sources: reqwest's own text leaves out the cause.
pub(crate) fn describe(error: &dyn Error) -> Box<str> {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.into()
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::thread::{self, JoinHandle};

    use super::*;

    /// Starts a server that answers one request with `answer`. The thread returns the request in lower case.
    pub(in crate::keys::remote) fn site(answer: &'static str) -> (Url, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}/jwks", listener.local_addr().unwrap())).unwrap();
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap().to_ascii_lowercase()
        });
        (url, asked)
    }

    fn request(url: &Url) -> Get<'_> {
        Get { url, held: None, bypass_caches: false, deadline: Deadline::after(Duration::from_secs(5)) }
    }

    #[test]
    fn default_clients_are_shared_and_no_others_are() {
        let url = Url::parse("https://id.example.com").unwrap();
        let default = |target| Transport::new(target);
        let (one, other) = (default(Target::Elsewhere), default(Target::Elsewhere));
        let local = default(Target::ThisMachine);
        let slower = default(Target::Elsewhere).with_connect_timeout(Duration::from_secs(4));
        let own = default(Target::Elsewhere).with_client(reqwest::Client::new());
        let at = |transport: &Transport| std::ptr::from_ref(transport.client(&url).unwrap()).addr();
        assert_eq!(at(&one), at(&other));
        for different in [&local, &slower, &own] {
            assert_ne!(at(&one), at(different));
        }
    }

    #[tokio::test]
    async fn a_document_and_its_confirmation_have_an_age() {
        let transport = Transport::new(Target::ThisMachine);
        let (url, _) = site("HTTP/1.1 200 OK\r\nage: 55\r\ncontent-length: 2\r\n\r\n{}");
        let Ok(Answer::Document { freshness, .. }) = transport.get(request(&url)).await else { panic!("no document") };
        assert_eq!(freshness.age, Duration::from_secs(55));

        let (url, _) = site("HTTP/1.1 304 Not Modified\r\nage: 56\r\n\r\n");
        let held = Validators { url: url.clone(), etag: Some(HeaderValue::from_static("\"a\"")), last_modified: None };
        let answer = transport.get(Get { held: Some(&held), ..request(&url) }).await;
        let Ok(Answer::NotModified { freshness }) = answer else { panic!("not the one that is held") };
        assert_eq!(freshness.age, Duration::from_secs(56));
    }

    #[tokio::test]
    async fn caches_are_bypassed_when_that_is_asked_for() {
        for bypass_caches in [false, true] {
            let (url, asked) = site("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
            let transport = Transport::new(Target::ThisMachine);
            let answer = transport.get(Get { bypass_caches, ..request(&url) }).await;
            assert!(answer.is_ok());
            let asked = asked.join().unwrap();
            assert_eq!(asked.contains("\r\ncache-control: no-cache\r\n"), bypass_caches, "{asked}");
        }
    }

    /// Row D16.
    #[tokio::test]
    async fn no_connection_is_made_to_a_name_that_leads_to_this_machine() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://id.example.com:{}/jwks", listener.local_addr().unwrap().port());
        let resolver = FilteringResolver::with_lookup(|_| Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]));
        let client = default_client(Target::Elsewhere, resolver).no_proxy().build().unwrap();
        let transport = Transport::new(Target::Elsewhere).with_client(client);
        let Err(error) = transport.get(request(&Url::parse(&url).unwrap())).await else { panic!("an answer") };
        let reason =
            "the name id.example.com resolves to 127.0.0.1, which is this machine, but the issuer is elsewhere";
        assert!(error.to_string().starts_with(&url) && error.to_string().ends_with(reason), "{error}");
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn an_answer_that_is_late_names_its_url() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}/jwks?key=secret", listener.local_addr().unwrap())).unwrap();
        let limit = Duration::from_millis(50);
        let transport = Transport::new(Target::ThisMachine);
        let answer = transport.get(Get { deadline: Deadline::after(limit), ..request(&url) }).await;
        let Err(error) = answer else { panic!("an answer") };
        let place = format!("http://{}/jwks?key=…", listener.local_addr().unwrap());
        assert_eq!(error.to_string(), format!("{place}: no complete answer within 50ms from the start of the fetch"));
    }
}

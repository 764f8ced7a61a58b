//! An HTTP POST with limits on time and size, over connections that are kept alive.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::Full;
use reqwest::redirect;
use url::Url;

use super::introspection_error::IntrospectionError;
use crate::keys::{FilteringResolver, MAX_DOCUMENT_BYTES, Target, Timeouts, client_for, describe};
use crate::redact;

/// Posts forms, with the application's client or with the default one.
///
/// # Connections
///
/// A connection is kept for the next request, so that this costs one round trip. It ends with the runtime that opened it: the next
/// request then opens a new one. A connection whose runtime exists and does not run, such as one for a single thread between two
/// `block_on`, answers nothing, and the request ends at its time limit.
pub(super) struct Exchange {
    client: OnceLock<reqwest::Client>,
    target: Target,
    timeouts: Timeouts,
    /// Whether a request has succeeded, so that a connection may be kept which the other side closes at any time.
    may_have_connection: AtomicBool,
}

/// What is posted.
pub(super) struct Post {
    pub(super) accept: &'static str,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) form: String,
}

/// What was answered.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Exchange {
    pub(super) fn new(target: Target) -> Self {
        let may_have_connection = AtomicBool::new(false);
        Self { client: OnceLock::new(), target, timeouts: Timeouts::default(), may_have_connection }
    }

    pub(super) fn with_client(self, client: reqwest::Client) -> Self {
        Self { client: OnceLock::from(client), ..self }
    }

    pub(super) fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    pub(super) fn time_limit(&self) -> Duration {
        self.timeouts.total()
    }

    /// Posts what `make` returns, and once more if a kept connection turns out to be closed: servers close idle connections, and the
    /// request may cross that. An assertion is good for one request only, so each attempt has its own.
    pub(super) async fn post(
        &self,
        url: &Url,
        make: impl Fn() -> Result<Post, IntrospectionError>,
    ) -> Result<Reply, IntrospectionError> {
        let may_be_closed = self.may_have_connection.load(Ordering::Relaxed);
        let mut response = self.send(url, make()?).await;
        if may_be_closed && matches!(response, Err(IntrospectionError::Request { .. })) {
            response = self.send(url, make()?).await;
        }
        let response = response?;
        self.may_have_connection.store(true, Ordering::Relaxed);
        self.read(url, response).await
    }

    async fn send(&self, url: &Url, post: Post) -> Result<reqwest::Response, IntrospectionError> {
        let mut request = self.client(url)?.post(url.clone());
        request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        request = request.header(ACCEPT, HeaderValue::from_static(post.accept));
        if let Some(authorization) = post.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        // A body that cannot be sent twice: a client of the application's that follows redirects cannot send it elsewhere.
        let body = reqwest::Body::wrap(Full::new(Bytes::from(post.form)));
        let response = request.body(body).send().await.map_err(|error| self.failed(url, error))?;
        let is_redirect = matches!(response.status().as_u16(), 301..=303 | 307 | 308);
        if is_redirect || response.url() != url {
            return Err(IntrospectionError::Redirected { url: redact::place(url) });
        }
        Ok(response)
    }

    async fn read(&self, url: &Url, mut response: reqwest::Response) -> Result<Reply, IntrospectionError> {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        // What other statuses say is not read.
        if matches!(status, StatusCode::OK | StatusCode::BAD_REQUEST) {
            while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(url, error))? {
                if body.len() + chunk.len() > MAX_DOCUMENT_BYTES {
                    return Err(IntrospectionError::TooLarge { url: redact::place(url) });
                }
                body.extend_from_slice(&chunk);
            }
        }
        Ok(Reply { status, headers, body })
    }

    fn failed(&self, url: &Url, error: reqwest::Error) -> IntrospectionError {
        let url = redact::place(url);
        if error.is_timeout() && !error.is_connect() {
            return IntrospectionError::Timeout { url, limit: self.time_limit() };
        }
        let is_connect = error.is_connect();
        let reason = describe(&error.without_url());
        if is_connect {
            IntrospectionError::Connect { url, reason }
        } else {
            IntrospectionError::Request { url, reason }
        }
    }

    /// The client, built at the first request: building a server does no I/O, and the root certificates are files. If building
    /// fails, the next request tries again.
    fn client(&self, url: &Url) -> Result<&reqwest::Client, IntrospectionError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = client_for(self.target, FilteringResolver::of_the_system())
            .redirect(redirect::Policy::none())
            .connect_timeout(self.timeouts.connect())
            .build()
            .map_err(|error| IntrospectionError::Client { url: redact::place(url), reason: describe(&error) })?;
        Ok(self.client.get_or_init(|| client))
    }
}

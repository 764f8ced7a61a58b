//! The client app's page in a browser: its requests to the backend, with the cookies that the browser keeps for it.

use std::collections::BTreeMap;

use http::StatusCode;
use http::header::{CONTENT_TYPE, COOKIE, HeaderMap, ORIGIN, SET_COOKIE};
use reqwest::Client;
use serde_json::Value;

pub(crate) struct AppPage {
    origin: String,
    http: Client,
    /// By name, as they are sent back.
    pub(crate) cookies: BTreeMap<String, String>,
    /// The proof for the token endpoint that goes with each request, if any (RFC 9449).
    pub(crate) proof: Option<String>,
}

/// What the backend says.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// As they came, with their attributes.
    pub(crate) set_cookies: Vec<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl AppPage {
    /// `url` is that of the page.
    pub(crate) fn open(url: &str) -> reqwest::Result<Self> {
        let http = Client::builder().no_proxy().build()?;
        Ok(Self { origin: url.trim_end_matches('/').to_owned(), http, cookies: BTreeMap::new(), proof: None })
    }

    pub(crate) async fn ask(&mut self, what: &str, body: &Value) -> reqwest::Result<Reply> {
        let reply = self.ask_from(Some(&self.origin), what, body).await?;
        for cookie in &reply.set_cookies {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.cookies.remove(name);
            if !attributes.contains("Max-Age=0") {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(reply)
    }

    /// The same from a page of any origin, whose browser sends the cookies along; they stay what they are.
    pub(crate) async fn ask_from(&self, origin: Option<&str>, what: &str, body: &Value) -> reqwest::Result<Reply> {
        let request = self.http.post(format!("{}/bff/{what}", self.origin)).body(body.to_string());
        let request = request.header(CONTENT_TYPE, "application/json");
        let request = self.proof.iter().fold(request, |request, proof| request.header("dpop", proof));
        let request = origin.into_iter().fold(request, |request, origin| request.header(ORIGIN, origin));
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(COOKIE, cookies.join("; ")).send().await?;
        let status = response.status();
        let headers = response.headers().clone();
        let set_cookies = headers.get_all(SET_COOKIE).iter();
        let set_cookies = set_cookies.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        Ok(Reply { status, set_cookies, headers, body })
    }
}

impl Reply {
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.body[member].as_str()
    }
}

//! A minimal browser for the authorization server's pages: one cookie, redirects, forms.

use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use url::{Url, form_urlencoded};

pub(crate) struct Browser {
    http: Client,
    pub(crate) cookie: Option<String>,
}

/// Where the user is led.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// To another page of the same origin.
    Page(Page),
    /// Back to a client.
    Elsewhere(Url),
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: http::StatusCode,
    pub(crate) html: String,
}

impl Browser {
    pub(crate) fn new() -> reqwest::Result<Self> {
        Ok(Self { http: Client::builder().no_proxy().redirect(Policy::none()).build()?, cookie: None })
    }

    pub(crate) async fn open(&mut self, url: &Url) -> reqwest::Result<Arrival> {
        let request = self.http.get(url.clone());
        self.follow(request, url.clone()).await
    }

    /// Sends the page's form, with these fields beside its hidden one.
    pub(crate) async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> reqwest::Result<Arrival> {
        let csrf = page.between("name=\"csrf\" value=\"", "\"").map(|token| ("csrf", token));
        self.send(page, csrf.iter().chain(fields)).await
    }

    /// Sends the page's form with these fields alone.
    pub(crate) async fn send<'a>(
        &mut self,
        page: &Page,
        fields: impl IntoIterator<Item = &'a (&'a str, &'a str)>,
    ) -> reqwest::Result<Arrival> {
        let action = page.between("action=\"", "\"").unwrap_or_default();
        let url = page.url.join(action).unwrap_or_else(|_| page.url.clone());
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.http.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        self.follow(request, url).await
    }

    /// Follows redirects as long as they stay on one origin.
    async fn follow(&mut self, request: RequestBuilder, mut url: Url) -> reqwest::Result<Arrival> {
        let mut response = self.ask(request).await?;
        while let Some(next) = response.headers().get(LOCATION).and_then(|to| url.join(to.to_str().ok()?).ok()) {
            if next.origin() != url.origin() {
                return Ok(Arrival::Elsewhere(next));
            }
            response = self.ask(self.http.get(next.clone())).await?;
            url = next;
        }
        let status = response.status();
        Ok(Arrival::Page(Page { url, status, html: response.text().await? }))
    }

    async fn ask(&mut self, request: RequestBuilder) -> reqwest::Result<Response> {
        let request = self.cookie.iter().fold(request, |request, cookie| request.header(COOKIE, cookie));
        let response = request.send().await?;
        let cookie = response.headers().get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok()?.split(';').next());
        if let Some(cookie) = cookie {
            self.cookie = Some(cookie.to_owned());
        }
        Ok(response)
    }
}

impl Arrival {
    /// The page that is expected here.
    pub(crate) fn page(self) -> Result<Page, String> {
        match self {
            Self::Page(page) => Ok(page),
            Self::Elsewhere(url) => Err(format!("left for {url}")),
        }
    }

    /// The redirect to the client that is expected here.
    pub(crate) fn elsewhere(self) -> Result<Url, String> {
        match self {
            Self::Elsewhere(url) => Ok(url),
            Self::Page(page) => Err(format!("{}: a page with the status {}", page.url, page.status)),
        }
    }
}

impl Page {
    pub(crate) fn has(&self, id: &str) -> bool {
        self.html.contains(&format!("id=\"{id}\""))
    }

    /// The text of an element that holds nothing but text.
    pub(crate) fn text_of(&self, id: &str) -> Option<&str> {
        self.between(&format!("id=\"{id}\">"), "<")
    }

    fn between(&self, start: &str, end: &str) -> Option<&str> {
        self.html.split_once(start)?.1.split_once(end).map(|(text, _)| text)
    }
}

//! A page and its backend: the refresh token stays where no script reads it.

use std::collections::BTreeMap;
use std::error::Error;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::api::{Api, Credentials};
use super::app_page::{AppPage, Reply};
use super::browser::Browser;
use super::report::{Outcome, Report};
use super::{allow, at, opaque, wire};
use crate::client_key::ClientKey;

pub(super) struct AppWalk<'a> {
    /// Where the page is.
    pub(super) url: &'a str,
    pub(super) scope: &'a str,
    /// An origin on another port of this machine, which a browser takes for the same site.
    pub(super) neighbour: &'a str,
    pub(super) token_endpoint: Url,
    /// The page's own, to which its access tokens are bound.
    pub(super) key: Option<ClientKey>,
    pub(super) has_opaque_tokens: bool,
}

impl AppWalk<'_> {
    /// `None` if a step failed that others build on.
    pub(super) async fn run(
        &self,
        report: &mut Report,
        api: &Api,
        browser: &mut Browser,
    ) -> Result<Option<()>, Box<dyn Error>> {
        let mut page = AppPage::open(self.url)?;
        let outcome = self.begin(&mut page).await;
        let Some(url) = report.step("A page has its backend begin a sign-in, which keeps the PKCE verifier", outcome)
        else {
            return Ok(None);
        };
        let outcome = consent(browser, &url).await;
        let Some(answer) = report.step("The user consents, and is redirected to the page with a code", outcome) else {
            return Ok(None);
        };
        let outcome = self.redeem(&mut page, &answer).await;
        let title = "The backend redeems the code, and the page gets only the access token";
        let Some(token) = report.step(title, outcome) else { return Ok(None) };
        let outcome = api.get("/api/me", self.credentials(&token), StatusCode::OK).await;
        report.step("The page calls the API with it", outcome);

        let outcome = self.reload(&mut page).await;
        let Some(token) = report.step("It is reloaded, and its backend refreshes the token", outcome) else {
            return Ok(None);
        };
        let outcome = api.get("/api/me", self.credentials(&token), StatusCode::OK).await;
        report.step("It calls the API with the next access token", outcome);
        report.step("Two tabs refresh at once, and both stay signed in", self.refresh_twice(&mut page).await);
        let outcome = self.refuses_others(&page).await;
        report.step("The backend refuses pages of other sites, and of other ports of this machine", outcome);
        let outcome = self.sign_out(&mut page).await;
        report.step("The user signs out: the refresh token is revoked, and its cookie is gone", outcome);
        if self.has_opaque_tokens {
            let outcome = opaque::ends(api, self.credentials(&token)).await;
            report.step("The access token is refused too, as soon as the API introspects it again", outcome);
        }
        Ok(Some(()))
    }

    async fn begin(&self, page: &mut AppPage) -> Outcome<Url> {
        let jkt = self.key.as_ref().map(ClientKey::thumbprint);
        let reply = page.ask("authorize", &json!({ "scope": self.scope, "dpop_jkt": jkt })).await?;
        let url = Url::parse(reply.text("location").ok_or("no location")?)?;
        let cookie = hidden_cookie(&reply, "flow")?;
        Ok((url, vec![cookie]))
    }

    async fn redeem(&self, page: &mut AppPage, answer: &Url) -> Outcome<String> {
        let parameters: BTreeMap<_, _> = answer.query_pairs().collect();
        let (reply, mut lines) = self.ask_with_proof(page, "session", &json!(parameters)).await?;
        let token = access_token(&reply)?;
        lines.push(hidden_cookie(&reply, "refresh")?);
        Ok((token, lines))
    }

    async fn reload(&self, page: &mut AppPage) -> Outcome<String> {
        let before = page.cookies.get("refresh").cloned();
        let (reply, mut lines) = self.ask_with_proof(page, "refresh", &Value::Null).await?;
        let token = access_token(&reply)?;
        lines.push(hidden_cookie(&reply, "refresh")?);
        if page.cookies.get("refresh") == before.as_ref() {
            return Err("the refresh token stays the same".into());
        }
        Ok((token, lines))
    }

    async fn refresh_twice(&self, page: &mut AppPage) -> Outcome<()> {
        let origin = Some(self.url.trim_end_matches('/'));
        let nothing = Value::Null;
        self.prove(page);
        let (one, other) =
            tokio::try_join!(page.ask_from(origin, "refresh", &nothing), page.ask_from(origin, "refresh", &nothing))?;
        let both = [access_token(&one)?, access_token(&other)?];
        let next = access_token(&page.ask("refresh", &nothing).await?)?;
        if one.set_cookies != other.set_cookies || both != [next.clone(), next] {
            return Err("they have different tokens".into());
        }
        Ok(((), vec!["both: the same refresh token from now on".to_owned()]))
    }

    async fn sign_out(&self, page: &mut AppPage) -> Outcome<()> {
        let before = page.cookies.clone();
        let reply = page.ask("sign-out", &Value::Null).await?;
        if reply.body["revoked"] != true || page.cookies.contains_key("refresh") {
            return Err("it is not revoked, or its cookie is still there".into());
        }
        // As somebody who had kept it would try.
        page.cookies = before;
        let (reply, _) = self.ask_with_proof(page, "refresh", &Value::Null).await?;
        let reason = reply.text("refused").ok_or("it still works")?;
        Ok(((), vec![format!("afterwards: {reason}")]))
    }

    /// Asks the backend with a proof for the token endpoint, and once more if the authorization server wants its nonce in it.
    async fn ask_with_proof(&self, page: &mut AppPage, what: &str, body: &Value) -> Outcome<Reply> {
        let mut lines = Vec::new();
        loop {
            lines.extend(self.prove(page));
            let reply = page.ask(what, body).await?;
            if let Some(key) = &self.key {
                key.keep_nonce(&self.token_endpoint, &reply.headers);
            }
            if lines.len() != 1 || reply.text("error") != Some("use_dpop_nonce") {
                return Ok((reply, lines));
            }
        }
    }

    /// Gives the page a new proof, and returns what there is to see of it.
    fn prove(&self, page: &mut AppPage) -> Option<String> {
        page.proof = self.key.as_ref().map(|key| key.proof(&Method::POST, &self.token_endpoint, None));
        page.proof.as_deref().map(wire::shown)
    }

    fn credentials<'t>(&'t self, token: &'t str) -> Credentials<'t> {
        self.key.as_ref().map_or(Credentials::Bearer(token), |key| Credentials::Bound(token, key))
    }

    async fn refuses_others(&self, page: &AppPage) -> Outcome<()> {
        let mut lines = Vec::new();
        for origin in [Some("https://attacker.example.test"), Some(self.neighbour), None] {
            let reply = page.ask_from(origin, "refresh", &Value::Null).await?;
            let line = format!("Origin: {}: {}", origin.unwrap_or("(none)"), reply.status);
            if reply.status != StatusCode::FORBIDDEN || !reply.set_cookies.is_empty() {
                return Err(line.into());
            }
            lines.push(line);
        }
        Ok(((), lines))
    }
}

async fn consent(browser: &mut Browser, url: &Url) -> Outcome<Url> {
    let page = at(browser.open(url).await?, "consent-allow")?;
    allow(browser, &page).await
}

/// The cookie without its value, if no script can read it, no other site can make a browser send it, and nothing else in the answer shows it.
fn hidden_cookie(reply: &Reply, name: &str) -> Result<String, Box<dyn Error>> {
    let mut cookies = reply.set_cookies.iter().filter_map(|cookie| cookie.strip_prefix(&format!("{name}=")));
    let (value, attributes) = cookies.next().and_then(|cookie| cookie.split_once("; ")).ok_or("no such cookie")?;
    let is_hidden = ["HttpOnly", "SameSite=Strict", "Path=/bff"].iter().all(|wanted| attributes.contains(wanted));
    if !is_hidden || reply.body.to_string().contains(value) {
        return Err(format!("the cookie {name} is open to others: {attributes}").into());
    }
    Ok(format!("Set-Cookie: {name}=…; {attributes}"))
}

fn access_token(reply: &Reply) -> Result<String, Box<dyn Error>> {
    let token = reply.text("access_token").ok_or_else(|| format!("no access token: {}", reply.body))?;
    if reply.body.get("refresh_token").is_some() {
        return Err("the page gets a refresh token".into());
    }
    Ok(token.to_owned())
}

//! The whole sequence without a browser: what a client and its user do, and what each server answers.

mod api;
mod app;
mod app_page;
mod browser;
mod client;
mod everywhere;
mod opaque;
mod report;
mod theft;
mod web_client;
mod wire;

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use http::{Method, StatusCode};
use oauth2::{RefreshToken, TokenResponse};
use serde_json::{Value, json};
use url::Url;

use self::api::{Api, Credentials, claims, look};
use self::app::AppWalk;
use self::browser::{Arrival, Browser, Page};
use self::client::{Client, Flow, Tokens};
use self::report::{Outcome, Report};
use crate::DpopMode;
use crate::api::Needs;
use crate::authorization_server::AuthorizationServer;
use crate::authorization_server::clients::{APP, SERVICE, SERVICE_REDIRECT_URI, SERVICE_SECRET};
use crate::authorization_server::users::{ALICE, User};
use crate::client_key::ClientKey;

pub(crate) struct Walk<'a> {
    pub(crate) server: &'a AuthorizationServer,
    pub(crate) redirect_uri: &'a str,
    /// Where the API is, and by what URL clients know it.
    pub(crate) api: &'a str,
    pub(crate) api_known_as: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) needs: &'a Needs,
    /// With it, every client has a key, and its tokens are bound to it.
    pub(crate) dpop: Option<DpopMode>,
}

impl Walk<'_> {
    /// Whether every step went as expected.
    pub(crate) async fn run(&self) -> Result<bool, Box<dyn Error>> {
        let mut report = Report::default();
        let headers = self.steps(&mut report).await?;
        let as_expected = report.sum_up(headers.is_some());
        if let Some(headers) = headers {
            let time = if self.dpop.is_some() { "once, within a minute" } else { "for five minutes" };
            let headers: Vec<_> = headers.iter().map(|header| format!(" -H '{header}'")).collect();
            println!("\nTry it yourself {time}:\n\ncurl -i {}/api/me{}", self.api, headers.concat());
        }
        Ok(as_expected)
    }

    /// The headers of a good request, if no step failed that others build on.
    async fn steps(&self, report: &mut Report) -> Result<Option<Vec<String>>, Box<dyn Error>> {
        let api = Api::new(self.api, self.api_known_as)?;
        let mut browser = Browser::new()?;

        let outcome = api.get("/api/me", Credentials::None, StatusCode::UNAUTHORIZED).await;
        let Some(refusal) = report.step("The client calls the API without a token, and is refused", outcome) else {
            return Ok(None);
        };
        let outcome = api.discover(&refusal, self.server.issuer.url()).await;
        let Some(metadata) = report.step("It finds the authorization server", outcome) else { return Ok(None) };
        let app = Client::new(&metadata, APP, self.redirect_uri)?.with_key(self.new_key());

        let flow = app.authorize(self.server.scopes.as_str(), &[]);
        let outcome = arrive(&mut browser, &flow, "username").await;
        let Some(login) = report.step("It sends the user to /authorize, with a PKCE challenge and a state", outcome)
        else {
            return Ok(None);
        };
        let outcome = log_in(&mut browser, &login, &ALICE, "consent-allow").await;
        let Some(consent) = report.step("The user logs in", outcome) else { return Ok(None) };
        let outcome = allow(&mut browser, &consent).await;
        let Some(answer) = report.step("The user consents, and is redirected to the client with a code", outcome)
        else {
            return Ok(None);
        };
        let outcome = refuses_foreign_answers(&app, &flow, &answer);
        report.step("The client refuses the same answer with another state, or from another server", outcome);
        let outcome = redeem(&app, &flow, &answer).await;
        let Some(first) = report.step("It redeems the code, with the PKCE verifier, for tokens", outcome) else {
            return Ok(None);
        };
        let outcome = api.get("/api/me", app.credentials(first.access_token().secret()), StatusCode::OK).await;
        report.step("It calls the API with the access token", outcome);
        if let Some(known) = &self.server.opaque {
            opaque::run(report, &api, known, &app, &first).await;
        }
        if let Some(key) = app.key() {
            theft::run(report, &api, first.access_token().secret(), key).await;
            let outcome = theft::refresh(&metadata, self.redirect_uri, refresh_token(&first)?).await;
            report.step("A stolen refresh token is refused with another key", outcome);
        }

        let Some(fresh) = report.step("It refreshes the access token", refresh(&app, &first).await) else {
            return Ok(None);
        };
        let access_token = app.credentials(fresh.access_token().secret());
        let outcome = api.get("/api/me", access_token, StatusCode::OK).await;
        report.step("It calls the API with the new one", outcome);

        let service =
            || Client::new(&metadata, SERVICE, SERVICE_REDIRECT_URI).map(|new| new.with_secret(SERVICE_SECRET));
        let keyless = service()?;
        let service = service()?.with_key(self.new_key());
        let outcome = client_credentials(&service, self.needs.scope.as_str()).await;
        if let Some(own) = report.step("A service gets a token for itself, with client credentials", outcome) {
            let outcome = api.get("/api/me", service.credentials(own.access_token().secret()), StatusCode::OK).await;
            report.step("It calls the API on its own behalf", outcome);
        }
        self.without_a_key(report, &api, &keyless).await;

        let outcome = api.ask(Method::POST, "/api/transfer", access_token, StatusCode::UNAUTHORIZED).await;
        let Some(refusal) =
            report.step("The user wants to transfer money: the API requires stronger authentication", outcome)
        else {
            return Ok(None);
        };
        let flow = app.authorize(self.server.scopes.as_str(), &refusal.demands());
        let outcome = arrive_to_step_up(&mut browser, &flow).await;
        let Some(page) = report.step("The client sends the user to /authorize with what the API requires", outcome)
        else {
            return Ok(None);
        };
        let outcome = confirm(&mut browser, &page).await;
        let Some(answer) = report.step("The user types the one-time code, and is redirected", outcome) else {
            return Ok(None);
        };
        let outcome = redeem(&app, &flow, &answer).await;
        let Some(stronger) = report.step("The client redeems the code", outcome) else { return Ok(None) };
        let stepped_up = app.credentials(stronger.access_token().secret());
        let outcome = api.ask(Method::POST, "/api/transfer", stepped_up, StatusCode::OK).await;
        report.step("The transfer succeeds", outcome);

        self.refusals(report, &api, &app, &first).await;
        let outcome = reuse(&app, &first, &fresh).await;
        report.step("A refresh token that was used before is refused, and ends its successor too", outcome);

        let scope = self.server.scopes.as_str();
        let page = AppWalk {
            url: self.redirect_uri,
            scope,
            neighbour: self.api,
            token_endpoint: metadata["token_endpoint"].as_str().unwrap_or_default().parse()?,
            key: self.new_key(),
            has_opaque_tokens: self.server.opaque.is_some(),
        };
        if page.run(report, &api, &mut browser).await?.is_none() {
            return Ok(None);
        }
        let outcome = web_client::run(report, &api, &mut browser, &metadata, scope, || self.new_key()).await?;
        if outcome.is_none() {
            return Ok(None);
        }
        let stepped_up = stronger.access_token().secret();
        everywhere::run(report, &api, self.server, &app, stepped_up).await?;
        Ok(Some(headers(&api, &app, stepped_up)?))
    }

    fn new_key(&self) -> Option<ClientKey> {
        self.dpop.map(|_| ClientKey::generate())
    }

    /// What becomes of clients that send no proof: they are refused, or still get Bearer tokens.
    async fn without_a_key(&self, report: &mut Report, api: &Api, client: &Client) {
        let scope = self.needs.scope.as_str();
        match self.dpop {
            None => {}
            Some(DpopMode::Required) => {
                let outcome = match client.client_credentials(scope).await {
                    Ok(_) => Err("the token endpoint issues tokens".into()),
                    Err(error) => Ok(((), vec![format!("refused: {error}")])),
                };
                report.step("The authorization server refuses a client without a proof", outcome);
                let unbound = self.server.issue(&self.server.issuer.token().audience(self.audience).scope(scope));
                let outcome = api.get("/api/me", Credentials::Bearer(&unbound), StatusCode::UNAUTHORIZED).await;
                report.step("The API refuses a token that is bound to no key", outcome);
            }
            Some(DpopMode::Offered) => {
                let outcome = client_credentials(client, scope).await;
                let title = "A client without a key still gets a Bearer token";
                let Some(tokens) = report.step(title, outcome) else { return };
                let credentials = Credentials::Bearer(tokens.access_token().secret());
                let outcome = api.get("/api/me", credentials, StatusCode::OK).await;
                report.step("It calls the API with it", outcome);
            }
        }
    }

    /// What an API must not take, each of them issued by the authorization server.
    async fn refusals(&self, report: &mut Report, api: &Api, client: &Client, tokens: &Tokens) {
        let token = || {
            let token = self.server.issuer.token().audience(self.audience).scope(self.needs.scope.as_str());
            client.key().into_iter().fold(token, |token, key| token.claim("cnf", json!({ "jkt": key.thumbprint() })))
        };
        let id_token = tokens.extra_fields().id_token.clone().unwrap_or_default();
        let expired = self.server.issue(&token().expired_for(Duration::from_secs(60)));
        let foreign = self.server.issue(&token().audience("https://other.example.test"));
        let other_scope = self.server.issue(&token().scope("openid"));
        for (what, token, status) in [
            ("an expired token", expired, StatusCode::UNAUTHORIZED),
            ("a token for another API", foreign, StatusCode::UNAUTHORIZED),
            ("the ID token", id_token, StatusCode::UNAUTHORIZED),
            ("a token with another scope", other_scope, StatusCode::FORBIDDEN),
        ] {
            let outcome = api.get("/api/me", client.credentials(&token), status).await;
            report.step(&format!("The API refuses {what}"), outcome);
        }
    }
}

/// Those of a good request.
fn headers(api: &Api, client: &Client, token: &str) -> Result<Vec<String>, Box<dyn Error>> {
    Ok(match client.key() {
        None => vec![format!("Authorization: Bearer {token}")],
        Some(key) => {
            let proof = api.proof("/api/me", token, key)?;
            vec![format!("Authorization: DPoP {token}"), format!("DPoP: {proof}")]
        }
    })
}

/// To the page with the element of this id.
async fn arrive(browser: &mut Browser, flow: &Flow, id: &str) -> Outcome<Page> {
    let page = at(browser.open(&flow.url).await?, id)?;
    Ok((page, vec![format!("GET {}", flow.url)]))
}

/// To the page for the one-time code. If the login of before is too old already, the user logs in on the way.
async fn arrive_to_step_up(browser: &mut Browser, flow: &Flow) -> Outcome<Page> {
    let line = format!("GET {}", flow.url);
    let page = browser.open(&flow.url).await?.page()?;
    let page = if page.has("username") { log_in(browser, &page, &ALICE, "otp").await?.0 } else { page };
    Ok((at(Arrival::Page(page), "otp")?, vec![line]))
}

/// To the page with the element of this id.
async fn log_in(browser: &mut Browser, page: &Page, user: &User, id: &str) -> Outcome<Page> {
    let fields = [("username", user.name), ("password", user.password)];
    Ok((at(browser.submit(page, &fields).await?, id)?, Vec::new()))
}

async fn allow(browser: &mut Browser, page: &Page) -> Outcome<Url> {
    let url = browser.submit(page, &[("decision", "allow")]).await?.elsewhere()?;
    let line = format!("GET {url}");
    Ok((url, vec![line]))
}

async fn confirm(browser: &mut Browser, page: &Page) -> Outcome<Url> {
    let code = page.text_of("otp-hint").ok_or("the page shows no code")?;
    let url = browser.submit(page, &[("otp", code)]).await?.elsewhere()?;
    let line = format!("GET {url}");
    Ok((url, vec![line]))
}

fn at(arrival: Arrival, id: &str) -> Result<Page, String> {
    let page = arrival.page()?;
    if page.has(id) { Ok(page) } else { Err(format!("{}: not the page that has #{id}", page.url)) }
}

fn refuses_foreign_answers(client: &Client, flow: &Flow, answer: &Url) -> Outcome<()> {
    let mut lines = Vec::new();
    for changed in ["state", "iss"] {
        let mut foreign = answer.clone();
        let attacker = || Cow::from("https://attacker.example.test");
        let parameters = answer.query_pairs();
        let parameters =
            parameters.map(|(name, value)| if name == changed { (name, attacker()) } else { (name, value) });
        foreign.query_pairs_mut().clear().extend_pairs(parameters);
        match client.code(flow, &foreign) {
            Ok(_) => return Err(format!("it accepts an answer with another {changed}").into()),
            Err(error) => lines.push(format!("refused: {error}")),
        }
    }
    Ok(((), lines))
}

async fn redeem(client: &Client, flow: &Flow, answer: &Url) -> Outcome<Tokens> {
    let code = client.code(flow, answer)?;
    let (tokens, mut lines) = client.redeem(flow, code).await?;
    let id_token = tokens.extra_fields().id_token.as_deref().ok_or("no ID token")?;
    lines.extend([
        look(tokens.access_token().secret()),
        format!("ID token: {}", claims(id_token)?),
        format!("refresh token: {}", if tokens.refresh_token().is_some() { "yes" } else { "no" }),
    ]);
    Ok((tokens, lines))
}

async fn refresh(client: &Client, tokens: &Tokens) -> Outcome<Tokens> {
    let (refreshed, mut lines) = client.refresh(refresh_token(tokens)?).await?;
    let [old, new] = [tokens, &refreshed].map(|tokens| tokens.access_token().secret());
    if old == new {
        return Err("the access token stays the same".into());
    }
    // The user was not authenticated again. An opaque token does not say so.
    if let (Ok(old), Ok(new)) = (claims(old), claims(new))
        && (old["jti"] == new["jti"] || old["auth_time"] != new["auth_time"])
    {
        return Err(format!("{new} after {old}").into());
    }
    if refresh_token(tokens)?.secret() == refresh_token(&refreshed)?.secret() {
        return Err("the refresh token stays the same".into());
    }
    lines.push(look(new));
    Ok((refreshed, lines))
}

async fn client_credentials(client: &Client, scope: &str) -> Outcome<Tokens> {
    let (tokens, mut lines) = client.client_credentials(scope).await?;
    let token = tokens.access_token().secret();
    // An opaque token does not say whose it is.
    let is_users =
        claims(token).is_ok_and(|claims| claims["sub"] != claims["client_id"] || claims["acr"] != Value::Null);
    if tokens.refresh_token().is_some() || is_users {
        return Err(format!("more than a client's own token: {}", look(token)).into());
    }
    lines.push(look(token));
    Ok((tokens, lines))
}

async fn reuse(client: &Client, used: &Tokens, successor: &Tokens) -> Outcome<()> {
    let mut lines = Vec::new();
    for tokens in [used, successor] {
        match client.refresh(refresh_token(tokens)?).await {
            Ok(_) => return Err("the token endpoint issues tokens".into()),
            Err(error) => lines.push(format!("refused: {error}")),
        }
    }
    Ok(((), lines))
}

fn refresh_token(tokens: &Tokens) -> Result<&RefreshToken, &'static str> {
    tokens.refresh_token().ok_or("no refresh token")
}

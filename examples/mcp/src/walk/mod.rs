//! The whole flow of a client that knows only the URL of the MCP server. The client is rmcp's own, with its own OAuth; plain HTTP
//! requests stand in for a user with a browser.

#[path = "../../../me/src/walk/browser.rs"]
#[expect(dead_code, reason = "the example me needs all of it")]
mod browser;
mod client;
mod page;
#[path = "../../../me/src/walk/report.rs"]
mod report;

use std::error::Error;
use std::time::{Duration, Instant};

use me::authorization_server::AuthorizationServer;
use rmcp::service::ServiceError;
use serde_json::json;
use url::Url;

use self::browser::{Arrival, Browser};
use self::client::{Client, REDIRECT_URI};
use self::report::{Outcome, Report};

/// Of the token that a stream is opened with.
const SHORT: Duration = Duration::from_secs(3);

pub(crate) struct Walk<'a> {
    pub(crate) url: &'a str,
    pub(crate) server: &'a AuthorizationServer,
}

impl Walk<'_> {
    /// Whether every step went as expected.
    pub(crate) async fn run(&self) -> Result<bool, Box<dyn Error>> {
        let mut report = Report::default();
        let is_complete = self.steps(&mut report).await?.is_some();
        Ok(report.sum_up(is_complete))
    }

    /// `None` if a step failed that others build on.
    async fn steps(&self, report: &mut Report) -> Result<Option<()>, Box<dyn Error>> {
        let mut client = Client::new(self.url).await?;
        let mut browser = Browser::new()?;

        let outcome = client.is_refused().await;
        let Some(challenge) = report.step("A client calls the MCP server without a token, and is refused", outcome)
        else {
            return Ok(None);
        };
        let outcome = page::metadata_is_twofold(client.http(), client.url()).await;
        report.step("The metadata are at the path that the challenge names, and at the root", outcome);
        let outcome = client.discover(&challenge).await;
        if report.step("It finds the authorization server through the metadata of the MCP server", outcome).is_none() {
            return Ok(None);
        }
        let outcome = client.register().await;
        let Some(request) = report.step("It registers itself there, and asks for what the challenge names", outcome)
        else {
            return Ok(None);
        };
        let outcome = sign_in(&mut browser, &request).await;
        let Some(answer) = report.step("The user signs in and consents, and is redirected to the client", outcome)
        else {
            return Ok(None);
        };
        let outcome = client.redeem(&answer).await;
        if report.step("It redeems the code, with the PKCE verifier, for a token", outcome).is_none() {
            return Ok(None);
        }
        if report.step("It connects, and lists the tools", client.connect().await).is_none() {
            return Ok(None);
        }
        report.step("It lists the files", client.call("list_files", json!({})).await);
        report.step("A tool knows who the caller is", client.call("whoami", json!({})).await);

        let outcome = client.is_refused_for_scope("delete_file", json!({ "name": "notes.txt" })).await;
        let Some(scope) =
            report.step("It wants to delete a file: the token is not enough, and the 403 says why", outcome)
        else {
            return Ok(None);
        };
        let outcome = client.step_up(&scope).await;
        let Some(request) = report.step("It requests that scope in addition to those that it has", outcome) else {
            return Ok(None);
        };
        let outcome = consent(&mut browser, &request).await;
        let Some(answer) = report.step("The user, who is already signed in, consents", outcome) else {
            return Ok(None);
        };
        let outcome = client.redeem(&answer).await;
        report.step("It redeems the code for a token with both scopes", outcome);
        let outcome = client.call("delete_file", json!({ "name": "notes.txt" })).await;
        report.step("It deletes the file", outcome);

        let outcome = page::may_call(client.http(), client.url()).await;
        report.step("A page on this machine may call the server, and read its refusals", outcome);
        let outcome = page::strangers_are_refused(client.http(), client.url(), &client.token().await?).await;
        report.step(
            "Pages of other sites, and other host names of this machine, are refused even with a good token",
            outcome,
        );

        self.server.set_token_lifetime(SHORT);
        if report.step("It refreshes the token, and gets one for three seconds", client.refresh().await).is_none() {
            return Ok(None);
        }
        report.step("It watches the files: the stream ends with the token", ends_with_token(&client).await);
        let outcome = client.call("list_files", json!({})).await;
        report.step("It continues with the next token", outcome);
        client.close().await;
        Ok(Some(()))
    }
}

/// From the authorization request to the redirect, past the page where the user signs in.
async fn sign_in(browser: &mut Browser, request: &Url) -> Outcome<Url> {
    let page = browser.open(request).await?.page()?;
    let page = browser.submit(&page, &[("username", "alice"), ("password", "wonderland")]).await?;
    allow(browser, page).await
}

async fn consent(browser: &mut Browser, request: &Url) -> Outcome<Url> {
    let page = browser.open(request).await?;
    allow(browser, page).await
}

async fn allow(browser: &mut Browser, page: Arrival) -> Outcome<Url> {
    let page = page.page()?;
    let origin = page.text_of("client-origin").ok_or("the page does not say where the client is")?;
    let line = format!("the page says that the client is at {origin}");
    let answer = browser.submit(&page, &[("decision", "allow")]).await?.elsewhere()?;
    if !answer.as_str().starts_with(REDIRECT_URI) {
        return Err(format!("redirected to {answer}").into());
    }
    let lines = vec![line, format!("GET {answer}")];
    Ok((answer, lines))
}

async fn ends_with_token(client: &Client) -> Outcome<()> {
    let began = Instant::now();
    let ended = tokio::time::timeout(10 * SHORT, client.watch()).await?;
    let (elapsed, heard) = (began.elapsed(), client.heard());
    let line = format!("{heard} progress messages in {:.1} s, then: {ended:?}", elapsed.as_secs_f64());
    let as_expected = heard > 1 && elapsed > Duration::from_secs(1);
    match ended {
        Err(ServiceError::TransportClosed) if as_expected => Ok(((), vec![line])),
        _ => Err(line.into()),
    }
}

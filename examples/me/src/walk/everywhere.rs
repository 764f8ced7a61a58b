//! The user signs out everywhere: tokens end at the API before they expire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use oauth2::TokenResponse;
use url::Url;

use super::api::{Api, claims};
use super::browser::Browser;
use super::client::{Client, Flow, Tokens};
use super::report::{Outcome, Report};
use super::{allow, arrive, at, log_in, redeem, refresh_token};
use crate::authorization_server::AuthorizationServer;

/// What the user gets who signs in again afterwards; `None` if a step failed that others build on.
pub(super) async fn run(
    report: &mut Report,
    api: &Api,
    browser: &mut Browser,
    server: &AuthorizationServer,
    client: &Client,
) -> Option<Tokens> {
    let scope = server.scopes.as_str();
    let outcome = signed_in(browser, client, scope).await;
    let tokens = report.step("The client sends the user to /authorize once more, and has new tokens", outcome)?;
    let old = client.credentials(tokens.access_token().secret());
    let outcome = api.get("/api/me", old, StatusCode::OK).await;
    report.step("It calls the API with the access token, which is valid for five minutes", outcome)?;

    let outcome = sign_out(browser, server).await;
    report.step("The user signs out everywhere, and the authorization server tells the API", outcome)?;
    let outcome = api.get("/api/me", old, StatusCode::UNAUTHORIZED).await;
    report.step("The API refuses the same access token from then on", outcome);
    let outcome = ended(client, &tokens).await;
    report.step("The refresh token has ended too", outcome);

    let flow = client.authorize(scope, &[]);
    let outcome = signed_in_again(browser, client, &flow).await;
    let tokens = report.step("The user signs in again, with the password", outcome)?;
    let outcome = api.get("/api/me", client.credentials(tokens.access_token().secret()), StatusCode::OK).await;
    report.step("The API accepts the new access token", outcome);
    Some(tokens)
}

/// The user is signed in already, and has consented before.
async fn signed_in(browser: &mut Browser, client: &Client, scope: &str) -> Outcome<Tokens> {
    let flow = client.authorize(scope, &[]);
    let answer = browser.open(&flow.url).await?.elsewhere()?;
    redeem(client, &flow, &answer).await
}

/// On a page of the authorization server, which asks first.
async fn sign_out(browser: &mut Browser, server: &AuthorizationServer) -> Outcome<()> {
    let url = Url::parse(&format!("{}/sign-out-everywhere", server.issuer.url()))?;
    let page = at(browser.open(&url).await?, "sign-out-confirm")?;
    at(browser.submit(&page, &[("decision", "sign-out")]).await?, "signed-out-everywhere")?;
    let deliveries = server.transmitter.iter().flat_map(|transmitter| transmitter.deliveries());
    let delivery = deliveries.last().ok_or("the authorization server has told nobody")?;
    let lines = vec![
        format!("POST {url}: decision=sign-out"),
        format!("POST {}: {}", delivery.url, delivery.status),
        format!("security event: {}", claims(&delivery.set)?),
    ];
    Ok(((), lines))
}

async fn ended(client: &Client, tokens: &Tokens) -> Outcome<()> {
    match client.refresh(refresh_token(tokens)?).await {
        Ok(_) => Err("it still works".into()),
        Err(error) => Ok(((), vec![format!("refused: {error}")])),
    }
}

/// `iat` has whole seconds, so a token that is issued in the second of the sign-out is refused with the old ones. No user is that fast.
async fn signed_in_again(browser: &mut Browser, client: &Client, flow: &Flow) -> Outcome<Tokens> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    tokio::time::sleep(Duration::from_secs(since.as_secs() + 1).saturating_sub(since)).await;
    let (login, _) = arrive(browser, flow, "username").await?;
    let (consent, _) = log_in(browser, &login, "consent-allow").await?;
    let (answer, _) = allow(browser, &consent).await?;
    redeem(client, flow, &answer).await
}

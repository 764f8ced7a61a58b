//! A user signs out everywhere: tokens end at the API before they expire.
//!
//! This uses another user than the other steps, so that it does not end the session of anyone who has opened a browser in the meantime.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use oauth2::TokenResponse;
use url::Url;

use super::api::{Api, claims};
use super::browser::Browser;
use super::client::{Client, Tokens};
use super::report::{Outcome, Report};
use super::{allow, arrive, at, log_in, redeem, refresh_token};
use crate::authorization_server::AuthorizationServer;
use crate::authorization_server::transmitter::Transmitter;
use crate::authorization_server::users::BOB;

/// `of_alice` is an access token of another user, which stays good.
pub(super) async fn run(
    report: &mut Report,
    api: &Api,
    server: &AuthorizationServer,
    client: &Client,
    of_alice: &str,
) -> reqwest::Result<()> {
    let mut browser = Browser::new()?;
    let outcome = sign_in(&mut browser, server, client).await;
    let Some(tokens) = report.step("Bob signs in too, and the client gets tokens for him", outcome) else {
        return Ok(());
    };
    let of_bob = client.credentials(tokens.access_token().secret());
    let outcome = api.get("/api/me", of_bob, StatusCode::OK).await;
    report.step("It calls the API with his access token, which is valid for five minutes", outcome);

    let outcome = sign_out(&mut browser, server).await;
    report.step("Bob signs out everywhere, and the authorization server tells the API", outcome);
    let outcome = api.get("/api/me", of_bob, StatusCode::UNAUTHORIZED).await;
    report.step("The API refuses the same access token from then on", outcome);
    report.step("His refresh token has ended too", ended(client, &tokens).await);
    let outcome = api.get("/api/me", client.credentials(of_alice), StatusCode::OK).await;
    report.step("Alice's access token is as good as before", outcome);

    let outcome = sign_in_again(&mut browser, server, client).await;
    let Some(tokens) = report.step("Bob signs in again, with his password", outcome) else { return Ok(()) };
    let outcome = api.get("/api/me", client.credentials(tokens.access_token().secret()), StatusCode::OK).await;
    report.step("The API accepts his new access token", outcome);
    Ok(())
}

async fn sign_in(browser: &mut Browser, server: &AuthorizationServer, client: &Client) -> Outcome<Tokens> {
    let flow = client.authorize(server.scopes.as_str(), &[]);
    let (login, _) = arrive(browser, &flow, "username").await?;
    let (consent, _) = log_in(browser, &login, &BOB, "consent-allow").await?;
    let (answer, _) = allow(browser, &consent).await?;
    redeem(client, &flow, &answer).await
}

/// On a page of the authorization server, which asks first.
async fn sign_out(browser: &mut Browser, server: &AuthorizationServer) -> Outcome<()> {
    let url = Url::parse(&format!("{}/sign-out-everywhere", server.issuer.url()))?;
    let page = at(browser.open(&url).await?, "sign-out-confirm")?;
    at(browser.submit(&page, &[("decision", "sign-out")]).await?, "signed-out-everywhere")?;
    let sent = server.transmitter.as_ref().map(Transmitter::deliveries).unwrap_or_default();
    let about_bob = |set: &str| claims(set).ok().filter(|claims| claims["sub_id"]["sub"] == BOB.name);
    let (delivery, event) = sent
        .iter()
        .rev()
        .find_map(|delivery| Some((delivery, about_bob(&delivery.set)?)))
        .ok_or("the authorization server has sent no security event")?;
    let lines = vec![
        format!("POST {url}: decision=sign-out"),
        format!("POST {}: {}", delivery.url, delivery.status),
        format!("security event: {event}"),
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
async fn sign_in_again(browser: &mut Browser, server: &AuthorizationServer, client: &Client) -> Outcome<Tokens> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    tokio::time::sleep(Duration::from_secs(since.as_secs() + 1).saturating_sub(since)).await;
    sign_in(browser, server, client).await
}

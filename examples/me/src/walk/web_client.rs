//! A server-side web application with a user: a confidential client, whose code needs both the PKCE verifier and the
//! secret.

use std::error::Error;

use http::StatusCode;
use oauth2::{AuthorizationCode, TokenResponse};
use serde_json::Value;
use url::Url;

use super::api::{Api, claims, look};
use super::browser::{Arrival, Browser};
use super::client::{Client, Flow, Tokens};
use super::report::{Outcome, Report};
use super::{allow, at};
use crate::authorization_server::clients::{SERVICE, SERVICE_REDIRECT_URI, SERVICE_SECRET};
use crate::client_key::ClientKey;

/// `None` if a step failed that others build on.
pub(super) async fn run(
    report: &mut Report,
    api: &Api,
    browser: &mut Browser,
    metadata: &Value,
    scope: &str,
    new_key: impl Fn() -> Option<ClientKey>,
) -> Result<Option<()>, Box<dyn Error>> {
    let client = |secret| {
        let client = Client::new(metadata, SERVICE, SERVICE_REDIRECT_URI);
        client.map(|client| client.with_secret(secret).with_key(new_key()))
    };
    let (web, stranger) = (client(SERVICE_SECRET)?, client("a-guess")?);

    let flow = web.authorize(scope, &[]);
    let title = "A web application on a server sends the user to /authorize, and gets a code";
    let Some(code) = report.step(title, code(&web, &flow, browser).await) else { return Ok(None) };
    let outcome = refused(&web, &web.authorize(scope, &[]), code.clone(), "invalid_grant").await;
    report.step("The code is refused with the right secret and a wrong PKCE verifier", outcome);
    let outcome = refused(&web, &flow, code, "invalid_grant").await;
    report.step("That attempt uses up the code: it is refused with the right verifier too", outcome);

    let flow = web.authorize(scope, &[]);
    let Some(code) = report.step("It gets another code", self::code(&web, &flow, browser).await) else {
        return Ok(None);
    };
    let outcome = refused(&stranger, &flow, code.clone(), "invalid_client").await;
    report.step("The code is refused with a wrong secret and the right verifier", outcome);
    let outcome = redeem(&web, &flow, code).await;
    let Some(tokens) = report.step("With the right secret and the right verifier it is redeemed", outcome) else {
        return Ok(None);
    };
    let outcome = api.get("/api/me", web.credentials(tokens.access_token().secret()), StatusCode::OK).await;
    report.step("The server calls the API for the user", outcome);
    Ok(Some(()))
}

/// From the user, who is signed in already, and consents once.
async fn code(client: &Client, flow: &Flow, browser: &mut Browser) -> Outcome<AuthorizationCode> {
    let answer: Url = match browser.open(&flow.url).await? {
        Arrival::Elsewhere(answer) => answer,
        page @ Arrival::Page(_) => allow(browser, &at(page, "consent-allow")?).await?.0,
    };
    Ok((client.code(flow, &answer)?, vec![format!("GET {}", flow.url), format!("GET {answer}")]))
}

async fn refused(client: &Client, flow: &Flow, code: AuthorizationCode, expected: &str) -> Outcome<()> {
    match client.redeem(flow, code).await {
        Ok(_) => Err("the token endpoint issues tokens".into()),
        Err(error) if error.to_string().contains(expected) => Ok(((), vec![format!("refused: {error}")])),
        Err(error) => Err(format!("{error}; expected: {expected}").into()),
    }
}

async fn redeem(client: &Client, flow: &Flow, code: AuthorizationCode) -> Outcome<Tokens> {
    let (tokens, mut lines) = client.redeem(flow, code).await?;
    let token = tokens.access_token().secret();
    // The user's, not the client's own. An opaque token does not say whose it is.
    if claims(token).is_ok_and(|claims| claims["sub"] == claims["client_id"]) {
        return Err(format!("the subject is the client: {}", look(token)).into());
    }
    lines.push(look(token));
    Ok((tokens, lines))
}

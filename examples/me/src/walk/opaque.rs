//! Opaque access tokens: who asks about them, and for how long an answer is used.

use std::time::Instant;

use http::StatusCode;
use oauth2::TokenResponse;

use super::api::{Api, Credentials};
use super::client::{Client, Tokens};
use super::refresh_token;
use super::report::{Outcome, Report};
use crate::ANSWER_LIFETIME;
use crate::authorization_server::opaque::OpaqueTokens;

/// After the first call of the API with the access token.
pub(super) async fn run(report: &mut Report, api: &Api, known: &OpaqueTokens, client: &Client, tokens: &Tokens) {
    let outcome = asked(known, tokens.access_token().secret(), true);
    report.step(
        "The API, as a client with its own credentials, has introspected the token at the authorization server",
        outcome,
    );
    let outcome = second_request(api, known, client, tokens.access_token().secret()).await;
    report.step("A second request needs no introspection", outcome);
    let outcome = as_access_token(api, known, client, tokens).await;
    report.step("A refresh token is refused: the authorization server says that it is not active", outcome);
}

/// After the user has signed out.
pub(super) async fn ends(api: &Api, credentials: Credentials<'_>) -> Outcome<()> {
    let mut lines = vec!["immediately, while the earlier answer is still used:".to_owned()];
    match api.get("/api/me", credentials, StatusCode::OK).await {
        Ok((_, at_once)) => lines.extend(at_once),
        // On a very slow machine the answer is too old by then.
        Err(error) => lines.push(error.to_string()),
    }
    tokio::time::sleep(ANSWER_LIFETIME).await;
    lines.push(format!("after {} seconds:", ANSWER_LIFETIME.as_secs()));
    let (_, afterwards) = api.get("/api/me", credentials, StatusCode::UNAUTHORIZED).await?;
    lines.extend(afterwards);
    Ok(((), lines))
}

/// The one question about this token, and the answer.
fn asked(known: &OpaqueTokens, token: &str, is_active: bool) -> Outcome<()> {
    let introspections = known.introspections(token);
    let [only] = &introspections[..] else {
        return Err(format!("it has asked {} times; expected: once", introspections.len()).into());
    };
    let lines = vec![format!("POST /introspect by {}: {}", only.client, only.answer)];
    if only.answer["active"] == is_active { Ok(((), lines)) } else { Err(lines.concat().into()) }
}

async fn second_request(api: &Api, known: &OpaqueTokens, client: &Client, token: &str) -> Outcome<()> {
    let began = Instant::now();
    let (_, first) = api.get("/api/me", client.credentials(token), StatusCode::OK).await?;
    let before = known.introspections(token).len();
    let (_, second) = api.get("/api/me", client.credentials(token), StatusCode::OK).await?;
    let questions = known.introspections(token).len() - before;
    // On a very slow machine the answer is too old by then.
    if questions > 0 && began.elapsed() < ANSWER_LIFETIME {
        return Err(format!("introspection requests: {questions}; expected: none").into());
    }
    Ok(((), [first, second].concat()))
}

async fn as_access_token(api: &Api, known: &OpaqueTokens, client: &Client, tokens: &Tokens) -> Outcome<()> {
    let token = refresh_token(tokens)?.secret();
    let (_, mut lines) = api.get("/api/me", client.credentials(token), StatusCode::UNAUTHORIZED).await?;
    let ((), answer) = asked(known, token, false)?;
    lines.extend(answer);
    Ok(((), lines))
}

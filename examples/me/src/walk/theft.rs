//! What a thief can do with tokens that are bound to a key, without the key: nothing.

use std::error::Error;

use http::StatusCode;
use oauth2::RefreshToken;
use serde_json::Value;

use super::api::{Api, Credentials};
use super::client::Client;
use super::report::{Outcome, Report};
use crate::authorization_server::clients::APP;
use crate::client_key::ClientKey;

/// `key` is the one that the access token is bound to.
pub(super) async fn run(report: &mut Report, api: &Api, token: &str, key: &ClientKey) {
    let outcome = refused(api, Credentials::Bearer(token), "invalid_token").await;
    report.step("A stolen token is refused as a Bearer token", outcome);
    let other = ClientKey::generate();
    let outcome = refused(api, Credentials::Bound(token, &other), "invalid_dpop_proof").await;
    report.step("A stolen token is refused with a proof by another key", outcome);
    report.step("A proof is good for one request: the same one again is refused", replay(api, token, key).await);
    report.step("A proof for another URL is refused", misdirect(api, token, key).await);
}

/// A public client has no secret that a thief would lack, so the key alone protects its refresh token.
pub(super) async fn refresh(metadata: &Value, redirect_uri: &str, token: &RefreshToken) -> Outcome<()> {
    let thief = Client::new(metadata, APP, redirect_uri)?.with_key(Some(ClientKey::generate()));
    match thief.refresh(token).await {
        Ok(_) => Err("the token endpoint issues tokens".into()),
        Err(error) if error.to_string().contains("invalid_grant") => Ok(((), vec![format!("refused: {error}")])),
        Err(error) => Err(error),
    }
}

async fn replay(api: &Api, token: &str, key: &ClientKey) -> Outcome<()> {
    let proof = api.proof("/api/me", token, key)?;
    let (_, mut lines) = api.get("/api/me", Credentials::WithProof(token, &proof), StatusCode::OK).await?;
    let ((), again) = refused(api, Credentials::WithProof(token, &proof), "invalid_dpop_proof").await?;
    lines.extend(again);
    Ok(((), lines))
}

async fn misdirect(api: &Api, token: &str, key: &ClientKey) -> Outcome<()> {
    let proof = api.proof("/api/transfer", token, key)?;
    refused(api, Credentials::WithProof(token, &proof), "invalid_dpop_proof").await
}

async fn refused(api: &Api, credentials: Credentials<'_>, expected: &str) -> Outcome<()> {
    let (answer, lines) = api.get("/api/me", credentials, StatusCode::UNAUTHORIZED).await?;
    match answer.get("error") {
        Some(error) if error == expected => Ok(((), lines)),
        error => Err(Box::<dyn Error>::from(format!("the error is {error:?}; expected: {expected}"))),
    }
}

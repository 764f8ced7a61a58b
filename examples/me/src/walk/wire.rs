//! One request and its answer, with the visible parts of the proofs.

use http::Response;
use http::header::HeaderValue;
use reqwest::{Client, Request};
use url::Url;

use super::api::claims;
use crate::client_key::{ClientKey, NONCE, PROOF};

/// What a proof is made with.
pub(super) struct Proving<'a> {
    pub(super) key: &'a ClientKey,
    /// The URL by which the server knows itself.
    pub(super) url: &'a Url,
    /// The access token that goes along.
    pub(super) access_token: Option<&'a str>,
}

/// Sends a request, with a proof if there is a key for it, and once more if the server wants its nonce in the proof.
pub(super) async fn send(
    http: &Client,
    request: Request,
    proving: Option<Proving<'_>>,
    lines: &mut Vec<String>,
) -> reqwest::Result<Response<Vec<u8>>> {
    let Some(Proving { key, url, access_token }) = proving else { return execute(http, request).await };
    let mut prove = || {
        let proof = key.proof(request.method(), url, access_token);
        lines.push(shown(&proof));
        let mut attempt = request.try_clone().expect("the body is in memory");
        attempt.headers_mut().extend(HeaderValue::try_from(proof).ok().map(|proof| (PROOF, proof)));
        attempt
    };
    let answer = execute(http, prove()).await?;
    if !key.learn_nonce(url, &answer) {
        return Ok(answer);
    }
    let second = prove();
    let nonce = answer.headers().get(NONCE).map_or("", |nonce| nonce.to_str().unwrap_or_default());
    let (method, path, status) = (request.method(), request.url().path(), answer.status());
    lines.insert(lines.len() - 1, format!("{method} {path}: {status}, use_dpop_nonce, DPoP-Nonce: {nonce}"));
    execute(http, second).await
}

/// The claims of a proof.
pub(super) fn shown(proof: &str) -> String {
    claims(proof).map_or_else(|error| error.to_string(), |claims| format!("DPoP proof: {claims}"))
}

async fn execute(http: &Client, request: Request) -> reqwest::Result<Response<Vec<u8>>> {
    let mut answer = http.execute(request).await?;
    let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
    let mut response = Response::new(answer.bytes().await?.to_vec());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

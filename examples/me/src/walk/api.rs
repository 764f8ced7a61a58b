//! The client's calls to the API, and what it reads in the refusals.

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::WWW_AUTHENTICATE;
use http::{Method, StatusCode};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use url::Url;

use super::report::Outcome;

pub(super) struct Api {
    url: String,
    http: Client,
}

/// The parameters of the challenge, if the answer has one.
pub(super) struct Answer(Vec<(String, String)>);

impl Api {
    pub(super) fn new(url: &str) -> reqwest::Result<Self> {
        Ok(Self { url: url.to_owned(), http: Client::builder().no_proxy().build()? })
    }

    pub(super) async fn get(&self, path: &str, token: Option<&str>, expected: StatusCode) -> Outcome<Answer> {
        self.ask(Method::GET, path, token, expected).await
    }

    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        expected: StatusCode,
    ) -> Outcome<Answer> {
        let request = self.http.request(method.clone(), format!("{}{path}", self.url));
        let request = token.into_iter().fold(request, RequestBuilder::bearer_auth);
        let response = request.send().await?;
        let status = response.status();
        let mut lines = vec![format!("{method} {path}: {status}")];
        let mut challenge = Vec::new();
        if let Some(value) = response.headers().get(WWW_AUTHENTICATE) {
            let value = value.to_str()?;
            lines.push(format!("{WWW_AUTHENTICATE}: {value}"));
            challenge = parameters(value)?;
        }
        let body = response.text().await?;
        lines.extend((!body.is_empty()).then_some(body));
        if status != expected {
            return Err(format!("{}; expected: {expected}", lines.join("; ")).into());
        }
        Ok((Answer(challenge), lines))
    }

    /// From the challenge to the API's metadata (RFC 9728), from there to the authorization server's (RFC 8414).
    pub(super) async fn discover(&self, refusal: &Answer, issuer: &str) -> Outcome<Value> {
        let mut lines = Vec::new();
        // An API that is reached at an address like 0.0.0.0 has no metadata.
        if let Some(url) = refusal.get("resource_metadata") {
            // The API goes by a name that leads nowhere; it is on this machine that its documents are.
            let url = format!("{}{}", self.url, Url::parse(url)?.path());
            let document: Value = self.http.get(&url).send().await?.json().await?;
            lines.push(format!("GET {url}: authorization_servers {}", document["authorization_servers"]));
            if document["authorization_servers"] != serde_json::json!([issuer]) {
                return Err("that is another authorization server".into());
            }
        }
        let url = format!("{issuer}/.well-known/oauth-authorization-server");
        let document: Value = self.http.get(&url).send().await?.json().await?;
        lines.push(format!(
            "GET {url}: code_challenge_methods_supported {}",
            document["code_challenge_methods_supported"]
        ));
        // RFC 8414 §3.3.
        if document["issuer"] != issuer {
            return Err(format!("the metadata are those of {}", document["issuer"]).into());
        }
        Ok((document, lines))
    }
}

impl Answer {
    /// What the authorization server is to be asked for (RFC 9470 §4).
    pub(super) fn demands(&self) -> Vec<(&'static str, String)> {
        let demand = |name: &'static str| self.get(name).map(|value| (name, value.to_owned()));
        ["acr_values", "max_age"].into_iter().filter_map(demand).collect()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

fn parameters(challenge: &str) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let challenges = http_auth::parse_challenges(challenge).map_err(|error| error.to_string())?;
    let challenge = challenges.into_iter().next().ok_or("an empty challenge")?;
    Ok(challenge.params.iter().map(|(name, value)| ((*name).to_owned(), value.to_unescaped())).collect())
}

/// A look into a token that this client must not rely on: what is in it is between the two servers.
pub(super) fn claims(token: &str) -> Result<Value, Box<dyn Error>> {
    let payload = token.split('.').nth(1).ok_or("no JWT")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

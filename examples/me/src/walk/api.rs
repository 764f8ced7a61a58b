//! The client's calls to the API, and what it reads in the refusals.

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Method, Response, StatusCode};
use reqwest::Client;
use serde_json::Value;
use url::Url;

use super::report::Outcome;
use super::wire::{self, Proving};
use crate::client_key::{ClientKey, PROOF};

pub(super) struct Api {
    /// Where it is.
    url: String,
    /// By what URL clients know it, which they sign in proofs.
    known_as: String,
    http: Client,
}

/// How a call shows its token.
#[derive(Clone, Copy)]
pub(super) enum Credentials<'a> {
    None,
    Bearer(&'a str),
    /// With a proof by this key.
    Bound(&'a str, &'a ClientKey),
    /// With this proof, whatever it is worth.
    WithProof(&'a str, &'a str),
}

/// The parameters of all challenges. Those of a refusal stand in the one for the scheme that was used.
pub(super) struct Answer(Vec<(String, String)>);

impl Api {
    pub(super) fn new(url: &str, known_as: &str) -> reqwest::Result<Self> {
        Ok(Self { url: url.to_owned(), known_as: known_as.to_owned(), http: Client::builder().no_proxy().build()? })
    }

    pub(super) async fn get(&self, path: &str, credentials: Credentials<'_>, expected: StatusCode) -> Outcome<Answer> {
        self.ask(Method::GET, path, credentials, expected).await
    }

    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        credentials: Credentials<'_>,
        expected: StatusCode,
    ) -> Outcome<Answer> {
        let mut lines = Vec::new();
        let response = self.send(&method, path, credentials, &mut lines).await?;
        let status = response.status();
        lines.push(format!("{method} {path}: {status}"));
        let mut challenges = Vec::new();
        for value in response.headers().get_all(WWW_AUTHENTICATE) {
            let value = value.to_str()?;
            lines.push(format!("{WWW_AUTHENTICATE}: {value}"));
            challenges.extend(parameters(value)?);
        }
        let body = String::from_utf8_lossy(response.body());
        lines.extend((!body.is_empty()).then(|| body.into_owned()));
        if status != expected {
            return Err(format!("{}; expected: {expected}", lines.join("; ")).into());
        }
        Ok((Answer(challenges), lines))
    }

    /// The proof of a GET with this token, as the client makes it.
    pub(super) fn proof(&self, path: &str, token: &str, key: &ClientKey) -> Result<String, url::ParseError> {
        Ok(key.proof(&Method::GET, &self.known_url(path)?, Some(token)))
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        credentials: Credentials<'_>,
        lines: &mut Vec<String>,
    ) -> Result<Response<Vec<u8>>, Box<dyn Error>> {
        let request = self.http.request(method.clone(), format!("{}{path}", self.url));
        let bound = |token: &str| format!("DPoP {token}");
        let url = self.known_url(path)?;
        let (request, proving) = match credentials {
            Credentials::None => (request, None),
            Credentials::Bearer(token) => (request.bearer_auth(token), None),
            Credentials::Bound(token, key) => {
                let proving = Proving { key, url: &url, access_token: Some(token) };
                (request.header(AUTHORIZATION, bound(token)), Some(proving))
            }
            Credentials::WithProof(token, proof) => {
                lines.push(wire::shown(proof));
                (request.header(AUTHORIZATION, bound(token)).header(PROOF, proof), None)
            }
        };
        Ok(wire::send(&self.http, request.build()?, proving, lines).await?)
    }

    fn known_url(&self, path: &str) -> Result<Url, url::ParseError> {
        Url::parse(&format!("{}{path}", self.known_as))
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
        let names = ["code_challenge_methods_supported", "dpop_signing_alg_values_supported"];
        let members = names.into_iter().filter_map(|name| Some(format!("{name} {}", document.get(name)?)));
        lines.push(format!("GET {url}: {}", members.collect::<Vec<_>>().join(", ")));
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

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

fn parameters(challenge: &str) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let challenges = http_auth::parse_challenges(challenge).map_err(|error| error.to_string())?;
    let parameters = challenges.iter().flat_map(|challenge| &challenge.params);
    Ok(parameters.map(|(name, value)| ((*name).to_owned(), value.to_unescaped())).collect())
}

/// What there is to see of an access token. A client must not rely on it: what is in a token is between the two servers.
pub(super) fn look(token: &str) -> String {
    match claims(token) {
        Ok(claims) => format!("access token: {claims}"),
        Err(_) => format!("access token: opaque, {} characters", token.len()),
    }
}

/// The claims of a JWT, whose signature is not verified.
pub(super) fn claims(token: &str) -> Result<Value, Box<dyn Error>> {
    let payload = token.split('.').nth(1).ok_or("no JWT")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

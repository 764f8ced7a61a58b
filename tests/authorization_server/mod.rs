//! Attacks on the authorization server of `examples/me`, a process of its own, and what it does instead.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use url::{Url, form_urlencoded};

use self::browser::{Arrival, Browser, Page};
use crate::example_process::Example;

mod authorization_requests;
mod bound_tokens;
#[path = "../../examples/me/src/walk/browser.rs"]
pub(crate) mod browser;
mod opaque_tokens;
mod pages;
pub(crate) mod proofs;
mod registration;
mod resources;
mod sign_in;
mod sign_out_everywhere;
mod tokens;

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const SCOPE: &str = "openid offline_access read:me";
const SERVICE: [(&str, &str); 2] = [("client_id", "demo-service"), ("client_secret", "a-secret-that-everybody-knows")];
const SERVICE_REDIRECT_URI: &str = "https://service.example.test/callback";
const ALICE: [(&str, &str); 2] = [("username", "alice"), ("password", "wonderland")];

/// The server, and a user's browser.
pub(crate) struct Demo {
    example: Example,
    pub(crate) browser: Browser,
    pub(crate) http: Client,
}

impl Demo {
    pub(crate) fn start() -> Self {
        Self::with_flags(&[])
    }

    pub(crate) fn with_flags(flags: &[&str]) -> Self {
        let http = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { example: Example::start(flags), browser: Browser::new().unwrap(), http }
    }

    pub(crate) fn issuer(&self) -> &str {
        self.example.url_of("The authorization server")
    }

    pub(crate) fn api(&self) -> &str {
        self.example.resource()
    }

    pub(crate) fn app(&self) -> &str {
        self.example.url_of("The client app")
    }

    /// A good authorization request of the app, but for these parameters; an empty one is left out.
    fn request(&self, changed: &[(&str, &str)]) -> Url {
        let good = [
            ("response_type", "code"),
            ("client_id", "demo-app"),
            ("redirect_uri", self.app()),
            ("scope", SCOPE),
            ("state", "of-the-app"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let kept = good.iter().filter(|(name, _)| changed.iter().all(|(other, _)| other != name));
        let parameters = kept.chain(changed).filter(|(_, value)| !value.is_empty());
        Url::parse_with_params(&format!("{}/authorize", self.issuer()), parameters).unwrap()
    }

    async fn open(&mut self, changed: &[(&str, &str)]) -> Arrival {
        let url = self.request(changed);
        self.browser.open(&url).await.unwrap()
    }

    async fn log_in(&mut self, changed: &[(&str, &str)]) -> Page {
        let page = self.open(changed).await.page().unwrap();
        self.browser.submit(&page, &ALICE).await.unwrap().page().unwrap()
    }

    /// A code, from login and consent.
    async fn code(&mut self, changed: &[(&str, &str)]) -> String {
        let page = self.log_in(changed).await;
        let answer = self.browser.submit(&page, &[("decision", "allow")]).await.unwrap().elsewhere().unwrap();
        parameter(&answer, "code").unwrap()
    }

    pub(crate) fn post(&self, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.http.post(format!("{}{path}", self.issuer())).body(body);
        request.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
    }

    async fn redeem(&self, code: &str, changed: &[(&str, &str)]) -> Answer {
        Answer::to(self.redemption(code, changed)).await
    }

    /// A good redemption of a code by the app, but for these parameters.
    fn redemption(&self, code: &str, changed: &[(&str, &str)]) -> RequestBuilder {
        let good = [
            ("grant_type", "authorization_code"),
            ("client_id", "demo-app"),
            ("redirect_uri", self.app()),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        let kept = good.into_iter().filter(|(name, _)| changed.iter().all(|(other, _)| other != name));
        let form: Vec<_> = kept.chain(changed.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
        self.post("/token", &form)
    }

    async fn refresh(&self, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("client_id", "demo-app"), ("refresh_token", token)];
        Answer::to(self.post("/token", &form)).await
    }
}

/// What the token endpoint says.
pub(crate) struct Answer {
    status: StatusCode,
    nonce: Option<String>,
    body: Value,
}

impl Answer {
    pub(crate) async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "no-store");
        let nonce = response.headers().get("dpop-nonce").map(|nonce| nonce.to_str().unwrap().to_owned());
        Self { status: response.status(), nonce, body: response.json().await.unwrap() }
    }

    #[track_caller]
    fn member(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", self.body))
    }

    #[track_caller]
    pub(crate) fn assert_refused(&self, error: &str) {
        let status = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        assert_eq!((self.status, self.member("error")), (status, error), "{}", self.body);
        assert!(self.body.get("access_token").is_none());
    }
}

pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

/// The client is told, with its state and by whom, and gets no code.
#[track_caller]
fn assert_error(demo: &Demo, arrival: Arrival, error: &str) {
    let answer = arrival.elsewhere().unwrap();
    assert!(answer.as_str().starts_with(demo.app()), "{answer}");
    let given = ["error", "state", "iss", "code"].map(|name| parameter(&answer, name));
    let expected = [error, "of-the-app", demo.issuer()].map(|value| Some(value.to_owned()));
    assert_eq!((&given[..3], &given[3]), (&expected[..], &None));
}

pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

//! Attacks on the authorization server of `examples/me`, a process of its own, and what it does instead.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use url::{Url, form_urlencoded};

use self::browser::{Arrival, Browser, Page};
use crate::example_process::Example;

#[path = "../examples/me/src/walk/browser.rs"]
pub(crate) mod browser;

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
        let http = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { example: Example::start(&[]), browser: Browser::new().unwrap(), http }
    }

    pub(crate) fn issuer(&self) -> &str {
        self.example.url_of("The authorization server")
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

    /// A good redemption of a code by the app, but for these parameters.
    async fn redeem(&self, code: &str, changed: &[(&str, &str)]) -> Answer {
        let good = [
            ("grant_type", "authorization_code"),
            ("client_id", "demo-app"),
            ("redirect_uri", self.app()),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        let kept = good.into_iter().filter(|(name, _)| changed.iter().all(|(other, _)| other != name));
        let form: Vec<_> = kept.chain(changed.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
        Answer::to(self.post("/token", &form)).await
    }

    async fn refresh(&self, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("client_id", "demo-app"), ("refresh_token", token)];
        Answer::to(self.post("/token", &form)).await
    }
}

/// What the token endpoint says.
pub(crate) struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    pub(crate) async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { status: response.status(), body: response.json().await.unwrap() }
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

#[tokio::test]
async fn without_s256_there_is_no_code() {
    let mut demo = Demo::start();
    for changed in [
        [("code_challenge", ""), ("code_challenge_method", "")],
        [("code_challenge", ""), ("code_challenge_method", "S256")],
        [("code_challenge", CHALLENGE), ("code_challenge_method", "")],
        [("code_challenge", VERIFIER), ("code_challenge_method", "plain")],
        [("code_challenge", CHALLENGE), ("code_challenge_method", "s256")],
        [("code_challenge", "short"), ("code_challenge_method", "S256")],
    ] {
        let arrival = demo.open(&changed).await;
        assert_error(&demo, arrival, "invalid_request");
    }
    // Nor for a client that has a secret as well.
    let service = [("client_id", "demo-service"), ("redirect_uri", SERVICE_REDIRECT_URI), ("code_challenge", "")];
    let answer = demo.open(&service).await.elsewhere().unwrap();
    assert_eq!(parameter(&answer, "error").as_deref(), Some("invalid_request"));
    assert_eq!(parameter(&answer, "code"), None);
}

#[tokio::test]
async fn a_wrong_verifier_gets_nothing_and_no_second_try() {
    let wrong = VERIFIER.replace('d', "e");
    // The challenge is what an eavesdropper of the request has.
    for verifier in ["", "short", CHALLENGE, &wrong] {
        let mut demo = Demo::start();
        let code = demo.code(&[]).await;
        demo.redeem(&code, &[("code_verifier", verifier)]).await.assert_refused("invalid_grant");
        demo.redeem(&code, &[]).await.assert_refused("invalid_grant");
    }
}

#[tokio::test]
async fn a_replayed_code_ends_the_tokens_of_the_first() {
    let mut demo = Demo::start();
    let code = demo.code(&[]).await;
    let first = demo.redeem(&code, &[]).await;
    let refreshed = demo.refresh(first.member("refresh_token")).await;
    demo.redeem(&code, &[]).await.assert_refused("invalid_grant");
    demo.refresh(refreshed.member("refresh_token")).await.assert_refused("invalid_grant");
}

#[tokio::test]
async fn a_redirect_uri_is_the_registered_one_or_none() {
    let demo = Demo::start();
    let app = demo.app().to_owned();
    let altered = [
        String::new(),
        app.trim_end_matches('/').to_owned(),
        format!("{app}more"),
        format!("{app}../"),
        format!("{app}?a=b"),
        format!("{app}#a"),
        app.replace("127.0.0.1", "localhost"),
        app.replace("http:", "https:"),
        app.replace("http://", "http://x@"),
        app.replace("127.0.0.1", "127.0.0.1.attacker.example.test"),
        "https://attacker.example.test/".to_owned(),
        "//attacker.example.test/".to_owned(),
        SERVICE_REDIRECT_URI.to_owned(),
    ];
    for uri in &altered {
        // A request that would be an error all the same must not redirect either.
        for response_type in ["code", "token"] {
            let request = demo.request(&[("redirect_uri", uri), ("response_type", response_type)]);
            assert_no_redirect(&demo, &request).await;
        }
        let mut other = Demo::start();
        let code = other.code(&[]).await;
        let uri = if *uri == app { "" } else { uri };
        other.redeem(&code, &[("redirect_uri", uri)]).await.assert_refused("invalid_grant");
    }
    let mut twice = demo.request(&[]);
    twice.query_pairs_mut().append_pair("redirect_uri", "https://attacker.example.test/");
    assert_no_redirect(&demo, &twice).await;
}

#[tokio::test]
async fn nobody_is_redirected_for_an_unknown_client() {
    let demo = Demo::start();
    for client in ["", "nobody", "DEMO-APP", "demo-app "] {
        assert_no_redirect(&demo, &demo.request(&[("client_id", client)])).await;
    }
}

async fn assert_no_redirect(demo: &Demo, request: &Url) {
    let response = demo.http.get(request.clone()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{request}");
    assert!(!response.headers().contains_key("location"), "{request}");
    let page = response.text().await.unwrap();
    assert!(!page.contains("attacker"), "{page}");
}

#[tokio::test]
async fn what_the_server_cannot_do_the_client_is_told() {
    let mut demo = Demo::start();
    for (name, value, error) in [
        ("response_type", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code id_token", "unsupported_response_type"),
        ("response_mode", "fragment", "invalid_request"),
        ("request", "e30.e30.", "request_not_supported"),
        ("request_uri", "https://attacker.example.test/", "request_uri_not_supported"),
        ("scope", "", "invalid_scope"),
        ("scope", "admin", "invalid_scope"),
        ("scope", "read:me\"", "invalid_scope"),
        ("max_age", "-1", "invalid_request"),
        ("acr_values", "urn:example:unheard-of", "unmet_authentication_requirements"),
        ("prompt", "none", "login_required"),
        ("prompt", "none login", "invalid_request"),
        ("prompt", "create", "invalid_request"),
    ] {
        let arrival = demo.open(&[(name, value)]).await;
        assert_error(&demo, arrival, error);
    }
}

#[tokio::test]
async fn a_state_comes_back_as_it_was() {
    let mut demo = Demo::start();
    let state = "a b&code=evil&iss=https://attacker.example.test#é%00";
    let page = demo.log_in(&[("state", state)]).await;
    let answer = demo.browser.submit(&page, &[("decision", "allow")]).await.unwrap().elsewhere().unwrap();
    assert_eq!(parameter(&answer, "state").as_deref(), Some(state));
    assert_eq!(parameter(&answer, "iss").as_deref(), Some(demo.issuer()));
    assert_eq!(answer.query_pairs().count(), 3);
    assert_eq!(answer.fragment(), None);
}

#[tokio::test]
async fn consent_can_be_denied() {
    let mut demo = Demo::start();
    let page = demo.log_in(&[]).await;
    // Whatever is not a clear yes.
    let arrival = demo.browser.submit(&page, &[("decision", "deny")]).await.unwrap();
    assert_error(&demo, arrival, "access_denied");
    let arrival = demo.open(&[("prompt", "none")]).await;
    assert_error(&demo, arrival, "consent_required");
}

#[tokio::test]
async fn a_form_from_elsewhere_does_nothing() {
    let mut demo = Demo::start();
    let mut attacker = Browser::new().unwrap();
    let theirs = attacker.open(&demo.request(&[])).await.unwrap().page().unwrap();
    let page = demo.open(&[]).await.page().unwrap();
    let foreign_token = theirs.html.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let without = ALICE.to_vec();
    let with_foreign = [&ALICE[..], &[("csrf", foreign_token)]].concat();
    let twice = [&ALICE[..], &[("csrf", ""), ("csrf", "")]].concat();
    for (fields, status) in
        [(without, StatusCode::FORBIDDEN), (with_foreign, StatusCode::FORBIDDEN), (twice, StatusCode::BAD_REQUEST)]
    {
        let refused = demo.browser.send(&page, &fields).await.unwrap().page().unwrap();
        assert_eq!(refused.status, status);
        let still = demo.browser.open(&page.url).await.unwrap().page().unwrap();
        assert!(still.has("username"));
    }
    let page = demo.browser.submit(&page, &ALICE).await.unwrap().page().unwrap();
    let refused = demo.browser.send(&page, &[("decision", "allow")]).await.unwrap().page().unwrap();
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_sign_in_belongs_to_one_browser() {
    let mut demo = Demo::start();
    let page = demo.open(&[]).await.page().unwrap();
    let before = demo.browser.cookie.clone();
    for mut other in [Browser::new().unwrap(), with_session_of_its_own(&demo).await] {
        for arrival in [other.open(&page.url).await, other.submit(&page, &ALICE).await] {
            let status = arrival.unwrap().page().unwrap().status;
            assert!([StatusCode::NOT_FOUND, StatusCode::FORBIDDEN].contains(&status), "{status}");
        }
    }
    // Whoever put a cookie into the browser does not know the one that the user is signed in with.
    demo.browser.submit(&page, &ALICE).await.unwrap().page().unwrap();
    assert_ne!(demo.browser.cookie, before);
    let mut fixed = Browser::new().unwrap();
    fixed.cookie = before;
    assert!(fixed.open(&demo.request(&[])).await.unwrap().page().unwrap().has("username"));
}

async fn with_session_of_its_own(demo: &Demo) -> Browser {
    let mut browser = Browser::new().unwrap();
    browser.open(&demo.request(&[])).await.unwrap();
    browser
}

#[tokio::test]
async fn no_step_of_a_sign_in_can_be_skipped() {
    let mut demo = Demo::start();
    let page = demo.open(&[("acr_values", "urn:example:mfa")]).await.page().unwrap();
    let straight_to = |step: &str| {
        let html = page.html.replace("/login\"", &format!("/{step}\""));
        Page { url: page.url.clone(), status: page.status, html }
    };
    for (step, fields) in [("consent", ("decision", "allow")), ("second-factor", ("otp", "")), ("done", ("x", "y"))] {
        let arrival = demo.browser.submit(&straight_to(step), &[fields]).await.unwrap();
        assert!(arrival.page().unwrap().has("username"), "{step}");
    }
    let wrong = demo.browser.submit(&page, &[("username", "alice"), ("password", "wrong")]).await.unwrap();
    let wrong = wrong.page().unwrap();
    assert!(wrong.has("username") && wrong.html.contains("role=\"alert\""));

    let page = demo.browser.submit(&page, &ALICE).await.unwrap().page().unwrap();
    let code = page.text_of("otp-hint").unwrap();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let again = demo.browser.submit(&page, &[("otp", wrong)]).await.unwrap().page().unwrap();
    // The old code was for one attempt.
    let again = demo.browser.submit(&again, &[("otp", code)]).await.unwrap().page().unwrap();
    let next = again.text_of("otp-hint").unwrap();
    assert!(again.has("otp") && next != code);

    // The consent that was sent before its time counts for nothing.
    let page = demo.browser.submit(&again, &[("otp", next)]).await.unwrap().page().unwrap();
    assert!(page.has("consent-allow"));
}

#[tokio::test]
async fn a_second_sign_in_asks_for_what_is_missing_and_no_more() {
    let mut demo = Demo::start();
    let code = demo.code(&[]).await;
    let first = claims(demo.redeem(&code, &[]).await.member("access_token"));
    assert_eq!(first["acr"], "urn:example:pwd");

    assert!(demo.open(&[]).await.elsewhere().is_ok(), "the session is still there");
    assert!(demo.open(&[("prompt", "none")]).await.elsewhere().is_ok());
    assert!(demo.open(&[("max_age", "300")]).await.elsewhere().is_ok());
    assert!(demo.open(&[("prompt", "consent")]).await.page().unwrap().has("consent-allow"));
    assert!(demo.open(&[("prompt", "login")]).await.page().unwrap().has("username"));
    assert!(demo.open(&[("max_age", "0")]).await.page().unwrap().has("username"));

    let stronger = [("acr_values", "urn:example:unheard-of urn:example:mfa"), ("nonce", "of-the-app")];
    let page = demo.open(&stronger).await.page().unwrap();
    let code = page.text_of("otp-hint").unwrap().to_owned();
    let answer = demo.browser.submit(&page, &[("otp", &code)]).await.unwrap().elsewhere().unwrap();
    let tokens = demo.redeem(&parameter(&answer, "code").unwrap(), &[]).await;
    let (access, id) = (claims(tokens.member("access_token")), claims(tokens.member("id_token")));
    assert_eq!([&access["acr"], &id["acr"]], ["urn:example:mfa"; 2]);
    assert!(access["auth_time"].as_u64() >= first["auth_time"].as_u64());
    assert_eq!([&id["aud"], &id["nonce"]], ["demo-app", "of-the-app"]);

    // Authenticated anew with a password alone: the second factor is a thing of the past.
    let page = demo.log_in(&[("prompt", "login"), ("acr_values", "urn:example:mfa")]).await;
    assert!(page.has("otp"));
}

pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let mut demo = Demo::start();
    let code = demo.code(&[]).await;
    let first = demo.redeem(&code, &[]).await;
    let second = demo.refresh(first.member("refresh_token")).await;
    assert_ne!(first.member("refresh_token"), second.member("refresh_token"));
    demo.refresh(first.member("refresh_token")).await.assert_refused("invalid_grant");
    demo.refresh(second.member("refresh_token")).await.assert_refused("invalid_grant");
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let mut demo = Demo::start();
    let code = demo.code(&[("scope", "read:me")]).await;
    let tokens = demo.redeem(&code, &[]).await;
    assert!(tokens.body.get("refresh_token").is_none() && tokens.body.get("id_token").is_none());
    assert_eq!(tokens.member("scope"), "read:me");
}

#[tokio::test]
async fn a_client_is_who_its_secret_says() {
    let mut demo = Demo::start();
    let own = async |form: &[(&str, &str)]| {
        let form = [&[("grant_type", "client_credentials"), ("scope", "read:me")], form].concat();
        Answer::to(demo.post("/token", &form)).await
    };
    assert_eq!(own(&SERVICE).await.status, StatusCode::OK);
    own(&[SERVICE[0], ("client_secret", "wrong")]).await.assert_refused("invalid_client");
    own(&[SERVICE[0]]).await.assert_refused("invalid_client");
    own(&[("client_id", "nobody"), SERVICE[1]]).await.assert_refused("invalid_client");
    own(&[("client_id", "demo-app"), SERVICE[1]]).await.assert_refused("invalid_client");
    own(&[("client_id", "demo-app")]).await.assert_refused("unauthorized_client");
    own(&[]).await.assert_refused("invalid_client");

    let basic = async |secret: &str, form: &[(&str, &str)]| {
        let form = [&[("grant_type", "client_credentials"), ("scope", "read:me")], form].concat();
        Answer::to(demo.post("/token", &form).basic_auth(SERVICE[0].1, Some(secret))).await
    };
    assert_eq!(basic(SERVICE[1].1, &[]).await.status, StatusCode::OK);
    basic("wrong", &[]).await.assert_refused("invalid_client");
    basic(SERVICE[1].1, &SERVICE).await.assert_refused("invalid_request");
    basic(SERVICE[1].1, &[("client_id", "demo-app")]).await.assert_refused("invalid_request");
    let stranger = demo.post("/token", &[]).bearer_auth("x").send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    assert!(stranger.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic "));

    // Its code needs its secret and the verifier.
    let uri = ("redirect_uri", SERVICE_REDIRECT_URI);
    for (changed, error) in [
        (vec![uri, SERVICE[0]], "invalid_client"),
        (vec![uri, SERVICE[0], SERVICE[1], ("code_verifier", "")], "invalid_grant"),
        (vec![uri], "invalid_grant"),
    ] {
        let mut demo = Demo::start();
        let code = demo.code(&[uri, SERVICE[0]]).await;
        demo.redeem(&code, &changed).await.assert_refused(error);
    }
    let code = demo.code(&[uri, SERVICE[0]]).await;
    assert_eq!(demo.redeem(&code, &[uri, SERVICE[0], SERVICE[1]]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_of_a_client_with_a_secret_takes_that_and_the_verifier() {
    let uri = ("redirect_uri", SERVICE_REDIRECT_URI);
    let wrong_secret = ("client_secret", "a-guess");
    let wrong_verifier = VERIFIER.replace('d', "e");
    let wrong_verifier = ("code_verifier", &*wrong_verifier);
    let mut demo = Demo::start();

    // Whoever lacks the secret cannot even spend the code.
    let code = demo.code(&[uri, SERVICE[0]]).await;
    demo.redeem(&code, &[uri, SERVICE[0], wrong_secret]).await.assert_refused("invalid_client");
    demo.redeem(&code, &[uri, SERVICE[0], wrong_secret, wrong_verifier]).await.assert_refused("invalid_client");
    let tokens = demo.redeem(&code, &[uri, SERVICE[0], SERVICE[1]]).await;
    let claims = claims(tokens.member("access_token"));
    assert_eq!([&claims["sub"], &claims["client_id"]], ["alice", "demo-service"]);

    // With the secret nobody guesses at the verifier twice.
    let answer = demo.open(&[uri, SERVICE[0]]).await.elsewhere().unwrap();
    let code = parameter(&answer, "code").unwrap();
    demo.redeem(&code, &[uri, SERVICE[0], SERVICE[1], wrong_verifier]).await.assert_refused("invalid_grant");
    demo.redeem(&code, &[uri, SERVICE[0], SERVICE[1]]).await.assert_refused("invalid_grant");
}

#[tokio::test]
async fn a_client_by_itself_is_no_user() {
    let demo = Demo::start();
    for scope in ["openid", "read:me offline_access", "admin", ""] {
        let form = [&[("grant_type", "client_credentials"), ("scope", scope)], &SERVICE[..]].concat();
        Answer::to(demo.post("/token", &form)).await.assert_refused("invalid_scope");
    }
    for (grant_type, error) in [("password", "unsupported_grant_type"), ("", "invalid_request")] {
        let form = [&[("grant_type", grant_type)], &SERVICE[..]].concat();
        Answer::to(demo.post("/token", &form)).await.assert_refused(error);
    }
    let twice = [&[("grant_type", "client_credentials"); 2], &SERVICE[..]].concat();
    Answer::to(demo.post("/token", &twice)).await.assert_refused("invalid_request");
}

#[tokio::test]
async fn a_client_ends_its_own_refresh_tokens_and_no_others() {
    let mut demo = Demo::start();
    let code = demo.code(&[]).await;
    let tokens = demo.redeem(&code, &[]).await;
    let token = ("token", tokens.member("refresh_token"));
    let app = ("client_id", "demo-app");
    let revoke = async |form: &[(&str, &str)]| demo.post("/revoke", form).send().await.unwrap().status();

    assert_eq!(revoke(&[token, SERVICE[0], SERVICE[1]]).await, StatusCode::OK, "it is not told whose it is");
    assert_eq!(revoke(&[token, SERVICE[0]]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(revoke(&[("token", "unknown"), app]).await, StatusCode::OK);
    assert_eq!(revoke(&[app]).await, StatusCode::BAD_REQUEST);
    let access = [("token", tokens.member("access_token")), app];
    Answer::to(demo.post("/revoke", &access)).await.assert_refused("unsupported_token_type");

    let next = demo.refresh(token.1).await;
    let next = ("token", next.member("refresh_token"));
    assert_eq!(revoke(&[next, app]).await, StatusCode::OK);
    demo.refresh(next.1).await.assert_refused("invalid_grant");
}

#[tokio::test]
async fn pages_are_framed_by_nobody_and_read_by_nobody() {
    let demo = Demo::start();
    let begun = demo.http.get(demo.request(&[])).send().await.unwrap();
    let cookie = begun.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
    let url = begun.url().join(begun.headers()["location"].to_str().unwrap()).unwrap();
    let name = cookie.split(';').next().unwrap();
    let page = demo.http.get(url).header("cookie", name).header("origin", demo.app()).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    for response in [&begun, &page] {
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(response.headers()["x-frame-options"], "DENY");
        assert_eq!(response.headers()["referrer-policy"], "no-referrer");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(!response.headers().contains_key("access-control-allow-origin"));
    }
    let page = page.text().await.unwrap();
    assert!(page.contains("For development only.") && !page.contains("<script"));
}

#[tokio::test]
async fn the_app_may_ask_for_tokens_and_no_other_page() {
    let demo = Demo::start();
    let origin = demo.app().trim_end_matches('/').to_owned();
    let preflight = async |path: &str, origin: &str| -> Response {
        let request = demo.http.request(Method::OPTIONS, format!("{}{path}", demo.issuer()));
        request.header("origin", origin).header("access-control-request-method", "POST").send().await.unwrap()
    };
    for path in ["/token", "/revoke", "/jwks", "/.well-known/openid-configuration"] {
        let allowed = preflight(path, &origin).await;
        assert_eq!(allowed.headers()["access-control-allow-origin"], *origin, "{path}");
        assert!(!allowed.headers().contains_key("access-control-allow-credentials"));
        let other = preflight(path, "https://attacker.example.test").await;
        // It names the app's origin, whoever asks: a browser compares.
        assert_ne!(other.headers()["access-control-allow-origin"], "https://attacker.example.test", "{path}");
    }
    assert!(!preflight("/authorize", &origin).await.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn its_metadata_say_what_it_does() {
    let demo = Demo::start();
    for place in ["oauth-authorization-server", "openid-configuration"] {
        let url = format!("{}/.well-known/{place}", demo.issuer());
        let metadata: Value = demo.http.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(metadata["issuer"], demo.issuer());
        assert_eq!(metadata["code_challenge_methods_supported"], serde_json::json!(["S256"]));
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
        assert_eq!(metadata["acr_values_supported"], serde_json::json!(["urn:example:pwd", "urn:example:mfa"]));
        for endpoint in ["authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"] {
            assert!(metadata[endpoint].as_str().unwrap().starts_with(demo.issuer()), "{endpoint}");
        }
        let keys: Value =
            demo.http.get(metadata["jwks_uri"].as_str().unwrap()).send().await.unwrap().json().await.unwrap();
        assert!(keys["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none()));
    }
}

#[tokio::test]
async fn the_apps_page_runs_no_script_but_its_own() {
    let demo = Demo::start();
    let page = demo.http.get(demo.app()).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'self'; connect-src 'self' http://"), "{policy}");
    // Its backend talks to the authorization server; the page has nothing to say there.
    let api = demo.example.resource().strip_suffix("/api/me").unwrap();
    assert!(policy.contains(api) && !policy.contains(demo.issuer()) && !policy.contains("unsafe"), "{policy}");
    let config: Value = demo.http.get(format!("{}config.json", demo.app())).send().await.unwrap().json().await.unwrap();
    assert_eq!([&config["issuer"], &config["redirect_uri"]], [demo.issuer(), demo.app()]);
}

//! Attacks on the client app of `examples/me` and its backend: who gets at the refresh token, and who may use it.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::COOKIE;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use self::app_page::{AppPage, Reply};
use crate::authorization_server::browser::Arrival;
use crate::authorization_server::{Answer, Demo, SCOPE, claims, parameter};

#[path = "../examples/me/src/walk/app_page.rs"]
pub(crate) mod app_page;

const ENDPOINTS: [&str; 5] = ["authorize", "session", "refresh", "profile", "sign-out"];
const NOTHING: Value = Value::Null;
const SECRET: &str = "another-secret-that-everybody-knows";

/// The page in a browser, before anybody has signed in.
pub(crate) fn open(demo: &Demo) -> AppPage {
    AppPage::open(demo.app()).unwrap()
}

/// Where the backend sends the user.
pub(crate) async fn begin(page: &mut AppPage) -> Url {
    let reply = page.ask("authorize", &json!({ "scope": SCOPE })).await.unwrap();
    Url::parse(reply.text("location").unwrap()).unwrap()
}

/// The answer of the authorization server: from login and consent, or at once if they were given before.
pub(crate) async fn answer(demo: &mut Demo, url: &Url) -> Url {
    let arrival = demo.browser.open(url).await.unwrap();
    let Arrival::Page(page) = arrival else { return arrival.elsewhere().unwrap() };
    let fields = [("username", "alice"), ("password", "wonderland")];
    let page =
        if page.has("username") { demo.browser.submit(&page, &fields).await.unwrap().page().unwrap() } else { page };
    demo.browser.submit(&page, &[("decision", "allow")]).await.unwrap().elsewhere().unwrap()
}

/// Takes the answer of the authorization server to the backend.
pub(crate) async fn return_with(page: &mut AppPage, answer: &Url) -> reqwest::Result<Reply> {
    let parameters: BTreeMap<_, _> = answer.query_pairs().collect();
    page.ask("session", &json!(parameters)).await
}

async fn sign_in(demo: &mut Demo, page: &mut AppPage) -> Reply {
    let url = begin(page).await;
    let answer = answer(demo, &url).await;
    return_with(page, &answer).await.unwrap()
}

/// An answer with another value for a parameter.
fn with(answer: &Url, name: &str, value: &str) -> Url {
    let mut parameters: BTreeMap<_, _> = answer.query_pairs().into_owned().collect();
    parameters.insert(name.to_owned(), value.to_owned());
    let mut changed = answer.clone();
    changed.query_pairs_mut().clear().extend_pairs(parameters);
    changed
}

#[track_caller]
pub(crate) fn assert_refused(reply: &Reply, what: &str) {
    let reason = reply.text("refused").unwrap_or_else(|| panic!("not refused: {}", reply.body));
    assert!(reason.contains(what), "{reason}");
    assert!(reply.body.get("access_token").is_none(), "{}", reply.body);
}

#[tokio::test]
async fn the_page_gets_the_access_token_and_only_the_cookie_has_the_refresh_token() {
    let mut demo = Demo::start();
    let mut page = open(&demo);
    let reply = sign_in(&mut demo, &mut page).await;
    let token = reply.text("access_token").unwrap();
    assert_eq!(claims(token)["client_id"], "demo-web-app");
    assert_eq!(reply.body["id_token_claims"]["sub"], "alice");

    let [refresh, flow] = ["refresh", "flow"]
        .map(|name| reply.set_cookies.iter().find(|cookie| cookie.starts_with(&format!("{name}="))).unwrap());
    assert!(refresh.ends_with("; HttpOnly; SameSite=Strict; Path=/bff; Max-Age=28800"), "{refresh}");
    assert!(flow.contains("; Path=/bff; Max-Age=0"), "the sign-in is over: {flow}");
    assert_eq!(reply.set_cookies.len(), 2);

    let (family, secret) = page.cookies["refresh"].split_once('.').unwrap();
    let next = page.ask_from(Some(demo.app().trim_end_matches('/')), "refresh", &NOTHING).await.unwrap();
    for reply in [&reply, &next] {
        let body = reply.body.to_string();
        assert!(!body.contains(family) && !body.contains(secret), "{body}");
    }
    assert_ne!(next.text("access_token").unwrap(), token);
}

#[tokio::test]
async fn the_verifier_stays_with_the_backend() {
    let demo = Demo::start();
    let mut page = open(&demo);
    let reply = page.ask("authorize", &json!({ "scope": SCOPE, "acr_values": "a b", "max_age": "5" })).await.unwrap();
    assert_eq!(reply.set_cookies.len(), 1);
    let cookie = &reply.set_cookies[0];
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/bff; Max-Age=600"), "{cookie}");
    let flow = flow_of(&page);
    let location = Url::parse(reply.text("location").unwrap()).unwrap();
    assert!(!reply.body.to_string().contains(flow["verifier"].as_str().unwrap()));
    let expected = [
        ("response_type", "code"),
        ("client_id", "demo-web-app"),
        ("redirect_uri", demo.app()),
        ("code_challenge_method", "S256"),
        ("state", flow["state"].as_str().unwrap()),
        ("nonce", flow["nonce"].as_str().unwrap()),
        ("acr_values", "a b"),
        ("max_age", "5"),
    ];
    for (name, value) in expected {
        assert_eq!(parameter(&location, name).as_deref(), Some(value), "{name}");
    }
    // Nothing of it is the same the next time.
    begin(&mut page).await;
    let next = flow_of(&page);
    assert!(["verifier", "state", "nonce"].iter().all(|name| flow[name] != next[name]));
}

/// What waits in the cookie for the user's return.
fn flow_of(page: &AppPage) -> Value {
    let flow = URL_SAFE_NO_PAD.decode(&page.cookies["flow"]).unwrap();
    serde_json::from_slice(&flow).unwrap()
}

#[tokio::test]
async fn the_backend_answers_the_apps_own_page_alone() {
    let mut demo = Demo::start();
    let mut page = open(&demo);
    sign_in(&mut demo, &mut page).await;
    let own = demo.app().trim_end_matches('/').to_owned();
    let others = [
        Some("https://attacker.example.test".to_owned()),
        // Another port of this machine is the same site: its pages' requests bring the cookies along.
        Some(demo.issuer().to_owned()),
        Some(own.replace("http:", "https:")),
        Some(own.replace("127.0.0.1", "localhost")),
        Some(format!("{own}0")),
        Some(format!("{own}/")),
        Some("null".to_owned()),
        Some(String::new()),
        None,
    ];
    for what in ENDPOINTS {
        for origin in &others {
            let body = json!({ "scope": SCOPE, "code": "x", "state": "foreign" });
            let reply = page.ask_from(origin.as_deref(), what, &body).await.unwrap();
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{what} from {origin:?}");
            assert!(reply.set_cookies.is_empty() && reply.body.is_null(), "{what} from {origin:?}: {reply:?}");
        }
        let url = format!("{own}/bff/{what}");
        let twice = demo.http.post(&url).header("origin", &own).header("origin", &own);
        assert_eq!(twice.send().await.unwrap().status(), StatusCode::FORBIDDEN);
        // What a link or an image makes a browser send.
        let cookie = format!("refresh={}", page.cookies["refresh"]);
        let get = demo.http.request(Method::GET, &url).header("origin", &own).header(COOKIE, cookie);
        let answer = get.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{what}");
        assert!(!answer.headers().contains_key("set-cookie"));
    }
    // None of them has used or ended the refresh token.
    let reply = page.ask("refresh", &NOTHING).await.unwrap();
    assert!(reply.text("access_token").is_some(), "{}", reply.body);
}

#[tokio::test]
async fn an_answer_is_taken_in_the_browser_that_asked_and_once() {
    let mut demo = Demo::start();
    let mut page = open(&demo);
    let url = begin(&mut page).await;
    let answer = answer(&mut demo, &url).await;

    let mut other = open(&demo);
    assert_refused(&return_with(&mut other, &answer).await.unwrap(), "does not match any sign-in");
    begin(&mut other).await;
    assert_refused(&return_with(&mut other, &answer).await.unwrap(), "does not match any sign-in");
    assert!(!other.cookies.contains_key("refresh"));

    // A foreign answer leaves the question open.
    assert_refused(
        &return_with(&mut page, &with(&answer, "state", "foreign")).await.unwrap(),
        "does not match any sign-in",
    );
    let reply = return_with(&mut page, &answer).await.unwrap();
    assert!(reply.text("access_token").is_some(), "{}", reply.body);
    assert_refused(&return_with(&mut page, &answer).await.unwrap(), "does not match any sign-in");
}

#[tokio::test]
async fn an_answer_of_another_server_or_a_refusal_signs_nobody_in() {
    let mut demo = Demo::start();
    for (name, value, reason) in [
        ("iss", "https://attacker.example.test", "another authorization server"),
        ("error", "access_denied", "Refused by the authorization server: access_denied."),
        ("code", "stolen", "Refused by the authorization server: the code is unknown."),
    ] {
        let mut page = open(&demo);
        let url = begin(&mut page).await;
        let answer = with(&answer(&mut demo, &url).await, name, value);
        assert_refused(&return_with(&mut page, &answer).await.unwrap(), reason);
        assert!(page.cookies.is_empty(), "{:?}", page.cookies);
    }
}

#[tokio::test]
async fn an_id_token_of_another_sign_in_is_refused() {
    let mut demo = Demo::start();
    let mut page = open(&demo);
    let url = begin(&mut page).await;
    // Somebody has the user sign in with a nonce that is not this browser's.
    let answer = answer(&mut demo, &with(&url, "nonce", "foreign")).await;
    assert_refused(&return_with(&mut page, &answer).await.unwrap(), "ID token");
    assert!(!page.cookies.contains_key("refresh"));
}

#[tokio::test]
async fn what_was_begun_as_one_user_is_not_finished_as_another() {
    let mut demo = Demo::start();
    let mut page = open(&demo);
    sign_in(&mut demo, &mut page).await;
    let before = page.cookies["refresh"].clone();
    for (subject, is_same) in [("bob", false), ("alice", true)] {
        let wish = json!({ "scope": SCOPE, "resume": "transfer", "subject": subject });
        let reply = page.ask("authorize", &wish).await.unwrap();
        let url = Url::parse(reply.text("location").unwrap()).unwrap();
        let answer = answer(&mut demo, &url).await;
        let reply = return_with(&mut page, &answer).await.unwrap();
        if is_same {
            assert_eq!(reply.text("resume"), Some("transfer"));
            assert_ne!(page.cookies["refresh"], before);
        } else {
            assert_refused(&reply, "another user has signed in");
            assert_eq!(page.cookies["refresh"], before, "the session goes on");
        }
    }
    // What it was replaced by has ended it.
    page.cookies.insert("refresh".to_owned(), before);
    assert_refused(&page.ask("refresh", &NOTHING).await.unwrap(), "unknown, expired or revoked");
}

#[tokio::test]
async fn tabs_that_refresh_at_once_get_the_same_and_stay_signed_in() {
    let mut demo = Demo::start();
    let mut page = open(&demo);
    sign_in(&mut demo, &mut page).await;
    let own = demo.app().trim_end_matches('/').to_owned();
    for _ in 0..3 {
        let tab = || page.ask_from(Some(&own), "refresh", &NOTHING);
        let tabs = tokio::try_join!(tab(), tab(), tab(), tab()).unwrap();
        let tabs = [tabs.0, tabs.1, tabs.2, tabs.3];
        // One that was a little slower.
        let late = page.ask("refresh", &NOTHING).await.unwrap();
        for tab in &tabs {
            assert_eq!(tab.text("access_token").unwrap(), late.text("access_token").unwrap());
            assert_eq!(tab.set_cookies, late.set_cookies);
        }
        let sent = tabs.iter().filter(|tab| !tab.body["messages"].as_array().unwrap().is_empty());
        assert_eq!(sent.count(), 1, "one of them has asked the authorization server");
    }
}

#[tokio::test]
async fn a_refresh_goes_on_when_its_page_goes_away() {
    let mut demo = Demo::start();
    let mut page = open(&demo);
    sign_in(&mut demo, &mut page).await;
    let address = demo.app().strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    // It goes away before, while and after the authorization server answers.
    for pause in (0..3_000).step_by(20).map(Duration::from_micros) {
        let request = format!(
            "POST /bff/refresh HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\n\
             Cookie: refresh={}\r\nContent-Length: 0\r\n\r\n",
            page.cookies["refresh"]
        );
        let mut connection = TcpStream::connect(&address).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let sent = Instant::now();
        while sent.elapsed() < pause {
            std::hint::spin_loop();
        }
        drop(connection);
        let reply = page.ask("refresh", &NOTHING).await.unwrap();
        assert!(reply.text("access_token").is_some(), "after {pause:?}: {}", reply.body);
    }
}

#[tokio::test]
async fn signing_out_ends_the_refresh_token_and_what_led_to_it() {
    let mut demo = Demo::start();
    let mut page = open(&demo);
    sign_in(&mut demo, &mut page).await;
    let first = page.cookies.clone();
    page.ask("refresh", &NOTHING).await.unwrap();
    let second = page.cookies.clone();
    let reply = page.ask("sign-out", &NOTHING).await.unwrap();
    assert_eq!(reply.body["revoked"], true);
    assert!(reply.set_cookies[0].starts_with("refresh=; Path=/bff; Max-Age=0"), "{:?}", reply.set_cookies);
    assert!(page.cookies.is_empty());

    let nobody = page.ask("refresh", &NOTHING).await.unwrap();
    assert_eq!((nobody.status, nobody.body), (StatusCode::OK, json!({ "messages": [] })));
    // Whoever has kept a cookie: the first would have led to the second for 10 seconds.
    for kept in [first, second] {
        for what in ["refresh", "profile"] {
            page.cookies.clone_from(&kept);
            assert_refused(&page.ask(what, &NOTHING).await.unwrap(), "unknown, expired or revoked");
            assert!(page.cookies.is_empty(), "a cookie that is worth nothing goes");
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_worth_nothing_without_the_secret_of_its_client() {
    let mut demo = Demo::start();
    let mut page = open(&demo);
    sign_in(&mut demo, &mut page).await;
    let grant = [("grant_type", "refresh_token"), ("refresh_token", &page.cookies["refresh"])];
    for (credentials, error) in [
        (vec![("client_id", "demo-web-app")], "invalid_client"),
        (vec![("client_id", "demo-web-app"), ("client_secret", "a-guess")], "invalid_client"),
        // Another client presents it: it ends, whichever client that is.
        (vec![("client_id", "demo-app")], "invalid_grant"),
        (vec![("client_id", "demo-web-app"), ("client_secret", SECRET)], "invalid_grant"),
    ] {
        Answer::to(demo.post("/token", &[&grant[..], &credentials].concat())).await.assert_refused(error);
    }
}

#[tokio::test]
async fn the_backend_calls_the_api_and_the_page_sees_no_token() {
    let mut demo = Demo::start();
    let mut page = open(&demo);
    assert_eq!(page.ask("profile", &NOTHING).await.unwrap().body, json!({ "messages": [] }), "nobody is signed in");
    sign_in(&mut demo, &mut page).await;
    let reply = page.ask("profile", &NOTHING).await.unwrap();
    assert_eq!([&reply.body["profile"]["subject"], &reply.body["profile"]["client"]], ["alice", "demo-web-app"]);
    let body = reply.body.to_string();
    assert!(reply.body.get("access_token").is_none());
    // Header, claims and signature would have two dots between them.
    let tokens = body.split(['"', ' ', '\\']).filter(|word| word.starts_with("eyJ") && word.contains('.'));
    assert_eq!(tokens.count(), 0, "{body}");
}

#[tokio::test]
async fn what_the_page_loads_holds_no_secret() {
    let demo = Demo::start();
    for file in ["", "app.js", "challenges.js", "dpop.js", "messages.js", "config.json"] {
        let text = demo.http.get(format!("{}{file}", demo.app())).send().await.unwrap().text().await.unwrap();
        assert!(!text.is_empty() && !text.contains(SECRET), "{file}");
    }
}

//! Metadata, headers of pages, and what other origins may read.

use http::{Method, StatusCode};
use reqwest::Response;
use serde_json::Value;

use super::Demo;

#[tokio::test]
async fn pages_can_be_neither_framed_nor_read_by_other_origins() {
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
async fn only_the_app_may_read_token_responses_across_origins() {
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
        // It always names the app's origin, and the browser compares.
        assert_ne!(other.headers()["access-control-allow-origin"], "https://attacker.example.test", "{path}");
    }
    assert!(!preflight("/authorize", &origin).await.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn its_metadata_name_its_endpoints_and_methods() {
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
async fn the_page_of_the_app_runs_only_its_own_script() {
    let demo = Demo::start();
    let page = demo.http.get(demo.app()).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'self'; connect-src 'self' http://"), "{policy}");
    // Its backend talks to the authorization server; the page has nothing to say there.
    let api = demo.example.resource().strip_suffix("/api/me").unwrap();
    assert!(policy.starts_with(&format!("default-src 'self'; connect-src 'self' {api};")), "{policy}");
    assert!(!policy.contains(demo.issuer()) && !policy.contains("unsafe"), "{policy}");
    let config: Value = demo.http.get(format!("{}config.json", demo.app())).send().await.unwrap().json().await.unwrap();
    assert_eq!([&config["issuer"], &config["redirect_uri"]], [demo.issuer(), demo.app()]);
}

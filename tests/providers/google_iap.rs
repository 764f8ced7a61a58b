//! Google's Identity-Aware Proxy

use serde_json::json;
use tower_bearer::Issuer;
use tower_bearer::jose::Algorithm;
use tower_bearer::validation::TokenError;

use super::{EC_KEYS, Provider, audience, issuer, missing, other_kind, pointer};

const BACKEND: &str = "/projects/123456789012/global/backendServices/1234567890123456789";

pub(super) fn google_iap() -> Provider {
    Provider::with_keys(
        Issuer::google_iap().unwrap(),
        &EC_KEYS.jwks(),
        BACKEND,
        json!({ "alg": "ES256", "kid": "p-256-1", "typ": "JWT" }),
        json!({
            "aud": BACKEND,
            "azp": BACKEND,
            "email": "ada@example.com",
            "google": { "access_levels": ["accessPolicies/518551280924/accessLevels/recentSecureConnectData"] },
            "hd": "example.com",
            "identity_source": "GOOGLE",
            "iss": "https://cloud.google.com/iap",
            "sub": "accounts.google.com:111331506100824600901",
        }),
    )
}

#[test]
fn accepts_its_assertions() {
    let provider = google_iap();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.subject(), "accounts.google.com:111331506100824600901");
    assert_eq!((token.client_id(), token.is_client()), (None, false), "the azp is no client");
    assert!(token.scope().is_empty());
    assert_eq!(pointer(&token, "/hd"), "example.com");
    assert_eq!(
        pointer(&token, "/google/access_levels/0"),
        "accessPolicies/518551280924/accessLevels/recentSecureConnectData"
    );
    let service = json!({ "email": "worker@shop.iam.gserviceaccount.com", "hd": null, "google": null });
    provider.accepts(&service);
    provider.refuses_strangers();
}

/// The proxy signs for all customers with the same keys.
#[test]
fn refuses_assertions_for_others() {
    let neighbour = "/projects/123456789012/global/backendServices/42";
    let customer = "/projects/999/global/backendServices/1234567890123456789";
    let app = "/projects/123456789012/apps/shop";
    let run = "/projects/123456789012/locations/europe-west1/services/shop";
    let google = "https://accounts.google.com";
    google_iap().refuses([
        ("another backend's", json!({ "aud": neighbour, "azp": neighbour }), audience([neighbour], BACKEND)),
        ("another customer's", json!({ "aud": customer, "azp": customer }), audience([customer], BACKEND)),
        ("an app's", json!({ "aud": app }), audience([app], BACKEND)),
        ("a service's of Cloud Run", json!({ "aud": run }), audience([run], BACKEND)),
        ("for this backend only in azp", json!({ "aud": null }), missing("aud")),
        ("a service account's ID token", json!({ "iss": google, "sub": "100000000000000000001" }), issuer(google)),
        ("a user's ID token", json!({ "iss": google, "at_hash": "x" }), issuer(google)),
        ("with the hash of an access token", json!({ "at_hash": "x" }), other_kind("at_hash")),
        ("without a subject", json!({ "sub": null }), missing("sub")),
        ("without an end", json!({ "exp": null }), missing("exp")),
    ]);
}

/// A key is used only for its own algorithm, whichever the header names.
#[test]
fn refuses_other_algorithms() {
    let provider = google_iap();
    let rsa = json!({ "alg": "RS256", "kid": "p-256-1" });
    let mismatch = TokenError::KeyMismatch { algorithm: Algorithm::RS256 };
    assert_eq!(provider.verdict(&rsa, &json!({})).err(), Some(mismatch));
}

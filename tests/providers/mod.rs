//! The presets: tokens in the form of each provider, and other tokens that the provider signs with the same keys.

mod ad_fs;
mod auth0;
mod authentik;
mod azure_b2c;
mod cloudflare_access;
mod cognito;
mod dex;
mod entra;
mod entra_external;
mod firebase;
mod github_actions;
mod google;
mod google_iap;
mod hydra;
mod introspected;
mod keycloak;
mod kubernetes;
mod okta;
mod spiffe;
mod supabase;
mod together;
mod zitadel;

use std::sync::LazyLock;

use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;
use tower_bearer::{AccessToken, Issuer, ResourceServer};

use crate::harness::clock_at;

/// 2030-01-01, when all of it takes place.
const NOW: u64 = 1_893_456_000;

/// The keys of the providers that sign with RS256.
static KEYS: LazyLock<TestIssuer> = LazyLock::new(|| with_key_for(Algorithm::RS256));

/// The keys of those that sign with ES256. The header of their tokens says so.
static EC_KEYS: LazyLock<TestIssuer> = LazyLock::new(|| with_key_for(Algorithm::ES256));

fn with_key_for(algorithm: Algorithm) -> TestIssuer {
    TestIssuer::builder().algorithms([algorithm]).start()
}

/// A server that trusts one provider, a token that the provider would issue to a client of it, and the key set.
struct Provider {
    api: ResourceServer,
    header: Value,
    claims: Value,
}

impl Provider {
    /// `header` and `claims` are the token's but for what every token has: `alg`, `kid`, `iat` and `exp`.
    fn new(issuer: Issuer, audience: &str, header: Value, claims: Value) -> Self {
        Self::with_keys(issuer, &KEYS.jwks(), audience, header, claims)
    }

    fn with_keys(issuer: Issuer, jwks: &Value, audience: &str, header: Value, claims: Value) -> Self {
        let keys = JwkSet::from_json(jwks.to_string().as_bytes()).unwrap();
        let clock = clock_at(NOW);
        let api = ResourceServer::builder(audience).trust(issuer.keys_from(keys)).clock(clock).build().unwrap();
        Self { api, header, claims }
    }

    /// The token with other members in its header and its payload, or without those that are null.
    fn token(&self, header: &Value, claims: &Value) -> String {
        let times = json!({ "iat": NOW - 60, "exp": NOW + 300 });
        let payload = merged(&merged(&times, &self.claims), claims);
        let names = merged(&json!({ "alg": "RS256", "kid": "rsa-1" }), &self.header);
        let header = merged(&names, header);
        let keys = if self.signs_with_es256() { &EC_KEYS } else { &KEYS };
        keys.token().raw_header(header.to_string()).raw_payload(payload.to_string()).sign()
    }

    fn signs_with_es256(&self) -> bool {
        self.header["alg"] == "ES256"
    }

    fn verdict(&self, header: &Value, claims: &Value) -> Result<AccessToken, TokenError> {
        match self.api.try_verify(&self.token(header, claims)) {
            Ok(token) => Ok(token),
            Err(VerifyError::Token(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    #[track_caller]
    fn accepts(&self, claims: &Value) -> AccessToken {
        self.verdict(&json!({}), claims).unwrap_or_else(|error| panic!("{claims}: {error}"))
    }

    #[track_caller]
    fn refuses<const N: usize>(&self, tokens: [(&str, Value, TokenError); N]) {
        for (what, claims, expected) in tokens {
            assert_eq!(self.verdict(&json!({}), &claims).err(), Some(expected), "{what}");
        }
    }

    /// Asserts that a signature by another key is refused.
    #[track_caller]
    fn refuses_strangers(&self) {
        static STRANGER: LazyLock<TestIssuer> = LazyLock::new(|| with_key_for(Algorithm::RS256));
        static EC_STRANGER: LazyLock<TestIssuer> = LazyLock::new(|| with_key_for(Algorithm::ES256));
        let stranger = if self.signs_with_es256() { &EC_STRANGER } else { &STRANGER };
        let (own, forged) = (self.token(&json!({}), &json!({})), stranger.token().sign());
        let ((input, _), (_, signature)) = (own.rsplit_once('.').unwrap(), forged.rsplit_once('.').unwrap());
        let error = self.api.try_verify(&format!("{input}.{signature}")).err();
        assert_eq!(error, Some(VerifyError::Token(TokenError::Signature)));
    }
}

/// RFC 7396, for one level: null takes a member away.
fn merged(base: &Value, changes: &Value) -> Value {
    let mut merged = base.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        merged.remove(name);
        if !value.is_null() {
            merged.insert(name.clone(), value.clone());
        }
    }
    merged.into()
}

fn issuer(found: &str) -> TokenError {
    TokenError::Issuer { found: found.into() }
}

fn audience<const N: usize>(found: [&str; N], expected: &str) -> TokenError {
    TokenError::Audience { found: found.into(), expected: [expected].into() }
}

fn missing(claim: &'static str) -> TokenError {
    TokenError::Missing { claim }
}

fn other_kind(claim: &'static str) -> TokenError {
    TokenError::NotAnAccessToken { claim }
}

fn scopes(token: &AccessToken) -> Vec<&str> {
    token.scope().iter().collect()
}

fn pointer(token: &AccessToken, pointer: &str) -> Value {
    token.claims::<Value>().unwrap().pointer(pointer).cloned().unwrap_or_default()
}

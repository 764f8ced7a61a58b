//! RSA signatures that no library makes.

use axum::Router;
use serde::Deserialize;
use serde_json::Value;

use super::{app, builder_with_keys, clock_at};

/// RSA signatures that no library makes: wrong padding, wrong salts, values beyond the modulus. They were computed with
/// plain modular exponentiation; the private keys are gone, so the tokens stay as they are and the clock is set to their
/// time.
pub(crate) struct RsaVectors {
    pub(crate) app: Router,
    pub(crate) jwks: Value,
    tokens: Vec<RsaVector>,
}

#[derive(Deserialize)]
struct RsaVector {
    what: String,
    accepted: bool,
    token: String,
}

impl RsaVectors {
    pub(crate) fn load() -> Self {
        #[derive(Deserialize)]
        struct File {
            now: u64,
            jwks: Value,
            tokens: Vec<RsaVector>,
        }
        let File { now, jwks, tokens } = serde_json::from_str(include_str!("../vectors/rsa.json")).unwrap();
        let clock = clock_at(now);
        let server = builder_with_keys("https://issuer.example.test", &jwks).clock(clock).build().unwrap();
        Self { app: app(&server), jwks, tokens }
    }

    /// The tokens that must be accepted, or those that must not, each after a description.
    pub(crate) fn tokens(&self, accepted: bool) -> impl Iterator<Item = (&str, String)> {
        let tokens = self.tokens.iter().filter(move |vector| vector.accepted == accepted);
        tokens.map(|vector| (&*vector.what, vector.token.clone()))
    }
}

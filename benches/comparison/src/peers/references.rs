//! What is no layer: to compare with.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken_12::crypto::aws_lc;
use jsonwebtoken_12::{DecodingKey, Validation, decode, jwk};
use serde::Deserialize;

use crate::link::Setup;
use crate::peer::{App, Guard, Handler, Peer};
use crate::subject::Subject;

/// The verification of a signature, and nothing else: the key is parsed once, and the token before the clock starts.
pub struct Floor(ParsedPublicKey);

impl Floor {
    #[expect(clippy::needless_pass_by_value, reason = "every row is started alike")]
    pub fn new(setup: Setup) -> Self {
        let key = &setup.jwks["keys"][0];
        let bytes = |member: &str| {
            let member = key[member].as_str().expect("a member that such a key has");
            BASE64_URL_SAFE_NO_PAD.decode(member).expect("base64url")
        };
        let parsed = match &*setup.algorithm {
            "RS256" => RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") }
                .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
            "ES256" => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [vec![4], bytes("x"), bytes("y")].concat()),
            _ => ParsedPublicKey::new(&ED25519, bytes("x")),
        };
        Self(parsed.expect("a good key"))
    }
}

impl Subject for Floor {
    type Prepared = (Vec<u8>, Vec<u8>);

    fn prepare(&self, token: &str) -> Self::Prepared {
        let (message, signature) = token.rsplit_once('.').expect("a signed token");
        (message.into(), BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64url"))
    }

    async fn judge(&mut self, (message, signature): &Self::Prepared) -> u16 {
        if self.0.verify_sig(message, signature).is_ok() { 200 } else { 401 }
    }
}

/// What most of the peers are built upon, with nothing around it.
pub struct Decode {
    key: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is read here is read for the time it takes")]
struct Registered {
    iss: String,
    sub: String,
    exp: u64,
}

impl Decode {
    pub fn new(setup: Setup) -> Self {
        aws_lc::DEFAULT_PROVIDER.install_default().expect("nobody chose before");
        let keys: jwk::JwkSet = serde_json::from_value(setup.jwks).expect("a key set");
        let mut validation = Validation::new(setup.algorithm.parse().expect("an algorithm it knows"));
        validation.set_audience(&[setup.audience]);
        validation.set_issuer(&[setup.issuer]);
        Self { key: DecodingKey::from_jwk(&keys.keys[0]).expect("a good key"), validation }
    }
}

impl Subject for Decode {
    type Prepared = String;

    fn prepare(&self, token: &str) -> String {
        token.to_owned()
    }

    async fn judge(&mut self, token: &String) -> u16 {
        if decode::<Registered>(token, &self.key, &self.validation).is_ok() { 200 } else { 401 }
    }
}

/// The handler alone.
pub struct Open;

impl Peer for Open {
    type Body = Body;

    fn guard(&self) -> impl Guard<Body> + use<> {
        Handler::new()
    }

    fn app(&self) -> App {
        App::V8(axum::Router::new()).open()
    }
}

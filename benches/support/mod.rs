//! What the benches have in common: an issuer, tokens of a given size, a server that has its keys, and one request
//! through a service.
#![allow(dead_code, reason = "each bench uses its part of it")]

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::signature::{self as lc, ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use serde_json::Value;
use siphasher::sip128::SipHasher24;
use tower::{Service, ServiceBuilder, service_fn};
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::server::Builder;
use tower_bearer::testing::{TestClient, TestIssuer, TokenBuilder};
use tower_bearer::{Issuer, Require, ResourceServer};

/// Whom the tokens are for.
pub(crate) const AUDIENCE: &str = "https://api.example.com";
/// The algorithms that are measured: what issuers sign with.
pub(crate) const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
/// The size of a token from a provider that puts roles into it, in bytes.
pub(crate) const LARGE: usize = 1300;

/// An issuer with one key for each of [`ALGORITHMS`].
pub(crate) fn issuer() -> TestIssuer {
    TestIssuer::builder().algorithms(ALGORITHMS).start()
}

/// A server in the making that trusts `issuer` and has its keys already.
pub(crate) fn server(issuer: &TestIssuer) -> Builder {
    let keys = JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
    ResourceServer::builder(AUDIENCE).trust(Issuer::keys(issuer.url(), keys).unwrap())
}

/// A token as small as they come: about 400 bytes, but for RSA, whose signature alone has 342.
pub(crate) fn small(issuer: &TestIssuer, algorithm: Algorithm) -> TokenBuilder {
    issuer.token_by(algorithm).audience(AUDIENCE).without_claim("client_id").expires_in(LONG)
}

/// Longer than any bench.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// A token of 12 claims and [`LARGE`] bytes.
pub(crate) fn large(issuer: &TestIssuer, algorithm: Algorithm) -> TokenBuilder {
    let token = |roles: usize, rest: usize| {
        let role = |number: usize| format!("department-{number:02}.reader");
        let roles: Vec<String> = (0..roles).map(role).chain([format!("department-xx.{}", "x".repeat(rest))]).collect();
        let seconds = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        small(issuer, algorithm)
            .client_id("0oa8k2x7n5q1w3e4r5t6")
            .subject("00u1a2b3c4d5e6f7g8h9")
            .scope("openid profile read:me write:me payments:read")
            .claim("jti", "AT.n2m4v6b8-c0x1z3l5-k7j9h2g4-0000000")
            .claim("nbf", seconds - 60)
            .claim("tenant", "3f0b2c7e-8d1a-4c5b-9e6f-7a8b9c0d1e2f")
            .claim("email", "somebody.or.other@example.com")
            .claim("roles", roles)
    };
    let missing = |roles| LARGE.saturating_sub(token(roles, 0).sign().len());
    let roles = (0..100).take_while(|roles| missing(*roles) > 0).last().unwrap_or(0);
    token(roles, missing(roles) * 3 / 4)
}

/// The same token `count` times, each with another `jti` of the same length.
pub(crate) fn distinct(token: &TokenBuilder, count: usize) -> impl Iterator<Item = String> {
    (0..count)
        .map(move |number| token.clone().claim("jti", format!("AT.n2m4v6b8-c0x1z3l5-k7j9h2g4-{number:07}")).sign())
}

/// The resident memory of this process in bytes, on Linux.
pub(crate) fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// A signature with a key that was parsed before: nobody can verify a token with less.
pub(crate) struct Floor {
    key: Arc<ParsedPublicKey>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Floor {
    /// The floor under `token`.
    pub(crate) fn of(issuer: &TestIssuer, algorithm: Algorithm, token: &str) -> Self {
        Self::of_all(issuer, algorithm, &[token.to_owned()]).remove(0)
    }

    /// The floors under `tokens`, which have one key.
    pub(crate) fn of_all(issuer: &TestIssuer, algorithm: Algorithm, tokens: &[String]) -> Vec<Self> {
        Self::under(&jwk(issuer, algorithm), algorithm, tokens)
    }

    /// The floors under the DPoP proofs of `client`.
    pub(crate) fn of_proofs(client: &TestClient, algorithm: Algorithm, proofs: &[String]) -> Vec<Self> {
        Self::under(&client.jwk(), algorithm, proofs)
    }

    fn under(jwk: &Value, algorithm: Algorithm, tokens: &[String]) -> Vec<Self> {
        let key = Arc::new(parsed_key(jwk, algorithm));
        let floor = |token: &String| {
            let (message, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            Self { key: Arc::clone(&key), message: message.into(), signature }
        };
        tokens.iter().map(floor).collect()
    }

    /// Verifies the signature.
    pub(crate) fn verify(&self) {
        self.key.verify_sig(&self.message, &self.signature).unwrap();
    }
}

fn parsed_key(jwk: &Value, algorithm: Algorithm) -> ParsedPublicKey {
    let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    match algorithm {
        Algorithm::RS256 => RsaPublicKeyComponents { n: member("n"), e: member("e") }
            .to_parsed_public_key(&lc::RSA_PKCS1_2048_8192_SHA256)
            .unwrap(),
        Algorithm::ES256 => {
            ParsedPublicKey::new(&lc::ECDSA_P256_SHA256_FIXED, [&[4], &member("x")[..], &member("y")].concat()).unwrap()
        }
        _ => ParsedPublicKey::new(&lc::ED25519, member("x")).unwrap(),
    }
}

/// The public key that `issuer` signs with by `algorithm`.
pub(crate) fn jwk(issuer: &TestIssuer, algorithm: Algorithm) -> Value {
    let kty = match algorithm {
        Algorithm::RS256 => "RSA",
        Algorithm::ES256 => "EC",
        _ => "OKP",
    };
    issuer.jwks()["keys"].as_array().unwrap().iter().find(|key| key["kty"] == kty).unwrap().clone()
}

/// What many services do with each request: verify with `jsonwebtoken` alone, its key parsed as far as it can be.
pub(crate) struct Jsonwebtoken {
    key: jsonwebtoken::DecodingKey,
    validation: jsonwebtoken::Validation,
}

impl Jsonwebtoken {
    /// It with the settings that come closest to this crate's.
    pub(crate) fn new(issuer: &TestIssuer, algorithm: Algorithm) -> Self {
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(jwk(issuer, algorithm)).unwrap();
        let mut validation = jsonwebtoken::Validation::new(algorithm.name().parse().unwrap());
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[issuer.url()]);
        Self { key: jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap(), validation }
    }

    /// Decodes `token`.
    pub(crate) fn decode(&self, token: &str) {
        #[derive(serde::Deserialize)]
        struct Claims {
            #[expect(dead_code, reason = "parsed, which is what costs")]
            sub: Box<str>,
        }
        let data = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation).unwrap();
        std::hint::black_box(data);
    }
}

/// What the cache of verified tokens hashes a token with: GMAC, and `SipHash` over that.
pub(crate) struct TokenHash(LessSafeKey, SipHasher24);

impl TokenHash {
    /// It with some keys.
    pub(crate) fn new() -> Self {
        let gmac = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).unwrap());
        Self(gmac, SipHasher24::new_with_key(&[7; 16]))
    }

    /// Hashes `text`.
    pub(crate) fn hash(&self, text: &[u8]) {
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(text), &mut []).unwrap();
        std::hint::black_box(self.1.hash(tag.as_ref()));
    }
}

/// The header of a request with this token.
pub(crate) fn bearer(token: &str) -> HeaderValue {
    format!("Bearer {token}").parse().unwrap()
}

/// The innermost service: it answers at once.
pub(crate) type Inner = tower::util::ServiceFn<fn(Request<()>) -> Ready<Result<Response<()>, Infallible>>>;

/// Makes an [`Inner`].
pub(crate) fn inner() -> Inner {
    service_fn(|request: Request<()>| {
        std::hint::black_box(&request);
        ready(Ok(Response::new(())))
    })
}

/// [`Inner`] behind the layer.
pub(crate) fn protected(
    api: &ResourceServer,
) -> impl Service<Request<()>, Response = Response<()>, Error = Infallible> + Clone {
    ServiceBuilder::new().layer(api.layer()).service(inner())
}

/// [`Inner`] behind the layer and a requirement.
pub(crate) fn required(
    api: &ResourceServer,
) -> impl Service<Request<()>, Response = Response<()>, Error = Infallible> + Clone {
    ServiceBuilder::new().layer(api.layer()).layer(Require::scope("read:me")).service(inner())
}

/// Sends one request, and returns the status; it must be answered without waiting.
pub(crate) fn call<S>(service: &mut S, credentials: &HeaderValue) -> u16
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let mut request = Request::new(());
    request.headers_mut().insert(AUTHORIZATION, credentials.clone());
    send(service, request)
}

/// Sends one request without credentials.
pub(crate) fn call_bare<S>(service: &mut S) -> u16
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    send(service, Request::new(()))
}

/// Sends one request, and returns the status; it must be answered without waiting.
pub(crate) fn send<S>(service: &mut S, request: Request<()>) -> u16
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    match pin!(service.call(request)).poll(&mut context) {
        Poll::Ready(Ok(response)) => response.status().as_u16(),
        _ => 0,
    }
}

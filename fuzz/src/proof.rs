//! DPoP proofs: any text, and any header and payload that a real key signed.
//!
//! - Nothing panics.
//! - A proof is good for a request if and only if a second reading of RFC 9449 §4.3 finds no flaw in it, whatever tells that it is
//!   fresh: the client's clock, a nonce or both.
//! - A proof says what its payload says.
//!
//! What checks them is none of the crate's public modules: see [`metadata`](crate::metadata).

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use sha2::{Digest, Sha256};
use tower_bearer::jose::Algorithm;

use crate::binding::{CheckedProof, FreshBy, NonceVerdict, ProofFacts, ProofKeys, Target, UnverifiedProof};
use crate::jose::AlgorithmSet;
use crate::json::Json;
use crate::jwks::{Expected, with_material};
use crate::proof_binding::{ProofBinding, ath_of};
use crate::template::filled;
use crate::world::{KEYS, NOW, seconds_from_now, with_times};

/// The request that every proof comes with.
const TOKEN: &str = "the-access-token";
const METHOD: &str = "GET";
const URL: &str = "https://api.example.test/me";
const NONCE: &str = "good";
const WINDOW: u32 = 60;

/// The keys of verified proofs, which are remembered from one input to the next: they make no difference.
static PROOF_KEYS: LazyLock<ProofKeys> = LazyLock::new(ProofKeys::new);

/// A header and a payload, a line each, or one line with the whole text of a proof. In the header `$p-256-1.x` is that member of that
/// key, as in [`jwks`](crate::jwks). In the payload `$ath` is the hash of the access token, and `$-60` a time.
pub fn run(input: &[u8]) {
    let mut lines = input.splitn(2, |byte| *byte == b'\n');
    let (Some(first), second) = (lines.next(), lines.next()) else { return };
    let Some(payload) = second else {
        if let Ok(text) = std::str::from_utf8(first) {
            assert!(UnverifiedProof::parse(text).is_err() || text.split('.').count() == 3, "{text:?}");
        }
        return;
    };
    let (header, payload) = (with_material(first), with_claims(payload));
    let (Some(read_header), Some(read_payload)) = (Json::read(&header), Json::read(&payload)) else {
        return assert!(UnverifiedProof::parse(&unsigned(&header, &payload)).is_err());
    };
    if read_header.has_huge_numbers() || read_payload.has_huge_numbers() {
        return;
    }
    let algorithm = algorithm(&read_header).unwrap_or(Algorithm::ES256);
    let text = KEYS.token_by(algorithm).raw_header(header).raw_payload(payload).sign();
    let model = Model::of(&text, &read_header, &read_payload);
    let shown = || format!("{read_header:?} {read_payload:?}");

    let parsed = UnverifiedProof::parse(&text);
    let has_good_key = model.as_ref().is_some_and(|model| model.thumbprint.is_some());
    assert!(parsed.is_ok() || !has_good_key, "{:?}: {}", parsed.err(), shown());
    let Ok(proof) = parsed else { return };
    // That a point is not on its curve, or a key of ML-DSA not as long as it has to be, is seen when the signature is verified.
    let kty = read_header.member("jwk").and_then(|jwk| jwk.member("kty")).and_then(Json::text);
    let may_be_bad = matches!(kty, Some("EC" | "AKP"));
    assert!(has_good_key || (model.is_some() && may_be_bad), "{}", shown());
    let jkt = jkt(algorithm);
    for freshness in [FreshBy::IssuedAt, FreshBy::Nonce, FreshBy::Both] {
        let signed = Some(proof.htu()).filter(|htu| htu.starts_with("https://"));
        let facts = ProofFacts {
            proof: &proof,
            algorithms: AlgorithmSet::all(),
            binding: ProofBinding { jkt: &jkt, ath: &ath_of(TOKEN) },
            method: &Method::GET,
            target: Target { expected: URL, signed },
            now: *NOW,
            window: Duration::from_secs(WINDOW.into()),
            freshness,
            nonce: match proof.nonce() {
                None => NonceVerdict::Absent,
                Some(NONCE) => NonceVerdict::Good,
                Some(_) => NonceVerdict::Bad,
            },
        };
        let verified = CheckedProof::check(&facts).and_then(|checked| checked.verify_signature(&PROOF_KEYS));
        match (&verified, model.as_ref().filter(|model| model.is_good_by(freshness, &jkt))) {
            (Ok(verified), Some(model)) => {
                assert_eq!((verified.jti(), proof.thumbprint().to_string()), (&*model.jti, jkt.clone()));
                assert_eq!((proof.htm(), proof.htu(), proof.ath()), (METHOD, URL, &*model.ath));
                assert_eq!((proof.nonce(), proof.algorithm().name()), (model.nonce.as_deref(), model.algorithm.name()));
            }
            (Err(_), None) => {}
            (Ok(_), None) => panic!("{freshness:?} accepts {}", shown()),
            (Err(error), Some(_)) => panic!("{freshness:?} refuses, {error}: {}", shown()),
        }
    }
}

fn with_claims(template: &[u8]) -> Vec<u8> {
    let with_hash = filled(template, |part| Some((hash(TOKEN.as_bytes()).into_bytes(), part.strip_prefix(b"ath")?)));
    with_times(&with_hash)
}

fn unsigned(header: &[u8], payload: &[u8]) -> String {
    format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

fn algorithm(header: &Json) -> Option<Algorithm> {
    header.member("alg").and_then(Json::text)?.parse().ok()
}

/// The thumbprint of the key that signs by the algorithm.
fn jkt(algorithm: Algorithm) -> String {
    let set = Json::read(KEYS.jwks().to_string().as_bytes()).expect("JSON");
    let Some(Json::Array(keys)) = set.member("keys") else { panic!("no keys") };
    let keys = keys.iter().map(|key| Expected::of(key).expect("a usable key"));
    let mut serving = keys.filter(|key| key.algorithms.contains(&algorithm));
    serving.next().map(|key| hash(key.members.as_bytes())).expect("a key for every algorithm")
}

/// A proof that has the right form.
struct Model {
    algorithm: Algorithm,
    /// That of its key, if the key can be used.
    thumbprint: Option<String>,
    jti: String,
    htm: String,
    htu: String,
    iat: f64,
    ath: String,
    nonce: Option<String>,
}

impl Model {
    fn of(text: &str, header: &Json, payload: &Json) -> Option<Self> {
        let is_strict = |json: &Json| matches!(json, Json::Object(_)) && !json.has_duplicates() && json.depth() <= 32;
        if !is_strict(header) || !is_strict(payload) || is_reserved(header) || is_reserved(payload) {
            return None;
        }
        let algorithm = algorithm(header)?;
        let limit = if algorithm.name().starts_with("ML-DSA") { 12_288 } else { 4_096 };
        let of_type = |name| header.member(name).is_none_or(|value| value.text().is_some());
        let is_form = text.len() <= limit && of_type("kid") && of_type("cty");
        let typ = header.member("typ").and_then(Json::text)?.to_ascii_lowercase();
        let is_proof = matches!(&*typ, "dpop+jwt" | "application/dpop+jwt");
        let nested = header.member("cty").and_then(Json::text).unwrap_or("").to_ascii_lowercase();
        let is_plain = !matches!(&*nested, "jwt" | "application/jwt")
            && header.member("crit").or(header.member("enc")).is_none()
            && matches!(header.member("b64"), None | Some(Json::Bool(true)));
        let key = Expected::of(header.member("jwk")?).filter(|key| key.algorithms.contains(&algorithm));
        let thumbprint = key.map(|key| hash(key.members.as_bytes()));
        let claim = |name: &str| payload.member(name).and_then(Json::text).map(str::to_owned);
        let jti = claim("jti").filter(|jti| (1..=128).contains(&jti.len()))?;
        let iat = payload.member("iat")?.number().filter(|iat| iat.abs() < 9_007_199_254_740_992.0)?;
        let nonce = claim("nonce");
        let is_good = is_form && is_proof && is_plain && nonce.is_some() == payload.member("nonce").is_some();
        is_good.then_some(())?;
        let (htm, htu, ath) = (claim("htm")?, claim("htu")?, claim("ath")?);
        Some(Self { algorithm, thumbprint, jti, htm, htu, iat, ath, nonce })
    }

    /// RFC 9449 §4.3, rules 8 to 12.
    fn is_good_by(&self, freshness: FreshBy, jkt: &str) -> bool {
        let is_recent = (self.iat - seconds(0)).abs() <= f64::from(WINDOW);
        let has_nonce = self.nonce.as_deref() == Some(NONCE);
        let is_fresh = match freshness {
            FreshBy::IssuedAt => is_recent,
            FreshBy::Nonce => has_nonce,
            FreshBy::Both => is_recent && has_nonce,
        };
        let is_ours = self.thumbprint.as_deref() == Some(jkt) && self.ath == hash(TOKEN.as_bytes());
        is_fresh && is_ours && self.htm == METHOD && self.htu == URL
    }
}

/// Whether some name is one under which `serde_json` reads a second document.
fn is_reserved(json: &Json) -> bool {
    match json {
        Json::Array(elements) => elements.iter().any(is_reserved),
        Json::Object(members) => {
            members.iter().any(|(name, value)| name.starts_with("$serde_json::private::") || is_reserved(value))
        }
        _ => false,
    }
}

#[expect(clippy::cast_precision_loss, reason = "times of today fit")]
fn seconds(offset: i64) -> f64 {
    seconds_from_now(offset) as f64
}

//! Signed answers (RFC 9701).

use serde_json::{Value, json};

use super::generated::{Generated, with};
use super::private_key::PrivateKey;
use super::*;
use crate::jose::{Algorithm, AlgorithmSet, JwkSet, JwsError, KnownHeaders, Scratch, encode_base64url};

const LEEWAY: Duration = Duration::from_secs(30);
const AUDIENCES: [&str; 2] = ["shop-api", "https://api.example.com"];

/// An issuer with one key.
struct Signer {
    key: PrivateKey,
    keys: JwkSet,
}

impl Signer {
    fn new() -> Self {
        let generated = Generated::p256();
        let key = PrivateKey::from_jwk(&generated.private_jwk.to_string()).unwrap();
        let public = with(&generated.public_jwk, "kid", &json!("k1"));
        Self { key, keys: JwkSet::from_json(json!({ "keys": [public] }).to_string().as_bytes()).unwrap() }
    }

    fn sign(&self, header: &Value, payload: &str) -> String {
        let jwt = format!("{}.{}", encode_base64url(header.to_string()), encode_base64url(payload));
        let signature = self.key.sign(jwt.as_bytes()).unwrap();
        format!("{jwt}.{}", encode_base64url(signature))
    }

    /// What our check makes of a JWT: the JSON of the answer.
    fn read(&self, jwt: &str) -> Result<String, SignedAnswerError> {
        let algorithms = AlgorithmSet::from_iter([Algorithm::ES256]);
        let expected = Expected { issuer: ISSUER, audiences: &AUDIENCES, algorithms, leeway: LEEWAY };
        let (mut scratch, known) = (Scratch::default(), KnownHeaders::default());
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        let answer = SignedAnswer::check(jwt.as_bytes(), expected, now, &mut scratch, &known)?;
        let verified = answer.verify(&self.keys, || None, || true);
        let (json, key) = verified.map_err(|error| SignedAnswerError::of_signature(error, answer.kid()))?;
        assert_eq!(key, self.keys.keys()[0].identity());
        Ok(String::from_utf8(json).unwrap())
    }

    /// The same for a payload with another value of one member; without the member for null.
    fn with(&self, name: &str, value: &Value) -> Result<String, SignedAnswerError> {
        self.read(&self.sign(&header(), &with(&payload(), name, value).to_string()))
    }

    fn with_header(&self, name: &str, value: &Value) -> Result<String, SignedAnswerError> {
        self.read(&self.sign(&with(&header(), name, value), &payload().to_string()))
    }
}

fn header() -> Value {
    json!({ "typ": "token-introspection+jwt", "alg": "ES256", "kid": "k1" })
}

fn payload() -> Value {
    json!({
        "iss": ISSUER,
        "aud": "shop-api",
        "iat": NOW,
        "token_introspection": { "active": true, "sub": "user-1" },
    })
}

/// Row N7.
#[test]
fn a_good_answer_is_returned_as_it_is_written() {
    let signer = Signer::new();
    let answer = r#"{"active" : true, "exp": 1.5e9, "x":[{"a":"\u0061"}]}"#;
    let payload =
        format!(r#"{{"iss":"{ISSUER}","aud":"shop-api","iat":{NOW},"token_introspection": {answer} ,"x":1}}"#);
    assert_eq!(signer.read(&signer.sign(&header(), &payload)).as_deref(), Ok(answer));
    assert!(signer.read(&(signer.sign(&header(), &payload) + "\r\n")).is_ok());
}

/// Rows N7, N8.
#[test]
fn only_the_type_of_an_answer_is_accepted() {
    let signer = Signer::new();
    for typ in ["token-introspection+jwt", "Token-Introspection+JWT", "application/token-introspection+jwt"] {
        assert!(signer.with_header("typ", &json!(typ)).is_ok(), "{typ}");
    }
    for typ in ["at+jwt", "JWT", "application/jwt", "text/token-introspection+jwt", "", "token-introspection"] {
        let refused = Err(SignedAnswerError::Type { found: Some(typ.into()) });
        assert_eq!(signer.with_header("typ", &json!(typ)), refused);
    }
    assert_eq!(signer.with_header("typ", &Value::Null), Err(SignedAnswerError::Type { found: None }));
}

/// Row N7.
#[test]
fn algorithm_and_signature_are_the_issuers() {
    let signer = Signer::new();
    let other = Err(SignedAnswerError::Algorithm { found: Algorithm::ES384 });
    assert_eq!(signer.with_header("alg", &json!("ES384")), other);
    for alg in ["none", "HS256"] {
        let unknown = Err(SignedAnswerError::Jws(JwsError::Algorithm { found: alg.into() }));
        assert_eq!(signer.with_header("alg", &json!(alg)), unknown);
    }
    let unknown = Err(SignedAnswerError::UnknownKey { kid: Some("k2".into()) });
    assert_eq!(signer.with_header("kid", &json!("k2")), unknown);
    assert!(signer.with_header("kid", &Value::Null).is_ok());
    let strange = Signer::new();
    for kid in [json!("k1"), Value::Null] {
        let jwt = strange.sign(&with(&header(), "kid", &kid), &payload().to_string());
        assert_eq!(signer.read(&jwt), Err(SignedAnswerError::Signature));
    }
    let jwt = signer.sign(&header(), &payload().to_string());
    let (input, _) = jwt.rsplit_once('.').unwrap();
    assert_eq!(signer.read(&format!("{input}.")), Err(SignedAnswerError::Signature));
    // Encrypted answers (RFC 9701 §4) are not supported.
    assert_eq!(signer.read("a.b.c.d.e"), Err(SignedAnswerError::Jws(JwsError::Parts { found: 5 })));
}

/// Row N7.
#[test]
fn issuer_and_audience_are_exact() {
    let signer = Signer::new();
    for iss in ["https://as.example.com/T", "https://as.example.com/t/", ""] {
        let refused = Err(SignedAnswerError::Issuer { expected: ISSUER.into(), found: iss.into() });
        assert_eq!(signer.with("iss", &json!(iss)), refused);
    }
    for good in [json!("https://api.example.com"), json!(["other", "shop-api"])] {
        assert!(signer.with("aud", &good).is_ok(), "{good}");
    }
    for (bad, found) in [
        (json!("other"), vec!["other"]),
        (json!(["shop", "api"]), vec!["shop", "api"]),
        (json!([]), vec![]),
        (json!(1), vec![]),
    ] {
        let refused = Err(SignedAnswerError::Audience { found: found.into_iter().collect() });
        assert_eq!(signer.with("aud", &bad), refused, "{bad}");
    }
    for claim in ["iss", "aud", "iat", "token_introspection"] {
        assert_eq!(signer.with(claim, &Value::Null), Err(SignedAnswerError::Missing { claim }));
    }
}

/// Row N7.
#[test]
fn an_answer_is_at_most_a_minute_old_and_has_not_expired() {
    let signer = Signer::new();
    let iat = |from_now: i64| signer.with("iat", &json!(NOW.cast_signed() + from_now));
    assert!(iat(-90).is_ok() && iat(30).is_ok());
    assert!(matches!(iat(-91), Err(SignedAnswerError::Old { .. })));
    assert!(matches!(iat(31), Err(SignedAnswerError::Early { .. })));
    let exp = |from_now: i64| signer.with("exp", &json!(NOW.cast_signed() + from_now));
    assert!(exp(-29).is_ok());
    let error = exp(-30).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected an exp in the future, and found 1795977879 at 1795977909, with a leeway of 30s"
    );
    for claim in ["iat", "exp"] {
        assert!(matches!(signer.with(claim, &json!("1")), Err(SignedAnswerError::Payload(_))), "{claim}");
    }
}

/// Row N7.
#[test]
fn the_answer_is_an_object_without_a_name_that_occurs_twice() {
    let signer = Signer::new();
    for other in [json!([]), json!("{}"), json!(true), json!(1)] {
        assert_eq!(signer.with("token_introspection", &other), Err(SignedAnswerError::NotAnObject));
    }
    let twice = payload().to_string().replace(r#""active":true"#, r#""active":false,"active":true"#);
    assert!(matches!(signer.read(&signer.sign(&header(), &twice)), Err(SignedAnswerError::Payload(_))));
    assert!(matches!(signer.read(&signer.sign(&header(), "[]")), Err(SignedAnswerError::Payload(_))));
    assert!(matches!(signer.read("\u{e9}"), Err(SignedAnswerError::Jws(_))));
}

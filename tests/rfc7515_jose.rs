//! The token as a JOSE object: its parts, its header, its JSON and its signature (RFC 7515, 7518, 7519, 8037, 9864).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestIssuer, TokenBuilder};
use tower_bearer::{ResourceServer, server::VerifyError, token::TokenError};

use crate::harness::{
    AUDIENCE, ISSUER, RsaVectors, app, assert_accepted, assert_refused, builder_with_keys, decoded, fetches, good,
    present, server, small_issuer, with_raw_member,
};

fn token_by(algorithm: Algorithm) -> TokenBuilder {
    ISSUER.token_by(algorithm).audience(AUDIENCE).scope("read:me")
}

/// The token with a claim that stands there exactly so.
fn with_raw_claim(token: TokenBuilder, name: &str, value: &str) -> TokenBuilder {
    with_raw_member(&token.without_claim(name), &format!("\"{name}\":{value}"))
}

/// The token with one more member at the front of its header, whether there is one of that name or not.
fn with_raw_header(token: &TokenBuilder, member: &str) -> TokenBuilder {
    let [header, _] = decoded(token);
    token.clone().raw_header(format!("{{{member},{}", &header[1..]))
}

/// A token and its signature's octets.
fn signed(token: &TokenBuilder) -> (String, Vec<u8>) {
    let token = token.sign();
    let (input, signature) = token.rsplit_once('.').unwrap();
    (input.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

fn with_signature(input: &str, signature: impl AsRef<[u8]>) -> String {
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A key of the test's own, which signs whatever stands there.
pub(crate) struct OwnKey(EcdsaKeyPair);

impl OwnKey {
    pub(crate) fn generate() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) })
    }

    pub(crate) fn sign(&self, input: &str) -> String {
        with_signature(input, self.0.sign(&SystemRandom::new(), input.as_bytes()).unwrap())
    }

    fn server(&self) -> ResourceServer {
        builder_with_keys(ISSUER.url(), &json!({ "keys": [self.jwk()] })).build().unwrap()
    }
}

#[tokio::test]
async fn e1_three_parts_and_none_of_them_empty() {
    let api = app(&server(&ISSUER));
    let token = good(&ISSUER).sign();
    let [h, p, s] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    assert_refused(
        &api,
        [
            ("1", h.to_owned()),
            ("2", format!("{h}.{p}")),
            ("2, header and signature", format!("{h}.{s}")),
            ("4", format!("{h}.{p}.{s}.")),
            ("4, one in front", format!(".{h}.{p}.{s}")),
            ("4, a second signature", format!("{h}.{p}.{s}.{s}")),
            ("5", format!("{h}.{p}.{s}..")),
            ("6", format!("{h}.{p}.{s}.{h}.{p}.{s}")),
            ("many", format!("{h}.{p}.{s}{}", ".".repeat(10_000))),
            ("no header", format!(".{p}.{s}")),
            ("no payload", format!("{h}..{s}")),
            ("no signature", format!("{h}.{p}.")),
            ("dots", "..".to_owned()),
            ("a dot", ".".to_owned()),
            ("another order", format!("{p}.{h}.{s}")),
        ],
    )
    .await;
    assert_refused(&api, [("an empty payload", good(&ISSUER).raw_payload("").sign())]).await;
    assert_refused(&api, [("an empty header", good(&ISSUER).raw_header("").sign())]).await;
    assert_accepted(&api, [("3", token)]).await;
}

#[tokio::test]
async fn e2_e3_base64url_in_one_spelling() {
    let key = OwnKey::generate();
    let api = key.server();
    // Lengths that leave every number of spare bits, and octets that the two alphabets spell differently.
    for more in ["", "?", "??"] {
        let x = format!("???>>>{more}");
        let token = good(&ISSUER).without_header("kid").header("x", &x).claim("x", &x);
        let input = token.signing_input();
        let (header, payload) = input.split_once('.').unwrap();
        api.verify(&key.sign(&input)).await.unwrap();
        let misspelt = |part: &str| {
            let octets = URL_SAFE_NO_PAD.decode(part).unwrap();
            let mut spellings = vec![format!("{part}="), format!("{part}=="), format!("{part}\n"), format!(" {part}")];
            spellings.extend([URL_SAFE.encode(&octets), STANDARD_NO_PAD.encode(&octets)]);
            spellings.push(format!("{}\r\n{}", &part[..8], &part[8..]));
            // One character more is six bits, which are no octet.
            spellings.push(format!("{part}{}", &"AAA"[..(5 - part.len() % 4) % 4]));
            spellings.extend(with_spare_bits(part));
            spellings.retain(|spelling| spelling != part);
            spellings
        };
        let headers = misspelt(header).into_iter().map(|header| format!("{header}.{payload}"));
        let payloads = misspelt(payload).into_iter().map(|payload| format!("{header}.{payload}"));
        for input in headers.chain(payloads) {
            let error = api.verify(&key.sign(&input)).await.unwrap_err();
            assert!(matches!(error, VerifyError::Token(TokenError::Jws(_))), "{input}: {error}");
        }
        let signed = key.sign(&input);
        let (_, signature) = signed.rsplit_once('.').unwrap();
        for signature in misspelt(signature) {
            assert!(api.verify(&format!("{input}.{signature}")).await.is_err(), "{signature}");
        }
    }
}

/// The spellings of the same octets whose last character has bits to spare that are not zero.
fn with_spare_bits(part: &str) -> Vec<String> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let spare = match part.len() % 4 {
        2 => 16,
        3 => 4,
        _ => 1,
    };
    let (start, last) = part.split_at(part.len() - 1);
    let last = ALPHABET.find(last).unwrap();
    (1..spare).map(|bits| format!("{start}{}", &ALPHABET[last + bits..=last + bits])).collect()
}

#[tokio::test]
async fn e4_a_header_member_stands_once() {
    let api = app(&server(&ISSUER));
    let token = good(&ISSUER).header("x", json!({ "y": 1 })).header("cty", "json");
    let twice = [
        r#""alg":"ES256""#,
        r#""alg":"none""#,
        r#""kid":"p-256-1""#,
        r#""kid":"x""#,
        r#""typ":"at+jwt""#,
        r#""typ":"logout+jwt""#,
        r#""cty":"json""#,
        r#""x":1"#,
        r#""\u0061lg":"ES256""#,
        r#""\u0078":1"#,
        r#""k\u0069d":"p-256-1""#,
        r#""new":1,"new":1"#,
        r#""deep":{"a":1,"a":2}"#,
        r#""deep":[[{"a":{"b":1,"\u0062":2}}]]"#,
    ];
    assert_refused(&api, twice.map(|member| (member, with_raw_header(&token, member).sign()))).await;
    let once = [r#""new":1"#, r#""X":1"#, r#""y":1"#, r#""deep":[{"a":1},{"a":1}]"#];
    assert_accepted(&api, once.map(|member| (member, with_raw_header(&token, member).sign()))).await;
}

#[tokio::test]
async fn e5_a_claim_stands_once() {
    let api = app(&server(&ISSUER));
    let token = good(&ISSUER).claim("x", json!({ "y": 1 })).claim("nbf", 0).claim("azp", "client-1");
    let own = decoded(&token)[1].clone();
    let members = serde_json::from_str::<Value>(&own).unwrap();
    for (name, value) in members.as_object().unwrap() {
        let escaped: Vec<_> = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let escaped = escaped.concat();
        assert_refused(
            &api,
            [
                (format!("{name}, the same again"), with_raw_member(&token, &format!("\"{name}\":{value}")).sign()),
                (format!("{name}, another"), with_raw_member(&token, &format!("\"{name}\":\"x\"")).sign()),
                (format!("{name}, null"), with_raw_member(&token, &format!("\"{name}\":null")).sign()),
                (format!("{name}, escaped"), with_raw_member(&token, &format!("\"{escaped}\":{value}")).sign()),
            ],
        )
        .await;
    }
    let twice = [
        r#""new":1,"new":1"#,
        r#""deep":{"a":1,"a":2}"#,
        r#""deep":[[{"a":{"b":1,"\u0062":2}}]]"#,
        r#""deep":{"a":{},"b":[],"c":{"a":1},"a":{}}"#,
    ];
    assert_refused(&api, twice.map(|member| (member, with_raw_member(&token, member).sign()))).await;
    // Good first and evil last is no better than evil first.
    let evil_last = with_raw_member(&token.clone().audience("x"), &format!(r#""aud":"{AUDIENCE}""#));
    assert_refused(&api, [("aud", evil_last.sign())]).await;
    let once = [r#""new":1"#, r#""Aud":"x""#, r#""y":1"#, r#""deep":[{"a":1},{"a":1}]"#];
    assert_accepted(&api, once.map(|member| (member, with_raw_member(&token, member).sign()))).await;
}

#[tokio::test]
async fn e6_alg_is_a_string() {
    let api = app(&server(&ISSUER));
    assert_refused(&api, [("none", good(&ISSUER).without_header("alg").sign())]).await;
    for alg in [json!(null), json!(["ES256"]), json!(256), json!(true), json!({ "ES256": 1 })] {
        assert_refused(&api, [(&alg, good(&ISSUER).header("alg", &alg).sign())]).await;
    }
}

#[tokio::test]
async fn e7_no_critical_extension_is_understood() {
    let api = app(&server(&ISSUER));
    for crit in [
        json!([]),
        json!(null),
        json!(""),
        json!("exp"),
        json!(true),
        json!({}),
        json!({ "exp": true }),
        json!([""]),
        json!([1]),
        json!([null]),
        json!([["exp"]]),
        json!(["exp"]),
        json!(["exp", "exp"]),
        json!(["EXP"]),
        json!(["alg"]),
        json!(["kid", "typ"]),
        json!(["crit"]),
        json!(["b64"]),
        json!(["urn:example:new"]),
        json!(["absent"]),
    ] {
        let token = good(&ISSUER)
            .header("exp", 4_102_444_800_u64)
            .header("EXP", true)
            .header("b64", true)
            .header("urn:example:new", 1);
        assert_accepted(&api, [("without", token.sign())]).await;
        assert_refused(&api, [(&crit, token.header("crit", &crit).sign())]).await;
    }
    let escaped = with_raw_header(&good(&ISSUER), r#""\u0063rit":["x"]"#);
    assert_refused(&api, [("the name by its code points", escaped.sign())]).await;
}

#[tokio::test]
async fn e8_an_unencoded_payload_is_none_of_a_jwt() {
    let key = OwnKey::generate();
    let api = key.server();
    let token = good(&ISSUER).without_header("kid");
    api.verify(&key.sign(&token.signing_input())).await.unwrap();
    for token in [token.clone().header("b64", false), token.header("b64", false).header("crit", ["b64"])] {
        let input = token.signing_input();
        let (header, _) = input.split_once('.').unwrap();
        let [_, payload] = decoded(&token);
        for input in [&input, &format!("{header}.{payload}"), &format!("{header}.")] {
            assert!(api.verify(&key.sign(input)).await.is_err(), "{input}");
        }
        let detached = key.sign(&format!("{header}.{payload}")).replace(&payload, "");
        assert!(api.verify(&detached).await.is_err());
    }
    for b64 in [json!(null), json!("true"), json!(0), json!([])] {
        assert!(api.verify(&key.sign(&good(&ISSUER).header("b64", &b64).signing_input())).await.is_err(), "{b64}");
    }
}

#[tokio::test(start_paused = true)]
async fn e9_a_name_that_is_unknown_is_not_replaced_by_trying() {
    let issuer = small_issuer();
    let api = app(&builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap());
    for kid in [json!("x"), json!("P-256-1"), json!(1), json!(null), json!(["p-256-1"]), json!({})] {
        assert_refused(&api, [(&kid, good(&issuer).header("kid", &kid).sign())]).await;
    }
    assert_accepted(&api, [("the name", good(&issuer).sign())]).await;
}

#[tokio::test]
async fn e9_a_name_stands_for_its_key_alone() {
    let keys = [OwnKey::generate(), OwnKey::generate()];
    let mut published = keys.each_ref().map(OwnKey::jwk);
    published[0]["kid"] = json!("one");
    published[1]["kid"] = json!("two");
    let api = builder_with_keys(ISSUER.url(), &json!({ "keys": published })).build().unwrap();
    for (number, key) in keys.iter().enumerate() {
        for (other, kid) in ["one", "two"].into_iter().enumerate() {
            let input = good(&ISSUER).header("kid", kid).signing_input();
            assert_eq!(api.verify(&key.sign(&input)).await.is_ok(), number == other, "key {number} as {kid}");
        }
    }
}

#[tokio::test]
async fn e10_without_a_name_at_most_seventeen_fitting_keys_are_tried() {
    let keys: Vec<_> = (0..19).map(|_| OwnKey::generate()).collect();
    let mut published: Vec<_> = keys.iter().map(OwnKey::jwk).collect();
    // These do not fit, so they do not count, wherever they stand.
    for (place, kty) in ["RSA", "OKP"].into_iter().enumerate() {
        let other = ISSUER.jwks()["keys"].as_array().unwrap().iter().find(|jwk| jwk["kty"] == kty).unwrap().clone();
        published.insert(place, other);
    }
    let api = builder_with_keys(ISSUER.url(), &json!({ "keys": published })).build().unwrap();
    let input = good(&ISSUER).without_header("kid").signing_input();
    // From the last on, because the one that verified last is always tried.
    for (number, key) in keys.iter().enumerate().rev() {
        assert_eq!(api.verify(&key.sign(&input)).await.is_ok(), number < 17, "{number}");
    }
    // Keys that share a name are the same case.
    let mut named = published;
    for jwk in &mut named {
        jwk["kid"] = json!("shared");
    }
    let api = builder_with_keys(ISSUER.url(), &json!({ "keys": named })).build().unwrap();
    let input = good(&ISSUER).header("kid", "shared").signing_input();
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(api.verify(&key.sign(&input)).await.is_ok(), number < 17, "{number}");
    }
}

#[tokio::test]
async fn e12_what_is_unknown_and_not_critical_is_ignored() {
    let api = app(&server(&ISSUER));
    for (name, value) in [("x", json!(1)), ("nonce", json!("n")), ("exp", json!("x")), ("a", json!({ "b": [null] }))] {
        assert_accepted(
            &api,
            [
                (name, good(&ISSUER).header(name, &value).sign()),
                (name, good(&ISSUER).claim(&format!("urn:{name}"), &value).sign()),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn e13_names_and_strings_compare_after_unescaping() {
    let api = app(&server(&ISSUER));
    let [header, payload] = decoded(&good(&ISSUER));
    let slashes = payload.replace('/', "\\/");
    assert_ne!(slashes, payload);
    assert_accepted(
        &api,
        [
            ("alg", good(&ISSUER).raw_header(header.replace("\"alg\"", r#""\u0061\u006C\u0067""#)).sign()),
            ("ES256", good(&ISSUER).raw_header(header.replace("ES256", r"E\u005325\u0036")).sign()),
            ("aud", good(&ISSUER).raw_payload(payload.replace("\"aud\"", r#""a\u0075d""#)).sign()),
            ("slashes", good(&ISSUER).raw_payload(slashes).sign()),
        ],
    )
    .await;
    assert_refused(
        &api,
        [
            ("another letter", good(&ISSUER).raw_header(header.replace("\"alg\"", "\"\u{ff41}lg\"")).sign()),
            ("escaped twice", good(&ISSUER).raw_header(header.replace("ES256", r"\\u0045S256")).sign()),
            ("no normalization", good(&ISSUER).raw_payload(payload.replace("\"aud\"", "\"a\u{fe00}ud\"")).sign()),
        ],
    )
    .await;
}

#[tokio::test]
async fn e21_e22_rsa_signatures_that_no_library_makes() {
    let vectors = RsaVectors::load();
    assert_accepted(&vectors.app, vectors.tokens(true)).await;
    assert_refused(&vectors.app, vectors.tokens(false)).await;
    assert_eq!((vectors.tokens(true).count(), vectors.tokens(false).count()), (5, 29));
}

#[tokio::test]
async fn d6_f1_f2_every_algorithm_by_its_key() {
    let api = app(&server(&ISSUER));
    for &algorithm in Algorithm::ALL {
        let token = token_by(algorithm);
        assert_accepted(&api, [(algorithm, token.sign()), (algorithm, token.clone().without_header("kid").sign())])
            .await;
    }
}

#[tokio::test]
async fn e21_e22_e23_a_signature_fits_to_the_bit() {
    let api = app(&server(&ISSUER));
    for &algorithm in Algorithm::ALL {
        let (input, signature) = signed(&token_by(algorithm));
        let (_, another) = signed(&token_by(algorithm));
        let length = signature.len();
        let mut mangled = vec![
            ("none".to_owned(), Vec::new()),
            ("one octet".to_owned(), vec![0]),
            ("zeros".to_owned(), vec![0; length]),
            ("ones".to_owned(), vec![0xff; length]),
            ("cut at the end".to_owned(), signature[..length - 1].to_vec()),
            ("cut at the front".to_owned(), signature[1..].to_vec()),
            ("half".to_owned(), signature[..length / 2].to_vec()),
            ("twice".to_owned(), signature.repeat(2)),
            ("a zero behind".to_owned(), [&*signature, &[0]].concat()),
            ("a zero before".to_owned(), [&[0], &*signature].concat()),
            ("backwards".to_owned(), signature.iter().rev().copied().collect()),
            ("another token's".to_owned(), another),
        ];
        for place in [0, 1, length / 3, length / 2 - 1, length / 2, length - 2, length - 1] {
            for bit in [0, 3, 7] {
                let mut flipped = signature.clone();
                flipped[place] ^= 1 << bit;
                mangled.push((format!("bit {bit} of octet {place}"), flipped));
            }
        }
        let tokens = mangled.into_iter();
        let tokens = tokens.map(|(what, octets)| (format!("{algorithm}: {what}"), with_signature(&input, octets)));
        assert_refused(&api, tokens).await;
        assert_accepted(&api, [(algorithm, with_signature(&input, signature))]).await;
    }
}

#[tokio::test]
async fn e32_the_signature_covers_header_and_payload() {
    let api = app(&server(&ISSUER));
    for &algorithm in Algorithm::ALL {
        let powerless = token_by(algorithm).scope("nothing");
        let (input, signature) = signed(&powerless);
        assert_refused(
            &api,
            [
                ("payload", with_signature(&powerless.clone().scope("read:me").signing_input(), &signature)),
                ("header", with_signature(&powerless.clone().header("x", 1).signing_input(), &signature)),
            ],
        )
        .await;
        present(&api, &with_signature(&input, &signature)).await.assert_insufficient_scope("read:me");
    }
}

/// The order of each curve's group (SEC 2), big-endian, as long as a coordinate.
pub(crate) fn orders() -> [(Algorithm, Vec<u8>); 3] {
    let octets = |hex: &str| -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    };
    [
        (Algorithm::ES256, octets("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")),
        (
            Algorithm::ES384,
            octets("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"),
        ),
        (
            Algorithm::ES512,
            octets(concat!(
                "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa",
                "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
            )),
        ),
    ]
}

/// `a + b`, big-endian; what does not fit is lost.
pub(crate) fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut sum: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let [high, low] = (u16::from(*a) + u16::from(*b) + carry).to_be_bytes();
            carry = high.into();
            low
        })
        .collect();
    sum.reverse();
    sum
}

/// `a - b`, as `a` plus the complement of `b` plus one.
pub(crate) fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let complement: Vec<u8> = b.iter().map(|octet| !octet).collect();
    let mut one = vec![0; a.len()];
    *one.last_mut().unwrap() = 1;
    add(&add(a, &complement), &one)
}

/// The form that X.509 has (RFC 3279 §2.2.3) and JOSE has not.
pub(crate) fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let number: Vec<u8> = number.iter().copied().skip_while(|octet| *octet == 0).collect();
        let sign = if number[0] >= 0x80 { &[0][..] } else { &[] };
        [&[2, u8::try_from(sign.len() + number.len()).unwrap()], sign, &number].concat()
    };
    let body = [integer(r), integer(s)].concat();
    let length = u8::try_from(body.len()).unwrap();
    let head = if length < 0x80 { vec![0x30, length] } else { vec![0x30, 0x81, length] };
    [head, body].concat()
}

#[tokio::test]
async fn e23_an_ecdsa_signature_is_two_numbers_in_range() {
    let api = app(&server(&ISSUER));
    for (algorithm, n) in orders() {
        let (input, signature) = signed(&token_by(algorithm));
        let (r, s) = signature.split_at(n.len());
        assert_eq!(s.len(), n.len(), "{algorithm}");
        let zero = vec![0; n.len()];
        let mut one = zero.clone();
        *one.last_mut().unwrap() = 1;
        let bad: [(&str, Vec<u8>); 16] = [
            ("r = s = 0", [&*zero, &zero].concat()),
            ("r = 0", [&*zero, s].concat()),
            ("s = 0", [r, &zero].concat()),
            ("r = s = 1", [&*one, &one].concat()),
            ("r = s = n", [&*n, &n].concat()),
            ("r = n", [&*n, s].concat()),
            ("s = n", [r, &n].concat()),
            ("r = n, s = 0", [&*n, &zero].concat()),
            ("r = s", [r, r].concat()),
            ("s before r", [s, r].concat()),
            ("n - r", [&*subtract(&n, r), s].concat()),
            ("DER", der(r, s)),
            ("DER with zeros to the length", {
                let mut padded = der(r, s);
                padded.resize(signature.len().max(padded.len()), 0);
                padded
            }),
            ("an octet more in each", [&[0], r, &[0], s].concat()),
            ("an octet more", [r, s, &[0]].concat()),
            ("a 4 in front, as of a point", [&[4], r, s].concat()),
        ];
        let tokens = bad.into_iter();
        let tokens = tokens.map(|(what, octets)| (format!("{algorithm}: {what}"), with_signature(&input, octets)));
        assert_refused(&api, tokens).await;
        // A P-521 number leaves seven bits free, so n more fits as well, and must not.
        if algorithm == Algorithm::ES512 {
            let beyond = [
                ("r + n", [&*add(r, &n), s].concat()),
                ("s + n", [r, &*add(s, &n)].concat()),
                ("the top bit", [&[r[0] | 0x80], &r[1..], s].concat()),
            ];
            assert_refused(&api, beyond.map(|(what, octets)| (what, with_signature(&input, octets)))).await;
        }
    }
}

#[tokio::test]
async fn e24_both_values_of_s_are_good() {
    let api = app(&server(&ISSUER));
    for (algorithm, n) in orders() {
        let (input, signature) = signed(&token_by(algorithm));
        let (r, s) = signature.split_at(n.len());
        let other = subtract(&n, s);
        assert_eq!(add(s, &other), n);
        // One of the two is the high one.
        assert_accepted(&api, [s, &other].map(|s| (algorithm, with_signature(&input, [r, s].concat())))).await;
    }
}

#[tokio::test]
async fn f2_both_names_of_ed25519_whichever_the_key_bears() {
    let issuer = TestIssuer::builder().algorithms([Algorithm::EdDSA, Algorithm::Ed25519]).start();
    for declared in [None, Some("EdDSA"), Some("Ed25519")] {
        let mut jwks = issuer.jwks();
        if let Some(declared) = declared {
            jwks["keys"][0]["alg"] = json!(declared);
        }
        let api = app(&builder_with_keys(issuer.url(), &jwks).build().unwrap());
        for algorithm in [Algorithm::EdDSA, Algorithm::Ed25519] {
            let token = issuer.token_by(algorithm).audience(AUDIENCE).scope("read:me");
            assert_accepted(&api, [(algorithm, token.sign())]).await;
        }
    }
}

#[tokio::test]
async fn f3_an_ed25519_signature_has_one_form() {
    /// The order of the base point (RFC 8032 §5.1), little-endian.
    const L: [u8; 32] =
        *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";
    let reversed = |octets: &[u8]| octets.iter().rev().copied().collect::<Vec<_>>();
    let api = app(&server(&ISSUER));
    let (input, signature) = signed(&token_by(Algorithm::Ed25519));
    let (r, s) = signature.split_at(32);
    let mut beyond = reversed(s);
    for times in 1..=8 {
        beyond = add(&beyond, &reversed(&L));
        let token = with_signature(&input, [r, &*reversed(&beyond)].concat());
        assert_refused(&api, [(format!("S + {times} L"), token)]).await;
    }
    assert_accepted(&api, [("S", with_signature(&input, signature))]).await;
}

#[tokio::test]
async fn f3_a_key_of_small_order_verifies_nothing() {
    let issuer = small_issuer();
    // Under the neutral element as the key, this one signature fits every message.
    let (mut neutral, s) = ([0; 32], [0; 32]);
    neutral[0] = 1;
    let mut jwks = issuer.jwks();
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "neutral", "x": URL_SAFE_NO_PAD.encode(neutral) });
    jwks["keys"].as_array_mut().unwrap().insert(0, key);
    let api = app(&builder_with_keys(issuer.url(), &jwks).build().unwrap());
    for alg in ["EdDSA", "Ed25519"] {
        let token = good(&issuer).header("alg", alg).without_header("kid");
        assert_refused(&api, [(alg, with_signature(&token.signing_input(), [neutral, s].concat()))]).await;
    }
    assert_accepted(&api, [("the key beside it", good(&issuer).sign())]).await;
}

#[tokio::test]
async fn f6_algorithms_beyond_the_list_are_refused() {
    let issuer = small_issuer();
    let api = app(&server(&issuer));
    let names = ["ES256K", "Ed448", "ESP256", "ESB256", "SLH-DSA-SHA2-128s", "RS1", "ML-DSA", "ml-dsa-44", "ES521"];
    assert_refused(&api, names.map(|name| (name, good(&issuer).header("alg", name).sign()))).await;
    assert_eq!(fetches(&issuer), (0, 0));
}

#[tokio::test]
async fn e26_e27_a_date_is_a_json_number_in_range() {
    let api = app(&server(&ISSUER));
    let dated = |name: &'static str, value: &'static str| {
        (format!("{name}: {value}"), with_raw_claim(good(&ISSUER), name, value).sign())
    };
    let late = [
        "4102444800",
        "4102444800.5",
        "4102444800.000",
        "4.1024448e9",
        "4.1024448E+9",
        "41024448000e-1",
        "9007199254740991",
        "9.007199254740991e15",
    ];
    assert_accepted(&api, late.map(|value| dated("exp", value))).await;
    for name in ["nbf", "iat"] {
        assert_refused(&api, late.map(|value| dated(name, value))).await;
        assert_accepted(&api, ["0", "-0", "1.5", "1e9", "-1", "1e-400"].map(|value| dated(name, value))).await;
    }
    let never = [
        "\"4102444800\"",
        "\"\"",
        "\"never\"",
        "\"2100-01-01T00:00:00Z\"",
        "null",
        "true",
        "false",
        "[4102444800]",
        "{\"seconds\":4102444800}",
        "1e400",
        "-1e400",
        "1e300",
        "-1e300",
        "1e19",
        "9007199254740994",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
        "-9223372036854775809",
        "NaN",
        "Infinity",
        "-Infinity",
        "0x10",
        "04102444800",
        "+4102444800",
        "4102444800.",
        ".5",
        "4102444800e",
        "4102444800L",
        "4_102_444_800",
        "4102444800;",
    ];
    for name in ["exp", "nbf", "iat"] {
        assert_refused(&api, never.map(|value| dated(name, value))).await;
    }
    assert_refused(&api, ["0", "-0", "-1", "1e9", "1.5", "1e-400"].map(|value| dated("exp", value))).await;
}

#[tokio::test]
async fn e29_one_json_object_and_nothing_after_it() {
    let api = app(&server(&ISSUER));
    let [header, payload] = decoded(&good(&ISSUER));
    let spoilt = |text: &str| {
        let body = &text[1..text.len() - 1];
        [
            String::new(),
            "null".to_owned(),
            "1".to_owned(),
            "[]".to_owned(),
            "{}".to_owned(),
            format!("[{text}]"),
            format!("[{text},{text}]"),
            format!("{text}{text}"),
            format!("{text}{{}}"),
            format!("{text}x"),
            format!("{text},"),
            format!("{text}\0"),
            format!("{text}\u{a0}"),
            format!("{text}//"),
            format!("/**/{text}"),
            format!("\0{text}"),
            format!("{{{body}"),
            format!("{body}}}"),
            format!("{{{body},}}"),
            format!("{{,{body}}}"),
            format!("{{{body},x:1}}"),
            format!("{{{body},'x':1}}"),
            format!("{{{body},\"x\"}}"),
            format!("{{{body},\"x\":}}"),
            format!("{{{body},\"x\":\"\n\"}}"),
            format!("{{{body},\"x\":\"\u{1}\"}}"),
            format!("{{{body},\"\t\":1}}"),
            format!("{{{body},\"x\":\"\\x41\"}}"),
            format!("{{{body},\"x\":undefined}}"),
            format!("{{{body},\"x\":NaN}}"),
            format!("{{{body},\"x\":01}}"),
            format!("{{{body},1:1}}"),
            Value::from(text).to_string(),
        ]
    };
    assert_refused(&api, spoilt(&header).map(|raw| (format!("header {raw:?}"), good(&ISSUER).raw_header(raw).sign())))
        .await;
    assert_refused(
        &api,
        spoilt(&payload).map(|raw| (format!("payload {raw:?}"), good(&ISSUER).raw_payload(raw).sign())),
    )
    .await;
    let spaced = |text: &str| format!(" \r\n\t{} \n", text.replace(',', " ,\n ").replace("\":", "\" : "));
    assert_accepted(
        &api,
        [
            ("header", good(&ISSUER).raw_header(spaced(&header)).sign()),
            ("payload", good(&ISSUER).raw_payload(spaced(&payload)).sign()),
        ],
    )
    .await;
}

#[tokio::test]
async fn e29_depth_is_bounded() {
    let api = app(&server(&ISSUER));
    let arrays = |levels: usize| format!("\"x\":{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("\"x\":{}1{}", "{\"x\":".repeat(levels), "}".repeat(levels));
    // The object around them is the first of 32 levels.
    for member in [arrays(31), objects(31)] {
        assert_accepted(
            &api,
            [
                ("header", with_raw_header(&good(&ISSUER), &member).sign()),
                ("payload", with_raw_member(&good(&ISSUER), &member).sign()),
            ],
        )
        .await;
    }
    // As many as a token's length allows.
    let open = format!("\"x\":{}", "[".repeat(11_000));
    for member in [arrays(32), objects(32), arrays(128), arrays(5_500), objects(1_800), open] {
        let tokens = [
            ("header", with_raw_header(&good(&ISSUER), &member).sign()),
            ("payload", with_raw_member(&good(&ISSUER), &member).sign()),
        ];
        assert!(tokens.iter().all(|(_, token)| token.len() <= 16 * 1024));
        assert_refused(&api, tokens).await;
    }
    // And more than that, where only the length is in the way.
    assert_refused(&api, [("10,000", with_raw_member(&good(&ISSUER), &arrays(10_000)).sign())]).await;
    // What is read, not skipped, is bounded as well.
    for name in ["aud", "scope", "iss", "cnf"] {
        let value = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert_refused(&api, [(name, with_raw_claim(good(&ISSUER), name, &value).sign())]).await;
    }
}

#[tokio::test]
async fn e30_a_nested_token_is_refused() {
    let api = app(&server(&ISSUER));
    for cty in [json!("JWT"), json!("jwt"), json!("Jwt"), json!("application/jwt"), json!(null), json!(["JWT"])] {
        let token = good(&ISSUER).header("cty", &cty);
        let nested = token.clone().raw_payload(good(&ISSUER).sign());
        assert_refused(&api, [(&cty, token.sign()), (&cty, nested.sign())]).await;
    }
    assert_refused(&api, [("unmarked", good(&ISSUER).raw_payload(good(&ISSUER).sign()).sign())]).await;
    let quoted = Value::from(good(&ISSUER).sign()).to_string();
    assert_refused(&api, [("as a JSON string", good(&ISSUER).raw_payload(quoted).sign())]).await;
    assert_accepted(&api, [("another", good(&ISSUER).header("cty", "json").sign())]).await;
}

#[tokio::test]
async fn e32_a_token_has_at_most_16_kib() {
    let api = app(&server(&ISSUER));
    let padded = |octets: usize| good(&ISSUER).claim("x", "x".repeat(octets));
    let length = |octets: usize| padded(octets).signing_input().len() + 1 + 86;
    let most = (11_000..12_288).rfind(|octets| length(*octets) <= 16 * 1024).unwrap();
    assert!(length(most) >= 16 * 1024 - 1, "base64url skips one length in four");
    assert_accepted(&api, [("at most", padded(most).sign())]).await;
    assert_refused(&api, [("more", padded(most + 1).sign())]).await;
}

#[tokio::test]
async fn e32_no_claim_is_handed_on_before_the_signature_is_verified() {
    static READ: AtomicUsize = AtomicUsize::new(0);
    struct Spy;
    impl<'de> serde::Deserialize<'de> for Spy {
        fn deserialize<D: serde::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
            READ.fetch_add(1, Ordering::Relaxed);
            serde::de::IgnoredAny::deserialize(json).map(|_| Self)
        }
    }

    let (issuer, stranger) = (small_issuer(), small_issuer());
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).claims::<Spy>().build().unwrap();
    for forged in [good(&issuer).signed_by(&stranger), good(&issuer).header("alg", "none"), good(&issuer).audience("x")]
    {
        api.verify(&forged.sign()).await.unwrap_err();
    }
    assert_eq!(READ.load(Ordering::Relaxed), 0);
    api.verify(&good(&issuer).sign()).await.unwrap();
    assert_eq!(READ.load(Ordering::Relaxed), 1);
}

/// What jsonwebtoken says of a token by `algorithm`, asked for as much as it can be asked for.
fn second_opinion(algorithm: Algorithm, token: &str) -> bool {
    let name: jsonwebtoken::Algorithm = algorithm.name().parse().unwrap();
    let header: Value = serde_json::from_str(&decoded(&token_by(algorithm))[0]).unwrap();
    let jwks = ISSUER.jwks();
    let jwk = jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == header["kid"]).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&serde_json::from_value(jwk.clone()).unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(name);
    validation.leeway = 30;
    validation.validate_nbf = true;
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER.url()]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok()
}

#[tokio::test]
async fn a_second_judge_disagrees_only_where_we_know_why() {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let api = server(&ISSUER);
    let token = || token_by(ES256);
    let [_, payload] = decoded(&token());
    let (input, signature) = signed(&token());
    let (good_input, good_signature) = signed(&token());
    let mut cases: Vec<(&str, Algorithm, String, Option<&str>)> =
        [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA]
            .into_iter()
            .flat_map(|algorithm| {
                let (input, mut signature) = signed(&token_by(algorithm));
                let good = with_signature(&input, &signature);
                signature[9] ^= 1;
                [
                    ("good", algorithm, good, None),
                    ("one bit flipped", algorithm, with_signature(&input, signature), None),
                ]
            })
            .collect();
    cases.extend([
        ("expired", ES256, token().expired_for(Duration::from_secs(90)).sign(), None),
        ("expired within the leeway", ES256, token().expired_for(Duration::from_secs(5)).sign(), None),
        ("not yet valid", ES256, token().claim("nbf", 4_102_444_800_u64).sign(), None),
        ("another audience", ES256, token().audience("x").sign(), None),
        ("one audience of two", ES256, token().claim("aud", ["x", AUDIENCE]).sign(), None),
        ("no audience", ES256, token().without_claim("aud").sign(), None),
        ("another issuer", ES256, token().claim("iss", "x").sign(), None),
        ("no issuer", ES256, token().without_claim("iss").sign(), None),
        ("no exp", ES256, token().without_claim("exp").sign(), None),
        ("no subject", ES256, token().without_claim("sub").sign(), None),
        ("a fraction", ES256, with_raw_claim(token(), "exp", "4102444800.5").sign(), None),
        ("alg none", ES256, token().header("alg", "none").sign(), None),
        ("alg HS256", ES256, token().header("alg", "HS256").sign(), None),
        ("alg of another key", ES256, token().header("alg", "RS256").sign(), None),
        ("no signature", ES256, format!("{input}."), None),
        ("a signature cut short", ES256, with_signature(&input, &signature[..63]), None),
        ("padding", ES256, format!("{}=", with_signature(&good_input, &good_signature)), None),
        ("two objects", ES256, token().raw_payload(format!("{payload}{payload}")).sign(), None),
        ("a byte order mark", ES256, token().raw_payload(format!("\u{feff}{payload}")).sign(), None),
        ("exp as a string", ES256, token().claim("exp", "4102444800").sign(), None),
        ("exp beyond all dates", ES256, with_raw_claim(token(), "exp", "1e300").sign(), None),
        ("from the future", ES256, token().claim("iat", 4_102_444_800_u64).sign(), Some("it does not look at iat")),
        (
            "a logout token's type",
            ES256,
            token().header("typ", "logout+jwt").sign(),
            Some("it leaves typ to its caller"),
        ),
        ("critical", ES256, token().header("crit", ["x"]).header("x", 1).sign(), None),
        ("unencoded", ES256, token().header("b64", false).sign(), None),
        ("nested", ES256, token().header("cty", "JWT").sign(), Some("it leaves cty to its caller")),
        ("bound", ES256, token().claim("cnf", json!({ "jkt": "x" })).sign(), Some("it leaves cnf to its caller")),
        ("an ID token", ES256, token().claim("at_hash", "x").sign(), Some("it knows no kinds of tokens")),
        ("an empty subject", ES256, token().subject("").sign(), Some("present is enough for it")),
        (
            "a claim twice",
            ES256,
            with_raw_member(&token(), r#""x":1,"x":1"#).sign(),
            Some("the last of two unregistered claims counts for it"),
        ),
        ("aud twice", ES256, with_raw_member(&token(), r#""aud":"x""#).sign(), None),
        ("alg twice", ES256, with_raw_header(&token(), r#""alg":"ES256""#).sign(), None),
        (
            "an unknown header twice",
            ES256,
            with_raw_header(&token(), r#""x":1,"x":1"#).sign(),
            Some("the last of two unregistered members counts for it"),
        ),
        (
            "33 levels",
            ES256,
            with_raw_member(&token(), &format!("\"x\":{}{}", "[".repeat(32), "]".repeat(32))).sign(),
            Some("serde_json's own limit of 128 levels is its limit"),
        ),
        ("a name that is no string", ES256, token().header("kid", 1).sign(), None),
        ("an audience that is no string", ES256, token().claim("aud", json!([AUDIENCE, 1])).sign(), None),
        ("longer than 16 KiB", ES256, token().claim("x", "x".repeat(16 * 1024)).sign(), Some("it has no limit")),
        (
            "bits to spare",
            ES256,
            format!("{good_input}.{}", with_spare_bits(&URL_SAFE_NO_PAD.encode(&good_signature)).remove(0)),
            None,
        ),
    ]);
    let mut surprises = Vec::new();
    for (what, algorithm, token, reason) in cases {
        let (ours, theirs) = (api.verify(&token).await.is_ok(), second_opinion(algorithm, &token));
        if (ours != theirs) != reason.is_some() {
            surprises.push(format!("{algorithm}, {what}: {ours} here, {theirs} there, listed: {reason:?}"));
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
}

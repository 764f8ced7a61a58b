//! The forgeries that RFC 8725 warns of, and what they may cost: nothing, least of all a request to somebody.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::server::ConfigError;
use tower_bearer::testing::{Endpoint, TestIssuer, TokenBuilder};
use tower_bearer::token::Profile;
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::{
    AUDIENCE, ISSUER, RsaVectors, app, assert_accepted, assert_refused, builder_with_keys, decoded, fetches, good,
    present, send, server, small_issuer, strict_server,
};

fn token_by(issuer: &TestIssuer, algorithm: Algorithm) -> TokenBuilder {
    issuer.token_by(algorithm).audience(AUDIENCE).scope("read:me")
}

fn rsa_and_ec_issuer() -> TestIssuer {
    TestIssuer::builder().algorithms([Algorithm::RS256, Algorithm::ES256]).start()
}

fn octets(base64url: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(base64url.as_str().unwrap()).unwrap()
}

/// How often an issuer was asked for anything.
fn all_requests(issuer: &TestIssuer) -> usize {
    let (metadata, keys) = fetches(issuer);
    metadata + keys
}

#[tokio::test]
async fn d1_alg_is_one_of_a_list_exactly() {
    let issuer = rsa_and_ec_issuer();
    let api = app(&server(&issuer));
    let names = [
        "rs256",
        "Rs256",
        "RS256 ",
        " RS256",
        "RS256\0",
        "RS256\n",
        "RS-256",
        "RSA256",
        "RS2560",
        "RS25",
        "RSASSA",
        "SHA256withRSA",
        "ES256K",
        "es256",
        "HS256",
        "dir",
        "RSA-OAEP",
        "A256GCM",
        "*",
        "",
    ];
    for algorithm in [Algorithm::RS256, Algorithm::ES256] {
        let tokens = names.map(|name| (name, token_by(&issuer, algorithm).header("alg", name).sign()));
        assert_refused(&api, tokens).await;
    }
    assert_eq!(fetches(&issuer), (0, 0));
    assert_accepted(&api, [("RS256", token_by(&issuer, Algorithm::RS256).sign())]).await;
}

#[test]
fn d1_an_empty_list_is_an_error_not_every_algorithm() {
    let issuer = Issuer::discover("https://issuer.example.test").unwrap().algorithms([]);
    let error = ResourceServer::builder(AUDIENCE).trust(issuer).build().err();
    assert_eq!(error, Some(ConfigError::NoAlgorithm { issuer: "https://issuer.example.test".into() }));
}

#[tokio::test]
async fn d1_only_what_is_on_the_list() {
    for only in [Algorithm::RS256, Algorithm::PS512, Algorithm::ES256, Algorithm::Ed25519, Algorithm::MlDsa44] {
        let issuer = ISSUER.issuer().algorithms([only]);
        let api = app(&ResourceServer::builder(AUDIENCE).trust(issuer).build().unwrap());
        assert_accepted(&api, [(only, token_by(&ISSUER, only).sign())]).await;
        let others = Algorithm::ALL.iter().copied().filter(|algorithm| *algorithm != only);
        assert_refused(&api, others.map(|other| (other, token_by(&ISSUER, other).sign()))).await;
    }
}

#[tokio::test]
async fn d2_a_key_serves_no_algorithm_of_another_kind() {
    let api = app(&builder_with_keys(ISSUER.url(), &ISSUER.jwks()).build().unwrap());
    let ed25519 = [Algorithm::EdDSA, Algorithm::Ed25519];
    for &signed in Algorithm::ALL {
        for &claimed in Algorithm::ALL {
            // Two names of one scheme.
            if signed == claimed || (ed25519.contains(&signed) && ed25519.contains(&claimed)) {
                continue;
            }
            let token = token_by(&ISSUER, signed).header("alg", claimed.name());
            assert_refused(
                &api,
                [
                    (format!("{signed} as {claimed}"), token.sign()),
                    (format!("{signed} as {claimed} without kid"), token.without_header("kid").sign()),
                ],
            )
            .await;
        }
    }
}

#[tokio::test]
async fn d2_a_key_that_names_its_algorithm_serves_no_other() {
    let rsa =
        [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
    let issuer = TestIssuer::builder().algorithms(rsa).start();
    for declared in rsa {
        let mut jwks = issuer.jwks();
        jwks["keys"][0]["alg"] = json!(declared.name());
        let api = app(&builder_with_keys(issuer.url(), &jwks).build().unwrap());
        for used in rsa {
            let tokens = [
                (format!("{used} by a key for {declared}"), token_by(&issuer, used).sign()),
                ("without kid".to_owned(), token_by(&issuer, used).without_header("kid").sign()),
            ];
            if used == declared { assert_accepted(&api, tokens).await } else { assert_refused(&api, tokens).await }
        }
    }
}

#[tokio::test]
async fn d3_the_list_is_each_issuers_own() {
    let (one, two) = (rsa_and_ec_issuer(), rsa_and_ec_issuer());
    let api = ResourceServer::builder(AUDIENCE)
        .trust(one.issuer().algorithms([Algorithm::ES256]))
        .trust(two.issuer().algorithms([Algorithm::RS256]));
    let api = app(&api.build().unwrap());
    for (issuer, allowed, other) in
        [(&one, Algorithm::ES256, Algorithm::RS256), (&two, Algorithm::RS256, Algorithm::ES256)]
    {
        assert_refused(&api, [(other, token_by(issuer, other).sign())]).await;
        assert_eq!(fetches(issuer), (0, 0));
        assert_accepted(&api, [(allowed, token_by(issuer, allowed).sign())]).await;
    }
}

/// Whatever a confused verifier may take for the secret: the public keys of the issuer in every form there is.
pub(crate) fn public_material(jwks: &Value) -> Vec<(String, Vec<u8>)> {
    const EC_INFO: &[u8] =
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";
    const RSA_INFO: &[u8] =
        b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01\x0f\x00";
    const RSA_KEY: &[u8] = b"\x30\x82\x01\x0a\x02\x82\x01\x01\x00";
    const RSA_EXPONENT: &[u8] = b"\x02\x03\x01\x00\x01";

    let mut material = vec![
        ("nothing".to_owned(), Vec::new()),
        ("the key set".to_owned(), jwks.to_string().into_bytes()),
        ("the key set, pretty".to_owned(), serde_json::to_vec_pretty(jwks).unwrap()),
    ];
    for jwk in jwks["keys"].as_array().unwrap() {
        let kid = jwk["kid"].as_str().unwrap();
        let mut add = |what: &str, secret: Vec<u8>| material.push((format!("{kid}: {what}"), secret));
        add("JWK", jwk.to_string().into_bytes());
        add("JWK, pretty", serde_json::to_vec_pretty(jwk).unwrap());
        add("kid", kid.as_bytes().to_vec());
        for member in ["n", "e", "x", "y"] {
            let Some(text) = jwk[member].as_str() else { continue };
            add(member, octets(&jwk[member]));
            add("as text", text.as_bytes().to_vec());
        }
        let der = if jwk["kty"] == "RSA" {
            let key = [RSA_KEY, &octets(&jwk["n"]), RSA_EXPONENT].concat();
            add("PKCS#1", key.clone());
            [RSA_INFO, &key].concat()
        } else {
            let point = [octets(&jwk["x"]), octets(&jwk["y"])].concat();
            add("point", [b"\x04".as_slice(), &point].concat());
            [EC_INFO, &point].concat()
        };
        let lines: Vec<_> = STANDARD.encode(&der).as_bytes().chunks(64).map(<[u8]>::to_vec).collect();
        let pem =
            [b"-----BEGIN PUBLIC KEY-----\n".to_vec(), lines.join(&b'\n'), b"\n-----END PUBLIC KEY-----".to_vec()]
                .concat();
        add("DER", der);
        add("PEM, a line feed at the end", [&*pem, b"\n"].concat());
        add("PEM", pem);
    }
    material
}

fn with_hmac(token: &TokenBuilder, algorithm: hmac::Algorithm, secret: &[u8]) -> String {
    let input = token.signing_input();
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[tokio::test]
async fn d4_no_hmac_with_public_material() {
    let issuer = rsa_and_ec_issuer();
    let api = app(&server(&issuer));
    let forged: Vec<_> = public_material(&issuer.jwks())
        .into_iter()
        .flat_map(|(what, secret)| {
            let families = [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)];
            let bases = [Algorithm::RS256, Algorithm::ES256].map(|base| token_by(&issuer, base));
            bases.into_iter().flat_map(move |base| {
                let (what, secret) = (what.clone(), secret.clone());
                families.map(|(name, algorithm)| {
                    (format!("{name}: {what}"), with_hmac(&base.clone().header("alg", name), algorithm, &secret))
                })
            })
        })
        .collect();
    assert_refused(&api, forged.clone()).await;
    assert_eq!(fetches(&issuer), (0, 0), "no forgery is worth a fetch");
    for algorithm in [Algorithm::RS256, Algorithm::ES256] {
        assert_accepted(&api, [(algorithm, token_by(&issuer, algorithm).sign())]).await;
    }
    assert_refused(&api, forged).await;
    assert_eq!(fetches(&issuer), (1, 1));
    // The tag under the name of a real algorithm.
    let tagged = public_material(&issuer.jwks())
        .into_iter()
        .map(|(what, secret)| (what, with_hmac(&token_by(&issuer, Algorithm::RS256), hmac::HMAC_SHA256, &secret)));
    assert_refused(&api, tagged).await;
}

#[tokio::test]
async fn d4_a_published_secret_verifies_nothing() {
    let (issuer, secret) = (small_issuer(), b"a secret of enough octets for SHA-256".as_slice());
    for symmetric in [
        json!({ "kty": "oct", "kid": "secret", "k": URL_SAFE_NO_PAD.encode(secret) }),
        json!({ "kty": "oct", "kid": "secret", "alg": "HS256", "use": "sig", "k": URL_SAFE_NO_PAD.encode(secret) }),
        json!({ "kty": "oct", "kid": "secret", "alg": "ES256", "k": URL_SAFE_NO_PAD.encode(secret) }),
    ] {
        let mut jwks = issuer.jwks();
        jwks["keys"].as_array_mut().unwrap().insert(0, symmetric);
        let api = app(&builder_with_keys(issuer.url(), &jwks).build().unwrap());
        let forged = good(&issuer).header("kid", "secret");
        assert_refused(
            &api,
            [
                ("HS256", with_hmac(&forged.clone().header("alg", "HS256"), hmac::HMAC_SHA256, secret)),
                ("ES256", with_hmac(&forged.clone(), hmac::HMAC_SHA256, secret)),
                ("no kid", with_hmac(&forged.without_header("kid"), hmac::HMAC_SHA256, secret)),
            ],
        )
        .await;
        assert_accepted(&api, [("the key beside it", good(&issuer).sign())]).await;
    }
}

#[tokio::test]
async fn d5_none_in_no_spelling() {
    let issuer = small_issuer();
    let api = app(&server(&issuer));
    let spellings = (0..16_u8).map(|upper| {
        let letter = |(place, letter): (usize, char)| {
            if upper >> place & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        };
        "none".chars().enumerate().map(letter).collect::<String>()
    });
    for name in spellings.chain(["none ", " none", "none\0", "", "null", "nine"].map(str::to_owned)) {
        let token = good(&issuer).header("alg", &name);
        assert_refused(
            &api,
            [
                (&name, token.sign()),
                (&name, format!("{}.", token.signing_input())),
                (&name, token.signing_input()),
                (&name, format!("{}.{}", token.signing_input(), URL_SAFE_NO_PAD.encode([0; 64]))),
                (&name, format!("{}.", token.without_header("kid").signing_input())),
            ],
        )
        .await;
    }
    assert_eq!(fetches(&issuer), (0, 0));
}

#[tokio::test]
async fn d9_an_rsa_key_of_1024_bits_verifies_nothing() {
    let vectors = RsaVectors::load();
    let weak = "RS256 by a key of 1024 bits";
    let (_, token) = vectors.tokens(false).find(|(what, _)| *what == weak).unwrap();
    let jwk = &vectors.jwks["keys"][1];
    assert_eq!(octets(&jwk["n"]).len(), 128);
    let (input, signature) = token.rsplit_once('.').unwrap();
    RsaPublicKeyComponents { n: octets(&jwk["n"]), e: octets(&jwk["e"]) }
        .verify(
            &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            input.as_bytes(),
            &URL_SAFE_NO_PAD.decode(signature).unwrap(),
        )
        .expect("nothing is wrong with the token but the length of its key");
    assert_refused(&vectors.app, [(weak, token)]).await;
    assert_accepted(&vectors.app, vectors.tokens(true)).await;
}

#[tokio::test]
async fn d9_a_set_of_weak_keys_alone_is_no_set_to_judge_by() {
    let issuer = small_issuer();
    issuer.set_jwks(json!({ "keys": [RsaVectors::load().jwks["keys"][1]] }));
    present(&app(&server(&issuer)), &good(&issuer).sign()).await.assert_keys_unavailable();
}

#[tokio::test]
async fn d11_header_and_claims_are_utf8_without_a_mark() {
    let api = app(&server(&ISSUER));
    let [header, payload] = decoded(&good(&ISSUER));
    let utf16 = |text: &str, octets: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(octets).collect::<Vec<_>>();
    let with = |text: &str, octets: &[u8]| {
        let inner = [br#"{"x":""#, octets, br#"","#].concat();
        [&*inner, &text.as_bytes()[1..]].concat()
    };
    let spoilt = |text: &str| {
        [
            ("a byte order mark", format!("\u{feff}{text}").into_bytes()),
            ("UTF-16LE", utf16(text, u16::to_le_bytes)),
            ("UTF-16BE", utf16(text, u16::to_be_bytes)),
            ("UTF-16 with a mark", utf16(&format!("\u{feff}{text}"), u16::to_le_bytes)),
            ("UTF-32LE", text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
            ("Latin-1", with(text, b"\xe9")),
            ("an overlong slash", with(text, b"\xc0\xaf")),
            ("an overlong NUL", with(text, b"\xc0\x80")),
            ("half a surrogate pair", with(text, b"\xed\xa0\x80")),
            ("a surrogate pair", with(text, b"\xed\xa0\xbd\xed\xb8\x80")),
            ("beyond Unicode", with(text, b"\xf4\x90\x80\x80")),
            ("a sequence cut short", with(text, b"\xe2\x82")),
            ("0xFF", with(text, b"\xff")),
            ("an escaped half of a surrogate pair", with(text, br"\ud800")),
            ("the other half", with(text, br"\ude00")),
        ]
    };
    assert_refused(&api, spoilt(&header).map(|(what, raw)| (what, good(&ISSUER).raw_header(raw).sign()))).await;
    assert_refused(&api, spoilt(&payload).map(|(what, raw)| (what, good(&ISSUER).raw_payload(raw).sign()))).await;
    for fine in ["\u{e9}\u{20ac}\u{1f600}".as_bytes(), br"\u00e9\ud83d\ude00\u0000"] {
        assert_accepted(
            &api,
            [
                ("header", good(&ISSUER).raw_header(with(&header, fine)).sign()),
                ("payload", good(&ISSUER).raw_payload(with(&payload, fine)).sign()),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn d12_an_unknown_issuer_is_refused_before_anything_is_fetched() {
    let (issuer, evil) = (small_issuer(), small_issuer());
    let api = app(&server(&issuer));
    let (own, foreign) = (issuer.url(), evil.url());
    let tokens = [
        ("a stranger's", good(&evil).sign()),
        ("a stranger's kid", good(&evil).header("kid", "x").sign()),
        ("no iss", good(&issuer).without_claim("iss").sign()),
        ("empty", good(&issuer).claim("iss", "").sign()),
        ("both", good(&issuer).claim("iss", [own, foreign]).sign()),
        ("both in one", good(&issuer).claim("iss", format!("{own} {foreign}")).sign()),
        ("within the other's", good(&issuer).claim("iss", format!("{foreign}/{own}")).sign()),
        ("a user name", good(&issuer).claim("iss", foreign.replace("//", "//login@")).sign()),
        ("a file", good(&issuer).claim("iss", "file:///etc/passwd").sign()),
    ];
    assert_refused(&api, tokens).await;
    assert_eq!((all_requests(&issuer), all_requests(&evil)), (0, 0));
}

#[tokio::test]
async fn d12_what_cannot_pass_costs_no_fetch() {
    let issuer = small_issuer();
    let api = app(&server(&issuer));
    let token = || good(&issuer).header("kid", "unknown");
    let other = "https://other.example.test";
    let tokens = [
        ("another alg", token().header("alg", "HS256").sign()),
        ("another type", token().header("typ", "logout+jwt").sign()),
        ("another audience", token().audience(other).sign()),
        ("expired", token().claim("exp", 1_500_000_000).sign()),
        ("not yet valid", token().claim("nbf", 4_102_444_800_u64).sign()),
        ("from the future", token().claim("iat", 4_102_444_800_u64).sign()),
        ("an ID token", token().claim("at_hash", "x").sign()),
        ("bound", token().claim("cnf", json!({})).sign()),
        ("nobody's", token().without_claim("sub").sign()),
        ("critical", token().header("crit", ["x"]).sign()),
        ("twice", token().raw_payload(r#"{"iss":"x","iss":"y"}"#).sign()),
        ("long", token().claim("x", "x".repeat(16 * 1024)).sign()),
    ];
    assert_refused(&api, tokens).await;
    assert_eq!(fetches(&issuer), (0, 0));
    present(&api, &token().sign()).await.assert_invalid_token();
    assert_ne!(fetches(&issuer), (0, 0), "the name alone would have cost one");
}

#[test]
fn d14_the_audience_cannot_be_left_out() {
    let issuer = || Issuer::discover("https://issuer.example.test").unwrap();
    for audience in ["", "\n", "a\0", "\u{e9}"] {
        let error = Some(ConfigError::Audience { value: audience.into() });
        assert_eq!(ResourceServer::builder(audience).trust(issuer()).build().err(), error);
        assert_eq!(ResourceServer::builder(AUDIENCE).trust(issuer().audience(audience)).build().err(), error);
    }
    assert!(ResourceServer::builder(AUDIENCE).trust(issuer()).build().is_ok());
}

#[tokio::test]
async fn d14_an_issuers_own_audience_stands_in_place_of_the_servers() {
    let (one, two) = (small_issuer(), small_issuer());
    let api = ResourceServer::builder(AUDIENCE).trust(one.issuer()).trust(two.issuer().audience("a").audience("b"));
    let api = app(&api.build().unwrap());
    let for_whom = |issuer: &TestIssuer, audience: &'static str| (audience, good(issuer).audience(audience).sign());
    assert_accepted(&api, [for_whom(&one, AUDIENCE), for_whom(&two, "a"), for_whom(&two, "b")]).await;
    assert_refused(&api, [for_whom(&one, "a"), for_whom(&one, "b"), for_whom(&two, AUDIENCE), for_whom(&two, "c")])
        .await;
}

#[tokio::test(start_paused = true)]
async fn d15_a_key_name_is_a_name_and_nothing_else() {
    let (issuer, evil) = (small_issuer(), small_issuer());
    let api = app(&builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap());
    let jwks_url = evil.jwks_url();
    let kids = [
        "../../../../dev/null",
        "/etc/passwd",
        "x' UNION SELECT 'key' --",
        &jwks_url,
        "file:///dev/null",
        "P-256-1",
        "p-256-1 ",
        " p-256-1",
        "p-256-1\0",
        "p-256-01",
        "p-256",
        "0",
        "*",
        "",
    ];
    assert_refused(&api, kids.map(|kid| (kid, good(&issuer).header("kid", kid).sign()))).await;
    // An empty secret, where the name leads to an empty file.
    let forged = good(&issuer).header("alg", "HS256").header("kid", kids[0]);
    assert_refused(&api, [("the null device", with_hmac(&forged, hmac::HMAC_SHA256, b""))]).await;
    assert_accepted(&api, [("the name", good(&issuer).sign())]).await;
    assert_eq!(all_requests(&evil), 0);
}

#[tokio::test(start_paused = true)]
async fn d15_e11_a_token_brings_no_key_along() {
    let (issuer, evil) = (small_issuer(), small_issuer());
    evil.rotate();
    let api = app(&builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap());
    let key = evil.jwks()["keys"][0].clone();
    let own = &issuer.jwks()["keys"][0]["kid"];
    let certificate = "MIIBszCCAVmgAwIBAgIBATAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARldmls";
    let mut renamed = key.clone();
    renamed["kid"] = own.clone();
    for (name, value) in [
        ("jwk", key.clone()),
        ("jwk", renamed),
        ("jwk", json!({ "keys": [key] })),
        ("jku", json!(evil.jwks_url())),
        ("jku", json!(format!("{}#", evil.jwks_url()))),
        ("jwks_uri", json!(evil.jwks_url())),
        ("x5u", json!(evil.jwks_url())),
        ("x5c", json!([certificate])),
        ("x5t", json!("dGh1bWJwcmludA")),
        ("x5t#S256", json!("bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2")),
    ] {
        let genuine = good(&issuer).header(name, &value);
        let forged = genuine.clone().signed_by(&evil);
        assert_refused(
            &api,
            [
                (name, forged.sign()),
                (name, forged.clone().header("kid", &key["kid"]).sign()),
                (name, forged.clone().without_header("kid").sign()),
            ],
        )
        .await;
        // RFC 7515 §4: what is not understood is ignored, so it does no harm either.
        assert_accepted(&api, [(name, genuine.sign())]).await;
    }
    assert_eq!(all_requests(&evil), 0);
    for endpoint in [Endpoint::OAuthMetadata, Endpoint::OpenIdMetadata, Endpoint::Jwks] {
        assert_eq!(issuer.requests(endpoint), 0);
    }
}

#[tokio::test]
async fn d17_a_type_that_is_present_is_an_expected_one() {
    for api in [app(&server(&ISSUER)), app(&strict_server(&ISSUER))] {
        let types = [
            "logout+jwt",
            "dpop+jwt",
            "secevent+jwt",
            "id_token+jwt",
            "id+jwt",
            "rt+jwt",
            "token-introspection+jwt",
            "oauth-authz-req+jwt",
            "client-authentication+jwt",
            "passport",
            "vc+jwt",
            "dc+sd-jwt",
            "application/jwt",
            "application/logout+jwt",
            "JWS",
            "unheard-of",
        ];
        assert_refused(&api, types.map(|typ| (typ, good(&ISSUER).header("typ", typ).sign()))).await;
    }
}

#[tokio::test]
async fn d18_no_password_is_ever_stretched() {
    let issuer = small_issuer();
    let api = app(&server(&issuer));
    for alg in ["PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"] {
        let token = good(&issuer)
            .header("alg", alg)
            .header("enc", "A128GCM")
            .header("p2s", "c2FsdHNhbHQ")
            .header("p2c", 2_147_483_648_u32);
        assert_refused(
            &api,
            [
                ("five parts", format!("{}.AAAA.AAAA.AAAA", token.signing_input())),
                ("three parts", token.sign()),
                ("three parts, no enc", token.without_header("enc").sign()),
            ],
        )
        .await;
    }
    assert_eq!(fetches(&issuer), (0, 0));
}

#[tokio::test]
async fn d19_the_compact_form_alone() {
    let issuer = small_issuer();
    let (api, token) = (app(&server(&issuer)), good(&issuer).sign());
    let parts: Vec<_> = token.split('.').collect();
    let flattened = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] });
    let general = json!({ "payload": parts[1], "signatures": [{ "protected": parts[0], "signature": parts[2] }] });
    for json in [flattened.to_string(), general.to_string()] {
        send(&api, "/me", [format!("Bearer {json}").as_bytes()]).await.assert_invalid_request();
        let encoded = URL_SAFE_NO_PAD.encode(&json);
        assert_refused(
            &api,
            [
                ("encoded", encoded.clone()),
                ("encoded as the payload", format!("{}.{encoded}.{}", parts[0], parts[2])),
                ("encoded as the header", format!("{encoded}.{}.{}", parts[1], parts[2])),
            ],
        )
        .await;
    }
    assert_eq!(fetches(&issuer), (0, 0));
    assert_accepted(&api, [("compact", token)]).await;
}

#[tokio::test]
async fn d19_e2_no_character_beyond_the_alphabet() {
    let issuer = small_issuer();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).profile(Profile::Rfc9068).build().unwrap();
    let token = good(&issuer).sign();
    api.verify(&token).await.unwrap();
    let dots: Vec<_> = token.match_indices('.').map(|(place, _)| place).collect();
    let places = [0, 1, dots[0], dots[0] + 1, dots[0] + 5, dots[1], dots[1] + 1, dots[1] + 7, token.len()];
    let outside = (0..=127_u8).map(char::from).filter(|c| !c.is_ascii_alphanumeric() && !"-_".contains(*c));
    for c in outside.chain(['\u{e9}', '\u{2011}', '\u{ff0e}', '\u{feff}']) {
        for place in places {
            let mut inserted = token.clone();
            inserted.insert(place, c);
            assert!(api.verify(&inserted).await.is_err(), "{c:?} at {place}");
            if place < token.len() && !dots.contains(&place) {
                let mut replaced = token.clone();
                replaced.replace_range(place..=place, c.encode_utf8(&mut [0; 4]));
                assert!(api.verify(&replaced).await.is_err(), "{c:?} for {place}");
            }
        }
    }
}

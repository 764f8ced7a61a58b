//! The keys and signatures in the RFCs' appendices.

use aws_lc_rs::signature::{self as lc, KeyPair as _, PqdsaKeyPair};
use serde_json::{Value, json};

use super::{key, thumbprint};
use crate::jose::jws::SignatureError;
use crate::jose::{Algorithm, JwkSet, JwsError, KnownHeaders, Scratch, UnusableJwk, Unverified, base64url};

/// A published key, and what was signed with it.
struct Example {
    place: &'static str,
    algorithm: Algorithm,
    jwk: &'static str,
    jws: &'static str,
}

const EXAMPLES: [Example; 7] = [
    Example {
        place: "RFC 7515 A.2",
        algorithm: Algorithm::RS256,
        jwk: r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
        jws: "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    },
    Example {
        place: "RFC 7515 A.3",
        algorithm: Algorithm::ES256,
        jwk: r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        jws: "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    },
    Example {
        place: "RFC 7515 A.4",
        algorithm: Algorithm::ES512,
        jwk: r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#,
        jws: "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
    },
    Example { place: "RFC 7520 4.1", algorithm: Algorithm::RS256, jwk: BILBO_RSA, jws: RFC7520_RS256 },
    Example {
        place: "RFC 7520 4.2",
        algorithm: Algorithm::PS384,
        jwk: BILBO_RSA,
        jws: "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
    },
    Example {
        place: "RFC 7520 4.3",
        algorithm: Algorithm::ES512,
        jwk: BILBO_EC,
        jws: "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
    },
    Example {
        place: "RFC 8037 A.4 and A.5",
        algorithm: Algorithm::EdDSA,
        jwk: ED25519,
        jws: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    },
];

/// RFC 7520 3.1.
const BILBO_EC: &str = r#"{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}"#;

/// RFC 7520 3.3.
const BILBO_RSA: &str = r#"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#;

const RFC7520_RS256: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg";

/// RFC 8037 A.2.
pub(super) const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// RFC 7638 §3.1; RFC 7517 A.1 has the same key.
pub(super) const RSA_MODULUS: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

/// RFC 7515 A.1 and RFC 7520 4.4.
const HS256: [&str; 2] = [
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
];

/// RFC 7515 A.5.
const NONE: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";

impl Example {
    fn keys(&self) -> JwkSet {
        JwkSet::from_json(format!(r#"{{"keys":[{}]}}"#, self.jwk).as_bytes()).unwrap()
    }

    fn parts(&self) -> [&'static str; 3] {
        let (input, signature) = self.jws.rsplit_once('.').unwrap();
        let (header, payload) = input.split_once('.').unwrap();
        [header, payload, signature]
    }

    /// Whether the key, which would serve, did not make the signature.
    fn is_refused(&self, jws: &str) -> bool {
        // The signature of an example without `kid` is tried by the one key there is.
        let tried = SignatureError::NoKid { tried: 1, fitting: 1 };
        verify(jws, &self.keys()).is_err_and(|error| error == SignatureError::Mismatch || error == tried)
    }
}

/// The payload, if one of the keys signed it.
fn verify(jws: &str, keys: &JwkSet) -> Result<Vec<u8>, SignatureError> {
    let (mut scratch, known) = (Scratch::default(), KnownHeaders::default());
    let jws = Unverified::parse(jws, &mut scratch, &known).unwrap();
    jws.verify(keys, |_| true, || None, || true).map(|(verified, _)| verified.payload().to_vec())
}

fn parse_error(text: &str) -> Option<JwsError> {
    Unverified::parse(text, &mut Scratch::default(), &KnownHeaders::default()).err()
}

#[test]
fn the_published_signatures_verify() {
    for example in &EXAMPLES {
        let [_, payload, signature] = example.parts();
        let verified = verify(example.jws, &example.keys()).ok();
        assert_eq!(verified, base64url::decode(payload), "{}", example.place);
        let (input, _) = example.jws.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        let by = |algorithm| key(example.jwk).unwrap().verify(algorithm, input.as_bytes(), &signature);
        let verifying: Vec<_> = Algorithm::ALL.iter().copied().filter(|algorithm| by(*algorithm)).collect();
        let meant: Vec<_> =
            Algorithm::ALL.iter().copied().filter(|other| example.algorithm.same_scheme(*other)).collect();
        assert_eq!(verifying, meant, "{}: by its algorithm and by no other", example.place);
    }
}

/// E21, E23: the bytes of a signature are fixed in number, and each one counts.
#[test]
fn the_published_signatures_fail_when_anything_is_changed() {
    for example in &EXAMPLES {
        let (place, [header, payload, signature]) = (example.place, example.parts());
        let signature = base64url::decode(signature).unwrap();
        let resigned = |bytes: &[u8]| format!("{header}.{payload}.{}", base64url::encode(bytes));
        for place in 0..signature.len() {
            let mut changed = signature.clone();
            changed[place] ^= 1;
            assert!(example.is_refused(&resigned(&changed)), "{}: byte {place}", example.place);
        }
        let longer = [&signature[..], &[0]].concat();
        let padded = [&[0], &signature[..]].concat();
        for changed in [&signature[1..], &signature[..signature.len() - 1], &longer, &padded, &[]] {
            assert!(example.is_refused(&resigned(changed)), "{place}: {} bytes", changed.len());
        }
        let longer_payload = base64url::encode([&base64url::decode(payload).unwrap()[..], b" "].concat());
        let longer_header = base64url::encode([&base64url::decode(header).unwrap()[..], b" "].concat());
        let signature = base64url::encode(&signature);
        assert!(example.is_refused(&format!("{header}.{longer_payload}.{signature}")), "{place}: payload");
        assert!(example.is_refused(&format!("{longer_header}.{payload}.{signature}")), "{place}: header");
        // RFC 7515 appendix F, as RFC 7520 4.5 does it.
        assert!(example.is_refused(&format!("{header}..{signature}")), "{place}: a detached payload");
    }
}

/// E23: r = s = 0, and an all-zero signature of any other kind.
#[test]
fn a_signature_of_zeros_fits_nothing() {
    for example in &EXAMPLES {
        let [header, payload, signature] = example.parts();
        let zeros = base64url::encode(vec![0; base64url::decode(signature).unwrap().len()]);
        assert!(example.is_refused(&format!("{header}.{payload}.{zeros}")), "{}", example.place);
    }
}

/// Row D2.
#[test]
fn a_key_of_another_kind_is_not_even_tried() {
    for example in &EXAMPLES {
        let fits = |other: &&Example| other.algorithm.key_kind() == example.algorithm.key_kind();
        for other in EXAMPLES.iter().filter(|other| !fits(other)) {
            // The name of a key is no reason to use it.
            let verified = verify(example.jws, &other.keys());
            let is_untried =
                matches!(verified, Err(SignatureError::NoKey | SignatureError::NoKid { tried: 0, fitting: 0 }));
            assert!(is_untried, "{} by {}", example.place, other.place);
        }
    }
}

/// Rows D4, D5.
#[test]
fn the_published_macs_and_the_unsecured_one_are_refused() {
    let unknown = |name: &str| Some(JwsError::Algorithm { found: name.into() });
    for jws in HS256 {
        assert_eq!(parse_error(jws), unknown("HS256"));
        let [header, _, signature] = [0, 1, 2].map(|part| jws.split('.').nth(part).unwrap());
        assert_eq!(parse_error(&format!("{header}..{signature}")), unknown("HS256"), "RFC 7520 4.5");
    }
    assert_eq!(parse_error(NONE), unknown("none"));
}

/// D19: RFC 7515 A.6 and A.7, and what RFC 7520 4.1 to 4.8 write in this form.
#[test]
fn the_published_json_serializations_are_refused() {
    let flattened = |jws: &str, unprotected: &Value| {
        let [protected, payload, signature] = [0, 1, 2].map(|part| jws.split('.').nth(part).unwrap());
        json!({"payload": payload, "protected": protected, "header": unprotected, "signature": signature})
    };
    let general = |jws: &str, unprotected: &Value| {
        let mut signature = flattened(jws, unprotected);
        let payload = signature.as_object_mut().unwrap().remove("payload");
        json!({"payload": payload, "signatures": [signature]})
    };
    let [rs256, es256] = [&EXAMPLES[0], &EXAMPLES[1]].map(Example::parts);
    let (rsa, ec) = (json!({"kid": "2010-12-29"}), json!({"kid": "e9bc097a-ce51-4036-9562-d2ade882db0d"}));
    let hmac = json!({"alg": "HS256", "kid": "018c0ae5-4d9b-471b-bfd6-eef314bc7037"});
    let frodo = RFC7520_RS256.split('.').nth(1).unwrap();
    let mut all = vec![
        // RFC 7515 A.6.
        json!({"payload": rs256[1], "signatures": [
            {"protected": rs256[0], "header": rsa, "signature": rs256[2]},
            {"protected": es256[0], "header": ec, "signature": es256[2]},
        ]}),
        // RFC 7515 A.7.
        flattened(EXAMPLES[1].jws, &ec),
        // RFC 7520 4.6.
        json!({"payload": frodo, "protected": "eyJhbGciOiJIUzI1NiJ9", "header": {"kid": hmac["kid"]}, "signature": "bWUSVaxorn7bEF1djytBd0kHv70Ly5pvbomzMWSOr20"}),
        // RFC 7520 4.7.
        json!({"payload": frodo, "header": hmac, "signature": "xuLifqLGiblpv9zBpuZczWhNj1gARaLV3UxvxhJxZuk"}),
        // RFC 7520 4.8.
        json!({"payload": frodo, "signatures": [
            {
                "protected": "eyJhbGciOiJSUzI1NiJ9",
                "header": {"kid": "bilbo.baggins@hobbiton.example"},
                "signature": "MIsjqtVlOpa71KE-Mss8_Nq2YH4FGhiocsqrgi5NvyG53uoimic1tcMdSg-qptrzZc7CG6Svw2Y13TDIqHzTUrL_lR2ZFcryNFiHkSw129EghGpwkpxaTn_THJTCglNbADko1MZBCdwzJxwqZc-1RlpO2HibUYyXSwO97BSe0_evZKdjvvKSgsIqjytKSeAMbhMBdMma622_BG5t4sdbuCHtFjp9iJmkio47AIwqkZV1aIZsv33uPUqBBCXbYoQJwt7mxPftHmNlGoOSMxR_3thmXTCm4US-xiNOyhbm8afKK64jU6_TPtQHiJeQJxz9G3Tx-083B745_AfYOnlC9w",
            },
            {
                "header": {"alg": "ES512", "kid": "bilbo.baggins@hobbiton.example"},
                "signature": "ARcVLnaJJaUWG8fG-8t5BREVAuTY8n8YHjwDO1muhcdCoFZFFjfISu0Cdkn9Ybdlmi54ho0x924DUz8sK7ZXkhc7AFM8ObLfTvNCrqcI3Jkl2U5IX3utNhODH6v7xgy1Qahsn0fyb4zSAkje8bAWz4vIfj5pCMYxxm4fgV3q7ZYhm5eD",
            },
            {
                "protected": HS256[1].split('.').next().unwrap(),
                "signature": "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
            },
        ]}),
    ];
    // And every compact one of theirs, written in this form.
    for jws in EXAMPLES.iter().map(|example| example.jws).chain(HS256) {
        all.extend([flattened(jws, &json!({})), general(jws, &json!({}))]);
    }
    for json in all {
        assert!(matches!(parse_error(&json.to_string()), Some(JwsError::Parts { .. })), "{json}");
        assert_eq!(parse_error(&base64url::encode(json.to_string())), Some(JwsError::Parts { found: 1 }), "{json}");
    }
}

/// E16, E20: what was published of private and symmetric keys, and of keys for encryption.
#[test]
fn the_published_keys_that_no_set_should_have() {
    let with = |jwk: &str, members: &[(&str, &str)]| {
        let mut jwk: Value = serde_json::from_str(jwk).unwrap();
        for (name, value) in members {
            jwk[*name] = json!(value);
        }
        jwk.to_string()
    };
    let ec = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}"#;
    let oct = r#"{"kty":"oct","k":"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037","use":"sig","alg":"HS256"}"#;
    let curve = |crv: &str| UnusableJwk::Curve { crv: crv.into() };
    let private_rsa = [
        (
            "d",
            "bWUC9B-EFRIo8kpGfh0ZuyGPvMNKvYWNtB_ikiH9k20eT-O1q_I78eiZkpXxXQ0UTEs2LsNRS-8uJbvQ-A1irkwMSMkK1J3XTGgdrhCku9gRldY7sNA_AKZGh-Q661_42rINLRCe8W-nZ34ui_qOfkLnK9QWDDqpaIsA-bMwWWSDFu2MUBYwkHTMEzLYGqOe04noqeq1hExBTHBOBdkMXiuFhUq1BU6l-DqEiWxqg82sXt2h-LMnT3046AOYJoRioz75tSUQfGCshWTBnP5uDjd18kKhyv07lhfSJdrPdM5Plyl21hsFf4L_mHCuoFau7gdsPfHPxxjVOcOpBrQzwQ",
        ),
        (
            "p",
            "3Slxg_DwTXJcb6095RoXygQCAZ5RnAvZlno1yhHtnUex_fp7AZ_9nRaO7HX_-SFfGQeutao2TDjDAWU4Vupk8rw9JR0AzZ0N2fvuIAmr_WCsmGpeNqQnev1T7IyEsnh8UMt-n5CafhkikzhEsrmndH6LxOrvRJlsPp6Zv8bUq0k",
        ),
        (
            "q",
            "uKE2dh-cTf6ERF4k4e_jy78GfPYUIaUyoSSJuBzp3Cubk3OCqs6grT8bR_cu0Dm1MZwWmtdqDyI95HrUeq3MP15vMMON8lHTeZu2lmKvwqW7anV5UzhM1iZ7z4yMkuUwFWoBvyY898EXvRD-hdqRxHlSqAZ192zB3pVFJ0s7pFc",
        ),
        (
            "dp",
            "B8PVvXkvJrj2L-GYQ7v3y9r6Kw5g9SahXBwsWUzp19TVlgI-YV85q1NIb1rxQtD-IsXXR3-TanevuRPRt5OBOdiMGQp8pbt26gljYfKU_E9xn-RULHz0-ed9E9gXLKD4VGngpz-PfQ_q29pk5xWHoJp009Qf1HvChixRX59ehik",
        ),
        (
            "dq",
            "CLDmDGduhylc9o7r84rEUVn7pzQ6PF83Y-iBZx5NT-TpnOZKF1pErAMVeKzFEl41DlHHqqBLSM0W1sOFbwTxYWZDm6sI6og5iTbwQGIC3gnJKbi_7k_vJgGHwHxgPaX2PnvP-zyEkDERuf-ry4c_Z11Cq9AqC2yeL6kdKT1cYF8",
        ),
        (
            "qi",
            "3PiqvXQN0zwMeE-sBvZgi289XP9XCQF3VWqPzMKnIgQp7_Tugo6-NZBKCQsMf3HaEGBjTVJs_jcK8-TRXvaKe-7ZMaQj8VfBdYkssbu0NKDDhjJ-GtiseaDVWt7dcH0cfwxgFUHpQh7FoCrjFJ6h6ZEpMF6xmujs4qMpPz8aaI4",
        ),
    ];
    let mut unusable = vec![
        ("RFC 7515 A.1", r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#.to_owned(), UnusableJwk::Symmetric),
        ("RFC 7515 A.3", with(EXAMPLES[1].jwk, &[("d", "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")]), UnusableJwk::Private),
        ("RFC 7515 A.4", with(EXAMPLES[2].jwk, &[("d", "AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C")]), UnusableJwk::Private),
        ("RFC 7517 A.1", ec.to_owned(), UnusableJwk::Use { usage: "enc".into() }),
        ("RFC 7517 A.2", with(ec, &[("d", "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE")]), UnusableJwk::Private),
        ("RFC 7517 A.3", r#"{"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"}"#.to_owned(), UnusableJwk::Symmetric),
        ("RFC 7520 3.2", with(BILBO_EC, &[("d", "AAhRON2r9cqXX1hg-RoI6R1tX5p2rUAYdmpHZoC1XNM56KtscrX6zbKipQrCW9CGZH3T4ubpnoTKLDYJ_fF3_rJt")]), UnusableJwk::Private),
        ("RFC 7520 3.4", with(BILBO_RSA, &private_rsa), UnusableJwk::Private),
        ("RFC 7520 3.5", oct.to_owned(), UnusableJwk::Symmetric),
        ("RFC 7520 3.6", r#"{"kty":"oct","kid":"1e571774-2e08-40da-8308-e8d68773842d","use":"enc","alg":"A256GCM","k":"AAPapAv4LbFbiVawEjagUBluYqN5rhna-8nuldDvOx8"}"#.to_owned(), UnusableJwk::Symmetric),
        ("RFC 8037 A.1", with(ED25519, &[("d", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")]), UnusableJwk::Private),
        ("RFC 8037 A.6", r#"{"kty":"OKP","crv":"X25519","kid":"Bob","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}"#.to_owned(), curve("X25519")),
        ("RFC 8037 A.7", r#"{"kty":"OKP","crv":"X448","kid":"Dave","x":"PreoKbDNIPW8_AtZm2_sz22kYnEHvbDU80W0MCfYuXL8PjT7QjKhPKcG3LV67D2uB73BxnvzNgk"}"#.to_owned(), curve("X448")),
        ("RFC 9964 A.1", ml_dsa(Algorithm::MlDsa44, &lc::ML_DSA_44_SIGNING).0.replacen('{', r#"{"priv":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","#, 1), UnusableJwk::Private),
    ];
    // Any one of them gives the key away.
    unusable.extend(private_rsa.map(|member| ("RFC 7520 3.4", with(BILBO_RSA, &[member]), UnusableJwk::Private)));
    for (place, jwk, reason) in unusable {
        assert_eq!(key(&jwk).err(), Some(reason), "{place}");
    }
}

/// RFC 9964 appendix A: the keys that the seed of 32 zeros makes, named by their thumbprints.
/// Rows F4, E31.
#[test]
fn the_published_ml_dsa_keys_are_ours_too() {
    for (algorithm, scheme, signature_length, published) in [
        (Algorithm::MlDsa44, &lc::ML_DSA_44_SIGNING, 2420, "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o"),
        (Algorithm::MlDsa65, &lc::ML_DSA_65_SIGNING, 3309, "Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM"),
        (Algorithm::MlDsa87, &lc::ML_DSA_87_SIGNING, 4627, "tRn1JNIkgMsABVQBlXeDHxAIcclh-2IX0UdDEzPt5XU"),
    ] {
        let (jwk, pair) = ml_dsa(algorithm, scheme);
        assert_eq!(thumbprint(&jwk), published);
        let key = key(&jwk).unwrap();
        let mut signature = vec![0; signature_length];
        pair.sign(b"message", &mut signature).unwrap();
        assert!(key.verify(algorithm, b"message", &signature));
        assert!(!key.verify(algorithm, b"massage", &signature));
        signature[0] ^= 1;
        assert!(!key.verify(algorithm, b"message", &signature));
    }
}

fn ml_dsa(algorithm: Algorithm, scheme: &'static lc::PqdsaSigningAlgorithm) -> (String, PqdsaKeyPair) {
    let pair = PqdsaKeyPair::from_seed(scheme, &[0; 32]).unwrap();
    let public = base64url::encode(pair.public_key());
    (format!(r#"{{"kty":"AKP","alg":"{algorithm}","pub":"{public}"}}"#), pair)
}

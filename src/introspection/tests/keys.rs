//! Every format of a private key, and what is none.

use serde_json::{Value, json};

use super::generated::{Generated, pem, with};
use super::*;
use crate::jose::Algorithm;

/// A key of 1024 bits, which aws-lc-rs does not generate: `openssl genrsa 1024`.
const WEAK_PKCS8: &str = concat!(
    "-----BEGIN PRIVATE KEY-----\n",
    "MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBAMk8EJY5KqGpy4qi\n",
    "BX+iWLFQnnXGt9SY0hUwlAF5zcQIK+qKtVYSb2loDbR00ngzJ60nTEiHutgV79FQ\n",
    "aiuoahiJCAxrYVwyvIzzWVSDtUN5blEvdTnuwm64FyWHige6HWyc6q2kruN+8J3W\n",
    "QOnT849awhQVtV82YAv4EkETyJzfAgMBAAECgYB+p29JHXHXjiateow7aNKpxzP0\n",
    "rL3G8OhIrep5g1AesYXyeJrpMXEtxm/ZxC0zuf6e3L0GaWcP2b623wXztGwRJyZk\n",
    "EnawvGc42REgHUK1eTRO4dpQMdUNGgILXAKyBTG8i4eNK130t29/BfEC8h5mh5p+\n",
    "U7x0mALRW4DwMbHYAQJBAO37Y3WLY7rIcDUoUM+Fg4Nl+1ztDESqE3iLfU+SnJnB\n",
    "soYcy8Mz56kfjvnqyLY39Hxo5zvT3b4F66mZgnnHTH8CQQDYeG6dfV+fuWRv4TfY\n",
    "6SEag9EEheG49TXROf9q650gIupd4P5cvoIoNgIEWtc3WCZzGJeci3VtSJdHzd90\n",
    "Qf+hAkAzfNcY4E50Y9c6+Pz62PUKIa9PfI3R8UYDJ5K1+49cCLc6ItLG6dzuD0Dc\n",
    "uzovik2f+QZGQGFSMm+5IthCxqa7AkATq2XJs7GzrsHclKdhc1WJtj6Q3aV0C/v2\n",
    "5gE6cuxVFjcbjq0uOjVTeAzY3nQ92CmuPabRF6703iq44JEUXEbhAkB4Zo7DR6q9\n",
    "3OD7FkpQX7JRQpcB1M8WqbK6qLTL7eXn+8mkWEKUoEK2wywOWP9aYJmxESBcetov\n",
    "QniAsJGr82Vk\n",
    "-----END PRIVATE KEY-----\n",
);
const WEAK_PKCS1: &str = concat!(
    "-----BEGIN RSA PRIVATE KEY-----\n",
    "MIICWwIBAAKBgQDJPBCWOSqhqcuKogV/olixUJ51xrfUmNIVMJQBec3ECCvqirVW\n",
    "Em9paA20dNJ4MyetJ0xIh7rYFe/RUGorqGoYiQgMa2FcMryM81lUg7VDeW5RL3U5\n",
    "7sJuuBclh4oHuh1snOqtpK7jfvCd1kDp0/OPWsIUFbVfNmAL+BJBE8ic3wIDAQAB\n",
    "AoGAfqdvSR1x144mrXqMO2jSqccz9Ky9xvDoSK3qeYNQHrGF8nia6TFxLcZv2cQt\n",
    "M7n+nty9BmlnD9m+tt8F87RsEScmZBJ2sLxnONkRIB1CtXk0TuHaUDHVDRoCC1wC\n",
    "sgUxvIuHjStd9LdvfwXxAvIeZoeaflO8dJgC0VuA8DGx2AECQQDt+2N1i2O6yHA1\n",
    "KFDPhYODZftc7QxEqhN4i31PkpyZwbKGHMvDM+epH4756si2N/R8aOc7092+Beup\n",
    "mYJ5x0x/AkEA2HhunX1fn7lkb+E32OkhGoPRBIXhuPU10Tn/auudICLqXeD+XL6C\n",
    "KDYCBFrXN1gmcxiXnIt1bUiXR83fdEH/oQJAM3zXGOBOdGPXOvj8+tj1CiGvT3yN\n",
    "0fFGAyeStfuPXAi3OiLSxunc7g9A3Ls6L4pNn/kGRkBhUjJvuSLYQsamuwJAE6tl\n",
    "ybOxs67B3JSnYXNVibY+kN2ldAv79uYBOnLsVRY3G46tLjo1U3gM2N50Pdgprj2m\n",
    "0Reu9N4quOCRFFxG4QJAeGaOw0eqvdzg+xZKUF+yUUKXAdTPFqmyuqi0y+3l5/vJ\n",
    "pFhClKBCtsMsDlj/WmCZsREgXHraL0J4gLCRq/NlZA==\n",
    "-----END RSA PRIVATE KEY-----\n",
);
/// Keys that no supported algorithm uses: `openssl genpkey -algorithm Ed448`, `openssl ecparam -name secp256k1 -genkey`.
const ED448: &str = "-----BEGIN PRIVATE KEY-----\nMEcCAQAwBQYDK2VxBDsEOddvvTwC9su+yq9mTV0zeC+JSZXABIEG0Y+B7CMNHI/4\nFZaQJCwETm5Xgtoi9pRufpY6PsqEW708zQ==\n-----END PRIVATE KEY-----\n";
const SECP256K1: &str = "-----BEGIN EC PRIVATE KEY-----\nMHQCAQEEIA1UZiaHHovuZY0XVcmACrCDjQJw5ZDezNPgIU+j2kleoAcGBSuBBAAK\noUQDQgAEiIR/TPj/4MWh4NnIRq+FSiRHg/ojfVtpRV5vKjZWZkZtDWctuOrC5ZYU\nAJDhFjizMTk25XoYituDJomZI2M7tg==\n-----END EC PRIVATE KEY-----\n";

fn of_jwk(jwk: &Value) -> Result<PrivateKey, InvalidPrivateKey> {
    PrivateKey::from_jwk(&jwk.to_string())
}

fn with_algorithm(key: PrivateKey, algorithm: Algorithm) -> String {
    key.algorithm(algorithm).unwrap_err().to_string()
}

#[test]
fn each_kind_of_key_has_a_default_algorithm_and_permits_its_own_only() {
    let defaults = [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::ES512, Algorithm::EdDSA];
    for (key, default) in Generated::all().into_iter().zip(defaults) {
        assert_eq!(of_jwk(&key.private_jwk).unwrap().signing_algorithm(), default);
        for &algorithm in Algorithm::ALL {
            let permitted = of_jwk(&key.private_jwk).unwrap().algorithm(algorithm).is_ok();
            assert_eq!(permitted, algorithm.key_kind() == default.key_kind(), "{} {algorithm}", key.name);
        }
    }
    let key = of_jwk(&Generated::rsa().private_jwk).unwrap();
    let expected = "expected RS256, RS384, RS512, PS256, PS384 or PS512 for this key, and found ES256";
    assert_eq!(with_algorithm(key, Algorithm::ES256), expected);
}

#[test]
fn alg_and_kid_of_a_jwk_are_used() {
    let rsa = Generated::rsa().private_jwk;
    let key = of_jwk(&with(&with(&rsa, "alg", &json!("PS384")), "kid", &json!("k1"))).unwrap();
    assert_eq!((key.signing_algorithm(), key.signing_key_id()), (Algorithm::PS384, Some("k1")));
    assert_eq!(with_algorithm(key, Algorithm::RS256), "expected PS384, which the JWK names, and found RS256");
    assert_eq!(of_jwk(&rsa).unwrap().key_id("k2").signing_key_id(), Some("k2"));
    let wrong = of_jwk(&with(&rsa, "alg", &json!("ES256"))).unwrap_err();
    assert!(matches!(wrong, InvalidPrivateKey::AlgorithmMismatch { found: Algorithm::ES256, .. }), "{wrong:?}");
    for alg in ["HS256", "none", "RSA-OAEP"] {
        let wrong = of_jwk(&with(&rsa, "alg", &json!(alg))).unwrap_err();
        assert_eq!(wrong, InvalidPrivateKey::Algorithm { alg: alg.into() });
    }
    // The two names of one signature scheme (RFC 9864).
    let ed25519 = with(&Generated::ed25519().private_jwk, "alg", &json!("EdDSA"));
    assert!(of_jwk(&ed25519).unwrap().algorithm(Algorithm::Ed25519).is_ok());
    for empty in ["alg", "use"] {
        assert!(of_jwk(&with(&rsa, empty, &json!(""))).is_ok(), "{empty}");
    }
}

#[test]
fn weak_keys_are_refused() {
    for weak in [WEAK_PKCS8, WEAK_PKCS1] {
        let error = PrivateKey::from_pem(weak).unwrap_err();
        assert_eq!(error.to_string(), "expected an RSA key of 2048 to 8192 bits, and found a shorter one");
    }
}

#[test]
fn what_is_no_private_key_in_pem() {
    let [p256, rsa] = [Generated::p256(), Generated::rsa()];
    let pem_of = |text: &str| PrivateKey::from_pem(text).unwrap_err();
    for other in ["", "s3cret", &p256.private_jwk.to_string()] {
        assert_eq!(pem_of(other), InvalidPrivateKey::NotPem, "{other}");
    }
    for label in ["CERTIFICATE", "PUBLIC KEY", "OPENSSH PRIVATE KEY"] {
        assert_eq!(pem_of(&pem(label, &[1, 2, 3])), InvalidPrivateKey::NoPrivateKey { found: label.into() });
    }
    let broken = [
        p256.pems[0].replace("-----END PRIVATE KEY-----", ""),
        p256.pems[0].replace('\n', " "),
        p256.pems[0].replace('\n', "\\n"),
        p256.pems[0].replacen("\nM", "\n§", 1),
    ];
    for broken in broken {
        assert_eq!(pem_of(&broken), InvalidPrivateKey::BrokenPem, "{broken}");
    }
    assert_eq!(pem_of(&(p256.pems[0].clone() + &rsa.pems[1])), InvalidPrivateKey::Several { found: 2 });
    assert_eq!(pem_of(&pem("ENCRYPTED PRIVATE KEY", &[1])), InvalidPrivateKey::Encrypted);
    let traditional = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAA==\n-----END RSA PRIVATE KEY-----\n";
    assert_eq!(pem_of(traditional), InvalidPrivateKey::Encrypted);
    for unsupported in [ED448, SECP256K1, &pem("PRIVATE KEY", &[1, 2, 3]), &pem("EC PRIVATE KEY", &[])] {
        assert_eq!(pem_of(unsupported), InvalidPrivateKey::Unsupported, "{unsupported}");
    }
    assert_eq!(pem_of(&pem("RSA PRIVATE KEY", &[1, 2, 3])), InvalidPrivateKey::Inconsistent);
    // What stands beside the key is ignored.
    let certificate = pem("CERTIFICATE", &[1, 2, 3]);
    assert!(PrivateKey::from_pem(&format!("a comment\n{certificate}{}{certificate}", p256.pems[0])).is_ok());
}

#[test]
fn what_is_no_private_jwk() {
    let [rsa, p256, p384, ed25519] =
        [Generated::rsa(), Generated::p256(), Generated::p384(), Generated::ed25519()].map(|key| key.private_jwk);
    for text in ["", "[]", "{}", "null", r#"{"kty":1}"#, r#"{"kty":"RSA","kty":"RSA"}"#, "-----BEGIN"] {
        assert_eq!(PrivateKey::from_jwk(text).err(), Some(InvalidPrivateKey::NotAJwk), "{text}");
    }
    let error = |jwk: &Value, name: &str, value: Value| of_jwk(&with(jwk, name, &value)).unwrap_err();
    for jwk in [&rsa, &p256, &ed25519] {
        assert_eq!(error(jwk, "d", Value::Null), InvalidPrivateKey::Public);
        assert_eq!(error(jwk, "d", json!("")), InvalidPrivateKey::Public);
        assert_eq!(error(jwk, "use", json!("enc")), InvalidPrivateKey::Use { usage: "enc".into() });
        assert_eq!(error(jwk, "key_ops", json!(["verify"])), InvalidPrivateKey::KeyOps);
        assert!(of_jwk(&with(jwk, "key_ops", &json!(["sign"]))).is_ok());
        assert_eq!(error(jwk, "d", json!("+/==")), InvalidPrivateKey::Encoding { name: "d" });
    }
    assert_eq!(error(&rsa, "kty", json!("oct")), InvalidPrivateKey::KeyType { kty: "oct".into() });
    assert_eq!(error(&p256, "crv", json!("secp256k1")), InvalidPrivateKey::Curve { crv: "secp256k1".into() });
    assert_eq!(error(&ed25519, "crv", json!("X25519")), InvalidPrivateKey::Curve { crv: "X25519".into() });
    assert_eq!(error(&p256, "crv", Value::Null), InvalidPrivateKey::Missing { name: "crv" });
    assert_eq!(error(&rsa, "oth", json!([{}])), InvalidPrivateKey::MoreThanTwoPrimes);
    for name in ["n", "e", "p", "q", "dp", "dq", "qi"] {
        assert_eq!(error(&rsa, name, Value::Null), InvalidPrivateKey::Missing { name });
        assert_eq!(error(&rsa, name, json!("Aw")), InvalidPrivateKey::Inconsistent, "{name}");
    }
    for name in ["x", "y"] {
        assert_eq!(error(&p256, name, Value::Null), InvalidPrivateKey::Missing { name });
        assert_eq!(error(&p256, name, p384["x"].clone()), InvalidPrivateKey::Length { name, expected: 32, found: 48 });
    }
    // Parts of two keys.
    let other = Generated::p256().private_jwk;
    assert_eq!(error(&p256, "d", other["d"].clone()), InvalidPrivateKey::Inconsistent);
    assert_eq!(error(&p256, "x", other["x"].clone()), InvalidPrivateKey::Inconsistent, "no point of the curve");
    let other = Generated::ed25519().private_jwk;
    assert_eq!(error(&ed25519, "d", other["d"].clone()), InvalidPrivateKey::Inconsistent);
}

/// A key may be written wrongly in many ways, and then be in an error.
#[test]
fn no_form_and_no_error_shows_a_key() {
    for key in Generated::all() {
        let secrets = ["d", "p", "q", "dp", "dq", "qi"].into_iter().filter_map(|name| key.private_jwk[name].as_str());
        let base64 = key.pems[0].lines().filter(|line| !line.starts_with('-')).map(ToOwned::to_owned);
        let secrets: Vec<String> = secrets.map(ToOwned::to_owned).chain(base64).collect();
        let mut shown = vec![format!("{:?}", of_jwk(&key.private_jwk).unwrap())];
        let jwk = key.private_jwk.to_string();
        let mut texts = vec![
            jwk.clone() + "}",
            jwk.replace("\"d\":\"", "\"d\":\"+"),
            jwk.replace("\"d\":", "\"d\":1,\"d\":"),
            jwk.replace("\"kty\":\"", "\"kty\":\"x"),
        ];
        for pem in &key.pems {
            texts.extend([pem.replace('\n', " "), pem.replace('\n', ""), pem.replace("-----END", "----END")]);
            texts.extend([
                pem.replace("BEGIN ", "BEGIN X"),
                pem.replace("KEY-----\n", "KEY----- "),
                pem[30..].to_owned(),
            ]);
        }
        for text in texts {
            let errors = [PrivateKey::from_pem(&text), PrivateKey::from_jwk(&text)];
            shown.extend(errors.into_iter().filter_map(Result::err).map(|error| format!("{error} {error:?}")));
        }
        for shown in shown {
            // Any part of 10 characters is too much.
            for secret in secrets.iter().filter(|secret| secret.len() >= 10) {
                assert!(!shown.contains(&secret[secret.len() - 10..]), "{shown}");
                assert!(!shown.contains(&secret[..10]), "{shown}");
            }
        }
    }
}

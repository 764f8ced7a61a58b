//! Which algorithms a token may name, and with which keys.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tower_bearer::jose::Algorithm;
use tower_bearer::server::ConfigError;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Issuer, ResourceServer};

use super::{rsa_and_ec_issuer, token_by};
use crate::harness::hmac::{algorithm as hmac_algorithm, public_material, with_hmac};
use crate::harness::sets::texts;
use crate::harness::{
    AUDIENCE, ISSUER, app, assert_accepted, assert_refused, builder_with_keys, fetches, good, server, small_issuer,
};

/// Row D1.
#[tokio::test]
async fn alg_must_match_a_supported_name_exactly() {
    let issuer = rsa_and_ec_issuer();
    let api = app(&server(&issuer));
    let names = texts("misspelt algorithms + other curves + hmac + encryption algorithms");
    for algorithm in [Algorithm::RS256, Algorithm::ES256] {
        let tokens = names.iter().map(|name| (name, token_by(&issuer, algorithm).header("alg", name).sign()));
        assert_refused(&api, tokens).await;
    }
    assert_eq!(fetches(&issuer), (0, 0));
    assert_accepted(&api, [("RS256", token_by(&issuer, Algorithm::RS256).sign())]).await;
}

/// Row D1.
#[test]
fn an_empty_algorithm_list_is_an_error() {
    let issuer = Issuer::discover("https://issuer.example.test").unwrap().algorithms([]);
    let error = ResourceServer::builder(AUDIENCE).trust(issuer).build().err();
    assert_eq!(error, Some(ConfigError::NoAlgorithm { issuer: "https://issuer.example.test".into() }));
}

/// Row D1.
#[tokio::test]
async fn algorithms_off_the_list_are_refused() {
    for only in [Algorithm::RS256, Algorithm::PS512, Algorithm::ES256, Algorithm::Ed25519, Algorithm::MlDsa44] {
        let issuer = ISSUER.issuer().algorithms([only]);
        let api = app(&ResourceServer::builder(AUDIENCE).trust(issuer).build().unwrap());
        assert_accepted(&api, [(only, token_by(&ISSUER, only).sign())]).await;
        let others = Algorithm::ALL.iter().copied().filter(|algorithm| *algorithm != only);
        assert_refused(&api, others.map(|other| (other, token_by(&ISSUER, other).sign()))).await;
    }
}

/// Row D2.
#[tokio::test]
async fn a_key_verifies_no_algorithm_of_another_type() {
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

/// Row D2.
#[tokio::test]
async fn a_key_with_alg_verifies_no_other_algorithm() {
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

/// Row D3.
#[tokio::test]
async fn the_algorithm_list_is_per_issuer() {
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

/// Row D4.
#[tokio::test]
async fn hmac_with_public_keys_is_refused() {
    let issuer = rsa_and_ec_issuer();
    let api = app(&server(&issuer));
    let forged: Vec<_> = public_material(&issuer.jwks())
        .into_iter()
        .flat_map(|(what, secret)| {
            let bases = [Algorithm::RS256, Algorithm::ES256].map(|base| token_by(&issuer, base));
            bases.into_iter().flat_map(move |base| {
                let (what, secret) = (what.clone(), secret.clone());
                texts("hmac").into_iter().map(move |name| {
                    let token = base.clone().header("alg", &name);
                    (format!("{name}: {what}"), with_hmac(&token, hmac_algorithm(&name), &secret))
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

/// Row D4.
#[tokio::test]
async fn a_published_secret_verifies_nothing() {
    let (issuer, secret) = (small_issuer(), b"a secret of enough bytes for SHA-256".as_slice());
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

/// Row D5.
#[tokio::test]
async fn alg_none_is_refused_in_every_spelling() {
    let issuer = small_issuer();
    let api = app(&server(&issuer));
    for name in texts("none + almost none") {
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

/// Row D18.
#[tokio::test]
async fn pbes2_is_refused_without_deriving_a_key() {
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

//! Who may sign for which issuer.

use tower_bearer::ResourceServer;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::Profile;

use super::both;
use crate::harness::{
    AUDIENCE, ISSUER, app, assert_accepted, assert_refused, builder_with_keys, good, present, small_issuer,
};

/// Row C3.
#[tokio::test]
async fn rs256_is_supported() {
    let token = ISSUER.token_by(Algorithm::RS256).audience(AUDIENCE).scope("read:me").sign();
    for api in both(&ISSUER) {
        present(&api, &token).await.assert_ok();
    }
}

/// Row C7.
#[tokio::test]
async fn the_signing_key_must_belong_to_the_issuer() {
    let stranger = TestIssuer::start();
    for api in both(&ISSUER) {
        for &algorithm in Algorithm::ALL {
            let token = ISSUER.token_by(algorithm).audience(AUDIENCE).scope("read:me");
            assert_accepted(&api, [(algorithm, token.sign())]).await;
            assert_refused(&api, [(algorithm, token.signed_by(&stranger).sign())]).await;
        }
    }
}

/// Row C14.
#[tokio::test]
async fn keys_are_not_looked_up_across_issuers() {
    let (one, two) = (small_issuer(), small_issuer());
    let kid = |issuer: &TestIssuer| issuer.jwks()["keys"][0]["kid"].clone();
    assert_eq!(kid(&one), kid(&two), "the test is about equal names");
    for profile in [Profile::Generic, Profile::Rfc9068] {
        let server = ResourceServer::builder(AUDIENCE).trust(one.issuer()).trust(two.issuer()).profile(profile);
        let api = app(&server.build().unwrap());
        assert_accepted(&api, [("one", good(&one).sign()), ("two", good(&two).sign())]).await;
        for (issuer, other) in [(&one, &two), (&two, &one)] {
            assert_refused(
                &api,
                [
                    ("swapped", good(issuer).signed_by(other).sign()),
                    ("swapped, without kid", good(issuer).signed_by(other).without_header("kid").sign()),
                    ("the other's iss", good(issuer).claim("iss", other.url()).sign()),
                ],
            )
            .await;
        }
    }
}

/// Row C14.
#[tokio::test]
async fn a_static_key_set_serves_only_its_issuer() {
    let issuer = small_issuer();
    let other = "https://other.example.test";
    let api = app(&builder_with_keys(other, &issuer.jwks()).build().unwrap());
    assert_accepted(&api, [("its own", good(&issuer).claim("iss", other).sign())]).await;
    assert_refused(&api, [("the publisher's", good(&issuer).sign())]).await;
}

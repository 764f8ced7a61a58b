use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use huskarl_axum::layers::ValidatorLayer;
use huskarl_axum::resource_server::core::client_auth::ClientSecret;
use huskarl_axum::resource_server::core::jwk::JwksSource;
use huskarl_axum::resource_server::core::secrets::{ProvidedSecret, SecretString};
use huskarl_axum::resource_server::core::server_metadata::AuthorizationServerMetadata;
use huskarl_axum::resource_server::validator::introspection::IntrospectionValidator;
use huskarl_axum::resource_server::validator::rfc9068::Rfc9068Validator;
use huskarl_reqwest::ReqwestClient;
use huskarl_reqwest::mtls::NoMtls;
use tower::Layer as _;

use crate::issuer::{CLIENT, SECRET};
use crate::link::Setup;
use crate::peer::{App, Guard, Handler, Peer};

pub struct Huskarl(ValidatorLayer<Rfc9068Validator>);

pub async fn start(setup: Setup) -> Huskarl {
    Huskarl(ValidatorLayer::builder().validator(validator(setup).await).build())
}

/// With the URL that proofs name. It has no store of used proofs unless the application brings one.
pub async fn with_proofs(setup: Setup) -> Huskarl {
    let url = setup.audience.clone();
    let layer = ValidatorLayer::builder().validator(validator(setup).await);
    Huskarl(layer.base_url(url).expect("a URL").build())
}

async fn validator(setup: Setup) -> Rfc9068Validator {
    let client = ReqwestClient::builder().mtls(NoMtls).build().await.expect("an HTTP client");
    let metadata = AuthorizationServerMetadata::fetch().http_client(&client).issuer(&setup.issuer).call().await;
    Rfc9068Validator::builder_from_metadata(&metadata.expect("an issuer that is up"))
        .audience(setup.audience)
        .jws_verifier_factory(Arc::new(JwksSource::builder().http_client(client).build()))
        .build()
        .await
        .expect("keys at the start")
}

/// It has no memory of answers: the endpoint is asked at every request.
pub struct HuskarlOpaque(ValidatorLayer<IntrospectionValidator>);

pub async fn with_introspection(setup: Setup) -> HuskarlOpaque {
    let client = ReqwestClient::builder().mtls(NoMtls).build().await.expect("an HTTP client");
    let metadata = AuthorizationServerMetadata::fetch().http_client(&client).issuer(&setup.issuer).call().await;
    let validator = IntrospectionValidator::builder_from_metadata(&metadata.expect("an issuer that is up"))
        .expect("metadata with the endpoint")
        .client_id(CLIENT)
        .aud(setup.audience)
        .client_auth(ClientSecret::new(ProvidedSecret::new(SecretString::new(SECRET))))
        .http_client(client)
        .build()
        .await
        .expect("settings that make sense");
    HuskarlOpaque(ValidatorLayer::builder().validator(validator).build())
}

impl Peer for HuskarlOpaque {
    type Body = Body;

    fn guard(&self) -> impl Guard<Body> + use<> {
        self.0.authenticated().layer(Handler::new())
    }

    fn app(&self) -> App {
        App::V8(Router::new().route("/", get(|| async { "ok" })).layer(self.0.authenticated()))
    }
}

impl Peer for Huskarl {
    type Body = Body;

    fn guard(&self) -> impl Guard<Body> + use<> {
        self.0.authenticated().layer(Handler::new())
    }

    fn app(&self) -> App {
        App::V8(Router::new().route("/", get(|| async { "ok" })).layer(self.0.authenticated()))
    }
}

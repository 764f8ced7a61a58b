//! Layers within layers: a request has one configuration in all layers of one server.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::get;

use super::{Rig, document, of};
use crate::harness::{AUDIENCE, good, present, small_issuer};

/// The configuration is replaced between the outer layer and the inner one.
#[tokio::test]
async fn an_inner_layer_has_the_configuration_of_the_outer_one() {
    let issuer = small_issuer();
    let rig = Arc::new(Rig::new(&document("", &[&issuer])));
    let other_audience = format!("audience = {AUDIENCE:?}\n{}", of(&issuer, "audiences = [\"other\"]"));
    let between = Arc::clone(&rig);
    let reload = move |request: Request, next: Next| {
        let (rig, settings) = (Arc::clone(&between), other_audience.clone());
        async move {
            rig.reload(&settings).await;
            next.run(request).await
        }
    };
    let app: Router = Router::new()
        .route("/me", get(async || "me"))
        .layer(rig.api.layer())
        .layer(from_fn(reload))
        .layer(rig.api.layer());
    let token = good(&issuer).sign();
    present(&app, &token).await.assert_ok();
    present(&app, &token).await.assert_invalid_token();
}

#[tokio::test]
async fn a_layer_of_another_server_has_its_own() {
    let issuer = small_issuer();
    let outer = Rig::new(&document("", &[&issuer]));
    let inner = Rig::new(&format!("audience = \"https://other.example.test\"\n{}", of(&issuer, "")));
    let app: Router = Router::new().route("/me", get(async || "me")).layer(inner.api.layer()).layer(outer.api.layer());
    assert_eq!(present(&app, &good(&issuer).sign()).await.status, 401);
}

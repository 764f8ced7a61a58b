use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use oauth_resource_server::axum::AuthLayer;
use oauth_resource_server::http_layer::HttpAuthLayer;
use oauth_resource_server::{KeyNaming, OAuthConfig, OAuthValidator};
use tower::Layer as _;

use crate::link::Setup;
use crate::peer::{App, Guard, Handler, Peer};

pub struct Peered(Arc<OAuthValidator>);

pub async fn start(setup: Setup) -> Peered {
    let config = OAuthConfig {
        enabled: true,
        issuer: setup.issuer,
        resource: setup.audience.clone(),
        audience: setup.audience,
        // It wants either this or a scope, and nobody else here checks a scope.
        require_at_jwt: true,
        ..OAuthConfig::default()
    };
    let config = config.resolve(KeyNaming::Dotted("oauth")).expect("settings that make sense").expect("it is enabled");
    let validator = Arc::new(OAuthValidator::new(&config).expect("settings that make sense"));
    validator.spawn_background_refresh();
    Peered(validator)
}

impl Peer for Peered {
    type Body = Body;

    fn guard(&self) -> impl Guard<Body> + use<> {
        let layer = HttpAuthLayer::builder().oauth(Arc::clone(&self.0)).build();
        layer.expect("there is a validator").layer(Handler::new())
    }

    fn app(&self) -> App {
        let layer = AuthLayer::builder().oauth(Arc::clone(&self.0)).build().expect("there is a validator");
        App::V8(Router::new().route("/", get(|| async { "ok" })).route_layer(layer))
    }
}

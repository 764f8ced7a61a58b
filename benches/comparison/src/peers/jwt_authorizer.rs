use axum_07::Router;
use axum_07::body::Body;
use axum_07::routing::get;
use jwt_authorizer::layer::AuthorizationLayer;
use jwt_authorizer::{Authorizer, IntoLayer as _, JwtAuthorizer, RegisteredClaims, Validation};
use tower::Layer as _;

use crate::link::Setup;
use crate::peer::{App, Guard, Handler, Peer};

pub struct Peered(AuthorizationLayer<RegisteredClaims>);

pub async fn start(setup: Setup) -> Peered {
    let validation = Validation::new().iss(&[&setup.issuer]).aud(&[&setup.audience]);
    let authorizer: Authorizer =
        JwtAuthorizer::from_oidc(&setup.issuer).validation(validation).build().await.expect("an issuer that is up");
    Peered(authorizer.into_layer())
}

impl Peer for Peered {
    type Body = Body;

    fn guard(&self) -> impl Guard<Body> + use<> {
        self.0.layer(Handler::new())
    }

    fn app(&self) -> App {
        App::V7(Router::new().route("/", get(|| async { "ok" })).layer(self.0.clone()))
    }
}

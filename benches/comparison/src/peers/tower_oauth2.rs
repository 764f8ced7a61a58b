use axum::Router;
use axum::body::Body;
use axum::routing::get;
use jsonwebtoken_11::crypto::{CryptoProvider, aws_lc, rust_crypto};
use tower::Layer as _;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;

use crate::link::Setup;
use crate::peer::{App, Guard, Handler, Peer};

pub struct TowerOauth2(OAuth2ResourceServer);

pub async fn with_aws_lc_rs(setup: Setup) -> TowerOauth2 {
    start(setup, &aws_lc::DEFAULT_PROVIDER).await
}

/// Its default.
pub async fn with_rust_crypto(setup: Setup) -> TowerOauth2 {
    start(setup, &rust_crypto::DEFAULT_PROVIDER).await
}

async fn start(setup: Setup, provider: &'static CryptoProvider) -> TowerOauth2 {
    provider.install_default().expect("nobody chose before");
    let tenant = TenantConfiguration::builder(setup.issuer).audiences(&[setup.audience]).build().await;
    let server = <OAuth2ResourceServer>::builder().add_tenant(tenant.expect("an issuer that is up")).build().await;
    TowerOauth2(server.expect("settings that make sense"))
}

impl Peer for TowerOauth2 {
    type Body = Body;

    fn guard(&self) -> impl Guard<Body> + use<> {
        self.0.into_layer().layer(Handler::new())
    }

    fn app(&self) -> App {
        App::V8(Router::new().route("/", get(|| async { "ok" })).layer(self.0.into_layer()))
    }
}

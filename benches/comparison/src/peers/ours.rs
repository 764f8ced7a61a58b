use axum::Router;
use axum::body::Body;
use axum::routing::get;
use tower::Layer as _;
use tower_bearer::server::Builder;
use tower_bearer::{Issuer, ResourceServer};

use crate::link::Setup;
use crate::peer::{App, Guard, Handler, Peer};

pub struct Ours(ResourceServer);

/// Everything by default, but for what `settings` sets.
pub fn start(settings: fn(Builder) -> Builder) -> impl AsyncFnOnce(Setup) -> Ours {
    async move |setup| {
        let issuer = Issuer::discover(&setup.issuer).expect("a loopback URL");
        let builder = ResourceServer::builder(setup.audience).trust(issuer);
        Ours(settings(builder).build().expect("settings that make sense"))
    }
}

impl Peer for Ours {
    type Body = Body;

    fn guard(&self) -> impl Guard<Body> + use<> {
        self.0.layer().layer(Handler::new())
    }

    fn app(&self) -> App {
        App::V8(Router::new().route("/", get(|| async { "ok" })).layer(self.0.layer()))
    }
}

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use tower::Layer as _;
use tower_bearer::introspection::{ClientAuthentication, Introspection, Secret};
use tower_bearer::server::Builder;
use tower_bearer::{Issuer, ResourceServer};

use crate::issuer::{CLIENT, SECRET};
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

/// Opaque tokens, with what `settings` sets for asking about them.
pub fn opaque(settings: fn(Introspection) -> Introspection) -> impl AsyncFnOnce(Setup) -> Ours {
    async move |setup| {
        let secret = Secret::new(SECRET).expect("a secret");
        let client = ClientAuthentication::client_secret_basic(CLIENT, secret).expect("a client");
        let introspection = Introspection::discover(&setup.issuer, client).expect("a loopback URL");
        let issuer = Issuer::discover(&setup.issuer).expect("a loopback URL").introspect(settings(introspection));
        Ours(ResourceServer::builder(setup.audience).trust(issuer).build().expect("settings that make sense"))
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

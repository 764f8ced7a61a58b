//! Opaque tokens (RFC 7662): what their issuer says decides, within the rules of this server.

mod answers;
mod issuers;
mod lifetimes;
mod outages;
mod signed;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use tower_bearer::server::Builder;
use tower_bearer::testing::{Endpoint, TestIssuer, TokenBuilder};
use tower_bearer::{AccessToken, Issuer, Rejection, ResourceServer};

use crate::harness::{AUDIENCE, small_issuer};

/// An issuer of opaque tokens, and a server that introspects them.
struct Rig {
    issuer: TestIssuer,
    api: ResourceServer,
}

impl Rig {
    fn new() -> Self {
        Self::with(TestIssuer::introspection, |builder| builder)
    }

    fn with(trusted: impl FnOnce(&TestIssuer) -> Issuer, change: impl FnOnce(Builder) -> Builder) -> Self {
        let issuer = small_issuer();
        let api = change(ResourceServer::builder(AUDIENCE).trust(trusted(&issuer))).build().unwrap();
        Self { issuer, api }
    }

    /// The claims of a good token.
    fn claims(&self) -> TokenBuilder {
        self.issuer.token().audience(AUDIENCE).scope("read:me")
    }

    fn token(&self) -> String {
        self.issuer.opaque_token(&self.claims())
    }

    async fn send(&self, token: &str) -> Result<AccessToken, Rejection> {
        self.api.verify_request(&request(token)).await
    }

    async fn status(&self, token: &str) -> u16 {
        self.send(token).await.map_or_else(|rejection| rejection.status(), |_| StatusCode::OK).as_u16()
    }

    /// How often the endpoint was asked.
    fn calls(&self) -> usize {
        self.issuer.requests(Endpoint::Introspection)
    }
}

fn request(token: &str) -> Request<()> {
    Request::get("/me").header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap()
}

/// Asserts 401 `invalid_token`.
#[track_caller]
fn assert_refused(answer: Result<AccessToken, Rejection>) {
    let rejection = answer.expect_err("it is refused");
    assert_eq!((rejection.status(), rejection.error()), (StatusCode::UNAUTHORIZED, Some("invalid_token")));
    assert!(rejection.response::<()>().headers().contains_key(WWW_AUTHENTICATE));
}

/// Asserts 503 with `Retry-After`, and nothing that would make a client discard its token.
#[track_caller]
fn assert_unavailable(answer: Result<AccessToken, Rejection>) {
    let rejection = answer.expect_err("it is refused");
    assert_eq!((rejection.status(), rejection.error()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert!(rejection.retry_after().is_some());
}

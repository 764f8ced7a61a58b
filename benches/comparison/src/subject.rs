//! What can be timed: a service that someone protects, or less.

use std::convert::Infallible;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, Request, Response};
use tower::{Service, ServiceExt as _};

/// Something that judges a token.
pub trait Subject {
    type Prepared;

    /// What need not be done each time.
    fn prepare(&self, token: &str) -> Self::Prepared;

    async fn judge(&mut self, prepared: &Self::Prepared) -> u16;
}

/// A service in front of which a peer may stand.
pub struct Guarded<S, B>(pub S, pub std::marker::PhantomData<fn(B)>);

impl<S, B> Subject for Guarded<S, B>
where
    S: Service<Request<B>, Response = Response<B>, Error = Infallible>,
    B: Default,
{
    type Prepared = HeaderValue;

    fn prepare(&self, token: &str) -> HeaderValue {
        credentials(token)
    }

    async fn judge(&mut self, credentials: &HeaderValue) -> u16 {
        let Ok(service) = self.0.ready().await;
        let Ok(response) = service.call(request(credentials.clone())).await;
        response.status().as_u16()
    }
}

pub fn credentials(token: &str) -> HeaderValue {
    HeaderValue::try_from(format!("Bearer {token}")).expect("a token is visible ASCII")
}

pub fn request<B: Default>(credentials: HeaderValue) -> Request<B> {
    let mut request = Request::new(B::default());
    request.headers_mut().insert(AUTHORIZATION, credentials);
    request
}

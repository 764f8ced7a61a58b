//! What can be timed: a service that someone protects, or less.

use std::convert::Infallible;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderName, HeaderValue, Request, Response};
use tower::{Service, ServiceExt as _};

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Something that judges a token.
pub trait Subject {
    type Prepared;

    /// What need not be done each time. A token may be followed by a space and a DPoP proof.
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
    type Prepared = Credentials;

    fn prepare(&self, token: &str) -> Credentials {
        credentials(token)
    }

    async fn judge(&mut self, credentials: &Credentials) -> u16 {
        let Ok(service) = self.0.ready().await;
        let Ok(response) = service.call(request(credentials.clone())).await;
        response.status().as_u16()
    }
}

/// The headers of a request.
#[derive(Clone)]
pub struct Credentials {
    authorization: HeaderValue,
    proof: Option<HeaderValue>,
}

pub fn credentials(token: &str) -> Credentials {
    let visible = |text: String| HeaderValue::try_from(text).expect("visible ASCII");
    match token.split_once(' ') {
        Some((token, proof)) => {
            Credentials { authorization: visible(format!("DPoP {token}")), proof: Some(visible(proof.to_owned())) }
        }
        None => Credentials { authorization: visible(format!("Bearer {token}")), proof: None },
    }
}

pub fn request<B: Default>(Credentials { authorization, proof }: Credentials) -> Request<B> {
    let mut request = Request::new(B::default());
    request.headers_mut().insert(AUTHORIZATION, authorization);
    if let Some(proof) = proof {
        request.headers_mut().insert(DPOP, proof);
    }
    request
}

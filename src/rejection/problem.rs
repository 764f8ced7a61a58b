use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use super::respond::{RejectionContext, Respond};
use crate::Rejection;
use crate::Scope;
use crate::require::{AcrValues, Shortfall};

/// A responder that writes a problem document (RFC 9457, `application/problem+json`) with the content of the status and the
/// challenge.
///
/// The document always has `title` and `status`. It has `detail`, `error`, `scope`, `acr_values` and `max_age` (in seconds)
/// if the challenge has them: a request without credentials gets `{"title":"Unauthorized","status":401}`. There is no
/// `type`, because the status identifies the kind of problem (RFC 9457 §4.2.1).
///
/// ```text
/// {"title":"Forbidden","status":403,"detail":"The request needs more than the access token grants",
///  "error":"insufficient_scope","scope":"payments:write"}
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Problem;

#[derive(Serialize)]
struct Document<'r> {
    title: Option<&'static str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr_values: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
}

impl<B: From<Bytes>> Respond<B> for Problem {
    fn respond(&self, rejection: &Rejection, _: &RejectionContext) -> Response<B> {
        let (status, shortfall) = (rejection.status(), rejection.shortfall());
        let document = Document {
            title: status.canonical_reason(),
            status: status.as_u16(),
            detail: rejection.description(),
            error: rejection.error(),
            scope: shortfall.and_then(Shortfall::scope).map(Scope::as_str),
            acr_values: shortfall.and_then(Shortfall::acr_values).map(AcrValues::as_str),
            max_age: shortfall.and_then(Shortfall::max_age).map(|age: Duration| age.as_secs()),
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(B::from(Bytes::from(body)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }

    fn reads_accept(&self) -> bool {
        false
    }
}

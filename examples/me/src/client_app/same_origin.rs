//! Lets only the app's own page call the backend.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::ORIGIN;

use super::backend::Backend;

/// Refuses with 403 a request from another origin, or without exactly one `Origin` header. `SameSite=Strict` alone does not:
/// another port or another subdomain is the same site, and its pages' requests bring the cookies along. Every request here is a POST, with
/// which every browser sends `Origin`.
pub(super) async fn check(State(backend): State<Arc<Backend>>, request: Request, next: Next) -> Response {
    let mut origins = request.headers().get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) if *origin == backend.origin => next.run(request).await,
        _ => (StatusCode::FORBIDDEN, "This request does not come from the app's own page.\n").into_response(),
    }
}

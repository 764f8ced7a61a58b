use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::operations_future::{OperationsFuture, refusal};
use super::release::release;
use super::require::check;
use crate::Rejection;
use crate::mcp::{
    MAX_MESSAGE_LENGTH, MessageBody, MessageError, Operations, Owner, Rules, check_representation, may_lack_message,
};
use crate::server::{Access, Context};

impl<S> Layer<S> for Operations {
    type Service = OperationsService<S>;

    fn layer(&self, inner: S) -> OperationsService<S> {
        OperationsService { inner, rules: Arc::new(self.rules()) }
    }
}

/// A service that passes on only requests whose token satisfies the requirement of their operation: see
/// [`Operations`](crate::mcp::Operations).
///
/// As with [`RequireService`](super::RequireService), the inner service must be `Clone`. It gets a
/// [`MessageBody`](crate::mcp::MessageBody) instead of the body of the request.
#[derive(Clone, Debug)]
pub struct OperationsService<S> {
    inner: S,
    rules: Arc<Rules>,
}

/// What has to happen to a request.
enum Next {
    PassOn,
    Read,
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for OperationsService<S>
where
    S: Service<Request<MessageBody<ReqB>>, Response = Response<ResB>> + Clone,
    ReqB: Body<Data = Bytes>,
    ResB: Default,
{
    type Response = Response<ResB>;
    type Error = S::Error;
    type Future = OperationsFuture<S, ReqB>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let rules = Arc::clone(&self.rules);
        let owner = owner(&rules, &head.extensions);
        let next = owner.and_then(|owner| {
            rules.sessions().unbind(&owner, &mut head.headers).map_err(|_| {
                tracing::debug!(
                    error = "the session belongs to another subject, or was not begun at this server",
                    "request refused"
                );
                Rejection::unknown_session()
            })?;
            let next = decide(&rules, &head.method, &head.headers, &head.extensions, &body)?;
            Ok((owner, next))
        });
        match next {
            Ok((owner, Next::PassOn)) => {
                let request = Request::from_parts(head, MessageBody::unread(body));
                OperationsFuture::inner(self.inner.call(request), rules, owner)
            }
            Ok((owner, Next::Read)) => {
                release(&mut self.inner);
                OperationsFuture::reading(self.inner.clone(), head, body, rules, owner)
            }
            Err(rejection) => {
                release(&mut self.inner);
                OperationsFuture::refused(rejection, rules)
            }
        }
    }
}

/// Who makes the request, if a layer has let it pass. An anonymous request satisfies no requirement, so its body is not read.
fn owner(rules: &Rules, extensions: &Extensions) -> Result<Owner, Rejection> {
    match Context::access(extensions) {
        Access::Granted { token, .. } => Ok(Owner(Some(token.clone()))),
        Access::ByExtension(_) => Ok(Owner(None)),
        Access::Anonymous(server) => Err(server.no_credentials(rules.without_message().scope_to_ask_for())),
        Access::Unprotected => Err(Rejection::unprotected("mcp::Operations")),
    }
}

/// Decides by the head of the request, if that is enough.
fn decide<B: Body>(
    rules: &Rules,
    method: &Method,
    headers: &HeaderMap,
    extensions: &Extensions,
    body: &B,
) -> Result<Next, Rejection> {
    let requirement = if may_lack_message(method) {
        // The inner service may act on a body.
        body.is_end_stream().then(|| rules.without_message())
    } else if method == Method::POST {
        rules.of_headers(headers)
    } else {
        // A service that compares headers and body does so for messages, which come by POST.
        None
    };
    if let Some(requirement) = requirement {
        return check(requirement, extensions).map(|()| Next::PassOn);
    }
    check_representation(headers).map_err(|error| refusal(&error))?;
    if body.size_hint().lower() > MAX_MESSAGE_LENGTH as u64 {
        return Err(refusal(&MessageError::TooLong));
    }
    Ok(Next::Read)
}

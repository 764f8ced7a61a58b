use std::borrow::Cow;

use http::Request;
use tracing::Span;

use super::admission::Admission;
use super::explanation::Explanation;
use super::refused::{Cause, Refused};
use super::resource_server::ResourceServer;
use super::snapshot::Snapshot;
use crate::credentials::{MalformedCredentials, RequestView, TokenSources};
use crate::validation::VerifyError;
use crate::{AccessToken, Rejection};

impl ResourceServer {
    /// Validates the token of a request, and its DPoP proof or client certificate if the token is bound to one: for a server that has no tower service to
    /// put the [layer](Self::layer) around.
    ///
    /// The token is that of the `Authorization` header. It knows no settings of a layer, so what one
    /// [ignores](crate::layer::ProtectLayer::ignore_tokens) is a bad token here. As with the layer, it waits at most 6 seconds for the issuer's keys, and at most
    /// 5 seconds for the [replay store](crate::dpop::ReplayStore). Call it once for each request and not beside a layer, because the
    /// second use of a proof is a replay. It renews no nonce: a client whose nonce has expired is told so by a refusal. It must be called within a tokio
    /// runtime with I/O and time enabled.
    ///
    /// ```
    /// # use tower_bearer::{Rejection, ResourceServer};
    /// # async fn handle(api: ResourceServer, request: http::Request<()>) -> Result<String, Rejection> {
    /// let token = api.verify_request(&request).await?;
    /// # Ok(format!("hello {}", token.subject())) }
    /// ```
    ///
    /// # Errors
    ///
    /// The response to send, as documented at [`RejectionKind`](crate::rejection::RejectionKind).
    pub fn verify_request<B>(
        &self,
        request: &Request<B>,
    ) -> impl Future<Output = Result<AccessToken, Rejection>> + Send {
        // Without the body, which may not be `Sync`.
        let request = RequestView::from(request);
        async move {
            let mut server = self.handle().current();
            let refused = |server: &Snapshot, rejection: Rejection, cause: Cause| {
                server.report_refusal(&rejection, &cause);
                Err(rejection)
            };
            let presented = match TokenSources::default().find(request, server.schemes()) {
                Ok(Some(presented)) => presented,
                Ok(None) => return refused(&server, server.no_credentials(None), Cause::default()),
                Err(MalformedCredentials { used }) => {
                    return refused(&server, server.invalid_request(used), Cause::default());
                }
            };
            let span = Span::none();
            let mut admission = server.admit(&presented, request, &span);
            loop {
                let verdict = match admission {
                    Admission::Accepted(accepted) => return Ok(accepted.token),
                    Admission::Refused(Refused { rejection, cause }) => return refused(&server, rejection, cause),
                    Admission::Pending(pending) => pending.await,
                };
                admission = match verdict.token().and_then(|token| self.handle().successor(&server, token)) {
                    None => server.resume(verdict, &presented, request, &span),
                    Some(newer) => {
                        server = Cow::Owned(newer);
                        server.restart(verdict, &presented, request, &span)
                    }
                };
            }
        }
    }

    /// Validates the token of a request as [`explain`](Self::explain) does, and reports what was expected and found of its DPoP proof and
    /// its client certificate too.
    /// `None` if the request has no credentials, or malformed ones.
    ///
    /// The step `htu` names the headers of the request that would have made the proof good if they had counted, and the step `proof_iat`
    /// has the skew of the client's clock. A credential that a layer [ignores](crate::layer::ProtectLayer::ignore_tokens) is explained as a bad
    /// token. The replay store is not asked, so a proof that was used before is explained as good. Never send
    /// the report to a client.
    pub fn explain_request<B>(&self, request: &Request<B>) -> impl Future<Output = Option<Explanation>> + Send {
        let request = RequestView::from(request);
        async move {
            let server = self.handle().current();
            let presented = TokenSources::default().find(request, server.schemes()).ok().flatten()?;
            let (verdict, mut steps) = server.explain_valid(&presented.token).await;
            let verdict = match verdict {
                Ok(token) => {
                    let clock = &**server.0.validator.clock();
                    let fits = server.check_tenant(&token, request);
                    steps.extend(server.tenant_step(&token, &fits));
                    let lines = server.0.checks.check_lines(request).map_err(VerifyError::from);
                    let checked =
                        lines.and_then(|()| server.0.checks.check(&token, &presented, request, clock).map(drop));
                    let error = checked.as_ref().err();
                    steps.extend(server.0.checks.steps(&token, &presented, request, clock, error));
                    fits.and(checked).map(|()| token)
                }
                Err(error) => Err(error),
            };
            Some(Explanation { verdict, steps })
        }
    }
}

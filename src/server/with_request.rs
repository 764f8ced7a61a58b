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
    /// Validates the token of a request, and its DPoP proof or client certificate if the token is bound: for a server without a tower service that
    /// the [layer](Self::layer) could wrap.
    ///
    /// The token is read only from the `Authorization` header. For a token in another header, such as that of a
    /// [proxy](crate::manual::proxies#a-proxy-that-sends-a-token), call [`verify`](Self::verify) with its text. The settings of layers are not
    /// known, so a credential that a layer [ignores](crate::layer::ProtectLayer::ignore_tokens) is a bad token here. As with the layer, this waits
    /// at most 6 seconds for the issuer's keys, and at most 5 seconds for the [replay store](crate::dpop::ReplayStore). Call it once per request,
    /// and not in addition to a layer, because the second use of a proof is a replay. It does not renew nonces: a client whose nonce has expired
    /// gets a refusal. It must be called within a tokio runtime with I/O and time enabled.
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

    /// Validates the token of a request like [`explain`](Self::explain), and also reports what was expected and found for its DPoP proof and its
    /// client certificate. `None` if the request has no credentials in `Authorization`, or malformed ones. For a token in another
    /// header, call [`explain`](Self::explain) with its text.
    ///
    /// The step `htu` names the request headers that would have made the proof valid if they were trusted, and the step `proof_iat` shows the skew
    /// of the client's clock. A credential that a layer [ignores](crate::layer::ProtectLayer::ignore_tokens) is explained as a bad token. The
    /// replay store is not asked, so a replayed proof is explained as valid. Never send the report to a client.
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

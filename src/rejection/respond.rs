use http::Response;

use crate::Rejection;

/// Makes the body of a refusal.
///
/// It may set headers too. The status, the challenge, `Retry-After` and `Cache-Control: no-store` are written after it, so
/// it cannot lose them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot make a refusal with the body `{B}`",
    note = "`Empty`, the default, needs a body that is `Default`; give the layer another responder with `respond_with`"
)]
pub trait Respond<B> {
    /// The response to `rejection`.
    fn respond(&self, rejection: &Rejection) -> Response<B>;
}

/// No body: the status and the challenge say it all. The default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

impl<B: Default> Respond<B> for Empty {
    fn respond(&self, _: &Rejection) -> Response<B> {
        Response::new(B::default())
    }
}

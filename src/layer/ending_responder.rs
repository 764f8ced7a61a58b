use http::Response;

use super::ending_body::EndingBody;
use crate::Rejection;
use crate::rejection::{Protocol, RejectionContext, Respond};

/// The responder of an [`EndWithToken`](super::EndWithToken): the refusals of the responder `R`, whose bodies
/// are not cut short.
#[derive(Clone, Copy, Debug)]
pub struct EndingResponder<R>(pub(super) R);

impl<B, R: Respond<B>> Respond<EndingBody<B>> for EndingResponder<R> {
    fn respond(&self, rejection: &Rejection, context: &RejectionContext) -> Response<EndingBody<B>> {
        self.0.respond(rejection, context).map(EndingBody::unlimited)
    }

    fn reads_accept(&self) -> bool {
        self.0.reads_accept()
    }

    fn protocol(&self) -> Protocol {
        self.0.protocol()
    }
}

use super::snapshot::Snapshot;
use crate::rejection::Refusal;
use crate::{AccessToken, Rejection};

/// The refusal of a token or its proof.
pub(crate) struct Refused {
    pub(crate) rejection: Rejection,
    pub(crate) cause: Cause,
}

/// What is known about a refused request beside the answer to it.
#[derive(Default)]
pub(crate) struct Cause {
    /// What is wrong with its token or its proof, in a word.
    pub(crate) reason: Option<&'static str>,
    /// Its token, if that is valid.
    pub(crate) token: Option<AccessToken>,
}

impl Snapshot {
    /// Whether anybody is told of refusals.
    pub(crate) fn reports_refusals(&self) -> bool {
        self.0.on_refusal.is_some()
    }

    /// Tells the application of a refused request, if it wants to know.
    pub(crate) fn report_refusal(&self, rejection: &Rejection, cause: &Cause) {
        if let Some(hook) = &self.0.on_refusal {
            hook.call(&Refusal::new(rejection, cause.reason, cause.token.as_ref().map(AccessToken::issuer)));
        }
    }
}

use std::time::Duration;

use crate::answer::Answer;
use crate::oracle::Answered;

/// Which answers to a request are right if no fetch of an issuer's keys matters, but only what the soak test itself has done.
pub(crate) trait Expectation: Send + Sync {
    /// The answers that are right, and how soon. It is asked once for each answer. `late` is how much longer than on an idle machine
    /// everything may take.
    fn right(&self, answered: &Answered, late: Duration) -> (Vec<Answer>, Duration);

    /// What the handler says about the token, before the number of the request.
    fn echo(&self) -> String;
}

/// One answer, whatever happens.
pub(crate) struct Fixed {
    pub(crate) answer: Answer,
    pub(crate) echo: String,
    pub(crate) within: Duration,
}

impl Expectation for Fixed {
    fn right(&self, _: &Answered, _: Duration) -> (Vec<Answer>, Duration) {
        (vec![self.answer], self.within)
    }

    fn echo(&self) -> String {
        self.echo.clone()
    }
}

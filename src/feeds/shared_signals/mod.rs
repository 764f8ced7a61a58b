//! Security events that a transmitter pushes (RFC 8417, RFC 8935, Shared Signals Framework 1.0, CAEP 1.0, RISC 1.0).

mod bearer_token;
mod event_kind;
mod matching;
mod receiver;
mod resolver;
mod security_event;
#[expect(clippy::module_inception, reason = "a file is named for its main type")]
mod shared_signals;
mod subject;
mod subject_error;
mod unmatched_subject;

pub use receiver::SharedSignalsReceiver;
pub use shared_signals::SharedSignals;
pub use unmatched_subject::UnmatchedSubject;

pub(super) use subject_error::SubjectError;

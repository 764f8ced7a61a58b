use crate::redact::Excerpt;

/// Why the subject of a security event is malformed (RFC 9493, Shared Signals Framework 1.0 §3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::feeds) enum SubjectError {
    #[error("expected a subject, and found none")]
    Absent,
    #[error("expected an object as the subject, and found another value")]
    NotAnObject,
    #[error("expected a subject with a format, or with an object in each member, and found neither")]
    NoFormat,
    #[error("expected the text {member} in a subject of the format {format:?}, and found none")]
    Member { format: Excerpt, member: &'static str },
    #[error("expected 1 to 32 identifiers in a subject of the format \"aliases\", and found {found}")]
    Aliases { found: usize },
    #[error("expected no subject of the format {format:?} within another subject")]
    Nested { format: Excerpt },
}

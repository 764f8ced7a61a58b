//! Whether the client holds the key that its token is bound to.

pub(crate) mod dpop;

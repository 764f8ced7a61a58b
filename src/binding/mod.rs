//! Whether the client that presents a token holds the key that the token is bound to.

pub mod dpop;

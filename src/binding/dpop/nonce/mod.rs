//! Server nonces (RFC 9449 §8, §9), made of a timestamp and a MAC so that they need not be stored.

mod invalid_nonce_keys;
mod nonce_error;
mod nonce_keys;
#[cfg(test)]
mod nonce_tests;
mod nonces;

pub use invalid_nonce_keys::InvalidNonceKeys;
pub use nonce_error::NonceError;
pub use nonces::Nonces;

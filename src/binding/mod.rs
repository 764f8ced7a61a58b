//! Tokens that only the holder of a key may use, and how a request proves that it comes from the holder.

pub mod dpop;
mod peer;

//! Tokens that only the holder of a key may use, and how a request proves that it comes from that holder.

pub mod certificate;
pub mod dpop;
mod network;
mod peer;

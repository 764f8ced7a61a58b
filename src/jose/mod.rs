//! JSON Web Algorithms, Keys and Signatures (RFC 7515, 7517, 7518, 8037, 9864, 9964).
//!
//! This module deals with bytes and keys. It knows nothing about OAuth, HTTP, async or clocks.

mod algorithm;
mod base64url;
mod embedded_key;
mod header;
mod json_elements;
mod json_error;
mod json_strings;
#[cfg(feature = "jsonwebtoken")]
mod jsonwebtoken;
mod jwk;
mod jws;
mod jws_error;
mod jws_with_key;
mod jwt_form;
mod key;
mod known_headers;
mod strict_json;
mod unusable_jwk;
#[cfg(test)]
mod vectors;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use json_error::JsonError;
pub use jwk::{JwkSet, JwkSetError, SkippedJwk};

pub(crate) use jwk::KeyPurpose;
pub use jws_error::JwsError;
pub use key::{Thumbprint, VerifyingKey};
pub use unusable_jwk::UnusableJwk;

pub(crate) use algorithm::AlgorithmSet;
#[cfg(feature = "introspection")]
pub(crate) use algorithm::KeyKind;
pub(crate) use base64url::decode as decode_base64url;
pub(crate) use base64url::encode as encode_base64url;
#[cfg(test)]
pub(crate) use embedded_key::parsed_and_verified;
pub(crate) use embedded_key::{EmbeddedKey, ParsedKey};
pub(crate) use header::Header;
#[cfg(feature = "mcp")]
pub(crate) use json_elements::read_objects;
pub(crate) use json_strings::Strings;
pub(crate) use jws::{Scratch, SignatureError, Unverified, Verified};
pub(crate) use jws_with_key::JwsWithKey;
pub(crate) use jwt_form::{has_form_of_jwt, jws_payload};
#[cfg(feature = "introspection")]
pub(crate) use jwt_form::{jws_header, may_contain_jwt};
#[cfg(feature = "introspection")]
pub(crate) use key::Curve;
pub(crate) use key::KeyIdentity;
pub(crate) use known_headers::KnownHeaders;
#[cfg(feature = "http-client")]
pub(crate) use strict_json::read_struct;
pub(crate) use strict_json::{Member, Members, read_object};

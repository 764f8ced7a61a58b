use super::header::Header;
use super::jws::{Parts, Scratch};
use super::jws_error::JwsError;

/// A decoded JWS in compact form (RFC 7515 §7.1) that brings its key along in the header (`jwk`, §4.1.3).
///
/// Nothing in it can be trusted, and a valid signature alone proves nothing: anyone can sign with a key of their own.
pub(crate) struct JwsWithKey<'t> {
    pub(crate) header: Header<'t>,
    /// The JSON of the header's `jwk`, in which no name occurs twice.
    pub(crate) jwk: Option<&'t str>,
    pub(crate) signing_input: &'t str,
    pub(crate) payload: &'t [u8],
    pub(crate) signature: &'t [u8],
}

impl<'t> JwsWithKey<'t> {
    pub(crate) fn parse(text: &'t str, scratch: &'t mut Scratch) -> Result<Self, JwsError> {
        let Parts { header, signing_input, payload, signature } = Parts::split(text, scratch)?;
        let (header, jwk) = Header::parse_with_jwk(header.decode()?)?;
        Ok(Self { header, jwk, signing_input, payload, signature })
    }
}

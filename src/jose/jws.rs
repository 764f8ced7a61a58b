use std::sync::Arc;

use smallvec::SmallVec;

use super::base64url;
use super::header::Header;
use super::jwk::JwkSet;
use super::jws_error::JwsError;
use super::key::{KeyIdentity, VerifyingKey};
use super::known_headers::KnownHeaders;

/// The most keys that are tried for one token beyond the first. Each costs a verification.
const MAX_FURTHER_KEYS: usize = 16;

/// The buffer that a token is decoded into: on the stack, unless the token is large.
#[derive(Default)]
pub(crate) struct Scratch(SmallVec<[u8; 1536]>);

/// A decoded JWS in compact form (RFC 7515 §7.1) whose signature is not yet verified: nothing in it can be trusted.
pub(crate) struct Unverified<'t> {
    header: Header<'t>,
    known: &'t KnownHeaders,
    signing_input: &'t str,
    payload: &'t [u8],
    signature: &'t [u8],
}

impl<'t> Unverified<'t> {
    pub(crate) fn parse(token: &'t str, scratch: &'t mut Scratch, known: &'t KnownHeaders) -> Result<Self, JwsError> {
        let Parts { header, signing_input, payload, signature } = Parts::split(token, scratch)?;
        let header = match known.get(header.text) {
            Some(header) => header,
            None => Header::parse(header.decode()?)?,
        };
        Ok(Self { header, known, signing_input, payload, signature })
    }

    pub(crate) fn header(&self) -> &Header<'t> {
        &self.header
    }

    /// The payload, which anyone may have written.
    pub(crate) fn unverified_payload(&self) -> &'t [u8] {
        self.payload
    }

    /// The payload, if a key of the set made the signature (RFC 7515 §5.2, appendix D): one that has the header's `kid`, or any if
    /// it has none, that serves its `alg`, and that `may_sign`.
    ///
    /// Of several keys the one of the identity `first` comes first. Further ones are tried as long as `try_another` agrees.
    pub(crate) fn verify<'k>(
        &self,
        keys: &'k JwkSet,
        may_sign: impl Fn(&VerifyingKey) -> bool,
        first: impl FnOnce() -> Option<KeyIdentity>,
        try_another: impl Fn() -> bool,
    ) -> Result<(Verified<'t>, &'k VerifyingKey), SignatureError> {
        let Self { header, known, signing_input, payload, signature } = self;
        let fitting = keys.candidates(header.kid.as_deref(), header.algorithm).filter(|key| may_sign(key));
        let mut fitting: SmallVec<[&Arc<VerifyingKey>; 8]> = fitting.collect();
        if fitting.len() > 1
            && let Some(first) = first()
            && let Some(at) = fitting.iter().position(|key| key.identity() == first)
        {
            fitting.swap(0, at);
        }
        for (tried, key) in fitting.iter().take(1 + MAX_FURTHER_KEYS).enumerate() {
            if tried > 0 && !try_another() {
                return Err(SignatureError::NoBudget);
            }
            if key.verify(header.algorithm, signing_input.as_bytes(), signature) {
                if let Some((text, _)) = signing_input.split_once('.') {
                    known.learn(text, header);
                }
                return Ok((Verified { payload }, key));
            }
        }
        Err(match (&header.kid, fitting.len()) {
            (None, fitting) => SignatureError::NoKid { tried: fitting.min(1 + MAX_FURTHER_KEYS), fitting },
            (Some(_), 0) => SignatureError::NoKey,
            (Some(_), _) => SignatureError::Mismatch,
        })
    }
}

/// The parts of a JWS in compact form (RFC 7515 §7.1): payload and signature are decoded, the header is on demand.
pub(super) struct Parts<'t> {
    pub(super) header: EncodedHeader<'t>,
    pub(super) signing_input: &'t str,
    pub(super) payload: &'t [u8],
    pub(super) signature: &'t [u8],
}

/// A header, and the place to decode it into.
pub(super) struct EncodedHeader<'t> {
    text: &'t str,
    bytes: &'t mut [u8],
}

impl<'t> Parts<'t> {
    pub(super) fn split(token: &'t str, scratch: &'t mut Scratch) -> Result<Self, JwsError> {
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwsError::Parts { found: 1 })?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Parts { found: 2 })?;
        // A further dot would be in the payload, and is no character of base64url. So it is looked for only after an error.
        let wrong = || match payload.matches('.').count() {
            0 => JwsError::Encoding,
            further => JwsError::Parts { found: 3 + further },
        };

        let lengths = [header, payload, signature].map(|part| base64url::decoded_length(part.len()));
        scratch.0.resize(lengths.iter().sum(), 0);
        let (header_bytes, rest) = scratch.0.split_at_mut(lengths[0]);
        let (payload_bytes, signature_bytes) = rest.split_at_mut(lengths[1]);
        let payload = decode(payload, payload_bytes).ok_or_else(wrong)?;
        let signature = decode(signature, signature_bytes).ok_or_else(wrong)?;
        let header = EncodedHeader { text: header, bytes: header_bytes };
        Ok(Self { header, signing_input, payload, signature })
    }
}

impl<'t> EncodedHeader<'t> {
    pub(super) fn decode(self) -> Result<&'t [u8], JwsError> {
        decode(self.text, self.bytes).ok_or(JwsError::Encoding)
    }
}

fn decode<'t>(part: &str, bytes: &'t mut [u8]) -> Option<&'t [u8]> {
    base64url::decode_into(part.as_bytes(), bytes).then_some(bytes)
}

/// A payload whose signature was verified. Only [`Unverified::verify`] makes one.
pub(crate) struct Verified<'t> {
    payload: &'t [u8],
}

impl<'t> Verified<'t> {
    pub(crate) fn payload(&self) -> &'t [u8] {
        self.payload
    }
}

/// Why no key verified a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureError {
    /// No key of the token's `kid` is one for the algorithm.
    NoKey,
    /// No key of the token's `kid` made the signature.
    Mismatch,
    /// The token has no `kid`, and none of the keys that were tried made the signature.
    NoKid { tried: usize, fitting: usize },
    /// Further keys fit, but the budget for verifications is used up.
    NoBudget,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row E1.
    #[test]
    fn three_parts() {
        for (text, found) in [("", 1), ("abc", 1), ("a.b", 2), ("a.b.c.d", 4), ("a.b.c.d.e", 5), ("a.b.c.d.e.f", 6)] {
            assert_eq!(
                Unverified::parse(text, &mut Scratch::default(), &KnownHeaders::default()).err(),
                Some(JwsError::Parts { found }),
                "{text}"
            );
        }
        for text in ["..", ".e30.AA", ". . "] {
            assert!(Unverified::parse(text, &mut Scratch::default(), &KnownHeaders::default()).is_err(), "{text}");
        }
    }
}

//! base64url as JOSE uses it (RFC 7515 §2): without padding, white space or non-zero trailing bits (RFC 4648 §3.5), so that a
//! value has exactly one encoding.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The number of bytes that `length` characters decode to.
pub(super) const fn decoded_length(length: usize) -> usize {
    // Not `length * 3 / 4`, which may overflow.
    length / 4 * 3 + length % 4 * 3 / 4
}

/// Decodes `text` into `bytes`, which must be as long as [`decoded_length`] says. If this returns false, the content of `bytes` is
/// unspecified.
#[must_use]
pub(super) fn decode_into(text: &[u8], bytes: &mut [u8]) -> bool {
    let length = bytes.len();
    URL_SAFE_NO_PAD.decode_slice(text, bytes) == Ok(length)
}

pub(super) fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    let text = text.as_ref();
    let mut bytes = vec![0; decoded_length(text.len())];
    decode_into(text, &mut bytes).then_some(bytes)
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_encoding_only() {
        assert_eq!(decode("_-8"), Some(vec![0xff, 0xef]));
        assert_eq!(encode([0xff, 0xef]), "_-8");
        for bad in ["_-8=", "_-9", "/+8", "_ -8", "_-8\n", "A", "_-8.", "é", "QQ==", "QR"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    /// By the text of RFC 4648 §5, one bit after the other.
    fn expected(text: &[u8]) -> Option<Vec<u8>> {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut bits = Vec::new();
        for character in text {
            let value = ALPHABET.iter().position(|known| known == character)?;
            bits.extend((0..6).rev().map(|bit| value >> bit & 1 == 1));
        }
        let (bytes, rest) = bits.as_chunks::<8>();
        let is_whole = rest.len() < 6 && !rest.contains(&true);
        let byte = |bits: &[bool; 8]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        is_whole.then(|| bytes.iter().map(byte).collect())
    }

    /// Every byte at every place, and every pair of bytes at the end, where bits may be left over.
    #[test]
    fn every_byte_is_decoded_as_the_rfc_says() {
        for length in 1..=9 {
            for place in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = vec![b'A'; length];
                    text[place] = byte;
                    assert_eq!(decode(&text), expected(&text), "{text:?}");
                }
            }
        }
        for pair in 0..=u16::MAX {
            for before in ["", "A", "AAAA"] {
                let text = [before.as_bytes(), &pair.to_be_bytes()].concat();
                assert_eq!(decode(&text), expected(&text), "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(bytes: Vec<u8>) {
            prop_assert_eq!(decode(encode(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_decoded_as_the_rfc_says(text in "[A-Za-z0-9_+/=. -]{0,40}") {
            prop_assert_eq!(decode(&text), expected(text.as_bytes()));
        }
    }
}

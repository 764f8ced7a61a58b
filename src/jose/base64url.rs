use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// base64url as JOSE has it (RFC 7515 §2): no padding, no white space, and no stray bits at the end (RFC 4648 §3.5), so
/// that a value has exactly one spelling.
const JOSE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(false),
);

pub(super) fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    JOSE.decode(text).ok()
}

pub(crate) fn encode(octets: impl AsRef<[u8]>) -> String {
    JOSE.encode(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        assert_eq!(decode("_-8"), Some(vec![0xff, 0xef]));
        assert_eq!(encode([0xff, 0xef]), "_-8");
        for bad in ["_-8=", "_-9", "/+8", "_ -8", "_-8\n", "A", "_-8.", "é", "QQ==", "QR"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }
}

//! The DER form of a certificate.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The SHA-256 hash of a certificate in DER form (RFC 8705 §3.1).
pub(super) fn hash(certificate: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, certificate).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// The certificate with this base64 form (RFC 4648 §4): with padding, without stray bits, and with nothing else in it.
pub(super) fn of_base64(text: &str) -> Result<Vec<u8>, &'static str> {
    let bytes = STANDARD.decode(text).map_err(|_| "expected base64 with padding")?;
    if is_one_sequence(&bytes) { Ok(bytes) } else { Err("expected the DER form of one certificate") }
}

/// Whether these bytes are one DER value of the type of a certificate, a sequence (RFC 5280 §4.1), and nothing after it.
///
/// The hash of the bytes is what counts, so nothing within them is read. A text that is no certificate, or several of them, would have
/// a hash too.
fn is_one_sequence(bytes: &[u8]) -> bool {
    let Some((&0x30, rest)) = bytes.split_first() else { return false };
    let Some((&first, rest)) = rest.split_first() else { return false };
    if first < 0x80 {
        return rest.len() == usize::from(first);
    }
    // X.690 §10.1: a length has the shortest form. A certificate has less than 64 KiB.
    let digits = usize::from(first & 0x7f);
    if !(1..=2).contains(&digits) || rest.len() < digits {
        return false;
    }
    let (length, content) = rest.split_at(digits);
    let value = length.iter().fold(0, |value, digit| value << 8 | usize::from(*digit));
    let is_shortest = value >= if digits == 1 { 0x80 } else { 0x100 };
    is_shortest && content.len() == value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(header: &[u8], length: usize) -> Vec<u8> {
        [header, &vec![5; length]].concat()
    }

    #[test]
    fn one_sequence_has_the_length_that_it_states() {
        for (header, length) in [
            (&[0x30, 0][..], 0),
            (&[0x30, 0x7f], 0x7f),
            (&[0x30, 0x81, 0x80], 0x80),
            (&[0x30, 0x81, 0xff], 0xff),
            (&[0x30, 0x82, 1, 0], 0x100),
            (&[0x30, 0x82, 0xff, 0xff], 0xffff),
        ] {
            assert!(is_one_sequence(&sequence(header, length)), "{header:?}");
            assert!(!is_one_sequence(&sequence(header, length + 1)), "{header:?} with a byte after it");
            assert!(length == 0 || !is_one_sequence(&sequence(header, length - 1)), "{header:?} without its last byte");
        }
    }

    #[test]
    fn other_values_and_other_forms_of_a_length_are_none() {
        for other in [
            &[][..],
            &[0x30],
            &[0x31, 0],
            &[0x04, 0],
            // The indefinite form, and more digits than a certificate has.
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x83, 0, 0, 0],
            &[0x30, 0xff],
            // Not the shortest form.
            &[0x30, 0x81, 0],
            &[0x30, 0x82, 0, 0],
            &[0x30, 0x81],
            &[0x30, 0x82, 1],
        ] {
            assert!(!is_one_sequence(other), "{other:?}");
        }
        assert!(!is_one_sequence(&sequence(&[0x30, 0x80], 0x80)));
        assert!(!is_one_sequence(&sequence(&[0x30, 0x82, 0, 0x80], 0x80)));
        assert!(!is_one_sequence(&sequence(&[0x30, 0x81, 0x7f], 0x7f)));
    }
}

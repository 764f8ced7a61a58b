//! The parts of a JWT in spellings that no JWT has.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// A part in another spelling: `<<h>>` and `<<p>>` are the header and the payload as they should be, `<<p spare 1>>` the
/// payload with 1 in the bits to spare.
pub(super) fn misspelt(place: &str, header: &str, payload: &str) -> Option<Vec<u8>> {
    let (part, spelling) = place.split_once(' ').unwrap_or((place, ""));
    let part = match part {
        "h" => header,
        "p" => payload,
        _ => return None,
    };
    Some(spelt(part, spelling)?.into_bytes())
}

pub(super) fn misspelt_signature(place: &str, signature: &str) -> Option<Vec<u8>> {
    Some(spelt(signature, place.strip_prefix("s ")?)?.into_bytes())
}

fn spelt(part: &str, spelling: &str) -> Option<String> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bytes = || URL_SAFE_NO_PAD.decode(part).unwrap();
    let (start, last) = part.split_at(part.len().saturating_sub(1));
    Some(match spelling {
        "" => part.to_owned(),
        "padded" => URL_SAFE.encode(bytes()),
        "standard" => STANDARD_NO_PAD.encode(bytes()),
        "raw" => String::from_utf8(bytes()).unwrap(),
        "twice" => URL_SAFE_NO_PAD.encode(part),
        "broken" => format!("{}\n{}", &part[..4], &part[4..]),
        "cut" => start.to_owned(),
        spare => {
            let bits = spare.strip_prefix("spare ")?.parse::<usize>().unwrap();
            let last = ALPHABET.find(last).unwrap() | bits;
            format!("{start}{}", &ALPHABET[last..=last])
        }
    })
}

//! Whether a text has the form of a JWT, before anything in it is validated.

use super::base64url;

/// Whether some reader might take the text for a JWT, signed or encrypted: it has at least three parts, and the first stands for a JSON
/// object (RFC 7515 §7.1, RFC 7516 §7.1). So an API key of three parts is none.
pub(crate) fn has_form_of_jwt(text: &str) -> bool {
    let mut parts = text.split('.');
    let first = parts.next().unwrap_or_default();
    parts.count() >= 2 && starts_json_object(first)
}

/// Whether a JWT may be in the text, also behind something else or encoded once more: it is a secret of its issuer all the same. A text of
/// two parts holds none that has its signature.
#[cfg(feature = "introspection")]
pub(crate) fn may_contain_jwt(text: &str) -> bool {
    // `{"` in base64url begins with these three characters, wherever a JWT begins within the text.
    let is_among_parts = || text.contains("eyJ") || text.split('.').any(starts_json_object);
    (text.split('.').count() >= 3 && is_among_parts()) || is_encoded_jwt(text)
}

/// Whether the text is a JWT in base64 or base64url, as in a WebSocket's protocol.
#[cfg(feature = "introspection")]
fn is_encoded_jwt(text: &str) -> bool {
    // A JWT begins with `ey` or `ew`. This is cheaper than decoding every opaque token.
    text.starts_with("ZX") && may_contain_jwt(&String::from_utf8_lossy(&decode_leniently(text)))
}

/// The header of a JWS. `None` if lenient readers alone decode it.
#[cfg(feature = "introspection")]
pub(crate) fn jws_header(text: &str) -> Option<Vec<u8>> {
    base64url::decode(text.split('.').next()?)
}

fn starts_json_object(part: &str) -> bool {
    let json = decode_leniently(part);
    let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&json);
    json.trim_ascii_start().starts_with(b"{")
}

/// Decodes more leniently than validation does: in both alphabets (RFC 4648 §4, §5), skipping characters that are in neither, and
/// whatever the last bits are. Up to three bytes that are zero may follow.
fn decode_leniently(text: &str) -> Vec<u8> {
    let mut text: Vec<u8> = text.bytes().filter_map(url_safe).collect();
    text.resize(text.len().next_multiple_of(4), b'A');
    base64url::decode(text).unwrap_or_default()
}

fn url_safe(byte: u8) -> Option<u8> {
    match byte {
        b'+' | b'-' => Some(b'-'),
        b'/' | b'_' => Some(b'_'),
        other => other.is_ascii_alphanumeric().then_some(other),
    }
}

/// The payload of a JWS (RFC 7515 §7.1). `None` if the text has more parts, as a JWE has, or is decoded by lenient readers only.
pub(crate) fn jws_payload(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('.').skip(1);
    let payload = parts.next()?;
    match (parts.next(), parts.next()) {
        (Some(_), None) => base64url::decode(payload),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_jwt_is_recognized_leniently() {
        let encoded = base64url::encode;
        for header in [r#"{"alg":"ES256"}"#, "{", "{}", "{}\n", " \n{\"alg\":\"none\"}", "\u{feff}{}", "{not json"] {
            for rest in ["e30.AAAA", "e30.", ".", "a.b.c.d", "~.~"] {
                assert!(has_form_of_jwt(&format!("{}.{rest}", encoded(header))), "{header} {rest}");
            }
            assert!(!has_form_of_jwt(&format!("{}.e30", encoded(header))), "{header}");
        }
        // In the other alphabet, with a character left over, and with some of no alphabet.
        let header = encoded("{\"\u{3ff}\u{3ff}\":1}");
        assert!(header.contains(['-', '_']), "{header}");
        for first in [header.replace('-', "+").replace('_', "/"), format!("{header}x"), format!("~{header}~")] {
            assert!(has_form_of_jwt(&format!("{first}.e30.AA")), "{first}");
        }
        for key in ["", "ak_live_7", "ak.live.7", "..", "e.y.J", "a.b.c.d.e", "~~~.e30.AA", "WzFd.e30.AA"] {
            assert!(!has_form_of_jwt(key), "{key}");
        }
    }
}

//! A certificate as URL-encoded PEM, as in nginx's `$ssl_client_escaped_cert` and Envoy's `Cert`.

use percent_encoding::percent_decode_str;

use super::der;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----\n";
const END: &str = "-----END CERTIFICATE-----";
/// RFC 7468 §2: every line has as many characters, and the last one may have fewer.
const LINE: usize = 64;

/// The one certificate in the text, with nothing before and nothing after it, as OpenSSL writes it (RFC 7468 §3, §5).
pub(super) fn certificate(escaped: &str) -> Result<Vec<u8>, &'static str> {
    if !escaped.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("expected percent-encoded spaces and line breaks");
    }
    // A `%` that begins no escape stays in the text, and PEM has none.
    let text = percent_decode_str(escaped).decode_utf8().map_err(|_| "expected ASCII after percent-decoding")?;
    let (body, rest) = text
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.split_once(END))
        .ok_or("expected a certificate in URL-encoded PEM")?;
    if !matches!(rest, "" | "\n") {
        return Err("expected nothing after the certificate");
    }
    let lines = body.strip_suffix('\n').ok_or("expected a line break before the end of the certificate")?;
    der::of_base64(&joined(lines).ok_or("expected lines of 64 characters")?)
}

/// The lines without the breaks. Every line but the last has 64 characters.
fn joined(lines: &str) -> Option<String> {
    let mut joined = String::with_capacity(lines.len());
    let mut lines = lines.split('\n').peekable();
    while let Some(line) = lines.next() {
        let is_last = lines.peek().is_none();
        if line.len() > LINE || line.is_empty() || (line.len() < LINE && !is_last) {
            return None;
        }
        joined.push_str(line);
    }
    Some(joined)
}

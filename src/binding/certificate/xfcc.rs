//! `X-Forwarded-Client-Cert`, the header in which Envoy names the client certificate.

use std::borrow::Cow;

use super::{der, escaped_pem};

/// The SHA-256 hash of the certificate that the one element of the header names, by `Hash`, by `Cert`, or by both alike.
///
/// Elements are separated by commas, and each hop appends one, so a second element is one that a stranger may have written. Envoy copies
/// subjects and names of the certificate into the header without escapes for `;` and `,`, so a client can add pairs by its choice of a name.
/// Envoy always writes `Hash`: whatever is added is then a second `Hash`, a `Cert` that disagrees, or another element, and is refused.
pub(super) fn hash(line: &str) -> Result<[u8; 32], &'static str> {
    let (mut by_hash, mut by_certificate) = (None, None);
    let mut rest = line;
    loop {
        let (name, after) = rest.split_once('=').ok_or("expected pairs of a name and a value")?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err("expected pairs of a name and a value");
        }
        let (value, after) = value(after)?;
        if name.eq_ignore_ascii_case("Hash") {
            let hash = of_hex(&value).ok_or("expected 64 hexadecimal digits in Hash")?;
            if by_hash.replace(hash).is_some() {
                return Err("more than one Hash");
            }
        } else if name.eq_ignore_ascii_case("Cert") {
            let certificate = escaped_pem::certificate(&value)?;
            if by_certificate.replace(der::hash(&certificate)).is_some() {
                return Err("more than one Cert");
            }
        }
        match after.split_at_checked(1) {
            None => break,
            Some((";", after)) => rest = after,
            Some((",", _)) => return Err("more than one element"),
            Some(_) => return Err("expected a semicolon between two pairs"),
        }
    }
    match (by_hash, by_certificate) {
        (Some(hash), Some(certificate)) if hash != certificate => Err("Hash and Cert of different certificates"),
        (Some(hash), _) | (None, Some(hash)) => Ok(hash),
        (None, None) => Err("neither Hash nor Cert"),
    }
}

/// A value and what follows it. In quotes a backslash stands before a quote.
fn value(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return if value.contains('"') { Err("a quote within a value") } else { Ok((value.into(), rest)) };
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next() {
            None => return Err("a quoted value without a closing quote"),
            Some('"') => return Ok((value.into(), characters.as_str())),
            Some('\\') => value.extend(characters.next()),
            Some(character) => value.push(character),
        }
    }
}

fn of_hex(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes.collect::<Option<Vec<_>>>()?.try_into().ok()
}

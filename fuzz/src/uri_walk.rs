//! A second reading of `http` and `https` URIs: byte by byte along the grammar of RFC 3986, with no thought of speed.

use std::fmt::Write;

/// The URI without query and fragment in its normal form, or `None` if it is none that a proof may have.
#[must_use]
pub fn normal(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() > 2048 || bytes.iter().any(|byte| !(0x21..=0x7e).contains(byte)) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let (scheme, default_port, start) = if lower.starts_with("http://") {
        ("http", 80, 7)
    } else if lower.starts_with("https://") {
        ("https", 443, 8)
    } else {
        return None;
    };
    let mut at = start;
    while at < bytes.len() && !matches!(bytes[at], b'/' | b'?' | b'#') {
        at += 1;
    }
    let authority = &bytes[start..at];
    let path_start = at;
    while at < bytes.len() && !matches!(bytes[at], b'?' | b'#') {
        at += 1;
    }
    let path = path(&bytes[path_start..at])?;
    let authority = self::authority(authority, default_port)?;
    Some(format!("{scheme}://{authority}{path}"))
}

fn authority(text: &[u8], default_port: u32) -> Option<String> {
    // A colon that is followed by nothing but digits begins the port. All colons of an address are within its brackets.
    let mut end = text.len();
    while end > 0 && text[end - 1].is_ascii_digit() {
        end -= 1;
    }
    let (host, port) = match end.checked_sub(1) {
        Some(colon) if text[colon] == b':' => (&text[..colon], &text[end..]),
        _ => (text, &[][..]),
    };
    let host = match host {
        [b'[', address @ .., b']'] => format!("[{}]", ipv6(address)?),
        _ => name(host)?,
    };
    if port.is_empty() {
        return Some(host);
    }
    let mut number = 0;
    for digit in port {
        number = number * 10 + u32::from(digit - b'0');
        // A zero at the start is a mistake, and so is all zeros.
        if number == 0 || number > 65535 {
            return None;
        }
    }
    Some(if number == default_port { host } else { format!("{host}:{number}") })
}

fn name(text: &[u8]) -> Option<String> {
    let is_rooted = text.last() == Some(&b'.');
    let text = if is_rooted { &text[..text.len() - 1] } else { text };
    let mut label = Vec::new();
    let mut labels = Vec::new();
    for byte in text {
        match byte {
            b'.' => labels.push(std::mem::take(&mut label)),
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => label.push(*byte),
            b'A'..=b'Z' => label.push(byte + 32),
            _ => return None,
        }
    }
    labels.push(label);
    if text.len() > 253 || labels.iter().any(|label| label.is_empty() || label.len() > 63) {
        return None;
    }
    let last = labels.last()?;
    let is_decimal = last.iter().all(u8::is_ascii_digit);
    let is_hexadecimal = last.starts_with(b"0x") && last[2..].iter().all(u8::is_ascii_hexdigit);
    if is_decimal || is_hexadecimal {
        // An IPv4 address, or something that some take for one.
        if is_rooted || labels.len() != 4 || labels.iter().any(|label| octet(label).is_none()) {
            return None;
        }
    }
    let name = String::from_utf8(labels.join(&b'.')).ok()?;
    Some(if is_rooted { name + "." } else { name })
}

fn octet(text: &[u8]) -> Option<u16> {
    (0..=255).find(|number: &u16| number.to_string().as_bytes() == text)
}

/// RFC 3986 §3.2.2 for what is read, RFC 5952 §4 and §5 for what is written.
fn ipv6(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let groups = match text.split_once("::") {
        None => groups(text, true)?,
        Some((before, after)) => {
            let (before, after) = (groups(before, false)?, groups(after, true)?);
            let missing = 8_usize.checked_sub(before.len() + after.len()).filter(|missing| *missing > 0)?;
            [before, vec![0; missing], after].concat()
        }
    };
    if groups.len() != 8 {
        return None;
    }
    if groups[..6] == [0, 0, 0, 0, 0, 0xffff] {
        let [a, b] = groups[6].to_be_bytes();
        let [c, d] = groups[7].to_be_bytes();
        return Some(format!("::ffff:{a}.{b}.{c}.{d}"));
    }
    // The longest run of at least two zeros, the first of them.
    let mut best = (0, 0);
    for start in 0..8 {
        let length = groups[start..].iter().take_while(|group| **group == 0).count();
        if length >= 2 && length > best.1 {
            best = (start, length);
        }
    }
    let written = |groups: &[u16]| groups.iter().map(|group| format!("{group:x}")).collect::<Vec<_>>().join(":");
    Some(match best {
        (_, 0) => written(&groups),
        (start, length) => format!("{}::{}", written(&groups[..start]), written(&groups[start + length..])),
    })
}

/// Groups of at most four digits. The last may be two groups in the form of an IPv4 address.
fn groups(text: &str, is_end: bool) -> Option<Vec<u16>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let parts: Vec<_> = text.split(':').collect();
    let mut groups = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        if is_end && at + 1 == parts.len() && part.contains('.') {
            let octets: Option<Vec<_>> = part.split('.').map(|part| octet(part.as_bytes())).collect();
            let [a, b, c, d] = octets?[..] else { return None };
            groups.extend([a << 8 | b, c << 8 | d]);
        } else if (1..=4).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            groups.push(u16::from_str_radix(part, 16).ok()?);
        } else {
            return None;
        }
    }
    Some(groups)
}

fn path(text: &[u8]) -> Option<String> {
    let mut normal = String::new();
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        if byte != b'%' {
            if !is_unreserved(byte) && !b"!$&'()*+,;=:@/[]|^".contains(&byte) {
                return None;
            }
            normal.push(byte.into());
            continue;
        }
        let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
        let byte = u8::try_from(digit(at)? * 16 + digit(at + 1)?).ok()?;
        at += 2;
        match byte {
            byte if is_unreserved(byte) => normal.push(byte.into()),
            byte => write!(normal, "%{byte:02X}").ok()?,
        }
    }
    if normal.is_empty() {
        normal.push('/');
    }
    // What a resolver of relative references would change is ambiguous.
    (without_dot_segments(&normal) == normal).then_some(normal)
}

fn is_unreserved(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 §5.2.4, for a path that begins with a slash.
fn without_dot_segments(path: &str) -> String {
    let (mut input, mut output) = (path.to_owned(), String::new());
    while !input.is_empty() {
        if input.starts_with("/./") {
            input.drain(..2);
        } else if input == "/." {
            input.truncate(1);
        } else if input.starts_with("/../") || input == "/.." {
            input = format!("/{}", input.get(4..).unwrap_or_default());
            output.truncate(output.rfind('/').unwrap_or(0));
        } else {
            let end = input[1..].find('/').map_or(input.len(), |at| at + 1);
            output.extend(input.drain(..end));
        }
    }
    output
}

//! Headers in which a proxy names the client certificate: `Client-Cert` of RFC 9440, `X-Forwarded-Client-Cert` of Envoy, and escaped PEM as nginx has it.
//!
//! - Nothing panics.
//! - What is accepted as a certificate is one DER sequence, and the line is its spelling: written again in the same form, it is the same.
//! - Of Envoy's header exactly one element counts, and all that it says about the certificate is of the same one.
//! - The spelling of a certificate is accepted in each form if and only if its bytes are one DER sequence, and means these bytes.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use self::client_certificate::ClientCertificate;
use self::header_form::{HeaderForm, MAX_LENGTH};

#[path = "../../src/binding/certificate/client_certificate.rs"]
#[expect(unreachable_pub, reason = "in the crate it is public")]
mod client_certificate;
#[path = "../../src/binding/certificate/der.rs"]
mod der;
#[path = "../../src/binding/certificate/escaped_pem.rs"]
mod escaped_pem;
#[path = "../../src/binding/certificate/header_form.rs"]
mod header_form;
#[path = "../../src/binding/certificate/xfcc.rs"]
mod xfcc;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----\n";
const END: &str = "-----END CERTIFICATE-----";

/// After a `c` the bytes of a certificate; after an `s` what a sequence holds, of which the target makes one; after anything else a line.
pub fn run(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    match kind {
        b'c' => check_certificate(rest),
        b's' => check_certificate(&[&header(rest.len()), rest].concat()),
        _ => check_line(rest),
    }
}

/// It is accepted in each form, or in none.
fn check_certificate(bytes: &[u8]) {
    assert_eq!(ClientCertificate::from_der(bytes).thumbprint(), thumbprint(bytes));
    let pem = escaped(&pem(bytes));
    let hash = hexadecimal(&Sha256::digest(bytes));
    for (form, line) in [
        (HeaderForm::ByteSequence, format!(":{}:", STANDARD.encode(bytes))),
        (HeaderForm::EscapedPem, pem.clone()),
        (HeaderForm::Xfcc, format!("Cert=\"{pem}\"")),
        (HeaderForm::Xfcc, format!("By=a;Hash={hash};Cert=\"{pem}\";Subject=\"CN=a,b;c\\\"d\"")),
    ] {
        if line.len() <= MAX_LENGTH {
            let expected = is_sequence(bytes).then(|| thumbprint(bytes));
            assert_eq!(read(form, line.as_bytes()), expected, "{form:?}: {line}");
        }
    }
}

fn check_line(line: &[u8]) {
    for form in [HeaderForm::ByteSequence, HeaderForm::EscapedPem, HeaderForm::Xfcc] {
        let Some(found) = read(form, line) else { continue };
        let line = std::str::from_utf8(line).expect("ASCII");
        let expected = match form {
            HeaderForm::ByteSequence => of_byte_sequence(line),
            HeaderForm::EscapedPem => of_pem(line),
            HeaderForm::Xfcc => of_element(line),
        };
        assert_eq!(Some(found), expected, "{form:?}: {line}");
    }
}

fn read(form: HeaderForm, line: &[u8]) -> Option<String> {
    form.read(line).ok().map(|certificate| certificate.thumbprint().to_owned())
}

/// The thumbprint, if the line is the one spelling of a certificate.
fn of_byte_sequence(line: &str) -> Option<String> {
    let bytes = STANDARD.decode(line.trim_matches(':')).ok()?;
    (is_sequence(&bytes) && format!(":{}:", STANDARD.encode(&bytes)) == line).then(|| thumbprint(&bytes))
}

/// The same, where any character may be escaped, and the last line break may be absent.
fn of_pem(line: &str) -> Option<String> {
    let text = unescaped(line)?;
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let bytes = STANDARD.decode(body).ok()?;
    let is_its_spelling = pem(&bytes).trim_end() == text.strip_suffix('\n').unwrap_or(&text);
    (is_sequence(&bytes) && is_its_spelling && !line.contains([' ', '\n'])).then(|| thumbprint(&bytes))
}

/// What all pairs of the one element say about the certificate, if they agree.
fn of_element(line: &str) -> Option<String> {
    let mut found = Vec::new();
    for (name, value) in pairs(line)? {
        match &*name.to_ascii_lowercase() {
            "hash" if value.len() == 64 && value.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                let pairs = value.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
                let bytes: Result<Vec<_>, _> = pairs.map(|pair| u8::from_str_radix(pair, 16)).collect();
                found.push(("hash", URL_SAFE_NO_PAD.encode(bytes.ok()?)));
            }
            "hash" => return None,
            "cert" => found.push(("cert", of_pem(&value)?)),
            _ => {}
        }
    }
    match &*found {
        [(_, one)] => Some(one.clone()),
        [(first, one), (second, other)] if first != second && one == other => Some(one.clone()),
        _ => None,
    }
}

/// The pairs of a name and a value; `None` if there is more than one element. In quotes nothing separates, and a backslash takes the next character.
fn pairs(line: &str) -> Option<Vec<(String, String)>> {
    let (mut pairs, mut pair) = (Vec::new(), (String::new(), None::<String>));
    let (mut is_quoted, mut is_escaped) = (false, false);
    for character in line.chars().chain([';']) {
        let text = pair.1.as_mut();
        match (character, text) {
            (character, Some(text)) if is_escaped => {
                text.push(character);
                is_escaped = false;
            }
            ('\\', Some(_)) if is_quoted => is_escaped = true,
            ('"', Some(_)) => is_quoted = !is_quoted,
            (character, Some(text)) if is_quoted => text.push(character),
            (',', _) => return None,
            (';', _) => {
                let (name, value) = std::mem::take(&mut pair);
                pairs.push((name, value?));
            }
            ('=', None) => pair.1 = Some(String::new()),
            (character, None) => pair.0.push(character),
            (character, Some(text)) => text.push(character),
        }
    }
    (!is_quoted).then_some(pairs)
}

/// Whether these bytes are what X.690 writes of a sequence, of less than 64 KiB.
fn is_sequence(bytes: &[u8]) -> bool {
    (2..=4).filter_map(|length| bytes.split_at_checked(length)).any(|(start, content)| start == header(content.len()))
}

/// The tag and the length of a sequence; of no sequence if it is too long.
fn header(length: usize) -> Vec<u8> {
    match length {
        0..0x80 => [&[0x30][..], &length.to_be_bytes()[7..]].concat(),
        0x80..0x100 => [&[0x30, 0x81][..], &length.to_be_bytes()[7..]].concat(),
        0x100..0x1_0000 => [&[0x30, 0x82][..], &length.to_be_bytes()[6..]].concat(),
        _ => Vec::new(),
    }
}

fn pem(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let lines = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII"));
    lines.fold(BEGIN.to_owned(), |pem, line| pem + line + "\n") + END + "\n"
}

fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect("a string takes everything");
        }
        escaped
    })
}

/// `None` if that is no UTF-8. A `%` without two digits stays.
fn unescaped(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

fn thumbprint(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

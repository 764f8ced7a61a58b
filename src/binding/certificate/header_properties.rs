//! No text makes a parser of a header panic, and a good line that was changed is malformed, or spells what is read.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::client_certificate::ClientCertificate;
use super::header_form::HeaderForm;
use super::header_tests::{FORMS, certificate, digits, pem, spelled};

/// What is put into a good line in the place of up to three of its characters.
const PIECES: [&str; 19] = [
    "",
    ":",
    ";",
    ",",
    "=",
    "\"",
    "\\",
    "%",
    "%0A",
    "%0",
    "\n",
    " ",
    "Hash=",
    "Cert=",
    "A",
    "-",
    "-----BEGIN CERTIFICATE-----\n",
    "\0",
    "\u{fc}",
];

/// A certificate, and a line that spelled it before it was changed in a few places: what a parser under attack meets.
fn changed() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let change = (any::<prop::sample::Index>(), 0_usize..4, prop::sample::select(&PIECES[..]));
    let (form, length) = (prop::sample::select(&FORMS[..]), 0_u16..400);
    (form, length, prop::collection::vec(change, 1..4)).prop_map(|(form, length, changes)| {
        let certificate = certificate(length);
        let mut line = spelled(form, &certificate).into_bytes();
        for (at, removed, piece) in changes {
            let at = at.index(line.len() + 1);
            let end = (at + removed).min(line.len());
            line.splice(at..end, piece.bytes());
        }
        (certificate, line)
    })
}

/// Whether the line spells what was read: the only spelling of a byte sequence, PEM in lines as OpenSSL writes them, and all digits of a hash.
fn spells(form: HeaderForm, line: &str, certificate: &[u8], found: &ClientCertificate) -> bool {
    let is_of = |text: &str, whole: &dyn Fn(&[u8]) -> String| {
        let bytes = STANDARD.decode(text).unwrap();
        *found == ClientCertificate::from_der(&bytes) && whole(&bytes) == line
    };
    match form {
        HeaderForm::ByteSequence => is_of(&line[1..line.len() - 1], &|bytes| spelled(form, bytes)),
        HeaderForm::EscapedPem => {
            let decoded = percent_encoding::percent_decode_str(line).decode_utf8().unwrap();
            let body: String = decoded.lines().filter(|line| !line.starts_with('-')).collect();
            is_of(&body, &|bytes| {
                if pem(bytes).trim_end() == decoded.trim_end() { line.to_owned() } else { String::new() }
            })
        }
        HeaderForm::Xfcc => {
            let hash = URL_SAFE_NO_PAD.decode(found.thumbprint()).unwrap();
            *found == ClientCertificate::from_der(certificate) || line.to_ascii_lowercase().contains(&digits(&hash))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_makes_a_parser_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        for form in FORMS {
            let _ = form.read(&line);
        }
    }

    #[test]
    fn a_changed_line_is_malformed_or_spells_what_is_read((certificate, line) in changed()) {
        for form in FORMS {
            if let Ok(found) = form.read(&line) {
                let line = std::str::from_utf8(&line).unwrap();
                prop_assert!(spells(form, line, &certificate, &found), "{:?} reads {:?} from {}", form, found, line);
            }
        }
    }
}

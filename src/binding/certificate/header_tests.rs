//! Each form of the header has one spelling for one certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::client_certificate::ClientCertificate;
use super::der;
use super::header_form::{HeaderForm, MAX_LENGTH};

pub(super) const FORMS: [HeaderForm; 3] = [HeaderForm::ByteSequence, HeaderForm::Xfcc, HeaderForm::EscapedPem];

/// A sequence with this many bytes within it.
pub(super) fn certificate(length: u16) -> Vec<u8> {
    let [high, low] = length.to_be_bytes();
    let header = match length {
        0..0x80 => vec![0x30, low],
        0x80..0x100 => vec![0x30, 0x81, low],
        _ => vec![0x30, 0x82, high, low],
    };
    [header, (0..length).map(|at| at.to_be_bytes()[1]).collect()].concat()
}

pub(super) fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// As nginx does: everything but unreserved characters.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

fn hex(certificate: &[u8]) -> String {
    digits(&der::hash(certificate))
}

pub(super) fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

/// The spelling of the certificate in each form.
pub(super) fn spelled(form: HeaderForm, certificate: &[u8]) -> String {
    match form {
        HeaderForm::ByteSequence => format!(":{}:", STANDARD.encode(certificate)),
        HeaderForm::Xfcc => format!(
            "By=spiffe://example.test/api;Hash={};Cert=\"{}\";Subject=\"CN=a, b; \\\"c\\\"\";URI=x?y=z;DNS=a;DNS=b",
            hex(certificate),
            escaped(&pem(certificate))
        ),
        HeaderForm::EscapedPem => escaped(&pem(certificate)),
    }
}

#[track_caller]
fn assert_malformed(form: HeaderForm, line: &str) {
    assert!(form.read(line.as_bytes()).is_err(), "{form:?} accepts {line}");
}

#[track_caller]
fn assert_good(form: HeaderForm, line: &str, certificate: &[u8]) {
    assert_eq!(form.read(line.as_bytes()), Ok(ClientCertificate::from_der(certificate)), "{form:?}: {line}");
}

#[test]
fn a_certificate_of_any_length_has_its_spelling_in_each_form() {
    for length in (0..300).chain([1000, 3000, 8000]) {
        let certificate = certificate(length);
        for form in FORMS {
            assert_good(form, &spelled(form, &certificate), &certificate);
        }
    }
}

#[test]
fn a_byte_sequence_is_padded_base64_between_colons() {
    let form = HeaderForm::ByteSequence;
    // Of 4, 5 and 6 bytes: two padding characters, one and none.
    for (length, text) in [(2, ":MAIAAQ==:"), (3, ":MAMAAQI=:"), (4, ":MAQAAQID:")] {
        assert_good(form, text, &certificate(length));
        let bare = text.trim_matches(':');
        let unpadded = bare.trim_end_matches('=');
        for bad in [
            bare.to_owned(),
            format!(":{bare}"),
            format!("{bare}:"),
            format!("::{bare}:"),
            format!(":{bare}::"),
            format!(" :{bare}:"),
            format!(":{bare}: "),
            format!(": {bare}:"),
            format!(":{bare} :"),
            format!(":{bare}:;a=b"),
            format!(":{bare}:, :{bare}:"),
            format!(":{bare}=:"),
            format!(":{unpadded}====:"),
            format!("\"{bare}\""),
            format!(":{}:", bare.replacen('A', "%41", 1)),
            format!(":{bare}\t:"),
        ] {
            assert_malformed(form, &bad);
        }
        if unpadded != bare {
            assert_malformed(form, &format!(":{unpadded}:"));
            assert_malformed(form, &format!(":{unpadded}={}:", if bare.ends_with("==") { "" } else { "=" }));
        }
    }
    for bad in [
        "",
        ":",
        "::",
        ":=:",
        ":====:",
        // Stray bits, the other alphabet, no sequence, two sequences, a sequence that is cut off.
        ":MAIAAR==:",
        ":MAMAAQJ=:",
        ":MAMA-_I=:",
        ":BAIAAQ==:",
        ":MAAwAA==:",
        ":MAMAAQ==:",
        ":MAEAAQ==:",
    ] {
        assert_malformed(form, bad);
    }
}

#[test]
fn escaped_pem_is_one_certificate_and_nothing_else() {
    let form = HeaderForm::EscapedPem;
    let certificate = certificate(200);
    let pem = pem(&certificate);
    // The line break at the end, and escapes that are not needed, make no difference.
    assert_good(form, &escaped(pem.trim_end()), &certificate);
    assert_good(form, &escaped(&pem).replace("%2B", "+").replace("%2F", "/").replace("%3D", "="), &certificate);
    assert_good(form, &escaped(&pem).replace("%0A", "%0a").replace("%2F", "%2f"), &certificate);
    assert_good(form, &pem.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}")), &certificate);
    let text = STANDARD.encode(&certificate);
    let body = pem.lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>().join("\n");
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    for bad in [
        String::new(),
        pem.repeat(2),
        format!("{pem}x"),
        format!("{pem}\n"),
        format!("{pem} "),
        format!("\n{pem}"),
        format!("x\n{pem}"),
        format!("subject=CN=a\n{pem}"),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', " "),
        pem.replace('\n', "\n\t"),
        pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        pem.replace("CERTIFICATE", "X509 CERTIFICATE"),
        pem.replace("CERTIFICATE", "certificate"),
        pem.replace(end, "-----END CERTIFICATE----"),
        format!("{begin}\n{end}\n"),
        format!("{begin}\n\n{end}\n"),
        format!("{begin}\n{body}{end}\n"),
        format!("{begin}{body}\n{end}\n"),
        format!("{begin}\n{body}\n\n{end}\n"),
        format!("{begin}\n\n{body}\n{end}\n"),
        // Lines of another length.
        format!("{begin}\n{text}\n{end}\n"),
        format!("{begin}\n{}\n{end}\n", [&text[..63], &text[63..]].join("\n")),
        format!("{begin}\n{}\n{end}\n", [&text[..65], &text[65..]].join("\n")),
        // A header of RFC 1421.
        format!("{begin}\nProc-Type: 4\n\n{body}\n{end}\n"),
        format!("{begin}\n{}\n{end}\n", body.trim_end_matches('=')),
    ] {
        assert_malformed(form, &escaped(&bad));
    }
    let good = escaped(&pem);
    for (from, to) in [
        ("%0A", "%0"),
        ("%0A", "%"),
        ("%0A", "%0G"),
        ("%0A", "%%0A"),
        ("%0A", "%u000A"),
        ("%0A", "%C0%8A"),
        ("%20", "+"),
    ] {
        assert_malformed(form, &good.replacen(from, to, 1));
    }
    for end in ["%", "%0", "%zz", "%FF", "%00", "%0A%0A", "&x=y", ";", ","] {
        assert_malformed(form, &format!("{good}{end}"));
    }
    assert_malformed(form, &pem);
    assert_malformed(form, &good.replace("%20", " "));
    assert_malformed(form, &format!("\"{good}\""));
}

#[test]
fn xfcc_is_one_element_that_names_one_certificate() {
    let form = HeaderForm::Xfcc;
    let (one, other) = (certificate(200), certificate(201));
    let (hash, cert) = (format!("Hash={}", hex(&one)), format!("Cert=\"{}\"", escaped(&pem(&one))));
    let (other_hash, other_cert) = (format!("Hash={}", hex(&other)), format!("Cert=\"{}\"", escaped(&pem(&other))));
    for good in [
        hash.clone(),
        cert.clone(),
        cert.replace('"', ""),
        format!("{hash};{cert}"),
        format!("{cert};{hash}"),
        hash.replace("Hash", "hash"),
        hash.replace("Hash", "HASH"),
        format!("Hash={}", hex(&one).to_uppercase()),
        format!("Hash=\"{}\"", hex(&one)),
        format!("By=a;By=b;{hash};Subject=\"\";URI=;DNS=x"),
        format!("{hash};Subject=\"CN=a,O=\\\"b;c\\\",OU=\\\\\""),
        format!("{hash};Chain=\"{}\"", escaped(&pem(&other))),
        format!("{hash};URI=a=b"),
    ] {
        assert_good(form, &good, &one);
    }
    for bad in [
        String::new(),
        ";".into(),
        ",".into(),
        "=".into(),
        "Hash".into(),
        "Hash=".into(),
        "Cert=".into(),
        "Cert=\"\"".into(),
        "Subject=\"CN=a\"".into(),
        // Several elements.
        format!("{hash},{hash}"),
        format!("{hash},{other_hash}"),
        format!("{hash},"),
        format!(",{hash}"),
        format!("{hash}, {hash}"),
        format!("By=a,{hash}"),
        format!("{hash};Subject=\"a\",By=b"),
        // Several certificates.
        format!("{hash};{hash}"),
        format!("{hash};{other_hash}"),
        format!("{hash};hash={}", hex(&other)),
        format!("{cert};{cert}"),
        format!("{cert};{other_cert}"),
        format!("{hash};{other_cert}"),
        format!("{other_hash};{cert}"),
        format!("Cert=\"{}\"", escaped(&(pem(&one) + &pem(&other)))),
        format!("Cert=\"{}x\"", escaped(&pem(&one))),
        // Another length or another alphabet.
        hash[..hash.len() - 1].to_owned(),
        hash[..hash.len() - 2].to_owned(),
        format!("{hash}0"),
        format!("{hash}00"),
        format!("{hash} "),
        format!("Hash= {}", hex(&one)),
        format!("Hash=0x{}", hex(&one)),
        format!("Hash={}:{}", &hex(&one)[..2], &hex(&one)[2..]),
        format!("Hash=+{}", &hex(&one)[1..]),
        format!("Hash=g{}", &hex(&one)[1..]),
        format!("Hash={}", STANDARD.encode(der::hash(&one))),
        // Quotes and white space.
        format!("Hash=\"{}", hex(&one)),
        format!("{hash}\""),
        format!("{hash};Subject=\"a"),
        format!("{hash};Subject=\"a\\"),
        format!("{hash};Subject=\"a\"b"),
        format!("{hash};Subject=a\"b\""),
        format!("Hash=\"{}\"\"\"", hex(&one)),
        format!("{hash};"),
        format!(";{hash}"),
        format!("{hash};;By=a"),
        format!(" {hash}"),
        format!("By=a; {hash}"),
        format!("Hash ={}", hex(&one)),
        format!("{hash};=a"),
        format!("{hash};By"),
    ] {
        assert_malformed(form, &bad);
    }
}

#[test]
fn a_header_of_64_kib_is_not_read() {
    for form in FORMS {
        assert_eq!(form.read("a".repeat(64 * 1024).as_bytes()), Err("longer than 32,768 bytes"));
    }
    let form = HeaderForm::Xfcc;
    let hash = format!("Hash={};By=", hex(&certificate(9)));
    let filled = |length: usize| hash.clone() + &"a".repeat(length - hash.len());
    assert_good(form, &filled(MAX_LENGTH), &certificate(9));
    assert_malformed(form, &filled(MAX_LENGTH + 1));
}

#[test]
fn other_characters_than_ascii_are_malformed() {
    for form in FORMS {
        let good = spelled(form, &certificate(40));
        for other in [&b"\xff"[..], b"\xc3\xbc", b"\xe2\x80\xa8"] {
            for at in [0, good.len() / 2, good.len()] {
                let (start, end) = good.as_bytes().split_at(at);
                assert!(form.read(&[start, other, end].concat()).is_err());
            }
        }
    }
}

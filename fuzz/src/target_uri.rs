//! The URL in a proof, the target of a request, and headers of proxies.
//!
//! - Nothing panics.
//! - A URL has a normal form if and only if a literal reading of RFC 3986 gives one, and it is the same. `url`, which is
//!   lenient, reads the same from what is accepted.
//! - The target of a request is what a proof for the configured URL and this path names. Its host is never read.
//! - Headers of a proxy count if and only if each is one line with one element, by a second reading of RFC 7239; otherwise
//!   the configured URL does. From a peer that is no named proxy they never count.

use http::header::HeaderName;
use http::{HeaderValue, Request, Uri};
use url::Url;

use crate::binding::{ForwardedHeaders, PublicUrl, TargetUri};
use crate::credentials::RequestView;
use crate::uri_walk::normal;

const CONFIGURED: &str = "https://api.example.test";

/// The headers, and the first character of their lines.
const HEADERS: [(u8, HeaderName); 4] = [
    (b'h', HeaderName::from_static("x-forwarded-host")),
    (b'p', HeaderName::from_static("x-forwarded-proto")),
    (b's', HeaderName::from_static("x-forwarded-prefix")),
    (b'f', HeaderName::from_static("forwarded")),
];

/// The first character of a line tells what the rest is: a `u`rl of a proof, the `t`arget of the request, of which the
/// last one counts, or a line of `X-Forwarded-H`ost, `-P`roto, `-Pre`fix (`s`) or `F`orwarded.
pub fn run(input: &[u8]) {
    let mut request = Request::new(());
    for line in input.split(|byte| *byte == b'\n') {
        let Some((kind, rest)) = line.split_first() else { continue };
        match kind {
            b'u' => check_url(&String::from_utf8_lossy(rest)),
            b't' => *request.uri_mut() = Uri::try_from(rest).unwrap_or_default(),
            kind => {
                let header = HEADERS.into_iter().find(|(own, _)| own == kind);
                if let (Some((_, name)), Ok(value)) = (header, HeaderValue::from_bytes(rest)) {
                    request.headers_mut().append(name, value);
                }
            }
        }
    }
    check_request(&request);
}

fn check_url(text: &str) {
    let read = TargetUri::parse_htu(text).ok().map(|uri| uri.as_str().to_owned());
    assert_eq!(read, normal(text), "{text:?}");
    let Some(read) = read else { return };
    assert_eq!(TargetUri::parse_htu(&read).expect("a normal form").as_str(), read);
    // `url` also validates names of other scripts.
    if read.contains("xn--") {
        return;
    }
    let url = Url::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let (of_url, of_read) = (url.origin(), Url::parse(&read).expect("a URL").origin());
    assert_eq!(of_url, of_read, "{text:?}");
    let path = normal(&format!("https://a{}", url.path())).expect("a path");
    let (_, own_path) = read.split_at(read[8..].find('/').expect("a path") + 8);
    assert_eq!(path.strip_prefix("https://a"), Some(own_path), "{text:?}");
}

fn check_request(request: &Request<()>) {
    let view = RequestView::from(request);
    let path = request.uri().path();
    let configured = PublicUrl::new(CONFIGURED).expect("a URL");
    let target =
        |url: &PublicUrl, peer: &str| url.target(view, peer.parse().ok()).ok().map(|target| target.as_str().to_owned());
    // The crate bounds the path and the prefix, each by itself, and `normal` bounds the whole text.
    let prefix = line(request, b's').ok().flatten().unwrap_or_default();
    if path.len() + prefix.len() > 1500 {
        return;
    }
    let of_proof = |origin: &str, prefix: &str| {
        let path = match path {
            "/" if !prefix.is_empty() => prefix.to_owned(),
            path if path.starts_with('/') => format!("{}{path}", prefix.strip_suffix('/').unwrap_or(prefix)),
            _ => return None,
        };
        normal(&format!("{origin}{path}"))
    };
    let expected = of_proof(CONFIGURED, "");
    assert_eq!(target(&configured, "10.0.0.1"), expected);
    for (set, said) in [
        (ForwardedHeaders::XForwarded, x_forwarded(request, false)),
        (ForwardedHeaders::XForwardedWithPrefix, x_forwarded(request, true)),
        (ForwardedHeaders::Forwarded, forwarded(request)),
    ] {
        let url = configured.clone().trust_proxies(["10.0.0.0/8"], set).expect("a network");
        for stranger in ["192.0.2.1", "::a00:1", ""] {
            assert_eq!(target(&url, stranger), expected, "{set:?}");
        }
        let expected = match said.and_then(Said::valid) {
            Some((origin, prefix)) if expected.is_some() => of_proof(&origin, &prefix),
            _ => expected.clone(),
        };
        for proxy in ["10.0.0.1", "::ffff:10.0.0.1"] {
            assert_eq!(target(&url, proxy), expected, "{set:?}");
        }
    }
}

/// What the headers of a proxy say.
#[derive(Default)]
struct Said {
    host: Option<String>,
    proto: Option<String>,
    prefix: Option<String>,
}

impl Said {
    /// The origin and the prefix, if all parts are what they have to be.
    fn valid(self) -> Option<(String, String)> {
        let host = self.host.unwrap_or_else(|| "api.example.test".into());
        let proto = self.proto.unwrap_or_else(|| "https".into()).to_ascii_lowercase();
        let origin = format!("{proto}://{host}");
        let is_bare = !host.contains(['/', '?', '#', '@']) && normal(&origin).is_some();
        let prefix = self.prefix.unwrap_or_default();
        let is_path = prefix.is_empty() || (prefix.starts_with('/') && !prefix.contains(['?', '#']));
        let is_path = is_path && normal(&format!("{CONFIGURED}{prefix}")).is_some();
        (is_bare && is_path && (proto == "http" || proto == "https")).then_some((origin, prefix))
    }
}

/// `Err` if there is more than one line, or one with other characters.
fn line(request: &Request<()>, kind: u8) -> Result<Option<String>, ()> {
    let (_, name) = HEADERS.into_iter().find(|(own, _)| *own == kind).ok_or(())?;
    let lines: Vec<_> = request.headers().get_all(name).iter().collect();
    match lines[..] {
        [] => Ok(None),
        [line] => String::from_utf8(line.as_bytes().to_vec()).ok().filter(|line| line.is_ascii()).map(Some).ok_or(()),
        _ => Err(()),
    }
}

fn x_forwarded(request: &Request<()>, with_prefix: bool) -> Option<Said> {
    let mut values = Vec::new();
    for kind in *b"hps" {
        let value = if kind != b's' || with_prefix { line(request, kind).ok()? } else { None };
        // An empty value is there, and is none.
        if value.as_ref().is_some_and(|value| value.is_empty() || value.contains(',')) {
            return None;
        }
        values.push(value);
    }
    let [host, proto, prefix] = values.try_into().ok()?;
    Some(Said { host, proto, prefix })
}

/// A character outside of quotes, or all of what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Lexeme {
    Bare(char),
    Quoted(String),
}

/// RFC 7239 §4: first what is quoted, then the elements, then the pairs.
fn forwarded(request: &Request<()>) -> Option<Said> {
    let Some(line) = line(request, b'f').ok()? else { return Some(Said::default()) };
    let lexemes = lexemes(&line)?;
    if lexemes.contains(&Lexeme::Bare(',')) {
        return None;
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in lexemes.split(|lexeme| *lexeme == Lexeme::Bare(';')).filter(|pair| !pair.is_empty()) {
        let equals = pair.iter().position(|lexeme| *lexeme == Lexeme::Bare('='))?;
        let name = token(&pair[..equals])?.to_ascii_lowercase();
        let value = match &pair[equals + 1..] {
            [Lexeme::Quoted(text)] => text.clone(),
            bare => token(bare)?,
        };
        pairs.push((name, value));
    }
    let mut names: Vec<_> = pairs.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() != pairs.len() {
        return None;
    }
    let value = |name: &str| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.clone());
    let said = Said { host: value("host"), proto: value("proto"), prefix: None };
    let is_empty = [&said.host, &said.proto].into_iter().flatten().any(String::is_empty);
    (!is_empty).then_some(said)
}

fn lexemes(line: &str) -> Option<Vec<Lexeme>> {
    let mut lexemes = Vec::new();
    let mut quoted: Option<String> = None;
    let mut is_escaped = false;
    for character in line.chars() {
        match (&mut quoted, character) {
            (Some(text), character) if is_escaped => {
                text.push(character);
                is_escaped = false;
            }
            (Some(_), '\\') => is_escaped = true,
            (Some(text), '"') => {
                lexemes.push(Lexeme::Quoted(std::mem::take(text)));
                quoted = None;
            }
            (Some(text), character) => text.push(character),
            (None, '"') => quoted = Some(String::new()),
            (None, character) => lexemes.push(Lexeme::Bare(character)),
        }
    }
    quoted.is_none().then_some(lexemes)
}

fn token(lexemes: &[Lexeme]) -> Option<String> {
    let text: Option<String> = lexemes
        .iter()
        .map(|lexeme| match lexeme {
            Lexeme::Bare(character) if character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(*character) => {
                Some(*character)
            }
            _ => None,
        })
        .collect();
    text.filter(|text| !text.is_empty())
}

//! What errors and logs show of texts that may hold secrets or have any length.

use url::Url;

/// The most characters of a text that somebody else wrote.
const MAX_CHARACTERS: usize = 200;

/// Where a URL leads, without user name, password and the values of its query.
pub(super) fn url_for_logs(url: &Url) -> Box<str> {
    let query = if url.query().is_some() { "?…" } else { "" };
    let place = format!("{}{}", url.origin().ascii_serialization(), url.path());
    format!("{}{query}", shortened(&place)).into()
}

/// The beginning of a text, at most 200 characters.
pub(super) fn shortened(text: &str) -> Box<str> {
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_url_are_left_out() {
        let shown = |url: &str| String::from(url_for_logs(&Url::parse(url).unwrap()));
        assert_eq!(shown("https://h.example.com/jwks"), "https://h.example.com/jwks");
        assert_eq!(shown("https://h.example.com:8443"), "https://h.example.com:8443/");
        assert_eq!(shown("https://h.example.com/jwks?key=secret"), "https://h.example.com/jwks?…");
        assert_eq!(shown("https://user:secret@h.example.com/jwks#secret"), "https://h.example.com/jwks");
        let long = shown(&format!("https://h.example.com/{}?a=b", "x".repeat(500)));
        assert_eq!((long.chars().count(), long.ends_with("x…?…")), (203, true), "{long}");
    }
}

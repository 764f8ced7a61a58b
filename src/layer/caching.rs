//! The cache headers of an answer that depends on a token from a place other than `Authorization`.
//!
//! A shared cache does not store the answer to a request with `Authorization` unless the answer allows it (RFC 9111 §3.5). The
//! answer to a token in a cookie, another header or the URL has no such protection.

use http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, VARY};

/// They override `Cache-Control` for some shared caches, as every [targeted field](is_targeted) does: Edge Architecture §2, nginx
/// and Akamai.
const OF_SOME_CACHES: [HeaderName; 3] = [
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("x-accel-expires"),
    HeaderName::from_static("edge-control"),
];

/// Forbids shared caches to store the answer, whatever its status. The application's directives stay, except for those that allow
/// shared caches more.
pub(super) fn keep_private(headers: &mut HeaderMap) {
    remove_fields_of_some_caches(headers);
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    } else if let Some(value) = made_private(headers.get_all(CACHE_CONTROL).iter().map(HeaderValue::as_bytes)) {
        // It consists of parts of valid values. If it were not valid, no cache should store the answer.
        let value = HeaderValue::from_bytes(&value).unwrap_or(HeaderValue::from_static("no-store"));
        headers.insert(CACHE_CONTROL, value);
    }
}

/// Forbids every cache to store the answer.
pub(super) fn forbid_storing(headers: &mut HeaderMap) {
    remove_fields_of_some_caches(headers);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn remove_fields_of_some_caches(headers: &mut HeaderMap) {
    for name in OF_SOME_CACHES {
        headers.remove(name);
    }
    while let Some(name) = headers.keys().find(|name| is_targeted(name)).cloned() {
        headers.remove(name);
    }
}

/// RFC 9213 §2: `CDN-Cache-Control` is for all content delivery networks, and each may have one of its own, such as
/// `Cloudflare-CDN-Cache-Control`.
fn is_targeted(name: &HeaderName) -> bool {
    name.as_str().strip_suffix("-cache-control").is_some_and(|target| !target.is_empty())
}

/// Says that the answer depends on the request's headers of these `names` (RFC 9110 §12.5.5).
pub(super) fn vary_by<'n>(headers: &mut HeaderMap, names: impl IntoIterator<Item = &'n HeaderName>) {
    for name in names {
        let lines = || headers.get_all(VARY).iter().map(HeaderValue::as_bytes);
        let mut listed = lines().flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
        if listed.any(|it| it == b"*" || it.eq_ignore_ascii_case(name.as_ref())) {
            continue;
        }
        // One line, because some caches read no other.
        let all: Vec<_> = lines().filter(|line| !line.is_empty()).chain([name.as_ref()]).collect();
        if let Ok(value) = HeaderValue::from_bytes(&all.join(&b", "[..])) {
            headers.insert(VARY, value);
        }
    }
}

/// The `Cache-Control` that these `lines` have to become, if they are not private already (RFC 9111 §5.2.2).
///
/// `private` comes first, where it cannot be mistaken for a part of another directive. With a list of fields it applies to those
/// fields only (§5.2.2.7), so it is replaced by the form that applies to the whole answer. What a value that cannot be parsed
/// forbids is unknown, so it is replaced by `no-store`, which forbids everything.
fn made_private<'l>(lines: impl Iterator<Item = &'l [u8]>) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    for line in lines {
        match directives(line) {
            Some(directives) => all.extend(directives),
            None => return Some(b"no-store".to_vec()),
        }
    }
    let is = |directive: &[u8], name: &str| directive.eq_ignore_ascii_case(name.as_bytes());
    let mut kept: Vec<&[u8]> = all.iter().copied().filter(|directive| !lets_others_store(directive)).collect();
    let is_private = kept.iter().any(|directive| is(directive, "private") || is(directive, "no-store"));
    if is_private && kept.len() == all.len() {
        return None;
    }
    if !is_private {
        kept.insert(0, b"private");
    }
    Some(kept.join(&b", "[..]))
}

/// `public`, `s-maxage` and `private` for some fields only: a shared cache may then store the answer, or most of it.
fn lets_others_store(directive: &[u8]) -> bool {
    let name = directive.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
    let has_argument = directive.contains(&b'=');
    ["public", "s-maxage"].iter().any(|it| name.eq_ignore_ascii_case(it.as_bytes()))
        || (name.eq_ignore_ascii_case(b"private") && has_argument)
}

/// The directives of a line. A comma in a quoted string separates nothing (RFC 9110 §5.6.4). `None` if a quoted string has no
/// end.
fn directives(line: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut quoted, mut escaped) = (false, false);
    let found = line
        .split(|byte| {
            let separates = *byte == b',' && !quoted;
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ => {}
            }
            separates
        })
        .map(<[u8]>::trim_ascii)
        .filter(|directive| !directive.is_empty())
        .collect();
    if quoted { None } else { Some(found) }
}

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, COOKIE};

    use super::*;

    fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Vec<&'h str> {
        headers.get_all(name).iter().map(|line| line.to_str().unwrap()).collect()
    }

    /// Row B6.
    #[test]
    fn directives_of_the_application_stay_unless_they_allow_shared_caches_more() {
        for (before, after) in [
            (&[][..], &["private"][..]),
            (&["no-cache"], &["private, no-cache"]),
            (&["max-age=60"], &["private, max-age=60"]),
            (&["max-age=60, Private"], &["max-age=60, Private"]),
            (&["no-store"], &["no-store"]),
            (&["NO-STORE, max-age=0"], &["NO-STORE, max-age=0"]),
            (&["public, max-age=60"], &["private, max-age=60"]),
            (&["Public"], &["private"]),
            (&["max-age=60, s-maxage=600, must-revalidate"], &["private, max-age=60, must-revalidate"]),
            (&["S-MaxAge = 600"], &["private"]),
            (&["public, private"], &["private"]),
            (&["no-store, public"], &["no-store"]),
            (&["private, s-maxage=1"], &["private"]),
            (&["max-age=60", "public"], &["private, max-age=60"]),
            (&["max-age=60", "private"], &["max-age=60", "private"]),
            // Private only for the fields that are listed.
            (&[r#"private="set-cookie""#], &["private"]),
            (&[r#"private="a, b", max-age=60"#], &["private, max-age=60"]),
            (&[r#"private="no-store""#], &["private"]),
            // A quoted string is one argument, whatever it holds.
            (&[r#"no-cache="public, s-maxage""#], &[r#"private, no-cache="public, s-maxage""#]),
            (&[r#"no-cache="a, private""#], &[r#"private, no-cache="a, private""#]),
            (&[r#"ext="\", private, \\", max-age=1"#], &[r#"private, ext="\", private, \\", max-age=1"#]),
            (&[r#"ext="x", public"#], &[r#"private, ext="x""#]),
            (&[r#"ext="x\\", no-store"#], &[r#"ext="x\\", no-store"#]),
            // What cannot be read.
            (&[r#"no-cache="a, private"#], &["no-store"]),
            (&[r#"private, ext=""#], &["no-store"]),
            (&[r#"ext="\""#, "private"], &["no-store"]),
            (&[", ,\t,"], &["private"]),
            // No directives of those names.
            (&["publicity, xs-maxage=1, private-ish"], &["private, publicity, xs-maxage=1, private-ish"]),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(before.iter().map(|line| (CACHE_CONTROL, HeaderValue::from_static(line))));
            for _ in 0..2 {
                keep_private(&mut headers);
                assert_eq!(lines(&headers, &CACHE_CONTROL), after, "{before:?}");
            }
        }
    }

    #[test]
    fn fields_for_some_shared_caches_are_removed() {
        let mut headers = HeaderMap::new();
        for name in [
            "cdn-cache-control",
            "surrogate-control",
            "cloudflare-cdn-cache-control",
            "netlify-cdn-cache-control",
            "akamai-cache-control",
            "x-accel-expires",
            "edge-control",
        ] {
            headers.insert(name, HeaderValue::from_static("max-age=600"));
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        keep_private(&mut headers);
        assert_eq!(headers.len(), 1, "{headers:?}");
    }

    #[test]
    fn vary_keeps_the_names_of_the_application() {
        for (before, after) in [
            (&[][..], &["authorization, cookie"][..]),
            (&["Accept-Encoding"], &["Accept-Encoding, authorization, cookie"]),
            (&["accept", "origin"], &["accept, origin, authorization, cookie"]),
            (&["Cookie"], &["Cookie, authorization"]),
            (&["accept ,COOKIE\t", "Authorization"], &["accept ,COOKIE\t", "Authorization"]),
            (&["*"], &["*"]),
            (&["accept, *"], &["accept, *"]),
            (&["x-cookie"], &["x-cookie, authorization, cookie"]),
            (&[""], &["authorization, cookie"]),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(before.iter().map(|line| (VARY, HeaderValue::from_static(line))));
            for _ in 0..2 {
                vary_by(&mut headers, [&AUTHORIZATION, &COOKIE]);
                assert_eq!(lines(&headers, &VARY), after, "{before:?}");
            }
        }
    }
}

//! The age and the freshness lifetime of a document (RFC 9111).

use std::time::Duration;

use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES};
use http::{HeaderMap, HeaderName};

/// The value that stands for all larger ones (RFC 9111 §1.2.2).
const LARGEST: u64 = u32::MAX as u64;

/// What the headers of an answer say about its document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Freshness {
    /// How long it is fresh from now on, if the headers say so.
    pub(super) lifetime: Option<Duration>,
    /// How long ago the issuer itself sent it.
    pub(super) age: Duration,
}

impl Freshness {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self { lifetime: lifetime(headers), age: age(headers) }
    }
}

/// RFC 9111 §4.2.
fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let directives = lines.collect::<Vec<_>>().join(",");
    if has_directive(&directives, "no-store") || has_directive(&directives, "no-cache") {
        return Some(Duration::ZERO);
    }
    // RFC 9111 §5.3: max-age overrides Expires.
    let expires = || text(headers, EXPIRES).map(|end| time_between(text(headers, DATE), end));
    let stated = max_age(&directives).or_else(expires)?;
    Some(stated.saturating_sub(age(headers)))
}

/// RFC 9111 §5.1: only a cache sends it. Of several values the first counts, and one that is no number is ignored.
fn age(headers: &HeaderMap) -> Duration {
    let first = text(headers, AGE).and_then(|ages| ages.split(',').next());
    first.and_then(|age| delta_seconds(age.trim())).unwrap_or_default()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// RFC 9111 §5.3: an invalid date lies in the past.
fn time_between(date: Option<&str>, expires: &str) -> Duration {
    let between = |date: &str| {
        let (date, expires) = (httpdate::parse_http_date(date).ok()?, httpdate::parse_http_date(expires).ok()?);
        expires.duration_since(date).ok()
    };
    date.and_then(between).unwrap_or_default()
}

fn has_directive(cache_control: &str, name: &str) -> bool {
    cache_control.split(',').any(|directive| directive.trim().eq_ignore_ascii_case(name))
}

/// RFC 9111 §5.2.2.1.
fn max_age(cache_control: &str) -> Option<Duration> {
    cache_control.split(',').find_map(|directive| {
        let (name, seconds) = directive.split_once('=')?;
        let seconds = name.trim().eq_ignore_ascii_case("max-age").then(|| seconds.trim().trim_matches('"'))?;
        delta_seconds(seconds)
    })
}

/// RFC 9111 §1.2.2: digits and nothing else.
fn delta_seconds(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(text.parse().map_or(LARGEST, |seconds: u64| seconds.min(LARGEST))))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn seconds(headers: &[(HeaderName, &str)]) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        lifetime(&map).map(|lifetime| lifetime.as_secs())
    }

    /// Row I7.
    #[test]
    fn how_long_an_answer_is_fresh() {
        let cache_control = |value| seconds(&[(CACHE_CONTROL, value)]);
        assert_eq!(cache_control("max-age=300"), Some(300));
        assert_eq!(cache_control("public, Max-Age = \"60\" , must-revalidate"), Some(60));
        assert_eq!(cache_control("max-age=99999999999999999999"), Some(u32::MAX.into()));
        assert_eq!(cache_control("no-store"), Some(0));
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=300"), (CACHE_CONTROL, "no-store")]), Some(0));
        assert_eq!(cache_control("max-age=300, No-Cache"), Some(0));
        for none in ["", "max-age", "max-age=", "max-age=-1", "max-age=x", "s-maxage=5", "x-max-age=5"] {
            assert_eq!(cache_control(none), None, "{none}");
        }
        let (date, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:59:37 GMT");
        assert_eq!(seconds(&[(DATE, date), (EXPIRES, later)]), Some(600));
        assert_eq!(seconds(&[(DATE, later), (EXPIRES, date)]), Some(0), "already past");
        assert_eq!(seconds(&[(DATE, date), (EXPIRES, "0")]), Some(0), "RFC 9111 §5.3: invalid is past");
        assert_eq!(seconds(&[(DATE, date), (EXPIRES, later), (CACHE_CONTROL, "max-age=5")]), Some(5));
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=300"), (AGE, "100")]), Some(200));
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=300"), (AGE, "1000")]), Some(0));
        assert_eq!(seconds(&[]), None);
    }

    #[test]
    fn how_old_an_answer_is() {
        let age = |lines: &[&'static str]| {
            let mut map = HeaderMap::new();
            for line in lines {
                map.append(AGE, HeaderValue::from_static(line));
            }
            Freshness::of(&map).age.as_secs()
        };
        assert_eq!(age(&[]), 0, "the issuer itself answered");
        assert_eq!(age(&["0"]), 0);
        assert_eq!(age(&["55"]), 55);
        assert_eq!(age(&[" 55 "]), 55);
        assert_eq!(age(&["99999999999999999999"]), u64::from(u32::MAX), "RFC 9111 §1.2.2");
        assert_eq!(age(&["18446744073709551615"]), u64::from(u32::MAX), "RFC 9111 §1.2.2");
        assert_eq!(age(&["55, 7"]), 55, "RFC 9111 §5.1: the first of a list");
        assert_eq!(age(&["55", "7"]), 55, "RFC 9111 §5.1: the first of a list");
        for none in ["", "-1", "+1", "1.5", "1e3", "ten", "5 s", ", 7", "0x10"] {
            assert_eq!(age(&[none]), 0, "{none:?}");
        }
    }
}

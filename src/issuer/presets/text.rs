//! The arguments of presets.

use url::Url;

use super::super::config_error::ConfigError;
use super::super::source::Source;
use crate::keys::RemoteKeys;
use crate::validation::is_tenant;

pub(super) fn refuse(argument: &'static str, value: &str, expected: &'static str) -> ConfigError {
    ConfigError::Preset { argument, value: value.to_owned(), expected }
}

pub(super) fn jwks(url: &str) -> Result<Source, ConfigError> {
    let keys = RemoteKeys::at(url).map_err(|reason| ConfigError::JwksUrl { value: url.to_owned(), reason })?;
    Ok(Source::from(keys))
}

/// One segment of a path, of characters that are never escaped (RFC 3986 §2.3), and neither `.` nor `..`, which lead
/// elsewhere.
pub(super) fn segment<'a>(argument: &'static str, value: &'a str) -> Result<&'a str, ConfigError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if value.is_empty() || !value.bytes().all(is_plain) || value == "." || value == ".." {
        return Err(refuse(argument, value, "a text of letters, digits, '-', '.', '_' and '~'"));
    }
    Ok(value)
}

/// The identifier of a Microsoft tenant as tokens have it: 8, 4, 4, 4 and 12 hexadecimal digits.
pub(super) fn guid<'a>(argument: &'static str, value: &'a str) -> Result<&'a str, ConfigError> {
    if is_tenant(value) { Ok(value) } else { Err(refuse(argument, value, "a GUID in lower case")) }
}

/// Whether a text is an identifier of decimal digits.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A domain, written as it stands in a URL.
pub(super) fn host<'a>(argument: &'static str, value: &'a str) -> Result<&'a str, ConfigError> {
    let host = host_and_port(argument, value)?;
    if host.contains(':') { Err(refuse(argument, value, "a domain without a port")) } else { Ok(host) }
}

pub(super) fn host_and_port<'a>(argument: &'static str, value: &'a str) -> Result<&'a str, ConfigError> {
    // The parser repairs and normalizes; what it leaves alone is what an issuer writes.
    let text = format!("https://{value}/");
    let is_host = |url: &Url| {
        let is_bare = url.username().is_empty() && url.password().is_none() && url.path() == "/";
        let is_domain = |domain: &str| domain.contains('.') && domain.split('.').all(is_label);
        url.as_str() == text && is_bare && url.domain().is_some_and(is_domain)
    };
    match Url::parse(&text).ok().filter(is_host) {
        Some(_) => Ok(value),
        None => Err(refuse(argument, value, "a domain in lower case, without a scheme or a slash")),
    }
}

/// What stands between the dots of a domain. URLs may hold more, such as a placeholder that was never filled in.
fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

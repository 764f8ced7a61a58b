use super::config_error::ConfigError;
use crate::token::is_tenant;

/// Why a text is not the identifier that it was meant to be: what a template, a shell or a list left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// Nothing but white space, or nothing at all.
    #[error("is blank")]
    Blank,
    /// No token's claim begins or ends with white space.
    #[error("begins or ends with white space")]
    WhiteSpace,
    /// The quotation marks of the file or the shell that it came from.
    #[error("begins or ends with a quotation mark, which would be a part of it")]
    QuotationMark,
    /// `${AUDIENCE}`, `$AUDIENCE`, `%AUDIENCE%`, `{{ audience }}`, `{tenant}` or `<audience>`.
    #[error("has a placeholder in it that was not filled in")]
    Placeholder,
    /// Several URLs in one text.
    #[error("is a list of URLs, where there is one for each setting or element")]
    List,
    /// Microsoft Entra's `common`, `organizations` or `consumers` in the place of a tenant.
    #[error("is no tenant's: no token names common, organizations or consumers, but the GUID of its tenant")]
    NoTenant,
}

/// Refuses what cannot be meant as an identifier.
pub(crate) fn check_text(what: &'static str, value: &str) -> Result<(), ConfigError> {
    let reason = if value.trim().is_empty() {
        TextError::Blank
    } else if value.trim() != value {
        TextError::WhiteSpace
    } else if is_quoted(value) {
        TextError::QuotationMark
    } else if has_placeholder(value) {
        TextError::Placeholder
    } else if is_list_of_urls(value) {
        TextError::List
    } else {
        return Ok(());
    };
    Err(ConfigError::Text { what, value: value.to_owned(), reason })
}

/// As [`check_text`], for the identifier of an issuer.
pub(super) fn check_issuer(value: &str) -> Result<(), ConfigError> {
    check_text("issuer", value)?;
    if is_for_any_tenant(value) {
        return Err(ConfigError::Text { what: "issuer", value: value.to_owned(), reason: TextError::NoTenant });
    }
    Ok(())
}

/// Whether a quotation mark at an end is one of the text around it. A pair of marks within is the identifier's: `CN=x,O="y"`.
fn is_quoted(text: &str) -> bool {
    ['"', '\''].into_iter().any(|mark| match (text.starts_with(mark), text.ends_with(mark)) {
        (true, true) => true,
        (false, false) => false,
        _ => text.matches(mark).count() % 2 == 1,
    })
}

/// Whether a template or a shell should have put something in. What merely looks like that passes: a GUID in braces, and a
/// segment such as `$metadata`, because variables have names in upper case.
fn has_placeholder(text: &str) -> bool {
    let is_between = |open, close| text.split_once(open).is_some_and(|(_, rest)| rest.contains(close));
    let is_name_between = |open, close| {
        let names = text.split(open).skip(1).filter_map(|rest| Some(rest.split_once(close)?.0));
        names.into_iter().any(is_name)
    };
    let is_variable = |part: &str| {
        part.strip_prefix('$').is_some_and(|name| name.starts_with(|it: char| it.is_ascii_uppercase() || it == '_'))
    };
    let is_windows_variable = |text: &str| {
        let name = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'));
        name.is_some_and(|name| name.starts_with(is_letter))
    };
    is_between("${", "}")
        || is_between("{{", "}}")
        || is_name_between('{', '}')
        || is_name_between('<', '>')
        || text.strip_prefix('$').is_some_and(|name| name.starts_with(is_letter))
        || text.split('/').any(is_variable)
        || is_windows_variable(text)
}

/// Whether it is what stands in a placeholder: `tenantid`, `your-domain`, `tenant id`.
fn is_name(text: &str) -> bool {
    let is_guid = is_tenant(&text.to_ascii_lowercase());
    let is_part = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.' | ' ');
    !is_guid && text.trim_start().starts_with(is_letter) && text.chars().all(is_part)
}

fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_'
}

/// A comma may be a part of a URL; not so one before the next.
fn is_list_of_urls(text: &str) -> bool {
    text.split([',', ';']).skip(1).any(|part| {
        let part = part.trim_start();
        part.starts_with("https://") || part.starts_with("http://")
    })
}

/// The endpoints of Entra for tokens of any tenant have these names where a tenant's have its own.
pub(super) fn is_any_tenant(name: &str) -> bool {
    ["common", "organizations", "consumers"].contains(&name)
}

fn is_for_any_tenant(issuer: &str) -> bool {
    const HOSTS: [&str; 6] = [
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.chinacloudapi.cn",
        "login.windows.net",
        "sts.windows.net",
    ];
    let place = issuer.strip_prefix("https://").and_then(|rest| rest.split_once('/'));
    place.is_some_and(|(host, path)| HOSTS.contains(&host) && path.split('/').next().is_some_and(is_any_tenant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(value: &str) -> Option<TextError> {
        match check_issuer(value) {
            Ok(()) => None,
            Err(ConfigError::Text { reason, .. }) => Some(reason),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn what_is_left_of_a_template_a_shell_or_a_list() {
        for (value, expected) in [
            ("", Some(TextError::Blank)),
            (" ", Some(TextError::Blank)),
            ("\t\n\u{a0}", Some(TextError::Blank)),
            (" https://h.example.com", Some(TextError::WhiteSpace)),
            ("https://h.example.com\n", Some(TextError::WhiteSpace)),
            ("\"https://h.example.com\"", Some(TextError::QuotationMark)),
            ("'https://h.example.com'", Some(TextError::QuotationMark)),
            ("\"https://h.example.com", Some(TextError::QuotationMark)),
            ("${AUDIENCE}", Some(TextError::Placeholder)),
            ("https://${HOST}/a", Some(TextError::Placeholder)),
            ("$AUDIENCE", Some(TextError::Placeholder)),
            ("https://$HOST/a", Some(TextError::Placeholder)),
            ("{{ audience }}", Some(TextError::Placeholder)),
            ("https://h.example.com/{tenantid}/v2.0", Some(TextError::Placeholder)),
            ("<audience>", Some(TextError::Placeholder)),
            ("https://<your-domain>/", Some(TextError::Placeholder)),
            ("%AUDIENCE%", Some(TextError::Placeholder)),
            ("https://a.example.com,https://b.example.com", Some(TextError::List)),
            ("https://a.example.com, http://b.example.com", Some(TextError::List)),
            ("https://a.example.com;https://b.example.com", Some(TextError::List)),
            ("https://login.microsoftonline.com/common/v2.0", Some(TextError::NoTenant)),
            ("https://login.microsoftonline.com/organizations", Some(TextError::NoTenant)),
            ("https://sts.windows.net/consumers/", Some(TextError::NoTenant)),
            ("https://h.example.com", None),
            ("https://h.example.com/a,b;c", None),
            ("https://h.example.com/$1/a$b/%20%20", None),
            ("https://h.example.com/common/v2.0", None),
            ("https://login.microsoftonline.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0", None),
            ("system:serviceaccount:shop:frontend", None),
            ("auth0|1234", None),
            ("a b", None),
            ("DOMAIN\\user", None),
            ("it's {", None),
            ("a > b < c", None),
            ("https://api.example.com/$metadata", None),
            ("{1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a}", None),
            ("{a1a1a1a1-1111-4111-8111-1a1a1a1a1a1A}", None),
            ("repo:a/b:ref:refs/heads/{1,2}", None),
            ("api://default", None),
            ("urn:example:api", None),
            ("a<b,c>d", None),
            ("CN=x,O=\"y\"", None),
            ("\"a b\"@example.com", None),
            ("\"a\"\"b\"", Some(TextError::QuotationMark)),
            ("h.example.com'", Some(TextError::QuotationMark)),
            ("'\"a\"", Some(TextError::QuotationMark)),
            ("$audience", Some(TextError::Placeholder)),
            ("https://h.example.com/${a:-b}", Some(TextError::Placeholder)),
            ("https://h.example.com/{1}/{tenant}", Some(TextError::Placeholder)),
            ("<your tenant>", Some(TextError::Placeholder)),
            ("<% a %>{{.Values.audience}}", Some(TextError::Placeholder)),
        ] {
            assert_eq!(found(value), expected, "{value:?}");
        }
    }
}

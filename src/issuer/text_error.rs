use crate::validation::is_tenant;

/// Why a text cannot be an identifier: a template, a shell or a list left something in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// It is empty or only white space.
    #[error("is blank")]
    Blank,
    /// It begins or ends with white space, unlike any claim of a token.
    #[error("begins or ends with white space")]
    WhiteSpace,
    /// It has quotation marks left over from a file or a shell.
    #[error("begins or ends with a quotation mark, which would be part of it")]
    QuotationMark,
    /// It contains a placeholder: `${AUDIENCE}`, `$AUDIENCE`, `%AUDIENCE%`, `{{ audience }}`, `{tenant}` or `<audience>`.
    #[error("contains a placeholder that was not filled in")]
    Placeholder,
    /// It holds several URLs.
    #[error("is a list of URLs, expected one URL for each setting or element")]
    List,
    /// It has Microsoft Entra's `common`, `organizations` or `consumers` instead of a tenant.
    #[error("stands for any tenant, expected the GUID of a tenant instead of common, organizations or consumers")]
    NoTenant,
}

impl TextError {
    /// Checks that `value` can be meant as an identifier.
    pub(crate) fn check(value: &str) -> Result<(), Self> {
        let reason = if value.trim().is_empty() {
            Self::Blank
        } else if value.trim() != value {
            Self::WhiteSpace
        } else if is_quoted(value) {
            Self::QuotationMark
        } else if has_placeholder(value) {
            Self::Placeholder
        } else if is_list_of_urls(value) {
            Self::List
        } else {
            return Ok(());
        };
        Err(reason)
    }

    /// Checks that `value` can be meant as the identifier of an issuer.
    pub(super) fn check_issuer(value: &str) -> Result<(), Self> {
        Self::check(value)?;
        if is_for_any_tenant(value) { Err(Self::NoTenant) } else { Ok(()) }
    }
}

/// Whether a quotation mark at an end belongs to the text around it. A pair of marks within belongs to the identifier:
/// `CN=x,O="y"`.
fn is_quoted(text: &str) -> bool {
    ['"', '\''].into_iter().any(|mark| match (text.starts_with(mark), text.ends_with(mark)) {
        (true, true) => true,
        (false, false) => false,
        _ => text.matches(mark).count() % 2 == 1,
    })
}

/// Whether a template or a shell should have replaced a part. Two forms that look similar pass: a GUID in braces, and a segment
/// such as `$metadata`, because names of variables are in upper case.
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

/// Whether `text` is the name in a placeholder: `tenantid`, `your-domain`, `tenant id`.
fn is_name(text: &str) -> bool {
    let is_guid = is_tenant(&text.to_ascii_lowercase());
    let is_part = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.' | ' ');
    !is_guid && text.trim_start().starts_with(is_letter) && text.chars().all(is_part)
}

fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_'
}

/// A comma may be a part of a URL, unless another URL follows it.
fn is_list_of_urls(text: &str) -> bool {
    text.split([',', ';']).skip(1).any(|part| {
        let part = part.trim_start();
        part.starts_with("https://") || part.starts_with("http://")
    })
}

/// Whether `name` stands for any tenant in the endpoints of Entra.
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

    #[test]
    fn leftovers_of_templates_shells_and_lists_are_found() {
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
            assert_eq!(TextError::check_issuer(value).err(), expected, "{value:?}");
        }
    }
}

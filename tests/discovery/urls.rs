//! Which URLs an issuer and its key set may have.

use tower_bearer::Issuer;
use tower_bearer::server::ConfigError;

/// Row I5.
#[test]
fn an_issuer_must_be_an_https_url_without_query_or_fragment() {
    let rows = [
        ("ftp://login.example", "the scheme is not https, and http is allowed only for this machine"),
        ("file:///etc/passwd", "the scheme is not https, and http is allowed only for this machine"),
        ("https://login.example?tenant=1", "the URL has a query"),
        ("https://login.example/?", "the URL has a query"),
        ("https://login.example/#top", "the URL has a fragment"),
        ("https://user@login.example", "the URL has a user name or a password"),
        ("https://:secret@login.example", "the URL has a user name or a password"),
        ("login.example", "the text is not an absolute URL"),
        ("//login.example", "the text is not an absolute URL"),
        ("https://", "the text is not an absolute URL"),
    ];
    for (value, reason) in rows {
        let error = Issuer::discover(value).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the issuer {:?} cannot be discovered: {reason}", without_secrets(value))
        );
        assert!(matches!(error, ConfigError::Issuer { value: named, .. } if named == value));
    }
    for good in ["https://login.example", "https://login.example/", "https://login.example:8443/t/1", "http://[::1]:1"]
    {
        assert!(Issuer::discover(good).is_ok(), "{good}");
    }
}

/// As it is shown.
fn without_secrets(url: &str) -> &str {
    match url {
        "https://login.example?tenant=1" => "https://login.example?tenant=…",
        "https://login.example/#top" => "https://login.example/#…",
        "https://login.example/jwks#a" => "https://login.example/jwks#…",
        "https://user@login.example" | "https://:secret@login.example" => "https://…@login.example",
        "https://user:secret@login.example/jwks" => "https://…@login.example/jwks",
        plain => plain,
    }
}

/// Row I5.
#[test]
fn a_jwks_url_must_be_an_https_url() {
    let rows = [
        ("ftp://login.example/jwks", "the scheme is not https, and http is allowed only for this machine"),
        ("https://user:secret@login.example/jwks", "the URL has a user name or a password"),
        ("https://login.example/jwks#a", "the URL has a fragment"),
        ("/jwks", "the text is not an absolute URL"),
    ];
    for (value, reason) in rows {
        let error = Issuer::jwks("https://login.example", value).unwrap_err();
        assert_eq!(error.to_string(), format!("the JWKS URL {:?} cannot be fetched: {reason}", without_secrets(value)));
    }
    // Unlike an issuer's identifier, it may have a query; and the identifier need not be a URL then.
    assert!(Issuer::jwks("login", "https://login.example/jwks?tenant=1").is_ok());
    assert_eq!(Issuer::jwks("", "https://login.example/jwks").unwrap_err(), ConfigError::EmptyIssuer);
}

use http::header::HOST;
use http::uri::Authority;
use http::{Extensions, HeaderMap, Uri};

use crate::credentials::RequestView;

/// A request without its body, as the [check](super::TenantSettings::check) of its tenant sees it.
#[derive(Clone, Copy, Debug)]
pub struct TenantRequest<'r>(RequestView<'r>);

impl<'r> TenantRequest<'r> {
    pub(crate) fn new(request: RequestView<'r>) -> Self {
        Self(request)
    }

    /// The host that the request is for, without the port: from the URI, or from the only `Host` header. `None` if there is none, if there are
    /// several headers, or if header and URI differ.
    ///
    /// Forwarded headers are ignored. The host is as the client wrote it: compare it with [`is_host`](Self::is_host), or case-insensitively.
    #[must_use]
    pub fn host(&self) -> Option<&'r str> {
        let of_uri = self.0.uri.authority().map(Authority::host);
        let mut lines = self.0.headers.get_all(HOST).iter();
        let Some(first) = lines.next() else { return of_uri };
        let of_header = host_of(first.to_str().ok()?).filter(|_| lines.next().is_none())?;
        match of_uri {
            Some(host) => Some(host).filter(|host| host.eq_ignore_ascii_case(of_header)),
            None => Some(of_header),
        }
    }

    /// Whether the request is for this [host](Self::host). The comparison is case-insensitive (RFC 3986 §3.2.2).
    #[must_use]
    pub fn is_host(&self, host: &str) -> bool {
        self.host().is_some_and(|own| own.eq_ignore_ascii_case(host))
    }

    /// The URI. Behind a router that strips a prefix, its path is the remainder: look for the whole one in the
    /// [extensions](Self::extensions), such as axum's `OriginalUri`.
    #[must_use]
    pub fn uri(&self) -> &'r Uri {
        self.0.uri
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &'r HeaderMap {
        self.0.headers
    }

    /// The extensions.
    #[must_use]
    pub fn extensions(&self) -> &'r Extensions {
        self.0.extensions
    }
}

/// The host of a `Host` header, which has no user name (RFC 9110 §7.2).
fn host_of(text: &str) -> Option<&str> {
    let authority: Authority = text.parse().ok()?;
    text.get(..authority.host().len()).filter(|host| *host == authority.host())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn the_host_is_that_of_the_uri_or_of_one_header() {
        let host = |uri: &str, headers: &[&str]| {
            let mut request = Request::get(uri);
            for header in headers {
                request = request.header(HOST, *header);
            }
            let request = request.body(()).unwrap();
            TenantRequest::new((&request).into()).host().map(ToOwned::to_owned)
        };
        for (uri, headers, expected) in [
            ("/", &["acme.example.com"] as &[_], Some("acme.example.com")),
            ("/", &["acme.example.com:8443"], Some("acme.example.com")),
            ("https://acme.example.com/", &[], Some("acme.example.com")),
            ("https://acme.example.com/", &["ACME.example.com"], Some("acme.example.com")),
            ("https://acme.example.com/", &["other.example.com"], None),
            ("/", &[], None),
            ("/", &["acme.example.com", "acme.example.com"], None),
            ("/", &["user@acme.example.com"], None),
            ("/", &["acme.example.com/x"], None),
            ("/", &[""], None),
        ] {
            assert_eq!(host(uri, headers).as_deref(), expected, "{uri} {headers:?}");
        }
        let request = Request::get("/").header(HOST, "ACME.Example.com:8443").body(()).unwrap();
        let request = TenantRequest::new((&request).into());
        assert!(request.is_host("acme.example.COM") && !request.is_host("example.com") && !request.is_host(""));
    }
}

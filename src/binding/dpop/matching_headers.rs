//! For a developer whose proofs name a URL other than the configured one: which header holds the URL that the proofs
//! name.

use http::header::HOST;
use http::{HeaderMap, HeaderName};

use super::forwarded::{Forwarded, ForwardedHeaders};
use super::origin::Origin;
use super::public_url::{PublicUrl, own_path};
use super::target_uri::{TargetUri, split_path};
use crate::credentials::RequestView;

/// Headers in which proxies put the path that they got, with their usual spelling.
const ORIGINAL_PATHS: [(HeaderName, &str); 4] = [
    (HeaderName::from_static("x-forwarded-uri"), "X-Forwarded-Uri"),
    (HeaderName::from_static("x-original-uri"), "X-Original-URI"),
    (HeaderName::from_static("x-original-url"), "X-Original-URL"),
    (HeaderName::from_static("x-envoy-original-path"), "X-Envoy-Original-Path"),
];

impl PublicUrl {
    /// The headers that would have made `htu` the target of the request, if they had counted. Nothing may be decided by
    /// them: the client may have written all of them.
    pub(crate) fn headers_that_match(&self, request: RequestView<'_>, htu: &TargetUri) -> Vec<&'static str> {
        let own = own_path(request).ok();
        let mut found = Vec::new();
        let mut note = |names: &'static str, target: Option<TargetUri>| {
            if target.as_ref() == Some(htu) {
                found.push(names);
            }
        };
        for headers in ForwardedHeaders::ALL {
            let forwarded = headers.read(request.headers, &self.origin).ok();
            let forwarded = forwarded.filter(|forwarded| forwarded.origin != self.origin || forwarded.prefix.is_some());
            note(headers.names(), forwarded.and_then(|forwarded| self.at(Some(&forwarded), own?).ok()));
        }
        let of_host = self.host(request).filter(|origin| *origin != self.origin);
        let of_host = of_host.map(|origin| Forwarded { origin, prefix: None });
        note("Host", of_host.and_then(|forwarded| self.at(Some(&forwarded), own?).ok()));
        for (name, spelling) in ORIGINAL_PATHS {
            let target = match only(request.headers, &name) {
                Some(value) if value.starts_with('/') => self.at(None, split_path(value).0).ok(),
                value => value.and_then(|value| TargetUri::parse_htu(value).ok()),
            };
            note(spelling, target);
        }
        found
    }

    /// The host in the request: `:authority` or an absolute target, else `Host` (RFC 9112 §3.2.2).
    fn host(&self, request: RequestView<'_>) -> Option<Origin> {
        let authority = request.uri.authority().map(http::uri::Authority::as_str);
        Origin::parse(self.origin.scheme(), authority.or_else(|| only(request.headers, &HOST))?).ok()
    }
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?.to_str().ok()?;
    lines.next().is_none().then_some(line)
}

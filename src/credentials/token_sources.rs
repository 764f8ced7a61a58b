use std::borrow::Cow;
use std::fmt;

use http::HeaderMap;
use http::header::{AUTHORIZATION, Entry, HeaderName, HeaderValue};

use super::authorization::{MalformedCredentials, PROOF, Scheme, Schemes, authorization};
use super::cross_site::{CrossSiteRequest, names_safe_method};
use super::request_view::RequestView;
use super::token_source::TokenSource;

/// The places where a layer looks for tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenSources {
    authorization: AuthorizationHeader,
    others: Vec<TokenSource>,
}

/// Whether a layer looks for tokens in the `Authorization` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AuthorizationHeader {
    #[default]
    Read,
    /// It is the application's own: whatever it holds is neither a token nor malformed.
    Ignored,
}

/// The token of a request, and how it was presented.
pub(crate) struct Presented<'r> {
    pub(crate) token: Cow<'r, str>,
    pub(crate) scheme: Scheme,
    /// `None` is the `Authorization` header.
    pub(crate) source: Option<SourceIndex>,
}

/// Without the token.
impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("scheme", &self.scheme).field("source", &self.source).finish_non_exhaustive()
    }
}

/// Which of a layer's sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceIndex(usize);

impl TokenSources {
    pub(crate) fn add(&mut self, source: TokenSource) {
        // A place that is named again replaces the earlier rule for it.
        match self.others.iter_mut().find(|known| known.place == source.place) {
            Some(known) => *known = source,
            None => self.others.push(source),
        }
    }

    /// Replaces all places, including the `Authorization` header, by `source`.
    pub(crate) fn replace_all(&mut self, source: TokenSource) {
        self.authorization = AuthorizationHeader::Ignored;
        self.others = vec![source];
    }

    /// Marks whatever may be a token, so that inner layers do not print it. The `Authorization` header is a secret even where it is
    /// the application's own.
    pub(crate) fn mark_sensitive(&self, headers: &mut HeaderMap, schemes: Schemes) {
        match self.authorization {
            // A request with a second line of it is refused.
            AuthorizationHeader::Read => {
                if let Some(line) = headers.get_mut(AUTHORIZATION) {
                    line.set_sensitive(true);
                }
            }
            AuthorizationHeader::Ignored => mark_lines(headers, &AUTHORIZATION),
        }
        if schemes == Schemes::BearerAndDpop {
            mark_lines(headers, &PROOF);
        }
        for name in self.others.iter().filter_map(TokenSource::header_name) {
            mark_lines(headers, name);
        }
    }

    /// RFC 6750 §2: the token of the request, which must be in one place only. `schemes` are those of the `Authorization` header that hold
    /// tokens.
    pub(crate) fn find<'r>(
        &self,
        request: RequestView<'r>,
        schemes: Schemes,
    ) -> Result<Option<Presented<'r>>, MalformedCredentials> {
        let of_header = match self.authorization {
            AuthorizationHeader::Read => authorization(request.headers, schemes)?,
            AuthorizationHeader::Ignored => None,
        };
        let mut presented = of_header.map(|(scheme, token)| Presented { scheme, token: token.into(), source: None });
        for (index, source) in self.others.iter().enumerate() {
            if let Some(token) = source.place.token(request)? {
                // RFC 9449 §7.1: a bound token is presented in `Authorization` only.
                let found = Presented { scheme: Scheme::Bearer, token, source: Some(SourceIndex(index)) };
                if presented.replace(found).is_some() {
                    return Err(MalformedCredentials { used: Scheme::Bearer });
                }
            }
        }
        Ok(presented)
    }

    /// Whether a page of another site may have caused the request, if the token is from a source that such a page could use.
    /// `is_about_another` tells whether a proxy only asks about another request, whose method may be another one.
    pub(crate) fn check_site(
        &self,
        SourceIndex(index): SourceIndex,
        request: RequestView<'_>,
        is_about_another: bool,
    ) -> Result<(), CrossSiteRequest> {
        let Some(TokenSource { sites, method_header, .. }) = self.others.get(index) else { return Ok(()) };
        let is_safe = request.method.is_safe()
            && match method_header {
                Some(name) => names_safe_method(request.headers, name),
                None => !is_about_another,
            };
        sites.check(request, is_safe)
    }

    /// The header that held the token which came from this source.
    pub(crate) fn header_name(&self, SourceIndex(index): SourceIndex) -> Option<&HeaderName> {
        self.others.get(index).and_then(TokenSource::header_name)
    }

    /// Every header in which a token counts.
    pub(crate) fn header_names(&self) -> impl Iterator<Item = &HeaderName> {
        let authorization = match self.authorization {
            AuthorizationHeader::Read => Some(&AUTHORIZATION),
            AuthorizationHeader::Ignored => None,
        };
        authorization.into_iter().chain(self.others.iter().filter_map(TokenSource::header_name))
    }
}

fn mark_lines(headers: &mut HeaderMap, name: &HeaderName) {
    if let Ok(Entry::Occupied(mut lines)) = headers.try_entry(name) {
        lines.iter_mut().for_each(|line: &mut HeaderValue| line.set_sensitive(true));
    }
}

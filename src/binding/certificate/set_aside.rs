//! The lines of headers that no handler may see.

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

use super::certificate_error::CertificateError;
use crate::credentials::RequestView;

/// How many lines of one header are kept. One counts, and two are too many.
const KEPT: usize = 2;

/// The lines that a layer has removed from a request, for itself and for layers within it. The type is private, so no other code can
/// read or write them.
#[derive(Clone, Default)]
pub(super) struct SetAside(HeaderMap);

impl SetAside {
    /// Moves the lines of these headers out of the request.
    pub(super) fn take<'n>(
        names: impl Iterator<Item = &'n HeaderName>,
        headers: &mut HeaderMap,
        extensions: &mut Extensions,
    ) {
        for name in names {
            let lines: Vec<_> = headers.get_all(name).iter().take(KEPT).cloned().collect();
            if lines.is_empty() {
                continue;
            }
            headers.remove(name);
            let Self(kept) = extensions.get_or_insert_default();
            for line in lines {
                kept.append(name, line);
            }
        }
    }
}

/// The one line of a header, if there is any: set aside, or still in the request. It is still there if the request has passed
/// no layer, or if something within a layer has added it.
pub(super) fn only_line<'r>(
    request: RequestView<'r>,
    name: &HeaderName,
) -> Result<Option<&'r HeaderValue>, CertificateError> {
    let set_aside = request.extensions.get::<SetAside>().map(|SetAside(kept)| kept.get_all(name));
    let mut lines = set_aside.into_iter().flatten().chain(request.headers.get_all(name));
    match (lines.next(), lines.next()) {
        (line, None) => Ok(line),
        (_, Some(_)) => Err(CertificateError::Several),
    }
}

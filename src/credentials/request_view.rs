use http::{Extensions, HeaderMap, Method, Request, Uri};

/// What validation sees of a request: everything but its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestView<'r> {
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) extensions: &'r Extensions,
}

impl<'r, B> From<&'r Request<B>> for RequestView<'r> {
    fn from(request: &'r Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

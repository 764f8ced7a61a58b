use http::HeaderName;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};

pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(super) const NAME: HeaderName = HeaderName::from_static("mcp-name");
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The headers that MCP clients send, for the `allow_headers` of a CORS layer.
///
/// A client that sends DPoP proofs needs `DPoP` too. If a tool has parameters that clients repeat in headers (`x-mcp-header`), their names
/// `Mcp-Param-…` have to be allowed as well: add them, or allow whatever headers a preflight asks for.
pub const REQUEST_HEADERS: [HeaderName; 8] =
    [AUTHORIZATION, ACCEPT, CONTENT_TYPE, PROTOCOL_VERSION, METHOD, NAME, SESSION_ID, LAST_EVENT_ID];

/// The headers that an MCP client in a page has to read, for the `expose_headers` of a CORS layer. With DPoP, expose
/// [`EXPOSED_HEADERS`](crate::dpop::EXPOSED_HEADERS) too.
pub const RESPONSE_HEADERS: [HeaderName; 3] = [WWW_AUTHENTICATE, SESSION_ID, RETRY_AFTER];

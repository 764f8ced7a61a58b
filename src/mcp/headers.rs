use http::HeaderName;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};

pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(super) const NAME: HeaderName = HeaderName::from_static("mcp-name");
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The headers that MCP clients send, for the `allow_headers` of a CORS layer.
///
/// For clients that send DPoP proofs, allow `DPoP` too. If a tool has parameters that clients repeat in headers (`x-mcp-header`), also
/// allow the `Mcp-Param-…` headers: add their names, or allow whatever headers a preflight requests.
pub const REQUEST_HEADERS: [HeaderName; 8] =
    [AUTHORIZATION, ACCEPT, CONTENT_TYPE, PROTOCOL_VERSION, METHOD, NAME, SESSION_ID, LAST_EVENT_ID];

/// The headers that an MCP client in a page has to read, for the `expose_headers` of a CORS layer. With DPoP, also expose
/// [`EXPOSED_HEADERS`](crate::dpop::EXPOSED_HEADERS).
pub const RESPONSE_HEADERS: [HeaderName; 3] = [WWW_AUTHENTICATE, SESSION_ID, RETRY_AFTER];

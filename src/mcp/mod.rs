//! Requirements for each operation of an MCP (Model Context Protocol) server, by tool and by method (feature `mcp`).
//!
//! All operations of an MCP server have one URL, so the route does not tell what a request needs. The layer [`Operations`] does: it reads
//! which tool a request calls, and requires what that tool needs.
//!
//! ```
//! use axum::Router;
//! use tower_bearer::mcp::Operations;
//! use tower_bearer::metadata::Metadata;
//! use tower_bearer::{Issuer, Require, ResourceServer};
//!
//! # fn protected(mcp_service: axum::routing::MethodRouter) -> Result<Router, Box<dyn std::error::Error>> {
//! let api = ResourceServer::builder("https://mcp.example.com/mcp") // the URL of the server is the audience of its tokens
//!     .trust(Issuer::discover("https://login.example.com")?)
//!     .metadata(Metadata::new().scopes_supported(["files:read"]))
//!     .build()?;
//! let operations = Operations::new()
//!     .tool("delete_*", Require::scope("files:write"))
//!     .otherwise(Require::scope("files:read"));
//! let metadata = api.metadata().expect("it has metadata");
//! let mut app = Router::new()
//!     .route("/mcp", mcp_service) // such as `rmcp`'s `StreamableHttpService`
//!     .route_layer(operations)
//!     .route_layer(api.layer().require(Require::scope("files:read"))); // every operation needs it
//! for path in metadata.paths() {
//!     app = app.route_service(path, metadata.service());
//! }
//! # Ok(app) }
//! ```
//!
//! # Where the operation is read
//!
//! Since revision 2026-07-28, a client also writes the operation into headers (`Mcp-Method`, `Mcp-Name`), so that a layer need not read the
//! body. But a client can name one tool there and call another. So the layer reads the body, unless all of the following hold:
//!
//! 1. The application states with [`inner_verifies_headers`](Operations::inner_verifies_headers) that the service behind the layer compares
//!    headers and body.
//! 2. The request has exactly one `MCP-Protocol-Version`, which is a revision that is known to require this comparison: 2026-07-28. Any
//!    other text, which a server might take for a newer revision, is not enough.
//! 3. The headers are complete and well-formed: one `Mcp-Method` and, for `tools/call`, one `Mcp-Name`.
//!
//! The body may have up to [1 MiB](MAX_MESSAGE_LENGTH). It is read once, after the token has been validated, and passed on byte for byte,
//! without trailers. A body that is not a JSON-RPC message is refused with 400, and one that is too long with 413. A batch needs what all
//! its messages need together. To limit how long a client may take to send a body, add a layer such as `tower-http`'s
//! `RequestBodyTimeoutLayer`.
//!
//! The layer refuses with 400 anything that the service behind it might read differently: a message with two members of the same name, or
//! with a name such as `Method` that differs from a JSON-RPC name only in case; a body with a `Content-Encoding`; and a body whose
//! `Content-Type` names a charset other than UTF-8. Names of tools and methods are compared as they are. If the service also accepts other
//! spellings of a name, add a pattern for each, or make [`otherwise`](Operations::otherwise) strict enough.
//!
//! The layer sees only HTTP requests, not the messages in a WebSocket: opening such a connection needs what a `GET` needs.
//!
//! # Sessions
//!
//! In the revisions from 2025-03-26 to 2025-11-25, a server may have sessions (`Mcp-Session-Id`). A session ID does not authenticate: a user
//! who learns another user's session ID must not be able to use it. The layer binds every session to the issuer and the subject of the token
//! that began it: it appends a MAC to the session ID in the response, and checks and removes the MAC in each request. A session of another
//! user, or without a valid MAC, gets 404, after which clients begin a new one. Nothing is stored.
//!
//! Two clients of the same user may use the same session, each as far as its own token allows. Requests without a token that an
//! [extension](crate::Require::or_extension) admits are treated as one user. Other references to a session or a stream are not bound: the
//! query in the transport of revision 2024-11-05, and the `Last-Event-ID` of a server that resumes streams outside sessions.
//!
//! # Pages in a browser
//!
//! Put a CORS layer outside all others, and have it allow [`REQUEST_HEADERS`] and expose [`RESPONSE_HEADERS`]. The
//! [manual](crate::manual::mcp) has an example.

mod headers;
mod invalid_pattern;
mod invalid_session_key;
mod message;
mod message_body;
mod message_error;
mod mirrored_headers;
mod operations;
mod patterns;
mod representation;
mod rules;
mod sessions;

pub use headers::{REQUEST_HEADERS, RESPONSE_HEADERS};
pub use invalid_pattern::InvalidPattern;
pub use invalid_session_key::InvalidSessionKey;
pub use message_body::MessageBody;
pub use operations::Operations;

pub(crate) use message_error::MessageError;
pub(crate) use representation::check_representation;
pub(crate) use rules::{Rules, may_lack_message};
pub(crate) use sessions::Owner;

/// The maximum length of a request body that the layer reads, in bytes: 1 MiB. A longer body is refused with 413.
///
/// A body that the layer passes on unread, because the headers name the operation, may be longer.
pub const MAX_MESSAGE_LENGTH: usize = 1024 * 1024;

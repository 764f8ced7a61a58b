//! Requirements for each operation of a server of the Model Context Protocol (MCP), by tool and by method (feature `mcp`).
//!
//! All operations of an MCP server have one URL, so the route does not tell what a request needs. [`Operations`] is a layer that does:
//! it reads which tool a request calls, and requires of the token what that tool needs.
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
//! Since revision 2026-07-28 a client writes the operation into headers too (`Mcp-Method`, `Mcp-Name`), so that a layer need not read the
//! body. A client that lies there calls one tool and names another. So the layer reads the body, unless all of this holds:
//!
//! 1. The application states that the service behind the layer compares headers and body, with
//!    [`inner_verifies_headers`](Operations::inner_verifies_headers).
//! 2. The request has exactly one `MCP-Protocol-Version`, and it is a revision of which this crate knows that servers have to compare:
//!    2026-07-28. Another text that a server may take for a newer revision does not count.
//! 3. The headers are complete and well-formed: one `Mcp-Method` and, for `tools/call`, one `Mcp-Name`.
//!
//! The body may have [1 MiB](MAX_MESSAGE_LENGTH). It is read once, after the token was validated, and its bytes are passed on as they came,
//! without trailers. A body that is no JSON-RPC message is refused with 400, and one that is too long with 413. A batch needs what all of
//! its messages need together. How long a client may take to send a body is for a layer of yours, such as `RequestBodyTimeoutLayer` of
//! `tower-http`.
//!
//! The layer refuses with 400 what the service behind it may read in another way: a message with two members of one name, or with a name
//! such as `Method` that differs from one of JSON-RPC in the case of letters alone; a body with a content coding; and one whose
//! `Content-Type` names another charset than UTF-8. Names of tools and methods are compared as they are. A service that finds a tool under
//! other spellings too needs a pattern for each of them, or an [`otherwise`](Operations::otherwise) that is strict enough.
//!
//! The layer sees HTTP requests alone. It does not see the messages in a WebSocket: such a connection needs, once, what a `GET` needs.
//!
//! # Sessions
//!
//! In the revisions from 2025-03-26 to 2025-11-25 a server may have sessions (`Mcp-Session-Id`). A session is not an authentication: a user
//! who learns of another's session must not be able to use it. The layer binds every session to the issuer and the subject of the token with
//! which it was begun: it appends a MAC to the identifier in the response, and checks and removes it in each request. A session of another
//! user, and one without a good MAC, is unknown: 404, after which clients begin a new one. Nothing is stored.
//!
//! Two clients of one user may use the same session, each as far as its own token suffices. Requests without a token that an
//! [extension](crate::Require::or_extension) lets pass count as one user. What else names a session or a stream is not bound: the query of
//! the transport of revision 2024-11-05, and the `Last-Event-ID` of a server that resumes streams outside of sessions.
//!
//! # Pages in a browser
//!
//! Put a CORS layer outside of all others, and let it allow [`REQUEST_HEADERS`] and expose [`RESPONSE_HEADERS`]. The [manual](crate::manual::mcp)
//! has an example.

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

/// The longest body of a request that the layer reads, in bytes: 1 MiB. A longer one is refused with 413.
///
/// A body that the layer passes on unread, because headers tell the operation, may be longer.
pub const MAX_MESSAGE_LENGTH: usize = 1024 * 1024;

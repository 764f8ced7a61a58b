use tower_layer::Layer;

use super::ending_responder::EndingResponder;
use super::ending_service::EndingService;
use super::protect::{Protect, ProtectLayer};
use crate::rejection::Empty;

impl<R> ProtectLayer<R> {
    /// Ends each response body when the token of its request expires: a stream of events, a gRPC stream, a long download.
    ///
    /// It is a layer of another type, because it changes the type of the body. So call it last: all settings of this layer are made
    /// before. See [`EndWithToken`] for how each kind of body ends.
    ///
    /// ```
    /// # use tower_bearer::{Issuer, Require, ResourceServer};
    /// # let api = ResourceServer::builder("https://api.example.com").trust(Issuer::discover("https://login.example.com")?).build()?;
    /// let layer = api.layer().require(Require::scope("events:read")).end_with_token();
    /// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(async || ())).layer(layer);
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// Default: a response may outlive its token, which was valid when the request arrived.
    pub fn end_with_token(self) -> EndWithToken<R> {
        EndWithToken(self.map_responder(EndingResponder))
    }
}

/// A [`ProtectLayer`] whose response bodies end with the token of their request: see [`ProtectLayer::end_with_token`].
///
/// A body ends at `exp` plus the server's leeway, by the server's clock, as [`AccessToken::expires`](crate::AccessToken::expires)
/// does. Of what the inner body yields later, only trailers and a frame that is known to be its last are sent. How it ends depends on the headers of the response:
///
/// | the response | its end | what the client sees |
/// |---|---|---|
/// | `content-type: text/event-stream` without `content-length` and `content-encoding` | no more frames | a stream that is over. It connects again, and needs a new token for that |
/// | `content-type: application/grpc`, also with `+proto` and the like, without `content-length` | trailers with `grpc-status: 16` and a `grpc-message` | the status `UNAUTHENTICATED` after the messages that arrived |
/// | any other | the error [`TokenExpired`](super::TokenExpired) | a connection that breaks, or a stream that is reset, so that no truncated download looks complete |
///
/// - A body that is complete by then is passed on as it is. So are the refusals of this layer, and the bodies for requests without a token:
///   [anonymous](ProtectLayer::optional) ones, and those that an [extension](crate::Require::or_extension) admits.
/// - A result is never withheld because the handler took longer than the token is valid: a client that repeated the request would do twice
///   what it asked for. The status and the headers are sent as the inner service makes them. So are the first frame of the body, if it is
///   there when it is first asked for, and all of a body that is in memory. A unary gRPC response is complete with that, and any other
///   body then ends.
/// - Only a client that reads notices the end. While the server waits for a client to read, it does not ask the body for more.
/// - HTTP/1.0 has no sign of an incomplete body without `content-length`.
/// - Put layers that change the body outside of this one, such as compression and the translation to gRPC-Web. They see the end, and finish
///   what they write. The body of a gRPC-Web response that is made inside ends with the error.
/// - A connection that is [upgraded](http::StatusCode::SWITCHING_PROTOCOLS), such as a WebSocket, has no response body. End it with
///   [`AccessToken::expires`](crate::AccessToken::expires), as [`messages`](crate::manual::messages#connections-that-outlive-their-request) shows.
/// - If one such layer is inside another, a body ends with the token that expires first.
///
/// Until a body makes its server wait, it has no timer. With one it costs an allocation, and is woken once a minute.
#[derive(Clone, Debug)]
#[must_use]
pub struct EndWithToken<R = Empty>(ProtectLayer<EndingResponder<R>>);

impl<S, R: Clone> Layer<S> for EndWithToken<R> {
    type Service = Protect<EndingService<S>, EndingResponder<R>>;

    fn layer(&self, inner: S) -> Self::Service {
        self.0.layer(EndingService::new(inner))
    }
}

use tower_layer::Layer;

use super::ending_responder::EndingResponder;
use super::ending_service::EndingService;
use super::protect::{Protect, ProtectLayer};
use crate::rejection::Empty;

impl<R> ProtectLayer<R> {
    /// Ends each response body when the token of its request expires: a stream of events, a gRPC stream, a long download.
    ///
    /// This returns a different type of layer, because it changes the type of the body. So call it last, after all other settings of the layer.
    /// See [`EndWithToken`] for how each kind of body ends.
    ///
    /// ```
    /// # use tower_bearer::{Issuer, Require, ResourceServer};
    /// # let api = ResourceServer::builder("https://api.example.com").trust(Issuer::discover("https://login.example.com")?).build()?;
    /// let layer = api.layer().require(Require::scope("events:read")).end_with_token();
    /// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(async || ())).layer(layer);
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// Default: a response may outlive its token, which only needs to be valid when the request arrives.
    pub fn end_with_token(self) -> EndWithToken<R> {
        EndWithToken(self.map_responder(EndingResponder))
    }
}

/// A [`ProtectLayer`] whose response bodies end when the token of their request expires: see [`ProtectLayer::end_with_token`].
///
/// A body ends at `exp` plus the server's leeway, by the server's clock, like [`AccessToken::expires`](crate::AccessToken::expires). After that, the
/// inner body's trailers, and a frame that is known to be its last, are still sent. How a body ends depends on the headers of the response:
///
/// | the response | its end | what the client sees |
/// |---|---|---|
/// | `content-type: text/event-stream` with neither `content-length` nor `content-encoding` | no more frames | the end of the stream. To reconnect, it needs a new token |
/// | `content-type: application/grpc`, with or without a suffix such as `+proto`, without `content-length` | trailers with `grpc-status: 16` and a `grpc-message` | the status `UNAUTHENTICATED` after the messages that arrived |
/// | any other | the error [`TokenExpired`](super::TokenExpired) | a broken connection or a reset stream, so that no truncated download looks complete |
///
/// - A body that is complete by then is passed on unchanged. So are this layer's refusals, and the bodies for requests without a token:
///   [anonymous](ProtectLayer::optional) requests, and those that an [extension](crate::Require::or_extension) admits.
/// - If the token expires while the handler runs, the result is still sent. Otherwise, the client would repeat the request and perform the
///   operation twice. The inner service's status and headers are sent. So is the first frame of the body, if it is ready when it is first
///   polled, and all of a body that is entirely in memory. That completes a unary gRPC response; any other body then ends.
/// - Only a client that reads notices the end: while the server waits for the client to read, it does not poll the body.
/// - HTTP/1.0 cannot signal an incomplete body without `content-length`.
/// - Put layers that change the body, such as compression or the translation to gRPC-Web, outside this one. They see the end and finish their
///   output. A gRPC-Web response that is produced inside this layer ends with the error.
/// - An [upgraded](http::StatusCode::SWITCHING_PROTOCOLS) connection, such as a WebSocket, has no response body. End it with
///   [`AccessToken::expires`](crate::AccessToken::expires), as [`messages`](crate::manual::messages#connections-that-outlive-their-request)
///   shows.
/// - If layers of this type are nested, a body ends with the token that expires first.
///
/// No timer is created until the body is first pending. The timer costs one allocation and wakes once a minute.
#[derive(Clone, Debug)]
#[must_use]
pub struct EndWithToken<R = Empty>(ProtectLayer<EndingResponder<R>>);

impl<S, R: Clone> Layer<S> for EndWithToken<R> {
    type Service = Protect<EndingService<S>, EndingResponder<R>>;

    fn layer(&self, inner: S) -> Self::Service {
        self.0.layer(EndingService::new(inner))
    }
}

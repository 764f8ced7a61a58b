use std::net::IpAddr;

/// The address of the connection's peer, as a request extension. It identifies trusted proxies, which name the [public
/// URL](crate::dpop::PublicUrl::trust_proxies) or the [client certificate](crate::certificate::TrustedProxies).
///
/// The application inserts it outside the protecting layer, from what its server knows about the connection:
/// `ConnectInfo<SocketAddr>` with axum, `TcpConnectInfo` with tonic. Never insert an address that a header names.
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::extract::{ConnectInfo, Request};
/// use axum::middleware::Next;
/// use axum::response::Response;
/// use tower_bearer::dpop::PeerAddress;
///
/// // `Router::layer(axum::middleware::from_fn(peer))`, after the protecting layer.
/// async fn peer(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
///     request.extensions_mut().insert(PeerAddress(peer.ip()));
///     next.run(request).await
/// }
/// # let _: axum::Router = axum::Router::new().layer(axum::middleware::from_fn(peer));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
#[cfg(feature = "cluster")]
use redis::cluster::{ClusterClient, ClusterClientBuilder};
#[cfg(feature = "cluster")]
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};
use redis::{PushInfo, PushKind, RedisResult, Value};

/// Where Redis is, and how to connect. It is known to be well-formed, but not known to be right.
pub(crate) enum Server {
    Single(Box<Client>),
    #[cfg(feature = "cluster")]
    Cluster(Box<ClusterClient>),
}

impl Server {
    pub(crate) fn single(url: &str) -> RedisResult<Self> {
        Ok(Self::Single(Box::new(Client::open(connection_info(url)?)?)))
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn cluster<'u>(urls: impl IntoIterator<Item = &'u str>) -> RedisResult<Self> {
        let nodes = urls.into_iter().map(connection_info).collect::<RedisResult<Vec<_>>>()?;
        let client = ClusterClientBuilder::new(nodes)
            // A command that may have been executed must not be sent again.
            .retries(0)
            .use_protocol(ProtocolVersion::RESP3)
            .tcp_settings(tcp_settings())
            .build()?;
        Ok(Self::Cluster(Box::new(client)))
    }

    /// Connects within `limit`, without a retry.
    pub(super) async fn connect(&self, limit: Duration) -> RedisResult<Connection> {
        match self {
            Self::Single(client) => {
                let closed = Arc::new(AtomicBool::new(false));
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(limit))
                    // Each command has a limit of its own, which also covers the wait for a connection.
                    .set_response_timeout(None)
                    .set_push_sender({
                        let closed = Arc::clone(&closed);
                        move |info: PushInfo| {
                            if info.kind == PushKind::Disconnection {
                                closed.store(true, Ordering::Relaxed);
                            }
                            Ok::<(), ()>(())
                        }
                    });
                let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
                Ok(Connection::Single { connection, closed })
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(client) => {
                let config = redis::cluster::ClusterConfig::new().set_connection_timeout(limit);
                Ok(Connection::Cluster(client.get_async_connection_with_config(config).await?))
            }
        }
    }
}

/// A connection, which many commands share. None of them is ever sent twice.
#[derive(Clone)]
pub(super) enum Connection {
    Single {
        connection: MultiplexedConnection,
        /// Set when the connection has ended, before a command is lost on it.
        closed: Arc<AtomicBool>,
    },
    #[cfg(feature = "cluster")]
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Single { connection, .. } => command.query_async(connection).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }

    /// Whether it is known to have ended.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Single { closed, .. } => closed.load(Ordering::Relaxed),
            // It connects to its nodes again by itself.
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => false,
        }
    }

    /// Whether one must connect again after this error.
    pub(super) fn is_lost_by(&self, error: &redis::RedisError) -> bool {
        match self {
            // A read-only server is the former primary: its name may lead to the new one by now.
            Self::Single { .. } => {
                error.is_unrecoverable_error() || error.is_io_error() || error.code() == Some("READONLY")
            }
            // It connects to its nodes again by itself, and the others are not to be disturbed.
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => false,
        }
    }
}

fn connection_info(url: &str) -> RedisResult<ConnectionInfo> {
    let info = url.into_connection_info()?;
    // Only with RESP3 does the client tell when a connection has ended.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp_settings()))
}

/// Commands are small, and each one is awaited.
fn tcp_settings() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

use redis::RedisError;

/// A store cannot be made from these arguments: the configuration is wrong, whether or not Redis is running.
///
/// Neither the text nor the source contains the URL, which may have a password.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ConnectError(#[from] ConnectErrorKind);

#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectErrorKind {
    #[error("expected the URL of a Redis server such as redis://cache.example.com:6379/0")]
    Url(#[source] RedisError),
    #[error(
        "expected 1 to {max} characters of A-Z a-z 0-9 . _ - as the namespace, and found {length} bytes in {found:?}"
    )]
    Namespace { found: String, length: usize, max: usize },
}

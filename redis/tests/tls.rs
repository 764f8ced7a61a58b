//! The store over TLS.

use std::process::Command;

use tower_bearer::dpop::Freshness;
use tower_bearer_redis::RedisReplayStore;

use crate::harness::{RedisServer, chain, free_port, insert};

/// Where the test finds itself again, in a process that trusts the certificate.
const URL: &str = "TOWER_BEARER_REDIS_TLS_TEST";

/// The certificates of the system are trusted, and nobody else's. What the system trusts is a variable of the process.
#[tokio::test]
async fn a_server_is_trusted_if_the_system_trusts_it() {
    if let Ok(url) = std::env::var(URL) {
        let store = RedisReplayStore::connect(&url, "test").unwrap();
        assert_eq!(insert(&store, "1").await.unwrap(), Freshness::Fresh);
        assert_eq!(insert(&store, "1").await.unwrap(), Freshness::Replayed);
        return;
    }
    let port = free_port().to_string();
    let mut redis = RedisServer::stopped(&["--tls-port", &port, "--tls-auth-clients", "no"]);
    let file = |name: &str| redis.folder().join(name).to_str().unwrap().to_owned();
    let (certificate, private_key) = (file("certificate.pem"), file("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &private_key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    redis.push_arguments(&["--tls-cert-file", &certificate, "--tls-key-file", &private_key]);
    assert!(redis.run());

    let url = format!("rediss://localhost:{port}");
    let store = RedisReplayStore::connect(&url, "test").unwrap();
    let error = chain(&insert(&store, "1").await.unwrap_err());
    assert!(error.contains("there is no connection to Redis") && error.contains("certificate"), "{error}");

    let itself = std::env::current_exe().unwrap();
    let trusting = Command::new(itself)
        .args(["--exact", "tls::a_server_is_trusted_if_the_system_trusts_it"])
        .env(URL, url)
        .env("SSL_CERT_FILE", certificate)
        .output()
        .unwrap();
    assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stdout));
}

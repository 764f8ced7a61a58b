//! An API that ends TLS itself, and clients that send what they like over a raw connection.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tower::ServiceExt;
use tower_bearer::certificate::{ClientCertificate, PeerAddress};

/// A certification authority for clients and for servers.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key.
pub(super) struct Identity {
    pub(super) certificate: Certificate,
    key: KeyPair,
}

impl Identity {
    pub(super) fn der(&self) -> &[u8] {
        self.certificate.der()
    }

    /// The private key as PEM.
    pub(super) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn issue(&self, name: &str) -> Identity {
        self.issue_for(name, KeyPair::generate().unwrap())
    }

    /// Another certificate for the same name and the same key.
    pub(super) fn renew(&self, name: &str, identity: &Identity) -> Identity {
        let key = KeyPair::try_from(identity.key.serialize_der().as_slice()).unwrap();
        self.issue_for(name, key)
    }

    fn issue_for(&self, name: &str, key: KeyPair) -> Identity {
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        Identity { certificate, key }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }

    /// For a server with a certificate of its own. A client may come without one.
    pub(super) fn server_config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots(), Arc::clone(&provider));
        let verifier = verifier.allow_unauthenticated().build().unwrap();
        let own = self.issue("localhost");
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_client_cert_verifier(verifier);
        Arc::new(config.with_single_cert(vec![own.certificate.der().clone()], own.key()).unwrap())
    }

    /// Serves over TLS, with the certificate and the address of each connection in its requests.
    pub(super) async fn serve(&self, app: Router) -> SocketAddr {
        let acceptor = TlsAcceptor::from(self.server_config());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await.unwrap();
                let (acceptor, app) = (acceptor.clone(), app.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let (_, tls) = stream.get_ref();
                    let certificate = tls.peer_certificates().and_then(<[_]>::first).map(ClientCertificate::from_der);
                    let service = app.map_request(move |mut request: Request<Incoming>| {
                        request.extensions_mut().insert(PeerAddress(peer.ip()));
                        if let Some(certificate) = &certificate {
                            request.extensions_mut().insert(certificate.clone());
                        }
                        request
                    });
                    let service = TowerToHyperService::new(service);
                    // A client may close the connection as it likes.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        address
    }

    /// Opens a connection with this certificate, sends the text, and reads until the end. Each request of the text but the last keeps the
    /// connection open.
    pub(super) async fn exchange(&self, address: SocketAddr, identity: Option<&Identity>, text: &str) -> String {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(self.roots());
        let config = match identity {
            Some(identity) => {
                config.with_client_auth_cert(vec![identity.certificate.der().clone()], identity.key()).unwrap()
            }
            None => config.with_no_client_auth(),
        };
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // The server may end the connection without saying so in TLS.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }
}

/// The same over a connection without TLS.
pub(super) async fn exchange_plain(address: SocketAddr, text: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

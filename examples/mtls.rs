//! An API that accepts only tokens that are bound to the client's certificate (RFC 8705): `cargo run --example mtls`.
//!
//! The API terminates TLS itself, with tokio-rustls, and puts the certificate of each connection into its requests. The example
//! creates a certification authority, its certificates and an issuer. It calls the API as the right client, as another client, and
//! without a certificate, and fails if an answer is not as expected. `--once` is accepted but changes nothing, because the example
//! always exits.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use http::StatusCode;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tower::ServiceExt;
use tower_bearer::certificate::{ClientCertificate, ClientCertificates};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AccessToken, ResourceServer};

const AUDIENCE: &str = "https://api.example.test";

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let issuer = TestIssuer::start();
    let certificates = ClientCertificates::from_connection().required();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).client_certificates(certificates).build()?;
    let me = get(async |token: AccessToken| token.subject().to_owned());
    let app = Router::new().route("/me", me).layer(api.layer());

    let authority = Authority::new()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("https://localhost:{}/me", listener.local_addr()?.port());
    tokio::spawn(serve(listener, authority.acceptor()?, app));

    let (right, other) = (authority.issue("client-1")?, authority.issue("client-2")?);
    let token = issuer.token().audience(AUDIENCE).bound_to_certificate(right.certificate.der()).sign();
    let unbound = issuer.token().audience(AUDIENCE).sign();
    let mut code = ExitCode::SUCCESS;
    for (what, identity, token, expected) in [
        ("the client whose certificate the token is bound to", Some(&right), &token, StatusCode::OK),
        ("the same client again", Some(&right), &token, StatusCode::OK),
        ("a client with another certificate and the same token", Some(&other), &token, StatusCode::UNAUTHORIZED),
        ("a client without a certificate and the same token", None, &token, StatusCode::UNAUTHORIZED),
        ("the right client with a token that is bound to nothing", Some(&right), &unbound, StatusCode::UNAUTHORIZED),
    ] {
        let status = authority.client(identity)?.get(&url).bearer_auth(token).send().await?.status();
        println!("{what}: {status}");
        if status != expected {
            eprintln!("expected {expected}");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// Serves the application over TLS. Every request of a connection gets the certificate that the client has shown in the handshake.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor, app: Router) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let (acceptor, app) = (acceptor.clone(), app.clone());
        tokio::spawn(async move {
            if let Err(error) = serve_connection(stream, acceptor, app).await {
                eprintln!("a connection has failed: {error}");
            }
        });
    }
}

async fn serve_connection(stream: TcpStream, acceptor: TlsAcceptor, app: Router) -> Result<(), Failure> {
    let stream = acceptor.accept(stream).await?;
    // The first one is the client's own. It is hashed once for all requests of the connection.
    let (_, tls) = stream.get_ref();
    let certificate = tls.peer_certificates().and_then(<[_]>::first).map(ClientCertificate::from_der);
    let service = app.map_request(move |mut request: Request<Incoming>| {
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        request
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await?;
    Ok(())
}

/// A certification authority for clients and for the API.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key.
struct Identity {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Result<Self, Failure> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    fn issue(&self, name: &str) -> Result<Identity, Failure> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &self.0)?;
        Ok(Identity { certificate, key })
    }

    /// TLS for the API. A client may come without a certificate: its token decides.
    fn acceptor(&self) -> Result<TlsAcceptor, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone())?;
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated().build()?;
        let Identity { certificate, key } = self.issue("localhost")?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn client(&self, identity: Option<&Identity>) -> Result<reqwest::Client, Failure> {
        let root = reqwest::Certificate::from_der(self.0.der())?;
        let mut client = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
        if let Some(Identity { certificate, key }) = identity {
            let pem = certificate.pem() + &key.serialize_pem();
            client = client.identity(reqwest::Identity::from_pem(pem.as_bytes())?);
        }
        Ok(client.build()?)
    }
}

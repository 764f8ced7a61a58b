//! Mutual TLS (RFC 8705): a token that is bound to a client certificate passes with that certificate, and never without.

mod both;
mod explained;
mod headers;
mod metadata;
mod nginx;
mod over_tls;
mod paths;
mod required;
mod settings;
mod tls;
mod with_axum_server;

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::certificate::{ClientCertificate, ClientCertificates, PeerAddress, TrustedProxies};
use tower_bearer::server::Builder;
use tower_bearer::testing::{TestCertificate, TestIssuer};
use tower_bearer::{AccessToken, ResourceServer};

use crate::harness::{AUDIENCE, good, small_issuer};

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const SECRET_HEADER: HeaderName = HeaderName::from_static("x-proxy-secret");
const SECRET: &str = "gX1fBat3bV-7Fjfp7";
/// The address of the proxy, and one that is no proxy's.
const PROXY: [u8; 4] = [10, 0, 0, 1];
const STRANGER: [u8; 4] = [192, 0, 2, 1];

/// A server, an issuer that it trusts, a certificate, and a token that is bound to it.
struct Rig {
    issuer: TestIssuer,
    api: ResourceServer,
    certificate: TestCertificate,
    token: String,
}

impl Rig {
    fn new() -> Self {
        Self::with(ClientCertificates::from_connection(), |builder| builder)
    }

    fn with(certificates: ClientCertificates, change: impl FnOnce(Builder) -> Builder) -> Self {
        let (issuer, certificate) = (small_issuer(), TestCertificate::new());
        let builder = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).client_certificates(certificates);
        let api = change(builder).build().unwrap();
        let token = good(&issuer).bound_to_certificate(certificate.der()).sign();
        Self { issuer, api, certificate, token }
    }

    /// `GET /me` with the bound token.
    fn request(&self) -> Request<()> {
        bearer(&self.token)
    }

    /// The answer to a request of the connection with this certificate.
    async fn over(&self, certificate: Option<&TestCertificate>) -> Reply {
        self.send(over(self.request(), certificate)).await
    }

    async fn send(&self, request: Request<()>) -> Reply {
        send(&self.api, request).await
    }
}

fn proxies() -> TrustedProxies {
    TrustedProxies::at(["10.0.0.0/8"]).unwrap()
}

fn bearer(token: &str) -> Request<()> {
    Request::get("/me").header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap()
}

fn over(mut request: Request<()>, certificate: Option<&TestCertificate>) -> Request<()> {
    request.extensions_mut().extend(certificate.map(|it| extensions(it.extension())).unwrap_or_default());
    request
}

fn extensions(certificate: ClientCertificate) -> http::Extensions {
    let mut extensions = http::Extensions::new();
    extensions.insert(certificate);
    extensions
}

/// The request as it comes from this address, with these lines more.
fn from(peer: impl Into<IpAddr>, mut request: Request<()>, lines: &[(HeaderName, &str)]) -> Request<()> {
    request.extensions_mut().insert(PeerAddress(peer.into()));
    for (name, line) in lines {
        request.headers_mut().append(name, line.parse().unwrap());
    }
    request
}

/// `Client-Cert` of RFC 9440.
fn byte_sequence(der: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(der))
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn escaped(text: &str) -> String {
    [("%", "%25"), ("\n", "%0A"), (" ", "%20"), ("+", "%2B"), ("/", "%2F"), ("=", "%3D")]
        .iter()
        .fold(text.to_owned(), |text, (character, escape)| text.replace(character, escape))
}

/// What the layer answers, with the headers that the handler saw if it was reached.
async fn send(api: &ResourceServer, request: Request<()>) -> Reply {
    let handler = service_fn(async |request: Request<()>| {
        let subject = request.extensions().get::<AccessToken>().map(|token| token.subject().to_owned());
        let mut response = Response::new(subject.unwrap_or_default());
        response.extensions_mut().insert(Seen(request.headers().clone()));
        Ok::<_, std::convert::Infallible>(response)
    });
    Reply(api.layer().layer(handler).oneshot(request).await.unwrap())
}

#[derive(Clone)]
struct Seen(HeaderMap);

struct Reply(Response<String>);

impl Reply {
    fn status(&self) -> StatusCode {
        self.0.status()
    }

    fn challenges(&self) -> Vec<&str> {
        self.0.headers().get_all(WWW_AUTHENTICATE).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The headers that the handler saw.
    #[track_caller]
    fn seen(&self) -> &HeaderMap {
        assert_eq!(self.status(), StatusCode::OK, "{:?}", self.challenges());
        &self.0.extensions().get::<Seen>().unwrap().0
    }

    #[track_caller]
    fn assert_accepted(&self) {
        assert_eq!((self.status(), &**self.0.body()), (StatusCode::OK, "user-1"), "{:?}", self.challenges());
    }

    /// 401 with `invalid_token` in the challenge of the scheme that was used.
    #[track_caller]
    fn assert_refused(&self) {
        self.assert_error(StatusCode::UNAUTHORIZED, "invalid_token");
    }

    #[track_caller]
    fn assert_error(&self, status: StatusCode, error: &str) {
        assert_eq!(self.status(), status);
        let expected = format!("error=\"{error}\"");
        let challenges = self.challenges();
        assert_eq!(challenges.iter().filter(|challenge| challenge.contains("error=")).count(), 1, "{challenges:?}");
        assert!(challenges.iter().any(|challenge| challenge.contains(&expected)), "{challenges:?}");
        assert!(self.0.extensions().get::<Seen>().is_none(), "the handler was reached");
    }
}

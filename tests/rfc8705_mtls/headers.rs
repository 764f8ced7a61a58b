//! Certificates that a proxy names in a header: whose header counts, in which form, and that no handler sees it.

use std::convert::Infallible;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::certificate::{
    CertificateHeader, ClientCertificate, ClientCertificates, InvalidNetwork, InvalidProxies, TrustedProxies,
};
use tower_bearer::testing::TestCertificate;

use super::{
    CLIENT_CERT, PROXY, Rig, SECRET, SECRET_HEADER, STRANGER, Seen, bearer, byte_sequence, escaped, from, over, pem,
    proxies, send,
};
use crate::harness::{good, small_issuer};

const XFCC: HeaderName = HeaderName::from_static("x-forwarded-client-cert");
const PEM: HeaderName = HeaderName::from_static("x-client-cert");

/// A header with its name, and how it names a certificate.
pub(super) type Form = (HeaderName, CertificateHeader, fn(&[u8]) -> String);

/// All forms, with the proxies from which they count.
pub(super) fn forms(proxies: &TrustedProxies) -> [Form; 5] {
    let xfcc = || CertificateHeader::x_forwarded_client_cert(proxies.clone());
    [
        (CLIENT_CERT, CertificateHeader::client_cert(proxies.clone()), byte_sequence),
        (XFCC, xfcc(), |der| format!("Hash={}", hex(der))),
        (XFCC, xfcc(), |der| format!("Cert=\"{}\"", escaped(&pem(der)))),
        (XFCC, xfcc(), |der| {
            format!("Hash={};By=a;Subject=\"CN=a, b\";URI=c;Cert=\"{}\"", hex(der), escaped(&pem(der)))
        }),
        (PEM, CertificateHeader::escaped_pem(PEM, proxies.clone()), |der| escaped(&pem(der))),
    ]
}

fn hex(der: &[u8]) -> String {
    let hash = URL_SAFE_NO_PAD.decode(ClientCertificate::from_der(der).thumbprint()).unwrap();
    hash.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

fn rig(header: CertificateHeader) -> Rig {
    Rig::with(ClientCertificates::from_header(header), |builder| builder)
}

fn by_secret() -> TrustedProxies {
    TrustedProxies::with_secret(SECRET_HEADER, SECRET).unwrap()
}

/// Rows M1, M2.
#[tokio::test]
async fn a_header_counts_from_a_named_proxy_alone() {
    for (name, header, form) in forms(&proxies()) {
        let rig = rig(header);
        let (own, other) = (form(rig.certificate.der()), form(TestCertificate::new().der()));
        let proxy = |lines: &[(HeaderName, &str)]| from(PROXY, rig.request(), lines);
        for _ in 0..3 {
            rig.send(proxy(&[(name.clone(), &own)])).await.assert_accepted();
            rig.send(proxy(&[(name.clone(), &other)])).await.assert_refused();
            rig.send(proxy(&[])).await.assert_refused();
            rig.send(proxy(&[(name.clone(), "")])).await.assert_refused();
            rig.send(from(STRANGER, rig.request(), &[(name.clone(), &own)])).await.assert_refused();
        }
        // The address of the peer is unknown.
        let mut unknown = rig.request();
        unknown.headers_mut().insert(&name, own.parse().unwrap());
        rig.send(unknown).await.assert_refused();
        for peer in ["10.255.255.255", "::ffff:10.0.0.1"] {
            let peer: IpAddr = peer.parse().unwrap();
            rig.send(from(peer, rig.request(), &[(name.clone(), &own)])).await.assert_accepted();
        }
        for peer in ["11.0.0.1", "::a00:1", "127.0.0.1"] {
            let peer: IpAddr = peer.parse().unwrap();
            rig.send(from(peer, rig.request(), &[(name.clone(), &own)])).await.assert_refused();
        }
        // Headers that say where the request comes from are not looked at.
        for (claim, value) in
            [("x-forwarded-for", "10.0.0.1"), ("x-real-ip", "10.0.0.1"), ("forwarded", "for=10.0.0.1")]
        {
            let lines = [(HeaderName::from_static(claim), value), (name.clone(), &*own)];
            rig.send(from(STRANGER, rig.request(), &lines)).await.assert_refused();
        }
    }
}

/// Row M2.
#[tokio::test]
async fn a_header_counts_with_the_shared_secret_alone() {
    for (name, header, form) in forms(&by_secret()) {
        let rig = rig(header);
        let own = form(rig.certificate.der());
        let with = |secrets: &[&str]| {
            let lines: Vec<_> = secrets.iter().map(|secret| (SECRET_HEADER, *secret)).collect();
            from(STRANGER, rig.request(), &[lines, vec![(name.clone(), &own)]].concat())
        };
        rig.send(with(&[SECRET])).await.assert_accepted();
        let wrong = [
            String::new(),
            SECRET[..SECRET.len() - 1].to_owned(),
            format!("{SECRET}x"),
            format!("{SECRET} "),
            SECRET.to_lowercase(),
            SECRET.replace('7', "8"),
            format!("{SECRET}, {SECRET}"),
        ];
        for wrong in &wrong {
            rig.send(with(&[wrong])).await.assert_refused();
        }
        rig.send(with(&[])).await.assert_refused();
        for two in [[SECRET, SECRET], [SECRET, "x"], ["x", SECRET]] {
            rig.send(with(&two)).await.assert_error(StatusCode::BAD_REQUEST, "invalid_request");
            let lines = two.map(|secret| (SECRET_HEADER, secret));
            let unbound = bearer(&good(&rig.issuer).sign());
            let reply = rig.send(from(STRANGER, unbound, &lines)).await;
            reply.assert_error(StatusCode::BAD_REQUEST, "invalid_request");
        }
        // The secret does not stand in for the certificate, and the address not for the secret.
        rig.send(from(STRANGER, rig.request(), &[(SECRET_HEADER, SECRET)])).await.assert_refused();
        rig.send(from(PROXY, rig.request(), &[(name, &own)])).await.assert_refused();
    }
}

/// Row M2.
#[tokio::test]
async fn two_lines_of_the_header_are_a_malformed_request() {
    for (name, header, form) in forms(&proxies()) {
        let rig = rig(header);
        let (own, other) = (form(rig.certificate.der()), form(TestCertificate::new().der()));
        let unbound = good(&rig.issuer).sign();
        for lines in [[&own, &own], [&own, &other], [&other, &own], [&own, &String::new()]] {
            let lines = lines.map(|line| (name.clone(), &**line));
            for peer in [PROXY, STRANGER] {
                for request in [rig.request(), bearer(&unbound), bearer("zebra")] {
                    let reply = rig.send(from(peer, request, &lines)).await;
                    reply.assert_error(StatusCode::BAD_REQUEST, "invalid_request");
                }
            }
        }
        let three = [(name.clone(), &*own), (name.clone(), &own), (name.clone(), &own)];
        rig.send(from(PROXY, rig.request(), &three)).await.assert_error(StatusCode::BAD_REQUEST, "invalid_request");
        // Without credentials the answer is the usual one.
        let anonymous = from(PROXY, Request::get("/me").body(()).unwrap(), &three);
        assert_eq!(rig.send(anonymous).await.status(), StatusCode::UNAUTHORIZED);
    }
}

/// Row M2.
#[tokio::test]
async fn a_malformed_header_is_no_certificate() {
    let other = TestCertificate::new();
    for (name, header, form) in forms(&proxies()) {
        let rig = rig(header);
        let own = form(rig.certificate.der());
        let malformed = [
            format!("{own},{own}"),
            format!("{own}, {own}"),
            format!("{own};{own}"),
            format!("{own},{}", form(other.der())),
            format!("{},{own}", form(other.der())),
            format!("{own}x"),
            format!(" {own}"),
            format!("{own} "),
            own[..own.len() - 1].to_owned(),
            own.replace('=', ""),
            format!("{own}%"),
            format!("{own}%zz"),
            "a".repeat(64 * 1024),
            format!("{own}{}", "a".repeat(64 * 1024)),
        ];
        for line in malformed.iter().filter(|line| **line != own) {
            rig.send(from(PROXY, rig.request(), &[(name.clone(), line)])).await.assert_refused();
        }
        let mut latin = from(PROXY, rig.request(), &[]);
        latin.headers_mut().insert(&name, HeaderValue::from_bytes(&[own.as_bytes(), b"\xff"].concat()).unwrap());
        rig.send(latin).await.assert_refused();
        // A header of another form, and the thumbprint itself.
        for (_, _, wrong) in forms(&proxies()).into_iter().filter(|(known, ..)| *known != name) {
            let line = wrong(rig.certificate.der());
            rig.send(from(PROXY, rig.request(), &[(name.clone(), &line)])).await.assert_refused();
        }
        let thumbprint = rig.certificate.extension();
        rig.send(from(PROXY, rig.request(), &[(name.clone(), thumbprint.thumbprint())])).await.assert_refused();
    }
}

/// Row M2.
#[tokio::test]
async fn the_connection_and_the_header_are_alternatives() {
    let header = rig(CertificateHeader::client_cert(proxies()));
    let line = byte_sequence(header.certificate.der());
    // The extension does not count where the header does, also if the header is absent or from a stranger.
    header.over(Some(&header.certificate)).await.assert_refused();
    let both = |peer: [u8; 4], lines: &[_]| over(from(peer, header.request(), lines), Some(&header.certificate));
    header.send(both(PROXY, &[])).await.assert_refused();
    header.send(both(STRANGER, &[(CLIENT_CERT, &line)])).await.assert_refused();
    let connection = Rig::new();
    let line = byte_sequence(connection.certificate.der());
    for name in [CLIENT_CERT, XFCC, PEM] {
        connection.send(from(PROXY, connection.request(), &[(name, &line)])).await.assert_refused();
    }
    // The header of another name.
    header.send(from(PROXY, header.request(), &[(XFCC, &line), (PEM, &line)])).await.assert_refused();
}

/// Row M2.
#[tokio::test]
async fn no_handler_sees_the_header_or_the_secret() {
    for proxies in [proxies(), by_secret()] {
        for (name, header, form) in forms(&proxies) {
            let rig = rig(header);
            let (own, unbound) = (form(rig.certificate.der()), good(&rig.issuer).sign());
            let lines = [(name.clone(), &*own), (SECRET_HEADER, SECRET)];
            let is_secret = rig.send(from(STRANGER, rig.request(), &lines)).await.status().is_success();
            for (peer, request) in [(PROXY, rig.request()), (PROXY, bearer(&unbound)), (STRANGER, bearer(&unbound))] {
                let lines = if is_secret { &lines[..] } else { &lines[..1] };
                let reply = rig.send(from(peer, request, lines)).await;
                let seen = reply.seen();
                assert!(!seen.contains_key(&name) && !seen.contains_key(SECRET_HEADER), "{seen:?}");
            }
            // An anonymous request too, behind a layer that lets it pass, with two lines of the header.
            let handler = service_fn(async |request: Request<()>| {
                let mut response = Response::new(());
                response.extensions_mut().insert(Seen(request.headers().clone()));
                Ok::<_, Infallible>(response)
            });
            let request = from(
                PROXY,
                Request::get("/").body(()).unwrap(),
                &[lines[0].clone(), lines[0].clone(), lines[1].clone()],
            );
            let answer = rig.api.layer().optional().layer(handler).oneshot(request).await.unwrap();
            let Seen(seen) = answer.extensions().get().unwrap();
            assert!(!seen.contains_key(&name), "{seen:?}");
            assert_eq!(seen.contains_key(SECRET_HEADER), !is_secret);
        }
    }
    // A header that is not configured belongs to the application.
    let rig = Rig::new();
    let mut request = over(rig.request(), Some(&rig.certificate));
    request.headers_mut().insert(CLIENT_CERT, HeaderValue::from_static("x"));
    assert!(rig.send(request).await.seen().contains_key(CLIENT_CERT));
}

/// A layer within another one sees what the outer one has removed, and checks it by its own settings.
#[tokio::test]
async fn layers_within_each_other_check_the_same_certificate() {
    let issuer = small_issuer();
    let certificate = TestCertificate::new();
    let server = |header: CertificateHeader| {
        tower_bearer::ResourceServer::builder(crate::harness::AUDIENCE)
            .trust(issuer.issuer())
            .client_certificates(ClientCertificates::from_header(header))
            .build()
            .unwrap()
    };
    let outer = server(CertificateHeader::client_cert(proxies()));
    let (same, stranger) =
        (outer.clone(), server(CertificateHeader::client_cert(TrustedProxies::at(["192.0.2.9"]).unwrap())));
    let other_header = server(CertificateHeader::escaped_pem(PEM, proxies()));
    let another = server(CertificateHeader::client_cert(proxies()));
    let token = good(&issuer).bound_to_certificate(certificate.der()).sign();
    let line = byte_sequence(certificate.der());
    for (inner, status) in [
        (&same, StatusCode::OK),
        (&another, StatusCode::OK),
        (&stranger, StatusCode::UNAUTHORIZED),
        (&other_header, StatusCode::UNAUTHORIZED),
    ] {
        let handler = service_fn(async |request: Request<()>| {
            assert!(!request.headers().contains_key(CLIENT_CERT));
            Ok::<_, Infallible>(Response::new(String::new()))
        });
        let service = outer.layer().layer(inner.layer().layer(handler));
        let request = from(PROXY, bearer(&token), &[(CLIENT_CERT, &line)]);
        assert_eq!(service.oneshot(request).await.unwrap().status(), status);
    }
    // What something between the layers adds is a second line.
    let handler = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new())));
    let inner = same.layer().layer(handler).map_request(|mut request: Request<()>| {
        request.headers_mut().insert(CLIENT_CERT, HeaderValue::from_static(":MAA=:"));
        request
    });
    let request = from(PROXY, bearer(&token), &[(CLIENT_CERT, &line)]);
    assert_eq!(outer.layer().layer(inner).oneshot(request).await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[test]
fn proxies_that_everybody_could_be_are_refused() {
    assert_eq!(TrustedProxies::at([""; 0]).unwrap_err(), InvalidProxies::Network(InvalidNetwork::None));
    assert!(matches!(TrustedProxies::at(["0.0.0.0/0"]), Err(InvalidProxies::Network(_))));
    assert!(matches!(TrustedProxies::at(["10.0.0.1/8"]), Err(InvalidProxies::Network(_))));
    let secret = |text: &str| TrustedProxies::with_secret(SECRET_HEADER, text).map(drop);
    assert_eq!(secret(&SECRET[..16]), Ok(()));
    for short in ["", "a", &SECRET[..15]] {
        assert!(matches!(secret(short), Err(InvalidProxies::SecretTooShort { length, .. }) if length == short.len()));
    }
    for character in [' ', '\n', '\0', '\u{7f}', '\u{fc}', '\t'] {
        assert_eq!(secret(&format!("{SECRET}{character}")), Err(InvalidProxies::SecretCharacter));
    }
    for placeholder in ["${PROXY_SECRET}", "{{ secret }}", "$PROXY_SECRET", "<secret>", &"a".repeat(40)] {
        assert_eq!(secret(placeholder), Err(InvalidProxies::SecretNotRandom), "{placeholder}");
    }
    let shown = format!("{:?}", by_secret());
    assert!(shown.contains("x-proxy-secret") && !shown.contains(SECRET), "{shown}");
}

/// A refusal says the same to the client whatever is wrong.
#[tokio::test]
async fn refusals_do_not_tell_why() {
    let rig = rig(CertificateHeader::client_cert(proxies()));
    let (own, other) = (byte_sequence(rig.certificate.der()), byte_sequence(TestCertificate::new().der()));
    let mut refusals = Vec::new();
    for (peer, lines) in [
        (PROXY, vec![]),
        (PROXY, vec![(CLIENT_CERT, &*other)]),
        (PROXY, vec![(CLIENT_CERT, "zebra")]),
        (STRANGER, vec![(CLIENT_CERT, &*own)]),
    ] {
        let reply = send(&rig.api, from(peer, rig.request(), &lines)).await;
        refusals.push((reply.status(), reply.0.headers().clone(), reply.0.body().clone()));
    }
    let forged = send(&rig.api, bearer("zebra.zebra.zebra")).await;
    refusals.push((forged.status(), forged.0.headers().clone(), forged.0.body().clone()));
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
}

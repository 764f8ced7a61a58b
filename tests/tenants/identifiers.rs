//! An `iss` that tries to lead elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tower_bearer::ResourceServer;
use tower_bearer::tenants::{InvalidIssuerPattern, TenantSettings};
use tower_bearer::testing::{Endpoint, TestIssuer};

use super::{Database, Rig};
use crate::harness::{AUDIENCE, small_issuer};

/// A server that accepts any connection, and counts them.
async fn anything() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    (address, connections)
}

/// The most that a configuration can trust: whatever fits the pattern.
#[tokio::test]
async fn no_iss_leads_out_of_the_pattern() {
    let tenant = TestIssuer::builder().path("/acme").start();
    let origin = tenant.url().strip_suffix("/acme").unwrap().to_owned();
    let authority = origin.strip_prefix("http://").unwrap();
    let port = authority.rsplit_once(':').unwrap().1;
    let (other, connections) = anything().await;
    let settings = TenantSettings::insecure_any_tenant(&format!("{origin}/{{tenant}}")).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust_resolved(settings).build().unwrap();
    let rig = Rig { signer: small_issuer(), database: Database::new(), api };
    let tokens = |iss: &str| [tenant.token().claim("iss", iss).audience(AUDIENCE).sign(), rig.token(iss).sign()];
    for iss in [
        // Paths.
        format!("{origin}/acme/"),
        format!("{origin}/acme/x"),
        format!("{origin}/x/../acme"),
        format!("{origin}/./acme"),
        format!("{origin}//acme"),
        format!("{origin}/%61cme"),
        format!("{origin}/acme%2f..%2fother"),
        format!("{origin}/acme?x"),
        format!("{origin}/acme#x"),
        format!("{origin}/acme;x"),
        format!("{origin}/..;"),
        format!("{origin}/."),
        format!("{origin}/.."),
        format!("{origin}/"),
        origin.clone(),
        format!("{origin}/{}", "a".repeat(65)),
        format!("{origin}/ac me"),
        format!("{origin}/acme\n"),
        format!("{origin}/\u{430}cme"),
        format!("{origin}\\acme"),
        // User names.
        format!("http://user@{authority}/acme"),
        format!("http://user:secret@{authority}/acme"),
        format!("http://{authority}@{other}/acme"),
        format!("http://{authority}%40{other}/acme"),
        format!("http://{other}#@{authority}/acme"),
        format!("http://{other}/http://{authority}/acme"),
        format!("{origin}/@{other}"),
        // Ports and hosts.
        format!("http://{other}/acme"),
        "http://127.0.0.1/acme".to_owned(),
        format!("http://127.0.0.1:0{port}/acme"),
        format!("http://127.1:{port}/acme"),
        format!("http://0x7f000001:{port}/acme"),
        format!("http://localhost:{port}/acme"),
        format!("http://127.0.0.1.example.com:{port}/acme"),
        // Schemes and case.
        format!("https://{authority}/acme"),
        format!("HTTP://{authority}/acme"),
        format!("//{authority}/acme"),
        format!("{authority}/acme"),
        format!(" {origin}/acme"),
        format!("file://{authority}/acme"),
        String::new(),
    ] {
        for token in tokens(&iss) {
            assert_eq!(rig.status(&token).await, 401, "{iss:?}");
        }
    }
    assert_eq!(connections.load(Ordering::Relaxed), 0);
    assert_eq!(crate::harness::fetches(&tenant), (0, 0));
    assert_eq!(rig.status(&tenant.token().audience(AUDIENCE).sign()).await, 200);
    assert_eq!(tenant.requests(Endpoint::Jwks), 1);
}

/// Two names that differ in case are two tenants, of which the provider knows one.
#[tokio::test]
async fn the_metadata_must_name_the_iss_byte_for_byte() {
    let tenant = TestIssuer::builder().path("/acme").start();
    let pattern = format!("{}/{{tenant}}", tenant.url().strip_suffix("/acme").unwrap());
    let settings = TenantSettings::insecure_any_tenant(&pattern).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust_resolved(settings).build().unwrap();
    let mut metadata = tenant.metadata();
    metadata["issuer"] = tenant.url().replace("/acme", "/Acme").into();
    tenant.set_metadata(metadata);
    let rig = Rig { signer: small_issuer(), database: Database::new(), api };
    assert_eq!(rig.status(&tenant.token().audience(AUDIENCE).sign()).await, 503);
    assert_eq!(tenant.requests(Endpoint::Jwks), 0);
}

/// Two forms, and nothing else; also what the resolver would know.
#[tokio::test]
async fn a_resolver_is_asked_about_what_fits_a_pattern_alone() {
    let rig = Rig::with(
        1,
        |settings| {
            let settings = settings.issuer_pattern("https://login.example.com/{tenant}").unwrap();
            settings.issuer_pattern("https://{tenant}.id.example.com/").unwrap()
        },
        |builder| builder,
    );
    let fits = ["https://login.example.com/t0", "https://acme.id.example.com/"];
    let others = ["https://login.example.com/a/b", "https://id.example.com/", "https://a.b.id.example.com/"];
    for iss in fits.iter().chain(&others) {
        rig.database.insert(iss, &rig.source(), |issuer| issuer);
    }
    for iss in fits {
        assert_eq!(rig.status(&rig.token(iss).sign()).await, 200, "{iss}");
    }
    for iss in others {
        assert_eq!(rig.status(&rig.token(iss).sign()).await, 401, "{iss}");
        assert_eq!(rig.database.calls_about(iss), 0, "{iss}");
    }
}

#[tokio::test]
async fn a_long_iss_is_not_asked_about() {
    let rig = Rig::new(0);
    for (length, calls) in [(512, 1), (513, 0)] {
        let iss = format!("https://login.example.com/{}", "a".repeat(length - 26));
        assert_eq!(iss.len(), length);
        assert_eq!(rig.status(&rig.token(&iss).sign()).await, 401);
        assert_eq!(rig.database.calls_about(&iss), calls, "{length}");
    }
    let no_issuer = rig.token("x").without_claim("iss").sign();
    assert_eq!(rig.status(&no_issuer).await, 401);
    assert_eq!(rig.database.calls(), 1);
}

#[test]
fn a_pattern_names_what_is_wrong_with_it() {
    let error = |pattern: &str| TenantSettings::insecure_any_tenant(pattern).err().map(|error| error.to_string());
    assert_eq!(error("https://login.example.com/{tenant}"), None);
    let placeholder = InvalidIssuerPattern::Placeholder.to_string();
    assert_eq!(error("https://login.example.com/").unwrap(), placeholder);
    assert_eq!(placeholder, "expected a pattern for issuers with {tenant} exactly once and no other placeholder");
    assert!(error("https://login{tenant}.example.com").unwrap().contains("a whole segment of the path"));
    assert!(error("http://login.example.com/{tenant}").unwrap().contains("the scheme is not https"));
}

//! The metadata of one tenant.

use serde_json::{Value, json};
use tower_bearer::dpop::Dpop;
use tower_bearer::metadata::Metadata;
use tower_bearer::server::ConfigError;

use super::Rig;

/// Row K4.
#[test]
fn the_document_of_a_tenant_names_its_resource_and_its_issuer_alone() {
    let rig = Rig::with(
        1,
        |settings| settings,
        |builder| {
            let metadata = Metadata::new().scopes_supported(["read:me"]).resource_name("Example");
            builder.metadata(metadata).dpop(Dpop::at("https://api.example.com").unwrap())
        },
    );
    let acme = "https://api.example.com/acme";
    let metadata = rig.api.tenant_metadata(acme, "https://login.example.com/acme").unwrap().unwrap();
    assert_eq!(metadata.url(), "https://api.example.com/.well-known/oauth-protected-resource/acme");
    let document: Value = serde_json::from_slice(metadata.json()).unwrap();
    let mut expected: Value = serde_json::from_slice(rig.api.metadata().unwrap().json()).unwrap();
    expected["resource"] = json!(acme);
    expected["authorization_servers"] = json!(["https://login.example.com/acme"]);
    assert_eq!(document, expected);
    assert!(document["dpop_signing_alg_values_supported"].is_array() && document["resource_name"] == "Example");
}

#[test]
fn a_tenant_has_a_document_if_the_server_has_one() {
    let rig = Rig::new(1);
    let of = |resource| rig.api.tenant_metadata(resource, "https://login.example.com/acme");
    assert!(of("https://api.example.com/acme").unwrap().is_none());
    for bad in ["acme", "http://api.example.com", "https://api.example.com/#acme"] {
        assert!(matches!(of(bad), Err(ConfigError::Resource { .. })), "{bad}");
    }
}

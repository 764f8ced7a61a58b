//! The metadata document, and what only a restart applies.

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use tower_bearer::layer::MetadataService;

use super::{Rig, document};
use crate::harness::{present, small_issuer};

async fn served(service: &MetadataService) -> (StatusCode, Value) {
    let response = service.clone().oneshot(Request::get("/x").body(()).unwrap()).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn the_document_and_the_challenges_follow() {
    let (issuer, other) = (small_issuer(), small_issuer());
    let rig = Rig::new(&document("[metadata]\nresource_name = \"one\"", &[&issuer]));
    let service = rig.api.metadata_service();
    assert_eq!(served(&service).await.1["resource_name"], "one");
    let reloaded = rig.reload(&document("realm = \"new\"\n[metadata]\nresource_name = \"two\"", &[&other])).await;
    assert!(reloaded.needs_restart.is_empty());
    let (status, document_now) = served(&service).await;
    assert_eq!((status, &document_now["resource_name"]), (StatusCode::OK, &"two".into()));
    assert_eq!(document_now["authorization_servers"], serde_json::json!([other.url()]));
    let challenge = present(&rig.app, "x").await.challenge().unwrap().to_owned();
    assert!(challenge.contains("realm=\"new\"") && challenge.contains("resource_metadata="), "{challenge}");
    rig.reload(&document("", &[&issuer])).await;
    assert_eq!(served(&service).await.0, StatusCode::NOT_FOUND);
    assert!(rig.api.metadata().is_none());
}

/// The route of the document is the application's.
#[tokio::test]
async fn another_path_of_the_document_needs_a_restart() {
    let issuer = small_issuer();
    let with = |resource: &str| document(&format!("[metadata]\nresource = {resource:?}"), &[&issuer]);
    let rig = Rig::new(&with("https://api.example.test/one"));
    let reloaded = rig.reload(&with("https://api.example.test/two")).await;
    let told = "the metadata document belongs at /.well-known/oauth-protected-resource/two, and was at \
                /.well-known/oauth-protected-resource/one at the start: only a restart changes its route";
    assert_eq!(reloaded.needs_restart, [told]);
    assert_eq!(rig.watched.status().needs_restart, [told]);
    assert!(rig.reload(&with("https://other.example.test/one")).await.needs_restart.is_empty(), "the same path");
    assert!(rig.watched.status().needs_restart.is_empty());
}

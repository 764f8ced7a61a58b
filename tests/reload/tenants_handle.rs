//! The handle of the tenants of a server whose configuration is replaced.

use std::sync::Arc;

use tower_bearer::tenants::{ResolveError, ResolvedTenant, TenantSettings, from_fn};
use tower_bearer::{Issuer, ResourceServer};

use super::{Rig, document};
use crate::harness::memory_source::keys;
use crate::harness::{AUDIENCE, small_issuer};

const ACME: &str = "https://login.example.com/acme";

/// A resolver that knows every tenant, with the keys of this issuer.
fn settings(signer: &tower_bearer::testing::TestIssuer) -> TenantSettings {
    let keys = keys(signer);
    TenantSettings::new(from_fn(move |iss: String| {
        let issuer = Issuer::keys(&iss, keys.clone()).map_err(ResolveError::new);
        async move { issuer.map(ResolvedTenant::new).map(Some) }
    }))
}

async fn is_good(api: &ResourceServer, token: &str) -> bool {
    api.verify(token).await.is_ok()
}

/// An application gets the tenants once, and keeps them in its state.
#[tokio::test]
async fn tenants_that_were_taken_before_a_reload_are_those_of_the_server_after_it() {
    let (pinned, other, signer) = (small_issuer(), small_issuer(), small_issuer());
    for (what, changed) in [
        ("the same", document("realm = \"new\"", &[&pinned])),
        ("another leeway", document("leeway = 10", &[&pinned])),
        ("another issuer", document("", &[&pinned, &other])),
    ] {
        let settings = settings(&signer);
        let rig = Rig::with(&document("", &[&pinned]), |watch| {
            watch.customize(move |builder| builder.trust_resolved(settings.clone()))
        });
        let tenants = Arc::new(rig.api.tenants().unwrap());
        let token = signer.token().claim("iss", ACME).audience(AUDIENCE).sign();
        assert!(is_good(&rig.api, &token).await, "{what}");
        rig.reload(&changed).await;
        assert!(is_good(&rig.api, &token).await, "{what}");
        assert_eq!(tenants.list().len(), 1, "{what}");
        tenants.forget(ACME);
        assert!(!is_good(&rig.api, &token).await, "{what}: a forgotten tenant is refused");
    }
}

/// The resolver asks a replica that lags behind.
#[tokio::test]
async fn a_tenant_that_was_forgotten_before_a_reload_is_refused_after_it() {
    let (pinned, signer) = (small_issuer(), small_issuer());
    let settings = settings(&signer);
    let rig = Rig::with(&document("", &[&pinned]), |watch| {
        watch.customize(move |builder| builder.trust_resolved(settings.clone()))
    });
    let token = signer.token().claim("iss", ACME).audience(AUDIENCE).sign();
    assert!(is_good(&rig.api, &token).await);
    rig.api.tenants().unwrap().forget(ACME);
    assert!(!is_good(&rig.api, &token).await);
    rig.reload(&document("leeway = 10", &[&pinned])).await;
    assert!(!is_good(&rig.api, &token).await);
}

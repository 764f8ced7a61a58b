//! Kubernetes

use serde_json::json;
use tower_bearer::Issuer;
use tower_bearer::validation::TokenError;

use super::{NOW, Provider, audience, issuer, pointer};
use crate::harness::AUDIENCE;

const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";

#[test]
fn accepts_only_listed_service_accounts() {
    let subject = "system:serviceaccount:shop:frontend";
    let provider = Provider::new(
        Issuer::kubernetes(CLUSTER).unwrap().allow_subjects([subject]),
        AUDIENCE,
        json!({}),
        json!({
            "aud": [AUDIENCE],
            "iss": CLUSTER,
            "jti": "e51f1fbc-4733-4b85-a59f-ba80c0523874",
            "kubernetes.io": {
                "namespace": "shop",
                "pod": { "name": "frontend-0", "uid": "0d8b260e-ef0e-45fb-be8e-ff44f97722e8" },
                "serviceaccount": { "name": "frontend", "uid": "e6a8680e-d103-4cce-80ea-03acbbeacf7d" },
            },
            "nbf": NOW - 60,
            "sub": subject,
        }),
    );
    let token = provider.accepts(&json!({}));
    assert_eq!((token.subject(), token.client_id()), (subject, None));
    assert_eq!(pointer(&token, "/kubernetes.io/namespace"), "shop");
    let legacy = json!({ "iss": "kubernetes/serviceaccount", "aud": null, "exp": null });
    provider.refuses([
        ("for the API server", json!({ "aud": [CLUSTER] }), audience([CLUSTER], AUDIENCE)),
        ("another account's", json!({ "sub": "system:serviceaccount:evil:frontend" }), TokenError::Subject),
        ("a default account's", json!({ "sub": "system:serviceaccount:shop:default" }), TokenError::Subject),
        (
            "another cluster's",
            json!({ "iss": "https://kubernetes.default.svc" }),
            issuer("https://kubernetes.default.svc"),
        ),
        ("a secret of old", legacy, issuer("kubernetes/serviceaccount")),
    ]);
    provider.refuses_strangers();
}

//! The server's metadata (RFC 8414 §2, OpenID Connect Discovery §3).

use serde_json::{Value, json};

use super::AuthorizationServer;
use super::mint::ID_TOKEN_ALGORITHM;
use super::proofs::PROOF_ALGORITHM;
use super::request::PASSWORD;

pub(super) fn document(server: &AuthorizationServer) -> Value {
    let issuer = server.issuer.url();
    let acr_values: Vec<_> = std::iter::once(PASSWORD).chain(server.strong.iter()).collect();
    let authentication = ["none", "client_secret_basic", "client_secret_post"];
    let mut document = json!({
        "issuer": issuer,
        "jwks_uri": server.issuer.jwks_url(),
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "registration_endpoint": format!("{issuer}/register"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "scopes_supported": server.scopes.iter().collect::<Vec<_>>(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": authentication,
        "revocation_endpoint_auth_methods_supported": authentication,
        "authorization_response_iss_parameter_supported": true,
        "acr_values_supported": acr_values,
        "prompt_values_supported": ["none", "login", "consent"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "nonce", "at_hash"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ID_TOKEN_ALGORITHM.name()],
        "request_uri_parameter_supported": false,
    });
    // RFC 9449 §5.1.
    if server.proofs.is_some() {
        document["dpop_signing_alg_values_supported"] = json!([PROOF_ALGORITHM.name()]);
    }
    // RFC 8414 §2.
    if server.opaque.is_some() {
        document["introspection_endpoint"] = json!(format!("{issuer}/introspect"));
        document["introspection_endpoint_auth_methods_supported"] =
            json!(["client_secret_basic", "client_secret_post"]);
    }
    document
}

//! Supabase

use serde_json::{Value, json};
use tower_bearer::{Issuer, Require};

use super::{EC_KEYS, Provider, audience, issuer, missing, pointer, scopes};
use crate::harness::AUDIENCE;

const PROJECT: &str = "https://abcdefghijklmnopqrst.supabase.co/auth/v1";

pub(super) fn supabase() -> Provider {
    by(Issuer::supabase("abcdefghijklmnopqrst").unwrap(), PROJECT)
}

/// The server's audience is another one.
fn by(preset: Issuer, issuer: &str) -> Provider {
    Provider::with_keys(
        preset,
        &EC_KEYS.jwks(),
        AUDIENCE,
        json!({ "alg": "ES256", "kid": "p-256-1", "typ": "JWT" }),
        json!({
            "aal": "aal1",
            "amr": [{ "method": "password", "timestamp": 1_893_455_000 }],
            "app_metadata": { "provider": "email", "providers": ["email"], "roles": ["staff"] },
            "aud": "authenticated",
            "email": "ada@example.com",
            "iss": issuer,
            "phone": "",
            "role": "authenticated",
            "session_id": "123e4567-e89b-12d3-a456-426614174000",
            "sub": "5be1c6a1-2a3b-4c5d-8e9f-0a1b2c3d4e5f",
            "user_metadata": { "name": "Ada", "roles": ["admin"] },
            "is_anonymous": false,
        }),
    )
}

#[test]
fn accepts_users_of_the_project() {
    let provider = supabase();
    let token = provider.accepts(&json!({}));
    assert_eq!((token.subject(), token.client_id()), ("5be1c6a1-2a3b-4c5d-8e9f-0a1b2c3d4e5f", None));
    assert!(token.scope().is_empty() && token.audience().eq(["authenticated"]));
    assert_eq!(pointer(&token, "/app_metadata/roles/0"), "staff");
    // An audience as a list, and a role of one's own from a hook.
    provider.accepts(&json!({ "aud": ["authenticated"] }));
    provider.accepts(&json!({ "role": "moderator" }));
    provider.refuses_strangers();
}

/// Where the project is an OAuth server, a client of somebody else has its name in the token, and no other mark.
#[test]
fn names_the_oauth_client_that_got_the_token() {
    let client = "9a8b7c6d-5e4f-4a2b-8c0d-9e8f7a6b5c4d";
    let token = supabase().accepts(&json!({ "client_id": client, "scope": "openid email" }));
    assert_eq!((token.client_id(), scopes(&token)), (Some(client), vec!["openid", "email"]));
}

#[test]
fn a_requirement_tells_members_from_anonymous_users() {
    let provider = supabase();
    let members = Require::token().and_claim_equals("/is_anonymous", false);
    let holds = |claims: Value| provider.api.check(&provider.accepts(&claims), &members).is_ok();
    assert!(holds(json!({})));
    assert!(!holds(json!({ "is_anonymous": true, "email": "" })));
    assert!(!holds(json!({ "is_anonymous": null })));
}

#[test]
fn refuses_other_tokens_of_the_project() {
    let client = "9a8b7c6d-5e4f-4a2b-8c0d-9e8f7a6b5c4d";
    let id =
        json!({ "session_id": null, "role": null, "aud": client, "client_id": client, "auth_time": 1_893_455_000 });
    let for_users = super::merged(&id, &json!({ "aud": "authenticated" }));
    let key = |role: &str| json!({ "iss": "supabase", "ref": "abcdefghijklmnopqrst", "role": role, "aud": null, "sub": null });
    let minted = json!({ "role": "service_role", "session_id": null });
    supabase().refuses([
        ("an ID token", id, missing("session_id")),
        ("an ID token for users", for_users, missing("session_id")),
        ("the anon key", key("anon"), issuer("supabase")),
        ("the service key", key("service_role"), issuer("supabase")),
        ("one that somebody made with an imported key", minted, missing("session_id")),
        ("of an empty session", json!({ "session_id": "" }), missing("session_id")),
        ("for another audience", json!({ "aud": "anon" }), audience(["anon"], "authenticated")),
        ("for this server", json!({ "aud": AUDIENCE }), audience([AUDIENCE], "authenticated")),
        ("for nobody", json!({ "aud": null }), missing("aud")),
    ]);
}

/// The audience is that of every project.
#[test]
fn refuses_users_of_other_projects() {
    let other = "https://tsrqponmlkjihgfedcba.supabase.co/auth/v1";
    let own = "https://auth.example.com/auth/v1";
    supabase().refuses([
        ("another project's", json!({ "iss": other }), issuer(other)),
        ("by a domain of one's own", json!({ "iss": own }), issuer(own)),
        ("with a slash", json!({ "iss": format!("{PROJECT}/") }), issuer(&format!("{PROJECT}/"))),
    ]);
}

#[test]
fn accepts_users_of_an_installation() {
    let own = "https://supabase.example.com/auth/v1";
    let provider = by(Issuer::supabase_self_hosted(own).unwrap(), own);
    provider.accepts(&json!({}));
    provider.refuses([
        ("a project's at Supabase", json!({ "iss": PROJECT }), issuer(PROJECT)),
        ("an ID token", json!({ "session_id": null }), missing("session_id")),
    ]);
    provider.refuses_strangers();
}

/// A project that still signs with its shared secret (HS256).
/// Row D4.
#[test]
fn refuses_the_shared_secret() {
    let provider = supabase();
    let signed = provider.token(&json!({}), &json!({}));
    let rest = signed.split_once('.').unwrap().1;
    let error = provider.api.try_verify(&format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{rest}")).unwrap_err();
    assert!(error.to_string().contains("HS256"), "{error}");
}

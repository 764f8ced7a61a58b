//! Presets whose tokens are introspected: answers in the form of each provider, and its answers about other tokens

use serde_json::{Value, json};
use tower_bearer::introspection::Introspection;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::{TokenError, VerifyError};
use tower_bearer::{AccessToken, Issuer, ResourceServer};

use super::authentik::CLIENT;
use super::{NOW, audience, issuer, merged, missing, other_kind, pointer, scopes};
use crate::harness::{AUDIENCE, clock_at, small_issuer};

/// A server that introspects the tokens of one provider, and what the provider says about an access token.
struct Introspected {
    endpoint: TestIssuer,
    api: ResourceServer,
    answer: Value,
}

impl Introspected {
    /// `answer` is what is said but for what every answer has: `active`, `iat` and `exp`.
    fn new(preset: Issuer, name: &str, audience: &str, answer: &Value) -> Self {
        let endpoint = small_issuer();
        let client = endpoint.introspection_client();
        let introspection = Introspection::at(&endpoint.introspection_url(), name, client).unwrap();
        let api = ResourceServer::builder(audience).trust(preset.introspect(introspection)).clock(clock_at(NOW));
        let answer = merged(&json!({ "active": true, "iat": NOW - 60, "exp": NOW + 300 }), answer);
        Self { endpoint, api: api.build().unwrap(), answer }
    }

    /// The verdict on a token about which the provider says this instead, or nothing where that is null.
    async fn verdict(&self, changes: &Value) -> Result<AccessToken, TokenError> {
        self.endpoint.set_answer("opaque", merged(&self.answer, changes));
        // It asks each time.
        let explanation = self.api.explain("opaque").await;
        match explanation.verdict() {
            Ok(token) => Ok(token.clone()),
            Err(VerifyError::Token(error)) => Err(error.clone()),
            Err(other) => panic!("{other}"),
        }
    }

    async fn accepts(&self, changes: &Value) -> AccessToken {
        self.verdict(changes).await.unwrap_or_else(|error| panic!("{changes}: {error}"))
    }

    async fn refuses<const N: usize>(&self, answers: [(&str, Value, TokenError); N]) {
        for (what, changes, expected) in answers {
            assert_eq!(self.verdict(&changes).await.err(), Some(expected), "{what}");
        }
    }
}

/// `AccessTokenIntrospectionProvider`: the claims of the token, `client_id`, `username`, and `token_type`, which is the payload's `typ`.
#[tokio::test]
async fn keycloak() {
    let name = "https://id.example.com/realms/shop";
    let provider = Introspected::new(
        Issuer::keycloak("https://id.example.com", "shop").unwrap(),
        name,
        AUDIENCE,
        &json!({
            "jti": "onrtac:0b3f1c39-6a3e-4a29-9a35-6c6b7c2d1e01", "iss": name, "aud": [AUDIENCE, "account"],
            "sub": "1f0c7b52-7d5f-4bb3-8f1a-3d5c8e6a9b10", "typ": "Bearer", "azp": "shop-web", "sid": "5a9d1f6e",
            "realm_access": { "roles": ["buyer"] }, "scope": "openid read:me", "client_id": "shop-web",
            "username": "ada", "token_type": "Bearer",
        }),
    );
    let token = provider.accepts(&json!({})).await;
    assert_eq!((token.client_id(), scopes(&token)), (Some("shop-web"), vec!["openid", "read:me"]));
    assert_eq!(token.roles(), ["buyer"]);
    // Earlier versions write no token_type.
    provider.accepts(&json!({ "token_type": null })).await;
    let refresh = |typ: &str| json!({ "typ": typ, "token_type": typ, "aud": name });
    provider
        .refuses([
            ("a refresh token", refresh("Refresh"), other_kind("typ")),
            ("an offline token", refresh("Offline"), other_kind("typ")),
            ("one for the API", json!({ "typ": "Refresh", "token_type": null }), other_kind("typ")),
            ("an ID token", json!({ "typ": "ID", "token_type": "ID" }), other_kind("typ")),
            ("an ID token with its hash", json!({ "typ": "ID", "at_hash": "x" }), other_kind("at_hash")),
            ("no type", json!({ "typ": null }), missing("typ")),
            ("no audience mapper", json!({ "aud": "account" }), audience(["account"], AUDIENCE)),
            ("no audience at all", json!({ "aud": null }), missing("aud")),
        ])
        .await;
}

/// `Server.Introspect` in internal/api/oidc/introspect.go. It answers about no other kind of token.
#[tokio::test]
async fn zitadel() {
    let (name, project) = ("https://id.example.com", "69234237810729019");
    let provider = Introspected::new(
        Issuer::zitadel("id.example.com").unwrap(),
        name,
        project,
        &json!({
            "scope": "openid read:me", "client_id": "69234237810729234", "token_type": "Bearer", "nbf": NOW - 60,
            "aud": ["69234237810729234", project], "iss": name, "jti": "V2_163840776835432705-at_163840776835498241",
            "sub": "77776025198584418", "username": "ada@shop.id.example.com", "name": "Ada",
            "urn:zitadel:iam:org:project:roles": { "buyer": { "71": "shop.id.example.com" } },
        }),
    );
    let token = provider.accepts(&json!({})).await;
    assert_eq!((token.client_id(), scopes(&token)), (Some("69234237810729234"), vec!["openid", "read:me"]));
    assert!(pointer(&token, "/urn:zitadel:iam:org:project:roles/buyer").is_object());
    provider
        .refuses([
            ("like an ID token", json!({ "jti": null, "token_type": null }), missing("jti")),
            ("not active", json!({ "active": false }), TokenError::Inactive),
            ("another project's", json!({ "aud": ["1", "2"] }), audience(["1", "2"], project)),
            ("another instance's", json!({ "iss": "https://id.example.org" }), issuer("https://id.example.org")),
        ])
        .await;
}

/// `introspectOAuth2Token` in oauth2/handler.go.
#[tokio::test]
async fn hydra() {
    let name = "https://hydra.example.com/";
    let answer = json!({
        "aud": [AUDIENCE], "client_id": "shop-web", "ext": { "plan": "gold" }, "iss": name, "nbf": NOW - 60,
        "scope": "offline read:me", "sub": "user-1", "token_type": "Bearer", "token_use": "access_token",
    });
    let provider = Introspected::new(Issuer::hydra(name).unwrap(), name, AUDIENCE, &answer);
    let token = provider.accepts(&json!({})).await;
    assert_eq!((token.client_id(), scopes(&token)), (Some("shop-web"), vec!["offline", "read:me"]));
    assert_eq!(pointer(&token, "/ext/plan"), "gold");
    assert!(provider.accepts(&json!({ "sub": "shop-web" })).await.is_client());
    provider
        .refuses([
            ("a refresh token", json!({ "token_use": "refresh_token" }), other_kind("token_use")),
            ("no kind", json!({ "token_use": null }), missing("token_use")),
            ("an ID token", json!({ "token_use": "id_token" }), other_kind("token_use")),
            ("no audience requested", json!({ "aud": [] }), audience([], AUDIENCE)),
            ("another API's", json!({ "aud": ["x"] }), audience(["x"], AUDIENCE)),
        ])
        .await;

    let by_client = Issuer::hydra(name).unwrap().identify_by_client(["shop-web"]);
    let provider = Introspected::new(by_client, name, AUDIENCE, &answer);
    provider.accepts(&json!({ "aud": [] })).await;
    let client = TokenError::Client { found: "x".into(), expected: ["shop-web"].into() };
    provider
        .refuses([
            ("another client's", json!({ "aud": [], "client_id": "x" }), client),
            ("a refresh token", json!({ "aud": [], "token_use": "refresh_token" }), other_kind("token_use")),
        ])
        .await;
}

/// The examples of <https://developer.okta.com/docs/reference/api/oidc/#introspect>.
#[tokio::test]
async fn okta() {
    let name = "https://shop.okta.com/oauth2/default";
    let client = "a9VpZDRCeFh3Nkk2VdYa";
    let provider = Introspected::new(
        Issuer::okta("shop.okta.com", "default").unwrap(),
        name,
        "api://default",
        &json!({
            "token_type": "Bearer", "scope": "openid read:me", "client_id": client, "username": "ada@example.com",
            "sub": "ada@example.com", "aud": "api://default", "iss": name,
            "jti": "AT.7P4KlczBYVcWLkxduEuKeZfeiNYkZIC9uGJ28Cc-YaI", "uid": "00uid4BxXw6I6TV4m0g3",
        }),
    );
    let token = provider.accepts(&json!({})).await;
    assert_eq!((token.client_id(), scopes(&token)), (Some(client), vec!["openid", "read:me"]));
    let refresh =
        |aud: Value| json!({ "aud": aud, "iss": null, "jti": null, "iat": null, "uid": null, "device_id": "q4" });
    let id = json!({ "jti": "ID.x", "scope": null, "client_id": null, "uid": null, "token_type": null });
    provider
        .refuses([
            ("a refresh token", refresh(Value::Null), missing("jti")),
            ("a refresh token for the API", refresh(json!("api://default")), missing("jti")),
            ("an ID token, for a client that is called like the API", id, other_kind("jti")),
            ("another API's", json!({ "aud": "api://other" }), audience(["api://other"], "api://default")),
        ])
        .await;
}

/// `TokenIntrospectionView`: the claims of the token's ID token, `active`, `scope` and `client_id`.
#[tokio::test]
async fn authentik() {
    let name = "https://id.example.com/application/o/shop/";
    let provider = Introspected::new(
        Issuer::authentik("https://id.example.com", "shop").unwrap(),
        name,
        CLIENT,
        &json!({
            "iss": name, "sub": "2ac1102e7cf5", "aud": CLIENT, "auth_time": NOW - 120, "acr": "goauthentik.io/providers/oauth2/default",
            "amr": ["pwd"], "nonce": "n-0S6_WzA2Mj", "sid": "5868879d4070", "groups": ["buyers"], "scope": "openid profile read:me",
            "client_id": CLIENT,
        }),
    );
    let token = provider.accepts(&json!({})).await;
    assert_eq!((token.client_id(), scopes(&token)), (Some(CLIENT), vec!["openid", "profile", "read:me"]));
    assert_eq!(pointer(&token, "/groups/0"), "buyers");
    let other = "https://id.example.com/application/o/other/";
    provider
        .refuses([
            ("a refresh token", json!({ "at_hash": "LDktKdoQak3Pk0cnXxCltA" }), other_kind("at_hash")),
            ("an ID token, which it does not know", json!({ "active": false }), TokenError::Inactive),
            ("no client", json!({ "client_id": null, "azp": CLIENT }), missing("client_id")),
            ("another application's", json!({ "iss": other, "aud": "other" }), issuer(other)),
            ("the audience alone", json!({ "aud": "other" }), audience(["other"], CLIENT)),
        ])
        .await;
}

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request};
use serde::Serialize;
use serde_json::{Value, json};

use super::issuer::TestIssuer;
use super::token_builder::TokenBuilder;

/// The event that makes a token a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// What the specification recommends as the longest (§4).
const LOGOUT_TOKEN_LIFE: Duration = Duration::from_secs(2 * 60);

/// What an issuer says about revocation: as a transmitter of security events, and as an OpenID provider that ends sessions.
impl TestIssuer {
    /// A builder for a security event token (SET, RFC 8417) for one audience, with one event.
    ///
    /// `event` is the event's own object, which may be empty; `event_uri` is its name, such as
    /// `https://schemas.openid.net/secevent/caep/event-type/session-revoked`. The header has `typ: secevent+jwt`. The claims are `iss`, `aud`,
    /// `iat`, `jti`, which differs for each builder, and `events`. As the Shared Signals Framework 1.0 requires (§4.1), there is no `sub` and
    /// no `exp`: the subject is the [claim](TokenBuilder::claim) `sub_id` (RFC 9493), which is absent until it is set.
    ///
    /// ```
    /// use serde_json::json;
    /// use tower_bearer::jose::Algorithm;
    /// use tower_bearer::testing::{TestIssuer, push_request};
    ///
    /// let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).start();
    /// let set = issuer
    ///     .security_event(
    ///         "https://api.example.test/ssf",
    ///         "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
    ///         json!({ "event_timestamp": 1_795_977_909 }),
    ///     )
    ///     .claim("sub_id", json!({ "format": "iss_sub", "iss": issuer.url(), "sub": "user-1" }));
    /// let request = push_request(&set.sign());
    /// assert_eq!(request.headers()["content-type"], "application/secevent+jwt");
    ///
    /// // Malformed events are built in the same way as malformed access tokens:
    /// let other_issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).start();
    /// let forged = set.clone().signed_by(&other_issuer);
    /// let without_subject = set.without_claim("sub_id");
    /// # assert_ne!(forged.sign(), without_subject.sign());
    /// ```
    ///
    /// # Panics
    ///
    /// If `event` does not serialize as JSON.
    pub fn security_event(&self, audience: &str, event_uri: &str, event: impl Serialize) -> TokenBuilder {
        let event = serde_json::to_value(event).expect("a JSON value");
        about_events(self.token().without_claim("exp"), "secevent+jwt", audience, event_uri, &event)
    }

    /// A builder for a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4) for the client with this identifier.
    ///
    /// The header has `typ: logout+jwt`. The claims are `iss`, `aud`, `iat`, `exp` 2 minutes later, `jti`, which differs for each builder, and
    /// `events`. Set the [subject](TokenBuilder::subject), the [claim](TokenBuilder::claim) `sid`, or both, which are absent until then. A
    /// logout token with neither is invalid.
    ///
    /// ```
    /// use tower_bearer::jose::Algorithm;
    /// use tower_bearer::testing::{TestIssuer, logout_request};
    ///
    /// let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).start();
    /// let token = issuer.logout_token("my-client").subject("user-1").claim("sid", "session-1").sign();
    /// assert_eq!(logout_request(&token).body(), &format!("logout_token={token}"));
    /// // A bad one: an ID token has a `nonce`, but a logout token must not have one.
    /// let bad = issuer.logout_token("my-client").subject("user-1").claim("nonce", "n").sign();
    /// # assert_ne!(token, bad);
    /// ```
    pub fn logout_token(&self, client_id: &str) -> TokenBuilder {
        let token = self.token().expires_in(LOGOUT_TOKEN_LIFE);
        about_events(token, "logout+jwt", client_id, LOGOUT_EVENT, &json!({}))
    }
}

/// The request with which a transmitter pushes a security event token (RFC 8935 §2.1).
///
/// Its URI is `/`, which a receiver that is called directly ignores; for a router, set the URI of the route.
#[must_use]
pub fn push_request(set: &str) -> Request<String> {
    let mut request = post("application/secevent+jwt", set.to_owned());
    request.headers_mut().insert(ACCEPT, http::HeaderValue::from_static("application/json"));
    request
}

/// The request with which an OpenID provider sends a logout token (OpenID Connect Back-Channel Logout 1.0 §2.5).
///
/// Its URI is `/`, which a receiver that is called directly ignores; for a router, set the URI of the route.
#[must_use]
pub fn logout_request(token: &str) -> Request<String> {
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token).finish();
    post("application/x-www-form-urlencoded", body)
}

/// Makes an access token a token about one event, which names neither a client nor, so far, a subject.
fn about_events(token: TokenBuilder, typ: &str, audience: &str, event_uri: &str, event: &Value) -> TokenBuilder {
    token
        .without_claim("client_id")
        .without_claim("sub")
        .header("typ", typ)
        .audience(audience)
        .claim("events", json!({ event_uri: event }))
}

fn post(content_type: &'static str, body: String) -> Request<String> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::Algorithm;

    fn issuer() -> TestIssuer {
        TestIssuer::builder().algorithms([Algorithm::ES256]).start()
    }

    fn names(token: &TokenBuilder) -> Vec<&str> {
        let mut names: Vec<_> = token.claims().keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// R1: the profile of the Shared Signals Framework has no `exp` and no `sub`.
    #[test]
    fn a_security_event_has_the_claims_of_a_set_and_no_others() {
        let issuer = issuer();
        let event = json!({ "event_timestamp": 1 });
        let set = issuer.security_event("https://api.example.test", "https://example.com/event", &event);
        assert_eq!(names(&set), ["aud", "events", "iat", "iss", "jti"]);
        assert_eq!(set.claims()["events"], json!({ "https://example.com/event": event }));
        let another = issuer.security_event("https://api.example.test", "https://example.com/event", &event);
        assert_ne!(set.claims()["jti"], another.claims()["jti"]);
    }

    /// R8.
    #[test]
    fn a_logout_token_has_its_claims_and_no_others() {
        let token = issuer().logout_token("my-client");
        assert_eq!(names(&token), ["aud", "events", "exp", "iat", "iss", "jti"]);
        assert_eq!(token.claims()["exp"].as_i64().unwrap() - token.claims()["iat"].as_i64().unwrap(), 120);
        assert_eq!(names(&token.subject("user-1").claim("sid", "session-1")).len(), 8);
    }
}

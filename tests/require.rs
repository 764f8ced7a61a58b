//! Requirements: each rule, their combinations, and the challenges for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use serde_json::json;
use tower_bearer::layer::ProtectLayer;
use tower_bearer::rejection::RejectionKind;
use tower_bearer::require::{Actors, Lack, Shortfall};
use tower_bearer::testing::TokenBuilder;
use tower_bearer::{AccessToken, Rejection, Require, ResourceServer, Scope};

use crate::harness::challenge::Challenge;
use crate::harness::{good, present, send, server, small_issuer};

async fn check(api: &ResourceServer, requirement: &Require, token: &TokenBuilder) -> Result<(), Shortfall> {
    requirement.check(&api.verify(&token.sign()).await.unwrap(), SystemTime::now())
}

#[tokio::test]
async fn all_of_and_any_of_combine_requirements() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let either = ["admin", "read:me write:me"];
    let cases = [
        (Require::scope("read:me"), "read:me", None),
        (Require::scope("read:me"), "write:me read:me", None),
        (Require::scope("read:me"), "write:me", Some("read:me")),
        (Require::scope("read:me"), "", Some("read:me")),
        (Require::scope("read:me write:me"), "write:me a read:me", None),
        (Require::scope("read:me write:me"), "read:me", Some("read:me write:me")),
        (Require::scope("a b").and(Require::scope("c b")), "a c", Some("a b c")),
        (Require::scope("a b").and(Require::scope("c b")), "a b c", None),
        (Require::all_scopes(["a b", "c", "b"]), "a c", Some("a b c")),
        (Require::all_scopes(["a", "b"]), "b a", None),
        (Require::any_scope(either), "admin", None),
        (Require::any_scope(either), "write:me read:me", None),
        (Require::any_scope(either), "read:me", Some("admin")),
        (Require::from("a b".parse::<Scope>().unwrap()), "b a", None),
    ];
    for (requirement, granted, needed) in cases {
        let token = good(&issuer).scope(granted);
        let shortfall = check(&api, &requirement, &token).await.err();
        let told = shortfall.map(|shortfall| shortfall.scope().unwrap().to_string());
        assert_eq!(told.as_deref(), needed, "{requirement:?}");

        let app = Router::new().route("/me", get(async || ())).layer(requirement).layer(api.layer());
        let answer = present(&app, &token.sign()).await;
        match needed {
            None => answer.assert_ok(),
            Some(scope) => answer.assert_insufficient_scope(scope),
        }
    }
}

#[tokio::test]
async fn each_rule_holds_and_fails_by_itself() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let base = || good(&issuer);
    let administrator = base().claim("realm_access", json!({"roles": ["admin"]}));
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let made = |ago: f64| base().claim("iat", (epoch_seconds() - ago).floor());
    let rules: [(Require, Vec<TokenBuilder>, Vec<TokenBuilder>); 9] = [
        (Require::token(), vec![base()], vec![]),
        (
            Require::token().and_claim_contains("/realm_access/roles", "admin"),
            vec![administrator],
            vec![
                base(),
                base().claim("roles", ["admin"]),
                base().claim("realm_access", json!({"roles": ["Admin", "administrator"]})),
                // A role of another client's is none here.
                base().claim("resource_access", json!({"other": {"roles": ["admin"]}})),
            ],
        ),
        (
            Require::token().and_claim_equals("/tier", 2),
            vec![base().claim("tier", 2)],
            vec![base(), base().claim("tier", 3), base().claim("tier", "2"), base().claim("tier", [2])],
        ),
        (
            Require::token().and_claim_has_member("/roles", "admin"),
            vec![base().claim("roles", json!({"admin": {}}))],
            vec![base(), base().claim("roles", ["admin"]), base().claim("roles", json!({"admin": false}))],
        ),
        (
            Require::token().and_claim_word("/role", ',', "admin"),
            vec![
                base().claim("role", "admin"),
                base().claim("role", "user, admin"),
                base().claim("role", ["user", "admin"]),
            ],
            vec![base(), base().claim("role", "superadmin,user"), base().claim("role", ["user,admin"])],
        ),
        (
            Require::token().and_clients(["client-1", "client-2"]),
            vec![base(), base().client_id("client-2"), base().without_claim("client_id").claim("azp", "client-2")],
            vec![base().client_id("client-3"), base().without_claim("client_id")],
        ),
        (Require::token().and_issuers([issuer.url()]), vec![base()], vec![]),
        (Require::token().and_issuers(["https://other.example.test"]), vec![], vec![base()]),
        (
            Require::token().and_max_token_age(minutes(2)),
            vec![base(), made(119.0), made(145.0)],
            vec![made(152.0), base().without_claim("iat")],
        ),
    ];
    for (requirement, pass, fail) in rules {
        for token in pass {
            assert_eq!(check(&api, &requirement, &token).await, Ok(()), "{requirement:?} {token:?}");
        }
        for token in fail {
            assert!(check(&api, &requirement, &token).await.is_err(), "{requirement:?} {token:?}");
        }
    }
}

fn epoch_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

#[tokio::test]
async fn a_token_over_max_token_age_must_be_refreshed() {
    let issuer = small_issuer();
    let requirement = Require::scope("absent").and_max_token_age(Duration::from_secs(60));
    let app = Router::new().route("/me", get(async || ())).layer(requirement).layer(server(&issuer).layer());
    let old = good(&issuer).claim("iat", epoch_seconds() - 100.0);
    present(&app, &old.sign()).await.assert_invalid_token();
    present(&app, &good(&issuer).sign()).await.assert_insufficient_scope("absent");
}

#[tokio::test]
async fn a_method_after_or_applies_to_both_alternatives() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let requirement = Require::scope("a").or(Require::scope("b")).and_acr("mfa");
    let with = |scope: &str, acr: &str| good(&issuer).scope(scope).claim("acr", acr);
    assert!(check(&api, &requirement, &with("a", "mfa")).await.is_ok());
    assert!(check(&api, &requirement, &with("b", "mfa")).await.is_ok());
    assert!(check(&api, &requirement, &with("a", "pwd")).await.is_err());
    assert!(check(&api, &requirement, &with("c", "mfa")).await.is_err());
}

/// What is missing, and the `acr_values` and the scope in the challenge.
type Told = (Lack, Option<&'static str>, Option<&'static str>);

/// In this order: refresh, authenticate again, ask for a scope. A client cannot ask for a role.
#[tokio::test]
async fn the_challenge_names_the_alternative_a_client_can_act_on() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let role = || Require::token().and_claim_contains("/roles", "admin");
    let strong = || Require::scope("pay").and_acr("mfa");
    let fresh = || Require::scope("pay").and_max_token_age(Duration::from_secs(60));
    let old = good(&issuer).scope("pay").claim("iat", epoch_seconds() - 100.0);
    let pay = good(&issuer).scope("pay");
    let nothing = good(&issuer).scope("other");
    let cases: [(Require, &TokenBuilder, Told); 8] = [
        (role().or(strong()), &pay, (Lack::Authentication, Some("mfa"), Some("pay"))),
        (strong().or(role()), &pay, (Lack::Authentication, Some("mfa"), Some("pay"))),
        (role().or(Require::scope("pay")), &nothing, (Lack::Privileges, None, Some("pay"))),
        (Require::scope("x").or(strong()), &pay, (Lack::Authentication, Some("mfa"), Some("pay"))),
        // A scope alone is less to ask for than a scope and another authentication.
        (strong().or(Require::scope("x")), &nothing, (Lack::Privileges, None, Some("x"))),
        (strong().or(fresh()), &old, (Lack::Freshness, None, None)),
        // A rule for all says what all need, with the alternative that holds.
        (role().or(Require::scope("pay")).and_acr("mfa"), &pay, (Lack::Authentication, Some("mfa"), Some("pay"))),
        (Require::scope("x").or(Require::scope("y")), &nothing, (Lack::Privileges, None, Some("x"))),
    ];
    for (requirement, token, expected) in cases {
        let shortfall = check(&api, &requirement, token).await.unwrap_err();
        let acr = shortfall.acr_values().map(ToString::to_string);
        let scope = shortfall.scope().map(ToString::to_string);
        assert_eq!((shortfall.lack(), acr.as_deref(), scope.as_deref()), expected, "{requirement:?}");
    }
}

/// Row M5.
/// For the operator, what the client is not told.
#[tokio::test]
async fn a_shortfall_lists_what_is_missing() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let token =
        good(&issuer).scope("orders:read").claim("roles", json!(["viewer"])).expires_in(Duration::from_secs(60));
    let denied = |_: &AccessToken, _| Err(Shortfall::denied("not today"));
    let nested = |token: &AccessToken, now| Require::role("nested").check(token, now);
    for (requirement, missing) in [
        (Require::scope("orders:read").and_role("clerk"), &[r#"role "clerk""#][..]),
        (Require::scope("orders:write orders:read").and_role("viewer"), &[r#"scope "orders:write orders:read""#]),
        (
            Require::scope("x").and_scope("y").and_claim_contains("/a/b", "c").and_acr("mfa"),
            &[r#"scope "x""#, r#"scope "y""#, r#"claim "/a/b" contains "c""#, r#"acr "mfa""#],
        ),
        // The client can do something about the scope.
        (Require::role("a").or(Require::scope("b")), &[r#"scope "b""#]),
        (Require::token().and_custom(denied), &["custom"]),
        (Require::token().and_custom(nested).and_role("viewer"), &[r#"role "nested""#]),
    ] {
        let shortfall = check(&api, &requirement, &token).await.unwrap_err();
        assert!(shortfall.missing().eq(missing.iter().copied()), "{shortfall}");
        assert!(shortfall.to_string().ends_with(&format!("; missing: {}", missing.join(", "))), "{shortfall}");
    }
    let valid = api.verify(&token.sign()).await.unwrap();
    let expired = Require::role("a").check(&valid, SystemTime::now() + Duration::from_secs(120)).unwrap_err();
    assert_eq!((expired.missing().count(), expired.to_string().contains("missing")), (0, false));
}

#[tokio::test]
async fn a_custom_rule_chooses_the_description() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let no_machines = Require::scope("read:me").and_custom(|token, _| {
        if token.client_id() == Some(token.subject()) {
            return Err(Shortfall::denied("This needs a user"));
        }
        Ok(())
    });
    let app = Router::new().route("/me", get(async || ()).layer(no_machines)).layer(api.layer());
    present(&app, &good(&issuer).sign()).await.assert_ok();
    let machine = good(&issuer).subject("client-1");
    let refused = present(&app, &machine.sign()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let own =
        r#"Bearer realm="https://api.example.test", error="insufficient_scope", error_description="This needs a user""#;
    assert_eq!(refused.challenge(), Some(own));
    let refused = present(&app, &machine.scope("x").sign()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    // A scope that is lacking is one to ask for, whatever else is lacking.
    assert!(refused.challenge().unwrap().contains(r#"scope="read:me""#), "{refused:?}");

    let for_large = Require::token().and_acr("mfa");
    let delegating = Require::token().and_custom(move |token, now| for_large.check(token, now));
    let shortfall = check(&api, &delegating, &good(&issuer)).await.unwrap_err();
    assert_eq!(shortfall.acr_values().unwrap().as_str(), "mfa");

    let asked = AtomicUsize::new(0);
    let fickle = Require::token().and_custom(move |_, _| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Err(Shortfall::denied("no")),
        _ => Ok(()),
    });
    assert!(check(&api, &fickle, &good(&issuer)).await.is_err(), "what was refused stays refused");
}

#[tokio::test]
async fn nested_requirements_must_all_hold() {
    let issuer = small_issuer();
    let app = Router::new()
        .route("/me", get(async || ()).layer(Require::scope("inner")))
        .layer(Require::scope("outer"))
        .layer(server(&issuer).layer().require(Require::scope("first")).require(Require::scope("second")));
    present(&app, &good(&issuer).scope("first").sign()).await.assert_insufficient_scope("first second");
    present(&app, &good(&issuer).scope("first second").sign()).await.assert_insufficient_scope("first second outer");
    // What the layer in between needs is not in it: the token has passed that, and only the protecting layer leaves a trace.
    let without_inner = good(&issuer).scope("first second outer").sign();
    present(&app, &without_inner).await.assert_insufficient_scope("first second inner");
    let without_outer = good(&issuer).scope("first second inner").sign();
    present(&app, &without_outer).await.assert_insufficient_scope("first second outer");
    present(&app, &good(&issuer).scope("outer inner first second").sign()).await.assert_ok();
    send(&app, "/me", []).await.assert_bare_with_scope("first second");
}

/// A client that asks for exactly what the challenge names is not refused again.
///
/// Rows H2, P9.
#[tokio::test]
async fn the_refusal_of_an_inner_requirement_names_what_the_layer_needs_too() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let app = |outer: Option<Require>, inner: Require| {
        let layer = outer.into_iter().fold(api.layer(), ProtectLayer::require);
        Router::new().route("/me", get(async || ()).layer(inner)).layer(layer)
    };
    let read = || Some(Require::scope("files:read"));
    let write = || Require::scope("files:write");
    let minute = Duration::from_secs(60);
    let recent = good(&issuer).claim("acr", "mfa").claim("auth_time", epoch_seconds().floor());
    let cases = [
        (read(), write(), "files:read", Some("files:read files:write")),
        (None, write(), "files:read", Some("files:write")),
        (Some(Require::token()), write(), "files:read", Some("files:write")),
        // What both need is in it once, and first what the layer needs.
        (read(), Require::scope("files:write files:read x"), "files:read", Some("files:read files:write x")),
        // Of several alternatives of the layer it is the one that the token satisfies.
        (Some(Require::any_scope(["admin", "files:read"])), write(), "files:read", Some("files:read files:write")),
        (read(), write().or(Require::scope("x")), "files:read", Some("files:read files:write")),
        (Some(Require::scope("a").and_acr("mfa")), write(), "a", Some("a files:write")),
        // A role cannot be asked for, whatever the layer needs.
        (read(), Require::token().and_claim_contains("/roles", "admin"), "files:read", None),
    ];
    for (outer, inner, granted, told) in cases {
        let app = app(outer, inner);
        let answer = present(&app, &recent.clone().scope(granted).sign()).await;
        assert_eq!((answer.status, Challenge::of(&answer).get("scope")), (StatusCode::FORBIDDEN, told), "{granted}");
        if let Some(told) = told {
            present(&app, &recent.clone().scope(told).sign()).await.assert_ok();
        }
    }
    let strong = app(Some(Require::scope("a").and_acr("mfa hwk").and_max_age(minute)), write().and_acr("hwk otp"));
    let answer = present(&strong, &recent.clone().scope("a").sign()).await;
    let challenge = Challenge::of(&answer);
    let told = ["acr_values", "max_age", "scope"].map(|name| challenge.get(name).unwrap());
    assert_eq!((answer.status, told), (StatusCode::UNAUTHORIZED, ["hwk", "60", "a files:write"]));
    // Freshness comes first, and needs nothing else.
    let old = good(&issuer).scope("files:read").claim("iat", epoch_seconds() - 100.0).sign();
    present(&app(read(), write().and_max_token_age(minute)), &old).await.assert_invalid_token();
}

/// A requirement is asked once by a request that passes, and its rules once more by one that is refused further in.
#[tokio::test]
async fn a_request_that_passes_is_asked_about_the_layers_requirement_once() {
    let issuer = small_issuer();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let outer = Require::token().and_custom(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    let layer = server(&issuer).layer().require(outer);
    let app = Router::new().route("/me", get(async || ()).layer(Require::scope("read:me"))).layer(layer);
    present(&app, &good(&issuer).sign()).await.assert_ok();
    assert_eq!(asked.swap(0, Ordering::Relaxed), 1);
    present(&app, &good(&issuer).scope("x").sign()).await.assert_insufficient_scope("read:me");
    assert!(asked.load(Ordering::Relaxed) > 1);
}

/// The handler knows no request, so it names what it needs itself.
#[tokio::test]
async fn a_late_check_names_its_own_requirement_alone() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let late = async |State(api): State<ResourceServer>, token: AccessToken| api.check(&token, &Require::scope("b"));
    let app = Router::new().route("/me", get(late)).with_state(api.clone());
    let app = app.layer(api.layer().require(Require::scope("a")));
    present(&app, &good(&issuer).scope("a").sign()).await.assert_insufficient_scope("b");
}

#[tokio::test]
async fn a_requirement_of_the_layer_overrides_optional_credentials() {
    let issuer = small_issuer();
    let layer = server(&issuer).layer().optional().require(Require::scope("read:me"));
    let app = Router::new().route("/me", get(async || ())).layer(layer);
    send(&app, "/me", []).await.assert_bare_with_scope("read:me");
    present(&app, &good(&issuer).sign()).await.assert_ok();
}

#[tokio::test]
async fn a_handler_can_check_late_and_return_the_refusal() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let late = async |State(api): State<ResourceServer>, token: AccessToken| -> Result<&'static str, Rejection> {
        api.check(&token, &Require::scope("late").and_acr("mfa"))?;
        Ok("done")
    };
    let app = Router::new().route("/me", get(late)).with_state(api.clone()).layer(api.layer());
    present(&app, &good(&issuer).scope("late").claim("acr", "mfa").sign()).await.assert_ok();
    present(&app, &good(&issuer).claim("acr", "mfa").sign()).await.assert_insufficient_scope("late");
    let refused = present(&app, &good(&issuer).sign()).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.challenge().unwrap().ends_with(r#"acr_values="mfa", scope="late""#));

    let token = api.verify(&good(&issuer).sign()).await.unwrap();
    let rejection = api.check(&token, &Require::scope("late").and_acr("mfa")).unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::InsufficientAuthentication);
    assert_eq!(rejection.error(), Some("insufficient_user_authentication"));
    assert_eq!(rejection.shortfall().unwrap().lack(), Lack::Authentication);
}

#[tokio::test]
async fn a_passing_check_allocates_nothing() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let now = SystemTime::now();
    let token = good(&issuer)
        .scope("a b c")
        .claim("acr", "mfa")
        .claim("auth_time", epoch_seconds().floor())
        .claim("nested", json!({"a": [[{"b": [1, 2, {"c": null}]}]], "f": 1.5}))
        .claim("realm_access", json!({"roles": ["user", "admin"]}))
        .claim("groups", "buyers, staff")
        .claim("act", json!({"sub": "agent", "act": {"sub": "gateway"}}))
        .claim("tier", 2);
    let token = api.verify(&token.sign()).await.unwrap();
    let requirement = Require::any_scope(["x", "c a"])
        .and_acr("hwk mfa")
        .and_max_age(Duration::from_secs(60))
        .and_max_token_age(Duration::from_secs(60))
        .and_claim_contains("/realm_access/roles", "admin")
        .and_claim_equals("/tier", 2)
        .and_claim_has_member("/nested", "a")
        .and_claim_word("/groups", ',', "staff")
        .and_actors(Actors::subjects(issuer.url(), ["agent"]))
        .and(Require::token().and_no_actor().or(Require::token()))
        .and_clients(["client-1"])
        .and_issuers([issuer.url()])
        .and_custom(|token, _| if token.subject().is_empty() { Err(Shortfall::denied("no")) } else { Ok(()) })
        .and(Require::scope("x").or(Require::scope("b")));
    let counted = allocation_counter::measure(|| {
        assert!(requirement.check(&token, now).is_ok());
        assert!(api.check(&token, &requirement).is_ok());
    });
    assert_eq!(counted.count_total, 0);
    let control = allocation_counter::measure(|| drop(Arc::new(1)));
    assert_eq!(control.count_total, 1, "the counter counts");
}

#[test]
#[should_panic(expected = "expected scope tokens separated by one space (RFC 6749 §3.3), found \"a  b\"")]
fn an_invalid_scope_literal_panics() {
    let _ = Require::scope("a  b");
}

#[test]
#[should_panic(expected = "expected at least one scope, found an empty list")]
fn an_empty_choice_panics() {
    let _ = Require::any_scope([]);
}

#[test]
#[should_panic(expected = "expected at least one client, found an empty list")]
fn an_empty_list_of_clients_panics() {
    let _ = Require::token().and_clients([]);
}

#[test]
#[should_panic(
    expected = "expected a JSON pointer to a claim, such as \"/realm_access/roles\" (RFC 6901), found \"roles\""
)]
fn an_invalid_json_pointer_literal_panics() {
    let _ = Require::token().and_claim_contains("roles", "admin");
}

#[test]
#[should_panic(expected = "expected a word without ',' and without spaces around it, found \"admin,user\"")]
fn a_list_in_place_of_a_word_panics() {
    let _ = Require::token().and_claim_word("/role", ',', "admin,user");
}

#[test]
#[should_panic(expected = "expected acr values separated by one space (RFC 9470 §3), found \"a  b\"")]
fn an_invalid_acr_literal_panics() {
    let _ = Require::token().and_acr("a  b");
}

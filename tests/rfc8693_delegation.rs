//! Delegation (RFC 8693 §4.1): who acts on behalf of the subject, and the requirements about it.

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};
use tower_bearer::require::Actors;
use tower_bearer::testing::{TestIssuer, TokenBuilder};
use tower_bearer::token::Actor;
use tower_bearer::validation::{TokenError, VerifyError};
use tower_bearer::{AccessToken, Require, ResourceServer};

use crate::harness::{AUDIENCE, good, present, server, small_issuer, strict_server, with_raw_member};

const OTHER: &str = "https://agents.example.test";

fn delegated(issuer: &TestIssuer, act: &Value) -> TokenBuilder {
    good(issuer).claim("act", act)
}

async fn verify(api: &ResourceServer, token: &TokenBuilder) -> AccessToken {
    api.verify(&token.sign()).await.unwrap()
}

/// An `act` of so many actors, from `actor-0`, the current one.
fn chain(length: usize) -> Value {
    let innermost = json!({ "sub": format!("actor-{}", length - 1) });
    (0..length - 1).rev().fold(innermost, |act, place| json!({ "sub": format!("actor-{place}"), "act": act }))
}

/// The subject, the issuer and the client.
fn identity<'a>(actor: &Actor<'a>) -> (Option<&'a str>, &'a str, Option<&'a str>) {
    (actor.subject(), actor.issuer(), actor.client_id())
}

/// Row M4.
#[tokio::test]
async fn the_outermost_act_is_the_current_actor_and_nested_ones_are_history() {
    let issuer = small_issuer();
    let api = server(&issuer);
    assert!(verify(&api, &good(&issuer)).await.actor().is_none());

    let token = delegated(
        &issuer,
        &json!({
            "sub": "agent-\u{e9}\n", "client_id": "client-9", "exp": 1, "aud": "elsewhere",
            "act": { "iss": OTHER, "sub": "gateway", "act": { "client_id": "web" } },
        }),
    );
    let token = verify(&api, &token).await;
    let actor = token.actor().unwrap();
    assert_eq!(identity(&actor), (Some("agent-\u{e9}\n"), issuer.url(), Some("client-9")));
    let prior: Vec<_> = actor.prior().collect();
    let prior: Vec<_> = prior.iter().map(identity).collect();
    assert_eq!(prior, [(Some("gateway"), OTHER, None), (None, issuer.url(), Some("web"))]);
    assert_eq!(actor.prior().next().unwrap().prior().count(), 1);
    assert_eq!((token.subject(), token.client_id()), ("user-1", Some("client-1")), "it changes no other claim");
    let shown = format!("{actor:?}");
    assert!(shown.contains("client-9") && shown.contains("prior: 2") && !shown.contains("agent"), "{shown}");
}

/// What the cache keeps is what was validated.
#[tokio::test]
async fn a_cached_token_has_its_actors() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let signed = delegated(&issuer, &chain(3)).sign();
    for _ in 0..4 {
        let token = api.verify(&signed).await.unwrap();
        let actor = token.actor().unwrap();
        let prior: Vec<_> = actor.prior().filter_map(|actor| actor.subject().map(str::to_owned)).collect();
        assert_eq!((actor.subject(), prior.join(" ")), (Some("actor-0"), "actor-1 actor-2".to_owned()));
    }
    assert!(api.token_cache_status().unwrap().hits > 0);
}

/// A malformed `act` is not taken for none. Otherwise it would satisfy what forbids delegation.
#[tokio::test]
async fn a_malformed_act_is_an_invalid_token() {
    let issuer = small_issuer();
    let actor = json!({ "sub": "agent" });
    let malformed = [
        json!(null),
        json!("agent"),
        json!(7),
        json!(true),
        json!([]),
        json!(["agent"]),
        json!([actor]),
        json!({}),
        json!({ "iss": OTHER }),
        json!({ "Sub": "agent" }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": ["agent"] }),
        json!({ "sub": actor }),
        json!({ "sub": null, "client_id": "client-9" }),
        json!({ "sub": "agent", "client_id": "" }),
        json!({ "sub": "agent", "client_id": ["client-9"] }),
        json!({ "sub": "agent", "iss": null }),
        json!({ "sub": "agent", "iss": "" }),
        json!({ "sub": "agent", "iss": [OTHER] }),
        json!({ "sub": "agent", "act": null }),
        json!({ "sub": "agent", "act": "gateway" }),
        json!({ "sub": "agent", "act": {} }),
        json!({ "sub": "agent", "act": [actor] }),
        json!({ "sub": "agent", "act": { "sub": "gateway", "act": { "iss": OTHER } } }),
        json!({ "act": actor }),
        chain(9),
        chain(30),
    ];
    for api in [server(&issuer), strict_server(&issuer)] {
        let undelegated = Router::new().route("/me", get(async || ()).layer(Require::token().and_no_actor()));
        let undelegated = undelegated.layer(api.layer());
        for act in &malformed {
            let token = delegated(&issuer, act).sign();
            present(&undelegated, &token).await.assert_invalid_token();
            let error = api.verify(&token).await.unwrap_err();
            let is_about_act = matches!(error, VerifyError::Token(TokenError::MalformedClaim { claim: "act", .. }));
            assert!(is_about_act, "{act}: {error}");
        }
        for twice in [
            r#""act":{"sub":"agent"},"act":{"sub":"agent"}"#,
            r#""act":{"sub":"agent"},"\u0061ct":null"#,
            r#""act":{"sub":"agent","sub":"gateway"}"#,
            r#""act":{"sub":"agent","\u0073ub":"gateway"}"#,
            r#""act":{"sub":"agent","act":{"sub":"a","sub":"b"}}"#,
            r#""act":{"sub":"agent","x":{"y":1,"y":2}}"#,
        ] {
            let token = with_raw_member(&good(&issuer), twice).sign();
            present(&undelegated, &token).await.assert_invalid_token();
        }
        // The same claim, with its name and values in escapes, counts.
        let escaped = with_raw_member(&good(&issuer), r#""\u0061c\u0074":{"\u0073ub":"\u0061gent"}"#).sign();
        assert_eq!(present(&undelegated, &escaped).await.status, StatusCode::FORBIDDEN);
        assert_eq!(api.verify(&escaped).await.unwrap().actor().unwrap().subject(), Some("agent"));
        // Its name elsewhere, or another name, is not the claim.
        for name in ["Act", "act ", "actor", "may_act", "\u{430}ct"] {
            present(&undelegated, &good(&issuer).claim(name, &actor).sign()).await.assert_ok();
        }
        present(&undelegated, &good(&issuer).header("act", &actor).claim("x", json!({ "act": 1 })).sign())
            .await
            .assert_ok();
    }
}

#[tokio::test]
async fn an_error_about_act_says_what_is_wrong() {
    let issuer = small_issuer();
    let api = server(&issuer);
    for (act, found) in [
        (json!(7), "an actor with neither a sub nor a client_id"),
        (json!({ "sub": 7 }), "an actor whose sub, iss or client_id is not a non-empty string"),
        (chain(9), "more than 8 actors"),
    ] {
        let error = api.verify(&delegated(&issuer, &act).sign()).await.unwrap_err().to_string();
        let expected =
            "expected at most 8 actors within one another, each with a sub or a client_id, as non-empty strings";
        assert_eq!(error, format!(r#"the token is refused: the claim "act" is malformed: {expected}, found {found}"#));
    }
    let token = verify(&api, &delegated(&issuer, &chain(8))).await;
    assert_eq!(token.actor().unwrap().prior().count(), 7);
}

#[tokio::test]
async fn each_requirement_about_actors_accepts_what_it_says() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let of = |subjects: &[&str]| Require::token().and_actors(Actors::subjects(issuer.url(), subjects.iter().copied()));
    let clients = Require::token().and_actors(Actors::clients(issuer.url(), ["client-9"]));
    let of_other = Require::token().and_actors(Actors::subjects(OTHER, ["agent"]).in_tokens_of(issuer.url()));
    let not_delegated = Require::token().and_no_actor();
    let either = Require::token().and_no_actor().or(of(&["agent"]));
    let requirements = [of(&["agent"]), of(&["gateway", "agent"]), clients, of_other, not_delegated, either];
    #[rustfmt::skip]
    let table = [
        (None,                                                       [false, false, false, false, true,  true]),
        (Some(json!({ "sub": "agent" })),                            [true,  true,  false, false, false, true]),
        (Some(json!({ "sub": "agent", "iss": issuer.url() })),       [true,  true,  false, false, false, true]),
        (Some(json!({ "sub": "agent", "iss": OTHER })),              [false, false, false, true,  false, false]),
        (Some(json!({ "sub": "agent", "client_id": "client-9" })),   [true,  true,  true,  false, false, true]),
        (Some(json!({ "client_id": "client-9" })),                   [false, false, true,  false, false, false]),
        (Some(json!({ "client_id": "agent" })),                      [false, false, false, false, false, false]),
        (Some(json!({ "sub": "client-9" })),                         [false, false, false, false, false, false]),
        (Some(json!({ "sub": "gateway" })),                          [false, true,  false, false, false, false]),
        (Some(json!({ "sub": "user-1" })),                           [false, false, false, false, false, false]),
        // Row M4: what only a prior actor is.
        (Some(json!({ "sub": "x", "act": { "sub": "agent" } })),     [false, false, false, false, false, false]),
        (Some(json!({ "sub": "x", "act": { "iss": OTHER, "sub": "agent" } })), [false, false, false, false, false, false]),
        (Some(json!({ "sub": "x", "act": { "client_id": "client-9" } })),      [false, false, false, false, false, false]),
        // An issuer that only a prior actor has is not the current one's.
        (Some(json!({ "sub": "agent", "act": { "iss": OTHER, "sub": "x" } })), [true, true, false, false, false, true]),
        (Some(json!({ "sub": "Agent" })),                            [false, false, false, false, false, false]),
        (Some(json!({ "sub": "agent " })),                           [false, false, false, false, false, false]),
        (Some(json!({ "sub": "\u{430}gent" })),                      [false, false, false, false, false, false]),
        (Some(json!({ "sub": "agent", "iss": format!("{OTHER}/") })), [false, false, false, false, false, false]),
    ];
    for (act, expected) in table {
        let token = act.as_ref().map_or(good(&issuer), |act| delegated(&issuer, act));
        let token = verify(&api, &token).await;
        let holds = requirements.each_ref().map(|requirement| api.check(&token, requirement).is_ok());
        assert_eq!(holds, expected, "{act:?}");
    }
}

/// Each issuer names only its own actors, whatever it writes, unless the application says otherwise.
#[tokio::test]
async fn actors_of_two_issuers_are_not_confused() {
    let (one, other) = (small_issuer(), small_issuer());
    let api = ResourceServer::builder(AUDIENCE).trust(one.issuer()).trust(other.issuer()).build().unwrap();
    let own = Require::token().and_actors(Actors::subjects(one.url(), ["agent"]));
    let foreign = Require::token().and_actors(Actors::subjects(one.url(), ["agent"]).in_tokens_of(other.url()));
    for (issuer, act, is_own, is_foreign) in [
        (&one, json!({ "sub": "agent" }), true, false),
        (&one, json!({ "sub": "agent", "iss": one.url() }), true, false),
        (&one, json!({ "sub": "agent", "iss": other.url() }), false, false),
        (&other, json!({ "sub": "agent" }), false, false),
        (&other, json!({ "sub": "agent", "iss": other.url() }), false, false),
        (&other, json!({ "sub": "agent", "iss": one.url() }), false, true),
    ] {
        let token = verify(&api, &delegated(issuer, &act)).await;
        let holds = [&own, &foreign].map(|requirement| api.check(&token, requirement).is_ok());
        assert_eq!(holds, [is_own, is_foreign], "{act} by {}", issuer.url());
    }
}

/// There is nothing to ask for: 403 without a scope.
#[tokio::test]
async fn a_refusal_of_an_actor_is_403_without_a_scope() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let agent = Require::scope("read:me").and_actors(Actors::subjects(issuer.url(), ["agent"]));
    for (requirement, token) in [
        (Require::scope("read:me").and_no_actor(), delegated(&issuer, &json!({ "sub": "agent" }))),
        (agent.clone(), delegated(&issuer, &json!({ "sub": "gateway" }))),
        (agent, good(&issuer)),
    ] {
        let app = Router::new().route("/me", get(async || ()).layer(requirement)).layer(api.layer());
        let answer = present(&app, &token.sign()).await;
        let challenge = r#"Bearer realm="https://api.example.test", error="insufficient_scope", error_description="The request needs more than the access token grants""#;
        assert_eq!((answer.status, answer.challenge()), (StatusCode::FORBIDDEN, Some(challenge)));
    }
}

/// An actor may be a person.
#[tokio::test]
async fn neither_an_explanation_nor_a_requirement_shows_an_actor() {
    let issuer = small_issuer();
    let api = server(&issuer);
    for act in [json!({ "sub": "ada@example.com" }), json!({ "sub": "ada@example.com", "act": 1 })] {
        let shown = format!("{0} {0:?}", api.explain(&delegated(&issuer, &act).sign()).await);
        assert!(shown.contains("act") && !shown.contains("ada"), "{shown}");
    }
    let actors = Actors::subjects("https://login.example.com", ["ada@example.com", "bob"]);
    let shown = format!("{:?}", Require::token().and_actors(actors));
    assert!(shown.contains("2 subjects of \"https://login.example.com\"") && !shown.contains("ada"), "{shown}");
}

#[test]
fn an_empty_list_of_actors_is_an_error() {
    let none: [&str; 0] = [];
    for made in [Actors::try_subjects(OTHER, none), Actors::try_clients(OTHER, none)] {
        assert_eq!(made.unwrap_err().to_string(), "expected at least one actor, found an empty list");
    }
}

//! Scopes: all of them, or any of several sets; the refusal names what would do.

use std::time::SystemTime;

use axum::Router;
use axum::routing::get;
use tower_bearer::{Require, Scope};

use crate::harness::{good, present, server, small_issuer};

#[tokio::test]
async fn all_of_and_any_of() {
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
        (Require::any_scope(either), "admin", None),
        (Require::any_scope(either), "write:me read:me", None),
        (Require::any_scope(either), "read:me", Some("admin")),
        (Require::from("a b".parse::<Scope>().unwrap()), "b a", None),
    ];
    for (requirement, granted, needed) in cases {
        let token = good(&issuer).scope(granted).sign();
        let verified = api.verify(&token).await.unwrap();
        let shortfall = requirement.check(&verified, SystemTime::now()).err();
        assert_eq!(
            shortfall.map(|shortfall| shortfall.scope().unwrap().to_string()).as_deref(),
            needed,
            "{requirement:?}"
        );

        let app = Router::new().route("/me", get(async || ())).layer(requirement).layer(api.layer());
        let answer = present(&app, &token).await;
        match needed {
            None => answer.assert_ok(),
            Some(scope) => answer.assert_insufficient_scope(scope),
        }
    }
}

#[tokio::test]
async fn nested_requirements_add_up() {
    let issuer = small_issuer();
    let app = Router::new()
        .route("/me", get(async || ()).layer(Require::scope("inner")))
        .layer(Require::scope("outer"))
        .layer(server(&issuer).layer());
    present(&app, &good(&issuer).scope("inner").sign()).await.assert_insufficient_scope("outer");
    present(&app, &good(&issuer).scope("outer").sign()).await.assert_insufficient_scope("inner");
    present(&app, &good(&issuer).scope("outer inner").sign()).await.assert_ok();
}

#[test]
#[should_panic(expected = "\"a  b\" is not a list of scope tokens")]
fn a_literal_that_is_no_scope_is_a_mistake_of_the_programmers() {
    let _ = Require::scope("a  b");
}

#[test]
#[should_panic(expected = "no scopes")]
fn a_choice_between_nothing_is_a_mistake_of_the_programmers() {
    let _ = Require::any_scope([]);
}

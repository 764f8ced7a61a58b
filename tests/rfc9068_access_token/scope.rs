//! The scope of a token.

use serde_json::json;

use super::both;
use crate::harness::{ISSUER, assert_refused, good, present, server};

/// Rows C9, H1.
#[tokio::test]
async fn scope_tokens_are_compared_whole() {
    let [generic, strict] = both(&ISSUER);
    let with = |scope: &str| good(&ISSUER).scope(scope).sign();
    let token = server(&ISSUER).verify(&with("a read:me  b")).await.unwrap();
    assert!(token.has_scope("read:me") && token.has_scope("b a"));
    for other in ["", " ", "read:me ", " read:me", "a  b", "read", "READ:ME", "a,b", "a\tb", "a c"] {
        assert!(!token.has_scope(other), "{other:?}");
    }
    for api in [&generic, &strict] {
        for scope in ["read:me", "write:me read:me", "read:me write:me", "a read:me b", "  read:me  ", "a  read:me"] {
            present(api, &with(scope)).await.assert_ok();
        }
        for scope in [
            "",
            " ",
            "read",
            "read:",
            "read:me2",
            "xread:me",
            "READ:ME",
            "Read:me",
            "read:m\u{435}",
            "read:me\u{a0}write:me",
            "read:me\twrite:me",
            "read:me\nwrite:me",
            "read:me,write:me",
            "read:me;",
            "\"read:me\"",
            "read:*",
            "*",
            "[\"read:me\"]",
        ] {
            present(api, &with(scope)).await.assert_insufficient_scope("read:me");
        }
    }
}

/// Row H3.
#[tokio::test]
async fn a_missing_scope_grants_nothing() {
    for api in both(&ISSUER) {
        let token = good(&ISSUER).without_claim("scope").sign();
        present(&api, &token).await.assert_insufficient_scope("read:me");
    }
}

/// Row H4.
#[tokio::test]
async fn only_the_first_of_scope_scp_and_scopes_counts() {
    let [generic, strict] = both(&ISSUER);
    let bare = good(&ISSUER).without_claim("scope");
    let granting = [
        bare.clone().claim("scope", ["read:me"]),
        bare.clone().claim("scope", ["write:me", "read:me"]),
        bare.clone().claim("scp", "read:me"),
        bare.clone().claim("scp", "write:me read:me"),
        bare.clone().claim("scp", ["write:me", "read:me"]),
        bare.clone().claim("scopes", "read:me"),
        bare.clone().claim("scopes", ["read:me"]),
        bare.clone().claim("scp", "read:me").claim("scopes", "x"),
    ];
    for token in &granting {
        present(&generic, &token.sign()).await.assert_ok();
    }
    for token in [
        bare.clone().claim("scope", "x").claim("scp", "read:me"),
        bare.clone().claim("scope", "x").claim("scopes", ["read:me"]),
        bare.clone().claim("scope", "").claim("scp", ["read:me"]),
        bare.clone().claim("scope", json!([])).claim("scp", ["read:me"]),
        bare.clone().claim("scp", json!([])).claim("scopes", ["read:me"]),
        bare.clone().claim("scp", "x").claim("scopes", "read:me"),
        bare.clone().claim("scope", ["x read:me"]),
        bare.clone().claim("scp", ["read:me write:me"]),
        bare.clone().claim("scp", ["read:me "]),
        bare.clone().claim("Scope", "read:me"),
        bare.clone().claim("roles", ["read:me"]),
        bare.clone().claim("permissions", ["read:me"]),
    ] {
        present(&generic, &token.sign()).await.assert_insufficient_scope("read:me");
    }
    // To the letter, an array is no scope, and what stands elsewhere is none at all.
    let (arrays, elsewhere) = granting.split_at(2);
    for token in arrays {
        present(&strict, &token.sign()).await.assert_invalid_token();
    }
    for token in elsewhere {
        present(&strict, &token.sign()).await.assert_insufficient_scope("read:me");
    }
}

/// Row H4.
#[tokio::test]
async fn a_scope_of_another_type_is_an_invalid_token() {
    let odd = [
        json!(null),
        json!(1),
        json!(true),
        json!({ "read:me": true }),
        json!(["read:me", 1]),
        json!(["read:me", null]),
        json!([["read:me"]]),
        json!([{ "read:me": 1 }]),
    ];
    let [generic, strict] = both(&ISSUER);
    for name in ["scope", "scp", "scopes"] {
        let tokens = odd.iter().map(|value| {
            let token = good(&ISSUER).without_claim("scope").claim(name, value).sign();
            (format!("{name}: {value}"), token)
        });
        assert_refused(&generic, tokens).await;
    }
    assert_refused(&strict, odd.iter().map(|value| (value, good(&ISSUER).claim("scope", value).sign()))).await;
}

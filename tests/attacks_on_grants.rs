//! Attacks on roles in one string, on actors and on authorization details.

use serde_json::{Value, json};
use tower_bearer::require::Actors;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AccessToken, Require, ResourceServer};

use crate::harness::{decoded, good, server, small_issuer, with_raw_member};

/// The token with this member written as it stands, if it is accepted.
async fn with_member(api: &ResourceServer, issuer: &TestIssuer, member: &str) -> Option<AccessToken> {
    api.verify(&with_raw_member(&good(issuer), member).sign()).await.ok()
}

/// A role is a whole word of the claim at the pointer, and of no other claim, whatever surrounds it and however it is written.
#[tokio::test]
async fn a_role_is_a_whole_word_at_its_own_place() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let commas = Require::token().and_claim_word("/role", ',', "admin");
    let spaces = Require::token().and_claim_word("/role", ' ', "admin");
    for (value, by_commas, by_spaces) in [
        (r#""admin""#, true, true),
        (r#""user,admin""#, true, false),
        (r#""user, admin ,x""#, true, true),
        (r#""user,admin ,x""#, true, false),
        (r#""user admin x""#, false, true),
        (r#"["user","admin"]"#, true, true),
        // Written with escapes, it is the same word or the same delimiter.
        (r#""user\u002c\u0061dmin""#, true, false),
        (r#""user\u0020admin""#, false, true),
        (r#"["\u0061dmin"]"#, true, true),
        // A part of a word, a word of another spelling, or one that only looks like it.
        (r#""superadmin""#, false, false),
        (r#""admin2,user""#, false, false),
        (r#""sub-admin,user""#, false, false),
        (r#""read-only admin,user""#, false, false),
        (r#""Admin""#, false, false),
        ("\"\u{430}dmin\"", false, false),
        ("\"ad\u{200b}min\"", false, false),
        ("\"admin\u{301}\"", false, false),
        ("\"\u{ff41}dmin\"", false, false),
        // What looks like a delimiter is none.
        ("\"user\u{ff0c}admin\"", false, false),
        ("\"user\u{3001}admin\"", false, false),
        ("\"user\u{a0}admin\"", false, false),
        ("\"user\u{2003}admin\"", false, false),
        (r#""user\tadmin""#, false, false),
        (r#""user\nadmin""#, false, false),
        (r#""user,\tadmin""#, false, false),
        (r#""user\u0000admin""#, false, false),
        (r#""user;admin""#, false, false),
        (r#""\"admin\"""#, false, false),
        (r#""user,\\u0061dmin""#, false, false),
        // An element is one word, and only elements of the array itself count.
        (r#"["user,admin"]"#, false, false),
        (r#"["user admin"]"#, false, false),
        (r#"[" admin"]"#, false, false),
        (r#"[["admin"]]"#, false, false),
        (r#"[{"admin":true}]"#, false, false),
        // Other types.
        (r#"{"admin":true}"#, false, false),
        (r#"{"0":"admin"}"#, false, false),
        ("true", false, false),
        ("null", false, false),
        ("0", false, false),
        ("[]", false, false),
        (r#""""#, false, false),
        (r#"",,, ,""#, false, false),
    ] {
        let token = with_member(&api, &issuer, &format!(r#""role":{value}"#)).await.unwrap();
        let holds = [&commas, &spaces].map(|requirement| api.check(&token, requirement).is_ok());
        assert_eq!(holds, [by_commas, by_spaces], "{value}");
    }
    for elsewhere in [
        r#""roles":"admin""#,
        r#""x":{"role":"admin"}"#,
        r#""Role":"admin""#,
        r#""r\u043ele":"admin""#,
        r#""/role":"admin""#,
    ] {
        let token = with_member(&api, &issuer, elsewhere).await.unwrap();
        assert!(api.check(&token, &commas).is_err() && api.check(&token, &spaces).is_err(), "{elsewhere}");
    }
    for twice in [r#""role":"user","role":"admin""#, r#""role":"user","r\u006fle":"admin""#] {
        assert!(with_member(&api, &issuer, twice).await.is_none(), "{twice}");
    }
    // A word that is a number or a truth value is a text.
    for (value, word) in [("1", "1"), ("true", "true"), ("[1]", "1"), ("null", "null"), ("[null]", "null")] {
        let token = with_member(&api, &issuer, &format!(r#""role":{value}"#)).await.unwrap();
        assert!(api.check(&token, &Require::token().and_claim_word("/role", ',', word)).is_err(), "{value}");
    }
}

/// The claims count at the top of the payload only, as the issuer wrote them, and only if they are read to their end.
#[tokio::test]
async fn delegation_and_details_are_read_as_strictly_as_other_claims() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for (member, passes) in [
        (r#""act":{"sub":"agent","x":{"y":[{"z":1}]}}"#.to_owned(), true),
        (r#""act":{"sub":"agent","x":{"y":[{"z":1,"z":1}]}}"#.into(), false),
        (r#""act":{"sub":"agent","x":"\ud800"}"#.into(), false),
        (r#""act":{"sub":"\ud800"}"#.into(), false),
        (r#""act":{"sub":"agent","$serde_json::private::RawValue":"{}"}"#.into(), false),
        (format!(r#""act":{{"sub":"agent","x":{}}}"#, deep(30)), true),
        (format!(r#""act":{{"sub":"agent","x":{}}}"#, deep(31)), false),
        (format!(r#""act":{{"sub":"agent","act":{}}}"#, deep(5_000)), false),
        (format!(r#""act":{}"#, r#"{"sub":"a","act":"#.repeat(400) + "1" + &"}".repeat(400)), false),
        (r#""authorization_details":[{"type":"a","x":{"y":[{"z":1}]}}]"#.into(), true),
        (r#""authorization_details":[{"type":"a","x":{"y":[{"z":1,"z":1}]}}]"#.into(), false),
        (r#""authorization_details":[{"type":"a","x":"\ud800"}]"#.into(), false),
        (r#""authorization_details":[{"type":"\ud800"}]"#.into(), false),
        (r#""authorization_details":[{"type":"a","$serde_json::private::RawValue":"{}"}]"#.into(), false),
        (r#""authorization_details":[{"type":"a","$serde_json::private::Number":"1"}]"#.into(), false),
        (format!(r#""authorization_details":[{{"type":"a","x":{}}}]"#, deep(29)), true),
        (format!(r#""authorization_details":[{{"type":"a","x":{}}}]"#, deep(30)), false),
        (format!(r#""authorization_details":{}"#, deep(5_000)), false),
    ] {
        let verdict = with_member(&api, &issuer, &member).await;
        assert_eq!(verdict.is_some(), passes, "{}", &member[..member.len().min(80)]);
    }
}

/// The claims of a requirement are those of the payload, wherever else their names stand.
#[tokio::test]
async fn a_claim_of_that_name_within_another_is_not_the_claim() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let agent = Require::token().and_actors(Actors::subjects(issuer.url(), ["agent"]));
    let payment = Require::token().and_authorization_detail("payment", "here", |_| true);
    let act = json!({ "sub": "agent" });
    let details = json!([{ "type": "payment" }]);
    let nowhere = [
        json!({ "x": { "act": act, "authorization_details": details } }),
        json!({ "x": [{ "act": act, "authorization_details": details }] }),
        json!({ "may_act": act, "authorization_detail": details, "authorizationDetails": details }),
        json!({ "act": { "sub": "x", "authorization_details": details, "x": { "act": act } } }),
        json!({ "authorization_details": [{ "type": "x", "act": act, "authorization_details": details }] }),
    ];
    let with = |more: &Value| {
        let members = more.as_object().unwrap();
        members.iter().fold(good(&issuer), |token, (name, value)| token.claim(name, value))
    };
    for more in &nowhere {
        let token = api.verify(&with(more).sign()).await.unwrap();
        assert!(api.check(&token, &agent).is_err() && api.check(&token, &payment).is_err(), "{more}");
    }
    let both = with(&json!({ "act": act, "authorization_details": details }));
    let token = api.verify(&both.sign()).await.unwrap();
    assert!(api.check(&token, &agent).is_ok() && api.check(&token, &payment).is_ok(), "{:?}", decoded(&both));
}

/// The claims are read before the signature is verified, so a stranger can send any number of elements.
#[tokio::test]
async fn elements_over_the_bound_are_not_stored() {
    let issuer = small_issuer();
    let api = crate::harness::builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap();
    let nested = r#"{"sub":"a","act":"#.repeat(28) + "{}" + &"}".repeat(28);
    let many = format!("[{}]", vec![r#"{"type":"a"}"#; 700].join(","));
    for (name, value) in [("act", nested), ("authorization_details", many)] {
        let token = with_raw_member(&good(&issuer), &format!(r#""{name}":{value}"#)).sign();
        let counted = allocation_counter::measure(|| assert!(api.try_verify(&token).is_err()));
        assert!(counted.count_total < 40, "{name}: {} allocations", counted.count_total);
    }
}

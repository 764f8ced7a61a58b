//! Attacks on roles in one string.

use tower_bearer::testing::TestIssuer;
use tower_bearer::{AccessToken, Require, ResourceServer};

use crate::harness::{good, server, small_issuer, with_raw_member};

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

//! Constructors of requirements with one rule.

use super::claim::{ClaimRule, ClaimValue, is_word};
use super::invalid_requirement::InvalidRequirement;
use super::names::Names;
use super::requirement::Require;
use super::role_rule::RoleRule;
use super::rule::Rule;
use crate::Scope;

impl Require {
    /// Requires all scope tokens of `scope`, which are separated by one space (RFC 6749 §3.3).
    ///
    /// # Panics
    ///
    /// If `scope` does not follow that grammar. [`try_scope`](Self::try_scope) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn scope(scope: &str) -> Self {
        Self::try_scope(scope).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`scope`](Self::scope), for text known only at run time. For a parsed [`Scope`], use `Require::from`.
    ///
    /// # Errors
    ///
    /// If `scope` does not follow the grammar of RFC 6749 §3.3.
    pub fn try_scope(scope: &str) -> Result<Self, InvalidRequirement> {
        Ok(scope.parse::<Scope>()?.into())
    }

    /// Requires all scope tokens of at least one of `scopes`. The refusal names the first, so begin with the scope that most
    /// clients should request.
    ///
    /// # Panics
    ///
    /// If `scopes` is empty, or one does not follow the grammar of RFC 6749 §3.3. [`try_any_scope`](Self::try_any_scope) returns
    /// an error instead.
    #[must_use]
    #[track_caller]
    pub fn any_scope<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Self {
        Self::try_any_scope(scopes).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`any_scope`](Self::any_scope), for text known only at run time.
    ///
    /// # Errors
    ///
    /// If `scopes` is empty, or one does not follow the grammar of RFC 6749 §3.3.
    pub fn try_any_scope<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidRequirement> {
        let alternatives: Vec<Self> = scopes.into_iter().map(Self::try_scope).collect::<Result<_, _>>()?;
        alternatives.into_iter().reduce(Self::or).ok_or(InvalidRequirement::Empty { expected: "scope" })
    }

    /// Requires all scope tokens of all `scopes`, like [`scope`](Self::scope) with the scopes joined by spaces. The refusal
    /// names all of them.
    ///
    /// # Panics
    ///
    /// If `scopes` is empty, or one does not follow the grammar of RFC 6749 §3.3. [`try_all_scopes`](Self::try_all_scopes) returns
    /// an error instead.
    #[must_use]
    #[track_caller]
    pub fn all_scopes<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Self {
        Self::try_all_scopes(scopes).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`all_scopes`](Self::all_scopes), for text known only at run time.
    ///
    /// # Errors
    ///
    /// If `scopes` is empty, or one does not follow the grammar of RFC 6749 §3.3.
    pub fn try_all_scopes<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidRequirement> {
        let scopes: Vec<Scope> = scopes.into_iter().map(str::parse).collect::<Result<_, _>>()?;
        let all = scopes.into_iter().reduce(|all, scope| all.and(&scope));
        all.map(Self::from).ok_or(InvalidRequirement::Empty { expected: "scope" })
    }

    /// Requires this [role](crate::AccessToken::roles), in the claim in which the token's issuer writes roles.
    ///
    /// ```
    /// use tower_bearer::Require;
    ///
    /// let administration = Require::role("admin");
    /// let report = Require::scope("reports").and(Require::role("auditor").or(Require::role("admin")));
    /// ```
    ///
    /// Roles are compared as a whole, and are case-sensitive. A role has the meaning that its issuer gives it: with several
    /// issuers, add [`and_issuers`](Self::and_issuers). No token has the empty role. For a role in another claim, such as that
    /// of a Keycloak client, or for a group or a permission, use [`and_claim_contains`](Self::and_claim_contains).
    ///
    /// A client cannot request a role, so the refusal is 403 `insufficient_scope` without a scope.
    #[must_use]
    pub fn role(role: &str) -> Self {
        Rule::Role(RoleRule::new(role)).into()
    }

    /// The rule of [`and_claim_contains`](Self::and_claim_contains), for a pointer known only at run time.
    ///
    /// # Errors
    ///
    /// If `pointer` is not a JSON pointer to a claim (RFC 6901).
    pub fn try_claim_contains(pointer: &str, value: impl Into<ClaimValue>) -> Result<Self, InvalidRequirement> {
        Ok(Rule::Claim(ClaimRule::contains(pointer, value.into())?).into())
    }

    /// The rule of [`and_claim_equals`](Self::and_claim_equals), for a pointer known only at run time.
    ///
    /// # Errors
    ///
    /// If `pointer` is not a JSON pointer to a claim (RFC 6901).
    pub fn try_claim_equals(pointer: &str, value: impl Into<ClaimValue>) -> Result<Self, InvalidRequirement> {
        Ok(Rule::Claim(ClaimRule::equals(pointer, value.into())?).into())
    }

    /// The rule of [`and_claim_has_member`](Self::and_claim_has_member), for a pointer known only at run time.
    ///
    /// # Errors
    ///
    /// If `pointer` is not a JSON pointer to a claim (RFC 6901).
    pub fn try_claim_has_member(pointer: &str, name: &str) -> Result<Self, InvalidRequirement> {
        Ok(Rule::Claim(ClaimRule::has_member(pointer, name)?).into())
    }

    /// The rule of [`and_claim_word`](Self::and_claim_word), for a pointer or a word known only at run time.
    ///
    /// # Errors
    ///
    /// If `pointer` is not a JSON pointer to a claim (RFC 6901), or if `word` is empty, contains `delimiter`, or starts or ends
    /// with a space.
    pub fn try_claim_word(pointer: &str, delimiter: char, word: &str) -> Result<Self, InvalidRequirement> {
        if !is_word(word, delimiter) {
            return Err(InvalidRequirement::Word { word: word.into(), delimiter });
        }
        Ok(Rule::Claim(ClaimRule::has_word(pointer, delimiter, word)?).into())
    }

    /// The rule of [`and_clients`](Self::and_clients), for a list known only at run time.
    ///
    /// # Errors
    ///
    /// If `clients` is empty.
    pub fn try_clients<'a>(clients: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidRequirement> {
        Ok(Rule::Clients(Names::at_least_one("client", clients)?).into())
    }

    /// The rule of [`and_issuers`](Self::and_issuers), for a list known only at run time.
    ///
    /// # Errors
    ///
    /// If `issuers` is empty.
    pub fn try_issuers<'a>(issuers: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidRequirement> {
        Ok(Rule::Issuers(Names::at_least_one("issuer", issuers)?).into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::AccessToken;
    use crate::require::Lack;
    use crate::token::RolesClaim;

    #[test]
    fn invalid_values_are_errors() {
        let scope = r#"expected scope tokens separated by one space (RFC 6749 §3.3), found "a  b""#;
        let pointer = r#"expected a JSON pointer to a claim, such as "/realm_access/roles" (RFC 6901), found "roles""#;
        for (made, expected) in [
            (Require::try_scope("a  b"), scope),
            (Require::try_any_scope(["a", "a  b"]), scope),
            (Require::try_all_scopes(["a", "a  b"]), scope),
            (
                Require::try_all_scopes([""]),
                r#"expected scope tokens separated by one space (RFC 6749 §3.3), found """#,
            ),
            (Require::try_all_scopes([]), "expected at least one scope, found an empty list"),
            (Require::try_any_scope([]), "expected at least one scope, found an empty list"),
            (Require::try_claim_contains("roles", "x"), pointer),
            (Require::try_claim_equals("roles", 1), pointer),
            (Require::try_claim_has_member("roles", "x"), pointer),
            (
                Require::try_claim_word("/a", ',', "admin,user"),
                r#"expected a word without ',' and without spaces around it, found "admin,user""#,
            ),
            (Require::try_claim_word("roles", ',', "x"), pointer),
            (Require::try_clients([]), "expected at least one client, found an empty list"),
            (Require::try_issuers([]), "expected at least one issuer, found an empty list"),
        ] {
            assert_eq!(made.unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_constructor_and_its_method_make_the_rule_of_that_name() {
        let token = Require::token;
        for (made, added, rule) in [
            (
                Require::try_claim_contains("/a/b~1~0", "x"),
                token().and_claim_contains("/a/b~1~0", "x"),
                r#"claim "/a/b~1~0" contains "x""#,
            ),
            (Require::try_claim_equals("/a", 1), token().and_claim_equals("/a", 1), r#"claim "/a" equals 1"#),
            (Require::try_claim_equals("/a", true), token().and_claim_equals("/a", true), r#"claim "/a" equals true"#),
            (
                Require::try_claim_has_member("/a", "x"),
                token().and_claim_has_member("/a", "x"),
                r#"claim "/a" has member "x""#,
            ),
            (
                Require::try_claim_word("/a", ',', "x"),
                token().and_claim_word("/a", ',', "x"),
                r#"claim "/a" has word "x" between ','"#,
            ),
            (Ok(Require::role("x")), token().and_role("x"), r#"role "x""#),
            (Require::try_scope("a"), token().and_scope("a"), r#"scope "a""#),
            (Require::try_clients(["a", "b"]), token().and_clients(["a", "b"]), r#"clients ["a", "b"]"#),
            (Require::try_issuers(["a"]), token().and_issuers(["a"]), r#"issuers ["a"]"#),
            (Require::try_all_scopes(["a", "b a"]), token().and(Require::all_scopes(["a b"])), r#"scope "a b""#),
            (Require::try_scope("a b"), token().and(Require::scope("a b")), r#"scope "a b""#),
            (
                Require::try_any_scope(["a", "b"]),
                token().and(Require::any_scope(["a", "b"])),
                r#"any [scope "a", scope "b"]"#,
            ),
        ] {
            assert_eq!(format!("{:?}", made.unwrap()), rule);
            assert_eq!(format!("{added:?}"), format!("all [{rule}]"));
        }
    }

    /// What counts as a role is the same, however it is asked.
    #[test]
    fn the_list_the_question_and_the_requirement_agree() {
        let forms = [
            r#"["a"]"#,
            r#"["a","b",""]"#,
            r#""a""#,
            r#""a,b""#,
            r#""a b""#,
            r#""""#,
            r#"["\u0061"]"#,
            r#"[{"value":"a"}]"#,
            r#"[{"value":"a","display":"b","primary":true},"c"]"#,
            r#"[{"display":"a"}]"#,
            r#"[{"value":{"value":"a"}}]"#,
            r#"[{"value":["a"]}]"#,
            r#"[["a"]]"#,
            r#"[{"a":"value"}]"#,
            r#"{"value":"a"}"#,
            r#"{"a":{"7":"x"},"b":null,"c":false}"#,
            r#"{"a":true,"b":0,"c":""}"#,
            r#"{"\u0061":1}"#,
            r#"{"":{}}"#,
            r#"{"roles":["a"]}"#,
            r#"[{"roles":["a"]}]"#,
            r#"{"roles":[{"value":"a"},"b"]}"#,
            "[]",
            "{}",
            "null",
            "true",
            "7",
            "[7,null,true]",
        ];
        let names = ["roles", "realm_access", "role", "urn:zitadel:iam:org:project:roles", "groups", "permissions"];
        let candidates = ["a", "b", "c", "", "A", "a,b", "a b", "value", "roles", "7", "x", "display", "true"];
        let now = SystemTime::UNIX_EPOCH;
        let mut found = [0; RolesClaim::ALL.len()];
        for (claim, found) in RolesClaim::ALL.into_iter().zip(&mut found) {
            for name in names {
                for form in forms {
                    let token =
                        AccessToken::of_payload(&format!(r#"{{"{name}":{form}}}"#), now + Duration::from_secs(60));
                    let token = token.with_roles_claim(claim);
                    let roles = token.roles();
                    for role in candidates {
                        let has = roles.iter().any(|own| own == role);
                        assert_eq!(token.has_role(role), has, "{claim:?} {name} {form} {role:?} {roles:?}");
                        let checked = Require::role(role).check(&token, now);
                        assert_eq!(checked.is_ok(), has, "{claim:?} {name} {form} {role:?}");
                        *found += u32::from(has);
                        if let Err(shortfall) = checked {
                            assert_eq!((shortfall.lack(), shortfall.scope()), (Lack::Privileges, None));
                        }
                    }
                    assert!(roles.is_empty() || claim.path()[0] == name, "{claim:?} {name} {form}");
                }
            }
        }
        // No more of the forms have a role, and no fewer.
        assert_eq!(found, [10, 3, 10, 8]);
    }
}

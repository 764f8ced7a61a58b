//! Requirements of one rule.

use super::claim::{ClaimRule, ClaimValue, is_word};
use super::invalid_requirement::InvalidRequirement;
use super::names::Names;
use super::requirement::Require;
use super::rule::Rule;
use crate::Scope;

impl Require {
    /// All scope tokens of `scope`, which has one space between two of them (RFC 6749 §3.3).
    ///
    /// # Panics
    ///
    /// If `scope` does not follow that grammar. [`try_scope`](Self::try_scope) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn scope(scope: &str) -> Self {
        Self::try_scope(scope).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`scope`](Self::scope), for text that is no literal. From a parsed [`Scope`], use `Require::from`.
    ///
    /// # Errors
    ///
    /// If `scope` does not follow the grammar of RFC 6749 §3.3.
    pub fn try_scope(scope: &str) -> Result<Self, InvalidRequirement> {
        Ok(scope.parse::<Scope>()?.into())
    }

    /// All scope tokens of at least one of `scopes`. The refusal asks for the first one, so put the scope first that most
    /// clients should ask for.
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

    /// As [`any_scope`](Self::any_scope), for text that is no literal.
    ///
    /// # Errors
    ///
    /// If `scopes` is empty, or one does not follow the grammar of RFC 6749 §3.3.
    pub fn try_any_scope<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidRequirement> {
        let alternatives: Vec<Self> = scopes.into_iter().map(Self::try_scope).collect::<Result<_, _>>()?;
        alternatives.into_iter().reduce(Self::or).ok_or(InvalidRequirement::Empty { expected: "scope" })
    }

    /// The rule of [`and_claim_contains`](Self::and_claim_contains), for a pointer that is no literal.
    ///
    /// # Errors
    ///
    /// If `pointer` is not a JSON pointer to a claim (RFC 6901).
    pub fn try_claim_contains(pointer: &str, value: impl Into<ClaimValue>) -> Result<Self, InvalidRequirement> {
        Ok(Rule::Claim(ClaimRule::contains(pointer, value.into())?).into())
    }

    /// The rule of [`and_claim_equals`](Self::and_claim_equals), for a pointer that is no literal.
    ///
    /// # Errors
    ///
    /// If `pointer` is not a JSON pointer to a claim (RFC 6901).
    pub fn try_claim_equals(pointer: &str, value: impl Into<ClaimValue>) -> Result<Self, InvalidRequirement> {
        Ok(Rule::Claim(ClaimRule::equals(pointer, value.into())?).into())
    }

    /// The rule of [`and_claim_has_member`](Self::and_claim_has_member), for a pointer that is no literal.
    ///
    /// # Errors
    ///
    /// If `pointer` is not a JSON pointer to a claim (RFC 6901).
    pub fn try_claim_has_member(pointer: &str, name: &str) -> Result<Self, InvalidRequirement> {
        Ok(Rule::Claim(ClaimRule::has_member(pointer, name)?).into())
    }

    /// The rule of [`and_claim_word`](Self::and_claim_word), for a pointer or a word that is no literal.
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

    /// The rule of [`and_clients`](Self::and_clients), for a list that is no literal.
    ///
    /// # Errors
    ///
    /// If `clients` is empty.
    pub fn try_clients<'a>(clients: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidRequirement> {
        Ok(Rule::Clients(Names::at_least_one("client", clients)?).into())
    }

    /// The rule of [`and_issuers`](Self::and_issuers), for a list that is no literal.
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
    use super::*;

    #[test]
    fn invalid_values_are_errors() {
        let scope = r#"expected scope tokens with one space between two (RFC 6749 §3.3), found "a  b""#;
        let pointer = r#"expected a JSON pointer to a claim, such as "/realm_access/roles" (RFC 6901), found "roles""#;
        for (made, expected) in [
            (Require::try_scope("a  b"), scope),
            (Require::try_any_scope(["a", "a  b"]), scope),
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
        let claim = |condition| format!("ClaimRule {{ path: [\"a\"], condition: {condition} }}");
        let contains = claim(r#"Contains(Text("x"))"#);
        let equals = claim("Equals(Number(1))");
        let has_member = claim(r#"HasMember("x")"#);
        let has_word = claim(r#"HasWord { delimiter: ',', word: Text("x") }"#);
        for (made, added, rule) in [
            (Require::try_claim_contains("/a", "x"), token().and_claim_contains("/a", "x"), &*contains),
            (Require::try_claim_equals("/a", 1), token().and_claim_equals("/a", 1), &*equals),
            (Require::try_claim_has_member("/a", "x"), token().and_claim_has_member("/a", "x"), &*has_member),
            (Require::try_claim_word("/a", ',', "x"), token().and_claim_word("/a", ',', "x"), &*has_word),
            (Require::try_clients(["a", "b"]), token().and_clients(["a", "b"]), r#"clients ["a", "b"]"#),
            (Require::try_issuers(["a"]), token().and_issuers(["a"]), r#"issuers ["a"]"#),
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
}

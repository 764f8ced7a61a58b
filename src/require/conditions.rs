//! The methods of [`Require`] that add one rule each.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::acr_values::{AcrValues, InvalidAcrValues};
use super::claim::{ClaimRule, ClaimValue};
use super::invalid_requirement::InvalidRequirement;
use super::requirement::Require;
use super::rule::Rule;
use super::shortfall::Shortfall;
use crate::AccessToken;

impl Require {
    /// Also requires `scope`, like [`scope`](Self::scope).
    ///
    /// # Panics
    ///
    /// If `scope` does not follow the grammar of RFC 6749 §3.3.
    #[must_use]
    #[track_caller]
    pub fn and_scope(self, scope: &str) -> Self {
        self.and(Self::scope(scope))
    }

    /// Also requires `role`, like [`role`](Self::role).
    ///
    /// ```
    /// use tower_bearer::Require;
    ///
    /// let clerk = Require::scope("orders:write").and_role("clerk");
    /// ```
    #[must_use]
    pub fn and_role(self, role: &str) -> Self {
        self.and(Self::role(role))
    }

    /// Also requires that the user was authenticated in one of these ways: the token's `acr` is one of `acr_values` (RFC 9470 §3).
    ///
    /// `acr_values` are separated by one space, with the preferred one first. Values are compared only for equality. A token with
    /// no `acr`, or a malformed one, does not satisfy the rule. For ordered levels, see [`Levels`](super::Levels).
    ///
    /// # Panics
    ///
    /// If `acr_values` is not such a list. For text known only at run time, parse [`AcrValues`] and use
    /// [`and_acr_values`](Self::and_acr_values).
    #[must_use]
    #[track_caller]
    pub fn and_acr(self, acr_values: &str) -> Self {
        let values: Result<AcrValues, InvalidAcrValues> = acr_values.parse();
        self.and_acr_values(values.unwrap_or_else(|error| panic!("{error}")))
    }

    /// Like [`and_acr`](Self::and_acr), for values known only at run time.
    #[must_use]
    pub fn and_acr_values(self, values: AcrValues) -> Self {
        self.and_rule(Rule::Acr(values))
    }

    /// Also requires that the user was authenticated at most `age` ago, according to the token's `auth_time` (RFC 9470 §3).
    ///
    /// The server's leeway is added to `age`. A token whose `auth_time` is absent, malformed or in the future does not satisfy the
    /// rule. The challenge states `age` in whole seconds, rounded down.
    #[must_use]
    pub fn and_max_age(self, age: Duration) -> Self {
        self.and_rule(Rule::MaxAge(age))
    }

    /// Also requires that Microsoft Entra ID's claim `acrs` contains the authentication context `id`, such as `c1`.
    ///
    /// Entra ID sends no `acr`, and is asked for stronger authentication with a `claims` parameter. The refusal is Entra ID's own
    /// 401 `insufficient_claims`, which its client libraries handle.
    #[must_use]
    pub fn and_auth_context(self, id: &str) -> Self {
        let claim = ClaimRule::contains("/acrs", id.into());
        let claim = claim.unwrap_or_else(|_| unreachable!("the literal is a pointer"));
        self.and_rule(Rule::AuthContext { id: id.into(), claim })
    }

    /// Also requires that the token was issued at most `age` ago, according to its `iat`.
    ///
    /// The server's leeway is added to `age`. A token without `iat` does not satisfy the rule.
    #[must_use]
    pub fn and_max_token_age(self, age: Duration) -> Self {
        self.and_rule(Rule::MaxTokenAge(age))
    }

    /// Also requires that the claim at `pointer` (RFC 6901) is an array that contains `value`, or is `value` itself: for example a
    /// role, a group or a permission.
    ///
    /// ```
    /// use tower_bearer::Require;
    ///
    /// let keycloak = Require::token().and_claim_contains("/resource_access/my-api/roles", "admin");
    /// let auth0 = Require::token().and_claim_contains("/permissions", "read:reports");
    /// let cognito = Require::token().and_claim_contains("/cognito:groups", "staff");
    /// let namespaced = Require::token().and_claim_contains("/https:~1~1example.com~1roles", "admin"); // ~1 is a slash
    /// ```
    ///
    /// # Panics
    ///
    /// If `pointer` is not a JSON pointer to a claim. [`try_claim_contains`](Self::try_claim_contains) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn and_claim_contains(self, pointer: &str, value: impl Into<ClaimValue>) -> Self {
        self.and_valid(Self::try_claim_contains(pointer, value))
    }

    /// Also requires that the claim at `pointer` (RFC 6901) is `value`, of the same type: `2` is not `"2"`.
    ///
    /// # Panics
    ///
    /// If `pointer` is not a JSON pointer to a claim. [`try_claim_equals`](Self::try_claim_equals) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn and_claim_equals(self, pointer: &str, value: impl Into<ClaimValue>) -> Self {
        self.and_valid(Self::try_claim_equals(pointer, value))
    }

    /// Also requires that the claim at `pointer` (RFC 6901) is an object with a member `name` that is neither `null` nor `false`.
    /// Zitadel writes roles this way.
    ///
    /// # Panics
    ///
    /// If `pointer` is not a JSON pointer to a claim. [`try_claim_has_member`](Self::try_claim_has_member) returns an error
    /// instead.
    #[must_use]
    #[track_caller]
    pub fn and_claim_has_member(self, pointer: &str, name: &str) -> Self {
        self.and_valid(Self::try_claim_has_member(pointer, name))
    }

    /// Also requires that the claim at `pointer` (RFC 6901) is a string that lists `word`, or an array that contains it: for
    /// example a role, if the issuer writes all roles into one string.
    ///
    /// `delimiter` separates the words, and spaces around a word are ignored. Words are compared as a whole: `superadmin` does
    /// not match `admin`. Nor does `read-only admin` in a comma-separated list. So the delimiter must be the issuer's: with a
    /// space instead, a role whose name has a space would be taken for two roles. An element of an array is one word, and is
    /// compared as it is.
    ///
    /// ```
    /// use tower_bearer::Require;
    ///
    /// let commas = Require::token().and_claim_word("/role", ',', "admin"); // "admin,user" or "user, admin"
    /// let spaces = Require::token().and_claim_word("/groups", ' ', "staff"); // "staff buyers"
    /// ```
    ///
    /// # Panics
    ///
    /// If `pointer` is not a JSON pointer to a claim, or if `word` is empty, contains `delimiter`, or starts or ends with a space.
    /// [`try_claim_word`](Self::try_claim_word) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn and_claim_word(self, pointer: &str, delimiter: char, word: &str) -> Self {
        self.and_valid(Self::try_claim_word(pointer, delimiter, word))
    }

    /// Also requires that the token was issued to one of these [clients](AccessToken::client_id).
    ///
    /// # Panics
    ///
    /// If `clients` is empty. [`try_clients`](Self::try_clients) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn and_clients<'a>(self, clients: impl IntoIterator<Item = &'a str>) -> Self {
        self.and_valid(Self::try_clients(clients))
    }

    /// Also requires that the token was issued by one of these [issuers](AccessToken::issuer), which the server must also trust.
    ///
    /// # Panics
    ///
    /// If `issuers` is empty. [`try_issuers`](Self::try_issuers) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn and_issuers<'a>(self, issuers: impl IntoIterator<Item = &'a str>) -> Self {
        self.and_valid(Self::try_issuers(issuers))
    }

    /// Adds a rule that the application defines. It must be quick and must not block. It is called even for a token that another rule refuses,
    /// because the refusal states everything that is missing.
    ///
    /// Its error is a [`Shortfall::denied`], or the error of another requirement's [`check`](Self::check).
    ///
    /// ```
    /// use tower_bearer::Require;
    /// use tower_bearer::require::Shortfall;
    ///
    /// let no_machines = Require::token().and_custom(|token, _| {
    ///     if token.client_id() == Some(token.subject()) {
    ///         return Err(Shortfall::denied("This operation needs a user"));
    ///     }
    ///     Ok(())
    /// });
    /// ```
    #[must_use]
    pub fn and_custom(
        self,
        rule: impl Fn(&AccessToken, SystemTime) -> Result<(), Shortfall> + Send + Sync + 'static,
    ) -> Self {
        self.and_rule(Rule::Custom(Arc::new(rule)))
    }

    #[track_caller]
    fn and_valid(self, other: Result<Self, InvalidRequirement>) -> Self {
        match other {
            Ok(other) => self.and(other),
            Err(error) => panic!("{error}"),
        }
    }
}

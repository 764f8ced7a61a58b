use super::scope::{InvalidScope, OFFLINE_ACCESS, Scope};
use crate::redact::Excerpt;

/// Which scopes imply others: for example, `files` may imply both `files:read` and `files:write`.
///
/// RFC 6749 §3.3 leaves the meaning of a scope to the application: without a hierarchy, no scope implies another, whatever its
/// name. Set a hierarchy with [`Builder::scope_hierarchy`](crate::server::Builder::scope_hierarchy). It has two effects:
///
/// - A token also grants what its scopes imply. [`AccessToken::scope`](crate::AccessToken::scope) includes it, and every
///   requirement reads that.
/// - A challenge omits scopes that another of its scopes implies, because a client that gets the broader scope needs no more.
///
/// Implication is transitive, and the order of the calls does not matter. A broader scope is a single scope token: two scopes
/// together never imply more than each of them does.
///
/// ```
/// use tower_bearer::token::ScopeHierarchy;
/// use tower_bearer::{Issuer, ResourceServer};
///
/// let api = ResourceServer::builder("https://mcp.example.com/mcp")
///     .trust(Issuer::discover("https://login.example.com")?)
///     .scope_hierarchy(
///         ScopeHierarchy::new()
///             .implies("admin", "files users:read") // and so all that `files` implies
///             .implies("files", "files:read files:write"),
///     )
///     .build()?;
/// # Ok::<(), tower_bearer::server::ConfigError>(())
/// ```
///
/// Scopes must not imply each other in a cycle: see [`ConfigError::ScopeCycle`](crate::server::ConfigError::ScopeCycle).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "give it to the builder of a server with `scope_hierarchy`"]
pub struct ScopeHierarchy {
    implications: Vec<(Scope, Scope)>,
}

impl ScopeHierarchy {
    /// A hierarchy in which no scope implies another.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `broader` imply each scope token of `narrower`. A later call with the same `broader` adds to this.
    ///
    /// The scope tokens in `narrower` are separated by one space (RFC 6749 §3.3).
    ///
    /// # Panics
    ///
    /// If `broader` is not exactly one scope token, if `narrower` does not follow the grammar, or if either contains
    /// `offline_access`. [`try_implies`](Self::try_implies) returns an error instead.
    #[track_caller]
    pub fn implies(self, broader: &str, narrower: &str) -> Self {
        self.try_implies(broader, narrower).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`implies`](Self::implies), for scopes known only at run time.
    ///
    /// # Errors
    ///
    /// If `broader` is not exactly one scope token, if `narrower` does not follow the grammar, or if either contains
    /// `offline_access`.
    pub fn try_implies(mut self, broader: &str, narrower: &str) -> Result<Self, InvalidImplication> {
        let (broader, narrower) = (scope_of_resource(broader)?, scope_of_resource(narrower)?);
        if broader.iter().nth(1).is_some() {
            return Err(InvalidImplication::SeveralBroader { found: broader.as_str().into() });
        }
        self.implications.push((broader, narrower));
        Ok(self)
    }

    /// Each broader scope token, with one that it implies directly, in the order in which they were given.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.implications.iter().flat_map(|(broader, all)| all.iter().map(|narrower| (broader.as_str(), narrower)))
    }
}

/// Why a scope cannot imply another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidImplication {
    /// A text does not follow the grammar of RFC 6749 §3.3.
    #[error(transparent)]
    Scope(#[from] InvalidScope),
    /// The broader scope has several scope tokens. Define separately what each implies.
    #[error("expected one scope token that implies others, found {found:?}")]
    SeveralBroader {
        /// The scope.
        found: Excerpt,
    },
    /// `offline_access` implies nothing, and nothing implies it: it concerns the authorization server and not the resource.
    #[error("expected scopes of this resource, found offline_access, which concerns the authorization server")]
    OfflineAccess,
}

fn scope_of_resource(text: &str) -> Result<Scope, InvalidImplication> {
    let scope: Scope = text.parse()?;
    if scope.contains(OFFLINE_ACCESS) { Err(InvalidImplication::OfflineAccess) } else { Ok(scope) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_implications_are_errors() {
        let grammar =
            |found: &str| format!("expected scope tokens separated by one space (RFC 6749 §3.3), found {found:?}");
        let offline = "expected scopes of this resource, found offline_access, which concerns the authorization server";
        for (broader, narrower, expected) in [
            ("", "a", grammar("")),
            (" a", "b", grammar(" a")),
            ("a", "", grammar("")),
            ("a", "b  c", grammar("b  c")),
            ("a", "\"b\"", grammar("\"b\"")),
            ("a b", "c", r#"expected one scope token that implies others, found "a b""#.to_owned()),
            ("offline_access", "a", offline.to_owned()),
            ("a", "b offline_access", offline.to_owned()),
        ] {
            let found = ScopeHierarchy::new().try_implies(broader, narrower).map(drop).unwrap_err();
            assert_eq!(found.to_string(), expected, "{broader:?} {narrower:?}");
        }
    }

    #[test]
    #[should_panic(expected = "expected one scope token that implies others, found \"a b\"")]
    fn several_broader_scopes_in_a_literal_panic() {
        let _ = ScopeHierarchy::new().implies("a b", "c");
    }
}

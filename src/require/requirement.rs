use std::sync::Arc;
use std::time::SystemTime;

use super::shortfall::Shortfall;
use crate::token::InvalidScope;
use crate::{AccessToken, Scope};

/// What an operation needs beyond a valid token: today scopes, as one set or as a choice between several.
///
/// It is a value, a [pure check](Self::check), and itself a [`tower_layer::Layer`] for the routes that need it. As a layer
/// it must lie within the [protecting one](crate::ResourceServer::layer), which it asks for the token; without that it
/// answers 500 and says so in the log.
///
/// ```
/// use tower_bearer::Require;
///
/// let read = Require::scope("read:me");
/// let both = Require::scope("read:me write:me");
/// let either = Require::any_scope(["admin", "read:me write:me"]);
/// ```
#[derive(Clone, Debug)]
pub struct Require {
    /// Any of these will do; there is at least one.
    scopes: Arc<[Scope]>,
}

impl Require {
    /// All scope tokens of `scope`, which has one space between two of them (RFC 6749 §3.3).
    ///
    /// # Panics
    ///
    /// If `scope` is none. For a scope that is no literal, parse a [`Scope`] and use `Require::from`.
    #[must_use]
    #[track_caller]
    pub fn scope(scope: &str) -> Self {
        Self::any_scope([scope])
    }

    /// All scope tokens of any one of `scopes`. The refusal asks for the first, so put the one that most clients should ask
    /// for there.
    ///
    /// # Panics
    ///
    /// If there is none, or one is no scope.
    #[must_use]
    #[track_caller]
    pub fn any_scope<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Self {
        let parsed: Result<Vec<Scope>, InvalidScope> = scopes.into_iter().map(str::parse).collect();
        match parsed {
            Ok(scopes) if !scopes.is_empty() => Self { scopes: scopes.into() },
            Ok(_) => panic!("a choice between no scopes can never be satisfied"),
            Err(invalid) => panic!("{invalid}"),
        }
    }

    /// Whether `token` satisfies the requirement at the time `now`.
    ///
    /// # Errors
    ///
    /// What is missing.
    pub fn check(&self, token: &AccessToken, now: SystemTime) -> Result<(), Shortfall> {
        // Scopes do not depend on the time; authentication that ages will.
        let _ = now;
        if self.scopes.iter().any(|scope| token.scope().includes(scope)) {
            return Ok(());
        }
        Err(Shortfall { scope: self.scopes[0].clone() })
    }
}

/// All scope tokens of the scope.
impl From<Scope> for Require {
    fn from(scope: Scope) -> Self {
        Self { scopes: [scope].into() }
    }
}

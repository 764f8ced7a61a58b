use std::fmt;

use super::invalid_requirement::InvalidRequirement;
use super::names::Names;
use crate::AccessToken;

/// The parties to which an operation may be delegated, for [`Require::and_actors`](crate::Require::and_actors): subjects or
/// clients of one issuer (RFC 8693 §4.1).
///
/// The name of an actor is unique only within its [issuer](crate::token::Actor::issuer), so the issuer is always stated. The token
/// must also be from that issuer, unless [`in_tokens_of`](Self::in_tokens_of) sets another: a second trusted issuer cannot name an
/// actor of the first.
///
/// ```
/// use tower_bearer::Require;
/// use tower_bearer::require::Actors;
///
/// let agents = Actors::subjects("https://login.example.com", ["billing-agent", "support-agent"]);
/// let refund = Require::scope("refunds:write").and_actors(agents);
///
/// // Agents have an issuer of their own, and `https://login.example.com` issues tokens in which they act for users.
/// let agents = Actors::subjects("https://agents.example.com", ["agent-7"]).in_tokens_of("https://login.example.com");
/// let report = Require::scope("reports:read").and_actors(agents);
/// ```
#[derive(Clone)]
pub struct Actors {
    token_issuer: Box<str>,
    issuer: Box<str>,
    identified_by: Identity,
    names: Names,
}

/// What the names are.
#[derive(Clone, Copy)]
enum Identity {
    Subject,
    Client,
}

impl Actors {
    /// Actors of `issuer`, identified by their [subjects](crate::token::Actor::subject).
    ///
    /// # Panics
    ///
    /// If `subjects` is empty. [`try_subjects`](Self::try_subjects) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn subjects<'a>(issuer: &str, subjects: impl IntoIterator<Item = &'a str>) -> Self {
        Self::try_subjects(issuer, subjects).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`subjects`](Self::subjects), for a list known only at run time.
    ///
    /// # Errors
    ///
    /// If `subjects` is empty.
    pub fn try_subjects<'a>(
        issuer: &str,
        subjects: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidRequirement> {
        Self::new(issuer, Identity::Subject, subjects)
    }

    /// Actors of `issuer`, identified by their [clients](crate::token::Actor::client_id), for an issuer that writes `client_id`
    /// into `act`.
    ///
    /// # Panics
    ///
    /// If `clients` is empty. [`try_clients`](Self::try_clients) returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn clients<'a>(issuer: &str, clients: impl IntoIterator<Item = &'a str>) -> Self {
        Self::try_clients(issuer, clients).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`clients`](Self::clients), for a list known only at run time.
    ///
    /// # Errors
    ///
    /// If `clients` is empty.
    pub fn try_clients<'a>(
        issuer: &str,
        clients: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidRequirement> {
        Self::new(issuer, Identity::Client, clients)
    }

    /// Accepts the actors only in tokens issued by `token_issuer`. Default: the actors' own issuer.
    #[must_use]
    pub fn in_tokens_of(self, token_issuer: &str) -> Self {
        Self { token_issuer: token_issuer.into(), ..self }
    }

    fn new<'a>(
        issuer: &str,
        identified_by: Identity,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidRequirement> {
        let names = Names::at_least_one("actor", names)?;
        Ok(Self { token_issuer: issuer.into(), issuer: issuer.into(), identified_by, names })
    }

    /// Whether the current actor of `token` is one of them. Actors before it do not count (RFC 8693 §4.1).
    pub(super) fn include_actor_of(&self, token: &AccessToken) -> bool {
        let Some(actor) = token.actor() else { return false };
        let name = match self.identified_by {
            Identity::Subject => actor.subject(),
            Identity::Client => actor.client_id(),
        };
        *token.issuer() == *self.token_issuer
            && *actor.issuer() == *self.issuer
            && name.is_some_and(|name| self.names.contain(name))
    }
}

/// The number of actors, not their names: they may be people.
impl fmt::Debug for Actors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token_issuer, issuer, identified_by, names } = self;
        let kind = match identified_by {
            Identity::Subject => "subjects",
            Identity::Client => "clients",
        };
        write!(f, "{} {kind} of {issuer:?} in tokens of {token_issuer:?}", names.count())
    }
}

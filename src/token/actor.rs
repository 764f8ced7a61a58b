use std::fmt;

use super::access_token::AccessToken;
use super::act_claim::ActorClaims;
use super::text::Text;
use crate::redact::Excerpt;

/// A party that acts on behalf of a token's subject, from the claim `act` of a delegated token (RFC 8693 §4.1).
///
/// [`AccessToken::actor`] returns the current actor. `Debug` does not show the subject.
#[derive(Clone, Copy)]
pub struct Actor<'a> {
    token: &'a AccessToken,
    /// This actor, and then those before it.
    chain: &'a [ActorClaims<Text>],
}

impl AccessToken {
    /// The current actor, if the token is delegated: the party that acts on behalf of the [subject](Self::subject), from the
    /// outermost `act` claim (RFC 8693 §4.1).
    ///
    /// A token with a malformed `act` has been refused, so `None` means that the token has no `act`. The issuer may still have
    /// let one party impersonate another, which no claim shows (RFC 8693 §1.1).
    ///
    /// ```
    /// # fn of(token: &tower_bearer::AccessToken) {
    /// match token.actor() {
    ///     Some(actor) => println!("{:?} of {} on behalf of {}", actor.subject(), actor.issuer(), token.subject()),
    ///     None => println!("{} themselves", token.subject()),
    /// }
    /// # }
    /// ```
    ///
    /// To require an actor or its absence, use [`Require::and_actors`](crate::Require::and_actors) or
    /// [`Require::and_no_actor`](crate::Require::and_no_actor).
    #[must_use]
    pub fn actor(&self) -> Option<Actor<'_>> {
        Actor::first(self, self.actors())
    }
}

impl<'a> Actor<'a> {
    fn first(token: &'a AccessToken, chain: &'a [ActorClaims<Text>]) -> Option<Self> {
        (!chain.is_empty()).then_some(Self { token, chain })
    }

    /// The subject that acts (`sub`), which is unique only within the actor's [issuer](Self::issuer), and never empty. `None`
    /// if the actor has only a [`client_id`](Self::client_id).
    #[must_use]
    pub fn subject(&self) -> Option<&'a str> {
        self.text(|claims| claims.sub.as_ref())
    }

    /// The issuer that names the actor: the `iss` within `act` or, if there is none, the [issuer](AccessToken::issuer) of the
    /// token.
    ///
    /// RFC 8693 §4.1 identifies an actor by `iss` and `sub` together, and does not say what a `sub` without an `iss` is
    /// relative to. Only the token's issuer can have named it.
    #[must_use]
    pub fn issuer(&self) -> &'a str {
        self.text(|claims| claims.iss.as_ref()).unwrap_or(self.token.issuer())
    }

    /// The client that acts (`client_id`), which is unique only within the actor's [issuer](Self::issuer), and never empty.
    /// RFC 8693 does not define this member, but some issuers identify actors only by it.
    #[must_use]
    pub fn client_id(&self) -> Option<&'a str> {
        self.text(|claims| claims.client_id.as_ref())
    }

    /// The actors before this one, most recent first: at most 7 before the current one.
    ///
    /// They are history, for an audit log. RFC 8693 §4.1 forbids considering them in access control decisions, and no
    /// [requirement](crate::Require) does.
    pub fn prior(&self) -> impl Iterator<Item = Actor<'a>> + use<'a> {
        let Self { token, chain } = *self;
        (1..chain.len()).filter_map(move |place| Actor::first(token, &chain[place..]))
    }

    fn text(&self, claim: impl FnOnce(&'a ActorClaims<Text>) -> Option<&'a Text>) -> Option<&'a str> {
        self.chain.first().and_then(claim).map(|text| self.token.text(text))
    }
}

impl fmt::Debug for Actor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("issuer", &Excerpt::from(self.issuer()))
            .field("client_id", &self.client_id().map(Excerpt::from))
            .field("prior", &self.prior().count())
            .finish_non_exhaustive()
    }
}

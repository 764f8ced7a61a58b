use std::fmt;

use super::access_token::AccessToken;
use super::act_claim::ActorClaims;
use super::text::Text;
use crate::redact::Excerpt;

/// A party that acts on behalf of a token's subject: the claim `act` of a token that was delegated (RFC 8693 §4.1).
///
/// [`AccessToken::actor`] gives the current actor. Its `Debug` form shows no subject.
#[derive(Clone, Copy)]
pub struct Actor<'a> {
    token: &'a AccessToken,
    /// This actor, and then those before it.
    chain: &'a [ActorClaims<Text>],
}

impl AccessToken {
    /// The current actor, if the token is delegated: the party that acts on behalf of the [subject](Self::subject), as the
    /// outermost `act` claim names it (RFC 8693 §4.1).
    ///
    /// A token whose `act` is malformed was refused, so `None` means that the token has no `act`. The issuer may still have let
    /// one party impersonate another, which no claim shows (RFC 8693 §1.1).
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
    /// [`Require::and_actors`](crate::Require::and_actors) and [`Require::and_no_actor`](crate::Require::and_no_actor) are the
    /// requirements.
    #[must_use]
    pub fn actor(&self) -> Option<Actor<'_>> {
        Actor::first(self, self.actors())
    }
}

impl<'a> Actor<'a> {
    fn first(token: &'a AccessToken, chain: &'a [ActorClaims<Text>]) -> Option<Self> {
        (!chain.is_empty()).then_some(Self { token, chain })
    }

    /// Who acts (`sub`), unique within the actor's [issuer](Self::issuer) only, and never empty. `None` if the actor has only a
    /// [`client_id`](Self::client_id).
    #[must_use]
    pub fn subject(&self) -> Option<&'a str> {
        self.text(|claims| claims.sub.as_ref())
    }

    /// Who names the actor so: the `iss` within `act` or, if there is none, the [issuer](AccessToken::issuer) of the token.
    ///
    /// RFC 8693 §4.1 lets `iss` and `sub` together identify an actor, and does not say what a `sub` alone is relative to. Only
    /// the token's issuer can have named it.
    #[must_use]
    pub fn issuer(&self) -> &'a str {
        self.text(|claims| claims.iss.as_ref()).unwrap_or(self.token.issuer())
    }

    /// The client that acts (`client_id`), unique within the actor's [issuer](Self::issuer) only, and never empty. RFC 8693 does
    /// not name this member, and some issuers identify actors by it alone.
    #[must_use]
    pub fn client_id(&self) -> Option<&'a str> {
        self.text(|claims| claims.client_id.as_ref())
    }

    /// The actors before this one, the most recent first: at most 7 before the current one.
    ///
    /// They are history, for an audit log. RFC 8693 §4.1 forbids to consider them in access control decisions, and no
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

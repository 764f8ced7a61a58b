//! The methods of [`Require`] about delegation and fine grants.

use std::sync::Arc;

use super::actors::Actors;
use super::requirement::Require;
use super::rule::Rule;
use crate::token::AuthorizationDetail;

impl Require {
    /// The token is delegated to one of these [actors](Actors): the party that acts on behalf of its subject is one of them (RFC
    /// 8693 §4.1).
    ///
    /// Only the [current actor](crate::AccessToken::actor) counts, not those before it. A token that is not delegated does not
    /// satisfy the rule. To accept it too:
    ///
    /// ```
    /// use tower_bearer::Require;
    /// use tower_bearer::require::Actors;
    ///
    /// let agent = Actors::subjects("https://login.example.com", ["billing-agent"]);
    /// let refund = Require::token().and_no_actor().or(Require::token().and_actors(agent)).and(Require::scope("refunds"));
    /// ```
    #[must_use]
    pub fn and_actors(self, actors: Actors) -> Self {
        self.and_rule(Rule::Actors(actors))
    }

    /// The token is not delegated: it has no [actor](crate::AccessToken::actor) (`act`, RFC 8693 §4.1). For what a user has to do
    /// themselves, such as changing a password.
    ///
    /// A client that acts for itself, and an issuer that lets one party impersonate another, write no `act` either (RFC 8693
    /// §1.1).
    #[must_use]
    pub fn and_no_actor(self) -> Self {
        self.and_rule(Rule::NoActor)
    }

    /// At least one of the token's [authorization details](crate::AccessToken::authorization_details) has exactly this type (`kind`), is
    /// for this `location`, and is what `holds` requires (RFC 9396 §2).
    ///
    /// `location` is what the `locations` of a detail call this server: usually its URL, compared as a whole. A detail that has
    /// `locations` without it is for another server and does not count, and one without `locations` is for every server that the
    /// token is for. The audience does not replace it: issuers write `aud` and `locations` in different forms (RFC 9396 §9.1).
    ///
    /// Details of other types grant nothing, so `holds` never sees them. It must be quick and must not block. All that it requires
    /// has to be in one detail: two details do not add up.
    ///
    /// A client cannot be told which detail it lacks, because no RFC has a parameter for it. The refusal is 403
    /// `insufficient_scope` without a scope, as for a claim.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use tower_bearer::Require;
    ///
    /// #[derive(Deserialize)]
    /// struct Payment { creditor: String, cents: u64 }
    ///
    /// let payment = Require::token().and_authorization_detail("payment", "https://api.example.com/payments", |detail| {
    ///     detail.actions().is_some_and(|actions| actions.iter().any(|action| action == "initiate"))
    ///         && detail.parse::<Payment>().is_ok_and(|payment| payment.cents <= 10_000)
    /// });
    /// ```
    #[must_use]
    pub fn and_authorization_detail(
        self,
        kind: &str,
        location: &str,
        holds: impl Fn(&AuthorizationDetail<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.and_rule(Rule::AuthorizationDetail {
            kind: kind.into(),
            location: location.into(),
            holds: Arc::new(holds),
        })
    }
}

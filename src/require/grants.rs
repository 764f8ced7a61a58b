//! The methods of [`Require`] about delegation and fine-grained authorization.

use std::sync::Arc;

use super::actors::Actors;
use super::requirement::Require;
use super::rule::Rule;
use crate::token::AuthorizationDetail;

impl Require {
    /// Also requires that the token is delegated to one of these [actors](Actors), which acts on behalf of its subject (RFC 8693
    /// §4.1).
    ///
    /// Only the [current actor](crate::AccessToken::actor) is compared, not earlier ones. A token that is not delegated does not
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

    /// Also requires that the token is not delegated: it has no [actor](crate::AccessToken::actor) (`act`, RFC 8693 §4.1). Use
    /// this for what users must do themselves, such as changing a password.
    ///
    /// A token with which a client acts on its own behalf has no `act` either. Nor does a token with which one party impersonates
    /// another (RFC 8693 §1.1).
    #[must_use]
    pub fn and_no_actor(self) -> Self {
        self.and_rule(Rule::NoActor)
    }

    /// Also requires that at least one of the token's [authorization details](crate::AccessToken::authorization_details) has
    /// exactly this type (`kind`), is for this `location`, and satisfies `holds` (RFC 9396 §2).
    ///
    /// `location` is the name of this server in the `locations` of a detail: usually its URL, compared as a whole. A detail whose
    /// `locations` lack it is for another server and is ignored; one without `locations` is for every server that the token is
    /// for. The audience does not replace it: issuers write `aud` and `locations` in different forms (RFC 9396 §9.1).
    ///
    /// Details of other types grant nothing, so `holds` never sees them. It must be quick and must not block. Everything that it
    /// requires must be in one detail; details are not combined.
    ///
    /// No RFC has a parameter that tells a client which detail it lacks, so the refusal is 403 `insufficient_scope` without a
    /// scope, as for a claim.
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

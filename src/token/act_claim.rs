use std::borrow::Cow;

use serde::de::MapAccess;

use super::text::Text;
use crate::jose::{Member, Members};

/// The maximum number of actors within one another. A delegation has few steps, and one that is not read to its end must not
/// look complete.
const MAX_ACTORS: usize = 8;

/// The claim `act` (RFC 8693 §4.1), as a payload states it.
#[derive(Default)]
pub(crate) struct ActClaim<'t> {
    /// The current actor, and then those before it, the most recent first.
    actors: Vec<ActorClaims<Cow<'t, str>>>,
    /// What is wrong with the claim.
    fault: Option<&'static str>,
}

/// The claims that identify one actor.
#[derive(Clone)]
pub(super) struct ActorClaims<T> {
    pub(super) sub: Option<T>,
    pub(super) iss: Option<T>,
    pub(super) client_id: Option<T>,
}

impl<'t> ActClaim<'t> {
    /// What the claim has to be.
    pub(crate) const EXPECTED: &'static str =
        "at most 8 actors within one another, each with a sub or a client_id, as non-empty strings";

    pub(super) fn read<A: MapAccess<'t>>(member: Member<'_, 't, A>) -> Result<Self, A::Error> {
        let mut claim = Self::default();
        claim.read_actor(member)?;
        Ok(claim)
    }

    /// What is wrong with the claim.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        self.fault
    }

    /// How many actors the claim names.
    pub(crate) fn count(&self) -> usize {
        self.actors.len()
    }

    /// The actors, for a token with this payload. Whatever the claim is, there is at least one.
    pub(super) fn keep(self, payload: &[u8]) -> Box<[ActorClaims<Text>]> {
        let kept = |text: Option<Cow<'_, str>>| text.map(|text| Text::new(text, payload));
        let actors = self.actors.into_iter();
        actors
            .map(|ActorClaims { sub, iss, client_id }| ActorClaims {
                sub: kept(sub),
                iss: kept(iss),
                client_id: kept(client_id),
            })
            .collect()
    }

    /// Reads an actor and, within it, those before it.
    fn read_actor<A: MapAccess<'t>>(&mut self, member: Member<'_, 't, A>) -> Result<(), A::Error> {
        let place = self.actors.len();
        if place == MAX_ACTORS {
            self.fault.get_or_insert("more than 8 actors");
            return member.skip();
        }
        self.actors.push(ActorClaims { sub: None, iss: None, client_id: None });
        member.object(&mut ActorMembers { claim: self, place })?;
        // Only an object has members.
        if self.actors[place].sub.is_none() && self.actors[place].client_id.is_none() {
            self.fault.get_or_insert("an actor with neither a sub nor a client_id");
        }
        Ok(())
    }
}

struct ActorMembers<'c, 't> {
    claim: &'c mut ActClaim<'t>,
    place: usize,
}

impl<'t> ActorMembers<'_, 't> {
    fn text<A: MapAccess<'t>>(&mut self, member: Member<'_, 't, A>) -> Result<Option<Cow<'t, str>>, A::Error> {
        let text = member.strings()?.into_one().filter(|text| !text.is_empty());
        if text.is_none() {
            self.claim.fault.get_or_insert("an actor whose sub, iss or client_id is not a non-empty string");
        }
        Ok(text)
    }
}

impl<'t> Members<'t> for ActorMembers<'_, 't> {
    fn member<A: MapAccess<'t>>(&mut self, name: &str, member: Member<'_, 't, A>) -> Result<(), A::Error> {
        match name {
            "sub" => self.claim.actors[self.place].sub = self.text(member)?,
            "iss" => self.claim.actors[self.place].iss = self.text(member)?,
            "client_id" => self.claim.actors[self.place].client_id = self.text(member)?,
            "act" => self.claim.read_actor(member)?,
            _ => member.skip()?,
        }
        Ok(())
    }
}

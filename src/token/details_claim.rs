use std::borrow::Cow;

use serde::de::MapAccess;

use super::text::Text;
use crate::jose::{Member, Members};

/// The maximum number of authorization details in a token. Each is evaluated by the application.
const MAX_DETAILS: usize = 64;

/// The claim `authorization_details` (RFC 9396 §9.1), as a payload states it.
#[derive(Default)]
pub(crate) struct DetailsClaim<'t> {
    details: Vec<Detail<Cow<'t, str>>>,
    /// What is wrong with the claim.
    fault: Option<&'static str>,
}

/// One authorization detail.
#[derive(Clone)]
pub(super) struct Detail<T> {
    /// Its `type`.
    pub(super) kind: T,
    /// The whole object, as it is written.
    pub(super) json: T,
}

impl<'t> DetailsClaim<'t> {
    /// What the claim has to be.
    pub(crate) const EXPECTED: &'static str = "an array of at most 64 objects, each with a type, as a non-empty string";

    pub(super) fn read<A: MapAccess<'t>>(member: Member<'_, 't, A>) -> Result<Self, A::Error> {
        let mut claim = Self::default();
        let is_array = member.elements(|Kind(kind), json| claim.add(kind, json))?;
        if !is_array {
            claim.fault = Some("no array");
        }
        Ok(claim)
    }

    fn add(&mut self, kind: Option<Cow<'t, str>>, json: &'t str) {
        let fault = match kind.filter(|kind| !kind.is_empty()) {
            Some(kind) if self.details.len() < MAX_DETAILS => {
                return self.details.push(Detail { kind, json: Cow::Borrowed(json) });
            }
            Some(_) => "more than 64 elements",
            None => "an element that is not an object with such a type",
        };
        self.fault.get_or_insert(fault);
    }

    /// What is wrong with the claim.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        self.fault
    }

    /// The types of the details.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.details.iter().map(|detail| &*detail.kind)
    }

    /// The details, for a token with this payload.
    pub(super) fn keep(self, payload: &[u8]) -> Box<[Detail<Text>]> {
        let kept = |text| Text::new(text, payload);
        self.details.into_iter().map(|Detail { kind, json }| Detail { kind: kept(kind), json: kept(json) }).collect()
    }
}

/// The `type` of an element, if it is one string.
#[derive(Default)]
struct Kind<'t>(Option<Cow<'t, str>>);

impl<'t> Members<'t> for Kind<'t> {
    fn member<A: MapAccess<'t>>(&mut self, name: &str, member: Member<'_, 't, A>) -> Result<(), A::Error> {
        if name == "type" {
            self.0 = member.strings()?.into_one();
            return Ok(());
        }
        member.skip()
    }
}

//! One instance's memory of opaque tokens: what it knows of each, and whether it asks.

use std::time::Duration;

use crate::agenda::{Time, micros};
use crate::bounds::{ANSWER, FAILED_FOR, PATIENCE, REFUSED_FOR};
use crate::circuit::{Admitted, CallEnd, Circuit};
use crate::clock::Moment;

/// The tokens that come to one instance.
pub(crate) struct Opaque {
    circuit: Circuit,
    tokens: Vec<Token>,
    /// When the circuit last opened, and what it has to be told of the calls that are on their way.
    admitted: Vec<Option<Admitted>>,
}

#[derive(Clone, Default)]
struct Token {
    known: Known,
    /// The number of revocations that the instance had when it looked the token up.
    looked_up_at: u32,
    /// When the requests arrived that wait for the answer.
    waiting: Vec<Time>,
}

#[derive(Clone, Copy, Default)]
enum Known {
    #[default]
    Nothing,
    Asked,
    Active {
        asked_at: Time,
    },
    Refused {
        asked_at: Time,
    },
    Failed {
        at: Time,
    },
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Accepted,
    /// 401: the client gets a new token.
    Refused,
    /// 503.
    Unavailable,
    /// The answer to a call that has already begun decides.
    Waits,
    /// The endpoint is called.
    Asks,
}

impl Opaque {
    pub(crate) fn new(tokens: usize, now: Moment) -> Self {
        Self { circuit: Circuit::new(now), tokens: vec![Token::default(); tokens], admitted: vec![None; tokens] }
    }

    /// A request with a token arrives; `is_revoked` is what the table says about the token.
    pub(crate) fn request(&mut self, number: usize, is_revoked: bool, now: Time, moment: Moment) -> Reply {
        let is_within = |at: Time, time: Duration| now - at < micros(time);
        let token = &mut self.tokens[number];
        match token.known {
            Known::Active { asked_at } if is_within(asked_at, ANSWER) && !is_revoked => return Reply::Accepted,
            Known::Refused { asked_at } if is_within(asked_at, REFUSED_FOR) => return Reply::Refused,
            Known::Failed { at } if is_within(at, FAILED_FOR) => return Reply::Unavailable,
            Known::Asked => {
                token.waiting.push(now);
                return Reply::Waits;
            }
            _ => {}
        }
        match self.circuit.admit(moment) {
            Ok(admitted) => {
                self.admitted[number] = Some(admitted);
                token.known = Known::Asked;
                token.waiting.push(now);
                Reply::Asks
            }
            Err(_) => Reply::Unavailable,
        }
    }

    /// The call that began at `asked_at` has ended: with an answer, unless `is_active` is `None`. Returns how many requests had waited in vain.
    pub(crate) fn answered(
        &mut self,
        number: usize,
        is_active: Option<bool>,
        asked_at: Time,
        now: Time,
        moment: Moment,
    ) -> Waited {
        let end = if is_active.is_some() { CallEnd::Answered } else { CallEnd::Outage };
        if let Some(admitted) = self.admitted[number].take() {
            self.circuit.record(admitted, end, moment);
        }
        let token = &mut self.tokens[number];
        token.known = match is_active {
            Some(true) => Known::Active { asked_at },
            Some(false) => Known::Refused { asked_at },
            None => Known::Failed { at: now },
        };
        let waiting = std::mem::take(&mut token.waiting);
        let in_time = waiting.iter().filter(|arrived| now - **arrived < micros(PATIENCE)).count() as u64;
        let late = waiting.len() as u64 - in_time;
        match is_active {
            Some(true) => Waited { refused: 0, unavailable: late },
            Some(false) => Waited { refused: in_time, unavailable: late },
            None => Waited { refused: 0, unavailable: in_time + late },
        }
    }

    /// The client has got another token in the place of this one.
    pub(crate) fn replace(&mut self, number: usize) {
        self.tokens[number].known = Known::Nothing;
    }

    /// Whether the token has to be looked up in the table, which has so many revocations.
    pub(crate) fn has_to_be_looked_up(&mut self, number: usize, revocations: u32) -> bool {
        std::mem::replace(&mut self.tokens[number].looked_up_at, revocations) != revocations
    }

    pub(crate) fn is_open(&self) -> bool {
        self.circuit.is_open()
    }
}

/// The requests that had waited for a call.
pub(crate) struct Waited {
    pub(crate) refused: u64,
    pub(crate) unavailable: u64,
}

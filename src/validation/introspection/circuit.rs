use std::time::Duration;

use crate::clock::Moment;

/// How many calls must have ended within the window before the circuit opens.
const MIN_CALLS: u32 = 20;
/// The calls of two such spans count: the present one, and the one before.
const SPAN: Duration = Duration::from_secs(5);
/// How long the endpoint is left alone.
const OPEN_FOR: Duration = Duration::from_secs(5);
/// A probe that is older is on a runtime that nobody drives. No call takes longer than 10 seconds.
const MAX_PROBE: Duration = Duration::from_secs(15);
/// When to try again while somebody else tries whether the endpoint answers.
const RETRY_WHILE_PROBING: Duration = Duration::from_secs(1);

/// Whether an endpoint is asked: not for a while after at least half of its recent calls, and at least 20, found an outage.
///
/// Then one call tries whether it answers. If it does, everybody asks again.
#[derive(Debug)]
pub(super) struct Circuit {
    state: State,
    span: Span,
    before: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Moment,
    },
    /// One call is on its way.
    Probing {
        since: Moment,
    },
}

#[derive(Debug)]
struct Span {
    began: Moment,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    calls: u32,
    outages: u32,
}

/// The permission to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the end of the call has to be recorded"]
pub(super) enum Admitted {
    Call,
    /// The one call that tries whether the endpoint answers again.
    Probe,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallEnd {
    Answered,
    Outage,
    /// Its task was dropped, which says nothing about the endpoint.
    Cancelled,
}

impl Circuit {
    pub(super) fn new(now: Moment) -> Self {
        let span = Span { began: now, counts: Counts::default() };
        Self { state: State::Closed, span, before: Counts::default() }
    }

    /// Whether the endpoint may be called now, and if not, when to try again.
    pub(super) fn admit(&mut self, now: Moment) -> Result<Admitted, Duration> {
        match self.state {
            State::Closed => Ok(Admitted::Call),
            State::Open { until } if !now.has_reached(until) => Err(now.until(until)),
            State::Open { .. } => {
                self.state = State::Probing { since: now };
                Ok(Admitted::Probe)
            }
            State::Probing { since } if now.since(since) >= MAX_PROBE => {
                self.state = State::Probing { since: now };
                Ok(Admitted::Probe)
            }
            State::Probing { .. } => Err(RETRY_WHILE_PROBING),
        }
    }

    /// Counts a call that has ended. `true` if that opened the circuit, or closed it.
    pub(super) fn record(&mut self, admitted: Admitted, end: CallEnd, now: Moment) -> bool {
        match (self.state, admitted) {
            (State::Closed, Admitted::Call) => self.count(end, now),
            (State::Probing { .. }, Admitted::Probe) => {
                match end {
                    CallEnd::Answered => *self = Self::new(now),
                    CallEnd::Outage => self.state = State::Open { until: now.plus(OPEN_FOR) },
                    CallEnd::Cancelled => self.state = State::Open { until: now },
                }
                end == CallEnd::Answered
            }
            // A call that began before the circuit opened.
            _ => false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    fn count(&mut self, end: CallEnd, now: Moment) -> bool {
        if end == CallEnd::Cancelled {
            return false;
        }
        let passed = now.since(self.span.began);
        if passed >= SPAN {
            self.before = if passed < 2 * SPAN { self.span.counts } else { Counts::default() };
            self.span = Span { began: now, counts: Counts::default() };
        }
        let counts = &mut self.span.counts;
        counts.calls += 1;
        counts.outages += u32::from(end == CallEnd::Outage);
        let calls = counts.calls + self.before.calls;
        let outages = counts.outages + self.before.outages;
        let opens = end == CallEnd::Outage && calls >= MIN_CALLS && outages * 2 >= calls;
        if opens {
            self.state = State::Open { until: now.plus(OPEN_FOR) };
        }
        opens
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn start() -> Moment {
        Moment::of(&SystemClock)
    }

    fn after(start: Moment, seconds: u64) -> Moment {
        start.plus(Duration::from_secs(seconds))
    }

    fn calls(circuit: &mut Circuit, count: usize, end: CallEnd, now: Moment) {
        for _ in 0..count {
            let admitted = circuit.admit(now).unwrap();
            circuit.record(admitted, end, now);
        }
    }

    #[test]
    fn it_opens_at_twenty_calls_of_which_half_are_outages() {
        let now = start();
        for (answered, outages, opens) in [
            (0, 19, false),
            (0, 20, true),
            (10, 9, false),
            (10, 10, true),
            (11, 10, false),
            (20, 19, false),
            (20, 20, true),
        ] {
            let mut circuit = Circuit::new(now);
            calls(&mut circuit, answered, CallEnd::Answered, now);
            calls(&mut circuit, outages, CallEnd::Outage, now);
            assert_eq!(circuit.is_open(), opens, "{answered} {outages}");
        }
    }

    #[test]
    fn calls_of_ten_seconds_ago_do_not_count() {
        let now = start();
        let mut circuit = Circuit::new(now);
        calls(&mut circuit, 19, CallEnd::Outage, now);
        calls(&mut circuit, 10, CallEnd::Outage, after(now, 10));
        assert!(!circuit.is_open());
        // Those of five seconds ago do.
        calls(&mut circuit, 10, CallEnd::Outage, after(now, 15));
        assert!(circuit.is_open());
    }

    #[test]
    fn after_a_while_one_call_tries_and_decides() {
        let now = start();
        let mut circuit = Circuit::new(now);
        calls(&mut circuit, 20, CallEnd::Outage, now);
        assert_eq!(circuit.admit(after(now, 2)), Err(Duration::from_secs(3)));
        assert_eq!(circuit.admit(after(now, 5)), Ok(Admitted::Probe));
        assert_eq!(circuit.admit(after(now, 5)), Err(RETRY_WHILE_PROBING));
        assert!(!circuit.record(Admitted::Probe, CallEnd::Outage, after(now, 6)));
        assert_eq!(circuit.admit(after(now, 6)), Err(OPEN_FOR));
        // A probe whose task was dropped lets the next one try.
        assert_eq!(circuit.admit(after(now, 11)), Ok(Admitted::Probe));
        assert!(!circuit.record(Admitted::Probe, CallEnd::Cancelled, after(now, 11)));
        assert_eq!(circuit.admit(after(now, 11)), Ok(Admitted::Probe));
        // One that never ends lets another try.
        assert_eq!(circuit.admit(after(now, 25)), Err(RETRY_WHILE_PROBING));
        assert_eq!(circuit.admit(after(now, 26)), Ok(Admitted::Probe));
        assert!(circuit.record(Admitted::Probe, CallEnd::Answered, after(now, 27)));
        assert_eq!(circuit.admit(after(now, 27)), Ok(Admitted::Call));
        // What was before does not count any more.
        calls(&mut circuit, 19, CallEnd::Outage, after(now, 27));
        assert!(!circuit.is_open());
    }

    #[test]
    fn calls_that_began_before_change_nothing() {
        let now = start();
        let mut circuit = Circuit::new(now);
        let early = circuit.admit(now).unwrap();
        calls(&mut circuit, 20, CallEnd::Outage, now);
        assert!(!circuit.record(early, CallEnd::Answered, now));
        assert!(circuit.is_open());
        calls(&mut Circuit::new(now), 100, CallEnd::Cancelled, now);
    }
}

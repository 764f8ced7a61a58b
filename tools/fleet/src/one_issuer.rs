//! One issuer, whose keys 10,000 instances fetch.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::{Duration, Instant};

use crate::clock::{Moment, SystemClock};
use crate::decision::{Decision, Document, Fetch, Reception, TokenTimes, Wait};
use crate::schedule::RefreshSchedule;

const INSTANCES: usize = 10_000;
const FETCH: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(6);
/// How many requests of one instance may wait for a key that is not held.
const MAX_UNKNOWN: usize = 32;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Prints the table.
pub(crate) fn print(seed: u64) {
    let hour = |hours| HOUR * hours;
    let scenarios = [
        Scenario { name: "a steady day", length: hour(24), pause: MINUTE, ..Scenario::default() },
        Scenario { name: "a rotation, not announced", length: hour(2), rotation: Some(hour(1)), ..Scenario::default() },
        Scenario {
            name: "an hour without the issuer",
            length: hour(4),
            outage: Some((hour(1), hour(2))),
            ..Scenario::default()
        },
        Scenario {
            name: "ten minutes of junk",
            length: hour(2),
            junk: Some((hour(1), hour(1) + 10 * MINUTE)),
            ..Scenario::default()
        },
        Scenario {
            name: "a rotation amid ten minutes of junk",
            length: hour(2),
            rotation: Some(hour(1) + 5 * MINUTE + Duration::from_millis(1_700)),
            junk: Some((hour(1), hour(1) + 10 * MINUTE)),
            ..Scenario::default()
        },
    ];
    println!("| scenario | fetches | mean/s | peak/s | requests | 401 | 429 | 503 | longest wait |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for scenario in scenarios {
        println!("{}", Fleet::new(scenario, seed).run());
    }
}

/// What happens, measured from the start. All instances start within the first minute, which is not counted.
struct Scenario {
    name: &'static str,
    length: Duration,
    /// How long each instance waits for its next request.
    pause: Duration,
    /// When all tokens are signed with a key that was not published before, beside the old one.
    rotation: Option<Duration>,
    /// From when to when the issuer does not answer.
    outage: Option<(Duration, Duration)>,
    /// From when to when every instance also gets one token a second with a key name that does not exist.
    junk: Option<(Duration, Duration)>,
}

impl Default for Scenario {
    fn default() -> Self {
        let pause = Duration::from_secs(1);
        Self { name: "", length: Duration::ZERO, pause, rotation: None, outage: None, junk: None }
    }
}

struct Fleet {
    scenario: Scenario,
    start: Instant,
    clock: Moment,
    random: fastrand::Rng,
    instances: Vec<InstanceState>,
    events: BinaryHeap<Reverse<(Instant, u64, usize, Event)>>,
    sequence: u64,
    fetches: HashMap<u64, u64>,
    requests: u64,
    refused: u64,
    busy: u64,
    unavailable: u64,
    longest_wait: Duration,
}

struct InstanceState {
    schedule: RefreshSchedule,
    has_new_key: bool,
    waiting: Vec<Request>,
}

#[derive(Clone, Copy)]
struct Request {
    key: Key,
    arrived: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Old,
    New,
    /// One that does not exist.
    Junk,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Start,
    Traffic,
    Junk,
    Fetch(u64),
    Answer { fetch: u64, has_new_key: bool },
    Failure(u64),
    Refresh,
}

impl Fleet {
    fn new(scenario: Scenario, seed: u64) -> Self {
        let clock = Moment::of(&SystemClock);
        let start = clock.monotonic;
        let mut random = fastrand::Rng::with_seed(seed);
        let instances = (0..INSTANCES).map(|_| InstanceState {
            schedule: RefreshSchedule::new(clock, random.u64(..)),
            has_new_key: false,
            waiting: Vec::new(),
        });
        let mut fleet = Self {
            instances: instances.collect(),
            scenario,
            start,
            clock,
            random,
            events: BinaryHeap::new(),
            sequence: 0,
            fetches: HashMap::new(),
            requests: 0,
            refused: 0,
            busy: 0,
            unavailable: 0,
            longest_wait: Duration::ZERO,
        };
        for instance in 0..INSTANCES {
            let at = start + MINUTE.mul_f64(fleet.random.f64());
            fleet.schedule(at, instance, Event::Start);
        }
        fleet
    }

    fn run(mut self) -> String {
        let end = self.start + self.scenario.length;
        while let Some(Reverse((now, _, instance, event))) = self.events.pop() {
            if now >= end {
                break;
            }
            self.happen(now, instance, event);
        }
        self.row()
    }

    fn happen(&mut self, now: Instant, instance: usize, event: Event) {
        match event {
            Event::Start => {
                self.schedule(now, instance, Event::Traffic);
                if let Some((from, _)) = self.scenario.junk {
                    let at = self.start + from + Duration::from_secs(5).mul_f64(self.random.f64());
                    self.schedule(at, instance, Event::Junk);
                }
            }
            Event::Traffic => {
                self.requests += 1;
                let rotated = self.scenario.rotation.is_some_and(|at| now >= self.start + at);
                self.decide(now, instance, Request { key: if rotated { Key::New } else { Key::Old }, arrived: now });
                self.schedule(now + self.scenario.pause, instance, Event::Traffic);
            }
            Event::Junk => {
                self.decide(now, instance, Request { key: Key::Junk, arrived: now });
                if self.scenario.junk.is_some_and(|(_, until)| now < self.start + until) {
                    self.schedule(now + Duration::from_secs(1), instance, Event::Junk);
                }
            }
            Event::Fetch(fetch) => {
                let moment = self.moment(now);
                if !self.instances[instance].schedule.on_begin(fetch, moment) {
                    return;
                }
                *self.fetches.entry((now - self.start).as_secs()).or_default() += 1;
                let is_down = self.scenario.outage.is_some_and(|(from, to)| (from..to).contains(&(now - self.start)));
                let has_new_key = self.scenario.rotation.is_some_and(|at| now >= self.start + at);
                let end = if is_down { Event::Failure(fetch) } else { Event::Answer { fetch, has_new_key } };
                self.schedule(now + if is_down { TIMEOUT } else { FETCH }, instance, end);
            }
            Event::Answer { fetch, has_new_key } => {
                let moment = self.moment(now);
                let state = &mut self.instances[instance];
                let document = Document { lifetime: None, age: Duration::ZERO, has_keys: true };
                if state.schedule.on_fetched(fetch, &document, moment) == Reception::Held {
                    state.has_new_key = has_new_key;
                }
                self.fetch_ended(now, instance);
            }
            Event::Failure(fetch) => {
                let moment = self.moment(now);
                if !self.instances[instance].schedule.on_failed(fetch, moment) {
                    return;
                }
                self.fetch_ended(now, instance);
            }
            Event::Refresh => {
                let moment = self.moment(now);
                if let Some(fetch) = self.instances[instance].schedule.refresh(moment) {
                    self.start_fetch(instance, fetch);
                }
            }
        }
    }

    fn fetch_ended(&mut self, now: Instant, instance: usize) {
        if let Some(at) = self.instances[instance].schedule.next_fetch() {
            self.schedule(at.monotonic, instance, Event::Refresh);
        }
        for request in std::mem::take(&mut self.instances[instance].waiting) {
            self.decide(now, instance, request);
        }
    }

    fn decide(&mut self, now: Instant, instance: usize, request: Request) {
        let is_junk = request.key == Key::Junk;
        let waited = now - request.arrived;
        let moment = self.moment(now);
        let state = &mut self.instances[instance];
        let known = request.key == Key::Old || request.key == Key::New && state.has_new_key;
        let decision = if waited >= PATIENCE {
            Decision::Unavailable { retry_after: PATIENCE }
        } else if known {
            state.schedule.decide(moment)
        } else {
            // The tokens of a rotation are new, and those of a flood say so.
            let times = TokenTimes { arrived: request.arrived, issued: None, leeway: Duration::ZERO };
            state.schedule.decide_unknown(times, moment)
        };
        if !is_junk {
            self.longest_wait = self.longest_wait.max(waited.min(PATIENCE));
        }
        match decision {
            Decision::Use => {}
            Decision::UseAndRefresh(fetch) => self.start_fetch(instance, fetch),
            Decision::Wait { start, wait } => {
                if wait == Wait::UnknownKey && state.waiting.len() >= MAX_UNKNOWN {
                    self.busy += u64::from(!is_junk);
                } else {
                    state.waiting.push(request);
                }
                if let Some(fetch) = start {
                    self.start_fetch(instance, fetch);
                }
            }
            Decision::Refuse => self.refused += u64::from(!is_junk),
            Decision::Busy { .. } => self.busy += u64::from(!is_junk),
            Decision::Unavailable { .. } => self.unavailable += u64::from(!is_junk),
        }
    }

    fn start_fetch(&mut self, instance: usize, fetch: Fetch) {
        self.schedule(fetch.starts_at.monotonic, instance, Event::Fetch(fetch.number));
    }

    /// Both clocks go alike here.
    fn moment(&self, now: Instant) -> Moment {
        self.clock.plus(now - self.start)
    }

    fn schedule(&mut self, at: Instant, instance: usize, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((at, self.sequence, instance, event)));
    }

    fn row(&self) -> String {
        let after_start = || self.fetches.iter().filter(|(second, _)| **second >= MINUTE.as_secs() * 2);
        let total: u64 = after_start().map(|(_, count)| count).sum();
        let peak = after_start().map(|(_, count)| *count).max().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let mean = total as f64 / self.scenario.length.saturating_sub(2 * MINUTE).as_secs_f64();
        format!(
            "| {} | {total} | {mean:.1} | {peak} | {} | {} | {} | {} | {:.2} s |",
            self.scenario.name,
            self.requests,
            self.refused,
            self.busy,
            self.unavailable,
            self.longest_wait.as_secs_f64()
        )
    }
}

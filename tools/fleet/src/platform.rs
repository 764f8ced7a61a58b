//! A platform: 10,000 instances of an API, 1,000 tenants at one provider, opaque tokens of the same provider, and a Redis that shares what is
//! revoked. The provider is down for 10 minutes. Later 10,000 users are revoked within 5 seconds.

use std::time::Duration;

use fastrand::Rng;

use crate::agenda::{Agenda, Time, micros};
use crate::bounds::{FETCH_TIMEOUT, IDLE_AFTER, LOOKS, PATIENCE, REREAD_PART};
use crate::clock::{Moment, SystemClock};
use crate::decision::{Decision, Document, Fetch, Reception};
use crate::opaque::{Opaque, Reply};
use crate::redis::{Ask, Outcome, Redis};
use crate::report::{self, Counts, DOWN, END, MINUTE, REVOKE, UP};
use crate::tenancy::{Place, Tenancy};

const TENANTS: u16 = 1_000;
/// How many tenants each instance is asked for all the time, as where requests are routed by tenant …
const OWN_TENANTS: u16 = 20;
/// … and what part of its requests is for any of the 1,000.
const STRAY: f64 = 1.0 / 500.0;
/// How many opaque tokens come to each instance.
const TOKENS: usize = 60;
/// The mean time to the next request of an instance with a JWT of a tenant …
const TENANT_PAUSE: Duration = Duration::from_secs(5);
/// … and with an opaque token.
const OPAQUE_PAUSE: Duration = Duration::from_millis(250);
/// How long an answer of the provider takes.
const ANSWERED_AFTER: Duration = Duration::from_millis(50);
/// How many users are revoked: one of each instance.
const REVOKED: u32 = 10_000;
const INSTANCES: usize = REVOKED as usize;
/// The time from one revocation to the next.
const REVOCATION_PAUSE: Duration = Duration::from_micros(500);

/// By then tenants have become idle, and opaque tokens begin to come.
const OPAQUE_FROM: Time = 62 * MINUTE;

/// Prints the tables.
pub(crate) fn print(seed: u64) {
    let mut platform = Platform::new(seed);
    platform.run();
    let tenancies = platform.instances.iter().map(|instance| &instance.tenancy);
    report::print(&platform.counts, tenancies, &platform.redis);
}

struct Platform {
    agenda: Agenda<(u16, Event)>,
    random: Rng,
    origin: Moment,
    instances: Vec<Instance>,
    redis: Redis,
    counts: Counts,
}

struct Instance {
    tenancy: Tenancy,
    opaque: Opaque,
    /// The number of the revocation of one of its users.
    revocation: u32,
    /// The user has signed in again since.
    has_new_token: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The next request with a JWT.
    Tenant,
    /// The next request with an opaque token.
    Opaque,
    RemoveIdle,
    Fetch {
        place: u16,
        generation: u32,
        number: u64,
    },
    Fetched {
        place: u16,
        generation: u32,
        number: u64,
        read_metadata: bool,
    },
    Failed {
        place: u16,
        generation: u32,
        number: u64,
    },
    Refresh {
        place: u16,
        generation: u32,
    },
    Answer {
        token: u8,
        asked_at: Time,
        is_there: bool,
    },
    /// A command arrives at Redis.
    Ask(Ask),
    /// A reply of Redis arrives.
    Reply(Ask),
    EndWait,
    Append,
    CountCircuits,
}

impl Platform {
    fn new(seed: u64) -> Self {
        let origin = Moment::of(&SystemClock);
        let mut random = Rng::with_seed(seed);
        let mut revocations: Vec<u32> = (0..REVOKED).collect();
        random.shuffle(&mut revocations);
        let instance = |revocation| Instance {
            tenancy: Tenancy::new(origin),
            opaque: Opaque::new(TOKENS, origin),
            revocation,
            has_new_token: false,
        };
        let mut platform = Self {
            agenda: Agenda::new(END),
            instances: revocations.into_iter().map(instance).collect(),
            random,
            origin,
            redis: Redis::new(INSTANCES),
            counts: Counts::default(),
        };
        for instance in 0..INSTANCES {
            let number = u16::try_from(instance).expect("a number of instances");
            let started = platform.spread(MINUTE);
            platform.agenda.enter(started, (number, Event::Tenant));
            platform.agenda.enter(started, (number, Event::RemoveIdle));
            let at = OPAQUE_FROM + platform.spread(MINUTE);
            platform.agenda.enter(at, (number, Event::Opaque));
            platform.agenda.enter(at, (number, Event::Ask(Ask::Check)));
        }
        platform.agenda.enter(DOWN + MINUTE, (0, Event::CountCircuits));
        for number in 0..REVOKED {
            let at = REVOKE + Time::from(number) * micros(REVOCATION_PAUSE);
            platform.agenda.enter(at, (0, Event::Append));
        }
        platform
    }

    fn run(&mut self) {
        while let Some((now, (instance, event))) = self.agenda.next() {
            self.happen(now, usize::from(instance), event);
        }
    }

    fn happen(&mut self, now: Time, instance: usize, event: Event) {
        match event {
            Event::Tenant => {
                self.tenant_request(now, instance);
                let next = now + self.pause(TENANT_PAUSE);
                self.enter(next, instance, Event::Tenant);
            }
            Event::Opaque => {
                self.opaque_request(now, instance);
                let next = now + self.pause(OPAQUE_PAUSE);
                self.enter(next, instance, Event::Opaque);
            }
            Event::RemoveIdle => {
                self.counts.idle_tenants += self.instances[instance].tenancy.remove_idle(now);
                self.enter(now + micros(IDLE_AFTER / LOOKS), instance, Event::RemoveIdle);
            }
            Event::Fetch { place, generation, number } => self.fetch(now, instance, place, generation, number),
            Event::Fetched { place, generation, number, read_metadata } => {
                self.fetched(now, instance, (place, generation), number, Some(read_metadata));
            }
            Event::Failed { place, generation, number } => {
                self.fetched(now, instance, (place, generation), number, None);
            }
            Event::Refresh { place, generation } => {
                let moment = self.moment(now);
                let Some(tenant) = self.instances[instance].tenancy.get(usize::from(place), generation) else { return };
                if let Some(fetch) = tenant.schedule.refresh(moment) {
                    self.start(now, instance, place, generation, fetch);
                }
            }
            Event::Answer { token, asked_at, is_there } => {
                let moment = self.moment(now);
                let state = &mut self.instances[instance];
                let is_active = token != 0 || state.has_new_token || !self.redis.is_appended(state.revocation);
                let answer = is_there.then_some(is_active);
                let waited = state.opaque.answered(usize::from(token), answer, asked_at, now, moment);
                self.counts.refused.add(now, waited.refused);
                self.counts.unavailable.add(now, waited.unavailable);
                if waited.refused > 0 {
                    self.sign_in(now, instance);
                }
            }
            Event::Ask(ask) => match self.redis.ask(instance, ask, now) {
                Outcome::Replied { at } => self.enter(at, instance, Event::Reply(ask)),
                Outcome::Blocked { until } => self.enter(until, instance, Event::EndWait),
            },
            Event::EndWait => {
                if let Some(at) = self.redis.end_wait(instance, now) {
                    self.enter(at, instance, Event::Reply(Ask::Read));
                }
            }
            Event::Reply(asked) => {
                let next = self.redis.next(instance, asked, now);
                self.enter(now + micros(Redis::WAY), instance, Event::Ask(next));
            }
            Event::CountCircuits => {
                self.counts.open_circuits = self.instances.iter().filter(|it| it.opaque.is_open()).count();
            }
            Event::Append => {
                self.counts.last_append = now;
                for (instance, at) in self.redis.append(now) {
                    self.enter(at, instance, Event::Reply(Ask::Read));
                }
            }
        }
    }

    fn tenant_request(&mut self, now: Time, instance: usize) {
        let own = u16::try_from(instance).expect("a number of instances") * OWN_TENANTS % TENANTS;
        let is_stray = self.random.f64() < STRAY;
        let number = if is_stray { self.random.u16(..TENANTS) } else { own + self.random.u16(..OWN_TENANTS) };
        let (moment, seed) = (self.moment(now), self.random.u64(..));
        self.counts.requests.add(now, 1);
        match self.instances[instance].tenancy.place(number, now, moment, seed) {
            Place::Held(place) | Place::New(place) => self.decide(now, instance, place, now),
            Place::Failed => self.counts.unavailable.add(now, 1),
            Place::Busy => self.counts.busy.add(now, 1),
        }
    }

    /// What becomes of a request with a JWT that has arrived then.
    fn decide(&mut self, now: Time, instance: usize, place: usize, arrived: Time) {
        let (moment, revocations) = (self.moment(now), self.redis.applied(instance));
        let tenant = self.instances[instance].tenancy.at(place);
        let generation = tenant.generation;
        let mut start = None;
        if now - arrived >= micros(PATIENCE) {
            self.counts.unavailable.add(now, 1);
            return;
        }
        match tenant.schedule.decide(moment) {
            Decision::Use => {}
            Decision::UseAndRefresh(fetch) => start = Some(fetch),
            Decision::Wait { start: fetch, .. } => {
                tenant.waiting.push(arrived);
                start = fetch;
            }
            Decision::Refuse | Decision::Busy { .. } => unreachable!("the key is known"),
            Decision::Unavailable { .. } => self.counts.unavailable.add(now, 1),
        }
        let has_changed = std::mem::replace(&mut tenant.looked_up_at, revocations) != revocations;
        self.counts.look_ups.add(now, u64::from(has_changed));
        if let Some(fetch) = start {
            self.start(now, instance, u16::try_from(place).expect("a place"), generation, fetch);
        }
    }

    fn start(&mut self, now: Time, instance: usize, place: u16, generation: u32, fetch: Fetch) {
        let after = fetch.starts_at.monotonic.saturating_duration_since(self.moment(now).monotonic);
        let event = Event::Fetch { place, generation, number: fetch.number };
        self.enter(now + micros(after), instance, event);
    }

    fn fetch(&mut self, now: Time, instance: usize, place: u16, generation: u32, number: u64) {
        let moment = self.moment(now);
        let Some(tenant) = self.instances[instance].tenancy.get(usize::from(place), generation) else { return };
        if !tenant.schedule.on_begin(number, moment) {
            return;
        }
        let is_first = tenant.is_loading;
        let read_metadata = tenant.metadata.is_due(now);
        let is_down = is_down(now);
        self.counts.keys.add(now, 1);
        let event = if is_down {
            Event::Failed { place, generation, number }
        } else {
            Event::Fetched { place, generation, number, read_metadata }
        };
        if read_metadata && !(is_down && is_first) {
            // The second request follows the first one, or the end of its part of the time.
            let after = if is_down { FETCH_TIMEOUT.mul_f64(REREAD_PART) } else { ANSWERED_AFTER };
            self.counts.keys.add(now + micros(after), 1);
        }
        let answers = if read_metadata { 2 } else { 1 };
        let takes = if is_down { FETCH_TIMEOUT } else { ANSWERED_AFTER * answers };
        self.enter(now + micros(takes), instance, event);
    }

    /// A fetch has ended: with keys, and metadata or not, or without.
    fn fetched(&mut self, now: Time, instance: usize, (place, generation): (u16, u32), number: u64, got: Option<bool>) {
        let moment = self.moment(now);
        let at = usize::from(place);
        let tenancy = &mut self.instances[instance].tenancy;
        let Some(tenant) = tenancy.get(at, generation) else { return };
        let counts = if let Some(read_metadata) = got {
            let document = Document { lifetime: None, age: Duration::ZERO, has_keys: true };
            tenant.metadata.fetched(read_metadata, now);
            tenant.schedule.on_fetched(number, &document, moment) == Reception::Held
        } else {
            tenant.metadata.failed();
            tenant.schedule.on_failed(number, moment)
        };
        if !counts {
            return;
        }
        let next = tenant.schedule.next_fetch();
        let waiting = std::mem::take(&mut tenant.waiting);
        if tenant.is_loading {
            tenancy.loaded(at, got.is_some(), now);
            if got.is_none() {
                self.counts.unavailable.add(now, waiting.len() as u64);
                return;
            }
        }
        if let Some(next) = next {
            let after = next.monotonic.saturating_duration_since(moment.monotonic);
            self.enter(now + micros(after), instance, Event::Refresh { place, generation });
        }
        for arrived in waiting {
            self.decide(now, instance, at, arrived);
        }
    }

    fn opaque_request(&mut self, now: Time, instance: usize) {
        let number = self.random.usize(..TOKENS);
        let moment = self.moment(now);
        let applied = self.redis.applied(instance);
        let state = &mut self.instances[instance];
        let is_revoked = number == 0 && !state.has_new_token && applied > state.revocation;
        self.counts.requests.add(now, 1);
        self.counts.look_ups.add(now, u64::from(state.opaque.has_to_be_looked_up(number, applied)));
        match state.opaque.request(number, is_revoked, now, moment) {
            Reply::Accepted | Reply::Waits => {}
            Reply::Refused => {
                self.counts.refused.add(now, 1);
                self.sign_in(now, instance);
            }
            Reply::Unavailable => self.counts.unavailable.add(now, 1),
            Reply::Asks => {
                self.counts.introspections.add(now, 1);
                let is_down = is_down(now);
                let takes = if is_down { FETCH_TIMEOUT } else { ANSWERED_AFTER };
                let token = u8::try_from(number).expect("the number of a token");
                self.enter(now + micros(takes), instance, Event::Answer { token, asked_at: now, is_there: !is_down });
            }
        }
    }

    /// The user of the first token gets a new one.
    fn sign_in(&mut self, now: Time, instance: usize) {
        let state = &mut self.instances[instance];
        if !std::mem::replace(&mut state.has_new_token, true) {
            state.opaque.replace(0);
            self.counts.new_tokens.add(now, 1);
        }
    }

    fn enter(&mut self, at: Time, instance: usize, event: Event) {
        self.agenda.enter(at, (u16::try_from(instance).expect("a number of instances"), event));
    }

    /// A time in the next `within`.
    fn spread(&mut self, within: Time) -> Time {
        self.random.u64(..within)
    }

    /// Requests come independently of each other.
    fn pause(&mut self, mean: Duration) -> Time {
        micros(mean.mul_f64(-(1.0 - self.random.f64()).ln()))
    }

    /// Both clocks go alike here.
    fn moment(&self, now: Time) -> Moment {
        self.origin.plus(Duration::from_micros(now))
    }
}

fn is_down(now: Time) -> bool {
    (DOWN..UP).contains(&now)
}

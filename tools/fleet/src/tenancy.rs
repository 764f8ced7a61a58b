//! One instance's tenants: a bounded table with the keys of each, from which idle tenants are removed.

use std::time::Duration;

use crate::agenda::{Time, micros};
use crate::bounds::{
    FAILURES_BEFORE_REREAD, FIRST_FETCH_INTERVAL, IDLE_AFTER, MAX_FETCHES, MAX_TENANTS, METADATA_LIFETIME,
    REREAD_INTERVAL, TENANT_FAILED_FOR,
};
use crate::clock::Moment;
use crate::schedule::RefreshSchedule;
use crate::token_bucket::TokenBucket;

pub(crate) struct Tenancy {
    places: Vec<Option<Tenant>>,
    /// Tenants that could not be loaded a moment ago.
    failed: Vec<(u16, Time)>,
    first_fetches: TokenBucket,
    loading: usize,
    generations: u32,
    pub(crate) most: usize,
    held: usize,
}

pub(crate) struct Tenant {
    number: u16,
    /// The place may have had another tenant before.
    pub(crate) generation: u32,
    pub(crate) schedule: RefreshSchedule,
    pub(crate) metadata: Metadata,
    pub(crate) waiting: Vec<Time>,
    last_used: Time,
    pub(crate) is_loading: bool,
    /// The number of revocations that the instance had when it looked a token up.
    pub(crate) looked_up_at: u32,
}

/// When the metadata was read, and whether it is to be read again.
#[derive(Clone, Copy, Default)]
pub(crate) struct Metadata {
    read_at: Option<Time>,
    reread_at: Option<Time>,
    failures: u32,
}

/// Where the tenant of a token is.
pub(crate) enum Place {
    Held(usize),
    /// It has got a place, and its keys have to be fetched.
    New(usize),
    /// It could not be loaded a moment ago.
    Failed,
    /// A bound is reached.
    Busy,
}

impl Tenancy {
    pub(crate) fn new(now: Moment) -> Self {
        let burst = u32::try_from(MAX_TENANTS).expect("a number of tenants");
        Self {
            places: Vec::new(),
            failed: Vec::new(),
            first_fetches: TokenBucket::new(burst, FIRST_FETCH_INTERVAL, now.monotonic),
            loading: 0,
            generations: 0,
            most: 0,
            held: 0,
        }
    }

    /// The place of a tenant whose token arrives.
    pub(crate) fn place(&mut self, number: u16, now: Time, moment: Moment, seed: u64) -> Place {
        let known = |place: &Option<Tenant>| place.as_ref().is_some_and(|tenant| tenant.number == number);
        if let Some(at) = self.places.iter().position(known) {
            let is_idle = self.places[at].as_ref().is_some_and(|tenant| tenant.is_idle(now));
            if !is_idle {
                self.places[at].as_mut().expect("a tenant").last_used = now;
                return Place::Held(at);
            }
            self.remove(at);
        }
        self.failed.retain(|(_, at)| now - at < micros(TENANT_FAILED_FOR));
        if self.failed.iter().any(|(failed, _)| *failed == number) {
            return Place::Failed;
        }
        if self.loading >= MAX_FETCHES || !self.first_fetches.try_take(moment.monotonic) {
            return Place::Busy;
        }
        if self.held >= MAX_TENANTS {
            let used = |at: &usize| self.places[*at].as_ref().map_or(Time::MAX, |tenant| tenant.last_used);
            let oldest = (0..self.places.len()).min_by_key(used).expect("a tenant");
            self.remove(oldest);
        }
        self.generations += 1;
        let tenant = Tenant {
            number,
            generation: self.generations,
            schedule: RefreshSchedule::new(moment, seed),
            metadata: Metadata::default(),
            waiting: Vec::new(),
            last_used: now,
            is_loading: true,
            looked_up_at: 0,
        };
        self.loading += 1;
        self.held += 1;
        self.most = self.most.max(self.held);
        let at = self.places.iter().position(Option::is_none).unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[at] = Some(tenant);
        Place::New(at)
    }

    /// The tenant that has this place, unless it has left.
    pub(crate) fn get(&mut self, at: usize, generation: u32) -> Option<&mut Tenant> {
        self.places[at].as_mut().filter(|tenant| tenant.generation == generation)
    }

    pub(crate) fn at(&mut self, at: usize) -> &mut Tenant {
        self.places[at].as_mut().expect("a tenant")
    }

    /// The first keys are there, or could not be fetched: then the tenant leaves.
    pub(crate) fn loaded(&mut self, at: usize, is_there: bool, now: Time) {
        self.loading -= 1;
        let tenant = self.at(at);
        tenant.is_loading = false;
        if !is_there {
            let number = tenant.number;
            self.failed.push((number, now));
            self.remove(at);
        }
    }

    pub(crate) fn remove_idle(&mut self, now: Time) -> u64 {
        let idle = |place: &Option<Tenant>| place.as_ref().is_some_and(|tenant| tenant.is_idle(now));
        let idle: Vec<_> = (0..self.places.len()).filter(|at| idle(&self.places[*at])).collect();
        for at in &idle {
            self.remove(*at);
        }
        idle.len() as u64
    }

    fn remove(&mut self, at: usize) {
        self.places[at] = None;
        self.held -= 1;
    }

    pub(crate) fn held(&self) -> usize {
        self.held
    }
}

impl Tenant {
    fn is_idle(&self, now: Time) -> bool {
        !self.is_loading && now - self.last_used >= micros(IDLE_AFTER)
    }
}

impl Metadata {
    /// Whether it is read before the keys are fetched.
    pub(crate) fn is_due(&mut self, now: Time) -> bool {
        let since = |at: Time, time: Duration| now - at >= micros(time);
        let Some(read_at) = self.read_at else { return true };
        let is_due = self.failures >= FAILURES_BEFORE_REREAD || since(read_at, METADATA_LIFETIME);
        let is_allowed = self.reread_at.is_none_or(|at| since(at, REREAD_INTERVAL));
        if is_due && is_allowed {
            self.reread_at = Some(now);
        }
        is_due && is_allowed
    }

    pub(crate) fn fetched(&mut self, was_read: bool, now: Time) {
        self.failures = 0;
        if was_read {
            self.read_at = Some(now);
        }
    }

    pub(crate) fn failed(&mut self) {
        self.failures += 1;
    }
}

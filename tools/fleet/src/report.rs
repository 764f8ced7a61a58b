//! What happens to the platform and when, and what is reported about it.

use crate::agenda::Time;
use crate::rates::{Rates, figure};
use crate::redis::Redis;
use crate::tenancy::Tenancy;

pub(crate) const MINUTE: Time = 60_000_000;
/// From here on, the start no longer affects the figures.
const STEADY: Time = 65 * MINUTE;
pub(crate) const DOWN: Time = 73 * MINUTE;
pub(crate) const UP: Time = DOWN + 10 * MINUTE;
const RETURNED: Time = UP + 2 * MINUTE;
pub(crate) const REVOKE: Time = RETURNED + 16 * MINUTE;
pub(crate) const END: Time = REVOKE + 3 * MINUTE;

/// The phases that the report covers.
const PHASES: [(&str, Time, Time); 6] = [
    ("before", STEADY, DOWN),
    ("down, the first 5 minutes", DOWN, DOWN + 5 * MINUTE),
    ("down, the last 5 minutes", DOWN + 5 * MINUTE, UP),
    ("the first 2 minutes after", UP, RETURNED),
    ("the next 16 minutes", RETURNED, REVOKE),
    ("the revocation and 3 minutes after", REVOKE, END),
];

/// What was counted in each second, of all instances.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) keys: Rates,
    pub(crate) introspections: Rates,
    pub(crate) refused: Rates,
    pub(crate) busy: Rates,
    pub(crate) unavailable: Rates,
    pub(crate) requests: Rates,
    pub(crate) look_ups: Rates,
    pub(crate) new_tokens: Rates,
    pub(crate) last_append: Time,
    pub(crate) idle_tenants: u64,
    pub(crate) open_circuits: usize,
}

/// Prints the tables.
pub(crate) fn print<'t>(counts: &Counts, tenancies: impl Iterator<Item = &'t Tenancy>, redis: &Redis) {
    print_provider(counts);
    println!();
    print_ratios(counts);
    let tenancies: Vec<_> = tenancies.collect();
    let most = tenancies.iter().map(|tenancy| tenancy.most).max().unwrap_or_default();
    let held = tenancies.iter().map(|tenancy| tenancy.held() as u64).sum();
    let instances = tenancies.len();
    println!(
        "tenants: {:.1} are held by an instance at the end, {most} at most, and {} have left because they were idle",
        figure(held) / figure(instances as u64),
        counts.idle_tenants,
    );
    println!("circuits: {} of {instances} are open a minute into the outage", counts.open_circuits);
    println!();
    print_redis(redis);
    println!();
    let (half, all) = redis.ready();
    let after = |at: Time| figure(at - REVOKE) / 1e6;
    println!(
        "revocations: {} are made in {:.1} s; half of the instances have all of them after {:.1} s, and all instances after {:.1} s{}",
        redis.entries(),
        after(counts.last_append),
        after(half),
        after(all),
        if redis.is_all_applied() { "" } else { ", or later" },
    );
    println!(
        "in 3 minutes: {} look-ups of tokens, and {} new tokens",
        counts.look_ups.total(REVOKE, END),
        counts.new_tokens.total(REVOKE, END),
    );
}

fn print_provider(counts: &Counts) {
    let Counts { keys, introspections, refused, busy, unavailable, requests, .. } = counts;
    let all = keys.with(introspections);
    println!(
        "| at the provider | keys mean/s | introspection mean/s | all mean/s | peak/s, of 10 s | peak/s, of 1 s | requests | 401 | 429 | 503 |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (name, from, to) in PHASES {
        println!(
            "| {name} | {:.0} | {:.0} | {:.0} | {:.0} | {} | {} | {} | {} | {} |",
            keys.mean(from, to),
            introspections.mean(from, to),
            all.mean(from, to),
            all.wide_peak(from, to),
            all.peak(from, to),
            requests.total(from, to),
            refused.total(from, to),
            busy.total(from, to),
            unavailable.total(from, to),
        );
    }
}

/// The goal is at most 2.
fn print_ratios(counts: &Counts) {
    let all = counts.keys.with(&counts.introspections);
    println!(
        "| the peak after the outage, as a multiple of the mean before it | of 10 s | of 1 s | after 2 minutes, of 10 s | of 1 s |"
    );
    println!("|---|---:|---:|---:|---:|");
    for (name, rates) in [("keys", &counts.keys), ("introspection", &counts.introspections), ("all", &all)] {
        let before = rates.mean(STEADY, DOWN);
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {:.2} |",
            rates.wide_peak(UP, REVOKE) / before,
            figure(rates.peak(UP, REVOKE)) / before,
            rates.wide_peak(RETURNED, REVOKE) / before,
            figure(rates.peak(RETURNED, REVOKE)) / before,
        );
    }
    println!();
}

fn print_redis(redis: &Redis) {
    println!("| at Redis | commands mean/s | peak/s | MB mean/s | peak/s |");
    println!("|---|---:|---:|---:|---:|");
    for (name, from, to) in [PHASES[0], PHASES[5]] {
        let megabytes = |bytes: f64| bytes / 1e6;
        println!(
            "| {name} | {:.0} | {} | {:.1} | {:.1} |",
            redis.commands.mean(from, to),
            redis.commands.peak(from, to),
            megabytes(redis.bytes.mean(from, to)),
            megabytes(figure(redis.bytes.peak(from, to))),
        );
    }
}

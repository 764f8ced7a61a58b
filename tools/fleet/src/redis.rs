//! One Redis, and the instances that follow its stream of revocations. It carries out one command after the other.

use std::time::Duration;

use crate::agenda::{Time, micros};
use crate::bounds::{BATCH, CHECK_INTERVAL, RECORD_VERSION, TRIM_INTERVAL, XREAD_WAIT};
use crate::rates::Rates;

/// What Redis needs for a command or a reply, whatever its length: 200,000 a second …
const EACH: Duration = Duration::from_micros(5);
/// … and how much it sends in a second over a line of 10 Gbit/s.
const BYTES_A_SECOND: u64 = 1_250_000_000;
const KEY: &str = "tower-bearer:orders-api:revocations";

/// What the record of a revoked user has, in [`RECORD_VERSION`], as `RevocationRecord::to_json` writes it.
const RECORD: &str = r#"{"v":1,"iss":"https://login.example.com/tenant-0001","kind":"subject","name":"6f1c2b8e-3a54-4d0e-9f67-2b1f0c9d8e7a","at":1795977909000,"recorded":1795977909000,"keep":4320000}"#;
const _: () = assert!(RECORD_VERSION == 1, "the record has the version that it says");
/// An ID, as in `1795977909000-0`.
const ID: u64 = 15;

pub(crate) struct Redis {
    /// When it has done what it was asked to.
    free_at: Time,
    entries: u32,
    followers: Vec<Follower>,
    pub(crate) commands: Rates,
    pub(crate) bytes: Rates,
}

/// One instance.
#[derive(Clone, Default)]
struct Follower {
    /// How many entries it was sent.
    sent: u32,
    /// How many it has applied.
    applied: u32,
    blocked_until: Option<Time>,
    checked_at: Time,
    trimmed_at: Option<Time>,
    /// When it had applied everything.
    ready_at: Time,
}

/// What a follower asks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    Read,
    Check,
    Trim,
}

/// A reply is on its way, or nothing yet.
pub(crate) enum Outcome {
    Replied {
        at: Time,
    },
    /// It waits at Redis until then.
    Blocked {
        until: Time,
    },
}

impl Redis {
    /// How long a command or a reply is on its way.
    pub(crate) const WAY: Duration = Duration::from_micros(250);

    pub(crate) fn new(instances: usize) -> Self {
        let followers = vec![Follower::default(); instances];
        Self { free_at: 0, entries: 0, followers, commands: Rates::default(), bytes: Rates::default() }
    }

    /// Carries out what a follower has asked, which arrives `now`.
    pub(crate) fn ask(&mut self, instance: usize, ask: Ask, now: Time) -> Outcome {
        let entries = self.entries;
        let follower = &mut self.followers[instance];
        let reply = match ask {
            Ask::Read if follower.sent == entries => {
                let until = now.max(self.free_at) + micros(XREAD_WAIT);
                follower.blocked_until = Some(until);
                self.spend(now, 1, command(&["XREAD", "COUNT", "200", "BLOCK", "1000", "STREAMS", KEY]) + ID);
                return Outcome::Blocked { until };
            }
            Ask::Read => {
                let count = (entries - follower.sent).min(BATCH);
                follower.sent += count;
                command(&["XREAD", "COUNT", "200", "BLOCK", "1000", "STREAMS", KEY]) + ID + reply_of(count)
            }
            // It has the first entry, the last one, and nine numbers.
            Ask::Check => command(&["XINFO", "STREAM", KEY]) + 280 + 2 * u64::from(entries.min(1)) * entry(),
            Ask::Trim => command(&["XTRIM", KEY, "MINID", "~"]) + ID + 4,
        };
        let at = self.spend(now, 1, reply) + micros(Self::WAY);
        Outcome::Replied { at }
    }

    /// Carries out the append of a record. Returns who waited for it, and when the replies to them arrive.
    pub(crate) fn append(&mut self, now: Time) -> Vec<(usize, Time)> {
        self.entries += 1;
        self.spend(now, 1, command(&["XADD", KEY, "*", "record", RECORD]) + ID);
        let blocked: Vec<_> =
            (0..self.followers.len()).filter(|at| self.followers[*at].blocked_until.is_some()).collect();
        let served = blocked.into_iter().map(|instance| {
            let follower = &mut self.followers[instance];
            follower.blocked_until = None;
            let count = self.entries - follower.sent;
            follower.sent = self.entries;
            (instance, self.spend(now, 0, reply_of(count)) + micros(Self::WAY))
        });
        served.collect()
    }

    /// The wait of a follower ends, unless it was served. Returns when the reply that there is nothing arrives.
    pub(crate) fn end_wait(&mut self, instance: usize, until: Time) -> Option<Time> {
        let follower = &mut self.followers[instance];
        if follower.blocked_until != Some(until) {
            return None;
        }
        follower.blocked_until = None;
        Some(self.spend(until, 0, 3) + micros(Self::WAY))
    }

    /// A reply has come: what the follower asks next, as its task does. Both are on their way at once only here.
    pub(crate) fn next(&mut self, instance: usize, asked: Ask, now: Time) -> Ask {
        let entries = self.entries;
        let follower = &mut self.followers[instance];
        if asked == Ask::Read {
            let is_all = follower.sent - follower.applied < BATCH;
            if follower.applied < follower.sent {
                follower.applied = follower.sent;
                if follower.applied == entries {
                    follower.ready_at = now;
                }
            }
            if is_all && follower.trimmed_at.is_none_or(|at| now - at >= micros(TRIM_INTERVAL)) {
                follower.trimmed_at = Some(now);
                return Ask::Trim;
            }
        }
        if asked != Ask::Check && now - follower.checked_at >= micros(CHECK_INTERVAL) {
            follower.checked_at = now;
            return Ask::Check;
        }
        Ask::Read
    }

    /// Whether the revocation with this number, from 0, was made.
    pub(crate) fn is_appended(&self, number: u32) -> bool {
        self.entries > number
    }

    /// How many revocations an instance has.
    pub(crate) fn applied(&self, instance: usize) -> u32 {
        self.followers[instance].applied
    }

    /// When half of the instances had all revocations, and when all had.
    pub(crate) fn ready(&self) -> (Time, Time) {
        let mut times: Vec<_> = self.followers.iter().map(|follower| follower.ready_at).collect();
        times.sort_unstable();
        (times[times.len() / 2], times[times.len() - 1])
    }

    pub(crate) fn entries(&self) -> u32 {
        self.entries
    }

    pub(crate) fn is_all_applied(&self) -> bool {
        self.followers.iter().all(|follower| follower.applied == self.entries)
    }

    /// When it is done.
    fn spend(&mut self, now: Time, commands: u64, bytes: u64) -> Time {
        let began = self.free_at.max(now);
        self.commands.add(began, commands);
        self.bytes.add(began, bytes);
        self.free_at = began + micros(EACH) + bytes * 1_000_000 / BYTES_A_SECOND;
        self.free_at
    }
}

/// The bytes of a command (RESP): each part with its length.
fn command(parts: &[&str]) -> u64 {
    6 + parts.iter().map(|part| bulk(part.len() as u64)).sum::<u64>()
}

fn bulk(length: u64) -> u64 {
    8 + length
}

/// The bytes of an entry in a reply: an array of its ID and of an array of a field and its value.
fn entry() -> u64 {
    8 + bulk(ID) + bulk("record".len() as u64) + bulk(RECORD.len() as u64)
}

fn reply_of(entries: u32) -> u64 {
    12 + bulk(KEY.len() as u64) + u64::from(entries) * entry()
}

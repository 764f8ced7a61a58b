use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use siphasher::sip128::SipHasher24;
use smallvec::{SmallVec, smallvec};

use super::end::End;
use super::entries::Entries;
use super::revocation::{Revocation, Target};
use super::revocations_full::RevocationsFull;
use super::token_facts::{Issued, TokenFacts};
use crate::clock::Moment;

/// The longest time for which the answer about an opaque token is remembered.
pub(super) const MAX_ANSWER_LIFE: Duration = Duration::from_secs(10 * 60);
/// How many entries are removed at a time. Requests may wait for it, so it takes a part of a millisecond.
const REMOVED_AT_A_TIME: usize = 200;
/// How many sessions of one subject have entries of their own. A user who signs in and out all day does not fill the table.
const MAX_SESSIONS: u8 = 16;

/// What is revoked: pure, with the time as an argument. The names themselves are not kept, only keyed hashes of 128 bits.
pub(super) struct Table {
    hasher: SipHasher24,
    /// How long an entry is kept after the last token that it concerns was issued.
    lifetime: Duration,
    quota: usize,
    entries: Entries<Entry>,
    /// The entries by the minute in which they end.
    buckets: BTreeMap<u32, Vec<u128>>,
    /// How many entries each issuer has, of each kind. So a lookup hashes only what may be there.
    counts: Vec<[usize; KINDS]>,
    /// The number of each issuer, which is its place in the counts.
    issuers: HashMap<Box<str>, u32>,
    /// Numbers of issuers that had no entries left. The next new issuers get them.
    free: Vec<u32>,
    start: Instant,
}

/// It is small, because there may be a million.
struct Entry {
    /// Tokens that were issued up to this time, in seconds since 1970, are dead; infinite if all are.
    dead_until: f64,
    /// When this process learned of it, in seconds since 1970. What an issuer has said of a token before then may be older than the
    /// revocation, even if the issuer's clock is behind.
    learned: f64,
    ends: End,
    issuer: u32,
    kind: Kind,
    /// In an entry for a subject's tokens without a session: how many sessions of the subject are revoked.
    sessions: u8,
}

/// What a revocation adds to the table.
struct Addition {
    key: u128,
    kind: Kind,
    dead_until: f64,
    ends: End,
}

const KINDS: usize = 6;

#[derive(Clone, Copy)]
enum Kind {
    Session,
    Token,
    Subject,
    /// The tokens of a subject that name no session.
    SubjectWithoutSession,
    Client,
    Issuer,
}

impl Table {
    /// `key` is secret, so that strangers cannot make two names collide.
    pub(super) fn new(key: &[u8; 16], lifetime: Duration, quota: usize, start: Instant) -> Self {
        Self {
            hasher: SipHasher24::new_with_key(key),
            lifetime,
            quota,
            entries: Entries::new(),
            buckets: BTreeMap::new(),
            counts: Vec::new(),
            issuers: HashMap::new(),
            free: Vec::new(),
            start,
        }
    }

    pub(super) fn quota(&self) -> usize {
        self.quota
    }

    pub(super) fn set_quota(&mut self, quota: usize) {
        self.quota = quota;
    }

    /// Adds a revocation of tokens that were issued until `at`, or of whole sessions and tokens. Entries for
    /// sessions and tokens are kept for a time that is counted from when the revocation was `recorded`.
    ///
    /// Returns whether a token that was not dead before may be dead now: an entry only grows, so a repeated revocation, and one
    /// that comes late, change nothing.
    pub(super) fn add(
        &mut self,
        revocation: &Revocation,
        at: SystemTime,
        recorded: SystemTime,
        now: Moment,
    ) -> Result<bool, RevocationsFull> {
        self.purge(now, REMOVED_AT_A_TIME);
        let issuer = self.number(&revocation.issuer);
        let mut additions = self.additions(revocation, at, recorded, now);
        if self.has_no_room_for(&additions, issuer) {
            self.purge(now, usize::MAX);
            additions = self.additions(revocation, at, recorded, now);
            if self.has_no_room_for(&additions, issuer) {
                return Err(RevocationsFull { quota: self.quota });
            }
        }
        let is_new_session =
            |addition: &Addition| matches!(addition.kind, Kind::Session) && !self.entries.contains(addition.key);
        let new_sessions = u8::from(additions.iter().any(is_new_session));
        let mut grows = false;
        for addition in additions {
            grows |= self.insert(&addition, issuer, new_sessions, now);
        }
        Ok(grows)
    }

    /// The entries of a revocation, without those of sessions and tokens that have all expired.
    fn additions(
        &self,
        revocation: &Revocation,
        at: SystemTime,
        recorded: SystemTime,
        now: Moment,
    ) -> SmallVec<[Addition; 2]> {
        let issuer = &*revocation.issuer;
        let names: SmallVec<[(Kind, &str); 2]> = match &revocation.target {
            Target::Session(sid) => smallvec![(Kind::Session, &**sid)],
            Target::SessionOf { sid, sub } => {
                let session = if self.has_room_for_session(issuer, sid, sub, now) {
                    (Kind::Session, &**sid)
                } else {
                    (Kind::Subject, &**sub)
                };
                smallvec![(Kind::SubjectWithoutSession, &**sub), session]
            }
            Target::Token(jti) => smallvec![(Kind::Token, &**jti)],
            Target::Subject(sub) => smallvec![(Kind::Subject, &**sub)],
            Target::Client(client_id) => smallvec![(Kind::Client, &**client_id)],
            Target::Issuer => smallvec![(Kind::Issuer, "")],
        };
        let addition = |(kind, name)| {
            let (dead_until, since, least) = match kind {
                Kind::Session | Kind::Token => (f64::INFINITY, recorded, None),
                // However late it comes: an answer that was given before may still be remembered.
                Kind::Subject | Kind::SubjectWithoutSession | Kind::Client | Kind::Issuer => {
                    (seconds(at), at, Some(MAX_ANSWER_LIFE))
                }
            };
            let left = match now.wall.duration_since(since) {
                Ok(passed) => self.lifetime.checked_sub(passed),
                Err(ahead) => Some(self.lifetime.saturating_add(ahead.duration())),
            };
            let left = left.max(least)?;
            Some(Addition {
                key: self.key(issuer, kind, name),
                kind,
                dead_until,
                ends: self.by_both_clocks(now).plus(left),
            })
        };
        names.into_iter().filter_map(addition).collect()
    }

    /// Whether the session has an entry, or may get one.
    fn has_room_for_session(&self, issuer: &str, sid: &str, sub: &str, now: Moment) -> bool {
        let subject = self.entries.get(self.key(issuer, Kind::SubjectWithoutSession, sub));
        subject.is_none_or(|subject| subject.sessions_at(seconds(now.wall), self.lifetime) < MAX_SESSIONS)
            || self.entries.contains(self.key(issuer, Kind::Session, sid))
    }

    fn has_no_room_for(&self, additions: &[Addition], issuer: u32) -> bool {
        let new = additions.iter().filter(|addition| !self.entries.contains(addition.key)).count();
        let held = self.counts[issuer as usize].iter().sum::<usize>();
        new > 0 && held + new > self.quota
    }

    /// Inserts an entry, or prolongs it. Whether it concerns more tokens than before.
    fn insert(&mut self, addition: &Addition, issuer: u32, new_sessions: u8, now: Moment) -> bool {
        let Addition { key, kind, dead_until, ends } = *addition;
        let learned = seconds(now.wall);
        let new_sessions = if matches!(kind, Kind::SubjectWithoutSession) { new_sessions } else { 0 };
        if let Some(entry) = self.entries.get_mut(key) {
            let grows = dead_until > entry.dead_until;
            if grows {
                entry.sessions = entry.sessions_at(learned, self.lifetime);
                (entry.dead_until, entry.learned) = (dead_until, learned);
            }
            // The bucket of the earlier end finds that the entry has not ended.
            entry.ends = entry.ends.latest(ends);
            entry.sessions = entry.sessions.saturating_add(new_sessions);
            return grows;
        }
        self.counts[issuer as usize][kind as usize] += 1;
        self.entries.insert(key, Entry { dead_until, learned, ends, issuer, kind, sessions: new_sessions });
        self.buckets.entry(ends.bucket()).or_default().push(key);
        true
    }

    /// Whether the token is revoked.
    pub(super) fn holds(&self, token: &TokenFacts<'_>) -> bool {
        let Some(issuer) = self.issuers.get(token.issuer) else { return false };
        let counts = &self.counts[*issuer as usize];
        let names = [
            (Kind::Session, token.session),
            (Kind::Token, token.id),
            (Kind::Subject, Some(token.subject)),
            (Kind::SubjectWithoutSession, Some(token.subject).filter(|_| token.session.is_none())),
            (Kind::Client, token.client),
            (Kind::Issuer, Some("")),
        ];
        names.into_iter().filter(|(kind, _)| counts[*kind as usize] > 0).any(|(kind, name)| {
            let entry = name.and_then(|name| self.entries.get(self.key(token.issuer, kind, name)));
            entry.is_some_and(|entry| token.issued.is_until(entry))
        })
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Removes what has ended by both clocks: a time of day that was set forward for a while must not make dead tokens good. It looks at
    /// `most` entries, or at the few that are there.
    fn purge(&mut self, now: Moment, most: usize) {
        let now = self.by_both_clocks(now);
        for _ in 0..most {
            let Some(mut bucket) = self.buckets.first_entry().filter(|bucket| *bucket.key() < now.bucket()) else {
                return;
            };
            let Some(key) = bucket.get_mut().pop() else {
                bucket.remove();
                continue;
            };
            let Some(entry) = self.entries.get(key) else { continue };
            if now.latest(entry.ends) == now {
                self.counts[entry.issuer as usize][entry.kind as usize] -= 1;
                self.entries.remove(key);
            } else {
                let next = entry.ends.latest(now).bucket();
                self.buckets.entry(next).or_default().push(key);
            }
        }
    }

    fn by_both_clocks(&self, now: Moment) -> End {
        End::at(now, self.start)
    }

    fn number(&mut self, issuer: &str) -> u32 {
        if let Some(number) = self.issuers.get(issuer) {
            return *number;
        }
        // Not at each new issuer, but when as many are new as were left the last time.
        if self.issuers.len() == self.issuers.capacity() {
            self.remove_issuers_without_entries();
            self.issuers.reserve(self.issuers.len());
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.counts.push([0; KINDS]);
            u32::try_from(self.counts.len() - 1).expect("there are fewer issuers than that")
        });
        self.issuers.insert(issuer.into(), number);
        number
    }

    /// Tenants come and go: their names must not stay for ever.
    fn remove_issuers_without_entries(&mut self) {
        let Self { issuers, counts, free, .. } = self;
        issuers.retain(|_, number| {
            let has_entries = counts[*number as usize].iter().any(|count| *count > 0);
            if !has_entries {
                free.push(*number);
            }
            has_entries
        });
    }

    /// The kind, and both names after their lengths, so that no two triples have the same input.
    fn key(&self, issuer: &str, kind: Kind, name: &str) -> u128 {
        let mut input = SmallVec::<[u8; 256]>::new();
        input.push(kind as u8);
        for part in [issuer, name] {
            input.extend_from_slice(&(part.len() as u64).to_be_bytes());
            input.extend_from_slice(part.as_bytes());
        }
        self.hasher.hash(&input).as_u128()
    }
}

impl Entry {
    /// How many sessions of its subject count. They leave the count as they leave the table. Otherwise the entry of somebody who signs
    /// out every day, which never ends, would count all sessions that there ever were.
    fn sessions_at(&self, now: f64, lifetime: Duration) -> u8 {
        let passed = Duration::try_from_secs_f64(now - self.learned).unwrap_or_default();
        let ended = passed.as_secs().saturating_mul(MAX_SESSIONS.into()) / lifetime.as_secs().max(1);
        self.sessions.saturating_sub(u8::try_from(ended).unwrap_or(u8::MAX))
    }
}

impl Issued {
    /// Whether a token of which this is known is one that the entry refuses.
    fn is_until(self, entry: &Entry) -> bool {
        match self {
            // Either may have whole seconds, rounded down.
            Self::At(iat) => iat.floor() <= entry.dead_until.floor(),
            // The times of an entry have whole microseconds, rounded down.
            Self::Confirmed(asked) => asked <= entry.dead_until.max(entry.learned) + 1e-6,
        }
    }
}

/// Without nanoseconds: with them, the last ones of a second would be rounded to the next second, whose tokens were issued later.
fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::new(since.as_secs(), since.subsec_micros() * 1000).as_secs_f64()
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "table_memory_tests.rs"]
mod memory_tests;

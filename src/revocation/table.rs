use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use siphasher::sip128::SipHasher24;

use super::revocation::{Revocation, Target};
use super::revocations_full::RevocationsFull;
use super::token_facts::{Issued, TokenFacts};
use crate::clock::Moment;

/// How long a bucket of entries lasts that are removed together.
const BUCKET: Duration = Duration::from_secs(60);
/// How many entries are removed at a time. Requests may wait for it, so it takes a part of a millisecond.
const REMOVED_AT_A_TIME: usize = 200;

/// What is revoked: pure, with the time as an argument. The names themselves are not kept, only keyed hashes of 128 bits.
pub(super) struct Table {
    hasher: SipHasher24,
    /// How long an entry is kept after the last token that it concerns was issued.
    lifetime: Duration,
    quota: usize,
    entries: HashMap<u128, Entry>,
    /// The entries by the minute in which they end.
    buckets: BTreeMap<u64, Vec<u128>>,
    /// How many entries each issuer has, of each kind. So a look-up hashes only what may be there.
    counts: Vec<[usize; KINDS]>,
    /// The number of each issuer, which is its place in the counts.
    issuers: HashMap<Box<str>, u32>,
    start: Instant,
}

/// It is small, because there may be a million.
struct Entry {
    /// The last time, in seconds since 1970, at which a token was issued that is dead; infinite if all are.
    dead_until: f64,
    ends: End,
    issuer: u32,
    kind: Kind,
}

/// A time by both clocks, in whole seconds, such as the end of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
struct End {
    since_1970: u64,
    since_start: u64,
}

const KINDS: usize = 5;

#[derive(Clone, Copy)]
enum Kind {
    Session,
    Token,
    Subject,
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
            entries: HashMap::new(),
            buckets: BTreeMap::new(),
            counts: Vec::new(),
            issuers: HashMap::new(),
            start,
        }
    }

    pub(super) fn quota(&self) -> usize {
        self.quota
    }

    /// Adds a revocation. Whether a token may be dead now that was not before: an entry only grows, so a repeated revocation, and one
    /// that comes late, change nothing.
    pub(super) fn add(&mut self, revocation: &Revocation, now: Moment) -> Result<bool, RevocationsFull> {
        self.purge(now, REMOVED_AT_A_TIME);
        let issuer = &revocation.issuer;
        let (kind, name) = kind_of(&revocation.target);
        let at = revocation.at.map_or(now.wall, |at| at.min(now.wall));
        let (dead_until, left) = match kind {
            Kind::Session | Kind::Token => (f64::INFINITY, self.lifetime),
            Kind::Subject | Kind::Client | Kind::Issuer => {
                let passed = now.wall.duration_since(at).unwrap_or_default();
                // All tokens that were issued until then have expired.
                let Some(left) = self.lifetime.checked_sub(passed) else { return Ok(false) };
                (seconds(at), left)
            }
        };
        let ends = self.by_both_clocks(now).plus(left);
        let key = self.key(issuer, kind, name);
        if let Some(entry) = self.entries.get_mut(&key) {
            let grows = dead_until > entry.dead_until;
            entry.dead_until = entry.dead_until.max(dead_until);
            // The bucket of the earlier end finds that the entry has not ended.
            entry.ends = entry.ends.latest(ends);
            return Ok(grows);
        }
        let issuer = self.number(issuer);
        if self.is_full(issuer) {
            self.purge(now, usize::MAX);
            if self.is_full(issuer) {
                return Err(RevocationsFull { quota: self.quota });
            }
        }
        self.counts[issuer as usize][kind as usize] += 1;
        self.entries.insert(key, Entry { dead_until, ends, issuer, kind });
        self.buckets.entry(ends.bucket()).or_default().push(key);
        Ok(true)
    }

    /// Whether the token is revoked.
    pub(super) fn holds(&self, token: &TokenFacts<'_>) -> bool {
        let Some(issuer) = self.issuers.get(token.issuer) else { return false };
        let counts = &self.counts[*issuer as usize];
        let names = [
            (Kind::Session, token.session),
            (Kind::Token, token.id),
            (Kind::Subject, Some(token.subject)),
            (Kind::Client, token.client),
            (Kind::Issuer, Some("")),
        ];
        names.into_iter().filter(|(kind, _)| counts[*kind as usize] > 0).any(|(kind, name)| {
            let entry = name.and_then(|name| self.entries.get(&self.key(token.issuer, kind, name)));
            entry.is_some_and(|entry| token.issued.is_until(entry.dead_until))
        })
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn is_full(&self, issuer: u32) -> bool {
        self.counts[issuer as usize].iter().sum::<usize>() >= self.quota
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
            let Some(entry) = self.entries.get(&key) else { continue };
            if now.latest(entry.ends) == now {
                self.counts[entry.issuer as usize][entry.kind as usize] -= 1;
                self.entries.remove(&key);
            } else {
                let next = entry.ends.latest(now).bucket();
                self.buckets.entry(next).or_default().push(key);
            }
        }
    }

    fn by_both_clocks(&self, now: Moment) -> End {
        let since_1970 = now.wall.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let since_start = now.monotonic.saturating_duration_since(self.start).as_secs();
        End { since_1970, since_start }
    }

    fn number(&mut self, issuer: &str) -> u32 {
        if let Some(number) = self.issuers.get(issuer) {
            return *number;
        }
        let number = u32::try_from(self.counts.len()).expect("there are fewer issuers than that");
        self.counts.push([0; KINDS]);
        self.issuers.insert(issuer.into(), number);
        number
    }

    /// The kind, and both names after their lengths, so that no two triples have the same input.
    fn key(&self, issuer: &str, kind: Kind, name: &str) -> u128 {
        let mut input = smallvec::SmallVec::<[u8; 256]>::new();
        input.push(kind as u8);
        for part in [issuer, name] {
            input.extend_from_slice(&(part.len() as u64).to_be_bytes());
            input.extend_from_slice(part.as_bytes());
        }
        self.hasher.hash(&input).as_u128()
    }
}

impl Issued {
    /// Whether a token of which this is known counts as one that was issued until `time`.
    fn is_until(self, time: f64) -> bool {
        match self {
            // Either may have whole seconds, rounded down.
            Self::At(iat) => iat.floor() <= time.floor(),
            Self::Confirmed(asked) => asked <= time,
        }
    }
}

impl End {
    /// Rounded up, so that no entry ends too early: both the time and `left` lose a part of a second.
    fn plus(self, left: Duration) -> Self {
        let left = left.as_secs().saturating_add(2);
        Self { since_1970: self.since_1970.saturating_add(left), since_start: self.since_start.saturating_add(left) }
    }

    fn latest(self, other: Self) -> Self {
        Self { since_1970: self.since_1970.max(other.since_1970), since_start: self.since_start.max(other.since_start) }
    }

    fn bucket(self) -> u64 {
        self.since_1970 / BUCKET.as_secs()
    }
}

fn kind_of(target: &Target) -> (Kind, &str) {
    match target {
        Target::Session(sid) => (Kind::Session, sid),
        Target::Token(jti) => (Kind::Token, jti),
        Target::Subject(sub) => (Kind::Subject, sub),
        Target::Client(client_id) => (Kind::Client, client_id),
        Target::Issuer => (Kind::Issuer, ""),
    }
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    const LIFE: Duration = Duration::from_secs(3600);
    const ISSUER: &str = "https://login.example.com";

    /// A table, and a time at which it is used.
    struct Rig {
        table: Table,
        now: Moment,
    }

    impl Rig {
        fn new(quota: usize) -> Self {
            let monotonic = SystemClock.monotonic();
            let now = Moment { monotonic, wall: UNIX_EPOCH + Duration::from_secs(1_000_000) };
            Self { table: Table::new(&[7; 16], LIFE, quota, monotonic), now }
        }

        fn pass(&mut self, seconds: u64) {
            self.now = self.now.plus(Duration::from_secs(seconds));
        }

        fn add(&mut self, revocation: &Revocation) -> bool {
            self.table.add(revocation, self.now).unwrap()
        }

        fn purge(&mut self) {
            self.table.purge(self.now, usize::MAX);
        }

        fn at(&self, seconds: f64) -> SystemTime {
            let offset = Duration::from_secs_f64(seconds.abs());
            if seconds < 0.0 { self.now.wall - offset } else { self.now.wall + offset }
        }

        /// Whether Alice's token is revoked that was issued so many seconds before or after a million.
        fn holds(&self, change: impl FnOnce(&mut TokenFacts<'static>)) -> bool {
            let mut token = TokenFacts {
                issuer: ISSUER,
                session: Some("s"),
                id: Some("j"),
                subject: "alice",
                client: Some("app"),
                issued: Issued::At(1_000_000.0 - 60.0),
            };
            change(&mut token);
            self.table.holds(&token)
        }

        fn holds_issued(&self, at: f64) -> bool {
            self.holds(|token| token.issued = Issued::At(1_000_000.0 + at))
        }
    }

    #[test]
    fn each_kind_of_revocation_concerns_the_tokens_that_it_names() {
        type Change = fn(&mut TokenFacts<'static>);
        let others: [(&str, Change); 6] = [
            ("session", |token| token.session = Some("S")),
            ("no session", |token| token.session = None),
            ("token", |token| token.id = Some("j ")),
            ("subject", |token| token.subject = "alic"),
            ("client", |token| token.client = None),
            ("issuer", |token| token.issuer = "https://login.example.com/"),
        ];
        for (revocation, differs) in [
            (Revocation::session(ISSUER, "s"), &["session", "no session", "issuer"][..]),
            (Revocation::token(ISSUER, "j"), &["token", "issuer"]),
            (Revocation::subject(ISSUER, "alice"), &["subject", "issuer"]),
            (Revocation::client(ISSUER, "app"), &["client", "issuer"]),
            (Revocation::issuer(ISSUER), &["issuer"]),
        ] {
            let mut rig = Rig::new(10);
            assert!(!rig.holds(|_| ()));
            assert!(rig.add(&revocation));
            assert!(rig.holds(|_| ()), "{revocation:?}");
            for (name, change) in others {
                assert_eq!(rig.holds(change), !differs.contains(&name), "{revocation:?} {name}");
            }
        }
        // A name of one kind is none of another, and the parts of a name do not move between issuer and name.
        let mut rig = Rig::new(10);
        rig.add(&Revocation::session(ISSUER, "alice"));
        rig.add(&Revocation::subject("https://login.example.co", "malice"));
        rig.add(&Revocation::token(ISSUER, ""));
        // So that the look-up considers each kind.
        rig.add(&Revocation::subject(ISSUER, "zoe"));
        rig.add(&Revocation::client(ISSUER, "s"));
        assert!(!rig.holds(|_| ()));
        assert!(rig.holds(|token| token.subject = "zoe"));
    }

    #[test]
    fn tokens_that_were_issued_later_are_good_but_not_those_of_a_dead_session() {
        for revocation in
            [Revocation::subject(ISSUER, "alice"), Revocation::client(ISSUER, "app"), Revocation::issuer(ISSUER)]
        {
            let mut rig = Rig::new(10);
            rig.add(&revocation);
            for (issued, dead) in [(-3000.0, true), (-0.5, true), (0.0, true), (0.5, true), (1.0, false), (60.0, false)]
            {
                assert_eq!(rig.holds_issued(issued), dead, "{revocation:?} {issued}");
            }
            assert!(rig.holds(|token| token.issued = Issued::At(f64::NEG_INFINITY)));
            // What the issuer has confirmed since is good, to a fraction of a second.
            for (asked, dead) in [(-0.1, true), (0.0, true), (0.001, false)] {
                assert_eq!(rig.holds(|token| token.issued = Issued::Confirmed(1_000_000.0 + asked)), dead, "{asked}");
            }
        }
        for revocation in [Revocation::session(ISSUER, "s"), Revocation::token(ISSUER, "j")] {
            let mut rig = Rig::new(10);
            let earlier = rig.at(-60.0);
            rig.add(&revocation.at(earlier));
            assert!(rig.holds_issued(1000.0));
            assert!(rig.holds(|token| token.issued = Issued::Confirmed(2_000_000.0)));
        }
    }

    #[test]
    fn the_time_of_a_revocation_may_be_in_the_past_and_not_in_the_future() {
        let subject = || Revocation::subject(ISSUER, "alice");
        let mut rig = Rig::new(10);
        let (past, future) = (rig.at(-100.5), rig.at(1000.0));
        assert!(rig.add(&subject().at(past)));
        assert_eq!([-102.0, -101.0, -100.0].map(|at| rig.holds_issued(at)), [true, true, false]);
        // An entry only grows: a repeated or an earlier event changes nothing.
        let earlier = rig.at(-1000.0);
        assert!(!rig.add(&subject().at(past)) && !rig.add(&subject().at(earlier)));
        assert_eq!([-102.0, -101.0, -100.0].map(|at| rig.holds_issued(at)), [true, true, false]);
        assert!(rig.add(&subject().at(future)));
        assert_eq!([0.0, 1.0].map(|at| rig.holds_issued(at)), [true, false]);
        assert_eq!(rig.table.len(), 1);
        // Of an event before which all tokens have expired, nothing is kept.
        let mut rig = Rig::new(10);
        let long_ago = rig.at(-3601.0);
        assert!(!rig.add(&subject().at(long_ago)));
        assert_eq!(rig.table.len(), 0);
    }

    #[test]
    fn an_entry_lasts_until_its_tokens_have_expired_by_both_clocks() {
        let mut rig = Rig::new(10);
        let past = rig.at(-1000.0);
        rig.add(&Revocation::subject(ISSUER, "alice").at(past));
        rig.add(&Revocation::session(ISSUER, "s"));
        let other = Revocation::client(ISSUER, "other");
        for (seconds, left) in [(2600, 2), (200, 1), (700, 1), (200, 0)] {
            rig.pass(seconds);
            rig.purge();
            assert_eq!(rig.table.len(), left, "after {seconds} s more");
        }
        // Prolonged.
        rig.add(&Revocation::session(ISSUER, "s"));
        rig.pass(3000);
        rig.add(&Revocation::session(ISSUER, "s"));
        rig.pass(3000);
        rig.add(&other);
        assert!(rig.holds(|_| ()));
        rig.pass(800);
        rig.purge();
        assert!(!rig.holds(|_| ()));
        // One of the clocks alone ends nothing, whichever it is.
        for forward in [true, false] {
            let mut rig = Rig::new(10);
            rig.add(&Revocation::session(ISSUER, "s"));
            let later = rig.now.plus(2 * LIFE);
            let odd =
                if forward { Moment { wall: later.wall, ..rig.now } } else { Moment { wall: rig.now.wall, ..later } };
            rig.table.purge(odd, usize::MAX);
            assert!(rig.holds(|_| ()));
            rig.table.purge(later, usize::MAX);
            rig.table.purge(later.plus(Duration::from_secs(120)), usize::MAX);
            assert!(!rig.holds(|_| ()), "{forward}");
        }
    }

    /// Of an entry that was prolonged, too, in whose first bucket it is still.
    #[test]
    fn an_entry_that_has_ended_by_its_monotonic_time_alone_stays() {
        let mut rig = Rig::new(10);
        rig.add(&Revocation::session(ISSUER, "s"));
        rig.pass(3000);
        rig.add(&Revocation::session(ISSUER, "s"));
        rig.now = Moment { monotonic: rig.now.plus(2 * LIFE).monotonic, ..rig.now.plus(Duration::from_secs(800)) };
        rig.purge();
        assert!(rig.holds(|_| ()));
    }

    #[test]
    fn few_entries_are_removed_at_a_time_unless_there_is_no_room() {
        const MANY: usize = 10 * REMOVED_AT_A_TIME;
        let mut rig = Rig::new(MANY);
        for session in 0..MANY {
            rig.add(&Revocation::session(ISSUER, &session.to_string()));
        }
        rig.pass(4000);
        rig.add(&Revocation::session(ISSUER, "one more"));
        assert_eq!(rig.table.len(), MANY - REMOVED_AT_A_TIME + 1);
        rig.table.quota = 2;
        rig.add(&Revocation::session(ISSUER, "another"));
        assert_eq!((rig.table.len(), rig.table.buckets.len()), (2, 1));
        assert!(rig.table.add(&Revocation::session(ISSUER, "too many"), rig.now).is_err());
        assert_eq!(rig.table.len(), 2);
    }

    #[test]
    fn a_full_quota_forgets_nothing_and_is_one_issuers() {
        let mut rig = Rig::new(3);
        for session in ["s", "t", "u"] {
            assert!(rig.add(&Revocation::session(ISSUER, session)));
        }
        let one_more = Revocation::subject(ISSUER, "alice");
        let error = rig.table.add(&one_more, rig.now).unwrap_err();
        assert_eq!(error.to_string(), "expected at most 3 revocations of one issuer at a time, found one more");
        assert!(rig.holds(|_| ()) && !rig.holds(|token| token.session = None));
        // What is there already, and other issuers, need no room.
        assert!(!rig.add(&Revocation::session(ISSUER, "s")));
        assert!(rig.add(&Revocation::session("https://other.example.com", "s")));
        rig.pass(3700);
        assert!(rig.add(&one_more));
        assert_eq!(rig.table.len(), 1);
    }
}

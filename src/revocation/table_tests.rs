//! Tests of the table of revocations.

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
        self.try_add(revocation).unwrap()
    }

    fn try_add(&mut self, revocation: &Revocation) -> Result<bool, RevocationsFull> {
        let now = self.now.wall;
        let at = revocation.at.map_or(now, |at| at.min(now));
        self.table.add(revocation, at, now, self.now)
    }

    fn purge(&mut self) {
        self.table.purge(self.now, usize::MAX);
    }

    fn at(&self, seconds: f64) -> SystemTime {
        let offset = Duration::from_secs_f64(seconds.abs());
        if seconds < 0.0 { self.now.wall - offset } else { self.now.wall + offset }
    }

    /// Whether Alice's token is revoked after it has been changed by `change`.
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

    /// Whether Alice's token is revoked if it was issued this many seconds before or after a million.
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
    // So that the lookup considers each kind.
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
        for (issued, dead) in [(-3000.0, true), (-0.5, true), (0.0, true), (0.5, true), (1.0, false), (60.0, false)] {
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

/// The clock of the issuer may be behind, so that its event seems to be earlier than an answer that does not know of it.
#[test]
fn what_an_issuer_has_said_before_the_revocation_was_learned_of_counts_no_more() {
    let mut rig = Rig::new(10);
    let earlier = rig.at(-5.0);
    rig.add(&Revocation::subject(ISSUER, "alice").at(earlier));
    for (asked, dead) in [(-6.0, true), (-4.0, true), (0.0, true), (0.001, false)] {
        assert_eq!(rig.holds(|token| token.issued = Issued::Confirmed(1_000_000.0 + asked)), dead, "{asked}");
    }
    // A repeat is no news.
    rig.pass(60);
    assert!(!rig.add(&Revocation::subject(ISSUER, "alice").at(earlier)));
    assert!(!rig.holds(|token| token.issued = Issued::Confirmed(1_000_001.0)));
    assert!(!rig.holds_issued(-4.0));
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
    // Before this event all JWTs have expired, and answers about opaque tokens are remembered for a while.
    let mut rig = Rig::new(10);
    let long_ago = rig.at(-3601.0);
    assert!(rig.add(&subject().at(long_ago)));
    assert!(rig.holds(|token| token.issued = Issued::Confirmed(1_000_000.0)));
    for (seconds, left) in [(602, 1), (60, 0)] {
        rig.pass(seconds);
        rig.purge();
        assert_eq!(rig.table.len(), left);
    }
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
        let odd = if forward { Moment { wall: later.wall, ..rig.now } } else { Moment { wall: rig.now.wall, ..later } };
        rig.table.purge(odd, usize::MAX);
        assert!(rig.holds(|_| ()));
        rig.table.purge(later, usize::MAX);
        rig.table.purge(later.plus(Duration::from_secs(120)), usize::MAX);
        assert!(!rig.holds(|_| ()), "{forward}");
    }
}

/// This includes an entry that was prolonged, and is still in its first bucket.
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
    assert!(rig.try_add(&Revocation::session(ISSUER, "too many")).is_err());
    assert_eq!(rig.table.len(), 2);
}

#[test]
fn a_full_quota_forgets_nothing_and_is_one_issuers() {
    let mut rig = Rig::new(3);
    for session in ["s", "t", "u"] {
        assert!(rig.add(&Revocation::session(ISSUER, session)));
    }
    let one_more = Revocation::subject(ISSUER, "alice");
    let error = rig.try_add(&one_more).unwrap_err();
    assert_eq!(error.to_string(), "expected at most 3 revocations of one issuer at a time, found one more");
    assert!(rig.holds(|_| ()) && !rig.holds(|token| token.session = None));
    // What is there already, and other issuers, need no room.
    assert!(!rig.add(&Revocation::session(ISSUER, "s")));
    assert!(rig.add(&Revocation::session("https://other.example.com", "s")));
    rig.pass(3700);
    assert!(rig.add(&one_more));
    assert_eq!(rig.table.len(), 1);
}

#[test]
fn a_session_of_a_subject_is_refused_and_so_are_its_earlier_tokens_that_name_no_session() {
    let mut rig = Rig::new(10);
    assert!(rig.add(&Revocation::session_of(ISSUER, "s", "alice")));
    assert!(rig.holds(|_| ()) && rig.holds(|token| token.issued = Issued::At(2_000_000.0)));
    assert!(!rig.holds(|token| token.session = Some("t")));
    assert!(rig.holds(|token| token.session = None));
    assert!(!rig.holds(|token| (token.session, token.issued) = (None, Issued::At(1_000_001.0))));
    assert!(!rig.holds(|token| (token.session, token.subject) = (None, "bob")));
    assert_eq!(rig.table.len(), 2);
    assert!(!rig.add(&Revocation::session_of(ISSUER, "s", "alice")));
    // Both or neither: a part would end the session of a token that names one, or that of one that does not.
    let mut rig = Rig::new(1);
    assert!(rig.try_add(&Revocation::session_of(ISSUER, "s", "alice")).is_err());
    assert_eq!(rig.table.len(), 0);
}

#[test]
fn more_than_sixteen_sessions_of_a_subject_count_as_the_subject() {
    let mut rig = Rig::new(100);
    let session = |number: usize| Revocation::session_of(ISSUER, &format!("s{number}"), "alice");
    for number in 0..16 {
        assert!(rig.add(&session(number)));
        // A repeat is no further session.
        assert!(!rig.add(&session(number)));
    }
    assert!(!rig.holds(|token| token.session = Some("s16")));
    assert_eq!(rig.table.len(), 17);
    assert!(rig.add(&session(16)));
    assert!(rig.holds(|token| token.session = Some("s16")) && rig.holds(|token| token.session = Some("another")));
    assert!(!rig.holds(|token| (token.session, token.issued) = (Some("s16"), Issued::At(1_000_001.0))));
    assert!(rig.holds(|token| (token.session, token.issued) = (Some("s3"), Issued::At(1_000_001.0))));
    for number in 17..1000 {
        rig.add(&session(number));
    }
    assert_eq!(rig.table.len(), 18);
    assert!(!rig.holds(|token| token.subject = "bob"));
    // After they have ended, it begins anew.
    rig.pass(4000);
    rig.add(&session(1000));
    rig.purge();
    rig.add(&session(1001));
    assert_eq!(rig.table.len(), 3);
}

/// They leave the count one after another, within the lifetime of a token.
#[test]
fn half_of_sixteen_sessions_count_after_half_a_lifetime() {
    let mut rig = Rig::new(100);
    let session = |number: usize| Revocation::session_of(ISSUER, &format!("s{number}"), "alice");
    let is_subject = |rig: &Rig| rig.holds(|token| token.session = Some("another"));
    for number in 0..16 {
        rig.add(&session(number));
    }
    rig.pass(LIFE.as_secs() / 2);
    for number in 16..24 {
        rig.add(&session(number));
    }
    assert!(!is_subject(&rig));
    rig.add(&session(24));
    assert!(is_subject(&rig));
}

/// A record of what another process revoked a while ago, and one of a process whose clock is ahead.
#[test]
fn a_record_is_kept_since_it_was_made_and_until_the_tokens_of_its_time_have_expired() {
    let mut rig = Rig::new(10);
    let (past, ahead) = (rig.at(-3000.0), rig.at(30.0));
    let session = Revocation::session(ISSUER, "s");
    assert!(rig.table.add(&session, past, past, rig.now).unwrap());
    let subject = Revocation::subject(ISSUER, "zoe");
    assert!(rig.table.add(&subject, ahead, rig.now.wall, rig.now).unwrap());
    assert!(rig.holds(|token| (token.subject, token.issued) = ("zoe", Issued::At(1_000_030.0))));
    rig.pass(700);
    rig.purge();
    assert_eq!(rig.table.len(), 1);
    rig.pass(2900);
    rig.purge();
    assert_eq!(rig.table.len(), 1);
    rig.pass(120);
    rig.purge();
    assert_eq!(rig.table.len(), 0);
    let long_ago = rig.now.wall - 2 * LIFE;
    assert!(!rig.table.add(&session, rig.now.wall, long_ago, rig.now).unwrap());
    assert_eq!(rig.table.len(), 0);
}

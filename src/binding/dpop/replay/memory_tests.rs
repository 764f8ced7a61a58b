//! Tests of [`MemoryReplayStore`]: its answers, and how long it keeps an entry by which clock.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use super::memory::{MemoryReplayStatus, MemoryReplayStore};
use super::replay_entry::ReplayEntry;
use super::replay_key::ReplayKey;
use super::replay_store::{Freshness, ReplayAnswer, ReplayStore};
use crate::clock::{Moment, SystemClock};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// For how long every proof is kept.
const KEEP_FOR: Duration = Duration::from_secs(75);

pub(super) fn start() -> Moment {
    Moment::of(&SystemClock)
}

/// The answer to the proof `jti` of the client `jkt` at the time `at`.
pub(super) fn insert(store: &MemoryReplayStore, jkt: &str, jti: &str, at: Moment) -> Freshness {
    let key = ReplayKey::new(jkt, "GET", "https://api.example.com/", jti);
    let entry = ReplayEntry { key, keep_for: KEEP_FOR, now: at.monotonic, time_of_day: at.wall };
    let ReplayAnswer::Now(answer) = store.insert(entry) else { panic!("memory does not wait") };
    answer.unwrap()
}

fn wall_ahead(at: Moment, by: Duration) -> Moment {
    Moment { wall: at.wall + by, ..at }
}

fn wall_back(at: Moment, by: Duration) -> Moment {
    Moment { wall: at.wall - by, ..at }
}

fn before(time: Duration) -> Duration {
    time.saturating_sub(SECOND)
}

/// Row L15.
#[test]
fn a_proof_is_fresh_once() {
    let (store, now) = (MemoryReplayStore::new(), start());
    let proofs = [
        ("k", "GET", "u", "1"),
        ("l", "GET", "u", "1"),
        ("k", "PUT", "u", "1"),
        ("k", "GET", "v", "1"),
        ("k", "GET", "u", "2"),
    ];
    for expected in [Freshness::Fresh, Freshness::Replayed, Freshness::Replayed] {
        for (jkt, htm, htu, jti) in proofs {
            let key = ReplayKey::new(jkt, htm, htu, jti);
            let entry = ReplayEntry { key, keep_for: KEEP_FOR, now: now.monotonic, time_of_day: now.wall };
            let ReplayAnswer::Now(Ok(found)) = store.insert(entry) else { panic!("no answer") };
            assert_eq!(found, expected, "{jkt} {htm} {htu} {jti}");
        }
    }
    let status = MemoryReplayStatus { entries: 5, capacity: 1 << 20, replayed: 10, full: 0, too_many_of_one_key: 0 };
    assert_eq!(store.status(), status);
}

#[test]
fn of_64_threads_with_one_proof_exactly_one_finds_it_fresh() {
    let (store, now, barrier) = (MemoryReplayStore::new(), start(), Barrier::new(64));
    for round in 0..20 {
        let fresh = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..64)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        insert(&store, "k", &round.to_string(), now)
                    })
                })
                .collect();
            threads
                .into_iter()
                .filter(|_| true)
                .map(|thread| thread.join().unwrap())
                .filter(|found| *found == Freshness::Fresh)
                .count()
        });
        assert_eq!(fresh, 1, "round {round}");
    }
    assert_eq!(store.status().replayed, 20 * 63);
}

/// 64 threads insert at the limit of the capacity, and of a share.
#[test]
fn threads_do_not_exceed_a_bound_together() {
    for (jkts, expected) in [(64 * 32, 640), (1, 10)] {
        let (store, now) = (MemoryReplayStore::with_capacity(640), start());
        std::thread::scope(|scope| {
            for thread in 0..64 {
                let store = &store;
                scope.spawn(move || {
                    for at in 0..32 {
                        let jkt = (thread * 32 + at) % jkts;
                        let _ = insert(store, &format!("k{jkt}"), &format!("{thread} {at}"), now);
                    }
                });
            }
        });
        assert_eq!(store.status().entries, expected, "{jkts} keys");
    }
}

#[test]
fn an_entry_is_kept_for_its_time_and_for_at_most_twice_that() {
    // The place of the entry in its generation, whose first entry comes at 0.
    for offset in [Duration::ZERO, SECOND, KEEP_FOR / 2, before(KEEP_FOR), KEEP_FOR, KEEP_FOR + SECOND] {
        for passed in 0..200 {
            let (store, start) = (MemoryReplayStore::new(), start());
            assert_eq!(insert(&store, "k", "first", start), Freshness::Fresh);
            let inserted = start.plus(offset);
            assert_eq!(insert(&store, "k", "x", inserted), Freshness::Fresh);
            let later = passed * SECOND;
            // Others come in between, which must not prolong it.
            for second in (7..passed).step_by(7) {
                let _ = insert(&store, "k", &format!("{second}"), inserted.plus(second * SECOND));
            }
            let found = insert(&store, "k", "x", inserted.plus(later));
            let is_kept = found == Freshness::Replayed;
            assert!(is_kept || later >= KEEP_FOR, "ended after {later:?} at {offset:?}");
            assert!(!is_kept || later < 2 * KEEP_FOR, "kept for {later:?} at {offset:?}");
        }
    }
}

#[test]
fn entries_that_have_ended_leave_room_for_others_in_every_shard() {
    let (store, start) = (MemoryReplayStore::with_capacity(6400), start());
    for n in 0..6300 {
        assert_eq!(insert(&store, &format!("{}", n % 700), &n.to_string(), start), Freshness::Fresh);
    }
    // These are kept when the others have ended, so that their shards have nothing to drop.
    let late = start.plus(before(KEEP_FOR));
    for n in 0..50 {
        assert_eq!(insert(&store, "a", &n.to_string(), late), Freshness::Fresh);
        assert_eq!(insert(&store, "b", &n.to_string(), late), Freshness::Fresh);
    }
    assert_eq!(insert(&store, "a", "x", late), Freshness::Full);
    let ended = start.plus(KEEP_FOR);
    let used = allocation_counter::measure(|| assert_eq!(insert(&store, "a", "x", ended), Freshness::Fresh));
    // The generations of "a" and "b" may have entries of other keys.
    assert!((101..1000).contains(&store.status().entries), "{:?}", store.status());
    assert!(used.bytes_current < -17 * 5000, "the memory is freed: {used:?}");
}

#[test]
fn a_replay_neither_takes_room_nor_prolongs_the_entry() {
    let (store, start) = (MemoryReplayStore::with_capacity(64), start());
    assert_eq!(insert(&store, "k", "x", start), Freshness::Fresh);
    for second in 0..75 {
        assert_eq!(insert(&store, "k", "x", start.plus(second * SECOND)), Freshness::Replayed);
    }
    assert_eq!(store.status().entries, 1);
    assert_eq!(insert(&store, "k", "x", start.plus(KEEP_FOR)), Freshness::Fresh);
}

/// The proof is acceptable again when the time of day is again what it was.
#[test]
fn an_entry_outlives_a_time_of_day_that_is_set_back() {
    let (store, start) = (MemoryReplayStore::new(), start());
    assert_eq!(insert(&store, "k", "x", start), Freshness::Fresh);
    for minutes in 0..61 {
        let later = wall_back(start, HOUR).plus(minutes * 60 * SECOND);
        assert_eq!(insert(&store, "k", "x", later), Freshness::Replayed, "{minutes} min");
    }
    assert_eq!(insert(&store, "k", "x", wall_back(start, HOUR).plus(HOUR + KEEP_FOR)), Freshness::Fresh);
}

#[test]
fn after_the_time_of_day_was_set_back_new_entries_end_in_time() {
    let (store, start) = (MemoryReplayStore::with_capacity(64 * 1000), start());
    assert_eq!(insert(&store, "k", "old", start), Freshness::Fresh);
    let back = wall_back(start, HOUR);
    for minute in 0..60 {
        let now = back.plus(minute * 60 * SECOND);
        for n in 0..100 {
            assert_eq!(insert(&store, "k", &format!("{minute} {n}"), now), Freshness::Fresh, "minute {minute}");
        }
        assert!(store.status().entries <= 301, "{:?}", store.status());
    }
    assert_eq!(insert(&store, "k", "old", back.plus(before(HOUR))), Freshness::Replayed);
}

#[test]
fn a_time_of_day_that_jumps_ahead_and_returns_ends_no_entry() {
    let (store, start) = (MemoryReplayStore::new(), start());
    assert_eq!(insert(&store, "k", "x", start), Freshness::Fresh);
    let ahead = wall_ahead(start, 24 * HOUR);
    for second in 0..74 {
        assert_eq!(insert(&store, "k", "x", ahead.plus(second * SECOND)), Freshness::Replayed, "{second} s");
        assert_eq!(insert(&store, "k", &format!("{second}"), ahead.plus(second * SECOND)), Freshness::Fresh);
        assert_eq!(insert(&store, "k", "x", start.plus(second * SECOND)), Freshness::Replayed, "{second} s");
    }
}

#[test]
fn a_clock_that_is_set_back_again_and_again_makes_no_end_of_generations() {
    let (store, start) = (MemoryReplayStore::new(), start());
    let used = allocation_counter::measure(|| {
        for hour in 0..1000 {
            let now = wall_back(start, hour * HOUR);
            assert_eq!(insert(&store, "k", &format!("{hour}"), now), Freshness::Fresh);
        }
    });
    assert!(used.bytes_current < 8 * 4096 + 1000 * 48 + 4096, "{used:?}");
    let now = wall_back(start, 1000 * HOUR);
    for hour in 0..1000 {
        assert_eq!(insert(&store, "k", &format!("{hour}"), now), Freshness::Replayed, "{hour}");
    }
}

#[test]
fn threads_whose_clock_readings_cross_share_a_generation() {
    let (store, start) = (MemoryReplayStore::new(), start());
    let used = allocation_counter::measure(|| {
        assert_eq!(insert(&store, "k", "0", start.plus(SECOND)), Freshness::Fresh);
        assert_eq!(insert(&store, "k", "1", start), Freshness::Fresh);
    });
    assert!(used.bytes_current < 2 * 4096, "{used:?}");
}

#[test]
fn a_time_that_neither_clock_can_represent_is_an_error() {
    let store = Arc::new(MemoryReplayStore::new());
    let key = ReplayKey::new("k", "GET", "https://api.example.com/", "1");
    let entry = ReplayEntry { keep_for: Duration::MAX, ..ReplayEntry::new(key, KEEP_FOR, &SystemClock) };
    let ReplayAnswer::Now(Err(error)) = store.insert(entry) else { panic!("it was kept") };
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "expected proofs to be kept for at most 24 h, and found 18446744073709551615 s");
    let day = ReplayEntry { keep_for: 24 * HOUR, ..entry };
    assert!(matches!(store.insert(day), ReplayAnswer::Now(Ok(Freshness::Fresh))));
}

#[test]
fn debug_shows_counts_and_no_entries() {
    let store = MemoryReplayStore::with_capacity(100);
    let _ = insert(&store, "k", "x", start());
    let status = "MemoryReplayStatus { entries: 1, capacity: 100, replayed: 0, full: 0, too_many_of_one_key: 0 }";
    assert_eq!(format!("{store:?}"), format!("MemoryReplayStore({status})"));
}

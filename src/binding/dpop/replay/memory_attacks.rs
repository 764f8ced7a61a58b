//! What a flood of proofs does to [`MemoryReplayStore`]: its bounds hold, and no entry that is still valid is lost.

use super::memory::MemoryReplayStore;
use super::memory_tests::{insert, start};
use super::replay_store::Freshness;

/// Row L15.
#[test]
fn a_million_proofs_of_many_keys_evict_nothing_and_end_in_full() {
    let (store, now) = (MemoryReplayStore::with_capacity(900_000), start());
    let live: Vec<_> = (0..1000).map(|n| (format!("client {}", n % 100), n.to_string())).collect();
    assert!(live.iter().all(|(jkt, jti)| insert(&store, jkt, jti, now) == Freshness::Fresh));
    let mut fresh = 0;
    let mut full = 0;
    for n in 0..1_000_000 {
        match insert(&store, &format!("junk {}", n % 10_000), &n.to_string(), now) {
            Freshness::Fresh => fresh += 1,
            Freshness::Full => full += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((fresh, full), (899_000, 101_000));
    assert!(live.iter().all(|(jkt, jti)| insert(&store, jkt, jti, now) == Freshness::Replayed));
    assert_eq!(insert(&store, "client 1", "new", now), Freshness::Full);
}

#[test]
fn one_key_has_at_most_its_share_and_others_are_not_affected() {
    let (store, now) = (MemoryReplayStore::with_capacity(64 * 100), start());
    let flood: Vec<_> = (0..1000).map(|n| insert(&store, "flood", &n.to_string(), now)).collect();
    assert!(flood[..100].iter().all(|found| *found == Freshness::Fresh));
    assert!(flood[100..].iter().all(|found| *found == Freshness::TooManyOfOneKey));
    assert_eq!(insert(&store, "flood", "0", now), Freshness::Replayed, "its own replays are still seen");
    for client in 0..500 {
        for n in 0..10 {
            assert_eq!(insert(&store, &format!("client {client}"), &n.to_string(), now), Freshness::Fresh);
        }
    }
    assert_eq!(store.status().too_many_of_one_key, 900);
}

/// The share is of all that is kept, in both generations.
#[test]
fn a_share_counts_both_generations() {
    let (store, start) = (MemoryReplayStore::with_capacity(64 * 100), start());
    let second = std::time::Duration::from_secs(1);
    let insert = |n: u32, at: u32| insert(&store, "flood", &n.to_string(), start.plus(at * second));
    assert!((0..30).all(|n| insert(n, 0) == Freshness::Fresh));
    assert!((30..60).all(|n| insert(n, 74) == Freshness::Fresh));
    assert!((60..100).all(|n| insert(n, 76) == Freshness::Fresh));
    assert_eq!(insert(100, 148), Freshness::TooManyOfOneKey);
    assert_eq!(insert(100, 149), Freshness::Fresh, "the first generation has ended");
    assert!((101..160).all(|n| insert(n, 149) == Freshness::Fresh));
    assert_eq!(insert(160, 149), Freshness::TooManyOfOneKey);
}

#[test]
fn sixty_three_keys_with_all_their_shares_leave_room_for_others() {
    let (store, now) = (MemoryReplayStore::with_capacity(64 * 100), start());
    for key in 0..63 {
        for n in 0..150 {
            let expected = if n < 100 { Freshness::Fresh } else { Freshness::TooManyOfOneKey };
            assert_eq!(insert(&store, &format!("flood {key}"), &n.to_string(), now), expected);
        }
    }
    for client in 0..100 {
        assert_eq!(insert(&store, &format!("client {client}"), "1", now), Freshness::Fresh, "{client}");
    }
    assert_eq!(insert(&store, "client", "1", now), Freshness::Full);
}

#[test]
fn small_stores_have_a_share_of_one() {
    let now = start();
    let store = MemoryReplayStore::with_capacity(2);
    assert_eq!(insert(&store, "k", "1", now), Freshness::Fresh);
    assert_eq!(insert(&store, "k", "2", now), Freshness::TooManyOfOneKey);
    assert_eq!(insert(&store, "l", "2", now), Freshness::Fresh);
    assert_eq!(insert(&store, "m", "3", now), Freshness::Full);
    assert_eq!(insert(&MemoryReplayStore::with_capacity(0), "k", "1", now), Freshness::Full);
}

/// The capacities are such that some of the tables are full, and some have just grown, which is when they take the most.
#[test]
fn an_entry_takes_at_most_48_bytes_in_both_generations_together() {
    let (first, keep_for) = (start(), std::time::Duration::from_secs(75));
    for capacity in [90_000, 100_000, 110_000, 119_000, 125_000, 131_072] {
        let used = allocation_counter::measure(|| {
            let store = MemoryReplayStore::with_capacity(capacity);
            for n in 0..=capacity {
                // The first generation is still kept.
                let now = if n < capacity / 2 { first.plus(keep_for / 10) } else { first.plus(keep_for) };
                let now = if n == 0 { first } else { now };
                let expected = if n < capacity { Freshness::Fresh } else { Freshness::Full };
                assert_eq!(insert(&store, &n.to_string(), "1", now), expected);
            }
        });
        // The peak, with a table that is being replaced by a larger one.
        assert!(used.bytes_max <= 48 * capacity as u64, "{capacity}: {} bytes each", used.bytes_max / capacity as u64);
    }
}

#[test]
fn a_store_takes_little_before_its_first_proof() {
    let used = allocation_counter::measure(|| drop(MemoryReplayStore::new()));
    assert!(used.bytes_max < 4096, "{used:?}");
    let store = MemoryReplayStore::new();
    let fixed = allocation_counter::measure(|| {
        for n in 0..2000 {
            assert_eq!(insert(&store, &n.to_string(), "1", start()), Freshness::Fresh);
        }
    });
    assert!(fixed.bytes_max < (1 << 20) / 2, "one generation: {fixed:?}");
}

//! What the admission filter of the token cache saves.

use std::sync::Arc;

use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::TokenCache;

use crate::cases::{Cases, ROUNDS};
use crate::support::{distinct, server, small};

/// The server against `quick_cache` with as many entries and no filter.
///
/// 800 tokens are used again and again while one-time tokens come, in equal numbers or nine times as many.
pub(crate) fn admission(issuer: &TestIssuer) {
    const ENTRIES: u64 = 1_000;
    const USES: usize = 5_000;
    println!("\nThe admission filter: 800 ES256 tokens that are used again, among others that are used once\n");
    println!("| one-time tokens | hit rate of the others | … without the filter | an insert, ns | of a first use |");
    println!("|---:|---:|---:|---:|---:|");
    let token = small(issuer, Algorithm::ES256);
    let often: Vec<String> = distinct(&token, 800).collect();
    for once_of_ten in [5, 9] {
        let api = server(issuer).token_cache(TokenCache::default().entries(ENTRIES)).build().unwrap();
        let unfiltered = without_filter(ENTRIES);
        let other = token.clone().subject("once");
        let mut once = distinct(&other, 40 * USES);
        let mut random = fastrand::Rng::with_seed(1);
        let (mut hits, mut uses, mut one_time) = (0, 0, 0_u64);
        let mut before = 0;
        while uses < 2 * USES {
            if random.u8(..10) < once_of_ten {
                one_time += 1;
                api.try_verify(&once.next().unwrap()).unwrap();
                unfiltered.insert(1_000 + one_time, Arc::new([0; 1000]));
                continue;
            }
            let which = random.usize(..often.len());
            api.try_verify(&often[which]).unwrap();
            uses += 1;
            let is_hit = unfiltered.get(&(which as u64)).is_some();
            if !is_hit {
                unfiltered.insert(which as u64, Arc::new([0; 1000]));
            }
            // The first half fills both.
            if uses > USES {
                hits += u32::from(is_hit);
            } else {
                before = api.token_cache_status().unwrap().hits;
            }
        }
        let filtered = (api.token_cache_status().unwrap().hits - before) as f64 / USES as f64;
        let off = server(issuer).token_cache(TokenCache::off()).build().unwrap();
        let mut next = 1_000_000..;
        let mut cases = Cases::default();
        cases.add("insert", || unfiltered.insert(next.next().unwrap(), Arc::new([0; 1000])));
        cases.add("allocate", || drop(std::hint::black_box(Arc::new([0_u8; 1000]))));
        cases.add("first", || drop(off.try_verify(&often[0]).unwrap()));
        cases.measure(ROUNDS);
        let [insert, allocate, first] = ["insert", "allocate", "first"].map(|name| cases.median(name));
        drop(cases);
        let without = f64::from(hits) / USES as f64;
        let insert = insert - allocate;
        println!("| {once_of_ten} of 10 | {filtered:.3} | {without:.3} | {insert:.0} | {:.4} |", insert / first);
    }
}

/// The cache as the server has it, but for the filter.
fn without_filter(entries: u64) -> quick_cache::sync::Cache<u64, Arc<[u8; 1000]>> {
    let options = quick_cache::OptionsBuilder::new()
        .weight_capacity(entries)
        .estimated_items_capacity(usize::try_from(entries).unwrap())
        .hot_allocation(0.7)
        .build()
        .unwrap();
    let lifecycle = quick_cache::sync::DefaultLifecycle::default();
    quick_cache::sync::Cache::with_options(
        options,
        quick_cache::UnitWeighter,
        quick_cache::DefaultHashBuilder::default(),
        lifecycle,
    )
}

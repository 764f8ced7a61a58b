use std::time::Duration;

use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::tenants::{TenantSettings, from_fn};
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::TokenCache;
use tower_bearer::{Issuer, ResourceServer};

use crate::cases::{Cases, ROUNDS};
use crate::support::{AUDIENCE, small};

const MANY: usize = 10_000;

/// What it costs to find the issuer of a token among many, and among many tenants.
///
/// A token that has expired is refused after the look-up, before its signature is verified. 10,000 distinct tokens in each row, so that
/// the memory of the tokens counts alike.
pub(crate) fn issuers(issuer: &TestIssuer) {
    println!("\nLook-up of the issuer, 10,000 distinct small ES256 tokens, ns\n");
    println!("| issuers | of another issuer | expired, never good | remembered |");
    println!("|---|---:|---:|---:|");
    let keys = JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
    let named = |number: usize| format!("https://login.example.com/tenants/t{number:05}");
    let trusted = |number: usize| Issuer::keys(&named(number), keys.clone()).unwrap();
    let room = || TokenCache::default().entries(40_000).bytes(1 << 28);
    let pinned = |count: usize| {
        let builder = ResourceServer::builder(AUDIENCE).token_cache(room());
        builder.trust_all((0..count).map(trusted)).build().unwrap()
    };
    let tenants = |count: usize| {
        let settings = TenantSettings::new(from_fn(|_| async { Ok(None::<Issuer>) })).max_tenants(MANY);
        let api = ResourceServer::builder(AUDIENCE).token_cache(room()).trust_resolved(settings).build().unwrap();
        (0..count).for_each(|number| api.tenants().unwrap().add(trusted(number)).unwrap());
        api
    };
    // The tokens are of so many of them. Where they are of all, the rules and keys of each are in no cache of the processor either.
    let rows = [
        ("1", pinned(1), 1),
        ("10,000, tokens of one", pinned(MANY), 1),
        ("10,000, tokens of all", pinned(MANY), MANY),
        ("1 tenant", tenants(1), 1),
        ("10,000 tenants, tokens of one", tenants(MANY), 1),
        ("10,000 tenants, tokens of all", tenants(MANY), MANY),
    ];
    let sign = |count: usize, expired: bool| -> Vec<String> {
        let token = |number: usize| {
            let token = small(issuer, Algorithm::ES256).claim("iss", named(number % count));
            token.claim("jti", format!("{number:05}"))
        };
        let tokens = (0..MANY).map(token);
        tokens.map(|it| if expired { it.expired_for(Duration::from_secs(600)).sign() } else { it.sign() }).collect()
    };
    let tokens = [1, MANY].map(|count| (count, sign(count, true), sign(count, false)));
    let of_nobody: Vec<String> = (0..100)
        .map(|number| {
            small(issuer, Algorithm::ES256).claim("iss", format!("https://nobody.example.com/{number}")).sign()
        })
        .collect();
    let mut random: Vec<_> = (0..18).map(fastrand::Rng::with_seed).collect();
    let mut random = random.iter_mut();
    let of_nobody = &of_nobody;
    let mut cases = Cases::default();
    for (name, api, count) in &rows {
        let (_, expired, good) = tokens.iter().find(|(of, ..)| of == count).unwrap();
        (0..3).for_each(|_| good.iter().for_each(|token| drop(api.try_verify(token).unwrap())));
        let [one, other, third] = [(); 3].map(|()| random.next().unwrap());
        cases.add(*name, move || assert!(api.try_verify(one.choice(expired).unwrap()).is_err()));
        cases.add(format!("{name}, of nobody"), move || {
            assert!(api.try_verify(third.choice(of_nobody).unwrap()).is_err());
        });
        cases.add(format!("{name}, remembered"), move || drop(api.try_verify(other.choice(good).unwrap()).unwrap()));
    }
    cases.measure(ROUNDS);
    for (name, ..) in &rows {
        let [of_nobody, remembered] = ["of nobody", "remembered"].map(|kind| cases.median(&format!("{name}, {kind}")));
        println!("| {name} | {of_nobody:.0} | {:.0} | {remembered:.0} |", cases.median(name));
    }
}

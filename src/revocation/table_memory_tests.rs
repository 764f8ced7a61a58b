//! Tests of how much memory the table of revocations takes.

use super::*;
use crate::clock::SystemClock;

const LIFE: Duration = Duration::from_secs(3600);

fn table() -> (Table, Moment) {
    let now = Moment::of(&SystemClock);
    (Table::new(&[7; 16], LIFE, usize::MAX, now.monotonic), now)
}

/// Measured after every thousandth one, because each part of the table doubles when it is full. They are made within a quarter of an hour.
#[test]
fn a_million_revocations_take_150_bytes_each_at_most() {
    const ISSUER: &str = "https://login.example.com";
    let (mut table, mut now) = table();
    let mut bytes = 0;
    for thousand in 0..1000 {
        let names: Vec<String> = (0..1000).map(|number| format!("{:036}", thousand * 1000 + number)).collect();
        bytes += allocation_counter::measure(|| {
            for (number, name) in names.iter().enumerate() {
                let revocation = match number % 4 {
                    0 => Revocation::session(ISSUER, name),
                    1 => Revocation::token(ISSUER, name),
                    2 => Revocation::subject(ISSUER, name),
                    _ => Revocation::client(ISSUER, name),
                };
                assert!(table.add(&revocation, now.wall, now.wall, now).unwrap());
            }
        })
        .bytes_current;
        // Of a few thousand, what is there for any number of them counts.
        let len = i64::try_from(table.len()).unwrap();
        assert!(len < 10_000 || bytes <= 150 * len, "{bytes} bytes for {len}");
        now = now.plus(Duration::from_secs(1));
    }
    assert_eq!(table.len(), 1_000_000);
}

/// Tenants come and go.
#[test]
fn issuers_whose_revocations_have_ended_take_no_memory() {
    let (mut table, mut now) = table();
    let revoke = |table: &mut Table, now: Moment, number: u32| {
        let issuer = format!("https://login.example.com/tenants/{number}");
        table.add(&Revocation::subject(&issuer, "alice"), now.wall, now.wall, now).unwrap();
        let token = TokenFacts {
            issuer: &issuer,
            session: None,
            id: None,
            subject: "alice",
            client: None,
            issued: Issued::At(0.0),
        };
        table.holds(&token)
    };
    for number in 0..20_000 {
        // 100 at a time have a revocation that counts.
        now = now.plus(LIFE / 100);
        assert!(revoke(&mut table, now, number));
    }
    assert!(table.len() < 300, "{}", table.len());
    assert!(table.issuers.len() < 1000, "{}", table.issuers.len());
    assert!(table.counts.len() < 1000, "{}", table.counts.len());
}

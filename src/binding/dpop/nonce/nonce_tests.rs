//! Tests of [`Nonces`].

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use proptest::prelude::*;

use super::invalid_nonce_keys::InvalidNonceKeys;
use super::nonce_error::NonceError;
use super::nonces::{NonceAge, Nonces};
use crate::jose::{decode_base64url, encode_base64url};

const SECOND: Duration = Duration::from_secs(1);
const LIFETIME: Duration = Duration::from_secs(300);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_977_909_250)
}

fn key(first: u8) -> Vec<u8> {
    (first..).take(32).collect()
}

fn issued(nonces: &Nonces, at: SystemTime) -> String {
    nonces.issue(at).to_str().unwrap().to_owned()
}

fn age(seconds: u64) -> NonceAge {
    NonceAge(Duration::from_secs(seconds))
}

#[test]
fn a_nonce_is_accepted_for_its_lifetime() {
    let nonces = Nonces::random();
    let nonce = issued(&nonces, now());
    assert_eq!(nonces.check(&nonce, now()), Ok(age(0)));
    assert_eq!(nonces.check(&nonce, now() + 299 * SECOND), Ok(age(299)));
    let expired = |age| Err(NonceError::Expired { age: Duration::from_secs(age), lifetime: LIFETIME });
    assert_eq!(nonces.check(&nonce, now() + 300 * SECOND), expired(300));
    assert_eq!(nonces.check(&nonce, now() + 3000 * SECOND), expired(3000));
}

#[test]
fn a_nonce_from_the_future_is_accepted_up_to_5_seconds() {
    let nonces = Nonces::random();
    let accepted = Duration::from_secs(5);
    for ahead in [1, 5] {
        assert_eq!(nonces.check(&issued(&nonces, now() + ahead * SECOND), now()), Ok(age(0)), "{ahead} s");
    }
    for ahead in [6, 60] {
        let refused = Err(NonceError::InFuture { ahead: ahead * SECOND, accepted });
        assert_eq!(nonces.check(&issued(&nonces, now() + ahead * SECOND), now()), refused, "{ahead} s");
    }
}

#[test]
fn a_nonce_is_accepted_for_no_longer_than_the_replay_store_keeps_a_proof() {
    let nonces = Nonces::random().lifetime(10 * SECOND);
    let nonce = issued(&nonces, now());
    let start = now() - 20 * SECOND;
    let tenths = (0..400).map(|tenth| start + tenth * SECOND / 10);
    let accepted: Vec<_> = tenths.filter(|at| nonces.check(&nonce, *at).is_ok()).collect();
    let longest = accepted.last().unwrap().duration_since(accepted[0]).unwrap();
    assert!(longest <= nonces.acceptance() && longest + SECOND > nonces.acceptance(), "{longest:?}");
}

#[test]
fn a_nonce_is_renewed_in_the_last_third_of_its_lifetime() {
    let nonces = Nonces::random();
    let needs_renewal = |seconds| nonces.needs_renewal(age(seconds));
    assert_eq!([0, 199, 200, 299].map(needs_renewal), [false, false, true, true]);
    let nonces = nonces.clone().lifetime(31 * SECOND);
    let needs_renewal = |seconds| nonces.needs_renewal(age(seconds));
    assert_eq!([20, 21].map(needs_renewal), [false, true]);
}

#[test]
fn processes_with_the_same_keys_accept_each_others_nonces() {
    let [one, other] = [0, 1].map(|_| Nonces::with_keys([key(1), key(2)]).unwrap());
    assert_eq!(other.check(&issued(&one, now()), now()), Ok(age(0)));
    assert_eq!(one.check(&issued(&other, now()), now()), Ok(age(0)));
    let [one, other] = [0, 1].map(|_| Nonces::random());
    assert_eq!(other.check(&issued(&one, now()), now()), Err(NonceError::UnknownKey));
    assert_eq!(one.clone().check(&issued(&one, now()), now()), Ok(age(0)), "a clone");
}

#[test]
fn a_key_is_replaced_in_three_steps_without_a_refusal() {
    let nonces = |keys: &[u8]| Nonces::with_keys(keys.iter().map(|first| key(*first))).unwrap();
    let steps: [&[u8]; 4] = [&[1], &[1, 2], &[2, 1], &[2]];
    for pair in steps.windows(2) {
        // While the step is deployed, instances of both kinds serve the same clients.
        let (before, after) = (nonces(pair[0]), nonces(pair[1]));
        for (from, to) in [(&before, &after), (&after, &before)] {
            assert_eq!(to.check(&issued(from, now()), now()), Ok(age(0)), "{pair:?}");
        }
    }
    let oldest = issued(&nonces(&[1]), now());
    assert_eq!(nonces(&[2, 1]).check(&oldest, now()), Ok(age(0)), "of the previous key");
    assert_eq!(nonces(&[3, 2]).check(&oldest, now()), Err(NonceError::UnknownKey), "of the key before that");
}

#[test]
fn every_changed_bit_is_seen() {
    let nonces = Nonces::random();
    let nonce = issued(&nonces, now());
    let bytes = decode_base64url(&nonce).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(nonces.check(&encode_base64url(changed), now()), Err(NonceError::UnknownKey), "bit {bit}");
    }
    for (at, _) in nonce.char_indices() {
        for bit in 0..7 {
            let mut changed = nonce.clone().into_bytes();
            changed[at] ^= 1 << bit;
            let changed = String::from_utf8(changed).unwrap();
            assert!(nonces.check(&changed, now()).is_err(), "{changed}");
        }
    }
}

#[test]
fn a_nonce_of_another_length_is_refused() {
    let nonces = Nonces::random();
    let nonce = issued(&nonces, now());
    let lengths = (0..nonce.len()).map(|length| nonce[..length].to_owned());
    let longer = ["A", "AA", "AAAA"].map(|more| format!("{nonce}{more}"));
    for text in lengths.chain(longer).chain([nonce.repeat(2), "A".repeat(100_000)]) {
        let malformed = NonceError::Malformed { expected: 32, length: text.len() };
        assert_eq!(nonces.check(&text, now()), Err(malformed), "{} bytes", text.len());
    }
}

#[test]
fn a_nonce_has_one_spelling() {
    let nonces = Nonces::random();
    // One that has a character of base64url that base64 spells otherwise.
    let nonce =
        (0..100).map(|later| issued(&nonces, now() + later * SECOND)).find(|text| text.contains(['-', '_'])).unwrap();
    let later = now() + LIFETIME / 2;
    assert!(nonces.check(&nonce, later).is_ok());
    let base64 = nonce.replace('-', "+").replace('_', "/");
    let padded = format!("{}=", &nonce[..31]);
    let spaced = format!(" {}", &nonce[..31]);
    let broken = format!("{}\n{}", &nonce[..16], &nonce[16..31]);
    let wide = format!("{}é", &nonce[..30]);
    for text in [base64, padded, spaced, broken, wide, format!("{nonce}="), format!("{nonce}\n"), format!(" {nonce}")] {
        let malformed = NonceError::Malformed { expected: 32, length: text.len() };
        assert_eq!(nonces.check(&text, later), Err(malformed), "{text:?}");
    }
}

/// Row L14.
#[test]
fn a_nonce_has_only_characters_that_the_header_allows() {
    let nonces = Nonces::random();
    for second in 0..500 {
        let nonce = issued(&nonces, now() + second * SECOND);
        let is_nqchar = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(nonce.len() == 32 && nonce.bytes().all(is_nqchar), "{nonce}");
    }
}

#[test]
fn times_before_1970_and_far_ahead_are_no_reason_to_panic() {
    let nonces = Nonces::with_keys([key(1)]).unwrap();
    let early = SystemTime::UNIX_EPOCH - SECOND;
    let late = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX) * 1000);
    assert_eq!(nonces.check(&issued(&nonces, early), early), Ok(age(0)));
    assert!(matches!(nonces.check(&issued(&nonces, early), late), Err(NonceError::Expired { .. })));
    assert!(matches!(nonces.check(&issued(&nonces, late), early), Err(NonceError::InFuture { .. })));
}

#[test]
fn keys_that_could_be_guessed_are_refused() {
    let refused = |keys: &[Vec<u8>]| Nonces::with_keys(keys).unwrap_err();
    assert_eq!(refused(&[]), InvalidNonceKeys::Number { found: 0 });
    assert_eq!(refused(&[key(1), key(2), key(3)]), InvalidNonceKeys::Number { found: 3 });
    assert_eq!(refused(&[vec![]]), InvalidNonceKeys::TooShort { position: 1, length: 0 });
    assert_eq!(refused(&[key(1), key(2)[..31].to_vec()]), InvalidNonceKeys::TooShort { position: 2, length: 31 });
    assert_eq!(refused(&[vec![0; 64]]), InvalidNonceKeys::NotRandom { position: 1 });
    assert!(Nonces::with_keys([(0..200).collect::<Vec<u8>>()]).is_ok(), "longer than a block of the hash");
}

#[test]
fn a_lifetime_is_between_10_seconds_and_an_hour() {
    let nonces = Nonces::random();
    let acceptance = |lifetime| nonces.clone().lifetime(lifetime).acceptance().as_millis();
    let given = [Duration::ZERO, SECOND, 120 * SECOND + SECOND / 2, Duration::MAX];
    assert_eq!(given.map(acceptance), [15_000, 15_000, 125_000, 3_605_000]);
}

#[test]
fn debug_shows_no_key() {
    let nonces = Nonces::with_keys([key(b'A')]).unwrap();
    assert_eq!(format!("{nonces:?}"), "Nonces { lifetime: 300s, .. }");
}

#[test]
fn errors_say_what_was_expected_and_found() {
    let nonces = Nonces::random();
    let of = |nonce: &HeaderValue, at| nonces.check(nonce.to_str().unwrap(), at).unwrap_err().to_string();
    let nonce = nonces.issue(now());
    assert_eq!(of(&nonce, now() + 342 * SECOND), "the nonce was issued 342 s ago (lifetime 300 s)");
    assert_eq!(of(&nonce, now() - 60 * SECOND), "the nonce was issued 60 s in the future (at most 5 s are accepted)");
    let malformed = of(&HeaderValue::from_static("abc"), now());
    assert_eq!(malformed, "expected a nonce of 32 characters of base64url, and found 3 bytes of text");
    let other = of(&Nonces::random().issue(now()), now());
    assert_eq!(other, "no nonce key of this server made the nonce");
}

proptest! {
    #[test]
    fn no_text_is_a_nonce_but_those_that_were_issued(text in "[A-Za-z0-9_-]{32}|.{0,40}") {
        let nonces = Nonces::with_keys([key(1)]).unwrap();
        prop_assert!(nonces.check(&text, now()).is_err());
    }

    #[test]
    fn the_age_of_a_nonce_is_the_time_since_it_was_issued(passed in 0_u64..400) {
        let nonces = Nonces::with_keys([key(1)]).unwrap();
        let checked = nonces.check(&issued(&nonces, now()), now() + Duration::from_secs(passed));
        prop_assert_eq!(checked.ok(), (passed < 300).then_some(age(passed)));
    }
}

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::decision::Document;
use super::schedule::RefreshSchedule;
use super::seed_age::{SeedAge, UnusableSeed};
use crate::clock::Moment;
use crate::jose::{JwkSet, KeyPurpose};
use crate::metrics;

/// Keys that are available before the first fetch, for [`KeySource::seed`](super::KeySource::seed).
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_bearer::jose::JwkSet;
/// use tower_bearer::keys::Seed;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let document = br#"{"keys":[]}"#; // from your own store, with the time
/// let as_of = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_977_909);
/// let seed = Seed::keys(JwkSet::from_json(document)?).as_of(as_of).lifetime(Duration::from_secs(600));
/// # let _ = seed;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Seed {
    keys: JwkSet,
    as_of: Option<SystemTime>,
    /// The age of the document at the start of its fetch.
    age: Duration,
    lifetime: Option<Duration>,
    /// Where they come from, for the log.
    file: Option<PathBuf>,
}

impl Seed {
    /// Keys of unknown age, such as compiled-in keys. Their lifetime starts when the server is built. A token whose `kid` they lack
    /// is not refused: its key is fetched.
    #[must_use]
    pub fn keys(keys: JwkSet) -> Self {
        Self { keys, as_of: None, age: Duration::ZERO, lifetime: None, file: None }
    }

    /// Sets the time at which the keys were current: the start of the fetch that returned them, minus the [age](super::Fetched::age)
    /// that they had then.
    ///
    /// They are then used as if the process that fetched them had continued: their lifetime, and the hour beyond it, are counted
    /// from that time, and afterwards they are not used at all. The first lookup starts a fetch. If the time is more than 60 seconds in the
    /// future by the server's [clock](crate::server::Builder::clock), the keys are not used, because the clock was or is wrong.
    ///
    /// Default: the age is unknown.
    #[must_use]
    pub fn as_of(self, as_of: SystemTime) -> Self {
        Self { as_of: Some(as_of), ..self }
    }

    /// Sets the lifetime that the issuer stated; it is clamped to between 1 minute and 1 hour.
    ///
    /// Default: 10 minutes.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }

    /// Sets the age of the keys at the start of their fetch. Their lifetime starts then, and not at the time that they are as of.
    #[cfg(feature = "http-client")]
    pub(super) fn fetched_at_age(self, age: Duration) -> Self {
        Self { age, ..self }
    }

    #[cfg(feature = "http-client")]
    pub(super) fn read_from(self, file: PathBuf) -> Self {
        Self { file: Some(file), ..self }
    }

    /// The keys, if the schedule holds them. What becomes of keys of an earlier process is reported.
    pub(super) fn into_held(
        self,
        issuer: &str,
        purpose: KeyPurpose,
        schedule: &mut RefreshSchedule,
        now: Moment,
    ) -> Option<JwkSet> {
        let Self { keys, as_of, age, lifetime, file } = self;
        let keys = keys.select(purpose);
        let document = Document { lifetime, age, has_keys: !keys.keys().is_empty() };
        let Some(as_of) = as_of else {
            if document.has_keys {
                schedule.seeded(now, &document, SeedAge::Unknown).ok()?;
            }
            return Some(keys);
        };
        let fetched = SeedAge::Fetched(as_of.checked_add(age).unwrap_or(as_of));
        let path = file.as_ref().map(tracing::field::debug);
        match schedule.seeded(now, &document, fetched) {
            Ok(()) => {
                let (age, keys) = (schedule.age(now).map_or(0, |(age, _)| age.as_secs()), keys.keys().len());
                metrics::keys_held(issuer, keys, as_of);
                tracing::info!(issuer, path, keys, age, "keys of an earlier process are used until the next fetch");
            }
            Err(reason @ UnusableSeed::TooOld { .. }) => {
                tracing::info!(issuer, path, %reason, "keys of an earlier process are not used");
                return None;
            }
            Err(reason @ UnusableSeed::InTheFuture { .. }) => {
                tracing::warn!(issuer, path, %reason, "keys of an earlier process are not used");
                return None;
            }
        }
        Some(keys)
    }
}

impl From<JwkSet> for Seed {
    fn from(keys: JwkSet) -> Self {
        Self::keys(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::super::decision::{Decision, TokenTimes, Wait};
    use super::*;
    use crate::clock::SystemClock;

    const LIFETIME: u64 = 600;
    const HOUR: u64 = 3600;

    fn set(document: &str) -> JwkSet {
        JwkSet::from_json(document.as_bytes()).unwrap()
    }

    fn one_key() -> JwkSet {
        set(r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)
    }

    /// A restart, and the schedule of the new process.
    struct Restart {
        at: Moment,
        schedule: RefreshSchedule,
        is_held: bool,
    }

    impl Restart {
        /// The document was as of so many seconds before the restart, and that old when it was fetched.
        fn of(keys: JwkSet, as_of: u64, age: u64) -> Self {
            let at = Moment::of(&SystemClock);
            let mut schedule = RefreshSchedule::new(at, 0);
            let as_of = at.wall - Duration::from_secs(as_of);
            let seed = Seed { age: Duration::from_secs(age), ..Seed::keys(keys).as_of(as_of) };
            let is_held = seed
                .lifetime(Duration::from_secs(LIFETIME))
                .into_held("issuer", KeyPurpose::Signatures, &mut schedule, at)
                .is_some();
            Self { at, schedule, is_held }
        }

        fn after(&self, seconds: u64) -> Moment {
            self.at.plus(Duration::from_secs(seconds))
        }

        /// A known key, so many seconds after the restart. A fetch that the lookup starts fails.
        fn is_used(&mut self, seconds: u64) -> bool {
            let now = self.after(seconds);
            let decision = self.schedule.decide(now);
            if let Decision::UseAndRefresh(fetch) | Decision::Wait { start: Some(fetch), .. } = decision {
                assert!(self.schedule.on_begin(fetch.number, now) && self.schedule.on_failed(fetch.number, now));
            }
            matches!(decision, Decision::Use | Decision::UseAndRefresh(_))
        }
    }

    #[test]
    fn an_age_goes_on_across_a_restart() {
        for (as_of, age) in [(0, 0), (250, 0), (250, 250), (599, 0), (9000, 9000)] {
            let fetched = as_of - age;
            let mut restart = Restart::of(one_key(), as_of, age);
            let seconds = |(age, limit): (Duration, Duration)| (age.as_secs(), limit.as_secs());
            assert_eq!(restart.schedule.age(restart.at).map(seconds), Some((as_of, LIFETIME + age)));
            let first = restart.schedule.decide(restart.at);
            assert!(matches!(first, Decision::UseAndRefresh(_)), "the issuer is asked at once: {first:?}");
            let mut restart = Restart::of(one_key(), as_of, age);
            assert!(restart.is_used(LIFETIME - fetched - 1), "{as_of} {age}: fresh");
            let mut restart = Restart::of(one_key(), as_of, age);
            assert!(!restart.is_used(LIFETIME - fetched), "{as_of} {age}: without evidence of an outage");
            assert!(restart.is_used(LIFETIME - fetched), "{as_of} {age}: with evidence");
            restart.is_used(LIFETIME + HOUR - fetched - 1);
            assert!(restart.is_used(LIFETIME + HOUR - fetched - 1), "{as_of} {age}: with evidence, to the end");
            assert!(!restart.is_used(LIFETIME + HOUR - fetched), "{as_of} {age}: past the hour");
        }
    }

    #[test]
    fn keys_that_were_stale_at_the_restart_wait_for_evidence_and_end_in_time() {
        for fetched in [LIFETIME, 1000, LIFETIME + HOUR - 1] {
            let mut restart = Restart::of(one_key(), fetched, 0);
            let first = restart.schedule.decide(restart.at);
            assert!(matches!(first, Decision::Wait { start: Some(_), wait: Wait::Refresh }), "{fetched}: {first:?}");
            let mut restart = Restart::of(one_key(), fetched, 0);
            assert!(!restart.is_used(0) && restart.is_used(0), "{fetched}");
            assert!(!restart.is_used(LIFETIME + HOUR - fetched), "{fetched}");
        }
        for fetched in [LIFETIME + HOUR, 1_000_000] {
            assert!(!Restart::of(one_key(), fetched, 0).is_held, "{fetched}");
        }
    }

    #[test]
    fn both_clocks_count_after_a_restart() {
        let suspended = |restart: &Restart| Moment { wall: restart.after(400).wall, ..restart.at };
        let set_back = |restart: &Restart| Moment { wall: restart.at.wall, ..restart.after(400) };
        for now in [suspended, set_back] {
            let mut restart = Restart::of(one_key(), 250, 0);
            let now = now(&restart);
            assert!(
                matches!(restart.schedule.decide(now), Decision::Wait { .. }),
                "650 s by one of the clocks: {now:?}"
            );
        }
    }

    /// A clock that is set back by seconds makes keys no older than they are, and one that was wrong makes them unusable.
    #[test]
    fn keys_of_the_future_are_not_used_beyond_a_minute() {
        for (ahead, is_held) in [(1, true), (60, true), (61, false), (1_000_000_000, false)] {
            let now = Moment::of(&SystemClock);
            let mut schedule = RefreshSchedule::new(now, 0);
            let seed = Seed::keys(one_key()).as_of(now.wall + Duration::from_secs(ahead));
            assert_eq!(
                seed.into_held("issuer", KeyPurpose::Signatures, &mut schedule, now).is_some(),
                is_held,
                "{ahead}"
            );
            assert_eq!(schedule.age(now).map(|(age, _)| age), is_held.then_some(Duration::ZERO), "{ahead}");
        }
    }

    /// It was fetched before the restart, so a token that was issued since may have a newer key.
    /// Row I9.
    #[test]
    fn keys_of_an_earlier_process_refuse_only_tokens_that_are_older() {
        // How long before the restart the keys were as of, and the token was issued.
        for (as_of, issued, is_refused) in
            [(100, 131, true), (100, 130, true), (100, 129, false), (100, 99, false), (100, 0, false), (0, 0, false)]
        {
            let mut restart = Restart::of(one_key(), as_of, 0);
            let now = restart.after(10);
            let token = TokenTimes {
                arrived: now.monotonic,
                issued: Some(restart.at.wall - Duration::from_secs(issued)),
                leeway: Duration::from_secs(30),
            };
            let decision = restart.schedule.decide_unknown(token, now);
            assert_eq!(decision == Decision::Refuse, is_refused, "{as_of} {issued}: {decision:?}");
        }
    }

    /// Without them, an outdated cache could bring back the keys that were withdrawn.
    #[test]
    fn a_set_without_usable_keys_is_held_too() {
        let mut restart = Restart::of(set(r#"{"keys":[]}"#), 100, 0);
        assert!(restart.is_held && !restart.schedule.is_usable(restart.at));
        let decision = restart.schedule.decide(restart.at);
        let Decision::Wait { start: Some(fetch), wait: Wait::Keys } = decision else { panic!("{decision:?}") };
        assert!(restart.schedule.on_begin(fetch.number, restart.at));
        let outdated = Document { lifetime: None, age: Duration::from_secs(200), has_keys: true };
        restart.schedule.on_fetched(fetch.number, &outdated, restart.at);
        assert!(!restart.schedule.is_usable(restart.at));
    }
}

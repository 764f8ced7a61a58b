//! The machine against a naive model: one that keeps all of history and looks through it at every question.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Pass(Duration),
    LookUp { name: KeyName, known: bool, waited: Duration },
    LookAgain,
    Refresh,
    Begin,
    Land { lifetime: Option<Duration>, changed: bool },
    Fail,
    Abandon,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let milliseconds = |range: std::ops::Range<u64>| range.prop_map(Duration::from_millis);
    let step = prop_oneof![
        4 => milliseconds(0..3_000).prop_map(Step::Pass),
        2 => milliseconds(0..120_000).prop_map(Step::Pass),
        1 => milliseconds(0..8_000_000).prop_map(Step::Pass),
        8 => (0..4_u64, any::<bool>(), milliseconds(0..6_000))
            .prop_map(|(name, known, waited)| Step::LookUp { name, known, waited }),
        2 => Just(Step::LookAgain),
        2 => Just(Step::Refresh),
        6 => Just(Step::Begin),
        6 => (proptest::option::of(milliseconds(0..10_000_000)), any::<bool>())
            .prop_map(|(lifetime, changed)| Step::Land { lifetime, changed }),
        3 => Just(Step::Fail),
        1 => Just(Step::Abandon),
    ];
    proptest::collection::vec(step, 1..300)
}

/// Everything that ever happened.
#[derive(Default)]
struct History {
    /// When each fetch for a miss was made, and those for first keys that there was something to spend on.
    misses: Vec<Instant>,
    second_looks: Vec<Instant>,
    flight: Option<(Flight, Option<Instant>)>,
    /// Whether that is for a miss, or a second look.
    is_miss: bool,
    is_second_look: bool,
    /// When it began, how long it lasts, and when the machine wants to refresh it.
    landed: Option<(Instant, Duration, Instant)>,
    failures_in_a_row: u32,
    retry_at: Option<Instant>,
    absent: Vec<(KeyName, Instant)>,
}

impl History {
    /// When one more attempt conforms, by the generic cell rate algorithm: another way to say what a bucket does.
    fn conforms_at(attempts: &[Instant], size: u32, interval: Duration, now: Instant) -> Instant {
        let Some((first, others)) = attempts.split_first() else { return now };
        let due = others.iter().fold(*first + interval, |due, at| due.max(*at) + interval);
        due.checked_sub(interval * (size - 1)).map_or(now, |due| now.max(due))
    }

    fn set_out(&mut self, flight: Flight, is_miss: bool, is_second_look: bool) {
        self.flight = Some((flight, None));
        self.is_miss = is_miss;
        self.is_second_look = is_second_look;
    }

    fn count(&mut self, now: Instant) {
        // First keys are fetched whatever is left to spend; if something is, they spend it.
        if self.is_miss && Self::conforms_at(&self.misses, MISS_BURST, MISS_INTERVAL, now) == now {
            self.misses.push(now);
        }
        if self.is_second_look {
            self.second_looks.push(now);
        }
    }

    fn forget_lost_flight(&mut self, now: Instant) {
        self.flight = self.flight.filter(|(flight, _)| now < flight.starts_at + OVERDUE);
    }

    fn is_usable(&self, now: Instant) -> bool {
        self.landed.is_some_and(|(as_of, lifetime, _)| now < as_of + lifetime + STALE)
    }

    fn left_alone_until(&self, now: Instant) -> Option<Instant> {
        self.retry_at.filter(|at| now < *at)
    }

    fn is_absent(&self, name: KeyName, now: Instant) -> bool {
        self.absent.iter().any(|(absent, at)| *absent == name && now < *at + ABSENT)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_decides_as_history_demands(steps in steps(), seed in any::<u64>()) {
        let mut now = Instant::now() + Duration::from_secs(1_000_000);
        let mut cache = Cache::new(now, seed);
        let mut history = History::default();
        for step in steps {
            if let Step::Pass(duration) = step {
                now += duration;
                continue;
            }
            history.forget_lost_flight(now);
            match step {
                Step::Pass(_) => {}
                Step::LookUp { name, known, waited } => look_up(&mut cache, &mut history, name, known, waited, now)?,
                Step::LookAgain => {
                    let may = history.flight.is_none()
                        && history.left_alone_until(now).is_none()
                        && History::conforms_at(&history.second_looks, 1, SECOND_LOOK_INTERVAL, now) == now;
                    let flight = cache.second_look(now);
                    prop_assert_eq!(flight.is_some(), may);
                    if let Some(flight) = flight {
                        history.set_out(flight, false, true);
                    }
                }
                Step::Refresh => {
                    let due = history.landed.map(|(_, _, refresh_at)| refresh_at).max(history.retry_at);
                    let may = history.flight.is_none() && due.is_some_and(|due| now >= due);
                    let flight = cache.refresh(now);
                    prop_assert_eq!(flight.is_some(), may);
                    if let Some(flight) = flight {
                        history.set_out(flight, false, false);
                    }
                }
                Step::Begin => {
                    let Some((flight, began @ None)) = &mut history.flight else { continue };
                    if now >= flight.starts_at {
                        prop_assert!(cache.began(flight.number, now));
                        *began = Some(now);
                        history.count(now);
                    }
                }
                Step::Land { lifetime, changed } => {
                    let Some((flight, Some(as_of))) = history.flight else { continue };
                    prop_assert!(cache.landed(flight.number, lifetime, changed));
                    prop_assert!(!cache.landed(flight.number, lifetime, changed), "once");
                    let lifetime = lifetime.unwrap_or(DEFAULT_LIFETIME).clamp(MIN_LIFETIME, MAX_LIFETIME);
                    let refresh_at = cache.next_fetch().unwrap();
                    prop_assert!(refresh_at >= as_of + lifetime.mul_f64(0.7 - 1e-9));
                    prop_assert!(refresh_at <= as_of + lifetime.mul_f64(0.9 + 1e-9));
                    history.landed = Some((as_of, lifetime, refresh_at));
                    history.flight = None;
                    history.failures_in_a_row = 0;
                    history.retry_at = None;
                    if changed {
                        history.absent.clear();
                    }
                }
                Step::Fail => {
                    let Some((flight, _)) = history.flight.take() else { continue };
                    prop_assert!(cache.failed(flight.number, now));
                    prop_assert!(!cache.failed(flight.number, now), "once");
                    let retry_at = cache.retry_at.unwrap();
                    let most = Duration::from_secs(2_u64.saturating_pow(history.failures_in_a_row).min(60));
                    prop_assert!(retry_at >= now + most.mul_f64(0.8 - 1e-9) && retry_at <= now + most);
                    history.failures_in_a_row += 1;
                    history.retry_at = Some(retry_at);
                }
                Step::Abandon => {
                    let Some((flight, began)) = history.flight.take() else { continue };
                    prop_assert!(cache.abandoned(flight.number, now));
                    prop_assert!(!cache.abandoned(flight.number, now), "once");
                    if let (Some(_), Some((.., refresh_at))) = (began, &mut history.landed) {
                        *refresh_at = (*refresh_at).max(now + MIN_BACK_OFF);
                    }
                }
            }
            settled(&cache, now)?;
        }
    }
}

fn look_up(
    cache: &mut Cache,
    history: &mut History,
    name: KeyName,
    known: bool,
    waited: Duration,
    now: Instant,
) -> Result<(), TestCaseError> {
    let arrived = now.checked_sub(waited).unwrap();
    let as_of = history.landed.filter(|_| history.is_usable(now)).map(|(as_of, ..)| as_of);
    let decision = cache.decide(name, known, arrived, now);
    let next_miss = History::conforms_at(&history.misses, MISS_BURST, MISS_INTERVAL, now);
    let expected = match (as_of, history.flight, history.left_alone_until(now)) {
        (Some(_), flight, alone) if known => {
            let due = flight.is_none() && alone.is_none() && history.landed.is_some_and(|(.., at)| now >= at);
            match decision {
                Decision::UseAndRefresh(flight) if due && flight.starts_at == now => decision,
                _ => Decision::Use,
            }
        }
        (Some(as_of), ..) if as_of >= arrived || history.is_absent(name, now) => {
            if as_of >= arrived && !history.is_absent(name, now) {
                history.absent.push((name, now));
            }
            Decision::Refuse
        }
        (_, Some(_), _) => Decision::Wait(None),
        (_, None, Some(retry_at)) => Decision::Unavailable { retry_after: retry_at - now },
        (usable, None, None) => {
            let starts_at = if usable.is_some() { next_miss } else { now };
            prop_assert!(starts_at <= now + MISS_INTERVAL, "nobody waits longer for a fetch to start");
            Decision::Wait(Some(Flight { number: cache.flights, starts_at }))
        }
    };
    prop_assert_eq!(decision, expected);
    match decision {
        Decision::UseAndRefresh(flight) => history.set_out(flight, false, false),
        Decision::Wait(Some(flight)) => history.set_out(flight, true, false),
        _ => {}
    }
    Ok(())
}

/// What a reader without the lock relies on.
fn settled(cache: &Cache, now: Instant) -> Result<(), TestCaseError> {
    let until = cache.settled_until(now);
    // A time that is not past for everybody must not stand for "not even now".
    prop_assert_eq!(until.is_some(), cache.is_usable(now));
    let Some(until) = until else { return Ok(()) };
    for part in [0.0, 0.5, 0.999_999] {
        let at = now + until.saturating_duration_since(now).mul_f64(part);
        if at < until {
            prop_assert_eq!(cache.clone().decide(0, true, at, at), Decision::Use);
        }
    }
    Ok(())
}

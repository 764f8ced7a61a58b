//! What the issuers go through: every episode once in random order, and again, until the time is over. Whichever issuer is
//! through with one takes the next.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tower_bearer::testing::{Fault, TestIssuer};

use crate::client::{self, Cut, Shared};
use crate::realm::{ENDPOINTS, RESTLESS, Realm, Realms, TWIN, UNUSABLE};

/// How many clients come in a flood.
const FLOOD: usize = 150;
/// How long an issuer is away at a time: longer than its keys are fresh.
const ABSENCE: Duration = Duration::from_secs(68);
/// The longest that a fetch may have to wait for its turn.
const AT_LAST: Duration = Duration::from_secs(7);
/// The episode that every run must meet, and among how many of the first it comes.
const MUST: Episode = Episode::RotationDuring(Trouble::NoKeys);
const EARLY: usize = 4;
const METADATA: usize = 0;
const KEYS: usize = 1;

/// Episodes, of which the last comes next.
pub(crate) type Deck = Mutex<Vec<Episode>>;

pub(crate) struct Schedule {
    pub(crate) realms: Arc<Realms>,
    /// Whose it is.
    pub(crate) realm: usize,
    /// What is still to come, for all.
    pub(crate) deck: Arc<Deck>,
    pub(crate) stranger: Arc<TestIssuer>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) random: fastrand::Rng,
    pub(crate) start: Instant,
    pub(crate) is_verbose: bool,
}

/// What may happen to a restless issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Episode {
    AnnouncedRotation,
    Rotation,
    RotationAmidFlood,
    KeyWithdrawnByMistake,
    KeyReplacedUnderItsName,
    RotationDuring(Trouble),
}

/// What goes wrong with the key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Status,
    Delay,
    Hang,
    Garbage,
    /// A key set that is one, without a key that can be used.
    NoKeys,
    Redirect,
    Disconnect,
    Truncate,
    /// The metadata fails too, once they are looked at again.
    MetadataToo,
}

const EPISODES: [Episode; 14] = [
    Episode::AnnouncedRotation,
    Episode::Rotation,
    Episode::RotationAmidFlood,
    Episode::KeyWithdrawnByMistake,
    Episode::KeyReplacedUnderItsName,
    Episode::RotationDuring(Trouble::Status),
    Episode::RotationDuring(Trouble::Delay),
    Episode::RotationDuring(Trouble::Hang),
    Episode::RotationDuring(Trouble::Garbage),
    Episode::RotationDuring(Trouble::NoKeys),
    Episode::RotationDuring(Trouble::Redirect),
    Episode::RotationDuring(Trouble::Disconnect),
    Episode::RotationDuring(Trouble::Truncate),
    Episode::RotationDuring(Trouble::MetadataToo),
];

/// What an issuer may say about how long its documents are fresh, and how many seconds that makes.
const CACHE_CONTROL: [(&str, u64); 5] =
    [("max-age=60", 60), ("no-store", 60), ("public, max-age=90", 90), ("max-age=5", 60), ("max-age=600", 600)];

impl Schedule {
    /// Everything once, then again in another order.
    pub(crate) async fn restless(mut self) {
        // As many connections as there will ever be: what they take does not count as growth.
        self.flood(FLOOD + FLOOD / 2);
        loop {
            let episode = self.deal();
            let (cache_control, seconds) = CACHE_CONTROL[self.random.usize(..CACHE_CONTROL.len())];
            self.realm().set_cache_control(cache_control, Duration::from_secs(seconds));
            // Amid junk a new key waits for its turn.
            let is_noisy = self.random.bool();
            if is_noisy {
                self.flood(8);
            }
            self.note(&format!("{episode:?}, {cache_control}{}", if is_noisy { ", amid junk" } else { "" }));
            self.go_through(episode).await;
            self.pause(0.3, 1.5).await;
        }
    }

    async fn go_through(&mut self, episode: Episode) {
        match episode {
            Episode::AnnouncedRotation => {
                self.each(Realm::publish_next);
                self.pause(0.0, 2.0).await;
                self.each(Realm::sign_with_next);
                self.burst().await;
                self.until_asked(KEYS).await;
                self.realm().publish_newest(1);
            }
            Episode::Rotation => {
                self.rotate();
                self.burst().await;
                self.until_asked(KEYS).await;
            }
            Episode::RotationAmidFlood => {
                self.flood(FLOOD);
                self.pause(0.0, 0.5).await;
                self.rotate();
                self.flood(FLOOD / 2);
                self.until_asked(KEYS).await;
            }
            Episode::KeyWithdrawnByMistake => {
                self.realm().withdraw_current();
                self.flood(1);
                self.until_asked(KEYS).await;
                self.pause(0.5, 2.0).await;
                self.realm().publish_newest(2);
                self.until_asked(KEYS).await;
                self.pause(0.5, 1.0).await;
                self.realm().publish_newest(1);
            }
            Episode::KeyReplacedUnderItsName => {
                self.realm().replace_current(&self.stranger);
                self.flood(1);
                self.until_asked(KEYS).await;
                self.pause(1.0, 2.0).await;
                self.realm().publish_newest(1);
                self.flood(1);
                self.until_asked(KEYS).await;
                self.pause(0.5, 1.0).await;
                self.rotate();
            }
            Episode::RotationDuring(trouble) => {
                if matches!(trouble, Trouble::MetadataToo) {
                    // No other, after which metadata may be looked for elsewhere.
                    self.realm().fail(METADATA, Fault::Status(503));
                }
                let fault = self.fault(trouble);
                self.note(&format!("  {fault:?}").chars().take(60).collect::<String>());
                self.realm().fail(KEYS, fault);
                self.pause(0.0, 0.3).await;
                self.rotate();
                self.burst().await;
                self.until_asked(KEYS).await;
                if matches!(trouble, Trouble::MetadataToo) {
                    self.until_asked(METADATA).await;
                }
                self.pause(0.0, 3.0).await;
                self.realm().recover();
                self.pause(0.5, 1.5).await;
            }
        }
    }

    /// An issuer is away for longer than its keys are fresh, as often as there is time, and comes back with a new one.
    pub(crate) async fn away(mut self) {
        // It is there for long enough to be asked once.
        self.pause(2.0, 3.0).await;
        loop {
            self.note("gone");
            let fault = if self.random.bool() { Fault::Hang } else { Fault::Disconnect };
            self.realm().fail(KEYS, fault);
            // No other, after which metadata may be looked for elsewhere.
            self.realm().fail(METADATA, Fault::Status(503));
            sleep(ABSENCE).await;
            self.realm().recover();
            self.note("back");
            self.pause(40.0, 70.0).await;
            self.realm().publish_next();
            self.realm().sign_with_next();
            self.pause(10.0, 20.0).await;
            self.realm().publish_newest(1);
        }
    }

    fn fault(&mut self, trouble: Trouble) -> Fault {
        let random = &mut self.random;
        match trouble {
            Trouble::Status | Trouble::MetadataToo => Fault::Status([500, 502, 503, 429, 404, 403][random.usize(..6)]),
            Trouble::Delay => Fault::Delay(Duration::from_millis(random.u64(200..3_500))),
            Trouble::Hang => Fault::Hang,
            Trouble::Garbage => Fault::Body(b"<html>Bad gateway</html>".into()),
            Trouble::NoKeys => Fault::Body(UNUSABLE[random.usize(..UNUSABLE.len())].into()),
            // Where keys of the same names are.
            Trouble::Redirect => Fault::Redirect(self.realms[TWIN].issuer.jwks_url()),
            Trouble::Disconnect => Fault::Disconnect,
            Trouble::Truncate => Fault::Truncate,
        }
    }

    fn rotate(&self) {
        self.realm().rotate();
        if self.realm == RESTLESS[0] {
            self.realms[TWIN].publish_next();
            self.realms[TWIN].sign_with_next();
        }
    }

    /// The twin keeps step with the first, so that its keys have the same names.
    fn each(&self, happen: impl Fn(&Realm)) {
        happen(self.realm());
        if self.realm == RESTLESS[0] {
            happen(&self.realms[TWIN]);
        }
    }

    /// Until the next request, or until there will be none.
    async fn until_asked(&self, endpoint: usize) {
        let asked = || self.realm().issuer.requests(ENDPOINTS[endpoint]);
        let (before, since) = (asked(), Instant::now());
        while asked() == before && since.elapsed() < AT_LAST {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Tokens with names of keys that nobody has, each on a connection of its own, of which many are cut.
    fn flood(&mut self, count: usize) {
        for _ in 0..count {
            let shared = Arc::clone(&self.shared);
            let (realm, mut random) = (self.realm, self.random.fork());
            tokio::spawn(async move {
                sleep(Duration::from_millis(random.u64(..300))).await;
                let cut = (random.u32(..10) < 3).then(|| Cut::any(&mut random));
                let presentation = shared.supply.unheard(realm);
                client::ask(&shared, None, presentation, cut, &mut random).await;
            });
        }
    }

    async fn burst(&mut self) {
        self.shared.is_burst.store(true, Ordering::Relaxed);
        self.pause(0.1, 0.3).await;
        self.shared.is_burst.store(false, Ordering::Relaxed);
    }

    async fn pause(&mut self, least: f64, most: f64) {
        sleep(Duration::from_secs_f64(least + (most - least) * self.random.f64())).await;
    }

    fn deal(&mut self) -> Episode {
        let mut deck = self.deck.lock().unwrap_or_else(PoisonError::into_inner);
        if deck.is_empty() {
            deck.extend(EPISODES);
            self.random.shuffle(&mut deck);
            // What every run must meet is among the first.
            let early = deck.len() - 1 - self.random.usize(..EARLY);
            if let Some(place) = deck.iter().position(|episode| *episode == MUST) {
                deck.swap(place, early);
            }
        }
        deck.pop().unwrap_or(Episode::Rotation)
    }

    fn realm(&self) -> &Realm {
        &self.realms[self.realm]
    }

    fn note(&self, what: &str) {
        if self.is_verbose {
            println!("{:8.3} {}: {what}", self.start.elapsed().as_secs_f64(), self.realm().name);
        }
    }
}

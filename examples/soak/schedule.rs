//! What the issuers go through: every episode once in random order, and again, until the time is over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tower_bearer::testing::{Fault, TestIssuer};

use crate::client::{self, Cut, Shared};
use crate::realm::Realm;

/// How many clients come in a flood.
const FLOOD: usize = 400;
/// How long the third issuer is away at a time: longer than its keys are fresh.
const ABSENCE: Duration = Duration::from_secs(68);
const METADATA: usize = 0;
const KEYS: usize = 1;

pub(crate) struct Schedule {
    pub(crate) realms: Arc<[Realm; 3]>,
    pub(crate) stranger: Arc<TestIssuer>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) random: fastrand::Rng,
    pub(crate) start: Instant,
    pub(crate) is_verbose: bool,
}

/// What may happen to the restless issuer. Its twin has keys of the same names, and no trouble ever.
#[derive(Clone, Copy, Debug)]
enum Episode {
    AnnouncedRotation,
    Rotation,
    RotationAmidFlood,
    KeyWithdrawnByMistake,
    KeyReplacedUnderItsName,
    RotationDuring(Trouble),
}

/// What goes wrong with the key set.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Status,
    Delay,
    Hang,
    Garbage,
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
        let mut deck = Vec::new();
        loop {
            let episode = deck.pop().unwrap_or_else(|| {
                deck.extend(EPISODES);
                self.random.shuffle(&mut deck);
                EPISODES[0]
            });
            let (cache_control, seconds) = CACHE_CONTROL[self.random.usize(..CACHE_CONTROL.len())];
            self.realm().set_cache_control(cache_control, Duration::from_secs(seconds));
            // Without junk a new key is found at once; amid junk it waits for its turn.
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
                self.realm().publish_next();
                self.twin().publish_next();
                self.pause(0.0, 2.0).await;
                self.realm().sign_with_next();
                self.twin().sign_with_next();
                self.burst().await;
                self.pause(0.0, 2.0).await;
                self.realm().publish_newest(1);
            }
            Episode::Rotation => {
                self.rotate();
                self.burst().await;
            }
            Episode::RotationAmidFlood => {
                self.flood(FLOOD);
                self.pause(0.0, 0.5).await;
                self.rotate();
                self.flood(FLOOD / 2);
                self.pause(1.0, 3.0).await;
            }
            Episode::KeyWithdrawnByMistake => {
                self.realm().withdraw_current();
                self.flood(1);
                self.pause(1.0, 6.0).await;
                self.realm().publish_newest(2);
                self.pause(0.5, 2.0).await;
                self.realm().publish_newest(1);
            }
            Episode::KeyReplacedUnderItsName => {
                self.realm().replace_current(&self.stranger);
                self.pause(1.0, 4.0).await;
                self.flood(1);
                self.pause(1.0, 3.0).await;
                self.realm().publish_newest(1);
                self.flood(1);
                self.pause(0.5, 2.0).await;
                self.rotate();
            }
            Episode::RotationDuring(trouble) => {
                if matches!(trouble, Trouble::MetadataToo) {
                    // No 404, after which metadata are looked for elsewhere.
                    self.realm().fail(METADATA, Fault::Status(503));
                }
                let fault = self.fault(trouble);
                self.note(&format!("  {fault:?}").chars().take(60).collect::<String>());
                self.realm().fail(KEYS, fault);
                self.pause(0.0, 0.3).await;
                self.rotate();
                self.burst().await;
                self.pause(1.0, 4.0).await;
                self.realm().recover();
                self.pause(0.5, 2.0).await;
            }
        }
    }

    /// The third issuer is away for longer than its keys are fresh, as often as there is time, and comes back with a new one.
    pub(crate) async fn away(mut self) {
        // It is there for long enough to be asked once.
        self.pause(2.0, 3.0).await;
        loop {
            self.note("the third issuer is gone");
            let fault = if self.random.bool() { Fault::Hang } else { Fault::Disconnect };
            self.realms[2].fail(KEYS, fault);
            self.realms[2].fail(METADATA, Fault::Status(502));
            sleep(ABSENCE).await;
            self.realms[2].recover();
            self.note("the third issuer is back");
            self.pause(40.0, 70.0).await;
            self.realms[2].publish_next();
            self.realms[2].sign_with_next();
            self.pause(10.0, 20.0).await;
            self.realms[2].publish_newest(1);
        }
    }

    fn fault(&mut self, trouble: Trouble) -> Fault {
        let random = &mut self.random;
        match trouble {
            Trouble::Status | Trouble::MetadataToo => Fault::Status([500, 502, 503, 429, 404, 403][random.usize(..6)]),
            Trouble::Delay => Fault::Delay(Duration::from_millis(random.u64(200..3_500))),
            Trouble::Hang => Fault::Hang,
            Trouble::Garbage => Fault::Body(b"<html>Bad gateway</html>".into()),
            Trouble::NoKeys => Fault::Body(br#"{"keys":[]}"#.into()),
            // Where keys of the same names are.
            Trouble::Redirect => Fault::Redirect(self.realms[1].issuer.jwks_url()),
            Trouble::Disconnect => Fault::Disconnect,
            Trouble::Truncate => Fault::Truncate,
        }
    }

    /// The twin has a key of the same name, told of beforehand or not, and keeps the one before.
    fn rotate(&mut self) {
        self.realm().rotate();
        self.twin().publish_next();
        self.twin().sign_with_next();
    }

    /// Tokens with names of keys that nobody has, each on a connection of its own, of which many are cut.
    fn flood(&mut self, count: usize) {
        for _ in 0..count {
            let shared = Arc::clone(&self.shared);
            let mut random = self.random.fork();
            tokio::spawn(async move {
                sleep(Duration::from_millis(random.u64(..300))).await;
                let cut = (random.u32(..10) < 3).then(|| Cut::any(&mut random));
                let presentation = shared.supply.unheard(0);
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

    fn realm(&self) -> &Realm {
        &self.realms[0]
    }

    fn twin(&self) -> &Realm {
        &self.realms[1]
    }

    fn note(&self, what: &str) {
        if self.is_verbose {
            println!("{:8.3} {what}", self.start.elapsed().as_secs_f64());
        }
    }
}

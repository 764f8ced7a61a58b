//! A tenant that is forgotten or replaced in the middle of a validation: by a clock that does it, because a validation reads the time at several places.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tower_bearer::Issuer;
use tower_bearer::clock::Clock;

use super::{Rig, iss};

/// The system's clock, which does something when it is read for the last time of so many.
#[derive(Clone, Default)]
struct Interrupting(Arc<Mutex<(usize, Option<Interruption>)>>);

type Interruption = Box<dyn FnOnce() + Send>;

impl Interrupting {
    fn at(&self, reading: usize, interruption: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = (reading, Some(Box::new(interruption)));
    }

    /// Whether it was not read so often. Then it does nothing any more.
    fn is_left(&self) -> bool {
        self.0.lock().unwrap().1.take().is_some()
    }

    fn read(&self) {
        let interruption = {
            let (left, interruption) = &mut *self.0.lock().unwrap();
            *left = left.saturating_sub(1);
            if *left == 0 { interruption.take() } else { None }
        };
        // It reads the clock too.
        if let Some(interruption) = interruption {
            interruption();
        }
    }
}

impl Clock for Interrupting {
    fn now(&self) -> SystemTime {
        self.read();
        SystemTime::now()
    }

    fn monotonic(&self) -> Instant {
        self.read();
        Instant::now()
    }
}

/// What the tenant has before the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Probation,
    Use,
    RememberedToken,
}

/// Interrupts a request at each reading of the clock, and returns how many there are.
async fn interrupt_each(before: Before, interruption: fn(&Rig)) -> usize {
    for reading in 1.. {
        let clock = Interrupting::default();
        let of_server = clock.clone();
        let rig = Arc::new(Rig::with(1, |settings| settings, |builder| builder.clock(of_server)));
        let token = rig.token(&iss(0)).sign();
        match before {
            Before::Nothing => {}
            Before::Probation => assert_eq!(rig.status(&rig.forged(&iss(0))).await, 401),
            Before::Use => assert_eq!(rig.use_tenant(0).await, 200),
            Before::RememberedToken => {
                for _ in 0..3 {
                    assert_eq!(rig.status(&token).await, 200);
                }
            }
        }
        // For a use to be recorded again.
        tokio::time::sleep(Duration::from_millis(110)).await;
        let interrupted = Arc::clone(&rig);
        clock.at(reading, move || interruption(&interrupted));
        let status = rig.status(&token).await;
        if clock.is_left() {
            assert_eq!(status, 200);
            return reading - 1;
        }
        assert_eq!(status, 401, "{before:?}, interrupted at {reading}");
        assert_eq!(rig.status(&token).await, 401, "{before:?}, interrupted at {reading}");
        assert!(rig.tenants().list().len() <= 1);
    }
    unreachable!("it is read without end")
}

const ALL: [Before; 4] = [Before::Nothing, Before::Probation, Before::Use, Before::RememberedToken];

#[tokio::test]
async fn a_tenant_that_is_forgotten_during_a_validation_is_refused() {
    for before in ALL {
        let readings = interrupt_each(before, |rig| rig.tenants().forget(&iss(0))).await;
        assert!(readings >= 2, "{before:?}: {readings}");
    }
}

#[tokio::test]
async fn a_tenant_that_is_replaced_during_a_validation_has_the_new_settings() {
    for before in ALL {
        let readings = interrupt_each(before, |rig| {
            let stricter = Issuer::keys(&iss(0), rig.source()).unwrap().audiences(["https://other.example.test"]);
            rig.tenants().add(stricter).unwrap();
        });
        assert!(readings.await >= 2, "{before:?}");
    }
}

//! The nonces of the token endpoint (RFC 9449 §8): a proof with a nonce was made recently, whatever the client's clock says.
//!
//! Pure: the time is an argument.

use std::time::{Duration, SystemTime};

use super::secrets;

/// A nonce is handed out for this time, and is accepted for as long again.
pub(crate) const PERIOD: Duration = Duration::from_secs(5 * 60);

pub(crate) struct Nonces {
    current: String,
    previous: Option<String>,
    /// When the current one began.
    began: SystemTime,
}

impl Nonces {
    pub(crate) fn new(now: SystemTime) -> Self {
        Self { current: secrets::random(), previous: None, began: now }
    }

    /// The nonce to hand out.
    pub(crate) fn current(&mut self, now: SystemTime) -> &str {
        self.renew(now);
        &self.current
    }

    pub(crate) fn accept(&mut self, nonce: &str, now: SystemTime) -> bool {
        self.renew(now);
        nonce == self.current || self.previous.as_deref() == Some(nonce)
    }

    fn renew(&mut self, now: SystemTime) {
        let age = now.duration_since(self.began).unwrap_or_default();
        if age >= 2 * PERIOD {
            *self = Self::new(now);
        } else if age >= PERIOD {
            self.previous = Some(std::mem::replace(&mut self.current, secrets::random()));
            // Not `now`: else a nonce that is replaced late would be accepted for longer.
            self.began += PERIOD;
        }
    }
}

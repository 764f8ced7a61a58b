use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A point in time in a JWT claim: seconds since 1970-01-01T00:00:00Z without leap seconds, possibly with a fraction (RFC 7519
/// §2).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct NumericDate(f64);

impl NumericDate {
    /// 2^53 − 1 seconds, up to which every whole second is exact (RFC 8259 §6). A later date is refused. It is a mistake or an
    /// attack, and must not be rounded, wrapped or understood as "never".
    const LIMIT: f64 = 9_007_199_254_740_991.0;

    /// The seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0
    }

    fn new(seconds: f64) -> Option<Self> {
        (seconds.abs() <= Self::LIMIT).then_some(Self(seconds))
    }

    /// The date that the number means if it counts milliseconds.
    #[cfg(feature = "shared-signals")]
    pub(crate) fn of_milliseconds(self) -> Self {
        Self(self.0 / 1000.0)
    }

    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(self.0 + duration.as_secs_f64())
    }
}

impl From<SystemTime> for NumericDate {
    fn from(time: SystemTime) -> Self {
        Self(match time.duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        })
    }
}

impl From<NumericDate> for SystemTime {
    fn from(date: NumericDate) -> Self {
        let distance = Duration::from_secs_f64(date.0.abs());
        let time = if date.0 < 0.0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
        // The range of some systems' clocks is smaller. The rules about tokens compare dates, not this value.
        time.unwrap_or(UNIX_EPOCH)
    }
}

impl fmt::Display for NumericDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Seconds;

        impl Visitor<'_> for Seconds {
            type Value = NumericDate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds since 1970-01-01T00:00:00Z")
            }

            #[expect(clippy::cast_precision_loss, reason = "an inexact number is beyond the limit and refused")]
            fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
                self.visit_f64(seconds as f64)
            }

            #[expect(clippy::cast_precision_loss, reason = "an inexact number is beyond the limit and refused")]
            fn visit_i64<E: Error>(self, seconds: i64) -> Result<NumericDate, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
                NumericDate::new(seconds)
                    .ok_or_else(|| E::custom("expected at most 2^53 - 1 seconds before or after 1970-01-01T00:00:00Z"))
            }
        }

        // Not `deserialize_any`: with serde_json's `arbitrary_precision`, which any crate in the build may switch on, that
        // hands out numbers as maps.
        json.deserialize_f64(Seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // e26
    #[test]
    fn a_date_is_a_json_number_within_range() {
        let read = |text: &str| serde_json::from_str::<NumericDate>(text).ok().map(NumericDate::seconds);
        assert_eq!(read("1893456000"), Some(1_893_456_000.0));
        assert_eq!(read("1893456000.5"), Some(1_893_456_000.5));
        assert_eq!(read("1.893456e9"), Some(1_893_456_000.0));
        assert_eq!(read("-1"), Some(-1.0));
        assert_eq!(read("9007199254740991"), Some(9_007_199_254_740_991.0));
        assert_eq!(read("9007199254740992"), None);
        assert_eq!(read("9007199254740993"), None);
        for bad in ["\"1893456000\"", "1e400", "-1e400", "1e300", "9223372036854775808", "18446744073709551616", "null"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
        for bad in ["true", "[1]", "{}", "NaN", "Infinity", "0x10", "01", "+1", ""] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn converts_to_system_time_and_back() {
        for seconds in [0.0, 1_893_456_000.5, -86_400.0, NumericDate::LIMIT] {
            let date = NumericDate(seconds);
            assert_eq!(NumericDate::from(SystemTime::from(date)), date);
        }
    }
}

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The ID that Redis has given to an entry of a stream: milliseconds since 1970 by Redis' clock, and a number in this millisecond.
///
/// In one stream they only rise, even when that clock is set back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId {
    milliseconds: u64,
    number: u64,
}

impl EntryId {
    /// Below each entry.
    pub(super) const START: Self = Self { milliseconds: 0, number: 0 };

    /// The lowest ID of a time that is earlier by this much.
    pub(super) fn earlier(self, by: Duration) -> Self {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        Self { milliseconds: self.milliseconds.saturating_sub(by), number: 0 }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.number)
    }
}

impl FromStr for EntryId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (milliseconds, number) = text.split_once('-').ok_or(())?;
        Ok(Self { milliseconds: milliseconds.parse().map_err(drop)?, number: number.parse().map_err(drop)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EntryId {
        text.parse().unwrap()
    }

    #[test]
    fn ids_are_ordered_by_time_and_then_by_number() {
        let sorted = ["0-0", "0-1", "9-18446744073709551615", "10-0", "10-2", "10-10", "18446744073709551615-0"];
        assert!(sorted.is_sorted_by_key(|text| id(text)));
        for text in sorted {
            assert_eq!(id(text).to_string(), text);
        }
        for wrong in ["", "1", "1-", "-1", "1-2-3", "a-1", "1-a", " 1-1", "18446744073709551616-0"] {
            assert_eq!(wrong.parse::<EntryId>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn an_earlier_id_does_not_pass_the_start() {
        assert_eq!(id("60500-7").earlier(Duration::from_secs(60)), id("500-0"));
        assert_eq!(id("500-7").earlier(Duration::from_secs(60)), EntryId::START);
        assert_eq!(id("500-7").earlier(Duration::MAX), EntryId::START);
    }
}

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::revocation::{Revocation, Target};

/// The version of the JSON. A reader refuses any other.
const VERSION: u32 = 1;

/// A revocation in the form in which processes share it: with its times, as JSON.
#[derive(Clone, Debug)]
pub struct RevocationRecord {
    pub(super) revocation: Revocation,
    /// Tokens that were issued until then are refused.
    pub(super) at: SystemTime,
    /// When it was recorded. An entry without a time of its own is kept from then on.
    pub(super) recorded: SystemTime,
    pub(super) keep_for: Duration,
}

/// A text is not a record, or has a version that this process does not know.
#[derive(Debug, thiserror::Error)]
#[error("expected the record of a revocation in version {VERSION}: {reason}")]
pub struct InvalidRecord {
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct Json<'r> {
    v: u32,
    #[serde(borrow)]
    iss: Cow<'r, str>,
    kind: Kind,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'r, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    sub: Option<Cow<'r, str>>,
    /// In milliseconds since 1970, as the next.
    at: u64,
    recorded: u64,
    keep: u64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Session,
    SessionOf,
    Token,
    Subject,
    Client,
    Issuer,
}

impl RevocationRecord {
    /// How long the store should keep the record after it was appended. A process that starts later does not need it, because all tokens that it
    /// concerns have expired.
    #[must_use]
    pub fn keep_for(&self) -> Duration {
        self.keep_for
    }

    /// The record as JSON, of less than a kilobyte unless its names are long.
    ///
    /// It contains the names that are revoked, such as the subject.
    ///
    /// # Panics
    ///
    /// Never, because strings and numbers can always be written.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (kind, name, sub) = match &self.revocation.target {
            Target::Session(sid) => (Kind::Session, Some(&**sid), None),
            Target::SessionOf { sid, sub } => (Kind::SessionOf, Some(&**sid), Some(&**sub)),
            Target::Token(jti) => (Kind::Token, Some(&**jti), None),
            Target::Subject(sub) => (Kind::Subject, Some(&**sub), None),
            Target::Client(client_id) => (Kind::Client, Some(&**client_id), None),
            Target::Issuer => (Kind::Issuer, None, None),
        };
        let json = Json {
            v: VERSION,
            iss: Cow::Borrowed(&self.revocation.issuer),
            kind,
            name: name.map(Cow::Borrowed),
            sub: sub.map(Cow::Borrowed),
            at: milliseconds(self.at),
            recorded: milliseconds(self.recorded),
            keep: u64::try_from(self.keep_for.as_millis()).unwrap_or(u64::MAX),
        };
        serde_json::to_string(&json).expect("strings and numbers")
    }

    /// Reads what [`to_json`](Self::to_json) has written, in this or another process.
    ///
    /// # Errors
    ///
    /// If the text is something else, or has another version. In the latter case, a process of that version may have revoked tokens that this
    /// process does not refuse.
    pub fn from_json(json: &str) -> Result<Self, InvalidRecord> {
        let json: Json<'_> = serde_json::from_str(json).map_err(|error| InvalidRecord { reason: error.to_string() })?;
        if json.v != VERSION {
            return Err(InvalidRecord { reason: format!("found version {}", json.v) });
        }
        let missing = |member: &str| InvalidRecord { reason: format!("{member} is missing") };
        let name = || json.name.as_deref().ok_or_else(|| missing("name"));
        let iss = &*json.iss;
        let revocation = match json.kind {
            Kind::Session => Revocation::session(iss, name()?),
            Kind::SessionOf => Revocation::session_of(iss, name()?, json.sub.as_deref().ok_or_else(|| missing("sub"))?),
            Kind::Token => Revocation::token(iss, name()?),
            Kind::Subject => Revocation::subject(iss, name()?),
            Kind::Client => Revocation::client(iss, name()?),
            Kind::Issuer => Revocation::issuer(iss),
        };
        let too_late = || InvalidRecord { reason: "a time is later than this machine can represent".to_owned() };
        let time = |since: u64| UNIX_EPOCH.checked_add(Duration::from_millis(since)).ok_or_else(too_late);
        Ok(Self {
            at: time(json.at)?,
            recorded: time(json.recorded)?,
            keep_for: Duration::from_millis(json.keep),
            revocation,
        })
    }
}

/// Rounded up, so that a token that was issued in the same millisecond is refused; but not to the next second, whose tokens were issued later.
fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let last_of_second = u128::from(since.as_secs()) * 1000 + 999;
    u64::try_from(since.as_nanos().div_ceil(1_000_000).min(last_of_second)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.example.com";

    fn record(revocation: Revocation) -> RevocationRecord {
        let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let recorded = at + Duration::from_secs(7);
        RevocationRecord { revocation, at, recorded, keep_for: Duration::from_secs(720) }
    }

    #[test]
    fn json_keeps_every_kind_of_revocation_and_its_times() {
        for revocation in [
            Revocation::session(ISSUER, "a\"b"),
            Revocation::session_of(ISSUER, "s", "alice"),
            Revocation::token(ISSUER, ""),
            Revocation::subject(ISSUER, "\u{1f600}"),
            Revocation::client(ISSUER, "app"),
            Revocation::issuer(ISSUER),
        ] {
            let written = record(revocation.clone());
            let read = RevocationRecord::from_json(&written.to_json()).unwrap();
            assert!(read.revocation == revocation, "{revocation:?}");
            assert_eq!((read.at, read.recorded, read.keep_for()), (written.at, written.recorded, written.keep_for()));
        }
        let json = record(Revocation::session_of(ISSUER, "s", "alice")).to_json();
        let times = r#""at":1700000000123,"recorded":1700000007123,"keep":720000"#;
        let expected = format!(
            r#"{{"v":1,"iss":"https://login.example.com","kind":"session_of","name":"s","sub":"alice",{times}}}"#
        );
        assert_eq!(json, expected);
    }

    /// Otherwise a process that reads it would accept an answer about an opaque token of this very millisecond.
    #[test]
    fn a_part_of_a_millisecond_is_rounded_up() {
        let part = Duration::from_nanos(1);
        let RevocationRecord { at, recorded, .. } = record(Revocation::issuer(ISSUER));
        let written =
            RevocationRecord { at: at + part, recorded: recorded + part, ..record(Revocation::issuer(ISSUER)) };
        let read = RevocationRecord::from_json(&written.to_json()).unwrap();
        let millisecond = Duration::from_millis(1);
        assert_eq!((read.at, read.recorded), (at + millisecond, recorded + millisecond));
    }

    #[test]
    fn what_is_no_record_or_of_another_version_is_an_error() {
        let good = record(Revocation::session_of(ISSUER, "s", "alice")).to_json();
        for (from, to) in [
            (r#""v":1"#, r#""v":2"#),
            (r#""kind":"session_of""#, r#""kind":"device""#),
            (r#""sub":"alice","#, ""),
            (r#""name":"s","#, ""),
            ("1700000000123", "-1"),
            ("{", "["),
        ] {
            assert!(good.contains(from));
            assert!(RevocationRecord::from_json(&good.replacen(from, to, 1)).is_err(), "{from}");
        }
        // A later version may add members that an earlier one can do without.
        assert!(RevocationRecord::from_json(&good.replacen('{', r#"{"more":[1],"#, 1)).is_ok());
    }
}

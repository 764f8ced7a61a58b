use std::fmt::{self, Display};
use std::time::SystemTime;

use crate::jose::Strings;
use crate::redact::quoted;
use crate::token::NumericDate;

/// The maximum number of texts of a list that an explanation shows.
const MAX_LISTED: usize = 200;

pub(super) fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut texts = texts.map(|text| quoted(Some(text)));
    let mut shown: Vec<String> = texts.by_ref().take(MAX_LISTED).collect();
    let more = texts.count();
    match shown.len() {
        0 => "none".to_owned(),
        1 => shown.remove(0),
        _ if more > 0 => format!("[{}, and {more} more]", shown.join(", ")),
        _ => format!("[{}]", shown.join(", ")),
    }
}

pub(super) fn strings(strings: Option<&Strings<'_>>) -> String {
    match strings {
        None => "none".to_owned(),
        Some(Strings::Other) => "neither a string nor an array of strings".to_owned(),
        Some(Strings::One(one)) => quoted(Some(one)),
        Some(Strings::Many(many)) if many.is_empty() => "[]".to_owned(),
        Some(Strings::Many(many)) => list(many.iter().map(|it| &**it)),
    }
}

pub(super) fn presence(is_present: bool) -> String {
    if is_present { "one" } else { "none" }.to_owned()
}

/// A date, and how far it is from `now`.
pub(super) fn date(date: Option<NumericDate>, now: NumericDate) -> String {
    let Some(date) = date else { return "none".to_owned() };
    let ahead = date.seconds() - now.seconds();
    let distance = if ahead < 0.0 { format!("{:.0} s ago", -ahead) } else { format!("in {ahead:.0} s") };
    format!("{} ({distance})", Date(date))
}

/// A date as people read it, if its year has at most four digits.
pub(super) struct Date(pub(super) NumericDate);

impl Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// 9999-12-31T23:59:59Z.
        const LAST: f64 = 253_402_300_799.0;
        if (0.0..LAST).contains(&self.0.seconds()) {
            f.write_str(&httpdate::fmt_http_date(SystemTime::from(self.0)))
        } else {
            self.0.fmt(f)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_how_much_of_it_is_not_shown() {
        assert_eq!(list(["a"; 0].into_iter()), "none");
        assert_eq!(list(["a"].into_iter()), r#""a""#);
        assert_eq!(list(["a"; 2].into_iter()), r#"["a", "a"]"#);
        assert!(list(["a"; MAX_LISTED].into_iter()).ends_with(r#""a"]"#));
        assert!(list(["a"; MAX_LISTED + 3].into_iter()).ends_with(r#""a", and 3 more]"#));
    }
}

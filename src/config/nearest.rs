use strsim::levenshtein;

/// The most characters of a name that are compared. No setting has a longer name.
const MAX_CHARACTERS: usize = 64;

/// The name that was probably meant by `written`: the one with the smallest edit distance, ignoring ASCII case, if that distance
/// is small for the length of the name.
pub(super) fn nearest<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let written: String = written.chars().take(MAX_CHARACTERS).collect::<String>().to_ascii_lowercase();
    let distances = names.into_iter().map(|name| (levenshtein(&written, &name.to_ascii_lowercase()), name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + name.len() / 5).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_few_edits_is_found() {
        let names = ["audience", "issuers", "leeway", "realm"];
        for (written, expected) in [
            ("leeway", Some("leeway")),
            ("leway", Some("leeway")),
            ("leeeway", Some("leeway")),
            ("leewax", Some("leeway")),
            ("LEEWAY", Some("leeway")),
            ("lway", Some("leeway")),
            ("lwa", None),
            ("Issuer", Some("issuers")),
            ("audiences", Some("audience")),
            ("secret", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, names), expected, "{written:?}");
        }
        assert_eq!(nearest("es256", ["ES256", "RS256"]), Some("ES256"));
        assert_eq!(nearest("leeway", []), None);
    }

    /// Otherwise the time would grow with the length of both.
    #[test]
    fn no_more_than_the_start_of_a_long_name_is_compared() {
        let name = "x".repeat(MAX_CHARACTERS);
        assert_eq!(nearest(&format!("{name}{}", "y".repeat(1_000_000)), [&*name]), Some(&*name));
    }
}

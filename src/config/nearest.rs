/// The name that was probably meant: the one that the fewest changes of a letter make of `written`, if they are few.
/// Upper case and lower case are no difference.
pub(super) fn nearest<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let distances = names.into_iter().map(|name| (distance(written, name), name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + name.len() / 5).then_some(name)
}

/// How many letters have to be added, removed or replaced (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let letters = |text: &str| text.bytes().take(64).map(|octet| octet.to_ascii_lowercase()).collect::<Vec<_>>();
    let other = letters(other);
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in letters(one).into_iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, known) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *known);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("leeway", "leeway", 0),
            ("leway", "leeway", 1),
            ("leeeway", "leeway", 1),
            ("leewax", "leeway", 1),
            ("kitten", "sitting", 3),
            ("ES256", "es256", 0),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn only_what_is_near_is_meant() {
        let names = ["audience", "issuers", "leeway", "realm"];
        assert_eq!(nearest("leway", names), Some("leeway"));
        assert_eq!(nearest("Issuer", names), Some("issuers"));
        assert_eq!(nearest("audiences", names), Some("audience"));
        assert_eq!(nearest("secret", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest("leeway", []), None);
    }
}

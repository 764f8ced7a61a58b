//! Inputs name what they cannot hold: `$` and a name stand for a time, a token or a key.

/// What follows a `$`: what is written in its place, and the rest.
pub type Filled<'t> = Option<(Vec<u8>, &'t [u8])>;

/// The template with everything in its place. A `$` that names nothing stays.
pub fn filled(template: &[u8], fill: impl Fn(&[u8]) -> Filled<'_>) -> Vec<u8> {
    let mut parts = template.split(|byte| *byte == b'$');
    let mut text = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        let (written, rest) = fill(part).unwrap_or_else(|| (vec![b'$'], part));
        text.extend(written);
        text.extend_from_slice(rest);
    }
    text
}

/// A number at the start of a text, of so many digits at most, and the rest.
#[must_use]
pub fn number(text: &[u8], most: usize) -> (Option<usize>, &[u8]) {
    let (digits, rest) = text.split_at(text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count());
    (std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()), rest)
}

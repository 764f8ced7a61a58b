//! A reader of `WWW-Authenticate`, by the grammar of RFC 9110 §11.2 and §5.6 and of nothing beyond: what it does not know is
//! an error, and so is a parameter that stands twice.

/// A challenge: its scheme, and its parameters in their order.
#[derive(Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The scheme, as it is written.
    pub scheme: String,
    /// Names and values, without quotes and escapes.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// `auth-scheme 1*SP #auth-param`, one challenge and nothing after it.
    ///
    /// # Errors
    ///
    /// What is left where the grammar ends.
    pub fn read(text: &str) -> Result<Self, &str> {
        let (scheme, mut rest) = token(text)?;
        let mut parameters: Vec<(String, String)> = Vec::new();
        let mut separator = " ";
        loop {
            rest = rest.strip_prefix(separator).ok_or(rest)?.trim_start_matches(' ');
            let (name, after) = token(rest)?;
            let after = after.strip_prefix('=').ok_or(after)?;
            let (value, after) = if after.starts_with('"') { quoted_string(after)? } else { plain(after)? };
            if parameters.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                return Err(rest);
            }
            parameters.push((name.to_owned(), value));
            rest = after;
            separator = ",";
            if rest.is_empty() {
                return Ok(Self { scheme: scheme.to_owned(), parameters });
            }
        }
    }

    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }
}

fn plain(text: &str) -> Result<(String, &str), &str> {
    token(text).map(|(value, rest)| (value.to_owned(), rest))
}

/// `1*tchar` (RFC 9110 §5.6.2).
fn token(text: &str) -> Result<(&str, &str), &str> {
    let is_tchar = |character: char| match character {
        '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '.' | '^' | '_' | '`' | '|' | '~' => true,
        other => other.is_ascii_alphanumeric(),
    };
    let end = text.find(|character| !is_tchar(character)).unwrap_or(text.len());
    if end == 0 { Err(text) } else { Ok(text.split_at(end)) }
}

/// RFC 9110 §5.6.4, without `obs-text`.
fn quoted_string(text: &str) -> Result<(String, &str), &str> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, escaped @ ('\t' | ' '..='~'))) => value.push(escaped),
                _ => return Err(&text[at..]),
            },
            '\t' | ' '..='~' => value.push(character),
            _ => return Err(&text[at..]),
        }
    }
    Err(text)
}

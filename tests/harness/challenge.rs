//! A strict parser of challenges.

use super::Answer;

/// One challenge, read by nothing but the grammar (RFC 9110 §11.2, §11.3): a scheme, then parameters, each with its
/// value as a quoted-string, which a recipient need not expect to see in any other form.
#[derive(Debug, PartialEq)]
pub(crate) struct Challenge {
    pub(crate) scheme: String,
    pub(crate) parameters: Vec<(String, String)>,
}

impl Challenge {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut rest = text.chars().peekable();
        let token = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let is_tchar = |c: &char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(*c);
            let token: String = std::iter::from_fn(|| rest.next_if(is_tchar)).collect();
            if token.is_empty() { Err("a token is missing") } else { Ok(token) }
        };
        let scheme = token(&mut rest)?;
        rest.next_if_eq(&' ').ok_or("no parameter")?;
        let mut parameters: Vec<(String, String)> = Vec::new();
        loop {
            let name = token(&mut rest)?.to_ascii_lowercase();
            if parameters.iter().any(|(other, _)| *other == name) {
                return Err("a parameter twice");
            }
            if (rest.next(), rest.next()) != (Some('='), Some('"')) {
                return Err("no quoted value");
            }
            let mut value = String::new();
            loop {
                match rest.next().ok_or("no closing quote")? {
                    '"' => break,
                    '\\' => value.push(rest.next().ok_or("nothing escaped")?),
                    c @ ('\t' | ' '..='~') => value.push(c),
                    _ => return Err("a character that may not stand in a quoted-string"),
                }
            }
            parameters.push((name, value));
            match (rest.next(), rest.next()) {
                (None, _) => return Ok(Self { scheme, parameters }),
                (Some(','), Some(' ')) => {}
                _ => return Err("no comma"),
            }
        }
    }

    /// The one challenge of a refusal.
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        let mut lines = answer.headers.get_all("www-authenticate").iter();
        let challenge = Self::parse(lines.next().expect("a challenge").to_str().unwrap());
        assert_eq!(lines.next(), None);
        challenge.unwrap()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }
}

#[test]
fn the_challenge_parser_is_strict() {
    let parsed = Challenge::parse(r#"Bearer realm="a \"b\", c=\"d\"", error="e""#).unwrap();
    assert_eq!(
        (&*parsed.scheme, parsed.get("realm"), parsed.get("error")),
        ("Bearer", Some(r#"a "b", c="d""#), Some("e"))
    );
    for bad in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer dG9rZW4=",
        "Bearer realm",
        "Bearer realm=x",
        r#"Bearer realm="x"#,
        r#"Bearer realm="x","#,
        r#"Bearer realm="x" error="y""#,
        r#"Bearer realm="x", REALM="y""#,
        r#"Bearer realm="x", Basic realm="y""#,
        "Bearer realm=\"\u{e9}\"",
        "Bearer realm=\"\0\"",
        r#" Bearer realm="x""#,
        r#"=Bearer realm="x""#,
    ] {
        assert!(Challenge::parse(bad).is_err(), "{bad:?}");
    }
}

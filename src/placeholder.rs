//! Placeholders that a template or a shell should have replaced.

/// Whether the whole text is one. A part of a text is none: random secrets have braces and dollar signs.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let within = |open, close| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let is_in_braces = within("${", "}").is_some() || within("{{", "}}").is_some();
    let is_in_brackets = within("<", ">").is_some_and(is_description);
    // Names of variables are in upper case, and few random texts are.
    let is_variable = text.strip_prefix('$').or_else(|| within("%", "%")).is_some_and(is_name);
    is_in_braces || is_in_brackets || is_variable
}

fn is_name(text: &str) -> bool {
    let is_part = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
    text.starts_with(|it: char| it.is_ascii_uppercase() || it == '_') && text.chars().all(is_part)
}

/// Words such as `your client secret`.
fn is_description(text: &str) -> bool {
    let is_part = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.' | ' ');
    text.starts_with(|it: char| it.is_ascii_alphabetic()) && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_text_is_a_placeholder() {
        for placeholder in
            ["${A}", "${a:-b}", "$SECRET", "$_A1", "%SECRET%", "{{ secret }}", "{{.a}}", "<secret>", "<your client-id>"]
        {
            assert!(is_placeholder(placeholder), "{placeholder}");
        }
        for other in [
            "", "a", "$", "$secret", "$Ab", "a${B}", "${B}a", "{a}", "%a%", "%%", "<>", "<1>", "<a", "a>", "<a>b",
            "<b$>",
        ] {
            assert!(!is_placeholder(other), "{other}");
        }
    }
}

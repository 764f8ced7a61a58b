//! How an input says what token to make. No input holds a key, and no token outlives the process that signed it.
//!
//! ```text
//! ES256                                  the algorithm, and possibly ` stranger`
//! {"alg":"ES256","kid":"p-256-1"}        the header, signed as it stands
//! {"iss":"https://issuer.example.test"}  the payload, likewise
//! ~17                                    what happens to the token on the way, a line each
//! ```
//!
//! In header and payload, `$300` is the time in 300 seconds. An input that starts otherwise is a token as it stands.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_bearer::jose::Algorithm;

use crate::model::Opinion;
use crate::template::number;
use crate::world::{KEYS, STRANGER, with_times};

/// A token that was made by a recipe.
pub struct Made {
    /// The token as it was signed; empty if nobody signed it.
    pub signed: String,
    /// What is presented.
    pub presented: String,
    /// By which algorithm it was signed with a key of the issuer's, if it was.
    pub signer: Option<Algorithm>,
}

impl Made {
    /// Follows the recipe. What is no text is nothing that a server is ever asked about.
    #[must_use]
    pub fn by(recipe: &[u8]) -> Option<Self> {
        let mut lines = recipe.split(|byte| *byte == b'\n');
        let Some((algorithm, is_strange)) = lines.next().and_then(signer) else {
            let presented = String::from_utf8(recipe.to_vec()).ok()?;
            return Some(Self { signed: String::new(), presented, signer: None });
        };
        let mut part = || with_times(lines.next().unwrap_or_default());
        let (header, payload) = (part(), part());
        let issuer = if is_strange { &STRANGER } else { &KEYS };
        let signed = issuer.token_by(algorithm).raw_header(header).raw_payload(payload).sign();
        let presented = lines.fold(signed.clone(), edited);
        Some(Self { signed, presented, signer: (!is_strange).then_some(algorithm) })
    }

    /// Whether `token` is, byte by byte, what the issuer signed, and by the algorithm that it states.
    #[must_use]
    pub fn is_signed(&self, token: &str, opinion: &Opinion) -> bool {
        let stated = opinion.header.as_ref().and_then(|header| header.member("alg")?.text()?.parse().ok());
        // RFC 9864: two names of one scheme.
        let ed25519 = [Algorithm::EdDSA, Algorithm::Ed25519];
        let is_same = |a, b| a == b || (ed25519.contains(&a) && ed25519.contains(&b));
        let fits = self.signer.zip(stated).is_some_and(|(signer, stated)| is_same(signer, stated));
        fits && self.signed == token
    }
}

fn signer(line: &[u8]) -> Option<(Algorithm, bool)> {
    let line = std::str::from_utf8(line).ok()?;
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    Some((name.parse().ok()?, rest == "stranger"))
}

/// An edit is a sign, a number, and possibly a space and a text.
///
/// - `~17` changes a bit of the character at 17
/// - `-17` takes it away
/// - `+17 abc` puts `abc` before it
/// - `.1 {}` makes `{}` the bytes of part 1: header, payload or signature
/// - `:1 abc` makes `abc` the text of part 1
/// - `^2 9` changes bit 9 of the bytes of part 2
///
/// Places beyond the end count on from the start.
fn edited(token: String, edit: &[u8]) -> String {
    let Some((sign, rest)) = edit.split_first() else { return token };
    let (place, rest) = number(rest, 6);
    let number = place.unwrap_or(0);
    let text = rest.strip_prefix(b" ").unwrap_or_default();
    let mut bytes = token.clone().into_bytes();
    let place = number % bytes.len().max(1);
    match sign {
        b'~' if !bytes.is_empty() => bytes[place] ^= 1 << (number / bytes.len() % 7),
        b'-' if !bytes.is_empty() => drop(bytes.remove(place)),
        b'+' => drop(bytes.splice(place..place, text.iter().copied())),
        b'.' => return with_part(&token, number, &URL_SAFE_NO_PAD.encode(with_times(text))),
        b':' => return with_part(&token, number, &String::from_utf8_lossy(text)),
        b'^' => return with_bit(&token, number, text).unwrap_or(token),
        _ => {}
    }
    // What is no text is nothing that a server is ever asked about.
    String::from_utf8(bytes).unwrap_or(token)
}

fn with_part(token: &str, number: usize, text: &str) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    let count = parts.len();
    parts[number % count] = text;
    parts.join(".")
}

fn with_bit(token: &str, number: usize, text: &[u8]) -> Option<String> {
    let parts: Vec<&str> = token.split('.').collect();
    let mut bytes = URL_SAFE_NO_PAD.decode(parts[number % parts.len()]).ok()?;
    let bit: usize = std::str::from_utf8(text).ok()?.parse().ok()?;
    let place = (bit / 8).checked_rem(bytes.len())?;
    bytes[place] ^= 1 << (bit % 8);
    Some(with_part(token, number, &URL_SAFE_NO_PAD.encode(bytes)))
}

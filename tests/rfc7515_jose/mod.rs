//! The token as a JOSE object: its parts, its header, its JSON and its signature (RFC 7515, 7518, 7519, 8037, 9864).

mod compact;
mod header;
mod json;
mod kid;
mod second_opinion;
mod signatures;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TokenBuilder;

use crate::harness::{AUDIENCE, ISSUER, decoded, with_raw_member};

fn token_by(algorithm: Algorithm) -> TokenBuilder {
    ISSUER.token_by(algorithm).audience(AUDIENCE).scope("read:me")
}

/// The token with one more member at the front of its header, whether there is one of that name or not.
fn with_raw_header(token: &TokenBuilder, member: &str) -> TokenBuilder {
    let [header, _] = decoded(token);
    token.clone().raw_header(format!("{{{member},{}", &header[1..]))
}

/// A token and its signature's bytes.
fn signed(token: &TokenBuilder) -> (String, Vec<u8>) {
    let token = token.sign();
    let (input, signature) = token.rsplit_once('.').unwrap();
    (input.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

/// The spellings of the same bytes whose last character has bits to spare that are not zero.
fn with_spare_bits(part: &str) -> Vec<String> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let spare = match part.len() % 4 {
        2 => 16,
        3 => 4,
        _ => 1,
    };
    let (start, last) = part.split_at(part.len() - 1);
    let last = ALPHABET.find(last).unwrap();
    (1..spare).map(|bits| format!("{start}{}", &ALPHABET[last + bits..=last + bits])).collect()
}

/// The token with a claim of exactly this JSON text.
fn with_raw_claim(token: TokenBuilder, name: &str, value: &str) -> TokenBuilder {
    with_raw_member(&token.without_claim(name), &format!("\"{name}\":{value}"))
}

//! Keys that an issuer publishes for one case each.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;

use super::case::KeyRecipe;
use super::setup::with_kid;
use super::template::put;

/// A key in a set, and how its tokens name it.
pub(super) struct PublishedKey {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    /// The entries: the key, and another of the same name, so that the name is known whatever becomes of the key: then the
    /// answer is about the key, and the keys are not fetched again.
    pub(super) published: [Value; 2],
}

/// Makes the entries for the `number`th case from the stranger's key, with which its token is signed.
pub(super) fn publish(recipe: &KeyRecipe, number: usize, stranger: &TestIssuer) -> PublishedKey {
    let algorithm: Algorithm = recipe.of.parse().unwrap();
    let kid = format!("key-{number}");
    let named_by_builder = stranger.token_by(algorithm).signing_input();
    let header = URL_SAFE_NO_PAD.decode(named_by_builder.split_once('.').unwrap().0).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let jwks = stranger.jwks();
    let keys = jwks["keys"].as_array().unwrap();
    let of = keys.iter().find(|jwk| jwk["kid"] == header["kid"]).unwrap();
    let entry = changed(with_kid(of.clone(), &kid), recipe);
    let namesake = keys.iter().find(|jwk| jwk["kty"] != of["kty"]).unwrap();
    PublishedKey { published: [entry, with_kid(namesake.clone(), &kid)], kid, algorithm }
}

/// The JWK, changed as the recipe says.
pub(super) fn changed(mut jwk: Value, recipe: &KeyRecipe) -> Value {
    let members = jwk.as_object_mut().unwrap();
    members.extend(recipe.set.clone());
    for name in &recipe.without {
        members.remove(name);
    }
    for (name, count) in &recipe.shorten {
        let mut bytes = bytes(&members[name]);
        match usize::try_from(*count) {
            Ok(count) => drop(bytes.drain(..count)),
            Err(_) => bytes.insert(0, 0),
        }
        members.insert(name.clone(), URL_SAFE_NO_PAD.encode(bytes).into());
    }
    for (name, bit) in &recipe.flip {
        let mut bytes = bytes(&members[name]);
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
        members.insert(name.clone(), URL_SAFE_NO_PAD.encode(bytes).into());
    }
    match &recipe.instead {
        None => jwk,
        Some(instead) => put(instead, &[("jwk".to_owned(), jwk)]),
    }
}

fn bytes(member: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(member.as_str().unwrap()).unwrap()
}

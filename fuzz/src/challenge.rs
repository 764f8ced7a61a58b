//! `WWW-Authenticate` with any realm, resource, scope, `acr` values, age, description and authentication context.
//!
//! - Nothing panics.
//! - The value is a challenge by the grammar of RFC 9110 §11.2, for a [strict reader](crate::authentication) and for another
//!   crate's.
//! - Both read what was meant to be written: every value is as it was given, and in a description, which may have no quotes
//!   (RFC 6750 §3), what may not be there is replaced.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::metadata::Metadata;
use tower_bearer::require::{AcrValues, Shortfall};
use tower_bearer::validation::TokenCache;
use tower_bearer::{Issuer, Rejection, Require, ResourceServer, Scope};

use crate::authentication::Challenge;
use crate::json::Json;
use crate::world::{AUDIENCE, Ageless, ISSUER, KEYS, NOW, good};

/// It grants nothing that anything here requires.
static TOKEN: LazyLock<String> = LazyLock::new(|| good(Algorithm::Ed25519).without_claim("scope").sign());

static KEY_SET: LazyLock<JwkSet> =
    LazyLock::new(|| JwkSet::from_json(KEYS.jwks().to_string().as_bytes()).expect("a key set"));

/// A line each: realm, resource, scope, `acr` values, age in seconds, description, authentication context. An empty one is
/// one that is not set.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines = text.split('\n').map(|line| Some(line).filter(|line| !line.is_empty()));
    let mut line = || lines.next().flatten();
    let (realm, resource, scope, acr, age, description, context) =
        (line(), line(), line(), line(), line(), line(), line());

    let mut builder = ResourceServer::builder(AUDIENCE)
        .trust(Issuer::keys(ISSUER, KEY_SET.clone()).expect("an identifier"))
        .clock(Ageless(|| *NOW))
        .token_cache(TokenCache::off());
    if let Some(realm) = realm {
        builder = builder.realm(realm);
    }
    if let Some(resource) = resource {
        builder = builder.metadata(Metadata::new().resource(resource));
    }
    let is_printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let server = match builder.build() {
        Ok(server) => server,
        Err(error) => {
            assert!(!realm.is_none_or(is_printable) || resource.is_some(), "{error}");
            return;
        }
    };
    assert!(realm.is_none_or(is_printable), "{realm:?}");
    let mut always = vec![("realm", realm.unwrap_or(AUDIENCE).to_owned())];
    always.extend(server.metadata().map(|metadata| ("resource_metadata", metadata.url().to_owned())));

    let scope = scope.and_then(|scope| scope.parse::<Scope>().ok());
    let acr = acr.and_then(|acr| acr.parse::<AcrValues>().ok());
    let age = age.and_then(|age| age.parse().ok());
    // What needs a better authentication is told so and no more, unless it is a description that refuses.
    let mut require = scope.clone().map_or(Require::token(), Require::from);
    if let Some(acr) = acr.clone() {
        require = require.and_acr_values(acr);
    }
    if let Some(age) = age {
        require = require.and_max_age(Duration::from_secs(age));
    }
    if let Some(context) = context {
        require = require.and_auth_context(context);
    }
    if let Some(description) = description.map(kept) {
        require = require.and_custom(move |_, _| Err(Shortfall::denied(description)));
    }

    let lacks_authentication = acr.is_some() || age.is_some() || context.is_some();
    let error = match (lacks_authentication, context) {
        (true, None) => "insufficient_user_authentication",
        (true, Some(_)) => "insufficient_claims",
        (false, _) => "insufficient_scope",
    };
    let lacks_nothing = scope.is_none() && !lacks_authentication && description.is_none();
    // A server checks no token but those that it has validated.
    let token = server.try_verify(&TOKEN).expect("a good token");
    let Err(rejection) = server.check(&token, &require) else { return assert!(lacks_nothing, "{text:?}") };
    let mut expected = always.clone();
    expected.push(("error", error.to_owned()));
    let sentence = description.filter(|_| !lacks_authentication).map(|text| text.chars().map(allowed).collect());
    expected.push((
        "error_description",
        sentence.unwrap_or_else(|| rejection.description().unwrap_or_default().to_owned()),
    ));
    expected.extend(acr.map(|acr| ("acr_values", acr.to_string())));
    expected.extend(age.map(|age| ("max_age", age.to_string())));
    expected.extend(context.map(|context| ("claims", context.to_owned())));
    // It is required all the same, and no client is told to ask for it.
    let told = scope.iter().flat_map(Scope::iter).filter(|token| *token != "offline_access").collect::<Vec<_>>();
    expected.extend((!told.is_empty()).then(|| ("scope", told.join(" "))));
    assert_reads_back(&rejection, &expected);
}

/// What may stand in a description, and what stands there for the rest (RFC 6750 §3).
fn allowed(character: char) -> char {
    match character {
        '"' | '\\' => '\'',
        ' '..='~' => character,
        _ => '?',
    }
}

fn assert_reads_back(rejection: &Rejection, expected: &[(&str, String)]) {
    let value = rejection.challenges().next().expect("a challenge").to_str().expect("printable ASCII");
    let ours = Challenge::read(value).unwrap_or_else(|rest| panic!("{value} from {rest} on"));
    assert_eq!(ours.scheme, "Bearer");
    assert_parameters(ours.parameters.iter().map(|(name, value)| (&**name, value.clone())), expected);

    let theirs = http_auth::parse_challenges(value).unwrap_or_else(|error| panic!("{value}: {error}"));
    let [challenge] = &*theirs else { panic!("{value}") };
    assert_eq!(challenge.scheme, "Bearer");
    assert_parameters(challenge.params.iter().map(|(name, value)| (*name, value.to_unescaped())), expected);
}

fn assert_parameters<'p>(read: impl Iterator<Item = (&'p str, String)>, expected: &[(&str, String)]) {
    let read = read.map(|(name, value)| {
        let value = if name == "claims" { context_of(&value) } else { value };
        (name, value)
    });
    assert_eq!(read.collect::<Vec<_>>(), expected);
}

/// What Microsoft Entra ID is to be asked for.
fn context_of(claims: &str) -> String {
    let claims = Json::read(&STANDARD.decode(claims).expect("base64")).expect("JSON");
    let acrs = claims.member("access_token").and_then(|token| token.member("acrs")).expect("acrs");
    assert_eq!(acrs.member("essential"), Some(&Json::Bool(true)));
    acrs.member("value").and_then(Json::text).expect("a value").to_owned()
}

/// A description is one of the program's own, so it lives as long as that. Each is kept once.
fn kept(text: &str) -> &'static str {
    static KEPT: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(text) {
        return known;
    }
    let new: &'static str = Box::leak(text.into());
    kept.insert(new);
    new
}

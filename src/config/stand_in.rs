//! Values that replace settings that could not be read. The builder accepts all of them, so they cause no further problems.

use crate::Issuer;
#[cfg(feature = "introspection")]
use crate::introspection::{ClientAuthentication, Introspection, Secret};
use crate::keys::KeyFile;

/// A URL of a host that does not exist (RFC 6761 §6.4).
pub(super) const URL: &str = "https://stand-in.invalid";
#[cfg(feature = "http-client")]
pub(super) const DOMAIN: &str = "stand-in.invalid";
/// A tenant of Microsoft Entra ID.
#[cfg(feature = "http-client")]
pub(super) const TENANT: &str = "00000000-0000-4000-8000-000000000000";
pub(super) const AUDIENCE: &str = "urn:stand-in";
/// A network of no proxy (RFC 5737).
pub(super) const NETWORK: &str = "192.0.2.0/24";
/// A name of anything else.
pub(super) const NAME: &str = "stand-in";

/// An issuer in the place of the one at index `at` of the list. It is named for that place, so no two are equal.
pub(super) fn issuer(at: usize) -> Issuer {
    Issuer::keys(&format!("issuers[{at}]"), KeyFile::new(NAME)).expect("an identifier that is accepted")
}

#[cfg(feature = "introspection")]
pub(super) fn client_authentication() -> ClientAuthentication {
    let secret = Secret::new(NAME).expect("a secret that is accepted");
    ClientAuthentication::client_secret_basic(NAME, secret).expect("an identifier that is accepted")
}

#[cfg(feature = "introspection")]
pub(super) fn introspection(issuer: &Issuer) -> Introspection {
    Introspection::at(URL, issuer.identities.name(), client_authentication()).expect("a URL that is accepted")
}

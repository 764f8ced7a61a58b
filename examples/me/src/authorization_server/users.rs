//! The users.

use super::secrets;

pub(crate) struct User {
    pub(crate) name: &'static str,
    pub(crate) password: &'static str,
}

pub(crate) const ALICE: User = User { name: "alice", password: "wonderland" };
/// Another user, whose sessions can be ended without ending Alice's.
pub(crate) const BOB: User = User { name: "bob", password: "builder" };

/// The user of this name and password.
pub(crate) fn authenticate(name: &str, password: &str) -> Option<&'static str> {
    // All are compared whatever the first comparison says.
    let matches = [ALICE, BOB].map(|user| {
        let (name, password) = (secrets::are_equal(user.name, name), secrets::are_equal(user.password, password));
        (name & password).then_some(user.name)
    });
    matches.into_iter().flatten().next()
}

//! The one user.

use super::secrets;

pub(crate) struct User {
    pub(crate) name: &'static str,
    pub(crate) password: &'static str,
}

pub(crate) const ALICE: User = User { name: "alice", password: "wonderland" };

/// The user of this name and password.
pub(crate) fn authenticate(name: &str, password: &str) -> Option<&'static str> {
    // Both are compared whatever the first comparison says.
    let (name, password) = (secrets::are_equal(ALICE.name, name), secrets::are_equal(ALICE.password, password));
    (name && password).then_some(ALICE.name)
}

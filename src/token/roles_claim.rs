/// The one claim in which an issuer writes what it calls roles.
///
/// It is one claim, because groups and permissions are other things: with some issuers users make groups themselves, and one with the
/// name of a role must not be that role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RolesClaim {
    /// `roles` (RFC 9068 §2.2.3.1).
    #[default]
    Roles,
    /// `roles` in `realm_access`: the roles of a Keycloak realm. A client's roles are elsewhere.
    RealmAccess,
    /// `role`, which the rules of AD FS issue.
    Role,
    /// `urn:zitadel:iam:org:project:roles`, an object whose members are the roles.
    ZitadelProject,
}

/// How the roles are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RolesForm {
    /// An array of strings, or of objects with a `value` (RFC 7643 §2.4), or one string.
    List,
    /// The members of an object that are neither `null` nor `false`.
    Members,
}

impl RolesClaim {
    pub(crate) const ALL: [Self; 4] = [Self::Roles, Self::RealmAccess, Self::Role, Self::ZitadelProject];

    /// The names of the members that lead to it.
    pub(crate) const fn path(self) -> &'static [&'static str] {
        match self {
            Self::Roles => &["roles"],
            Self::RealmAccess => &["realm_access", "roles"],
            Self::Role => &["role"],
            Self::ZitadelProject => &["urn:zitadel:iam:org:project:roles"],
        }
    }

    pub(crate) const fn form(self) -> RolesForm {
        match self {
            Self::Roles | Self::RealmAccess | Self::Role => RolesForm::List,
            Self::ZitadelProject => RolesForm::Members,
        }
    }
}

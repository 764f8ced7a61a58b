use std::borrow::Cow;

use serde::de::MapAccess;
use serde_json::value::RawValue;

use super::access_token::AccessToken;
use super::claim_json::ClaimJson;
use super::roles_claim::RolesForm;
use crate::jose::{Member, Members, read_object};

impl AccessToken {
    /// The roles of the token, in the order of their claim, read at every call. Empty if there is no such claim, or if it has another form.
    ///
    /// The issuer's preset determines the claim:
    ///
    /// | issuer | claim |
    /// |---|---|
    /// | [`keycloak`](crate::Issuer::keycloak) | `/realm_access/roles`: the roles of the realm, not those of a client |
    /// | [`ad_fs`](crate::Issuer::ad_fs) | `/role` |
    /// | [`zitadel`](crate::Issuer::zitadel) | the members of `/urn:zitadel:iam:org:project:roles` that are neither `null` nor `false` |
    /// | any other | `/roles` (RFC 9068 §2.2.3.1) |
    ///
    /// The claim is an array of strings, or of objects with a `value` (RFC 7643 §2.4), or a single string, which is one role whatever characters it
    /// has. Anything else in it is not a role, and neither is an empty text. Groups, permissions and `entitlements` are not roles, because an issuer
    /// may let others decide about them: read them with [`claim`](Self::claim), and require them with
    /// [`and_claim_contains`](crate::Require::and_claim_contains), which you can also use for the roles of a Keycloak client.
    ///
    /// To check for a role, use [`has_role`](Self::has_role) or [`Require::role`](crate::Require::role).
    #[must_use]
    pub fn roles(&self) -> Vec<Cow<'_, str>> {
        let claim = self.roles_claim();
        let Some(json) = ClaimJson::at(self.payload(), claim.path()) else { return Vec::new() };
        let mut roles = match claim.form() {
            RolesForm::List => json.list(),
            RolesForm::Members => names_of_members(json.bytes()),
        };
        roles.retain(|role| !role.is_empty());
        roles
    }
}

impl<'p> ClaimJson<'p> {
    /// The texts in an array, or a text alone.
    fn list(self) -> Vec<Cow<'p, str>> {
        if let Some(text) = self.text() {
            return vec![text];
        }
        self.elements().into_iter().filter_map(|element| element.text().or_else(|| element.value())).collect()
    }

    /// The member `value` of an object (RFC 7643 §2.4), if it is a text.
    fn value(self) -> Option<Cow<'p, str>> {
        self.part(&["value"]).and_then(Self::text)
    }
}

/// The names of the members of an object that are neither `null` nor `false`.
fn names_of_members(object: &[u8]) -> Vec<Cow<'_, str>> {
    struct Names(Vec<String>);
    impl<'p> Members<'p> for Names {
        fn member<A: MapAccess<'p>>(&mut self, name: &str, member: Member<'_, 'p, A>) -> Result<(), A::Error> {
            let value: &RawValue = member.read()?;
            if !matches!(value.get(), "null" | "false") {
                self.0.push(name.to_owned());
            }
            Ok(())
        }
    }
    let mut names = Names(Vec::new());
    match read_object(object, &mut names) {
        Ok(()) => names.0.into_iter().map(Cow::Owned).collect(),
        Err(_) => Vec::new(),
    }
}

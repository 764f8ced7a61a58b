use std::any::type_name;
use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, MapAccess};

use super::access_token::AccessToken;
use super::claims_error::{ClaimsError, mismatch};
use crate::jose::{Member, Members, Strings, read_object};
use crate::redact::Excerpt;

/// One of a token's `authorization_details`: a fine-grained grant, in the terms of one API (RFC 9396 §2).
///
/// [`AccessToken::authorization_details`] returns all details, and
/// [`Require::and_authorization_detail`](crate::Require::and_authorization_detail) requires one. A detail of a
/// [type](Self::kind) that your API does not define grants nothing there: compare the type first.
///
/// The common members (RFC 9396 §2.2) have methods. Whatever the type, a common member that does not have the form in that
/// section is read as empty and never as absent, so that a member meant to restrict a grant does not extend it.
/// [`parse`](Self::parse) reads the whole detail. `Debug` shows only the type.
#[derive(Clone, Copy)]
pub struct AuthorizationDetail<'a> {
    kind: &'a str,
    json: &'a str,
}

impl AccessToken {
    /// The fine-grained grants of the token (`authorization_details`, RFC 9396 §9.1), in the order of the claim: at most
    /// 64. A token whose claim is malformed has been refused.
    ///
    /// ```
    /// # fn of(token: &tower_bearer::AccessToken) {
    /// let payments = token.authorization_details().filter(|detail| detail.kind() == "payment_initiation");
    /// # }
    /// ```
    pub fn authorization_details(&self) -> impl Iterator<Item = AuthorizationDetail<'_>> {
        let text = |text| self.text(text);
        self.details()
            .iter()
            .map(move |detail| AuthorizationDetail { kind: text(&detail.kind), json: text(&detail.json) })
    }
}

impl<'a> AuthorizationDetail<'a> {
    /// The `type`, which defines what the other members mean. It is never empty, and compared byte by byte (RFC 9396
    /// §2.1).
    #[doc(alias = "type")]
    #[must_use]
    pub fn kind(&self) -> &'a str {
        self.kind
    }

    /// Whether the detail is for the server with the name `location`: [`locations`](Self::locations) is absent or contains
    /// exactly this text.
    #[must_use]
    pub fn is_for(&self, location: &str) -> bool {
        self.locations().is_none_or(|locations| locations.iter().any(|own| own == location))
    }

    /// Where the detail applies (`locations`): usually URLs of resource servers. `None` if it is absent.
    #[must_use]
    pub fn locations(&self) -> Option<Vec<Cow<'a, str>>> {
        self.texts("locations")
    }

    /// What may be done (`actions`). `None` if it is absent.
    #[must_use]
    pub fn actions(&self) -> Option<Vec<Cow<'a, str>>> {
        self.texts("actions")
    }

    /// The kinds of data on which it may be done (`datatypes`). `None` if it is absent.
    #[must_use]
    pub fn datatypes(&self) -> Option<Vec<Cow<'a, str>>> {
        self.texts("datatypes")
    }

    /// The single resource on which it may be done (`identifier`). `None` if it is absent.
    #[must_use]
    pub fn identifier(&self) -> Option<Cow<'a, str>> {
        self.member("identifier").map(|value| value.into_one().unwrap_or_default())
    }

    /// The types or levels of privilege (`privileges`). `None` if it is absent.
    #[must_use]
    pub fn privileges(&self) -> Option<Vec<Cow<'a, str>>> {
        self.texts("privileges")
    }

    /// The whole detail as a `T`, parsed at every call. As with [`AccessToken::claims`], no object in it has duplicate
    /// names.
    ///
    /// # Errors
    ///
    /// If the detail does not parse as a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, AuthorizationDetailError> {
        serde_json::from_str(self.json).map_err(|error| {
            let ClaimsError { wanted, pointer, is_missing, column, .. } =
                ClaimsError::new(type_name::<T>(), self.json.as_bytes(), &error);
            AuthorizationDetailError { wanted, pointer, is_missing, column }
        })
    }

    fn texts(&self, name: &str) -> Option<Vec<Cow<'a, str>>> {
        self.member(name).map(|value| match value {
            Strings::Many(texts) => texts,
            Strings::One(_) | Strings::Other => Vec::new(),
        })
    }

    fn member(&self, name: &str) -> Option<Strings<'a>> {
        let mut member = Named { name, value: None };
        match read_object(self.json.as_bytes(), &mut member) {
            Ok(()) => member.value,
            // Unreachable: it was read before. If it happens, the member restricts the grant to nothing.
            Err(_) => Some(Strings::Other),
        }
    }
}

/// The member of this name, if there is one.
struct Named<'n, 't> {
    name: &'n str,
    value: Option<Strings<'t>>,
}

impl<'t> Members<'t> for Named<'_, 't> {
    fn member<A: MapAccess<'t>>(&mut self, name: &str, member: Member<'_, 't, A>) -> Result<(), A::Error> {
        if name == self.name {
            self.value = Some(member.strings()?);
            return Ok(());
        }
        member.skip()
    }
}

impl fmt::Debug for AuthorizationDetail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationDetail").field("type", &Excerpt::from(self.kind)).finish_non_exhaustive()
    }
}

/// An authorization detail of a valid token does not parse as the type that the application asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an authorization detail of the type {wanted}, found {}", mismatch(.pointer, *.is_missing, *.column))]
#[non_exhaustive]
pub struct AuthorizationDetailError {
    /// The name of the type.
    pub wanted: &'static str,
    /// The member that does not fit or is missing, as a JSON pointer (RFC 6901). Empty if it is the whole detail.
    pub pointer: Excerpt,
    /// Whether the member is missing.
    pub is_missing: bool,
    /// The position of the mismatch in its line, in bytes from 1. A detail usually has one line.
    pub column: usize,
}

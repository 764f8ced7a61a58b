//! Subject identifiers (RFC 9493, Shared Signals Framework 1.0 §3).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::subject_error::SubjectError;

/// The most identifiers that aliases may have. Each may cost an entry in the table of revocations.
const MAX_ALIASES: usize = 32;

/// Whom or what an event is about.
#[derive(Debug, PartialEq)]
pub(super) enum Subject {
    /// One principal, by one identifier or by several (`aliases`).
    Simple(Vec<Identifier>),
    /// One principal, by members that narrow it down, such as the user and the session. An absent member may be anything.
    Complex(BTreeMap<String, Vec<Identifier>>),
}

/// One way to name a principal.
#[derive(Debug, PartialEq)]
pub(super) enum Identifier {
    /// A `sub` of an issuer.
    Subject { issuer: String, sub: String },
    /// The transmitter's name for it, without an issuer: a `sub` or, for a session, a `sid`.
    Opaque(String),
    /// A token by its `jti`.
    Token { issuer: String, id: String },
    /// A URL that may be a `sub`: `account`, `uri`, `did`.
    Url(String),
    /// Anything that tokens are not compared with.
    Other,
}

impl Subject {
    pub(super) fn parse(json: &Value) -> Result<Self, SubjectError> {
        let Value::Object(members) = json else { return Err(SubjectError::NotAnObject) };
        match format_of(members)? {
            Some(format) if format == "complex" => {
                let members = members.iter().filter(|(name, _)| *name != "format");
                Self::complex(members)
            }
            Some(format) => Ok(Self::Simple(identifiers(&format, members)?)),
            // Drafts of the framework have no `complex`.
            None => Self::complex(members),
        }
    }

    fn complex<'m>(members: impl IntoIterator<Item = (&'m String, &'m Value)>) -> Result<Self, SubjectError> {
        let mut parts = BTreeMap::new();
        // Some write what is absent as `null`.
        for (name, json) in members.into_iter().filter(|(_, json)| !json.is_null()) {
            let Value::Object(members) = json else { return Err(SubjectError::NoFormat) };
            let format = format_of(members)?.ok_or(SubjectError::NoFormat)?;
            if format == "complex" {
                return Err(SubjectError::Nested { format: format.into() });
            }
            parts.insert(name.clone(), identifiers(&format, members)?);
        }
        if parts.is_empty() { Err(SubjectError::NoFormat) } else { Ok(Self::Complex(parts)) }
    }
}

/// The format, in the spelling of RFC 9493. Drafts have `subject_type` and hyphens; Google sends `"subject_type": "iss-sub"`.
fn format_of(members: &Map<String, Value>) -> Result<Option<String>, SubjectError> {
    match members.get("format").or_else(|| members.get("subject_type").filter(|it| it.is_string())) {
        None => Ok(None),
        // A complex subject may have a member of this name only if it is its format.
        Some(Value::String(format)) => Ok(Some(format.replace('-', "_"))),
        Some(_) => Err(SubjectError::NoFormat),
    }
}

fn identifiers(format: &str, members: &Map<String, Value>) -> Result<Vec<Identifier>, SubjectError> {
    if format != "aliases" {
        return identifier(format, members).map(|identifier| vec![identifier]);
    }
    let Some(Value::Array(aliases)) = members.get("identifiers") else {
        return Err(SubjectError::Member { format: format.into(), member: "identifiers" });
    };
    if aliases.is_empty() || aliases.len() > MAX_ALIASES {
        return Err(SubjectError::Aliases { found: aliases.len() });
    }
    let alias = |json: &Value| {
        let Value::Object(members) = json else { return Err(SubjectError::NotAnObject) };
        let format = format_of(members)?.ok_or(SubjectError::NoFormat)?;
        // RFC 9493 §3.2.8.
        if ["aliases", "complex"].contains(&&*format) {
            return Err(SubjectError::Nested { format: format.into() });
        }
        identifier(&format, members)
    };
    aliases.iter().map(alias).collect()
}

fn identifier(format: &str, members: &Map<String, Value>) -> Result<Identifier, SubjectError> {
    let text = |member: &'static str| match members.get(member) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        _ => Err(SubjectError::Member { format: format.into(), member }),
    };
    match format {
        "iss_sub" => Ok(Identifier::Subject { issuer: text("iss")?, sub: text("sub")? }),
        "opaque" => Ok(Identifier::Opaque(text("id")?)),
        "jwt_id" => Ok(Identifier::Token { issuer: text("iss")?, id: text("jti")? }),
        "account" | "uri" => Ok(Identifier::Url(text("uri")?)),
        "did" => Ok(Identifier::Url(text("url")?)),
        "email" => text("email").map(|_| Identifier::Other),
        "phone_number" => text("phone_number").map(|_| Identifier::Other),
        "saml_assertion_id" => text("issuer").and(text("assertion_id")).map(|_| Identifier::Other),
        // Google's form of a user who is known by an ID token.
        "id_token_claims" if members.contains_key("sub") => {
            Ok(Identifier::Subject { issuer: text("iss")?, sub: text("sub")? })
        }
        _ => Ok(Identifier::Other),
    }
}

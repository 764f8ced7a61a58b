use std::any::type_name;

use serde::de::DeserializeOwned;

use super::access_token::AccessToken;
use super::claim_json::ClaimJson;
use super::claims_error::ClaimsError;
use super::json_pointer::{InvalidPointer, JsonPointer};
use crate::redact::Excerpt;

impl AccessToken {
    /// The claim at a JSON pointer (RFC 6901) as a `T`, read at every call. `None` if it is absent or `null`.
    ///
    /// A pointer begins with a slash; `~1` stands for a slash within a name. A pointer to an element that an array does not have, or
    /// into a value that is neither an object nor an array, also gives `None`.
    ///
    /// ```
    /// # use tower_bearer::AccessToken;
    /// # use tower_bearer::token::ClaimError;
    /// # fn of(token: &AccessToken) -> Result<(), ClaimError> {
    /// let tenant: Option<u64> = token.claim("/tenant_id")?;
    /// let city = token.claim::<String>("/address/locality")?;
    /// let teams = token.claim::<Vec<String>>("/https:~1~1example.com~1teams")?.unwrap_or_default();
    /// # Ok(()) }
    /// ```
    ///
    /// To refuse tokens whose claim has the wrong type before they reach a handler, and to read the claim only once per token, use
    /// [`Claims<T>`](crate::Claims). To require a value, use [`Require`](crate::Require). As with [`claims`](Self::claims), no object in
    /// the value has duplicate names.
    ///
    /// # Errors
    ///
    /// If the claim is present but does not parse as a `T`, even if only part of it does not fit; or if `pointer` is not a JSON pointer
    /// to a claim.
    pub fn claim<T: DeserializeOwned>(&self, pointer: &str) -> Result<Option<T>, ClaimError> {
        let path = JsonPointer::parse(pointer)?;
        let Some(json) = ClaimJson::at(self.payload(), path.tokens()) else { return Ok(None) };
        json.read().map(Some).map_err(|error| ClaimError::mismatch::<T>(pointer, json, &error))
    }
}

/// Why [`AccessToken::claim`] does not return a claim as the requested type. It shows no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The text is not a JSON pointer to a claim.
    #[error(transparent)]
    Pointer(#[from] InvalidPointer),
    /// The claim, or part of it, has another type.
    #[error("expected a claim of the type {wanted}, found {found} at {pointer:?}")]
    #[non_exhaustive]
    Mismatch {
        /// A pointer to the claim, or to the part of it that does not fit or is missing.
        pointer: Excerpt,
        /// The name of the type.
        wanted: &'static str,
        /// What is there: `a string`, `a number`, `a boolean`, `an array`, `an object`, `null`, or `nothing` for a missing member. A
        /// value of the right kind may still not fit, such as a number that is too large.
        found: &'static str,
    },
}

impl ClaimError {
    /// Why `json`, which is at `pointer`, is no `T`. The text of `error` is not kept: it may show a value.
    fn mismatch<T>(pointer: &str, json: ClaimJson<'_>, error: &serde_json::Error) -> Self {
        let wanted = type_name::<T>();
        let ClaimsError { pointer: within, is_missing, .. } = ClaimsError::new(wanted, json.bytes(), error);
        let part = JsonPointer::parse(&within).ok().and_then(|within| json.part(within.tokens()));
        let found = if is_missing { "nothing" } else { part.unwrap_or(json).kind() };
        Self::Mismatch { pointer: format!("{pointer}{}", &*within).into(), wanted, found }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fmt::Debug;
    use std::time::SystemTime;

    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    const PAYLOAD: &str = r#"{"age":300,"name":"Zaphod","tags":["a",{"b":7}],"deep":{"er":{"x":true,"n":null}},"gone":null,
        "a/b":1,"m~n":2,"":{"":3},"t\u0065am":"blue","big":12345678901234567890}"#;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Deeper {
        x: bool,
    }

    fn token() -> AccessToken {
        AccessToken::of_payload(PAYLOAD, SystemTime::UNIX_EPOCH)
    }

    fn error<T: DeserializeOwned + Debug>(pointer: &str) -> String {
        token().claim::<T>(pointer).unwrap_err().to_string()
    }

    #[test]
    fn a_claim_is_found_at_its_place_alone() {
        let token = token();
        assert_eq!(token.claim("/age"), Ok(Some(300_u16)));
        assert_eq!(token.claim("/name"), Ok(Some("Zaphod".to_owned())));
        assert_eq!(token.claim("/tags/1/b"), Ok(Some(7_i64)));
        assert_eq!(token.claim("/deep/er"), Ok(Some(Deeper { x: true })));
        assert_eq!(token.claim("/a~1b"), Ok(Some(1_u8)));
        assert_eq!(token.claim("/m~0n"), Ok(Some(2_u8)));
        assert_eq!(token.claim("//"), Ok(Some(3_u8)));
        assert_eq!(token.claim("/team"), Ok(Some("blue".to_owned())), "an escaped name");
        assert_eq!(token.claim("/big"), Ok(Some(12_345_678_901_234_567_890_u64)));
        for absent in [
            "/x",
            "/gone",
            "/deep/x",
            "/deep/er/n",
            "/er",
            "/tags/2",
            "/tags/01",
            "/tags/+1",
            "/tags/-",
            "/tags/b",
            "/name/0",
            "/name/x",
            "/age/",
            "/gone/x",
            "/a",
            "/",
        ] {
            let found: Option<Value> = token.claim(absent).unwrap();
            assert_eq!(found.is_some(), absent == "/", "{absent}");
        }
    }

    #[test]
    fn the_error_says_where_what_and_what_instead() {
        let found = |error: String| error.rsplit_once(", found ").unwrap().1.to_owned();
        for (error, expected) in [
            (error::<u64>("/name"), r#"expected a claim of the type u64, found a string at "/name""#),
            (
                error::<u8>("name"),
                r#"expected a JSON pointer to a claim, such as "/realm_access/roles" (RFC 6901), found "name""#,
            ),
            (found(error::<u8>("/age")), r#"a number at "/age""#),
            (found(error::<Vec<i64>>("/tags")), r#"a string at "/tags/0""#),
            (found(error::<bool>("/deep")), r#"an object at "/deep""#),
            (found(error::<bool>("/tags")), r#"an array at "/tags""#),
            (found(error::<u8>("/deep/er/x")), r#"a boolean at "/deep/er/x""#),
            (found(error::<HashMap<String, bool>>("/deep/er")), r#"null at "/deep/er/n""#),
            (found(error::<Deeper>("/deep")), r#"nothing at "/deep/x""#),
        ] {
            assert_eq!(error, expected);
        }
        assert!(!format!("{:?}", token().claim::<u64>("/name")).contains("Zaphod"));
    }
}

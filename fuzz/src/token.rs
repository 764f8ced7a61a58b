//! Tokens that a real key signed, with whatever header and payload, and whatever happened to them on the way.
//!
//! - Nothing panics.
//! - A token is accepted if and only if it is, byte by byte, what the issuer signed, and has none of the flaws that a
//!   [second reading](crate::model) of the rules finds.
//! - A refusal names a flaw that is there.
//! - What is remembered of a token makes no difference to any verdict.
//! - An accepted token says what its payload says.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::iter;
use std::sync::LazyLock;

use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;
use tower_bearer::{AccessToken, ResourceServer};

// What the sources that are compiled in name as `crate::token`.
pub(crate) use crate::numeric_date::NumericDate;
pub(crate) use crate::proof_binding::ProofBinding;

use crate::json::Json;
use crate::model::{Flaw, Opinion, seconds};
use crate::recipe::Made;
use crate::world::{Ageless, NOW, server};

/// It remembers tokens, as servers do by default.
static SERVER: LazyLock<ResourceServer> = LazyLock::new(|| server(Ageless(|| *NOW)));

/// Readers differ in the last digit of a fraction.
const ROUNDING: f64 = 0.001;

/// Follows a [recipe](crate::recipe).
pub fn run(recipe: &[u8]) {
    let Some(made) = Made::by(recipe) else { return };
    // The second time it may be remembered, and the third time it is: then comes what was made of it.
    let times = if made.signed.is_empty() { 0 } else { 3 };
    for _ in 0..times {
        judge(&made, &made.signed);
    }
    judge(&made, &made.presented);
}

fn judge(made: &Made, token: &str) {
    let opinion = Opinion::on(token, seconds(*NOW));
    let is_signed = made.is_signed(token, &opinion);
    match SERVER.try_verify(token) {
        Ok(accepted) => {
            assert!(is_signed, "nobody signed {token}");
            let is_good = opinion.flaws.is_empty() || (opinion.flaws == [Flaw::Time] && opinion.margin < ROUNDING);
            assert!(is_good, "{:?} in {:?}", opinion.flaws, opinion.payload);
            says_what_its_payload_says(&accepted, opinion.payload.as_ref().expect("a payload"));
        }
        Err(VerifyError::Token(TokenError::Signature | TokenError::NoKid { tried: 1.., .. })) => {
            assert!(!is_signed, "the signature of {token} is good");
        }
        Err(error) => {
            let is_explained = opinion.explains(&error) || opinion.margin < ROUNDING;
            assert!(is_explained, "{error}, and found was {:?}", opinion.flaws);
        }
    }
}

fn says_what_its_payload_says(token: &AccessToken, payload: &Json) {
    let text = |name| payload.member(name).and_then(Json::text);
    assert_eq!(Some(token.issuer()), text("iss"));
    assert_eq!(Some(token.subject()), text("sub"));
    assert_eq!(token.client_id(), text("client_id").or(text("azp")));
    assert_eq!(token.id(), text("jti"));
    assert_eq!(token.acr(), text("acr"));
    let audience = payload.member("aud").and_then(Json::texts).unwrap_or_default();
    assert_eq!(token.audience().collect::<Vec<_>>(), audience);

    let is_scope_token = |text: &&str| {
        !text.is_empty()
            && text.chars().all(|character| ('!'..='~').contains(&character) && !['"', '\\'].contains(&character))
    };
    let granted: BTreeSet<&str> = match ["scope", "scp", "scopes"].iter().find_map(|name| payload.member(name)) {
        Some(Json::Text(text)) => text.split(' ').filter(is_scope_token).collect(),
        Some(array) => array.texts().unwrap_or_default().into_iter().filter(is_scope_token).collect(),
        None => BTreeSet::new(),
    };
    assert_eq!(token.scope().iter().collect::<BTreeSet<_>>(), granted);

    let mut act = payload.member("act");
    for actor in token.actor().into_iter().flat_map(|actor| iter::once(actor).chain(actor.prior())) {
        let text = |name| act.and_then(|act| act.member(name)).and_then(Json::text);
        let found = (actor.subject(), actor.client_id(), actor.issuer());
        assert_eq!(found, (text("sub"), text("client_id"), text("iss").unwrap_or(token.issuer())));
        act = act.and_then(|act| act.member("act"));
    }
    assert!(act.is_none(), "an actor is missing");

    let no_details = Json::Array(Vec::new());
    let Json::Array(details) = payload.member("authorization_details").unwrap_or(&no_details) else { unreachable!() };
    assert_eq!(token.authorization_details().count(), details.len());
    for (detail, json) in token.authorization_details().zip(details) {
        assert_eq!(Some(detail.kind()), json.member("type").and_then(Json::text));
        let texts = |name| match json.member(name)? {
            array @ Json::Array(_) => Some(array.texts().unwrap_or_default()),
            _ => Some(Vec::new()),
        };
        let lists = [detail.locations(), detail.actions(), detail.datatypes(), detail.privileges()];
        for (found, name) in lists.into_iter().zip(["locations", "actions", "datatypes", "privileges"]) {
            assert_eq!(found, texts(name).map(|texts| texts.into_iter().map(Cow::Borrowed).collect()), "{name}");
        }
        let identifier = json.member("identifier").map(|identifier| identifier.text().unwrap_or_default());
        assert_eq!(detail.identifier().as_deref(), identifier);
    }
}

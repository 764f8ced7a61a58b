//! From a recipe to a token or a proof.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Number, Value};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestIssuer, TokenBuilder};

use super::builder::Builder;
use super::case::KeyRecipe;
use super::setup::{Setup, url_of};
use super::signature::Signature;
use super::spelling::{misspelt, misspelt_signature};
use super::template::{fill, fill_text};
use crate::harness::AUDIENCE;
use crate::harness::signatures::OwnKey;

/// How a token or a proof differs from a good one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Recipe {
    /// The algorithm; ES256 by default. For a proof it also tells the client.
    pub(super) alg: Option<String>,
    /// A token by the `stranger`: signed with the keys of an issuer that is not trusted, which have the same names. One of the issuer
    /// `beside`: its own, with its name and its key. A proof by `another`: signed with the key of another client.
    pub(super) by: Option<String>,
    pub(super) claims: Map<String, Value>,
    pub(super) without_claims: Vec<String>,
    pub(super) header: Map<String, Value>,
    pub(super) without_header: Vec<String>,
    /// What is replaced in the text of the header and of the payload.
    header_replace: BTreeMap<String, String>,
    payload_replace: BTreeMap<String, String>,
    /// The text instead of that; `<<json>>` is that, `<<members>>` the same without its braces.
    header_text: Option<String>,
    payload_text: Option<String>,
    /// What is signed instead of `<<h>>.<<p>>`. See [`misspelt`].
    pub(super) input: Option<String>,
    signature: Option<Signature>,
    /// The whole instead of `<<h>>.<<p>>.<<s>>`.
    text: Option<String>,
    /// Of a token: the algorithm of the client to whose key it is bound, or `no one`.
    pub(super) bound: Option<String>,
    /// Of a token, where tokens are opaque: the issuer does not know it. Otherwise it answers with the payload.
    unknown: bool,
    /// Of a proof: `another` makes it, with a key of its own.
    pub(super) client: Option<String>,
    /// Of a proof: how the `jwk` differs from the client's.
    pub(super) jwk: Option<KeyRecipe>,
    /// Of a proof: a claim makes it this long.
    pub(super) length: Option<usize>,
}

/// A token or a proof, and its parts.
#[derive(Clone)]
pub(super) struct Minted {
    pub(super) text: Vec<u8>,
    parts: Vec<String>,
}

impl Minted {
    /// What of it may not turn up again.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &String> {
        self.parts.iter().filter(|part| part.len() >= 8)
    }
}

/// What a recipe may use beside the builder of a good token or proof.
pub(super) struct Ground<'a> {
    /// It signs what no builder makes.
    pub(super) own: &'a OwnKey,
    /// The public keys that an attacker knows.
    pub(super) jwks: &'a dyn Fn() -> Value,
    pub(super) look_up: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

impl Recipe {
    /// Makes the `number`th token of its kind. If it is bound, then to the key with the thumbprint `jkt`.
    pub(super) fn mint(&self, setup: &Setup, stranger: &TestIssuer, number: usize, jkt: Option<&str>) -> Minted {
        let good = self.good_token(setup, stranger, jkt);
        let opaque = setup.spec.introspect.is_some().then(|| setup.issuer.opaque_token(&good));
        let look_up = |place: &str| match place {
            "jkt" => jkt.map(|jkt| jkt.as_bytes().to_vec()),
            "beside" => setup.beside.as_ref().map(|issuer| issuer.url().as_bytes().to_vec()),
            "opaque" => opaque.as_ref().map(|token| token.as_bytes().to_vec()),
            place => moment(place, number).or_else(|| url_of(place, &setup.issuer, stranger)),
        };
        let jwks = || setup.issuer.jwks();
        let ground = Ground { own: &setup.own, jwks: &jwks, look_up: &look_up };
        if opaque.is_some() { self.opaque(good, setup, &ground) } else { self.finish(&good, &ground) }
    }

    /// A token that the issuer answers about: that it is active, and what its payload would say if it were a JWT.
    fn opaque(&self, good: TokenBuilder, setup: &Setup, ground: &Ground<'_>) -> Minted {
        let good = good.claim("active", true);
        let [_, answer] = self.changed(good.clone(), ground.look_up).decoded();
        let usual = if self.by.as_deref() == Some("beside") { "<<h>>.<<p>>.<<s>>" } else { "<<opaque>>" };
        let text = self.text.clone().unwrap_or_else(|| usual.to_owned());
        let mut minted = Self { text: Some(text), ..self.clone() }.finish(&good, ground);
        let text = String::from_utf8_lossy(&minted.text).into_owned();
        if self.unknown {
            setup.issuer.revoke(&text);
        } else {
            setup.issuer.set_answer(&text, serde_json::from_str::<Value>(&answer).unwrap());
        }
        minted.parts.push(text);
        minted
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.alg.as_deref().map_or(Algorithm::ES256, |name| name.parse().unwrap())
    }

    fn good_token(&self, setup: &Setup, stranger: &TestIssuer, jkt: Option<&str>) -> TokenBuilder {
        let is_beside = self.by.as_deref() == Some("beside");
        let issuer = if is_beside { setup.beside.as_ref().unwrap() } else { &setup.issuer };
        let mut builder = issuer.token_by(self.algorithm()).audience(AUDIENCE).scope("read:me");
        match self.by.as_deref() {
            None | Some("beside") => {}
            Some("stranger") => builder = builder.signed_by(stranger),
            Some(other) => panic!("unknown name {other}"),
        }
        if self.input.is_some() {
            builder = builder.header("kid", "own");
        }
        match jkt {
            None => builder,
            Some(jkt) => builder.claim("cnf", serde_json::json!({ "jkt": jkt })),
        }
    }

    /// Changes a good token or proof, and signs it.
    pub(super) fn finish<B: Builder>(&self, good: &B, ground: &Ground<'_>) -> Minted {
        let Ground { own, jwks, look_up } = *ground;
        let builder = self.changed(good.clone(), look_up);
        let builder = self.length.map_or(builder.clone(), |length| builder.padded(length));
        let (input, signed) = match &self.input {
            None => parts(&builder.sign()),
            Some(template) => {
                let plain = builder.signing_input();
                let (header, payload) = plain.split_once('.').unwrap();
                parts(&own.sign(&fill_text(template, &|place| misspelt(place, header, payload))))
            }
        };
        let another = || parts(&self.changed(good.clone(), look_up).claim("jti", "another".into()).sign()).1;
        let signature = match &self.signature {
            None => signed,
            Some(signature) => signature.apply(signed, self.algorithm(), &input, jwks, &another),
        };
        let signature = URL_SAFE_NO_PAD.encode(signature);
        let whole = format!("{input}.{signature}");
        let (header, payload) = input.split_once('.').unwrap_or((&input, ""));
        let in_text = |place: &str| match place {
            // Of a proof too.
            "token" => Some(whole.clone().into_bytes()),
            "s" => Some(signature.clone().into_bytes()),
            place => misspelt_signature(place, &signature)
                .or_else(|| misspelt(place, header, payload))
                .or_else(|| look_up(place)),
        };
        let text = self.text.as_ref().map(|text| fill(text, &in_text));
        let text = text.unwrap_or_else(|| whole.clone().into_bytes());
        Minted { text, parts: vec![header.to_owned(), payload.to_owned(), signature] }
    }

    /// Changes what is signed.
    pub(super) fn changed<B: Builder>(&self, mut builder: B, look_up: &dyn Fn(&str) -> Option<Vec<u8>>) -> B {
        for (name, value) in &self.claims {
            builder = builder.claim(&fill_text(name, look_up), resolved(value, look_up));
        }
        for name in &self.without_claims {
            builder = builder.without_claim(name);
        }
        for (name, value) in &self.header {
            builder = builder.header(&fill_text(name, look_up), resolved(value, look_up));
        }
        for name in &self.without_header {
            builder = builder.without_header(name);
        }
        let [header, payload] = builder.decoded();
        if let Some(header) = rewritten(&header, &self.header_replace, self.header_text.as_deref(), look_up) {
            builder = builder.raw_header(header);
        }
        if let Some(payload) = rewritten(&payload, &self.payload_replace, self.payload_text.as_deref(), look_up) {
            builder = builder.raw_payload(payload);
        }
        builder
    }
}

/// The signing input and the signature.
fn parts(signed: &str) -> (String, Vec<u8>) {
    let (input, signature) = signed.rsplit_once('.').unwrap();
    (input.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

/// The text with what is to be replaced replaced, or another one, if it is not to stay as it is.
fn rewritten(
    json: &str,
    replace: &BTreeMap<String, String>,
    text: Option<&str>,
    look_up: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    if replace.is_empty() && text.is_none() {
        return None;
    }
    let mut json = json.to_owned();
    for (from, to) in replace {
        let from = fill_text(from, look_up);
        assert!(json.contains(&from), "{json} has no {from}");
        json = json.replace(&from, &fill_text(to, look_up));
    }
    let members = &json[1..json.len() - 1];
    let in_text = |place: &str| match place {
        "json" => Some(json.clone().into_bytes()),
        // With white space to a length that leaves so many bytes beside whole groups of three.
        "json to 0" | "json to 1" | "json to 2" => {
            let rest = usize::from(place.as_bytes()[place.len() - 1] - b'0');
            let spaces = (3 + rest - json.len() % 3) % 3;
            Some(format!("{json}{}", &"  "[..spaces]).into_bytes())
        }
        "members" => Some(members.as_bytes().to_vec()),
        "utf-16le" => Some(json.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        "utf-16be" => Some(json.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        "utf-32le" => Some(json.chars().flat_map(|character| u32::from(character).to_le_bytes()).collect()),
        place => look_up(place),
    };
    Some(fill(text.unwrap_or("<<json>>"), &in_text))
}

/// A value with its places filled in; one that is a moment and nothing else becomes a number.
fn resolved(value: &Value, look_up: &dyn Fn(&str) -> Option<Vec<u8>>) -> Value {
    match value {
        Value::String(text) => {
            let filled = fill_text(text, look_up);
            let is_moment = text.starts_with("<<now") && text.ends_with(">>") && text.matches("<<").count() == 1;
            if is_moment { filled.parse::<Number>().unwrap().into() } else { filled.into() }
        }
        Value::Array(elements) => elements.iter().map(|element| resolved(element, look_up)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), resolved(value, look_up))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// `<<now+60>>`, `<<now-0.5>>`, and `<<number>>` of those at once.
pub(super) fn moment(place: &str, number: usize) -> Option<Vec<u8>> {
    if place == "number" {
        return Some(number.to_string().into_bytes());
    }
    let distance = place.strip_prefix("now")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let text = if distance.contains('.') {
        #[expect(clippy::cast_precision_loss, reason = "the time of day")]
        let moment = now as f64 + distance.parse::<f64>().unwrap();
        moment.to_string()
    } else {
        let distance = if distance.is_empty() { 0 } else { distance.parse().unwrap() };
        (i64::try_from(now).unwrap() + distance).to_string()
    };
    Some(text.into_bytes())
}

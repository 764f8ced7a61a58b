//! Good tokens of every shape, written in every way.

use std::fmt::{self, Write as _};

use fastrand::Rng;
use serde_json::{Map, Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestIssuer, TokenBuilder};

use crate::harness::{AUDIENCE, decoded};

/// What the servers allow, in seconds.
pub(super) const LEEWAY: u64 = 30;

/// A token in the making: good as it is, and to be spoilt in one place.
#[derive(Clone)]
pub(super) struct GoodToken {
    /// Whether it follows RFC 9068 to the letter; if not, it is good by the generic rules alone.
    pub(super) is_strict: bool,
    pub(super) header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
    template: TokenBuilder,
}

impl GoodToken {
    pub(super) fn random(issuer: &TestIssuer, algorithm: Algorithm, now: u64, random: &mut Rng) -> Self {
        let template = issuer.token_by(algorithm);
        let [header, claims] = decoded(&template).map(|text| serde_json::from_str(&text).unwrap());
        let mut token = Self { is_strict: random.bool(), header, claims, template };
        token.shape_header(random);
        token.shape_claims(now, random);
        if !token.is_strict {
            token.take_liberties(random);
        }
        token
    }

    fn shape_header(&mut self, random: &mut Rng) {
        let typ = random.choice(["at+jwt", "application/at+jwt"]).unwrap();
        self.header.insert("typ".into(), any_case(typ, random).into());
        if random.u8(..4) == 0 {
            self.header.remove("kid");
        }
        // What would bring a key along selects none.
        for name in ["jku", "x5u", "x5t", "x5c", "jwk", "new"] {
            if random.u8(..8) == 0 {
                self.header.insert(name.into(), value(random, 2));
            }
        }
        maybe(random, |random| self.header.insert("cty".into(), word(random).into()));
        maybe(random, |_| self.header.insert("b64".into(), true.into()));
    }

    fn shape_claims(&mut self, now: u64, random: &mut Rng) {
        let mut set = |name: &str, value: Value| self.claims.insert(name.into(), value);
        set("sub", word(random).into());
        set("jti", word(random).into());
        set("client_id", word(random).into());
        set("aud", audience(random));
        set("exp", date(now - LEEWAY + 1 + ago(random), random));
        set("iat", date(now + LEEWAY - ago(random), random));
        maybe(random, |random| set("nbf", date(now + LEEWAY - ago(random), random)));
        maybe(random, |random| set("auth_time", random.choice([json!(now - 5), json!("now"), json!([])]).unwrap()));
        maybe(random, |random| set("acr", random.choice([json!("mfa"), json!(["mfa"]), json!(null)]).unwrap()));
        maybe(random, |random| set("azp", word(random).into()));
        maybe(random, |random| set("scope", words(random).join(" ").into()));
        maybe(random, |_| set("token_use", "access".into()));
        maybe(random, |random| set("typ", random.choice(["Bearer", "JWT", ""]).unwrap().into()));
        maybe(random, |random| set("act", act(random)));
        maybe(random, |random| set("authorization_details", details(random)));
        for _ in 0..random.u8(..6) {
            set(&format!("x{}", word(random)), value(random, 4));
        }
    }

    /// What the generic rules leave open and RFC 9068 does not.
    fn take_liberties(&mut self, random: &mut Rng) {
        match random.u8(..3) {
            0 => drop(self.header.remove("typ")),
            1 => {
                let typ = random.choice(["JWT", "application/jwt", "JOSE", "application/jose"]).unwrap();
                self.header.insert("typ".into(), any_case(typ, random).into());
            }
            _ => {}
        }
        for claim in ["iat", "jti", "client_id"] {
            maybe(random, |_| self.claims.remove(claim));
        }
        maybe(random, |random| {
            let name = random.choice(["scope", "scp", "scopes"]).unwrap();
            self.claims.insert(name.into(), words(random).into())
        });
    }

    /// Written somehow, and signed.
    pub(super) fn sign(&self, random: &mut Rng) -> String {
        let [header, claims] = [&self.header, &self.claims].map(|members| write(members, random));
        self.sign_as(header, claims)
    }

    /// As [`sign`](Self::sign), with a header and a payload that need not be JSON.
    pub(super) fn sign_as(&self, header: impl Into<Vec<u8>>, payload: impl Into<Vec<u8>>) -> String {
        self.template.clone().raw_header(header).raw_payload(payload).sign()
    }

    /// Signed with a key of somebody else.
    pub(super) fn sign_by(&self, stranger: &TestIssuer, random: &mut Rng) -> String {
        Self { template: self.template.clone().signed_by(stranger), ..self.clone() }.sign(random)
    }
}

impl fmt::Debug for GoodToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { header, claims, .. } = self;
        write!(f, "{} {}", Value::from(header.clone()), Value::from(claims.clone()))
    }
}

/// One in two.
pub(super) fn maybe<T>(random: &mut Rng, work: impl FnOnce(&mut Rng) -> T) {
    if random.bool() {
        work(random);
    }
}

/// Now, a moment ago, or long ago.
pub(super) fn ago(random: &mut Rng) -> u64 {
    let longest = random.choice([1, 60, 100_000]).unwrap();
    random.u64(..longest)
}

/// As a whole number or with a fraction; either is the same point in time.
fn date(seconds: u64, random: &mut Rng) -> Value {
    if random.bool() { seconds.into() } else { serde_json::from_str(&format!("{seconds}.0")).unwrap() }
}

fn audience(random: &mut Rng) -> Value {
    let mut audience = words(random);
    audience.insert(random.usize(..=audience.len()), AUDIENCE.into());
    if random.bool() { AUDIENCE.into() } else { audience.into() }
}

/// Up to 8 actors within one another.
fn act(random: &mut Rng) -> Value {
    let mut act = Value::Null;
    for _ in 0..random.u8(1..=8) {
        let name = *random.choice(&["sub", "client_id"]).unwrap();
        let mut actor = json!({ name: word(random), "x": value(random, 2) });
        maybe(random, |random| actor["iss"] = word(random).into());
        if !act.is_null() {
            actor["act"] = act;
        }
        act = actor;
    }
    act
}

fn details(random: &mut Rng) -> Value {
    let common = ["locations", "actions", "datatypes", "identifier", "privileges", "x"];
    let detail = |random: &mut Rng| {
        let mut detail = json!({ "type": word(random) });
        maybe(random, |random| detail[*random.choice(&common).unwrap()] = value(random, 2));
        detail
    };
    let longest = random.choice([2, 65]).unwrap();
    (0..random.u8(..longest)).map(|_| detail(random)).collect()
}

fn words(random: &mut Rng) -> Vec<String> {
    (0..random.u8(..4)).map(|_| word(random)).collect()
}

/// A text that may need escapes, and is never empty.
pub(super) fn word(random: &mut Rng) -> String {
    let alphabet: Vec<char> = "abcxyz019:/.-_é\u{10348}\"\\\n".chars().collect();
    (0..random.u8(1..12)).map(|_| *random.choice(&alphabet).unwrap()).collect()
}

/// Any JSON value at all.
pub(super) fn value(random: &mut Rng, depth: u8) -> Value {
    match random.u8(..if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => random.bool().into(),
        2 => random.i64(..).into(),
        3 => random.f64().into(),
        4 => word(random).into(),
        5 => (0..random.u8(..4)).map(|_| value(random, depth - 1)).collect(),
        _ => (0..random.u8(..4)).map(|_| (word(random), value(random, depth - 1))).collect(),
    }
}

pub(super) fn any_case(text: &str, random: &mut Rng) -> String {
    text.chars().map(|letter| if random.bool() { letter.to_ascii_uppercase() } else { letter }).collect()
}

/// The object as JSON: its members in any order, white space anywhere, and letters escaped or not.
pub(super) fn write(members: &Map<String, Value>, random: &mut Rng) -> String {
    Writer { random, text: String::new(), until_twice: None, twice: None }.finish(members).0
}

/// As [`write`], but for one member of one of the objects, at any depth, that stands there twice. And its name.
pub(super) fn write_with_a_member_twice(members: &Map<String, Value>, random: &mut Rng) -> (String, String) {
    let objects = non_empty_objects(&members.clone().into());
    let until_twice = Some(random.usize(..objects));
    let (text, twice) = Writer { random, text: String::new(), until_twice, twice: None }.finish(members);
    (text, twice.unwrap())
}

fn non_empty_objects(value: &Value) -> usize {
    match value {
        Value::Array(elements) => elements.iter().map(non_empty_objects).sum(),
        Value::Object(members) => {
            usize::from(!members.is_empty()) + members.values().map(non_empty_objects).sum::<usize>()
        }
        _ => 0,
    }
}

struct Writer<'r> {
    random: &'r mut Rng,
    text: String,
    /// How many objects are still to come before the one that gets a member twice.
    until_twice: Option<usize>,
    twice: Option<String>,
}

impl Writer<'_> {
    fn finish(mut self, members: &Map<String, Value>) -> (String, Option<String>) {
        self.object(members);
        (self.text, self.twice)
    }

    fn value(&mut self, value: &Value) {
        self.space();
        match value {
            Value::Object(members) => self.object(members),
            Value::Array(elements) => {
                self.text.push('[');
                for (place, element) in elements.iter().enumerate() {
                    self.comma(place);
                    self.value(element);
                }
                self.text.push(']');
            }
            Value::String(text) => self.string(text),
            plain => self.text.push_str(&plain.to_string()),
        }
        self.space();
    }

    fn object(&mut self, members: &Map<String, Value>) {
        let mut members: Vec<_> = members.iter().collect();
        if let (Some(left), false) = (&mut self.until_twice, members.is_empty()) {
            if *left == 0 {
                let again = *self.random.choice(&members).unwrap();
                members.push(again);
                self.twice = Some(again.0.clone());
                self.until_twice = None;
            } else {
                *left -= 1;
            }
        }
        self.random.shuffle(&mut members);
        self.text.push('{');
        for (place, (name, value)) in members.into_iter().enumerate() {
            self.comma(place);
            self.space();
            self.string(name);
            self.space();
            self.text.push(':');
            self.value(value);
        }
        self.text.push('}');
    }

    fn comma(&mut self, place: usize) {
        if place > 0 {
            self.text.push(',');
        }
    }

    fn space(&mut self) {
        if self.random.u8(..16) == 0 {
            self.text.push_str(self.random.choice([" ", "\n", "\t", "\r\n "]).unwrap());
        }
    }

    fn string(&mut self, text: &str) {
        // Most are written as they are.
        if self.random.u8(..8) > 0 {
            return self.text.push_str(&Value::from(text).to_string());
        }
        self.text.push('"');
        for unit in text.encode_utf16() {
            write!(self.text, "\\u{unit:04x}").unwrap();
        }
        self.text.push('"');
    }
}

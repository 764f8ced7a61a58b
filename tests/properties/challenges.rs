//! Challenges compared with a naive model: a tree of rules, a token, and what the documentation of `Require` says about them.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use tower_bearer::jose::Algorithm;
use tower_bearer::metadata::Metadata;
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::validation::TokenCache;
use tower_bearer::{Require, ResourceServer, Scope};

use super::{seed, times};
use crate::harness::{builder_with_keys, good};

const LEEWAY: u64 = 30;

/// A requirement, as a reader of the documentation would draw it.
#[derive(Clone, Debug)]
enum Tree {
    Scope(Vec<String>),
    Acr(Vec<String>),
    MaxAge(u64),
    MaxTokenAge(u64),
    Role(String),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

/// What a token has to show, ages in seconds.
#[derive(Debug)]
struct Shown {
    scope: Vec<String>,
    acr: Option<String>,
    auth_age: Option<u64>,
    age: u64,
    roles: Vec<String>,
}

/// What a client can do something about, the easiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lack {
    Freshness,
    Authentication,
    Scope,
    Other,
}

/// What is lacking of a tree, and what the tree needs.
#[derive(Clone, Debug, Default)]
struct Verdict {
    lacks: BTreeSet<Lack>,
    scope: Vec<String>,
    acr: Option<Vec<String>>,
    max_age: Option<u64>,
}

/// Rows A14 to A19, J1 to J5.
#[test]
fn every_challenge_says_what_the_requirement_needs() {
    let issuer = TestIssuer::builder().algorithms([Algorithm::Ed25519]).start();
    let mut random = Rng::with_seed(seed());
    let mut answers = [0; 4];
    for _ in 0..times(40) {
        let realm: String = (0..random.u8(..20)).map(|_| printable(&mut random)).collect();
        let clock = TestClock::new();
        let now = super::now(&clock);
        let builder = builder_with_keys(issuer.url(), &issuer.jwks()).realm(&*realm).clock(clock);
        let builder = builder.token_cache(TokenCache::off());
        let has_metadata = random.bool();
        let builder = if has_metadata { builder.metadata(Metadata::new()) } else { builder };
        let api = builder.build().unwrap();
        for _ in 0..100 {
            let (tree, shown) = (Tree::random(2, &mut random), Shown::random(&mut random));
            let (status, parameters) = tree.evaluate(&shown).answer();
            let token = api.try_verify(&shown.token(&issuer, now)).unwrap();
            let Err(rejection) = api.check(&token, &tree.requirement()) else {
                assert_eq!(status, 200, "{tree:?} of {shown:?}");
                answers[0] += 1;
                continue;
            };
            assert_eq!(rejection.status(), status, "{tree:?} of {shown:?}");
            let mut expected = base(&realm, &api);
            assert_eq!(expected.len(), 1 + usize::from(has_metadata));
            expected.extend(parameters);
            assert_eq!(
                read(rejection.challenges().next().unwrap().to_str().unwrap()),
                expected,
                "{tree:?} of {shown:?}"
            );
            let error = expected.iter().find(|(name, _)| name == "error").map(|(_, error)| error.clone());
            answers[["invalid_token", "insufficient_user_authentication", "insufficient_scope"]
                .iter()
                .position(|known| error.as_deref() == Some(known))
                .unwrap()
                + 1] += 1;
        }
    }
    println!("passed, invalid_token, insufficient_user_authentication, insufficient_scope: {answers:?}");
    assert!(answers.iter().all(|count| *count >= 100), "{answers:?}");
}

/// Whatever may stand in a header, and often what has to be escaped there.
fn printable(random: &mut Rng) -> char {
    if random.u8(..4) == 0 { *random.choice(&['"', '\\', ',']).unwrap() } else { char::from(random.u8(b' '..=b'~')) }
}

/// The parameters that a parser finds which knows nothing of the crate, in their order.
fn read(challenge: &str) -> Vec<(String, String)> {
    let challenges = http_auth::parse_challenges(challenge).unwrap();
    let [one] = &*challenges else { panic!("{challenge}") };
    assert_eq!(one.scheme, "Bearer");
    one.params.iter().map(|(name, value)| ((*name).to_owned(), value.to_unescaped())).collect()
}

fn base(realm: &str, api: &ResourceServer) -> Vec<(String, String)> {
    let metadata = api.metadata().map(|metadata| ("resource_metadata".to_owned(), metadata.url().to_owned()));
    [("realm".to_owned(), realm.to_owned())].into_iter().chain(metadata).collect()
}

impl Tree {
    fn random(depth: u8, random: &mut Rng) -> Self {
        match random.u8(..if depth == 0 { 5 } else { 9 }) {
            0 => Self::Scope(distinct(1..4, &SCOPES, random)),
            1 => Self::Acr(distinct(1..4, &LEVELS, random)),
            2 => Self::MaxAge(random.u64(..1_000)),
            3 => Self::MaxTokenAge(random.u64(100..1_000)),
            4 => Self::Role((*random.choice(&ROLES).unwrap()).to_owned()),
            5 | 6 => Self::All((0..random.u8(..4)).map(|_| Self::random(depth - 1, random)).collect()),
            _ => Self::Any((0..random.u8(1..4)).map(|_| Self::random(depth - 1, random)).collect()),
        }
    }

    fn requirement(&self) -> Require {
        match self {
            Self::Scope(tokens) => Require::from(tokens.join(" ").parse::<Scope>().unwrap()),
            Self::Acr(values) => Require::token().and_acr(&values.join(" ")),
            Self::MaxAge(age) => Require::token().and_max_age(Duration::from_secs(*age)),
            Self::MaxTokenAge(age) => Require::token().and_max_token_age(Duration::from_secs(*age)),
            Self::Role(role) => Require::token().and_claim_contains("/roles", &**role),
            Self::All(all) => all.iter().map(Self::requirement).fold(Require::token(), Require::and),
            Self::Any(any) => any.iter().map(Self::requirement).reduce(Require::or).unwrap(),
        }
    }

    fn evaluate(&self, shown: &Shown) -> Verdict {
        let lacks = |lack, holds: bool| if holds { BTreeSet::new() } else { BTreeSet::from([lack]) };
        match self {
            Self::Scope(tokens) => Verdict {
                lacks: lacks(Lack::Scope, tokens.iter().all(|token| shown.scope.contains(token))),
                scope: tokens.clone(),
                ..Verdict::default()
            },
            Self::Acr(values) => Verdict {
                lacks: lacks(Lack::Authentication, shown.acr.as_ref().is_some_and(|acr| values.contains(acr))),
                acr: Some(values.clone()),
                ..Verdict::default()
            },
            Self::MaxAge(most) => Verdict {
                lacks: lacks(Lack::Authentication, shown.auth_age.is_some_and(|age| age <= most + LEEWAY)),
                max_age: Some(*most),
                ..Verdict::default()
            },
            Self::MaxTokenAge(most) => {
                Verdict { lacks: lacks(Lack::Freshness, shown.age <= most + LEEWAY), ..Verdict::default() }
            }
            Self::Role(role) => Verdict { lacks: lacks(Lack::Other, shown.roles.contains(role)), ..Verdict::default() },
            Self::All(all) => all.iter().map(|tree| tree.evaluate(shown)).fold(Verdict::default(), Verdict::and),
            // The alternative whose hardest part is the easiest, and the first of those.
            Self::Any(any) => {
                let mut verdicts = any.iter().map(|tree| tree.evaluate(shown));
                let first = verdicts.next().unwrap();
                let easier = |one: Verdict, other: Verdict| {
                    if other.hardest_first() < one.hardest_first() { other } else { one }
                };
                verdicts.fold(first, easier)
            }
        }
    }
}

impl Verdict {
    fn hardest_first(&self) -> Vec<Lack> {
        self.lacks.iter().rev().copied().collect()
    }

    /// Both are needed.
    fn and(self, other: Self) -> Self {
        let mut scope = self.scope;
        for token in other.scope {
            if !scope.contains(&token) {
                scope.push(token);
            }
        }
        // Those that satisfy both or, if nothing can, the first that were asked for.
        let acr = match (self.acr, other.acr) {
            (Some(one), Some(two)) => {
                let common: Vec<_> = one.iter().filter(|value| two.contains(value)).cloned().collect();
                Some(if common.is_empty() { one } else { common })
            }
            (one, two) => one.or(two),
        };
        let max_age = [self.max_age, other.max_age].into_iter().flatten().min();
        Self { lacks: &self.lacks | &other.lacks, scope, acr, max_age }
    }

    /// The table in the documentation of `Require`: the first row that fits.
    fn answer(self) -> (u16, Vec<(String, String)>) {
        let Some(first) = self.lacks.first() else { return (200, Vec::new()) };
        let mut parameters = Vec::new();
        let mut add = |name: &str, value: String| parameters.push((name.to_owned(), value));
        let (status, error, description) = match first {
            Lack::Freshness => (401, "invalid_token", "The access token is malformed, expired, or not valid here"),
            Lack::Authentication => {
                (401, "insufficient_user_authentication", "The request needs a stronger or more recent authentication")
            }
            Lack::Scope | Lack::Other => {
                (403, "insufficient_scope", "The request needs more than the access token grants")
            }
        };
        add("error", error.to_owned());
        add("error_description", description.to_owned());
        if *first == Lack::Authentication {
            self.acr.into_iter().for_each(|values| add("acr_values", values.join(" ")));
            self.max_age.into_iter().for_each(|age| add("max_age", age.to_string()));
        }
        if !self.scope.is_empty() && matches!(first, Lack::Authentication | Lack::Scope) {
            add("scope", self.scope.join(" "));
        }
        (status, parameters)
    }
}

const SCOPES: [&str; 6] =
    ["read", "write", "https://api.example.com/a.b", "a,b", "c=d;e", "!#$%&'()*+-./:<>?@[]^_`{|}~"];
const LEVELS: [&str; 5] = ["pwd", "mfa", "urn:example:hwk", "0", "a=\u{27}b\u{27},c"];
const ROLES: [&str; 3] = ["admin", "user", "a \"b\" c"];

impl Shown {
    fn random(random: &mut Rng) -> Self {
        Self {
            scope: distinct(0..6, &SCOPES, random),
            acr: distinct(0..2, &LEVELS, random).pop(),
            auth_age: random.bool().then(|| random.u64(..1_000)),
            age: random.u64(..1_000),
            roles: distinct(0..3, &ROLES, random),
        }
    }

    fn token(&self, issuer: &TestIssuer, now: u64) -> String {
        let Self { scope, acr, auth_age, age, roles } = self;
        let token = good(issuer).scope(&scope.join(" ")).claim("roles", roles).claim("iat", now - age);
        let token = acr.iter().fold(token, |token, acr| token.claim("acr", acr));
        auth_age.iter().fold(token, |token, age| token.claim("auth_time", now - age)).sign()
    }
}

/// So many of them, each once, in any order.
fn distinct(count: std::ops::Range<usize>, of: &[&str], random: &mut Rng) -> Vec<String> {
    let mut all: Vec<String> = of.iter().map(|&text| text.to_owned()).collect();
    random.shuffle(&mut all);
    all.truncate(random.usize(count));
    all
}

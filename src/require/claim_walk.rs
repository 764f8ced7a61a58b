use std::cell::OnceCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;

use super::claim::{ClaimRule, Condition, Value};
use super::rule::Rule;

/// With `serde_json`'s `arbitrary_precision`, which any crate in the build may switch on, a number arrives as an object with one
/// member of this name. Payloads with a member of this name are refused.
const NUMBER: &str = "$serde_json::private::Number";

/// The number of rules about claims up to which nothing is allocated. Few requirements have more.
const FEW: usize = 16;

/// Evaluates all rules about claims of one requirement in a single walk over the payload.
///
/// The walk takes place when the first answer is needed. It reads the payload without building values, so for up to [`FEW`]
/// rules nothing is allocated, unless a text in the payload has escapes.
pub(super) struct ClaimAnswers<'r> {
    requirement: &'r Rule,
    payload: &'r [u8],
    /// In the order of the rules' addresses.
    answers: OnceCell<Answers<'r>>,
}

type Answers<'r> = SmallVec<[Answer<'r>; FEW]>;

struct Answer<'r> {
    rule: &'r ClaimRule,
    holds: bool,
}

impl<'r> ClaimAnswers<'r> {
    pub(super) fn new(requirement: &'r Rule, payload: &'r [u8]) -> Self {
        Self { requirement, payload, answers: OnceCell::new() }
    }

    /// Whether the claim is there and as it must be, for a `rule` of the requirement.
    pub(super) fn hold(&self, rule: &ClaimRule) -> bool {
        let answers = self.answers.get_or_init(|| self.walk());
        let found = answers.binary_search_by_key(&address(rule), |answer| address(answer.rule));
        found.is_ok_and(|at| answers[at].holds)
    }

    fn walk(&self) -> Answers<'r> {
        #[cfg(test)]
        tests::WALKS.set(tests::WALKS.get() + 1);
        let mut answers = Answers::new();
        self.requirement.for_each_claim(&mut |rule| answers.push(Answer { rule, holds: false }));
        answers.sort_unstable_by_key(|answer| address(answer.rule));
        let seeks = answers.iter().map(|Answer { rule, .. }| Seek::Claim(&rule.path, &rule.condition)).enumerate();
        let mut walk = Walk { open: seeks.collect(), answers };
        let mut json = serde_json::Deserializer::from_slice(self.payload);
        if (Node { walk: &mut walk, from: 0 }).deserialize(&mut json).is_err() {
            // Unreachable: the payload was parsed before. If it happens, no rule holds.
            walk.answers.iter_mut().for_each(|answer| answer.holds = false);
        }
        walk.answers
    }
}

fn address(rule: &ClaimRule) -> usize {
    std::ptr::from_ref(rule).addr()
}

/// The state of a walk.
struct Walk<'r> {
    /// What is sought in the values that are open, the outermost first, each with the number of its answer.
    open: SmallVec<[(usize, Seek<'r>); FEW]>,
    answers: Answers<'r>,
}

impl<'r> Walk<'r> {
    /// Answers what is sought from `from` on, now that its value is known.
    fn found(&mut self, from: usize, value: &Found<'_>) {
        for (answer, _) in self.open[from..].iter().filter(|(_, seek)| seek.is(value)) {
            self.answers[*answer].holds = true;
        }
    }

    /// Adds what is sought in a part of the value, for what is sought in the value itself: the entries `from` to `until`.
    fn open(&mut self, from: usize, until: usize, within: impl Fn(Seek<'r>) -> Option<Seek<'r>>) {
        for at in from..until {
            let (answer, seek) = self.open[at];
            self.open.extend(within(seek).map(|seek| (answer, seek)));
        }
    }
}

/// What is sought in a value.
#[derive(Clone, Copy)]
enum Seek<'r> {
    /// That the condition holds where the path leads.
    Claim(&'r [Box<str>], &'r Condition),
    /// That it is this.
    Value(&'r Value),
    /// That it is neither `null` nor `false`.
    Anything,
}

impl Seek<'_> {
    /// What is sought in the member of an object.
    fn in_member(self, name: &str) -> Option<Self> {
        match self {
            Self::Claim([own, rest @ ..], condition) if **own == *name => Some(Self::Claim(rest, condition)),
            Self::Claim([], Condition::HasMember(own)) if **own == *name => Some(Self::Anything),
            _ => None,
        }
    }

    /// What is sought in the element of an array.
    fn in_element(self, index: usize) -> Option<Self> {
        match self {
            Self::Claim([token, rest @ ..], condition) if is_index(token, index) => Some(Self::Claim(rest, condition)),
            Self::Claim([], Condition::Contains(value)) => Some(Self::Value(value)),
            _ => None,
        }
    }

    /// Whether a value is what is sought; one that stands alone counts as an array of one, because some issuers write it so.
    fn is(self, value: &Found<'_>) -> bool {
        match self {
            Self::Value(wanted) | Self::Claim([], Condition::Contains(wanted) | Condition::Equals(wanted)) => {
                match (wanted, value) {
                    (Value::Text(wanted), Found::Text(text)) => **wanted == **text,
                    (Value::Number(wanted), Found::Number(number)) => Some(*wanted) == *number,
                    (Value::Bool(wanted), Found::Bool(truth)) => wanted == truth,
                    _ => false,
                }
            }
            Self::Anything => !matches!(value, Found::Null | Found::Bool(false)),
            Self::Claim(..) => false,
        }
    }
}

/// RFC 6901 §4: digits without a leading zero.
fn is_index(token: &str, index: usize) -> bool {
    let plain = token == "0" || !token.starts_with(['0', '+']);
    plain && token.parse() == Ok(index)
}

/// A value of the payload.
enum Found<'v> {
    Text(&'v str),
    /// `None` if it is not written as a whole number, or too large for one.
    Number(Option<i64>),
    Bool(bool),
    Null,
    /// An object or an array.
    Structure,
}

/// A value, and where what is sought in it begins.
struct Node<'w, 'r> {
    walk: &'w mut Walk<'r>,
    from: usize,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        // Also where nothing is sought: to ignore a value, `serde_json` allocates.
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claim")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { walk, from } = self;
        let until = walk.open.len();
        while let Some(name) = map.next_key_seed(Name { walk, from, until })? {
            if name == IsNumber::Yes {
                let number = map.next_value_seed(WholeNumber)?;
                walk.found(from, &Found::Number(number));
                return Ok(());
            }
            map.next_value_seed(Node { walk, from: until })?;
            walk.open.truncate(until);
        }
        walk.found(from, &Found::Structure);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { walk, from } = self;
        let until = walk.open.len();
        for index in 0.. {
            walk.open(from, until, |seek| seek.in_element(index));
            let element = seq.next_element_seed(Node { walk, from: until })?;
            walk.open.truncate(until);
            if element.is_none() {
                break;
            }
        }
        walk.found(from, &Found::Structure);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.walk.found(self.from, &Found::Text(text));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.walk.found(self.from, &Found::Number(Some(number)));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.walk.found(self.from, &Found::Number(number.try_into().ok()));
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.walk.found(self.from, &Found::Number(None));
        Ok(())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<(), E> {
        self.walk.found(self.from, &Found::Bool(truth));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.walk.found(self.from, &Found::Null);
        Ok(())
    }
}

/// Reads the name of a member, and adds what is sought in a member of that name.
struct Name<'w, 'r> {
    walk: &'w mut Walk<'r>,
    from: usize,
    until: usize,
}

#[derive(PartialEq)]
enum IsNumber {
    Yes,
    No,
}

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = IsNumber;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<IsNumber, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_> {
    type Value = IsNumber;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<IsNumber, E> {
        if name == NUMBER {
            return Ok(IsNumber::Yes);
        }
        self.walk.open(self.from, self.until, |seek| seek.in_member(name));
        Ok(IsNumber::No)
    }
}

/// Reads a number from its digits.
struct WholeNumber;

impl<'de> DeserializeSeed<'de> for WholeNumber {
    type Value = Option<i64>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<i64>, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for WholeNumber {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the digits of a number")
    }

    fn visit_str<E>(self, digits: &str) -> Result<Option<i64>, E> {
        // `-0` is no whole number, as it is none without `arbitrary_precision`.
        Ok(digits.parse().ok().filter(|number| *number != 0 || digits == "0"))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::require::claim::{ClaimValue, InvalidPointer};
    use crate::{AccessToken, Require};

    thread_local! {
        /// How often a payload was walked.
        pub(super) static WALKS: Cell<usize> = const { Cell::new(0) };
    }

    const CLAIMS: &str = r#"{
        "realm_access": {"roles": ["offline_access", "admin", 7]},
        "resource_access": {"account": {"roles": ["view"]}, "a/b~c": {"roles": ["odd"]}},
        "tier": 2, "paid": true, "group": "staff", "deep": [[{"x": ["admin"]}]],
        "granted": {"admin": {"org": "1"}, "taken": null, "denied": false, "empty": {}},
        "big": 18446744073709551615, "half": 2.5, "minus": -0
    }"#;

    fn holds(rule: Result<ClaimRule, InvalidPointer>) -> bool {
        let rule = Rule::Claim(rule.unwrap());
        let Rule::Claim(claim) = &rule else { unreachable!("it is one") };
        ClaimAnswers::new(&rule, CLAIMS.as_bytes()).hold(claim)
    }

    fn contains(pointer: &str, value: impl Into<ClaimValue>) -> bool {
        holds(ClaimRule::contains(pointer, value.into()))
    }

    fn equals(pointer: &str, value: impl Into<ClaimValue>) -> bool {
        holds(ClaimRule::equals(pointer, value.into()))
    }

    #[test]
    fn contains_matches_an_array_element_or_the_value_itself() {
        assert!(contains("/realm_access/roles", "admin"));
        assert!(contains("/resource_access/a~1b~0c/roles", "odd"));
        assert!(contains("/deep/0/0/x", "admin"), "compared after unescaping");
        assert!(contains("/group", "staff"));
        assert!(contains("/paid", true));
        for (pointer, value) in [
            ("/realm_access/roles", "adm"),
            ("/realm_access/roles", "Admin"),
            ("/realm_access/roles", "7"),
            ("/realm_access", "roles"),
            ("/realm_access", "admin"),
            ("/roles", "admin"),
            ("/realm_access/roles/0", "admin"),
            ("/resource_access/account/roles", "odd"),
            ("/resource_access", "view"),
            ("/deep", "admin"),
            ("/granted", "admin"),
            ("/group", "sta"),
            ("/tier", "2"),
            ("/", "admin"),
        ] {
            assert!(!contains(pointer, value), "{pointer} {value}");
        }
    }

    #[test]
    fn equals_compares_the_value_and_its_type() {
        assert!(equals("/tier", 2) && equals("/paid", true) && equals("/group", "staff"));
        assert!(equals("/realm_access/roles/1", "admin"));
        assert!(!equals("/tier", 3) && !equals("/tier", "2") && !equals("/paid", "true") && !equals("/paid", false));
        assert!(!equals("/big", -1) && !equals("/half", 2) && !equals("/realm_access/roles", "admin"));
        assert!(!equals("/realm_access/roles/01", "admin") && !equals("/realm_access/roles/+1", "admin"));
        assert!(!equals("/absent", true) && !equals("/deep/0", true));
    }

    #[test]
    fn a_member_is_present_unless_it_is_null_or_false() {
        let has = |name| holds(ClaimRule::has_member("/granted", name));
        assert!(has("admin") && has("empty"));
        assert!(!has("taken") && !has("denied") && !has("absent") && !has("org"));
        assert!(!holds(ClaimRule::has_member("/group", "staff")));
    }

    /// All of them at once, in one walk, as each by itself.
    #[test]
    fn one_walk_evaluates_many_rules() {
        let texts = ["admin", "staff", "view", "odd", "7"].map(ClaimValue::from);
        let values: Vec<ClaimValue> =
            texts.into_iter().chain([2.into(), 7.into(), true.into(), false.into()]).collect();
        let pointers = [
            "/realm_access/roles",
            "/realm_access/roles/1",
            "/resource_access/account/roles",
            "/resource_access/a~1b~0c/roles",
            "/tier",
            "/paid",
            "/group",
            "/deep/0/0/x",
            "/deep/0",
            "/granted",
            "/granted/admin",
            "/big",
            "/absent",
        ];
        let mut rules = Vec::new();
        for pointer in pointers {
            for value in &values {
                rules.push(ClaimRule::equals(pointer, value.clone()).unwrap());
                rules.push(ClaimRule::contains(pointer, value.clone()).unwrap());
            }
            rules.extend(["admin", "taken", "roles"].map(|name| ClaimRule::has_member(pointer, name).unwrap()));
        }
        let one_by_one: Vec<_> = rules.iter().map(|rule| holds(Ok(rule.clone()))).collect();
        let all = Rule::Any(rules.into_iter().map(|rule| Rule::Claim(rule).into()).collect());
        WALKS.set(0);
        let answers = ClaimAnswers::new(&all, CLAIMS.as_bytes());
        let mut at_once = Vec::new();
        all.for_each_claim(&mut |rule| at_once.push(answers.hold(rule)));
        assert_eq!(at_once, one_by_one);
        assert!(at_once.iter().filter(|holds| **holds).count() > 10, "{at_once:?}");
        assert_eq!(WALKS.get(), 1);
    }

    #[test]
    fn an_unreadable_payload_satisfies_nothing() {
        let rule = Rule::Claim(ClaimRule::contains("/a", "x".into()).unwrap());
        let holds = |payload: &str| {
            let Rule::Claim(claim) = &rule else { unreachable!() };
            ClaimAnswers::new(&rule, payload.as_bytes()).hold(claim)
        };
        assert!(holds(r#"{"a":"x","b":1}"#));
        assert!(!holds(r#"{"a":"x","b":}"#) && !holds(r#"{"a":"x""#));
    }

    #[test]
    fn whole_numbers_are_read_from_their_digits() {
        let parse = |digits: &str| WholeNumber.visit_str::<serde::de::value::Error>(digits).unwrap();
        assert_eq!([parse("0"), parse("2"), parse("-7")], [Some(0), Some(2), Some(-7)]);
        for odd in ["-0", "2.0", "2e0", "9223372036854775808", ""] {
            assert_eq!(parse(odd), None, "{odd}");
        }
        assert!(!equals("/minus", 0));
    }

    /// A requirement asks for its claims to answer, and again to say what is lacking.
    #[test]
    fn a_check_walks_the_payload_once() {
        let now = SystemTime::UNIX_EPOCH;
        let of = |roles: u32| {
            let rules = (0..roles).map(|role| Require::token().claim_contains("/roles", format!("role-{role}")));
            rules.reduce(Require::or).unwrap().auth_context("c1")
        };
        let with = |payload: &str| AccessToken::of_payload(payload, now + Duration::from_secs(60));
        let good = with(r#"{"roles":["role-49"],"acrs":["c1"]}"#);
        for (requirement, token, holds) in [
            (of(50), &good, true),
            (of(49), &good, false),
            (of(50), &with(r#"{"roles":["role-49"],"acrs":[]}"#), false),
            (of(50), &with("{}"), false),
        ] {
            WALKS.set(0);
            assert_eq!(requirement.check(token, now).is_ok(), holds);
            assert_eq!(WALKS.get(), 1);
        }
        // What is decided without claims costs no walk.
        let requirement = Require::scope("absent").and(of(50));
        WALKS.set(0);
        assert!(!requirement.rule().holds(&good, now, &ClaimAnswers::new(requirement.rule(), b"{}")));
        assert_eq!(WALKS.get(), 0);
    }
}

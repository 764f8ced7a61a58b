//! Evaluates any number of rules about claims in a single walk over a payload.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;

use super::claim::ClaimRule;
use super::claim_search::{Found, Search};

/// The number of claim rules up to which nothing is allocated. Few requirements have more.
pub(super) const FEW: usize = 16;

/// With `serde_json`'s `arbitrary_precision`, which any crate in the build may switch on, a number arrives as an object with one
/// member of this name. Payloads with a member of this name are refused.
const NUMBER: &str = "$serde_json::private::Number";

/// Whether each of the rules holds for the claims in the payload, in the order of the rules.
///
/// It builds no values of the payload, so for up to [`FEW`] rules nothing is allocated, unless a string in the payload has
/// escapes.
pub(super) fn evaluate(payload: &[u8], rules: &[&ClaimRule]) -> SmallVec<[bool; FEW]> {
    let searches = rules.iter().map(|rule| Search::Claim(&rule.path, &rule.condition)).enumerate();
    let mut walk = Walk { open: searches.collect(), holds: rules.iter().map(|_| false).collect() };
    let mut json = serde_json::Deserializer::from_slice(payload);
    if (Node { walk: &mut walk, from: 0 }).deserialize(&mut json).is_err() {
        // Unreachable: the payload was parsed before. If it happens, no rule holds.
        walk.holds.fill(false);
    }
    walk.holds
}

/// The state of the walk.
struct Walk<'r> {
    /// The searches in the values that the walk is inside, the outermost value first, each with the index of its rule.
    open: SmallVec<[(usize, Search<'r>); FEW]>,
    /// Whether each rule holds.
    holds: SmallVec<[bool; FEW]>,
}

impl<'r> Walk<'r> {
    /// Completes the searches from index `from` on, now that their value is known.
    fn found(&mut self, from: usize, value: &Found<'_>) {
        for (rule, _) in self.open[from..].iter().filter(|(_, search)| search.matches(value)) {
            self.holds[*rule] = true;
        }
    }

    /// Opens the searches in a member or an element that follow from those in the value around it, which have the indexes
    /// `from` to `until`.
    fn open(&mut self, from: usize, until: usize, within: impl Fn(Search<'r>) -> Option<Search<'r>>) {
        for at in from..until {
            let (rule, search) = self.open[at];
            self.open.extend(within(search).map(|search| (rule, search)));
        }
    }
}

/// A value to walk, and the index of the first search in it.
struct Node<'w, 'r> {
    walk: &'w mut Walk<'r>,
    from: usize,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        // Even without any search: `serde_json` allocates when it ignores a value.
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
                let number = map.next_value_seed(Integer)?;
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
            walk.open(from, until, |search| search.in_element(index));
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

/// Reads the name of a member, and opens the searches in it.
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
        self.walk.open(self.from, self.until, |search| search.in_member(name));
        Ok(IsNumber::No)
    }
}

/// Reads an integer from its digits.
struct Integer;

impl<'de> DeserializeSeed<'de> for Integer {
    type Value = Option<i64>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<i64>, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Integer {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the digits of a number")
    }

    fn visit_str<E>(self, digits: &str) -> Result<Option<i64>, E> {
        // Without `arbitrary_precision`, `-0` arrives as a float, so it is no integer here either.
        Ok(digits.parse().ok().filter(|number| *number != 0 || digits == "0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::require::claim::ClaimValue;

    const CLAIMS: &str = r#"{
        "realm_access": {"roles": ["offline_access", "admin", 7]},
        "resource_access": {"account": {"roles": ["view"]}, "a/b~c": {"roles": ["odd"]}},
        "tier": 2, "paid": true, "group": "staff", "deep": [[{"x": ["admin"]}]],
        "granted": {"admin": {"org": "1"}, "taken": null, "denied": false, "empty": {}},
        "big": 18446744073709551615, "half": 2.5, "minus": -0
    }"#;

    fn holds(rule: &ClaimRule) -> bool {
        evaluate(CLAIMS.as_bytes(), &[rule])[0]
    }

    fn contains(pointer: &str, value: impl Into<ClaimValue>) -> bool {
        holds(&ClaimRule::contains(pointer, value.into()).unwrap())
    }

    fn equals(pointer: &str, value: impl Into<ClaimValue>) -> bool {
        holds(&ClaimRule::equals(pointer, value.into()).unwrap())
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
    fn a_member_counts_unless_it_is_null_or_false() {
        let has = |name| holds(&ClaimRule::has_member("/granted", name).unwrap());
        assert!(has("admin") && has("empty"));
        assert!(!has("taken") && !has("denied") && !has("absent") && !has("org"));
        assert!(!holds(&ClaimRule::has_member("/group", "staff").unwrap()));
    }

    #[test]
    fn many_rules_at_once_hold_as_each_does_alone() {
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
            rules.extend(["admin", "staff"].map(|word| ClaimRule::has_word(pointer, ',', word).unwrap()));
            rules.extend(["admin", "taken", "roles"].map(|name| ClaimRule::has_member(pointer, name).unwrap()));
        }
        let one_by_one: Vec<_> = rules.iter().map(holds).collect();
        let at_once = evaluate(CLAIMS.as_bytes(), &rules.iter().collect::<Vec<_>>());
        assert_eq!(*at_once, *one_by_one);
        assert!(at_once.iter().filter(|holds| **holds).count() > 10, "{at_once:?}");
    }

    #[test]
    fn no_rule_holds_for_malformed_json() {
        let rule = ClaimRule::contains("/a", "x".into()).unwrap();
        let holds = |payload: &str| evaluate(payload.as_bytes(), &[&rule])[0];
        assert!(holds(r#"{"a":"x","b":1}"#));
        assert!(!holds(r#"{"a":"x","b":}"#) && !holds(r#"{"a":"x""#));
    }

    #[test]
    fn an_integer_is_read_from_its_digits() {
        let parse = |digits: &str| Integer.visit_str::<serde::de::value::Error>(digits).unwrap();
        assert_eq!([parse("0"), parse("2"), parse("-7")], [Some(0), Some(2), Some(-7)]);
        for other in ["-0", "2.0", "2e0", "9223372036854775808", ""] {
            assert_eq!(parse(other), None, "{other}");
        }
        assert!(!equals("/minus", 0));
    }
}

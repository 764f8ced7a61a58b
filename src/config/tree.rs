use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::path::{Path, Step};
use super::shown::Shown;

/// How deep values may lie in one another: twice as deep as any setting does.
pub(super) const MAX_DEPTH: usize = 8;
/// How much there may be: octets of text, and one for each value.
const MAX_SIZE: usize = 1024 * 1024;

/// A configuration as it came, before anybody asked what it means.
#[derive(Clone)]
pub(super) enum Tree {
    /// `null`, or nothing at all.
    Nothing,
    /// An element that was left out between the numbers of variables.
    Gap,
    Switch(bool),
    Whole(i128),
    Fraction(f64),
    Text(String),
    /// The text of an environment variable. What it is follows from the setting that wants it.
    Variable(String),
    /// A variable that is no Unicode.
    Octets,
    List(Vec<Self>),
    /// In the order of the document, and with every name as often as it is there.
    Table(Vec<(String, Self)>),
}

impl Tree {
    /// Where `path` leads, as the numbers of the entries on the way, which sort in the order of the document. A path
    /// that leads out of the tree ends where it does.
    pub(super) fn position(&self, path: &Path) -> Vec<usize> {
        let mut position = Vec::new();
        let mut tree = self;
        for step in path.steps() {
            let found = match (tree, step) {
                (Self::Table(entries), Step::Name(name)) => {
                    entries.iter().position(|(known, _)| known == name).map(|at| (at, &entries[at].1))
                }
                (Self::List(elements), Step::Element(at)) => elements.get(*at).map(|element| (*at, element)),
                _ => None,
            };
            let Some((at, next)) = found else { break };
            position.push(at);
            tree = next;
        }
        position
    }

    /// The names in it, if it is a table.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let entries = if let Self::Table(entries) = self { &entries[..] } else { &[] };
        entries.iter().map(|(name, _)| &**name)
    }

    /// Whether it, or anything in it, came from an environment variable.
    pub(super) fn is_of_variables(&self) -> bool {
        match self {
            Self::Variable(_) | Self::Octets => true,
            Self::List(elements) => elements.iter().any(Self::is_of_variables),
            Self::Table(entries) => entries.iter().any(|(_, tree)| tree.is_of_variables()),
            _ => false,
        }
    }

    /// Whether there is something where `path` leads.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.position(path).len() == path.steps().len()
    }
}

/// What it is, and what it says where that is short.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing | Self::Gap => f.write_str("nothing"),
            Self::Switch(switch) => switch.fmt(f),
            Self::Whole(number) => write!(f, "the number {number}"),
            Self::Fraction(number) => write!(f, "the number {number:?}"),
            Self::Text(text) | Self::Variable(text) => write!(f, "the text {}", Shown(text)),
            Self::Octets => f.write_str("a text that is not Unicode"),
            Self::List(_) => f.write_str("a list"),
            Self::Table(_) => f.write_str("a table"),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Branch { depth: 0, room: &mut MAX_SIZE.clone() }.deserialize(deserializer)
    }
}

/// Reads a value at a depth, into the room that is left.
struct Branch<'r> {
    depth: usize,
    room: &'r mut usize,
}

impl Branch<'_> {
    fn take<E: Error>(&mut self, size: usize) -> Result<(), E> {
        match self.room.checked_sub(size) {
            Some(left) => *self.room = left,
            None => return Err(E::custom(format_args!("the configuration has more than {MAX_SIZE} octets"))),
        }
        Ok(())
    }

    fn deeper<E: Error>(&mut self) -> Result<Branch<'_>, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("the configuration is more than {MAX_DEPTH} values deep")));
        }
        Ok(Branch { depth: self.depth + 1, room: self.room })
    }
}

impl<'de> DeserializeSeed<'de> for Branch<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Tree, D::Error> {
        self.take(1)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Branch<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a setting")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Nothing)
    }

    fn visit_none<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, switch: bool) -> Result<Tree, E> {
        Ok(Tree::Switch(switch))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Whole(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Whole(number.into()))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Tree, E> {
        Ok(Tree::Whole(number))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Tree, E> {
        // No setting is that large, so it matters to none how large it is.
        Ok(Tree::Whole(number.try_into().unwrap_or(i128::MAX)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Fraction(number))
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<Tree, E> {
        self.take(text.len())?;
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Tree, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element_seed(self.deeper()?)? {
            elements.push(element);
        }
        Ok(Tree::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut table: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = table.next_key::<String>()? {
            self.take(name.len())?;
            entries.push((name, table.next_value_seed(self.deeper()?)?));
        }
        Ok(written_out(&entries).unwrap_or(Tree::Table(entries)))
    }
}

/// The number that a table stands for: so `serde_json` hands out all of them if any crate in the build switches its
/// `arbitrary_precision` on.
fn written_out(entries: &[(String, Tree)]) -> Option<Tree> {
    let [(name, Tree::Text(number))] = entries else { return None };
    if name != "$serde_json::private::Number" {
        return None;
    }
    let fraction = || number.parse().ok().map(Tree::Fraction);
    number.parse().ok().map(Tree::Whole).or_else(fraction)
}

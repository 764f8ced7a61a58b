use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::path::{Path, Step};
use super::shown::shown;

/// The maximum depth of nested values, which is more than that of any setting.
pub(super) const MAX_DEPTH: usize = 8;
/// The maximum size: the bytes of all text, and one for each value.
const MAX_SIZE: usize = 1024 * 1024;

/// The values of a configuration, before it is known which settings they are.
#[derive(Clone)]
pub(super) enum Tree {
    Null,
    /// An element that no variable sets, between others that variables set.
    Missing,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    String(String),
    /// The value of an environment variable, whose type depends on the setting.
    Variable(String),
    /// The value of an environment variable that is not Unicode.
    NotUnicode,
    List(Vec<Self>),
    /// The entries in the order of the document, including those with the same name.
    Table(Vec<(String, Self)>),
}

impl Tree {
    /// The indexes of the entries along `path`, which sort in the order of the document. They end where `path` leaves the tree.
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

    /// The names of its entries, if it is a table.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let entries = if let Self::Table(entries) = self { &entries[..] } else { &[] };
        entries.iter().map(|(name, _)| &**name)
    }

    /// Whether it or a value in it comes from an environment variable.
    pub(super) fn is_of_variables(&self) -> bool {
        match self {
            Self::Variable(_) | Self::NotUnicode => true,
            Self::List(elements) => elements.iter().any(Self::is_of_variables),
            Self::Table(entries) => entries.iter().any(|(_, tree)| tree.is_of_variables()),
            _ => false,
        }
    }

    /// The truth value that it stands for.
    pub(super) fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(boolean) => Some(*boolean),
            Self::Variable(text) => match text.as_str() {
                "true" | "on" => Some(true),
                "false" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Its type, for messages that must not show the value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Missing => "nothing",
            Self::Boolean(_) => "true or false",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::String(_) | Self::Variable(_) => "a string",
            Self::NotUnicode => "bytes that are not Unicode",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// Whether there is a value at `path`.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.position(path).len() == path.steps().len()
    }
}

/// Formats the type, and the value if it is short.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Missing => f.write_str("nothing"),
            Self::Boolean(boolean) => boolean.fmt(f),
            Self::Integer(number) => write!(f, "the number {number}"),
            Self::Float(number) => write!(f, "the number {number:?}"),
            Self::String(text) | Self::Variable(text) => write!(f, "the string {:?}", shown(text)),
            Self::NotUnicode => f.write_str("bytes that are not Unicode"),
            Self::List(_) => f.write_str("a list"),
            Self::Table(_) => f.write_str("a table"),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Seed { depth: 0, remaining: &mut MAX_SIZE.clone() }.deserialize(deserializer)
    }
}

/// Reads a value at a depth, of at most the remaining size.
struct Seed<'r> {
    depth: usize,
    remaining: &'r mut usize,
}

impl Seed<'_> {
    fn take<E: Error>(&mut self, size: usize) -> Result<(), E> {
        let remaining = self.remaining.checked_sub(size);
        *self.remaining = remaining.ok_or_else(|| {
            E::custom(format_args!("expected a configuration of at most {MAX_SIZE} bytes, found more"))
        })?;
        Ok(())
    }

    fn deeper<E: Error>(&mut self) -> Result<Seed<'_>, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("expected at most {MAX_DEPTH} levels of nested values, found more")));
        }
        Ok(Seed { depth: self.depth + 1, remaining: self.remaining })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Tree, D::Error> {
        self.take(1)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a setting")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, boolean: bool) -> Result<Tree, E> {
        Ok(Tree::Boolean(boolean))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Integer(number.into()))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Tree, E> {
        Ok(Tree::Integer(number))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Tree, E> {
        // A number this large is invalid for every setting, so the exact value does not matter.
        Ok(Tree::Integer(number.try_into().unwrap_or(i128::MAX)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Float(number))
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<Tree, E> {
        self.take(text.len())?;
        Ok(Tree::String(text.to_owned()))
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
        Ok(arbitrary_precision_number(&entries).unwrap_or(Tree::Table(entries)))
    }
}

/// The number that a table represents. With `serde_json`'s `arbitrary_precision`, which any crate in the build may switch on, every
/// number arrives as such a table.
fn arbitrary_precision_number(entries: &[(String, Tree)]) -> Option<Tree> {
    let [(name, Tree::String(number))] = entries else { return None };
    if name != "$serde_json::private::Number" {
        return None;
    }
    let float = || number.parse().ok().map(Tree::Float);
    number.parse().ok().map(Tree::Integer).or_else(float)
}

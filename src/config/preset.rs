//! The constructors of [`Issuer`] for one provider each, by their names and those of their arguments.

use super::issuer::NOWHERE;
use super::reader::{Reader, Table};
use crate::Issuer;
use crate::server::ConfigError;

pub(super) struct Preset {
    pub(super) name: &'static str,
    pub(super) arguments: &'static [Argument],
    make: fn(&Arguments) -> Result<Issuer, ConfigError>,
}

/// What a constructor takes.
pub(super) struct Argument {
    pub(super) name: &'static str,
    number: Number,
    /// A value that is never refused.
    good: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    One,
    Any,
}

/// A value for each argument, in their order.
struct Arguments<'t>(Vec<Vec<&'t str>>);

const TENANT: &str = "00000000-0000-4000-8000-000000000000";
const DOMAIN: &str = "stand-in.invalid";

pub(super) static PRESETS: [Preset; 10] = [
    Preset {
        name: "keycloak",
        arguments: &[one("base_url", NOWHERE), one("realm", "stand-in")],
        make: |given| Issuer::keycloak(given.one(0), given.one(1)),
    },
    Preset { name: "auth0", arguments: &[one("domain", DOMAIN)], make: |given| Issuer::auth0(given.one(0)) },
    Preset { name: "entra", arguments: &[one("tenant", TENANT)], make: |given| Issuer::entra(given.one(0)) },
    Preset {
        name: "entra_tenants",
        arguments: &[any("tenants", TENANT)],
        make: |given| Issuer::entra_tenants(given.any(0)),
    },
    Preset { name: "entra_v1", arguments: &[one("tenant", TENANT)], make: |given| Issuer::entra_v1(given.one(0)) },
    Preset {
        name: "okta",
        arguments: &[one("domain", DOMAIN), one("authorization_server", "stand-in")],
        make: |given| Issuer::okta(given.one(0), given.one(1)),
    },
    Preset {
        name: "cognito",
        arguments: &[one("pool", "eu-central-1_0"), any("clients", "stand-in")],
        make: |given| Issuer::cognito(given.one(0), given.any(1)),
    },
    Preset { name: "google", arguments: &[any("subjects", "0")], make: |given| Issuer::google(given.any(0)) },
    Preset { name: "zitadel", arguments: &[one("domain", DOMAIN)], make: |given| Issuer::zitadel(given.one(0)) },
    Preset { name: "kubernetes", arguments: &[one("issuer", NOWHERE)], make: |given| Issuer::kubernetes(given.one(0)) },
];

const fn one(name: &'static str, good: &'static str) -> Argument {
    Argument { name, number: Number::One, good }
}

const fn any(name: &'static str, good: &'static str) -> Argument {
    Argument { name, number: Number::Any, good }
}

impl Preset {
    /// The issuer of these arguments, if all of them are good.
    pub(super) fn read(&self, reader: &mut Reader, table: &mut Table) -> Option<Issuer> {
        let found = reader.found();
        let mut arguments = Arguments(self.arguments.iter().map(|argument| vec![argument.good]).collect());
        for (at, argument) in self.arguments.iter().enumerate() {
            if let Some(values) = self.argument(reader, table, at, argument) {
                arguments.0[at] = values;
            }
        }
        if reader.found() > found {
            return None;
        }
        reader.accept(table.path(), (self.make)(&arguments))
    }

    /// The values of one argument, each tried among good ones, so that every mistake is found and is known to be there.
    fn argument<'t>(
        &self,
        reader: &mut Reader,
        table: &mut Table<'t>,
        at: usize,
        Argument { name, number, good }: &Argument,
    ) -> Option<Vec<&'t str>> {
        let expected = if *number == Number::One { "a text" } else { "a list of texts" };
        let node = table.require(reader, name, expected)?;
        let values = match number {
            Number::One => vec![(node.path.clone(), reader.text(&node)?)],
            Number::Any => reader.texts(&node, good),
        };
        let tries = |values: Vec<&str>| {
            let goods = self.arguments.iter().map(|argument| vec![argument.good]);
            let mut arguments = Arguments(goods.collect());
            arguments.0[at] = values;
            (self.make)(&arguments)
        };
        if values.is_empty() {
            reader.accept(&node.path, tries(Vec::new()));
        }
        for (path, value) in &values {
            // The builder may have made something of the value; what was written is what to look for.
            let made = tries(vec![value]).map_err(|error| error.of_value(value));
            // The builder finds an oddity in what it makes of a single text, and does not know where that came from.
            let checked =
                made.and_then(|_| if *number == Number::One { ConfigError::check_text(name, value) } else { Ok(()) });
            reader.accept(path, checked);
        }
        Some(values.into_iter().map(|(_, value)| value).collect())
    }
}

impl<'t> Arguments<'t> {
    fn one(&self, at: usize) -> &'t str {
        self.any(at).first().copied().unwrap_or_default()
    }

    fn any(&self, at: usize) -> Vec<&'t str> {
        self.0.get(at).cloned().unwrap_or_default()
    }
}

//! The provider-specific constructors of [`Issuer`], with their names and the names of their arguments.

use super::reader::{Reader, Table};
use super::stand_in;
use crate::Issuer;
use crate::keys::KeyFile;
use crate::server::ConfigError;

pub(super) struct Preset {
    pub(super) name: &'static str,
    pub(super) arguments: &'static [Argument],
    /// Whether nothing but another setting says where the keys are.
    pub(super) needs_keys: bool,
    make: fn(&Arguments) -> Result<Issuer, ConfigError>,
}

/// An argument of a constructor.
pub(super) struct Argument {
    pub(super) name: &'static str,
    kind: Kind,
    /// A value that the constructor accepts.
    stand_in: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    List,
}

/// The values of each argument, in the order of the arguments. A string is a list of one.
struct Arguments<'t>(Vec<Vec<&'t str>>);

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        name: "keycloak",
        arguments: &[string("base_url", stand_in::URL), string("realm", stand_in::NAME)],
        needs_keys: false,
        make: |given| Issuer::keycloak(given.string(0), given.string(1)),
    },
    Preset {
        name: "auth0",
        arguments: &[string("domain", stand_in::DOMAIN)],
        needs_keys: false,
        make: |given| Issuer::auth0(given.string(0)),
    },
    Preset {
        name: "entra",
        arguments: &[string("tenant", stand_in::TENANT)],
        needs_keys: false,
        make: |given| Issuer::entra(given.string(0)),
    },
    Preset {
        name: "entra_tenants",
        arguments: &[list("tenants", stand_in::TENANT)],
        needs_keys: false,
        make: |given| Issuer::entra_tenants(given.list(0)),
    },
    Preset {
        name: "entra_v1",
        arguments: &[string("tenant", stand_in::TENANT)],
        needs_keys: false,
        make: |given| Issuer::entra_v1(given.string(0)),
    },
    Preset {
        name: "okta",
        arguments: &[string("domain", stand_in::DOMAIN), string("authorization_server", stand_in::NAME)],
        needs_keys: false,
        make: |given| Issuer::okta(given.string(0), given.string(1)),
    },
    Preset {
        name: "cognito",
        arguments: &[string("pool", "eu-central-1_0"), list("clients", stand_in::NAME)],
        needs_keys: false,
        make: |given| Issuer::cognito(given.string(0), given.list(1)),
    },
    Preset {
        name: "google",
        arguments: &[list("subjects", "0")],
        needs_keys: false,
        make: |given| Issuer::google(given.list(0)),
    },
    Preset {
        name: "zitadel",
        arguments: &[string("domain", stand_in::DOMAIN)],
        needs_keys: false,
        make: |given| Issuer::zitadel(given.string(0)),
    },
    Preset {
        name: "kubernetes",
        arguments: &[string("issuer", stand_in::URL)],
        needs_keys: false,
        make: |given| Issuer::kubernetes(given.string(0)),
    },
    Preset {
        name: "authentik",
        arguments: &[string("base_url", stand_in::URL), string("slug", stand_in::NAME)],
        needs_keys: false,
        make: |given| Issuer::authentik(given.string(0), given.string(1)),
    },
    Preset {
        name: "ad_fs",
        arguments: &[string("host", stand_in::DOMAIN)],
        needs_keys: false,
        make: |given| Issuer::ad_fs(given.string(0)),
    },
    Preset {
        name: "dex",
        arguments: &[string("issuer", stand_in::URL)],
        needs_keys: false,
        make: |given| Issuer::dex(given.string(0)),
    },
    Preset {
        name: "hydra",
        arguments: &[string("issuer", stand_in::URL)],
        needs_keys: false,
        make: |given| Issuer::hydra(given.string(0)),
    },
    Preset {
        name: "entra_external",
        arguments: &[string("tenant", stand_in::TENANT)],
        needs_keys: false,
        make: |given| Issuer::entra_external(given.string(0)),
    },
    Preset {
        name: "azure_b2c",
        arguments: &[
            string("domain", stand_in::DOMAIN),
            string("tenant", stand_in::TENANT),
            string("policy", "B2C_1_stand-in"),
        ],
        needs_keys: false,
        make: |given| Issuer::azure_b2c(given.string(0), given.string(1), given.string(2)),
    },
    Preset {
        name: "github_actions",
        arguments: &[list("repositories", "0")],
        needs_keys: false,
        make: |given| Issuer::github_actions(given.list(0)),
    },
    Preset {
        name: "github_actions_enterprise",
        arguments: &[string("issuer", stand_in::URL), list("repositories", "0")],
        needs_keys: false,
        make: |given| Issuer::github_actions_enterprise(given.string(0), given.list(1)),
    },
    Preset {
        name: "cloudflare_access",
        arguments: &[string("domain", stand_in::DOMAIN)],
        needs_keys: false,
        make: |given| Issuer::cloudflare_access(given.string(0)),
    },
    Preset { name: "google_iap", arguments: &[], needs_keys: false, make: |_| Issuer::google_iap() },
    Preset {
        name: "firebase",
        arguments: &[string("project", stand_in::NAME)],
        needs_keys: false,
        make: |given| Issuer::firebase(given.string(0)),
    },
    Preset {
        name: "supabase",
        arguments: &[string("project", "standin")],
        needs_keys: false,
        make: |given| Issuer::supabase(given.string(0)),
    },
    Preset {
        name: "supabase_self_hosted",
        arguments: &[string("issuer", stand_in::URL)],
        needs_keys: false,
        make: |given| Issuer::supabase_self_hosted(given.string(0)),
    },
    Preset {
        name: "spiffe",
        arguments: &[string("trust_domain", stand_in::DOMAIN)],
        needs_keys: true,
        make: |given| Issuer::spiffe(given.string(0), KeyFile::new(stand_in::NAME)),
    },
];

const fn string(name: &'static str, stand_in: &'static str) -> Argument {
    Argument { name, kind: Kind::String, stand_in }
}

const fn list(name: &'static str, stand_in: &'static str) -> Argument {
    Argument { name, kind: Kind::List, stand_in }
}

impl Preset {
    /// The issuer that the constructor makes, if every argument is valid.
    pub(super) fn read(&self, reader: &mut Reader, table: &mut Table) -> Option<Issuer> {
        let problems = reader.count();
        let mut arguments = self.stand_ins();
        for (at, argument) in self.arguments.iter().enumerate() {
            if let Some(values) = self.argument(reader, table, at, argument) {
                arguments.0[at] = values;
            }
        }
        if reader.count() > problems {
            return None;
        }
        reader.accept(table.path(), (self.make)(&arguments))
    }

    fn stand_ins<'t>(&self) -> Arguments<'t> {
        Arguments(self.arguments.iter().map(|argument| vec![argument.stand_in]).collect())
    }

    /// The values of the argument at index `at`. Each is tried alone among stand-ins, so that every mistake is found at its place.
    fn argument<'t>(
        &self,
        reader: &mut Reader,
        table: &mut Table<'t>,
        at: usize,
        Argument { name, kind, stand_in }: &Argument,
    ) -> Option<Vec<&'t str>> {
        let expected = if *kind == Kind::String { "a string" } else { "a list of strings" };
        let node = table.require(reader, name, expected)?;
        let values = match kind {
            Kind::String => vec![(node.path.clone(), reader.string(&node)?)],
            Kind::List => reader.strings(&node, stand_in),
        };
        let make_with = |values: Vec<&str>| {
            let mut arguments = self.stand_ins();
            arguments.0[at] = values;
            (self.make)(&arguments)
        };
        if values.is_empty() {
            reader.accept(&node.path, make_with(Vec::new()));
        }
        for (path, value) in &values {
            // The error may hold what the constructor made of the value, such as a URL. The operator looks for the value itself.
            let made = make_with(vec![value]).map_err(|error| error.of_value(value));
            // The builder checks the text that is made of a single string, and does not know the argument.
            let checked =
                made.and_then(|_| if *kind == Kind::String { ConfigError::check_text(name, value) } else { Ok(()) });
            reader.accept(path, checked);
        }
        Some(values.into_iter().map(|(_, value)| value).collect())
    }
}

impl<'t> Arguments<'t> {
    fn string(&self, at: usize) -> &'t str {
        self.list(at).first().copied().unwrap_or_default()
    }

    fn list(&self, at: usize) -> Vec<&'t str> {
        self.0.get(at).cloned().unwrap_or_default()
    }
}

//! What a case is tried against: an issuer, and `examples/me` as a process of its own that trusts it.

use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer, TokenBuilder};

use super::challenges::Offered;
use super::mint::{Recipe, moment};
use super::template::{fill, fill_text};
use crate::example_process::{Build, Example};
use crate::harness::AUDIENCE;
use crate::harness::signatures::OwnKey;

/// What a setup is, where it is not the usual.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Spec {
    /// The path of the issuer.
    path: String,
    /// The issuer's algorithms; ES256 if it says nothing, `["all"]` for all.
    algorithms: Vec<String>,
    /// `rfc9068` for the strict profile.
    profile: Option<String>,
    /// What the program is told beside its issuer and its audience.
    flags: Option<Vec<String>>,
    /// More arguments of the program: those for DPoP and for client certificates.
    dpop: Vec<String>,
    /// The program introspects, as this client: `CLIENT_ID:SECRET`. Then tokens are opaque.
    pub(super) introspect: Option<String>,
    /// More arguments of the program: those for introspection.
    asking: Vec<String>,
    /// It trusts a second issuer, whose JWTs it validates itself.
    beside: bool,
    /// The issuer that the program is told, if it is not the one that it has; `<<issuer>>` is that.
    issuer: Option<String>,
    /// What the issuer does from the start.
    before: Vec<Action>,
    /// No case may make the server ask its issuer for anything.
    pub(super) unasked: bool,
}

impl Spec {
    pub(super) fn has_all_algorithms(&self) -> bool {
        matches!(&*self.algorithms, [all] if all == "all")
    }

    pub(super) fn of_all_algorithms(self) -> Self {
        Self { algorithms: vec!["all".to_owned()], ..self }
    }
}

/// What an issuer does from now on.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Action {
    Fail {
        endpoint: Place,
        fault: Failure,
    },
    Recover,
    Rotate,
    PublishNext,
    SignWithNext,
    CacheControl(String),
    /// Members of the metadata that it publishes; `null` takes one away.
    Metadata(Map<String, Value>),
    /// It publishes this instead of its metadata.
    WholeMetadata(Value),
    /// It publishes this as its key set; the entry `"<<own>>"` is the own keys.
    Jwks(Value),
    /// It changes its signed answers so before it signs them.
    SignedAnswers(Box<Recipe>),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    Oauth,
    Openid,
    Jwks,
    Introspection,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Failure {
    Status(u16),
    Delay(u64),
    Hang,
    Body(String),
    Redirect(String),
    Disconnect,
    Truncate,
}

/// A running setup.
pub(super) struct Setup {
    pub(super) name: String,
    pub(super) spec: Spec,
    pub(super) issuer: TestIssuer,
    /// The one that is trusted beside it, if there is one.
    pub(super) beside: Option<TestIssuer>,
    /// A key of the issuer that signs whatever it is given, for tokens that no builder makes.
    pub(super) own: OwnKey,
    pub(super) example: Example,
    /// A token that stays the same from one request to the next.
    pub(super) kept: OnceLock<Vec<u8>>,
    /// What was sent and may not turn up again.
    pub(super) sent: Mutex<Vec<String>>,
}

impl Setup {
    pub(super) fn start(build: Build, name: &str, spec: &Spec, stranger: &TestIssuer, more_keys: Vec<Value>) -> Self {
        let named: Vec<Algorithm> = match &*spec.algorithms {
            [] => vec![Algorithm::ES256],
            _ if spec.has_all_algorithms() => Algorithm::ALL.to_vec(),
            names => names.iter().map(|name| name.parse().unwrap()).collect(),
        };
        let issuer = TestIssuer::builder().algorithms(named).path(&spec.path).start();
        let own = OwnKey::generate();
        let mut jwks = issuer.jwks();
        let keys = jwks["keys"].as_array_mut().unwrap();
        keys.push(with_kid(own.jwk(), "own"));
        keys.extend(more_keys);
        issuer.set_jwks(jwks);
        for action in &spec.before {
            action.take(&issuer, stranger);
        }
        let told = spec.issuer.as_ref().map(|told| fill_text(told, &|place| url_of(place, &issuer, stranger)));
        let told = told.unwrap_or_else(|| issuer.url().to_owned());
        let usual = ["--scope", "read:me", "--acr", "mfa hwk", "--max-age", "300"].map(str::to_owned);
        let flags = spec.flags.clone().unwrap_or_else(|| usual.to_vec());
        let mut all = vec!["--issuer", &told, "--audience", AUDIENCE];
        all.extend(flags.iter().chain(&spec.dpop).map(|flag| &**flag));
        if let Some(profile) = &spec.profile {
            all.extend(["--profile", profile]);
        }
        let beside = spec.beside.then(|| TestIssuer::builder().algorithms([Algorithm::ES256]).start());
        if let Some(client) = &spec.introspect {
            all.extend(["--introspect", client]);
            all.extend(spec.asking.iter().map(|flag| &**flag));
        }
        if let Some(beside) = &beside {
            all.extend(["--jwts-of", beside.url()]);
        }
        let secret =
            spec.introspect.as_ref().and_then(|client| client.split_once(':')).map(|(_, secret)| secret.to_owned());
        let example = Example::start_build(build, &all);
        Self {
            name: name.to_owned(),
            spec: spec.clone(),
            issuer,
            beside,
            own,
            example,
            kept: OnceLock::new(),
            sent: Mutex::new(secret.into_iter().collect()),
        }
    }

    pub(super) fn profile(&self) -> &str {
        self.spec.profile.as_deref().unwrap_or("generic")
    }

    /// What its challenges name.
    pub(super) fn offered(&self) -> Offered {
        let has = |word: &str| self.spec.dpop.iter().any(|flag| flag == word);
        let schemes = match (has("--dpop"), has("required")) {
            (false, _) => &["Bearer"][..],
            (true, false) => &["Bearer", "DPoP"],
            (true, true) => &["DPoP"],
        };
        Offered { schemes, nonces: has("--dpop-nonce") }
    }

    /// The URL by which clients know the API, without a slash at its end.
    pub(super) fn base_url(&self) -> String {
        let mut flags = self.spec.dpop.iter().skip_while(|flag| *flag != "--base-url").skip(1);
        let url = flags.next().map_or_else(|| format!("http://{}", self.example.address()), Clone::clone);
        url.trim_end_matches('/').to_owned()
    }

    /// How often its issuer was asked for something, or the stranger for anything.
    pub(super) fn fetches(&self, what: &str, stranger: &TestIssuer) -> usize {
        match what {
            "oauth" => self.issuer.requests(Endpoint::OAuthMetadata),
            "openid" => self.issuer.requests(Endpoint::OpenIdMetadata),
            "jwks" => self.issuer.requests(Endpoint::Jwks),
            "introspection" => self.issuer.requests(Endpoint::Introspection),
            "not modified" => self.issuer.not_modified(Endpoint::Jwks),
            "stranger" => all_requests(stranger),
            other => panic!("no count of {other}"),
        }
    }
}

/// How often an issuer was asked for anything.
pub(super) fn all_requests(issuer: &TestIssuer) -> usize {
    [Endpoint::OAuthMetadata, Endpoint::OpenIdMetadata, Endpoint::Jwks, Endpoint::Introspection]
        .map(|place| issuer.requests(place))
        .iter()
        .sum()
}

pub(super) fn with_kid(mut jwk: Value, kid: &str) -> Value {
    jwk["kid"] = json!(kid);
    jwk
}

/// The places of issuers in a text.
pub(super) fn url_of(place: &str, issuer: &TestIssuer, stranger: &TestIssuer) -> Option<Vec<u8>> {
    let text = match place {
        "issuer" => issuer.url().to_owned(),
        "issuer's port" => issuer.url().rsplit(':').next().unwrap().split('/').next().unwrap().to_owned(),
        "stranger" => stranger.url().to_owned(),
        "jwks" => issuer.jwks().to_string(),
        "metadata" => issuer.metadata().to_string(),
        "audience" => AUDIENCE.to_owned(),
        _ => return None,
    };
    Some(text.into_bytes())
}

impl Action {
    pub(super) fn take(&self, issuer: &TestIssuer, stranger: &TestIssuer) {
        let look_up = |place: &str| url_of(place, issuer, stranger);
        match self {
            Self::Fail { endpoint, fault } => {
                let endpoint = match endpoint {
                    Place::Oauth => Endpoint::OAuthMetadata,
                    Place::Openid => Endpoint::OpenIdMetadata,
                    Place::Jwks => Endpoint::Jwks,
                    Place::Introspection => Endpoint::Introspection,
                };
                issuer.fail(
                    endpoint,
                    match fault {
                        Failure::Status(status) => Fault::Status(*status),
                        Failure::Delay(milliseconds) => Fault::Delay(Duration::from_millis(*milliseconds)),
                        Failure::Hang => Fault::Hang,
                        Failure::Body(body) => Fault::Body(fill(body, &look_up)),
                        Failure::Redirect(to) => Fault::Redirect(fill_text(to, &look_up)),
                        Failure::Disconnect => Fault::Disconnect,
                        Failure::Truncate => Fault::Truncate,
                    },
                );
            }
            Self::Recover => issuer.recover(),
            Self::Rotate => issuer.rotate(),
            Self::PublishNext => issuer.publish_next(),
            Self::SignWithNext => issuer.sign_with_next(),
            Self::CacheControl(value) => issuer.set_cache_control(value),
            Self::Metadata(members) => {
                let mut metadata = issuer.metadata();
                let all = metadata.as_object_mut().unwrap();
                for (name, value) in members {
                    match value {
                        Value::Null => drop(all.remove(name)),
                        value => drop(all.insert(name.clone(), filled(value, &look_up))),
                    }
                }
                issuer.set_metadata(metadata);
            }
            Self::WholeMetadata(value) => issuer.set_metadata(filled(value, &look_up)),
            Self::Jwks(value) => {
                let mut value = value.clone();
                if let Some(keys) = value.get_mut("keys").and_then(Value::as_array_mut) {
                    let own = issuer.jwks()["keys"].as_array().unwrap().clone();
                    if let Some(place) = keys.iter().position(|key| key == "<<own>>") {
                        keys.splice(place..=place, own);
                    }
                }
                issuer.set_jwks(value);
            }
            Self::SignedAnswers(recipe) => {
                let urls = [("issuer", issuer.url()), ("stranger", stranger.url()), ("audience", AUDIENCE)];
                let urls = urls.map(|(name, url)| (name, url.to_owned()));
                let url = move |place: &str| {
                    let url = urls.iter().find(|(name, _)| *name == place);
                    url.map(|(_, url)| url.clone().into_bytes())
                };
                let recipe = recipe.clone();
                let other = recipe.by.is_some().then(|| TestIssuer::builder().algorithms([Algorithm::ES256]).start());
                let change = move |answer: TokenBuilder| {
                    let answer = recipe.changed(answer, &|place| moment(place, 0).or_else(|| url(place)));
                    other.as_ref().map_or(answer.clone(), |other| answer.signed_by(other))
                };
                // A recipe that cannot be made fails here, and not in the issuer, where that would be no answer.
                let _ = change(issuer.token());
                issuer.change_signed_answers(change);
            }
        }
    }
}

fn filled(value: &Value, look_up: &dyn Fn(&str) -> Option<Vec<u8>>) -> Value {
    match value {
        Value::String(text) => fill_text(text, look_up).into(),
        Value::Array(elements) => elements.iter().map(|element| filled(element, look_up)).collect(),
        other => other.clone(),
    }
}

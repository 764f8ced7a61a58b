//! One case against one setup.

use std::thread;

use serde_json::json;
use tower_bearer::testing::TestIssuer;

use super::case::{Case, Request, Step};
use super::expectation::{Kind, headers_are_in_order};
use super::key::PublishedKey;
use super::mint::Minted;
use super::report::Report;
use super::setup::{Setup, url_of};
use super::template::{fill, fill_text};
use super::wire::{Response, exchange};

pub(super) struct Trial<'a> {
    pub(super) case: &'a Case,
    pub(super) setup: &'a Setup,
    pub(super) stranger: &'a TestIssuer,
    pub(super) key: Option<&'a PublishedKey>,
    pub(super) report: &'a Report,
}

impl Trial<'_> {
    pub(super) fn run(&self) {
        let asked = self.asked();
        for step in &self.case.steps {
            for action in &step.before {
                action.take(&self.setup.issuer, self.stranger);
            }
            if step.times == 1 {
                self.attempt(step, 0);
            } else {
                thread::scope(|scope| {
                    for number in 0..step.times {
                        scope.spawn(move || self.attempt(step, number));
                    }
                });
            }
            for (what, count) in &step.fetches {
                let found = self.setup.fetches(what, self.stranger);
                let fault = (!count.allows(found)).then(|| format!("{what} was asked {found} times, not {count:?}"));
                self.report.note_fault(&self.named(), fault);
            }
        }
        if self.setup.spec.unasked {
            let fault = (self.asked() > asked).then(|| "it cost a request to the issuer".to_owned());
            self.report.note_fault(&self.named(), fault);
        }
    }

    fn asked(&self) -> usize {
        ["oauth", "openid", "jwks"].map(|what| self.setup.fetches(what, self.stranger)).iter().sum()
    }

    fn named(&self) -> String {
        format!("{} {} [{}]", self.case.rows.join(", "), self.case.what, self.setup.name)
    }

    /// One request, and whether its answer is the one that the step expects.
    fn attempt(&self, step: &Step, number: usize) {
        let minted = self.mint(step, number);
        let request = request(&step.request, &minted, &|place| match place {
            "good" => Some(self.mint_plain().token),
            "kept" => Some(self.setup.kept.get_or_init(|| self.mint_plain().token).clone()),
            place => url_of(place, &self.setup.issuer, self.stranger),
        });
        self.setup.sent.lock().unwrap().extend(minted.secrets().cloned());
        let verdict =
            exchange(self.setup.example.address(), &request).and_then(|reply| self.check_reply(step, &minted, &reply));
        let (kinds, fault) = verdict.unwrap_or_else(|fault| (Vec::new(), Some(fault)));
        self.report.answered(&self.named(), &kinds, fault);
    }

    fn mint(&self, step: &Step, number: usize) -> Minted {
        let Some(key) = self.key else { return step.token.mint(self.setup, self.stranger, number) };
        let mut recipe = step.token.clone();
        recipe.by = Some("stranger".to_owned());
        recipe.alg.get_or_insert_with(|| key.algorithm.name().to_owned());
        recipe.header.entry("kid").or_insert_with(|| json!(key.kid));
        recipe.mint(self.setup, self.stranger, number)
    }

    fn mint_plain(&self) -> Minted {
        super::mint::Recipe::default().mint(self.setup, self.stranger, 0)
    }

    /// What the answers are; and what is wrong with them, if they are not the expected ones.
    fn check_reply(&self, step: &Step, minted: &Minted, reply: &[u8]) -> Result<(Vec<Kind>, Option<String>), String> {
        let to_head = step.request.method.as_deref() == Some("HEAD");
        let responses = Response::parse_all(reply, to_head)?;
        let mut kinds = responses.iter().map(Kind::of).collect::<Result<Vec<_>, _>>()?;
        if kinds.is_empty() {
            kinds.push(Kind::Closed);
        }
        for (response, kind) in responses.iter().zip(&kinds) {
            headers_are_in_order(response)?;
            shows_nothing_of(minted, response, *kind)?;
        }
        let expected = step.expect.answers(self.setup.profile());
        let as_expected = expected.len() == kinds.len()
            && expected.iter().zip(&kinds).all(|(alternatives, kind)| alternatives.contains(kind));
        if !as_expected {
            let wrongly = if kinds.contains(&Kind::Granted) { "WRONG ACCEPT? " } else { "" };
            let told = |kinds: &[Kind]| kinds.iter().map(Kind::to_string).collect::<Vec<_>>().join(" | ");
            let expected: Vec<_> = expected.iter().map(|one| told(one)).collect();
            let fault = format!("{wrongly}expected {}, got {}", expected.join(", "), told(&kinds));
            return Ok((kinds, Some(fault)));
        }
        Ok((kinds, self.details(step, &responses)))
    }

    /// What else the step says of the last answer.
    fn details(&self, step: &Step, responses: &[Response]) -> Option<String> {
        let response = responses.last()?;
        let challenge = response.header("www-authenticate").unwrap_or_default();
        for (name, value) in &step.challenge {
            let value = fill_text(value, &|place| match place {
                "address" => Some(self.setup.example.address().as_bytes().to_vec()),
                place => url_of(place, &self.setup.issuer, self.stranger),
            });
            if !challenge.contains(&format!("{name}=\"{value}\"")) {
                return Some(format!("the challenge has no {name}=\"{value}\": {challenge}"));
            }
        }
        let body = String::from_utf8_lossy(&response.body);
        let wanted =
            step.body.as_ref().map(|body| fill_text(body, &|place| url_of(place, &self.setup.issuer, self.stranger)));
        wanted.filter(|wanted| !body.contains(wanted)).map(|wanted| format!("the body has no {wanted:?}: {body}"))
    }
}

/// Nothing of the token comes back (rows A16, A20), and nothing that its maker wrote, whose mark is `zebra`.
fn shows_nothing_of(minted: &Minted, response: &Response, kind: Kind) -> Result<(), String> {
    let headers: Vec<String> = response.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let headers = headers.join("\n");
    let shown = format!("{headers}{}", String::from_utf8_lossy(&response.body));
    if let Some(part) = minted.secrets().find(|part| shown.contains(&***part)) {
        return Err(format!("{part} of the token comes back: {shown}"));
    }
    if kind != Kind::Granted && shown.to_ascii_lowercase().contains("zebra") {
        return Err(format!("what the token says comes back: {shown}"));
    }
    Ok(())
}

/// The request as bytes.
fn request(request: &Request, minted: &Minted, look_up: &dyn Fn(&str) -> Option<Vec<u8>>) -> Vec<u8> {
    let look_up = |place: &str| match place {
        "token" => Some(minted.token.clone()),
        place => look_up(place),
    };
    let fill = |text: &str| fill(text, &look_up);
    if let Some(raw) = &request.raw {
        return fill(raw);
    }
    let method = request.method.as_deref().unwrap_or("GET");
    let target = request.target.as_deref().unwrap_or("/api/me");
    let version = request.version.as_deref().unwrap_or("HTTP/1.1");
    let mut bytes = fill(&format!("{method} {target} {version}\r\nHost: api.example.test\r\nConnection: close\r\n"));
    let usual = ["Bearer <<token>>".to_owned()];
    let authorization = request.authorization.as_deref().unwrap_or(&usual);
    let authorization: Vec<_> = authorization.iter().map(|value| format!("Authorization: {value}")).collect();
    for line in request.lines_before.iter().chain(&authorization).chain(&request.lines) {
        bytes.extend(fill(line));
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend(fill(request.body.as_deref().unwrap_or_default()));
    bytes
}

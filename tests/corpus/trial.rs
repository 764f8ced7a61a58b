//! One case against one setup.

use std::sync::Mutex;
use std::thread;

use serde_json::json;
use tower_bearer::testing::TestIssuer;

use super::case::{Again, Case, Request, Step};
use super::challenges::{Challenges, used_scheme};
use super::expectation::{Kind, headers_are_in_order};
use super::key::PublishedKey;
use super::mint::{Minted, Recipe};
use super::proof::{Purpose, jkt_of};
use super::report::Report;
use super::request::Sent;
use super::setup::{Setup, url_of};
use super::template::fill_text;
use super::wire::{Response, exchange};

pub(super) struct Trial<'a> {
    case: &'a Case,
    setup: &'a Setup,
    stranger: &'a TestIssuer,
    key: Option<&'a PublishedKey>,
    report: &'a Report,
    /// What the step before has sent.
    sent: Mutex<Option<Sent>>,
    /// The nonce of the last answer that had one.
    nonce: Mutex<Option<String>>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(
        case: &'a Case,
        setup: &'a Setup,
        stranger: &'a TestIssuer,
        key: Option<&'a PublishedKey>,
        report: &'a Report,
    ) -> Self {
        Self { case, setup, stranger, key, report, sent: Mutex::default(), nonce: Mutex::default() }
    }

    pub(super) fn run(&self) {
        let asked = self.asked();
        for step in &self.case.steps {
            for action in &step.before {
                action.take(&self.setup.issuer, self.stranger);
            }
            if step.revoked {
                let sent = self.sent.lock().unwrap();
                self.setup.issuer.revoke(&String::from_utf8_lossy(&sent.as_ref().unwrap().token.text));
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
        ["oauth", "openid", "jwks", "introspection"].map(|what| self.setup.fetches(what, self.stranger)).iter().sum()
    }

    fn named(&self) -> String {
        format!("{} {} [{}]", self.case.rows.join(", "), self.case.what, self.setup.name)
    }

    /// One request, and whether its answer is the one that the step expects.
    fn attempt(&self, step: &Step, number: usize) {
        let sent = self.credentials(step, number);
        let request = step.request.bytes(&sent, &|place| match place {
            "good" => Some(self.mint_plain().text),
            "kept" => Some(self.setup.kept.get_or_init(|| self.mint_plain().text).clone()),
            place => url_of(place, &self.setup.issuer, self.stranger),
        });
        self.setup.sent.lock().unwrap().extend(sent.secrets().cloned());
        let verdict = exchange(self.setup.example.address(), &request)
            .and_then(|reply| self.check_reply(step, &sent, used_scheme(&request), &reply));
        let (kinds, fault) = verdict.unwrap_or_else(|fault| (Vec::new(), Some(fault)));
        self.report.answered(&self.named(), &kinds, fault);
        *self.sent.lock().unwrap() = Some(sent);
    }

    fn credentials(&self, step: &Step, number: usize) -> Sent {
        let before = self.sent.lock().unwrap().clone();
        match step.again {
            None => {
                let token = self.mint(step, number);
                self.with_proof(step, number, token)
            }
            Some(Again::Token) => self.with_proof(step, number, before.unwrap().token),
            Some(Again::Proof) => Sent { token: self.mint(step, number), proof: before.unwrap().proof },
            Some(Again::Both) => before.unwrap(),
        }
    }

    fn with_proof(&self, step: &Step, number: usize, token: Minted) -> Sent {
        let purpose = Purpose { token: &token.text, request: &step.request, nonce: &|| self.nonce() };
        let proof = step.proof.as_ref().map(|proof| proof.mint_proof(self.setup, self.stranger, number, &purpose));
        Sent { token, proof }
    }

    /// A nonce of the server, of the last answer of this case or of one that asks for it.
    fn nonce(&self) -> String {
        if !self.setup.offered().nonces {
            return "no nonce".to_owned();
        }
        let known = self.nonce.lock().unwrap().clone();
        known.unwrap_or_else(|| {
            let token =
                Recipe::default().mint(self.setup, self.stranger, 0, Some(&jkt_of(Recipe::default().algorithm())));
            let purpose = Purpose { token: &token.text, request: &Request::default(), nonce: &String::new };
            let proof = Recipe::default().mint_proof(self.setup, self.stranger, 0, &purpose);
            let request = Request::default().bytes(&Sent { token, proof: Some(proof) }, &|_| None);
            let reply = exchange(self.setup.example.address(), &request).unwrap();
            let response = Response::parse_all(&reply, false).unwrap().swap_remove(0);
            response.header("dpop-nonce").expect("a nonce").to_owned()
        })
    }

    fn mint(&self, step: &Step, number: usize) -> Minted {
        let jkt = match (step.token.bound.as_deref(), &step.proof) {
            (Some("no one"), _) | (None, None) => None,
            (Some(algorithm), _) => Some(jkt_of(algorithm.parse().unwrap())),
            (None, Some(proof)) => Some(proof.jkt(self.setup)),
        };
        let jkt = jkt.as_deref();
        let Some(key) = self.key else { return step.token.mint(self.setup, self.stranger, number, jkt) };
        let mut recipe = step.token.clone();
        recipe.by = Some("stranger".to_owned());
        recipe.alg.get_or_insert_with(|| key.algorithm.name().to_owned());
        recipe.header.entry("kid").or_insert_with(|| json!(key.kid));
        recipe.mint(self.setup, self.stranger, number, jkt)
    }

    fn mint_plain(&self) -> Minted {
        Recipe::default().mint(self.setup, self.stranger, 0, None)
    }

    /// What the answers are; and what is wrong with them, if they are not the expected ones.
    fn check_reply(
        &self,
        step: &Step,
        sent: &Sent,
        used: Option<&str>,
        reply: &[u8],
    ) -> Result<(Vec<Kind>, Option<String>), String> {
        let to_head = step.request.method.as_deref() == Some("HEAD");
        let responses = Response::parse_all(reply, to_head)?;
        let kind = |response| Kind::of(response, used, self.setup.offered());
        let mut kinds = responses.iter().map(kind).collect::<Result<Vec<_>, _>>()?;
        if kinds.is_empty() {
            kinds.push(Kind::Closed);
        }
        for (response, kind) in responses.iter().zip(&kinds) {
            headers_are_in_order(response)?;
            shows_nothing_of(sent, response, *kind)?;
            if let Some(nonce) = response.header("dpop-nonce") {
                *self.nonce.lock().unwrap() = Some(nonce.to_owned());
            }
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
        let challenges = Challenges::read(response, self.setup.offered()).ok()?;
        for (name, value) in &step.challenge {
            let value = fill_text(value, &|place| match place {
                "address" => Some(self.setup.example.address().as_bytes().to_vec()),
                place => url_of(place, &self.setup.issuer, self.stranger),
            });
            if !challenges.have(name, &value) {
                return Some(format!("the challenge has no {name}=\"{value}\": {response:?}"));
            }
        }
        let body = String::from_utf8_lossy(&response.body);
        let wanted =
            step.body.as_ref().map(|body| fill_text(body, &|place| url_of(place, &self.setup.issuer, self.stranger)));
        wanted.filter(|wanted| !body.contains(wanted)).map(|wanted| format!("the body has no {wanted:?}: {body}"))
    }
}

/// Nothing of the token and the proof comes back (rows A16, A20), and nothing that their maker wrote, whose mark is `zebra`.
fn shows_nothing_of(sent: &Sent, response: &Response, kind: Kind) -> Result<(), String> {
    let headers: Vec<String> = response.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let headers = headers.join("\n");
    let shown = format!("{headers}{}", String::from_utf8_lossy(&response.body));
    if let Some(part) = sent.secrets().find(|part| shown.contains(&***part)) {
        return Err(format!("{part} comes back: {shown}"));
    }
    if kind != Kind::Granted && shown.to_ascii_lowercase().contains("zebra") {
        return Err(format!("what the token says comes back: {shown}"));
    }
    Ok(())
}

//! What came of the run: totals, and everything that was wrong, all at once.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Mutex;

use super::case::Case;
use super::expectation::Kind;
use super::setup::Setup;
use super::wire::exchange;

#[derive(Default)]
pub(super) struct Report(Mutex<Totals>);

#[derive(Default)]
struct Totals {
    cases: usize,
    answers: BTreeMap<String, usize>,
    faults: Vec<String>,
    panics: usize,
}

impl Report {
    /// One request and its answers.
    pub(super) fn answered(&self, case: &str, kinds: &[Kind], fault: Option<String>) {
        let mut totals = self.0.lock().unwrap();
        totals.cases += 1;
        for kind in kinds {
            *totals.answers.entry(kind.to_string()).or_default() += 1;
        }
        totals.faults.extend(fault.map(|fault| format!("{case}: {fault}")));
    }

    /// A case that is no request.
    pub(super) fn note(&self, case: &Case, kind: &str, fault: Option<String>) {
        let mut totals = self.0.lock().unwrap();
        totals.cases += 1;
        *totals.answers.entry(kind.to_owned()).or_default() += 1;
        totals.faults.extend(fault.map(|fault| format!("{} {}: {fault}", case.rows.join(", "), case.what)));
    }

    pub(super) fn note_fault(&self, what: &str, fault: Option<String>) {
        self.0.lock().unwrap().faults.extend(fault.map(|fault| format!("{what}: {fault}")));
    }

    /// After its cases a server is alive, and its log tells of no panic and shows no token.
    pub(super) fn note_end(&self, setup: &Setup) {
        let alive = exchange(setup.example.address(), b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let is_alive =
            alive.is_ok_and(|reply| reply.starts_with(b"HTTP/1.1 200 OK\r\n") && reply.ends_with(b"\r\n\r\nok\n"));
        let log = setup.example.log();
        let panics = log.matches("panicked").count();
        let sent = setup.sent.lock().unwrap();
        let logged = sent.iter().find(|part| log.contains(&***part)).cloned();
        let odd = log.chars().find(|character| character.is_control() && *character != '\n');
        self.0.lock().unwrap().panics += panics;
        for fault in [
            (!is_alive).then(|| "the server is gone".to_owned()),
            (panics > 0).then(|| format!("panics: {log}")),
            logged.map(|part| format!("{part} is in the log: {log}")),
            odd.map(|character| format!("{character:?} is in the log")),
        ] {
            self.note_fault(&setup.name, fault);
        }
    }

    pub(super) fn finish(self) {
        let Totals { cases, answers, faults, panics } = self.0.into_inner().unwrap();
        let told: Vec<_> = answers.iter().map(|(kind, count)| format!("{kind} × {count}")).collect();
        let accepts = faults.iter().filter(|fault| fault.contains("WRONG ACCEPT")).count();
        let errors = faults.iter().filter(|fault| fault.contains("status: 5") || fault.contains("got 503")).count();
        // Past what the test harness keeps to itself.
        let _ = writeln!(
            io::stderr(),
            "corpus: {cases} cases ({}); wrong answers {}, among them wrong accepts {accepts}; panics {panics}; unexpected 5xx {errors}",
            told.join(", "),
            faults.len(),
        );
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    }
}

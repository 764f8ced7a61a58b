//! The attack corpus: every row of the conformance checklist's sections A to J and L to N as data, sent byte for byte over real
//! sockets to `examples/me`, which runs as a process of its own. `tests/corpus/README.md` explains the data.

mod builder;
mod case;
mod challenges;
mod expectation;
mod key;
mod mint;
mod proof;
mod report;
mod request;
mod setup;
mod signature;
mod spelling;
mod template;
mod trial;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tower_bearer::testing::TestIssuer;

use crate::example_process::{Build, program};

use case::{Case, Place};
use report::Report;
use setup::{Setup, Spec, all_requests};
use signature::count_of_public_material;
use trial::Trial;

/// How many requests are under way at once, and how many setups come and go at once.
const WORKERS: usize = 3;
/// How many keys of cases one issuer publishes, each beside another of the same name; 100 is the most a set may have.
const KEYS_AT_ONCE: usize = 40;

#[test]
fn every_case_gets_its_expected_answer() {
    run(Build::Usual);
}

/// A feature that is compiled in and not configured changes no answer.
#[test]
fn every_case_gets_the_same_answer_with_every_feature() {
    run(Build::EveryFeature);
}

fn run(build: Build) {
    let stranger = TestIssuer::start();
    let report = Report::default();
    let (mut shared, mut own, mut keys, mut starts) = (BTreeMap::<_, Vec<_>>::new(), vec![], vec![], vec![]);
    for case in case::load() {
        match case.place.clone() {
            Place::Shared(name) => shared.entry(name).or_default().push(case),
            Place::Own(spec) => own.push((spec, case)),
            Place::Key(key) => keys.push((key, case)),
            Place::Start(flags) => starts.push((flags, case)),
        }
    }
    let specs: BTreeMap<String, Spec> = case::read_file("setups");
    for name in shared.keys() {
        assert!(specs.contains_key(name), "no setup {name}");
    }

    let in_shared = |(name, cases): (&String, &Vec<Case>)| {
        in_shared_setup(&Setup::start(build, name, &specs[name], &stranger, Vec::new()), cases, &stranger, &report);
    };
    thread::scope(|scope| {
        // What waits, and what is tried one by one, goes on beside the rest.
        scope.spawn(|| side_by_side(&own, |(spec, case)| in_its_own_setup(build, spec, case, &stranger, &report)));
        let (unasked, others): (Vec<_>, Vec<_>) = shared.iter().partition(|(name, _)| specs[*name].unasked);
        scope.spawn(move || unasked.into_iter().for_each(in_shared));
        others.into_iter().for_each(in_shared);
        for cases in keys.chunks(KEYS_AT_ONCE) {
            with_their_keys(build, cases, &stranger, &report);
        }
        for (flags, case) in &starts {
            report.note(case, "no start", does_not_start(build, flags));
        }
    });
    report.note_fault("the stranger", (all_requests(&stranger) > 0).then(|| "was asked for something".to_owned()));
    report.finish();
}

/// A row without a case has a reason.
#[test]
fn every_row_has_a_case_or_a_reason() {
    const SECTIONS: [(char, usize); 12] = [
        ('A', 20),
        ('B', 8),
        ('C', 15),
        ('D', 19),
        ('E', 32),
        ('F', 6),
        ('G', 3),
        ('H', 4),
        ('I', 13),
        ('J', 7),
        ('L', 18),
        ('N', 9),
    ];
    // The others of section M are about what an application does with an accepted token.
    const OF_BINDING: [&str; 4] = ["M1", "M2", "M3", "M9"];
    let of_sections = SECTIONS.iter().flat_map(|(section, last)| (1..=*last).map(move |row| format!("{section}{row}")));
    // The checklist has no row N6.
    let of_sections = of_sections.filter(|row| row != "N6");
    let rows: BTreeSet<_> = of_sections.chain(OF_BINDING.map(str::to_owned)).collect();
    let tried: BTreeSet<_> = case::load().into_iter().flat_map(|case| case.rows).collect();
    let reasons: BTreeMap<String, String> = case::read_file("exceptions");
    let excused: BTreeSet<_> = reasons.keys().cloned().collect();
    let all: BTreeSet<_> = tried.union(&excused).cloned().collect();
    assert_eq!(all.difference(&rows).collect::<Vec<_>>(), [""; 0], "no rows");
    assert_eq!(rows.difference(&all).collect::<Vec<_>>(), [""; 0], "neither a case nor a reason");
    assert!(reasons.values().all(|reason| reason.len() > 20), "a reason is a sentence");
}

/// Cases that do not depend on each other, some at a time; if the server must not ask its issuer for anything, one after the
/// other, so that the one that makes it do so is known.
fn in_shared_setup(setup: &Setup, cases: &[Case], stranger: &TestIssuer, report: &Report) {
    if setup.spec.has_all_algorithms() {
        let material = count_of_public_material(&setup.issuer.jwks());
        assert_eq!(material, 25, "the axis `public material` runs through all of it");
    }
    let attempt = |case: &Case| Trial::new(case, setup, stranger, None, report).run();
    if setup.spec.unasked {
        cases.iter().for_each(attempt);
    } else {
        side_by_side(cases, attempt);
    }
    report.note_end(setup);
}

fn in_its_own_setup(build: Build, spec: &Spec, case: &Case, stranger: &TestIssuer, report: &Report) {
    let setup = Setup::start(build, &case.what, spec, stranger, Vec::new());
    Trial::new(case, &setup, stranger, None, report).run();
    report.note_end(&setup);
}

fn with_their_keys(build: Build, cases: &[(case::KeyRecipe, Case)], stranger: &TestIssuer, report: &Report) {
    let keys: Vec<_> =
        cases.iter().enumerate().map(|(number, (recipe, _))| key::publish(recipe, number, stranger)).collect();
    let published = keys.iter().flat_map(|key| key.published.clone()).collect();
    let spec = Spec::default().of_all_algorithms();
    let setup = Setup::start(build, "keys", &spec, stranger, published);
    for ((_, case), key) in cases.iter().zip(&keys) {
        Trial::new(case, &setup, stranger, Some(key), report).run();
    }
    report.note_end(&setup);
}

/// The program ends with one sentence instead of serving.
fn does_not_start(build: Build, flags: &[String]) -> Option<String> {
    let output = Command::new(program(build)).args(flags).arg("--once").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_good = !output.status.success() && said.contains("error: ") && !said.contains("panicked");
    (!is_good).then(|| format!("{}: {said}", output.status))
}

fn side_by_side<T: Sync>(all: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(one);
                }
            });
        }
    });
}

//! The names of the metrics with their kinds and labels, and what an expression uses of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::architecture::sources;

/// What Prometheus itself adds to a series.
const ADDED: [&str; 2] = ["instance", "job"];
const PREFIX: &str = "tower_bearer_";

#[derive(Debug)]
pub(super) struct Vocabulary {
    pub(super) metrics: BTreeMap<String, Metric>,
    /// The sources, in which the values of labels are words.
    words: String,
}

#[derive(Debug)]
pub(super) struct Metric {
    /// The name of its constant.
    pub(super) constant: String,
    pub(super) kind: String,
    pub(super) labels: BTreeSet<String>,
}

impl Vocabulary {
    /// By the table in the documentation of the module.
    pub(super) fn of(source: &str) -> Self {
        let rows = source.lines().filter_map(|line| line.strip_prefix("//! | [`"));
        let metric = |row: &str| {
            let cells: Vec<_> = row.split(" | ").collect();
            let (name, constant) = cells[0].split_once("`](").unwrap();
            let labels = cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect();
            let constant = constant.strip_suffix(')').unwrap().to_owned();
            let defined = format!("pub const {constant}: &str = \"{name}\";");
            assert!(source.contains(&defined), "no {defined}");
            (name.to_owned(), Metric { constant, kind: cells[1].to_owned(), labels })
        };
        let metrics: BTreeMap<_, _> = rows.map(|row| metric(&row.replace(" | | ", " |  | "))).collect();
        let defined = source.matches(&format!("&str = \"{PREFIX}")).count();
        assert_eq!(metrics.len(), defined, "each metric has a row");
        Self { metrics, words: sources(Path::new("src")).into_iter().map(|(_, text)| text).collect() }
    }

    /// The metric of a series; a histogram has several.
    pub(super) fn metric(&self, series: &str) -> Option<&Metric> {
        let of_histogram = || {
            let base = ["_sum", "_count", "_bucket"].iter().find_map(|suffix| series.strip_suffix(suffix))?;
            self.metrics.get(base).filter(|metric| metric.kind == "histogram")
        };
        self.metrics.get(series).or_else(of_histogram)
    }

    pub(super) fn is_label(&self, name: &str) -> bool {
        ADDED.contains(&name) || self.metrics.values().any(|metric| metric.labels.contains(name))
    }

    /// What an expression names that does not exist.
    pub(super) fn mistakes(&self, expression: &str) -> Vec<String> {
        let mut mistakes = Vec::new();
        let series = metrics_in(expression);
        if series.is_empty() && !expression.is_empty() && expression != "prometheus" {
            mistakes.push("no metric of this crate".to_owned());
        }
        let mut labels: BTreeSet<&str> = ADDED.into();
        for name in &series {
            match self.metric(name) {
                Some(metric) => labels.extend(metric.labels.iter().map(String::as_str)),
                None => mistakes.push(format!("no metric {name}")),
            }
        }
        if !mistakes.is_empty() {
            return mistakes;
        }
        for (name, selector) in selectors(expression) {
            let own = &self.metric(name).unwrap().labels;
            for (label, value) in selector {
                if !own.contains(label) && !ADDED.contains(&label) {
                    mistakes.push(format!("{name} has no {label}"));
                } else if let Some(value) = value.split('|').find(|value| !self.is_value(value)) {
                    mistakes.push(format!("{label} is never {value}"));
                }
            }
        }
        let grouped = ["by (", "on (", "ignoring ("].iter().flat_map(|word| expression.split(word).skip(1));
        let grouped = grouped.filter_map(|rest| Some(rest.split_once(')')?.0)).flat_map(|list| list.split(", "));
        mistakes.extend(grouped.filter(|label| !labels.contains(label)).map(|label| format!("no label {label}")));
        mistakes
    }

    /// Whether the sources have the value as a text. Variables, and patterns of more than alternatives, are not looked at.
    fn is_value(&self, value: &str) -> bool {
        value.contains(['$', '*']) || self.words.contains(&format!("\"{value}\""))
    }
}

/// The names of this crate's series in a text.
pub(super) fn metrics_in(text: &str) -> Vec<&str> {
    let starts = text.match_indices(PREFIX).map(|(at, _)| &text[at..]);
    let is_end = |next: char| !next.is_ascii_alphanumeric() && next != '_';
    starts.map(|rest| &rest[..rest.find(is_end).unwrap_or(rest.len())]).collect()
}

/// Each series with a selector, and the labels and values in it.
fn selectors(expression: &str) -> Vec<(&str, Vec<(&str, &str)>)> {
    let starts = expression.match_indices(PREFIX).map(|(at, _)| &expression[at..]);
    let selector = |rest: &'_ str| -> Option<(usize, usize)> {
        let end = metrics_in(rest).first()?.len();
        let inner = rest[end..].strip_prefix('{')?;
        Some((end, end + 1 + inner.find('}')?))
    };
    starts
        .filter_map(|rest| {
            let (name, end) = selector(rest)?;
            let matchers = rest[name + 1..end].split("\",").map(|matcher| {
                let (label, value) = matcher.split_once('=').unwrap();
                (label.trim_end_matches('!'), value.trim_start_matches('~').trim_matches('"'))
            });
            Some((&rest[..name], matchers.collect()))
        })
        .collect()
}

/// The labels with which a metric is recorded, which are the same wherever it is.
pub(super) fn recorded_labels(source: &str, kind: &str, constant: &str) -> Option<BTreeSet<String>> {
    let call = format!("{kind}!({constant}");
    let calls = source
        .match_indices(call.as_str())
        .filter(|(at, _)| !source[..*at].ends_with("describe_") && source[at + call.len()..].starts_with([',', ')']));
    let labels = calls.map(|(at, _)| {
        let text = source[at..].split([';', '\n']).next().unwrap();
        text.split('"')
            .skip(1)
            .step_by(2)
            .zip(text.split('"').skip(2).step_by(2))
            .filter(|(_, after)| after.starts_with(" => "))
            .map(|(name, _)| name.to_owned())
            .collect::<BTreeSet<_>>()
    });
    let labels: Vec<_> = labels.collect();
    labels.windows(2).for_each(|pair| assert_eq!(pair[0], pair[1], "{constant} has the same labels everywhere"));
    labels.into_iter().next()
}

//! The alert rules and the dashboard in `operations/`: they name metrics, labels and bounds that exist, and the manual names all metrics.

mod recorded;
mod vocabulary;

use std::fs;

use serde_json::Value;

use self::vocabulary::Vocabulary;

const ALERTS: &str = "operations/alerts.yml";
const DASHBOARD: &str = "operations/dashboard.json";
const MANUAL: &str = "src/manual/observability.md";
const METRICS: &str = "src/metrics/mod.rs";

/// The list in the documentation, what is described to recorders, and what is recorded are the same.
#[test]
fn each_metric_is_listed_described_and_recorded() {
    let source = read(METRICS);
    let vocabulary = Vocabulary::of(&source);
    assert!(vocabulary.metrics.len() >= 17, "{vocabulary:?}");
    // A description may need several lines.
    let compact: String = source.split_whitespace().collect();
    for (name, metric) in &vocabulary.metrics {
        let constant = &metric.constant;
        let kind = metric.kind.as_str();
        assert!(compact.contains(&format!("describe_{kind}!({constant},")), "{name} is not described as a {kind}");
        let recorded = vocabulary::recorded_labels(&source, kind, constant);
        assert_eq!(recorded.as_ref(), Some(&metric.labels), "{name}: what is recorded, and what is listed");
    }
}

#[test]
fn the_alert_rules_use_metrics_labels_and_values_that_exist() {
    let rules = read(ALERTS);
    let expressions = expressions_of_rules(&rules);
    assert_eq!(expressions.len(), rules.matches("- alert:").count());
    assert!(expressions.len() > 10);
    let vocabulary = Vocabulary::of(&read(METRICS));
    for expression in &expressions {
        assert_eq!(vocabulary.mistakes(expression), Vec::<String>::new(), "{expression}");
    }
    for name in labels_in_templates(&rules, "{{ $labels.", " }}") {
        assert!(vocabulary.is_label(name), "{name}");
    }
}

#[test]
fn each_alert_says_what_it_means_and_what_to_do() {
    for alert in read(ALERTS).split("- alert: ").skip(1) {
        let name = alert.lines().next().unwrap();
        for part in ["severity: ", "summary: \"", "description: >-\n"] {
            assert_eq!(alert.matches(part).count(), 1, "{name}: {part}");
        }
        let (_, description) = alert.split_once("description: >-\n").unwrap();
        let indented = description.lines().take_while(|line| line.starts_with("            ")).count();
        assert!((2..=4).contains(&indented), "{name}");
    }
}

/// So that a bound that is renamed is found here. Its value stands beside the threshold.
#[test]
fn the_bounds_that_the_rules_follow_exist() {
    let rules = read(ALERTS);
    let bounds: Vec<_> = rules.split('`').filter_map(|code| code.split_once("::")).collect();
    let of_sources: Vec<_> = bounds.into_iter().filter(|(file, _)| file.starts_with("src/")).collect();
    assert!(of_sources.len() >= 10, "{of_sources:?}");
    for (file, constant) in of_sources {
        let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(source.contains(&format!("const {constant}: ")), "{file} has no {constant}");
    }
}

#[test]
fn the_dashboard_uses_metrics_labels_and_values_that_exist() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let vocabulary = Vocabulary::of(&read(METRICS));
    let mut used = Vec::new();
    let panels = dashboard["panels"].as_array().unwrap();
    for target in panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten() {
        let expression = target["expr"].as_str().unwrap();
        assert_eq!(vocabulary.mistakes(expression), Vec::<String>::new(), "{expression}");
        used.extend(vocabulary::metrics_in(expression).into_iter().map(str::to_owned));
        for name in labels_in_templates(target["legendFormat"].as_str().unwrap(), "{{", "}}") {
            assert!(vocabulary.is_label(name), "{name}");
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        let query = variable["query"]["query"].as_str().unwrap_or_default();
        assert_eq!(vocabulary.mistakes(query), Vec::<String>::new(), "{query}");
    }
    for name in vocabulary.metrics.keys() {
        assert!(used.iter().any(|used| used.starts_with(name.as_str())), "{name} is not on the dashboard");
    }
}

#[test]
fn panels_neither_overlap_nor_share_a_number() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let place = |panel: &Value| ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
    for (at, panel) in panels.iter().enumerate() {
        let [x, y, w, h] = place(panel);
        assert!(x + w <= 24, "{}", panel["title"]);
        for other in &panels[at + 1..] {
            let [x2, y2, w2, h2] = place(other);
            let overlaps = x < x2 + w2 && x2 < x + w && y < y2 + h2 && y2 < y + h;
            assert!(!overlaps && panel["id"] != other["id"], "{} and {}", panel["title"], other["title"]);
        }
    }
}

#[test]
fn the_manual_names_every_metric() {
    let (vocabulary, manual) = (Vocabulary::of(&read(METRICS)), read(MANUAL));
    for name in vocabulary.metrics.keys() {
        assert!(manual.contains(&format!("`{name}`")), "{name} is not in the manual");
    }
    for name in vocabulary::metrics_in(&manual) {
        assert!(vocabulary.metric(name).is_some(), "the manual names {name}");
    }
}

#[test]
fn the_check_sees_what_does_not_exist() {
    let vocabulary = Vocabulary::of(&read(METRICS));
    let good = [
        r#"sum by (kind) (rate(tower_bearer_refusals_total{kind=~"keys_unavailable|too_many_requests"}[5m]))"#,
        r#"tower_bearer_introspection_seconds_sum{job=~"$job"} / on (issuer) tower_bearer_introspection_seconds_count"#,
    ];
    let bad = [
        "tower_bearer_token_total",
        "tower_bearer_tokens_total_sum",
        r#"tower_bearer_tokens_total{results="refused"}"#,
        r#"tower_bearer_tokens_total{kind="x"}"#,
        r#"tower_bearer_refusals_total{kind="keys_unavailabel"}"#,
        r#"tower_bearer_refusals_total{kind=~"keys_unavailable|too_many"}"#,
        "sum by (kinds) (tower_bearer_refusals_total)",
        "sum by (issuer) (tower_bearer_refusals_total)",
        "up == 1",
    ];
    for expression in good {
        assert_eq!(vocabulary.mistakes(expression), Vec::<String>::new(), "{expression}");
    }
    for expression in bad {
        assert_eq!(vocabulary.mistakes(expression).len(), 1, "{expression}: {:?}", vocabulary.mistakes(expression));
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap()
}

/// The expression of each rule, on one line or indented below.
fn expressions_of_rules(rules: &str) -> Vec<String> {
    let after = rules.split("\n        expr: ").skip(1);
    after
        .map(|text| {
            let (first, rest) = text.split_once('\n').unwrap();
            let below = rest.lines().take_while(|line| line.starts_with("          "));
            if first == "|-" { below.collect::<Vec<_>>().join("\n") } else { first.to_owned() }
        })
        .collect()
}

fn labels_in_templates<'t>(text: &'t str, before: &'t str, after: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(before).skip(1).filter_map(move |rest| Some(rest.split_once(after)?.0))
}

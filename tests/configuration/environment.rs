//! Settings from environment variables, and the mistakes that only variables can have.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Duration;

use serde_json::{Value, json};
use tower_bearer::config::Config;

use super::{config, lines, problems, problems_of_vars};
use crate::harness::{AUDIENCE, app, good, send, small_issuer};

#[tokio::test]
async fn variables_are_parsed_by_the_type_of_their_setting() {
    let issuer = small_issuer();
    let variables = [
        ("API_AUDIENCE", AUDIENCE),
        ("API_ISSUERS__0__ISSUER", issuer.url()),
        ("API_ISSUERS__0__ALGORITHMS", "RS256  ES256"),
        ("API_ISSUERS__0__SUBJECTS__0", "alice liddell"),
        ("API_ISSUERS__0__SUBJECTS__1", "bob"),
        ("API_ISSUERS__1", "https://login.example.com"),
        ("API_LEEWAY", "0"),
        ("API_PROFILE", "rfc9068"),
        ("API_TOKEN_CACHE", "off"),
        ("API_METADATA__SCOPES_SUPPORTED", "a b"),
        ("API_METADATA__DPOP_BOUND_ACCESS_TOKENS_REQUIRED", "false"),
        ("API", "not ours"),
        ("OTHER_API_REALM", "not ours"),
    ];
    let api = Config::from_vars("API_", variables).build().unwrap();
    let token = |subject: &str| good(&issuer).subject(subject);
    api.verify(&token("alice liddell").sign()).await.unwrap();
    api.verify(&token("bob").sign()).await.unwrap();
    api.verify(&token("alice").sign()).await.unwrap_err();
    api.verify(&token("bob").expired_for(Duration::from_secs(5)).sign()).await.unwrap_err();
    api.verify(&token("bob").header("typ", "JWT").sign()).await.unwrap_err();
    assert_eq!((api.status().len(), api.token_cache_status()), (2, None));
    let metadata: Value = serde_json::from_slice(api.metadata().unwrap().json()).unwrap();
    assert_eq!(metadata["scopes_supported"], json!(["a", "b"]));
    assert_eq!(metadata["dpop_bound_access_tokens_required"], false);
    assert_eq!(metadata["authorization_servers"], json!([issuer.url(), "https://login.example.com"]));
    let realm = send(&app(&api), "/any", []).await;
    assert!(realm.challenge().unwrap().starts_with(r#"Bearer realm="https://api.example.test""#));

    for (value, is_on) in [("on", true), ("true", true), ("off", false), ("false", false)] {
        let variables = [("API_AUDIENCE", "a"), ("API_ISSUERS", "https://a.example"), ("API_TOKEN_CACHE", value)];
        let api = Config::from_vars("API_", variables).build().unwrap();
        assert_eq!(api.token_cache_status().is_some(), is_on, "{value}");
    }
}

#[test]
fn mistakes_in_variables_are_reported() {
    let good = [
        ("API_AUDIENCE", "https://api.example.com"),
        ("API_ISSUERS", "https://one.example.com https://two.example.com"),
    ];
    let with = |name, value| problems_of_vars(&[&good[..], &[(name, value)]].concat());
    for odd in ["+1", "-1", " 1", "1 s", "1.0", "", "ten", "99999999999999999999"] {
        let expected =
            format!("leeway (API_LEEWAY): expected an integer from 0 to 60 (seconds), found the string {odd:?}");
        assert_eq!(with("API_LEEWAY", odd), [expected]);
    }
    assert_eq!(with("API_LEEWAY", "61"), ["leeway (API_LEEWAY): the leeway is 61 s, expected at most 60 s"]);
    assert_eq!(
        with("API_METADATA", "yes"),
        [r#"metadata (API_METADATA): expected a table, true or false, found the string "yes""#]
    );
    assert_eq!(
        with("API_KEY", "secret"),
        [
            "key (API_KEY): unknown setting, expected one of audience, issuers, realm, profile, leeway, token_cache, metadata, dpop, client_certificates, scope_hierarchy"
        ]
    );
    // What is set by itself and part by part, in either order, is set twice.
    assert_eq!(
        with("API_ISSUERS__0__ISSUER", "https://other.example.com"),
        ["issuers (API_ISSUERS, API_ISSUERS__0__ISSUER): set twice"]
    );
    assert_eq!(with("API_Audience", "b"), ["audience (API_AUDIENCE, API_Audience): set twice"]);

    // Numbers leave nothing out, and none is there twice.
    let table = |name, value| {
        problems_of_vars(&[good[0], ("API_ISSUERS__0__ISSUER", "https://one.example.com"), (name, value)])
    };
    assert_eq!(
        table("API_ISSUERS__2", "https://two.example.com"),
        [
            "issuers[1] (API_ISSUERS__1): expected an identifier or a table, found nothing; elements are numbered from 0 without a gap"
        ]
    );
    assert_eq!(
        table("API_ISSUERS__0", "https://two.example.com"),
        ["issuers (API_ISSUERS__0, API_ISSUERS__0__ISSUER): expected a list of issuers, found a table"]
    );
    assert_eq!(
        table("API_ISSUERS__01", "https://two.example.com"),
        [
            "issuers (API_ISSUERS__01, API_ISSUERS__0__ISSUER): expected a list of issuers, found a table; elements are numbered from 0 to 999, without leading zeros"
        ]
    );
    // An empty list is no list that was left out.
    assert_eq!(
        table("API_ISSUERS__0__AUDIENCES", ""),
        [
            "issuers[0].audiences (API_ISSUERS__0__AUDIENCES): expected at least one audience, found an empty list; leave the setting out for the server's audience"
        ]
    );
    for (name, path) in
        [("API_ISSUERS__0__SUBJECTS", "issuers[0].subjects"), ("API_ISSUERS__0__ALGORITHMS", "issuers[0].algorithms")]
    {
        let [problem] = &table(name, " ")[..] else { panic!("one problem") };
        assert!(problem.starts_with(&format!("{path} ({name}): ")), "{problem}");
    }
    assert_eq!(
        problems_of_vars(&[good[0], ("API_ISSUERS", "")]),
        ["issuers (API_ISSUERS): expected at least one issuer, found an empty list"]
    );
    assert_eq!(
        problems_of_vars(&[good[0], ("API_ISSUERS", "https://a.example https://a.example")]),
        [r#"issuers[1] (API_ISSUERS): the issuer "https://a.example" is trusted twice, expected once"#]
    );
}

/// Variable names are case-sensitive on some systems only.
#[test]
fn the_prefix_is_matched_case_insensitively() {
    let variables = [("api_AUDIENCE", "a"), ("Api_Issuers", "https://a.example"), ("API_leeway", "61")];
    assert_eq!(problems_of_vars(&variables), ["leeway (API_leeway): the leeway is 61 s, expected at most 60 s"]);
    let twice = [("api_AUDIENCE", "a"), ("API_AUDIENCE", "a"), ("API_ISSUERS", "https://a.example")];
    assert_eq!(problems_of_vars(&twice), ["audience (API_AUDIENCE, api_AUDIENCE): set twice"]);
    // A prefix that ends within a character of a name is none of it.
    assert!(Config::from_vars("A", [("\u{e9}", "x"), ("A", "x")]).build().is_err());
}

#[test]
fn problems_name_the_variable() {
    let variables = [
        ("API_AUDIENCE", "a"),
        ("API_ISSUERS__0__ISSUER", "ftp://a.example"),
        ("API_ISSUERS__1__PRESET", "auth0"),
        ("API_ISSUERS__2__ISSUER", "https://b.example"),
        ("API_ISSUERS__2__ALGORITHMS", "ES256 HS256"),
    ];
    let problems = Config::from_vars("API_", variables).build().unwrap_err();
    let found: Vec<_> = problems.iter().map(|problem| (problem.path(), problem.variables().unwrap())).collect();
    let expected = [
        ("issuers[0].issuer", "API_ISSUERS__0__ISSUER"),
        ("issuers[1].domain", "API_ISSUERS__1__DOMAIN"),
        ("issuers[2].algorithms[1]", "API_ISSUERS__2__ALGORITHMS"),
    ];
    assert_eq!(found, expected);
    assert!(problems.to_string().starts_with("issuers[0].issuer (API_ISSUERS__0__ISSUER): the issuer "), "{problems}");
    assert_eq!(
        problems_of_vars(&[("API_ISSUERS", "https://a.example")]),
        ["audience (API_AUDIENCE): missing setting, expected the identifier of this server"]
    );
    let data = config("issuers = ['https://a.example']").build().unwrap_err();
    assert!(data.iter().all(|problem| problem.variables().is_none()), "{data}");
}

#[test]
fn an_invalid_element_number_is_reported_with_the_valid_range() {
    for number in ["00", "01", "1000", "99999999999999999999"] {
        let name = format!("API_ISSUERS__{number}");
        assert_eq!(
            problems_of_vars(&[("API_AUDIENCE", "a"), (&name, "https://a.example")]),
            [format!(
                "issuers ({name}): expected a list of issuers, found a table; elements are numbered from 0 to 999, without leading zeros"
            )]
        );
    }
}

#[test]
fn variable_names_are_escaped_in_problems() {
    for name in ["API_\u{1b}[31m\nERROR", "API_ISSUERS_0_\u{1b}[31m\nERROR", "API_\u{202e}x", "API_a=b\r"] {
        let name = format!("{name}{}", "x".repeat(5000));
        for problem in problems_of_vars(&[("API_AUDIENCE", "a"), ("API_ISSUERS", "https://a.example"), (&name, "x")]) {
            assert!(!problem.contains(|it: char| it.is_control() || it == '\u{202e}'), "{problem:?}");
            assert!(problem.chars().count() < 1000, "{problem:?}");
        }
    }
}

#[test]
fn a_misspelt_variable_name_gets_a_suggestion() {
    let with = |name, value| problems_of_vars(&[("API_AUDIENCE", "a"), (name, value)]);
    let from_0 = "; elements are numbered from 0 without a gap";
    assert_eq!(
        with("API_ISSUERS__1__ISSUER", "https://a.example"),
        [format!("issuers[0] (API_ISSUERS__0): expected an identifier or a table, found nothing{from_0}")]
    );
    for (name, place) in [
        ("API_ISSUERS_0_ISSUER", "issuers_0_issuer"),
        ("API_ISSUERS_0__ISSUER", "issuers_0"),
        ("API_ISSUERS_0", "issuers_0"),
    ] {
        let found = with(name, "https://a.example");
        let expected = [
            format!(
                "{place} ({name}): unknown setting; did you mean {}, with two underscores?",
                place.to_uppercase().replace('_', "__")
            ),
            "issuers (API_ISSUERS): missing setting, expected a list of issuers".to_owned(),
        ];
        assert_eq!(BTreeSet::from_iter(found), BTreeSet::from_iter(expected), "{name}");
    }
    assert_eq!(
        with("API_ISSUERS__0_ISSUER", "https://a.example"),
        [
            "issuers (API_ISSUERS__0_ISSUER): expected a list of issuers, found a table; a number in the name of a variable has two underscores on each side"
        ]
    );
    let issuers = ("API_ISSUERS", "https://a.example");
    assert_eq!(
        problems_of_vars(&[("API_AUDIENCE", "a"), issuers, ("API_TOKEN_CACHE_ENTRIES", "5")]),
        [
            "token_cache_entries (API_TOKEN_CACHE_ENTRIES): unknown setting; did you mean TOKEN_CACHE__ENTRIES, with two underscores?"
        ]
    );
    // In a file there is nothing to be said of underscores.
    assert_eq!(
        problems("audience = 'a'\nissuers = ['https://a.example']\ntoken_cache_entries = 5"),
        [
            "token_cache_entries: unknown setting, expected one of audience, issuers, realm, profile, leeway, token_cache, metadata, dpop, client_certificates, scope_hierarchy"
        ]
    );
}

#[test]
fn lists_in_variables_are_separated_by_spaces() {
    let told = |found: &str| {
        format!(
            "expected words separated by spaces, without commas, found the string {found:?}; set a value that contains a comma in a numbered variable of its own"
        )
    };
    for value in ["https://a.example,https://b.example", "https://a.example;https://b.example"] {
        assert_eq!(
            problems_of_vars(&[("API_AUDIENCE", "a"), ("API_ISSUERS", value)]),
            [format!("issuers[0] (API_ISSUERS): {}", told(value))]
        );
    }
    assert_eq!(
        problems_of_vars(&[("API_AUDIENCE", "a"), ("API_ISSUERS", "https://a.example, https://b.example")]),
        [format!("issuers[0] (API_ISSUERS): {}", told("https://a.example,"))]
    );
    let issuer = [("API_AUDIENCE", "a"), ("API_ISSUERS__0__ISSUER", "https://a.example")];
    for setting in ["ALGORITHMS", "AUDIENCES", "SUBJECTS", "IDENTIFY_BY_CLIENT"] {
        let name = format!("API_ISSUERS__0__{setting}");
        let path = setting.to_lowercase();
        assert_eq!(
            problems_of_vars(&[issuer[0], issuer[1], (&name, "ES256,EdDSA")]),
            [format!("issuers[0].{path}[0] ({name}): {}", told("ES256,EdDSA"))]
        );
    }
    // By itself it may have one.
    let comma = ("API_ISSUERS__0__SUBJECTS__0", "a,b");
    assert!(Config::from_vars("API_", [issuer[0], issuer[1], comma]).build().is_ok());
    assert!(Config::from_vars("API_", [issuer[0], ("API_ISSUERS__0", "https://a.example/b,c")]).build().is_ok());
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_a_problem() {
    use std::os::unix::ffi::OsStringExt;

    let odd = || OsString::from_vec(b"\xff".to_vec());
    let good = [("API_AUDIENCE", "a"), ("API_ISSUERS", "https://a.example")];
    let mut variables: Vec<(OsString, OsString)> = good.map(|(name, value)| (name.into(), value.into())).into();
    variables.push(("OTHER".into(), odd()));
    variables.push((odd(), odd()));
    assert!(Config::from_vars("API_", variables.clone()).build().is_ok());
    variables.push(("API_REALM".into(), odd()));
    let problems = Config::from_vars("API_", variables).build().unwrap_err();
    assert_eq!(lines(&problems), ["realm (API_REALM): expected a string, found bytes that are not Unicode"]);
}

//! The settings of scopes that imply others.

use tower_bearer::config::Config;
use tower_bearer::token::ScopeHierarchy;
use tower_bearer::{Issuer, ResourceServer};

use super::agreement::assert_same;
use super::{config, problems, problems_of_vars, server_with};
use crate::harness::{good, small_issuer};

const SERVER: &str = "audience = 'a'\nissuers = ['https://login.example.com']\n";
const VARIABLES: [(&str, &str); 2] = [("API_AUDIENCE", "a"), ("API_ISSUERS", "https://login.example.com")];

#[tokio::test]
async fn a_token_grants_what_the_settings_imply() {
    let issuer = small_issuer();
    let token = good(&issuer).scope("admin").sign();
    for (settings, scope) in [
        ("", "admin"),
        ("scope_hierarchy = {}", "admin"),
        ("scope_hierarchy = []", "admin"),
        (r#"scope_hierarchy = { files = "files:read", admin = "files" }"#, "admin files files:read"),
        (r#"scope_hierarchy = [{ implies = "files x", scope = "admin" }]"#, "admin files x"),
        (
            "[[scope_hierarchy]]\nscope = 'admin'\nimplies = 'b'\n[[scope_hierarchy]]\nscope = 'admin'\nimplies = 'c'",
            "admin b c",
        ),
    ] {
        let api = server_with(&issuer, settings, "");
        assert_eq!(api.verify(&token).await.unwrap().scope().as_str(), scope, "{settings}");
    }
}

#[test]
fn table_list_variables_and_code_make_the_same_server() {
    let code = || {
        let hierarchy = ScopeHierarchy::new().implies("admin", "files").implies("files", "files:read files:write");
        let issuer = Issuer::discover("https://login.example.com")?;
        Ok(ResourceServer::builder("a").trust(issuer).scope_hierarchy(hierarchy))
    };
    let table = "[scope_hierarchy]\nadmin = 'files'\nfiles = 'files:read files:write'";
    assert_same(config(&format!("{SERVER}{table}")).builder(), code());
    let list = "scope_hierarchy = [{ scope = 'admin', implies = 'files' }, { scope = 'files', implies = 'files:read files:write' }]";
    assert_same(config(&format!("{SERVER}{list}")).builder(), code());
    let vars = |more: &[(&'static str, &'static str)]| {
        Config::from_vars("API_", VARIABLES.iter().chain(more).copied()).builder()
    };
    let of_table = [("API_SCOPE_HIERARCHY__FILES", "files:read files:write"), ("API_SCOPE_HIERARCHY__ADMIN", "files")];
    assert_same(vars(&of_table), code());
    let of_list = [
        ("API_SCOPE_HIERARCHY__0__SCOPE", "admin"),
        ("API_SCOPE_HIERARCHY__0__IMPLIES", "files"),
        ("API_SCOPE_HIERARCHY__1__SCOPE", "files"),
        ("API_SCOPE_HIERARCHY__1__IMPLIES", "files:read files:write"),
    ];
    assert_same(vars(&of_list), code());
    // The case of a value is kept.
    let of_microsoft =
        [("API_SCOPE_HIERARCHY__0__SCOPE", "Files.All"), ("API_SCOPE_HIERARCHY__0__IMPLIES", "Files.Read")];
    let shown = format!("{:?}", vars(&of_microsoft).unwrap());
    assert!(shown.contains("Files.All") && shown.contains("Files.Read"), "{shown}");
}

#[test]
fn each_mistake_is_one_problem() {
    let of = |settings: &str| problems(&format!("{SERVER}{settings}"));
    let grammar = "expected scope tokens separated by one space (RFC 6749 §3.3), found";
    let offline = "expected scopes of this resource, found offline_access, which concerns the authorization server";
    for (settings, expected) in [
        ("scope_hierarchy = true", "scope_hierarchy: expected a table, or a list of tables, found true".to_owned()),
        (
            "scope_hierarchy = 'a'",
            r#"scope_hierarchy: expected a table, or a list of tables, found the string "a""#.into(),
        ),
        ("scope_hierarchy.files = ['x']", "scope_hierarchy.files: expected a string, found a list".into()),
        ("scope_hierarchy.files = ''", format!(r#"scope_hierarchy.files: {grammar} """#)),
        ("scope_hierarchy.files = 'x  y'", format!(r#"scope_hierarchy.files: {grammar} "x  y""#)),
        ("scope_hierarchy.files = 'x offline_access'", format!("scope_hierarchy.files: {offline}")),
        ("scope_hierarchy.offline_access = 'x'", format!("scope_hierarchy.offline_access: {offline}")),
        ("scope_hierarchy.'' = 'x'", format!(r#"scope_hierarchy."": {grammar} """#)),
        (
            "scope_hierarchy.'a b' = 'x'",
            r#"scope_hierarchy."a b": expected one scope token that implies others, found "a b""#.into(),
        ),
        (
            "scope_hierarchy = { a = 'b', b = 'a' }",
            "scope_hierarchy: a scope of the hierarchy implies itself: a implies b implies a, expected no cycle".into(),
        ),
        (
            "scope_hierarchy = [1]",
            "scope_hierarchy[0]: expected a table with scope and implies, found the number 1".into(),
        ),
        (
            "scope_hierarchy = [{ scope = 'a' }]",
            "scope_hierarchy[0].implies: missing setting, expected the scopes that it implies".into(),
        ),
        (
            "scope_hierarchy = [{ implies = 'a' }]",
            "scope_hierarchy[0].scope: missing setting, expected the scope that implies others".into(),
        ),
        (
            "scope_hierarchy = [{ scope = 1, implies = 'a' }]",
            "scope_hierarchy[0].scope: expected a string, found the number 1".into(),
        ),
        (
            "scope_hierarchy = [{ scope = 'a', implies = 'b', implie = 'c' }]",
            "scope_hierarchy[0].implie: unknown setting; did you mean implies?".into(),
        ),
        ("scope_hierachy = {}", "scope_hierachy: unknown setting; did you mean scope_hierarchy?".into()),
    ] {
        assert_eq!(of(settings), [expected], "{settings}");
    }
    assert_eq!(
        of("scope_hierarchy = [{ scope = 'a b', implies = 'c ' }]"),
        [
            r#"scope_hierarchy[0].scope: expected one scope token that implies others, found "a b""#.to_owned(),
            format!(r#"scope_hierarchy[0].implies: {grammar} "c ""#),
        ]
    );
    let json =
        r#"{"audience": "a", "issuers": ["https://login.example.com"], "scope_hierarchy": {"a": "b", "a": "c"}}"#;
    let config: Config = serde_json::from_str(json).unwrap();
    assert_eq!(config.build().unwrap_err().to_string(), "scope_hierarchy.a: set twice");
}

#[test]
fn mistakes_in_variables_name_them() {
    let of = |more: &[(&'static str, &'static str)]| problems_of_vars(&[&VARIABLES[..], more].concat());
    assert_eq!(
        of(&[("API_SCOPE_HIERARCHY", "files")]),
        [r#"scope_hierarchy (API_SCOPE_HIERARCHY): expected a table, or a list of tables, found the string "files""#]
    );
    assert_eq!(
        of(&[("API_SCOPE_HIERARCHY_FILES", "x")]),
        [
            "scope_hierarchy_files (API_SCOPE_HIERARCHY_FILES): unknown setting; did you mean SCOPE_HIERARCHY__FILES, with two underscores?"
        ]
    );
    assert_eq!(
        of(&[("API_SCOPE_HIERARCHY__0__SCOPE", "a")]),
        [
            "scope_hierarchy[0].implies (API_SCOPE_HIERARCHY__0__IMPLIES): missing setting, expected the scopes that it implies"
        ]
    );
    assert_eq!(
        of(&[("API_SCOPE_HIERARCHY__A", "b"), ("API_SCOPE_HIERARCHY__B", "a")]),
        [
            "scope_hierarchy (API_SCOPE_HIERARCHY__A, API_SCOPE_HIERARCHY__B): a scope of the hierarchy implies itself: a implies b implies a, expected no cycle"
        ]
    );
    // Their names have no case, so these are one.
    assert_eq!(
        of(&[("API_SCOPE_HIERARCHY__FILES", "x"), ("API_SCOPE_HIERARCHY__Files", "y")]),
        ["scope_hierarchy.files (API_SCOPE_HIERARCHY__FILES, API_SCOPE_HIERARCHY__Files): set twice"]
    );
}

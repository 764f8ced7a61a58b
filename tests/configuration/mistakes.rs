//! Every mistake in a document is reported at its path, in one build.

use serde_json::json;
use tower_bearer::config::Config;

use super::{config, lines, problems};

/// Every mistake is found beside all others, in the order of the document.
#[test]
fn all_mistakes_are_reported_at_once() {
    let document = r#"
        realm = "Beispiel für alle"
        leway = 10
        leeway = 90
        profile = "rfc9086"
        audience = ""
        [metadata]
        resource = "http://api.example.com"
        scopes_supported = ["read", "offline_access", 3]
        [[issuers]]
        issuer = "https://login.example.com"
        algorithms = ["ES256", "HS256", "none", "RS257"]
        [[issuers]]
        preset = "keycloak"
        base_url = "https://user:secret@id.example.com"
        realm = "a/b"
        subjects = []
        [[issuers]]
        issuer = "https://login.example.com"
    "#;
    let expected = [
        r#"realm: the realm "Beispiel für alle" is not printable ASCII"#,
        "leway: not a setting; did you mean leeway?",
        "leeway: a leeway of 90s, where 60 s are the most",
        r#"profile: the text "rfc9086", where "generic" or "rfc9068" is expected; did you mean "rfc9068"?"#,
        r#"audience: the audience "" is empty or not printable ASCII"#,
        r#"metadata.resource: the resource "http://api.example.com" has metadata, and its identifier will not do: neither https nor, on this machine itself, http"#,
        r#"metadata.scopes_supported[1]: the metadata names the scope "offline_access", which is no scope of a resource"#,
        "metadata.scopes_supported[2]: the number 3, where a text is expected",
        r#"issuers[0].algorithms[1]: "HS256" is not a signature algorithm that can be verified here: whoever has the secret to verify tokens with can make them"#,
        r#"issuers[0].algorithms[2]: "none" is not a signature algorithm that can be verified here: anybody can write a token that nobody signs"#,
        r#"issuers[0].algorithms[3]: "RS257" is not a signature algorithm that can be verified here; did you mean RS256?"#,
        r#"issuers[1].base_url: the issuer "https://…@id.example.com": has a user name or a password"#,
        r#"issuers[1].realm: the realm of Keycloak "a/b" is not made of letters, digits, '-', '.', '_' and '~'"#,
        r#"issuers[1].subjects: the issuer "issuers[1]" may have no subject at all"#,
        r#"issuers[2]: the issuer "https://login.example.com" is trusted twice"#,
    ];
    let found = config(document).build().unwrap_err();
    assert_eq!(lines(&found), expected);
    assert_eq!(found.to_string(), expected.join("\n"));
    assert_eq!(found.iter().len(), expected.len());
    assert_eq!(found.iter().next().unwrap().path(), "realm");
}

/// A mistake neither causes another problem nor hides behind one.
#[track_caller]
fn assert_alone(document: &str, expected: &str) {
    assert_eq!(problems(document), [expected], "{document}");
}

#[test]
fn each_server_mistake_is_one_problem() {
    let issuers = r#"issuers = ["https://login.example.com"]"#;
    assert_alone(issuers, "audience: missing, where the identifier of this server is expected");
    assert_alone(&format!("audience = 3\n{issuers}"), "audience: the number 3, where a text is expected");
    assert_alone(&format!("audience = ['a']\n{issuers}"), "audience: a list, where a text is expected");
    assert_alone(
        &format!("audience = ''\n{issuers}\nmetadata = true"),
        r#"audience: the audience "" is empty or not printable ASCII"#,
    );
    assert_alone("audience = 'a'", "issuers: missing, where a list of issuers is expected");
    assert_alone("audience = 'a'\nissuers = []", "issuers: empty, where at least one issuer is expected");
    assert_alone(
        "audience = 'a'\nissuers = 'https://login.example.com'",
        r#"issuers: the text "https://login.example.com", where a list of issuers is expected"#,
    );
    assert_alone(
        "audience = 'a'\n[issuers]\nissuer = 'https://a.example'",
        "issuers: a table, where a list of issuers is expected",
    );
    assert_alone("audience = 'a'\nissuers = [true]", "issuers[0]: true, where an identifier or a table is expected");

    let server =
        |settings: &str, expected: &str| assert_alone(&format!("audience = 'a'\n{issuers}\n{settings}"), expected);
    server("realm = false", "realm: false, where a text is expected");
    server("realm = 'é'", r#"realm: the realm "é" is not printable ASCII"#);
    server("profile = 1.5", r#"profile: the number 1.5, where "generic" or "rfc9068" is expected"#);
    server("profile = 'strict'", r#"profile: the text "strict", where "generic" or "rfc9068" is expected"#);
    server("leeway = '10'", r#"leeway: the text "10", where a whole number of seconds, at most 60, is expected"#);
    server("leeway = -1", "leeway: the number -1, where a whole number of seconds, at most 60, is expected");
    server("leeway = 0.5", "leeway: the number 0.5, where a whole number of seconds, at most 60, is expected");
    server("leeway = 61", "leeway: a leeway of 61s, where 60 s are the most");
    server("token_cache = 'off'", r#"token_cache: the text "off", where a table, true or false is expected"#);
    server("token_cache = 0", "token_cache: the number 0, where a table, true or false is expected");
    server("token_cache.entries = -1", "token_cache.entries: the number -1, where a whole number is expected");
    server("token_cache.entrie = 1", "token_cache.entrie: not a setting; did you mean entries?");
    server("token_cache.ttl = 1", "token_cache.ttl: not a setting; there are entries, bytes");
    server("metadata = 'x'", r#"metadata: the text "x", where a table, true or false is expected"#);
    server(
        "metadata = true",
        r#"metadata.resource: the resource "a" has metadata, and its identifier will not do: not an absolute URL"#,
    );
    let metadata = |settings: &str, expected: &str| {
        server(&format!("[metadata]\nresource = 'https://api.example.com'\n{settings}"), expected);
    };
    metadata(
        "scopes_supported = 'a b'",
        r#"metadata.scopes_supported: the text "a b", where a list of texts is expected"#,
    );
    metadata(
        "scopes_supported = ['a b']",
        r#"metadata.scopes_supported[0]: the metadata names the scope "a b", which is no scope of a resource"#,
    );
    for parameter in ["resource_signing_alg_values_supported", "dpop_signing_alg_values_supported"] {
        metadata(
            &format!("{parameter} = ['ES256', 'none']"),
            &format!("metadata.{parameter}[1]: the metadata names the algorithm none, with which nothing is signed"),
        );
    }
    metadata("resource_name = 1", "metadata.resource_name: the number 1, where a text is expected");
    metadata("'resource_name#fr' = 1", r#"metadata."resource_name#fr": the number 1, where a text is expected"#);
    metadata("resouce_name = 'x'", "metadata.resouce_name: not a setting; did you mean resource_name?");
    metadata(
        "dpop_bound_access_tokens_required = 1",
        "metadata.dpop_bound_access_tokens_required: the number 1, where true or false is expected",
    );
    let [own] =
        &problems(&format!("audience = 'https://a.example'\n{issuers}\nmetadata.authorization_servers = []"))[..]
    else {
        panic!("one problem")
    };
    assert!(own.starts_with("metadata.authorization_servers: not a setting; there are resource, "), "{own}");
}

/// Asserts the one problem of a document with this table of an issuer.
#[track_caller]
fn assert_alone_in_table(settings: &str, expected: &str) {
    assert_alone(&format!("audience = 'a'\n[[issuers]]\n{settings}"), expected);
}

#[test]
fn each_issuer_mistake_is_one_problem() {
    assert_alone_in_table("", "issuers[0].issuer: missing, where an identifier, or else a preset is expected");
    assert_alone_in_table(
        "domain = 'shop.example.com'",
        "issuers[0].issuer: missing, where an identifier, or else a preset is expected",
    );
    assert_alone_in_table("issuer = ''", r#"issuers[0].issuer: the issuer "": not an absolute URL"#);
    assert_alone_in_table("issuer = ''\njwks_file = 'x'", "issuers[0].issuer: an issuer has an empty identifier");
    assert_alone_in_table(
        "issuer = 'https://a.example?b'",
        r#"issuers[0].issuer: the issuer "https://a.example?…": has a query"#,
    );
    assert_alone_in_table(
        "issuer = 'x'\njwks_url = 'http://keys.example.com'",
        r#"issuers[0].jwks_url: the JWKS URL "http://keys.example.com": neither https nor, on this machine itself, http"#,
    );
    assert_alone_in_table("issuer = 'x'\njwks_url = 1", "issuers[0].jwks_url: the number 1, where a text is expected");
    assert_alone_in_table(
        "issuer = 'x'\njwks_file = 1",
        "issuers[0].jwks_file: the number 1, where a text is expected",
    );
    assert_alone_in_table(
        "issuer = 'x'\njwks_url = 'https://keys.example.com'\njwks_file = 'x'",
        "issuers[0].jwks_file: beside jwks_url, where one of the two is expected",
    );
    let issuer = |settings: &str, expected: &str| {
        assert_alone_in_table(&format!("issuer = 'https://login.example.com'\n{settings}"), expected);
    };
    issuer(
        "audiences = []",
        "issuers[0].audiences: empty, where at least one audience is expected, or else no such setting",
    );
    issuer("audiences = 'b'", r#"issuers[0].audiences: the text "b", where a list of texts is expected"#);
    issuer("audiences = ['b', '']", r#"issuers[0].audiences[1]: the audience "" is empty or not printable ASCII"#);
    issuer(
        "clients_instead_of_audience = []",
        r#"issuers[0].clients_instead_of_audience: the issuer "https://login.example.com" is to name its clients instead of an audience, and there are none"#,
    );
    issuer(
        "clients_instead_of_audience = ['']",
        r#"issuers[0].clients_instead_of_audience[0]: a client of the issuer "https://login.example.com" has an empty identifier"#,
    );
    issuer(
        "subjects = []",
        r#"issuers[0].subjects: the issuer "https://login.example.com" may have no subject at all"#,
    );
    issuer(
        "algorithms = []",
        r#"issuers[0].algorithms: the issuer "https://login.example.com" may use no algorithm at all"#,
    );
    issuer("algorithms = [1]", "issuers[0].algorithms[0]: the number 1, where a text is expected");
    issuer(
        "algorithms = ['es256']",
        r#"issuers[0].algorithms[0]: "es256" is not a signature algorithm that can be verified here; did you mean ES256?"#,
    );
    issuer(
        "algorithms = ['NONE']",
        r#"issuers[0].algorithms[0]: "NONE" is not a signature algorithm that can be verified here: anybody can write a token that nobody signs"#,
    );
    issuer(
        "domain = 'x'",
        "issuers[0].domain: not a setting; there are preset, issuer, jwks_url, jwks_file, audiences, clients_instead_of_audience, subjects, algorithms",
    );
}

#[test]
fn each_preset_mistake_is_one_problem() {
    assert_alone_in_table(
        "preset = 'keyclock'\nbase_url = 'https://id.example.com'\nrealm = 'shop'",
        r#"issuers[0].preset: the text "keyclock", where "keycloak" or "auth0" or "entra" or "entra_tenants" or "entra_v1" or "okta" or "cognito" or "google" or "zitadel" or "kubernetes" is expected; did you mean "keycloak"?"#,
    );
    assert_alone_in_table("preset = 'auth0'", "issuers[0].domain: missing, where a text is expected");
    assert_alone_in_table("preset = 'auth0'\ndomain = 1", "issuers[0].domain: the number 1, where a text is expected");
    assert_alone_in_table(
        "preset = 'auth0'\ndomain = 'x'",
        r#"issuers[0].domain: the domain of Auth0 "x" is not a domain in lower case, without scheme and slash"#,
    );
    assert_alone_in_table(
        "preset = 'auth0'\ndomain = 'shop.example.com'\nissuer = 'https://login.example.com'",
        "issuers[0].issuer: not a setting; there are preset, jwks_url, jwks_file, domain, audiences, clients_instead_of_audience, subjects, algorithms",
    );
    assert_alone_in_table(
        "preset = 'entra_tenants'\ntenants = []",
        r#"issuers[0].tenants: the list of Entra tenants "" is not a list of at least one"#,
    );
    assert_alone_in_table(
        "preset = 'entra_tenants'\ntenants = ['1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a', 'common']",
        r#"issuers[0].tenants[1]: the tenant of Entra "common" is not a GUID in lower case, but stands for any tenant: set the GUID of yours, or several with entra_tenants"#,
    );
    assert_alone_in_table(
        "preset = 'cognito'\npool = 'eu-central-1_AbC'\nclients = []",
        r#"issuers[0].clients: the issuer "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC" is to name its clients instead of an audience, and there are none"#,
    );
    assert_alone_in_table(
        "preset = 'cognito'\npool = 'eu-central-1_AbC'\nclients = ['web', '']",
        r#"issuers[0].clients[1]: a client of the issuer "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC" has an empty identifier"#,
    );
    assert_alone_in_table(
        "preset = 'google'\nsubjects = []",
        r#"issuers[0].subjects: the issuer "https://accounts.google.com" may have no subject at all"#,
    );
    assert_alone_in_table(
        "preset = 'google'\nsubjects = ['1', 'worker@shop.example']",
        r#"issuers[0].subjects[1]: the subject at Google "worker@shop.example" is not the unique identifier of an account, a number"#,
    );
    assert_alone_in_table(
        "preset = 'kubernetes'\nissuer = 'kubernetes'",
        r#"issuers[0].issuer: the issuer "kubernetes": not an absolute URL"#,
    );
}

#[test]
fn a_setting_given_twice_or_null_is_a_problem() {
    let json = |text: &str| lines(&serde_json::from_str::<Config>(text).unwrap().build().unwrap_err());
    let issuers = r#""issuers": ["https://login.example.com"]"#;
    assert_eq!(json(&format!(r#"{{"audience": "a", "audience": "b", {issuers}}}"#)), ["audience: set twice"]);
    let nothing = "realm: nothing, where a text is expected";
    assert_eq!(json(&format!(r#"{{"audience": "a", "realm": null, {issuers}}}"#)), [nothing]);
    for root in ["[]", "null", "1", r#""a""#] {
        let problems = serde_json::from_str::<Config>(root).unwrap().build().unwrap_err();
        assert!(problems.to_string().ends_with(", where a table of settings is expected"), "{problems}");
    }
}

/// Passwords in URLs and values of unknown settings, which may be secrets, are not shown.
#[test]
fn problems_show_no_secrets() {
    let document = r#"
        audience = "a"
        api_key = "secret"
        issuers = [
            "https://user:secret@login.example.com",
            { issuer = "x", jwks_url = "https://user:secret@keys.example.com" },
            { issuer = "y", jwks_url = "https://user:sec/ret@keys.example.com" },
            { preset = "keycloak", base_url = "https://user:secret@id.example.com", realm = "x" },
            { preset = "auth0", domain = "user:secret@shop.example.com" },
        ]
        metadata.resource = "https://user:secret@api.example.com"
        leeway = "https://user:secret@leeway.example.com"
    "#;
    let config = config(document);
    assert!(!format!("{config:?}").contains("secret"), "{config:?}");
    let problems = config.build().unwrap_err();
    assert_eq!(problems.iter().len(), 8);
    let told = format!("{problems} {problems:?}");
    assert!(!told.contains("secret") && !told.contains("sec/"), "{problems}");
    assert!(problems.to_string().contains(r#""https://…@keys.example.com""#), "{problems}");
}

/// `serde_json` represents numbers like this if any crate in the build enables its feature `arbitrary_precision`.
#[test]
fn numbers_are_read_under_arbitrary_precision_too() {
    let leeway = |leeway: &str| {
        let number = json!({ "$serde_json::private::Number": leeway });
        let settings = json!({ "audience": "a", "issuers": ["https://login.example.com"], "leeway": number });
        serde_json::from_value::<Config>(settings).unwrap().build().map(drop).map_err(|problems| problems.to_string())
    };
    assert_eq!(leeway("10"), Ok(()));
    let refused = |leeway: &str| format!("leeway: {leeway}, where a whole number of seconds, at most 60, is expected");
    for (written, told) in [("-1", "-1"), ("10.0", "10.0"), ("1e1", "10.0")] {
        assert_eq!(leeway(written), Err(refused(&format!("the number {told}"))));
    }
    assert_eq!(leeway("61"), Err("leeway: a leeway of 61s, where 60 s are the most".to_owned()));
    assert_eq!(leeway("ten"), Err(refused("a table")));
}

#[test]
fn oversized_or_deeply_nested_settings_are_refused() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let read = |text: &str| serde_json::from_str::<Config>(text).map_err(|error| error.to_string());
    assert!(read(&format!(r#"{{"a": {}}}"#, nested(7))).is_ok());
    assert!(read(&format!(r#"{{"a": {}}}"#, nested(8))).unwrap_err().contains("more than 8 values deep"));
    let text = |length| format!(r#"{{"a": "{}"}}"#, "x".repeat(length));
    assert!(read(&text(1024 * 1024 - 3)).is_ok());
    assert!(read(&text(1024 * 1024 - 2)).unwrap_err().contains("more than 1048576 octets"));
    let many = format!("[{}1]", "1,".repeat(1024 * 1024));
    assert!(read(&many).unwrap_err().contains("more than 1048576 octets"));

    // The names of variables go no deeper, and numbers in them make no lists of millions.
    let name = format!("API_{}", "A__".repeat(10_000));
    assert!(Config::from_vars("API_", [(name, "x")]).build().is_err());
    assert!(Config::from_vars("API_", [("API_ISSUERS__18446744073709551615", "x")]).build().is_err());
}

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
        r#"realm: the realm is "Beispiel für alle", expected printable ASCII"#,
        "leway: unknown setting; did you mean leeway?",
        "leeway: the leeway is 90 s, expected at most 60 s",
        r#"profile: expected one of "generic", "rfc9068", found the string "rfc9086"; did you mean "rfc9068"?"#,
        r#"audience: the audience is "", expected printable ASCII"#,
        r#"metadata.resource: the identifier "http://api.example.com" of the resource cannot have metadata: the scheme is not https, and http is allowed only for this machine"#,
        r#"metadata.scopes_supported[1]: the metadata names the scope "offline_access", expected a scope of this resource"#,
        "metadata.scopes_supported[2]: expected a string, found the number 3",
        r#"issuers[0].algorithms[1]: "HS256" is not a supported signature algorithm; anyone with the secret that verifies an HMAC can also create tokens"#,
        r#"issuers[0].algorithms[2]: "none" is not a supported signature algorithm; a token without a signature can be written by anyone"#,
        r#"issuers[0].algorithms[3]: "RS257" is not a supported signature algorithm; did you mean RS256?"#,
        r#"issuers[1].base_url: the issuer "https://…@id.example.com" cannot be discovered: the URL has a user name or a password"#,
        r#"issuers[1].realm: the realm of Keycloak is "a/b", expected a text of letters, digits, '-', '.', '_' and '~'"#,
        r#"issuers[1].subjects: the list of subjects of the issuer "issuers[1]" is empty, expected at least one"#,
        r#"issuers[2]: the issuer "https://login.example.com" is trusted twice, expected once"#,
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
    assert_alone(issuers, "audience: missing setting, expected the identifier of this server");
    assert_alone(&format!("audience = 3\n{issuers}"), "audience: expected a string, found the number 3");
    assert_alone(&format!("audience = ['a']\n{issuers}"), "audience: expected a string, found a list");
    assert_alone(
        &format!("audience = ''\n{issuers}\nmetadata = true"),
        r#"audience: the audience is "", expected printable ASCII"#,
    );
    assert_alone("audience = 'a'", "issuers: missing setting, expected a list of issuers");
    assert_alone("audience = 'a'\nissuers = []", "issuers: expected at least one issuer, found an empty list");
    assert_alone(
        "audience = 'a'\nissuers = 'https://login.example.com'",
        r#"issuers: expected a list of issuers, found the string "https://login.example.com""#,
    );
    assert_alone(
        "audience = 'a'\n[issuers]\nissuer = 'https://a.example'",
        "issuers: expected a list of issuers, found a table",
    );
    assert_alone("audience = 'a'\nissuers = [true]", "issuers[0]: expected an identifier or a table, found true");

    let server =
        |settings: &str, expected: &str| assert_alone(&format!("audience = 'a'\n{issuers}\n{settings}"), expected);
    server("realm = false", "realm: expected a string, found false");
    server("realm = 'é'", r#"realm: the realm is "é", expected printable ASCII"#);
    server("profile = 1.5", r#"profile: expected one of "generic", "rfc9068", found the number 1.5"#);
    server("profile = 'strict'", r#"profile: expected one of "generic", "rfc9068", found the string "strict""#);
    server("leeway = '10'", r#"leeway: expected an integer from 0 to 60 (seconds), found the string "10""#);
    server("leeway = -1", "leeway: expected an integer from 0 to 60 (seconds), found the number -1");
    server("leeway = 0.5", "leeway: expected an integer from 0 to 60 (seconds), found the number 0.5");
    server("leeway = 61", "leeway: the leeway is 61 s, expected at most 60 s");
    server("token_cache = 'off'", r#"token_cache: expected a table, true or false, found the string "off""#);
    server("token_cache = 0", "token_cache: expected a table, true or false, found the number 0");
    server("token_cache.entries = -1", "token_cache.entries: expected a non-negative integer, found the number -1");
    server("token_cache.entrie = 1", "token_cache.entrie: unknown setting; did you mean entries?");
    server("token_cache.ttl = 1", "token_cache.ttl: unknown setting, expected one of entries, bytes");
    server("metadata = 'x'", r#"metadata: expected a table, true or false, found the string "x""#);
    server(
        "metadata = true",
        r#"metadata.resource: the identifier "a" of the resource cannot have metadata: the text is not an absolute URL"#,
    );
    let metadata = |settings: &str, expected: &str| {
        server(&format!("[metadata]\nresource = 'https://api.example.com'\n{settings}"), expected);
    };
    metadata(
        "scopes_supported = 'a b'",
        r#"metadata.scopes_supported: expected a list of strings, found the string "a b""#,
    );
    metadata(
        "scopes_supported = ['a b']",
        r#"metadata.scopes_supported[0]: the metadata names the scope "a b", expected a scope of this resource"#,
    );
    for parameter in ["resource_signing_alg_values_supported", "dpop_signing_alg_values_supported"] {
        metadata(
            &format!("{parameter} = ['ES256', 'none']"),
            &format!("metadata.{parameter}[1]: the metadata names the algorithm none, expected algorithms that sign"),
        );
    }
    metadata("resource_name = 1", "metadata.resource_name: expected a string, found the number 1");
    metadata("'resource_name#fr' = 1", r#"metadata."resource_name#fr": expected a string, found the number 1"#);
    metadata("resouce_name = 'x'", "metadata.resouce_name: unknown setting; did you mean resource_name?");
    metadata(
        "dpop_bound_access_tokens_required = 1",
        "metadata.dpop_bound_access_tokens_required: expected true or false, found the number 1",
    );
    let [own] =
        &problems(&format!("audience = 'https://a.example'\n{issuers}\nmetadata.authorization_servers = []"))[..]
    else {
        panic!("one problem")
    };
    assert!(own.starts_with("metadata.authorization_servers: unknown setting, expected one of resource, "), "{own}");
}

/// Asserts the one problem of a document with this table of an issuer.
#[track_caller]
fn assert_alone_in_table(settings: &str, expected: &str) {
    assert_alone(&format!("audience = 'a'\n[[issuers]]\n{settings}"), expected);
}

#[test]
fn each_issuer_mistake_is_one_problem() {
    assert_alone_in_table("", "issuers[0].issuer: missing setting, expected an identifier, or a preset instead");
    assert_alone_in_table(
        "domain = 'shop.example.com'",
        "issuers[0].issuer: missing setting, expected an identifier, or a preset instead",
    );
    assert_alone_in_table("issuer = ''", r#"issuers[0].issuer: the issuer "" is blank"#);
    assert_alone_in_table("issuer = ''\njwks_file = 'x'", "issuers[0].issuer: the identifier of an issuer is empty");
    assert_alone_in_table(
        "issuer = 'https://a.example?b'",
        r#"issuers[0].issuer: the issuer "https://a.example?…" cannot be discovered: the URL has a query"#,
    );
    assert_alone_in_table(
        "issuer = 'x'\njwks_url = 'http://keys.example.com'",
        r#"issuers[0].insecure_http: "http://keys.example.com/" would be fetched over plain http, expected https, or insecure_http for a network that you trust"#,
    );
    assert_alone_in_table(
        "preset = 'auth0'\ndomain = 'shop.example.com'\njwks_url = 'http://keys.example.com'",
        r#"issuers[0].jwks_url: "http://keys.example.com" would be fetched over plain http, expected https, or insecure_http for a network that you trust"#,
    );
    assert_alone_in_table(
        "preset = 'keycloak'\nbase_url = 'http://keycloak:8080'\nrealm = 'shop'\ninsecure_http = false",
        r#"issuers[0].insecure_http: "http://keycloak:8080/realms/shop" would be fetched over plain http, expected https, or insecure_http for a network that you trust"#,
    );
    assert_alone_in_table(
        "issuer = 'x'\njwks_file = 'x'\ninsecure_http = 'yes'",
        r#"issuers[0].insecure_http: expected true or false, found the string "yes""#,
    );
    assert_alone_in_table("issuer = 'x'\njwks_url = 1", "issuers[0].jwks_url: expected a string, found the number 1");
    assert_alone_in_table("issuer = 'x'\njwks_file = 1", "issuers[0].jwks_file: expected a string, found the number 1");
    assert_alone_in_table(
        "issuer = 'x'\njwks_url = 'https://keys.example.com'\njwks_file = 'x'",
        "issuers[0].jwks_file: expected either jwks_url or jwks_file, found both",
    );
    let issuer = |settings: &str, expected: &str| {
        assert_alone_in_table(&format!("issuer = 'https://login.example.com'\n{settings}"), expected);
    };
    issuer(
        "audiences = []",
        "issuers[0].audiences: expected at least one audience, found an empty list; leave the setting out for the server's audience",
    );
    issuer("audiences = 'b'", r#"issuers[0].audiences: expected a list of strings, found the string "b""#);
    issuer("audiences = ['b', '']", r#"issuers[0].audiences[1]: the audience is "", expected printable ASCII"#);
    issuer(
        "identify_by_client = []",
        r#"issuers[0].identify_by_client: the list of clients of the issuer "https://login.example.com" is empty, expected at least one"#,
    );
    issuer(
        "identify_by_client = ['']",
        r#"issuers[0].identify_by_client[0]: the identifier of a client of the issuer "https://login.example.com" is empty"#,
    );
    issuer(
        "subjects = []",
        r#"issuers[0].subjects: the list of subjects of the issuer "https://login.example.com" is empty, expected at least one"#,
    );
    issuer(
        "algorithms = []",
        r#"issuers[0].algorithms: the list of algorithms of the issuer "https://login.example.com" is empty, expected at least one"#,
    );
    issuer("algorithms = [1]", "issuers[0].algorithms[0]: expected a string, found the number 1");
    issuer(
        "algorithms = ['es256']",
        r#"issuers[0].algorithms[0]: "es256" is not a supported signature algorithm; did you mean ES256?"#,
    );
    issuer(
        "algorithms = ['NONE']",
        r#"issuers[0].algorithms[0]: "NONE" is not a supported signature algorithm; a token without a signature can be written by anyone"#,
    );
    issuer(
        "domain = 'x'",
        "issuers[0].domain: unknown setting, expected one of preset, issuer, jwks_url, jwks_file, persist_keys, insecure_http, audiences, identify_by_client, subjects, client_as_subject, algorithms, introspection",
    );
}

#[test]
fn each_preset_mistake_is_one_problem() {
    assert_alone_in_table(
        "preset = 'keyclock'\nbase_url = 'https://id.example.com'\nrealm = 'shop'",
        r#"issuers[0].preset: expected one of "keycloak", "auth0", "entra", "entra_tenants", "entra_v1", "okta", "cognito", "google", "zitadel", "kubernetes", "authentik", "ad_fs", "dex", "hydra", "entra_external", "azure_b2c", "github_actions", "github_actions_enterprise", "cloudflare_access", "google_iap", "firebase", "supabase", "supabase_self_hosted", "spiffe", found the string "keyclock"; did you mean "keycloak"?"#,
    );
    assert_alone_in_table("preset = 'auth0'", "issuers[0].domain: missing setting, expected a string");
    assert_alone_in_table("preset = 'auth0'\ndomain = 1", "issuers[0].domain: expected a string, found the number 1");
    assert_alone_in_table(
        "preset = 'auth0'\ndomain = 'x'",
        r#"issuers[0].domain: the domain of Auth0 is "x", expected a domain in lower case, without a scheme or a slash"#,
    );
    assert_alone_in_table(
        "preset = 'auth0'\ndomain = 'shop.example.com'\nissuer = 'https://login.example.com'",
        "issuers[0].issuer: unknown setting, expected one of preset, jwks_url, jwks_file, persist_keys, insecure_http, domain, audiences, identify_by_client, subjects, client_as_subject, algorithms, introspection",
    );
    assert_alone_in_table(
        "preset = 'entra_tenants'\ntenants = []",
        r#"issuers[0].tenants: the list of Entra tenants is "", expected a list of at least one"#,
    );
    assert_alone_in_table(
        "preset = 'entra_tenants'\ntenants = ['1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a', 'common']",
        r#"issuers[0].tenants[1]: the tenant of Entra is "common", expected a GUID in lower case; this name stands for any tenant, so set the GUID of your tenant, or several with entra_tenants"#,
    );
    assert_alone_in_table(
        "preset = 'cognito'\npool = 'eu-central-1_AbC'\nclients = []",
        r#"issuers[0].clients: the list of clients of the issuer "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC" is empty, expected at least one"#,
    );
    assert_alone_in_table(
        "preset = 'cognito'\npool = 'eu-central-1_AbC'\nclients = ['web', '']",
        r#"issuers[0].clients[1]: the identifier of a client of the issuer "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC" is empty"#,
    );
    assert_alone_in_table(
        "preset = 'google'\nsubjects = []",
        r#"issuers[0].subjects: the list of subjects of the issuer "https://accounts.google.com" is empty, expected at least one"#,
    );
    assert_alone_in_table(
        "preset = 'google'\nsubjects = ['1', 'worker@shop.example']",
        r#"issuers[0].subjects[1]: the subject at Google is "worker@shop.example", expected the unique numeric ID of an account"#,
    );
    assert_alone_in_table(
        "preset = 'kubernetes'\nissuer = 'kubernetes'",
        r#"issuers[0].issuer: the issuer "kubernetes" cannot be discovered: the text is not an absolute URL"#,
    );
    assert_alone_in_table(
        "preset = 'authentik'\nbase_url = 'https://id.example.com'\nslug = 'a/b'",
        r#"issuers[0].slug: the application of authentik is "a/b", expected a text of letters, digits, '-', '.', '_' and '~'"#,
    );
    assert_alone_in_table(
        "preset = 'ad_fs'\nhost = 'https://sts.example.com/adfs'",
        r#"issuers[0].host: the host of AD FS is "https://sts.example.com/adfs", expected a domain in lower case, without a scheme or a slash"#,
    );
    assert_alone_in_table(
        "preset = 'azure_b2c'\ndomain = 'contoso.onmicrosoft.com'\ntenant = '1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a'\npolicy = 'B2C_1_in'",
        r#"issuers[0].domain: the domain of Azure AD B2C is "contoso.onmicrosoft.com", expected the domain of sign-ins, such as contoso.b2clogin.com"#,
    );
    assert_alone_in_table(
        "preset = 'azure_b2c'\ndomain = 'contoso.b2clogin.com'\ntenant = '1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a'\npolicy = 'signin'",
        r#"issuers[0].policy: the policy of Azure AD B2C is "signin", expected the full name of a policy, such as B2C_1_signin"#,
    );
    assert_alone_in_table(
        "preset = 'github_actions'\nrepositories = []",
        r#"issuers[0].repositories: the list of repositories at GitHub is "", expected a list of at least one"#,
    );
    assert_alone_in_table(
        "preset = 'github_actions'\nrepositories = ['1', 'octo-org/octo-repo']",
        r#"issuers[0].repositories[1]: the repository at GitHub is "octo-org/octo-repo", expected the numeric ID of a repository, as gh api repos/{owner}/{name} --jq .id shows it"#,
    );
    assert_alone_in_table(
        "preset = 'supabase_self_hosted'\nissuer = 'supabase'",
        r#"issuers[0].issuer: the issuer "supabase" cannot be discovered: the text is not an absolute URL"#,
    );
    assert_alone_in_table(
        "preset = 'spiffe'\ntrust_domain = 'example.org'",
        "issuers[0]: expected jwks_url or jwks_file, because the preset does not know the keys",
    );
    assert_alone_in_table(
        "preset = 'spiffe'\ntrust_domain = 'spiffe://example.org'\njwks_file = 'x'",
        r#"issuers[0].trust_domain: the trust domain of SPIFFE is "spiffe://example.org", expected lower-case letters, digits, '.', '-' and '_', without "spiffe://""#,
    );
    assert_alone_in_table(
        "preset = 'google_iap'\ndomain = 'x'",
        "issuers[0].domain: unknown setting, expected one of preset, jwks_url, jwks_file, persist_keys, insecure_http, audiences, identify_by_client, subjects, client_as_subject, algorithms, introspection",
    );
}

#[test]
fn a_setting_given_twice_or_null_is_a_problem() {
    let json = |text: &str| lines(&serde_json::from_str::<Config>(text).unwrap().build().unwrap_err());
    let issuers = r#""issuers": ["https://login.example.com"]"#;
    assert_eq!(json(&format!(r#"{{"audience": "a", "audience": "b", {issuers}}}"#)), ["audience: set twice"]);
    let nothing = "realm: expected a string, found null";
    assert_eq!(json(&format!(r#"{{"audience": "a", "realm": null, {issuers}}}"#)), [nothing]);
    for root in ["[]", "null", "1", r#""a""#] {
        let problems = serde_json::from_str::<Config>(root).unwrap().build().unwrap_err();
        assert!(problems.to_string().starts_with("expected a table of settings, found "), "{problems}");
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
    let refused = |leeway: &str| format!("leeway: expected an integer from 0 to 60 (seconds), found {leeway}");
    for (written, told) in [("-1", "-1"), ("10.0", "10.0"), ("1e1", "10.0")] {
        assert_eq!(leeway(written), Err(refused(&format!("the number {told}"))));
    }
    assert_eq!(leeway("61"), Err("leeway: the leeway is 61 s, expected at most 60 s".to_owned()));
    assert_eq!(leeway("ten"), Err(refused("a table")));
}

#[test]
fn oversized_or_deeply_nested_settings_are_refused() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let read = |text: &str| serde_json::from_str::<Config>(text).map_err(|error| error.to_string());
    assert!(read(&format!(r#"{{"a": {}}}"#, nested(7))).is_ok());
    assert!(
        read(&format!(r#"{{"a": {}}}"#, nested(8)))
            .unwrap_err()
            .contains("expected at most 8 levels of nested values, found more")
    );
    let text = |length| format!(r#"{{"a": "{}"}}"#, "x".repeat(length));
    assert!(read(&text(1024 * 1024 - 3)).is_ok());
    assert!(
        read(&text(1024 * 1024 - 2))
            .unwrap_err()
            .contains("expected a configuration of at most 1048576 bytes, found more")
    );
    let many = format!("[{}1]", "1,".repeat(1024 * 1024));
    assert!(read(&many).unwrap_err().contains("expected a configuration of at most 1048576 bytes, found more"));

    // The names of variables go no deeper, and numbers in them make no lists of millions.
    let name = format!("API_{}", "A__".repeat(10_000));
    assert!(Config::from_vars("API_", [(name, "x")]).build().is_err());
    assert!(Config::from_vars("API_", [("API_ISSUERS__18446744073709551615", "x")]).build().is_err());
}

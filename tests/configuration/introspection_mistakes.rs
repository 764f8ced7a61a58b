//! Mistakes in the settings of introspection: each is one problem, none shows a secret, and a setting without effect is one too.

use std::fs;

use super::introspection::{document, file, private_key};
use super::{config, lines, problems, problems_of_vars};
use crate::harness::AUDIENCE;

const CLIENT: &str = "client_id = 'api'\nclient_secret = 's3cret'\n";

#[track_caller]
fn assert_alone(settings: &str, expected: &str) {
    let expected = format!("issuers[0].introspection{expected}");
    assert_eq!(problems(&document(settings)), [expected], "{settings}");
}

/// Beside the settings of a client.
#[track_caller]
fn assert_with_client(settings: &str, expected: &str) {
    assert_alone(&format!("{CLIENT}{settings}"), expected);
}

#[test]
fn each_mistake_is_one_problem() {
    assert_alone(
        "client_secret = 's3cret'",
        ".client_id: missing setting, expected the identifier of this server at the issuer",
    );
    for (id, message) in [
        ("' '", ": expected the identifier of a client, and found a blank text"),
        ("'${ID}'", ": expected the identifier of a client, and found the placeholder \"${ID}\""),
        ("7", ": expected a string, found the number 7"),
    ] {
        assert_alone(&format!("client_id = {id}\nclient_secret = 's3cret'"), &format!(".client_id{message}"));
    }
    let cannot = "the introspection endpoint";
    for (url, message) in [
        ("'login'", format!("{cannot} \"login\" cannot be asked: the text is not an absolute URL")),
        (
            "'https://a.example/$PATH'",
            format!("{cannot} \"https://a.example/$PATH\" contains a placeholder that was not filled in"),
        ),
        (
            "'https://u:s3cret@a.example/'",
            format!("{cannot} \"https://…@a.example/\" cannot be asked: the URL has a user name or a password"),
        ),
        ("1", "expected a string, found the number 1".to_owned()),
    ] {
        assert_with_client(&format!("endpoint = {url}"), &format!(".endpoint: {message}"));
    }
    assert_with_client(
        "lifetime = '10'",
        r#".lifetime: expected an integer from 0 to 600 (seconds), found the string "10""#,
    );
    let cannot = r#"tokens of the issuer "https://login.example.com" cannot be introspected:"#;
    assert_with_client(
        "lifetime = 601",
        &format!(".lifetime: {cannot} answers are used for 601 s, expected at most 600 s"),
    );
    assert_with_client("memory = -1", ".memory: expected a non-negative integer (bytes), found the number -1");
    assert_with_client(
        "concurrent_requests = 0",
        &format!(".concurrent_requests: {cannot} 0 requests may be in flight at once, expected 1 to 1024"),
    );
    assert_with_client(
        "concurrent_requests = true",
        ".concurrent_requests: expected an integer from 1 to 1024, found true",
    );
    assert_with_client(
        "audience_checked_by_issuer = 'yes'",
        r#".audience_checked_by_issuer: expected true or false, found the string "yes""#,
    );
    assert_with_client("signed_answers = 1", ".signed_answers: expected true or false, found the number 1");
    assert_with_client(
        "token_prefixes = 'a_'",
        r#".token_prefixes: expected a list of strings, found the string "a_""#,
    );
    assert_with_client(
        "token_prefixes = []",
        ".token_prefixes: expected at least one prefix, found an empty list; leave the setting out for tokens of any form",
    );
    assert_with_client(
        "token_prefixes = ['a_', '']",
        &format!(".token_prefixes[1]: {cannot} a token prefix is empty, expected one character or more"),
    );
    for prefix in ["a b", "${PREFIX}", "é", "a,"] {
        assert_with_client(
            &format!("token_prefixes = ['{prefix}']"),
            &format!(
                ".token_prefixes[0]: {cannot} no token begins with {prefix:?}, expected only letters, digits and the characters - . _ ~ + /"
            ),
        );
    }
    assert_with_client("lifetimes = 10", ".lifetimes: unknown setting; did you mean lifetime?");
    assert_with_client(
        "scope = 'x'",
        ".scope: unknown setting, expected one of endpoint, client_id, client_secret, client_secret_file, private_key_file, key_id, algorithm, method, lifetime, memory, concurrent_requests, audience_checked_by_issuer, token_prefixes, signed_answers",
    );
}

/// They are found together, each at its place.
#[test]
fn all_mistakes_are_reported_at_once() {
    let settings = "endpoint = 'x'\nclient_id = ''\nclient_secret = '$SECRET'\nmethod = 'basic'\nlifetime = 900\n\
                    concurrent_requests = 0\ntoken_prefixes = ['']";
    let found = problems(&document(settings));
    let places: Vec<_> = found.iter().filter_map(|line| line.split(':').next()).collect();
    let expected =
        ["endpoint", "client_id", "client_secret", "method", "lifetime", "concurrent_requests", "token_prefixes[0]"];
    assert_eq!(places, expected.map(|name| format!("issuers[0].introspection.{name}")), "{found:#?}");
}

#[test]
fn an_opaque_token_must_lead_to_one_issuer() {
    let two = |one: &str, other: &str| {
        let issuer = |name: &str, settings: &str| {
            let client = "client_id = 'api', client_secret = 's3cret'";
            format!("[[issuers]]\nissuer = 'https://{name}.example'\nintrospection = {{ {client}{settings} }}\n")
        };
        format!("audience = {AUDIENCE:?}\n{}{}", issuer("one", one), issuer("other", other))
    };
    let cannot = r#"tokens of the issuer "https://other.example" cannot be introspected: tokens that begin with"#;
    let end = "may also be another issuer's, expected different prefixes";
    assert_eq!(problems(&two("", "")), [format!("issuers[1].introspection.token_prefixes: {cannot} \"\" {end}")]);
    assert_eq!(
        problems(&two(", token_prefixes = ['a_']", ", token_prefixes = ['b_', 'a_x']")),
        [format!("issuers[1].introspection.token_prefixes[1]: {cannot} \"a_x\" {end}")]
    );
    assert!(config(&two(", token_prefixes = ['a_']", "")).build().is_ok());
}

#[test]
fn an_endpoint_that_cannot_be_discovered_is_required() {
    let settings = "introspection = { client_id = 'api', client_secret = 's3cret' }";
    let of = |issuer: &str| problems(&format!("audience = 'a'\n[[issuers]]\n{issuer}\n{settings}"));
    let missing = "issuers[0].introspection.endpoint: missing setting, expected the URL of the endpoint, because";
    assert_eq!(
        of("issuer = 'any'\njwks_file = '/keys'"),
        [format!("{missing} the issuer \"any\" cannot be discovered: the text is not an absolute URL")]
    );
    assert_eq!(
        of("preset = 'entra_tenants'\ntenants = ['1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a']"),
        [concat!(
            r#"issuers[0].introspection: tokens of the issuer "https://login.microsoftonline.com/1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a/v2.0" "#,
            "cannot be introspected: it is a SPIFFE trust domain, a list of tenants or a user flow, expected an issuer with an identifier of its own",
        )]
    );
    // The problem of the issuer is the only one.
    assert_eq!(
        of("issuer = 'any'"),
        [r#"issuers[0].issuer: the issuer "any" cannot be discovered: the text is not an absolute URL"#]
    );
    assert_eq!(
        of("issuer = 'http://login.example.com'"),
        [
            r#"issuers[0].insecure_http: "http://login.example.com/" would be fetched over plain http, expected https, or insecure_http for a network that you trust"#
        ]
    );
    let plain = "introspection = { endpoint = 'http://a.example/i', client_id = 'api', client_secret = 's3cret' }";
    assert_eq!(
        problems(&format!("audience = 'a'\n[[issuers]]\nissuer = 'https://a.example'\n{plain}")),
        [
            r#"issuers[0].insecure_http: "http://a.example/i" would be fetched over plain http, expected https, or insecure_http for a network that you trust"#
        ]
    );
}

#[test]
fn contradictions_about_the_client_are_problems() {
    let id = "client_id = 'api'\n";
    let one_of = "expected one of client_secret, client_secret_file and private_key_file, found";
    let mutual_tls = "mutual TLS needs an HTTP client with a certificate, which is set in code";
    assert_alone(id, &format!(": {one_of} none; {mutual_tls}"));
    assert_alone(&format!("{id}key_id = 'x'\nmethod = 'private_key_jwt'"), &format!(": {one_of} none; {mutual_tls}"));
    assert_alone(
        &format!("{id}client_secret = 'a'\nclient_secret_file = 'b'"),
        &format!(".client_secret_file: {one_of} several"),
    );
    assert_alone(
        &format!("{id}client_secret = 'a'\nprivate_key_file = 'b'\nkey_id = 'x'"),
        &format!(".private_key_file: {one_of} several"),
    );
    let methods = r#"expected one of "client_secret_basic", "client_secret_post", "private_key_jwt", found the string"#;
    for method in ["tls_client_auth", "self_signed_tls_client_auth"] {
        let expected = format!(".method: {methods} {method:?}; {mutual_tls}");
        assert_alone(&format!("{id}method = '{method}'"), &expected);
        assert_with_client(&format!("method = '{method}'"), &expected);
    }
    assert_with_client(
        "method = 'client_secret_bsic'",
        &format!(r#".method: {methods} "client_secret_bsic"; did you mean "client_secret_basic"?"#),
    );
    assert_with_client(
        "method = 'private_key_jwt'",
        ".method: expected client_secret_basic or client_secret_post for a secret, or private_key_file instead",
    );
    for setting in ["key_id = 'x'", "algorithm = 'ES256'"] {
        let name = setting.split(' ').next().unwrap();
        assert_with_client(setting, &format!(".{name}: without effect, expected private_key_file too"));
    }
    let (pem, _) = private_key();
    let key = file("contradiction", pem);
    let with_key = |settings: &str, expected: &str| {
        assert_alone(&format!("{id}private_key_file = {key:?}\n{settings}"), expected);
    };
    for method in ["client_secret_basic", "client_secret_post"] {
        with_key(
            &format!("method = '{method}'"),
            ".method: expected private_key_jwt for private_key_file, or a secret instead",
        );
    }
    with_key("key_id = ''", ".key_id: the key ID \"\" is blank");
    with_key("key_id = '${KID}'", ".key_id: the key ID \"${KID}\" contains a placeholder that was not filled in");
    with_key("algorithm = 'ES256'", ".algorithm: expected EdDSA or Ed25519 for this key, and found ES256");
    with_key(
        "algorithm = 'HS256'",
        r#".algorithm: "HS256" is not a supported signature algorithm; anyone with the secret that verifies an HMAC can also create tokens"#,
    );
    fs::remove_file(key).unwrap();
}

#[test]
fn a_setting_without_effect_is_a_problem() {
    assert_with_client(
        "lifetime = 0\nmemory = 1024",
        ".memory: without effect, because with a lifetime of 0 no answer is kept",
    );
    let introspection = "introspection = { client_id = 'api', client_secret = 's3cret'";
    let beside = |issuer: &str, end: &str| format!("audience = 'a'\n[[issuers]]\n{issuer}\n{introspection}{end} }}");
    for issuer in [
        "issuer = 'https://a.example'\nidentify_by_client = ['web']",
        "preset = 'cognito'\npool = 'eu-central-1_AbC'\nclients = ['web']",
    ] {
        assert_eq!(
            problems(&beside(issuer, ", audience_checked_by_issuer = true")),
            [
                "issuers[0].introspection.audience_checked_by_issuer: without effect, because tokens that are identified by their client need no audience"
            ]
        );
        assert!(config(&beside(issuer, "")).build().is_ok());
    }
    for setting in [
        "jwks_url = 'https://a.example/keys'",
        "jwks_file = '/keys'",
        "persist_keys = '/no/such'",
        "algorithms = ['ES256']",
    ] {
        let issuer = format!("issuer = 'https://a.example'\n{setting}");
        let name = setting.split(' ').next().unwrap();
        let expected = format!(
            "issuers[0].{name}: without effect, because the issuer is asked about its tokens, and no signature is verified; expected introspection.signed_answers = true too"
        );
        assert_eq!(problems(&beside(&issuer, "")), [&*expected]);
        assert_eq!(problems(&beside(&issuer, ", signed_answers = false")), [expected]);
        assert_eq!(problems(&beside(&issuer, ", signed_answers = 1")).len(), 1);
        if name != "jwks_file" {
            assert!(config(&beside(&issuer, ", signed_answers = true")).build().is_ok(), "{setting}");
        }
    }
}

/// Whatever is wrong with a secret, and wherever it was written by mistake.
#[test]
fn no_problem_shows_a_secret_or_its_place() {
    let secret = "hunter2";
    let (pem, jwk) = private_key();
    let broken = pem.replace('\n', " ");
    let public = jwk.replace("\"d\"", "\"hunter2\"");
    let [lines_file, raw, long, no_key, public, broken] = [
        file("hunter2-lines", "hunter2\nhunter2\n"),
        file("hunter2-raw", b"hunter2\xff"),
        file("hunter2-long", secret.repeat(20_000)),
        file("hunter2-text", secret),
        file("hunter2-public", public),
        file("hunter2-broken", broken),
    ];
    let shown = [&lines_file, &raw, &long, &no_key, &public, &broken].map(|path| path.display().to_string());
    let [lines_path, raw_path, long_path, no_key_path, public_path, broken_path] = &shown;
    let no_file = "expected a file that can be read:";
    let d = jwk.split("\"d\":\"").nth(1).unwrap().split('"').next().unwrap();
    let base64 = pem.lines().nth(1).unwrap();
    for (settings, expected) in [
        ("client_secret = '${hunter2}'".to_owned(), ".client_secret: expected a secret, and found a placeholder that was not filled in".to_owned()),
        ("client_secret = \"hunter2\\n\"".to_owned(), ".client_secret: expected a secret without control characters, and found one, such as a line break".to_owned()),
        ("client_secret = ['hunter2']".to_owned(), ".client_secret: expected a string, found a list".to_owned()),
        ("client_secret = { hunter2 = 'hunter2' }".to_owned(), ".client_secret: expected a string, found a table".to_owned()),
        ("client_secret = ''".to_owned(), ".client_secret: expected a secret, and found a blank text".to_owned()),
        ("client_secret_file = 'hunter2'".to_owned(), format!(".client_secret_file: {no_file} entity not found")),
        ("client_secret_file = ['hunter2']".to_owned(), ".client_secret_file: expected a string, found a list".to_owned()),
        (format!("client_secret_file = '{lines_path}'"), ".client_secret_file: expected a secret without control characters, and found one, such as a line break".to_owned()),
        (format!("client_secret_file = '{raw_path}'"), ".client_secret_file: expected UTF-8 in the file, found other bytes".to_owned()),
        (format!("client_secret_file = '{long_path}'"), ".client_secret_file: expected at most 4096 bytes in the file, found more".to_owned()),
        ("private_key_file = 'hunter2'".to_owned(), format!(".private_key_file: {no_file} No such file or directory (os error 2)")),
        ("private_key_file = 7".to_owned(), ".private_key_file: expected a string, found a number".to_owned()),
        (format!("private_key_file = '''{pem}'''"), format!(".private_key_file: {no_file} No such file or directory (os error 2)")),
        (format!("private_key_file = '{long_path}'"), format!(".private_key_file: {no_file} it has more than 65536 bytes")),
        (format!("private_key_file = '{raw_path}'"), format!(".private_key_file: {no_file} stream did not contain valid UTF-8")),
        (format!("private_key_file = '{no_key_path}'"), ".private_key_file: expected a private key in PEM, and found no line such as -----BEGIN PRIVATE KEY-----".to_owned()),
        (format!("private_key_file = '{public_path}'"), ".private_key_file: expected a private key, and found a public one: the member d is missing".to_owned()),
        (format!("private_key_file = '{broken_path}'"), ".private_key_file: expected a private key in PEM, and found a section without line breaks, without an end or with broken base64".to_owned()),
        ("client_secret = 's3cret'\nsecret = 'hunter2'".to_owned(), ".secret: unknown setting, expected one of endpoint, client_id, client_secret, client_secret_file, private_key_file, key_id, algorithm, method, lifetime, memory, concurrent_requests, audience_checked_by_issuer, token_prefixes, signed_answers".to_owned()),
    ] {
        let config = config(&document(&format!("client_id = 'api'\n{settings}")));
        let before = format!("{config:?}");
        let found = config.build().unwrap_err();
        assert_eq!(lines(&found), [format!("issuers[0].introspection{expected}")], "{settings}");
        for hidden in [secret, d, base64] {
            assert!(!format!("{before} {found} {found:?}").contains(hidden), "{found}");
        }
    }
    let in_place_of_the_table = document("").replace("[issuers.introspection]\n", "introspection = 'hunter2'");
    assert_eq!(problems(&in_place_of_the_table), ["issuers[0].introspection: expected a table, found a string"]);
    let good = [
        ("API_AUDIENCE", "a"),
        ("API_ISSUERS__0__ISSUER", "https://a.example"),
        ("API_ISSUERS__0__INTROSPECTION__CLIENT_ID", "api"),
    ];
    assert_eq!(
        problems_of_vars(&[&good[..], &[("API_ISSUERS__0__INTROSPECTION__CLIENT_SECRET_FILE", "hunter2")]].concat()),
        [
            "issuers[0].introspection.client_secret_file (API_ISSUERS__0__INTROSPECTION__CLIENT_SECRET_FILE): expected a file that can be read: entity not found"
        ]
    );
    let builder = config(&document("client_id = 'api'\nclient_secret = 'hunter2'")).builder().unwrap();
    let form = format!("{builder:?}");
    assert!(!format!("{form} {:?}", builder.build().unwrap()).contains(secret));
    for path in [lines_file, raw, long, no_key, public, broken] {
        fs::remove_file(path).unwrap();
    }
}

//! Mistakes in the settings of DPoP: each is one problem, none shows a secret, and a setting without effect is one too.

use std::fs;

use tower_bearer::dpop::Dpop;

use super::dpop::{KEYS, URL, document, key_file};
use super::{config, lines, problems, problems_of_vars};

#[track_caller]
fn assert_alone(settings: &str, expected: &str) {
    assert_eq!(problems(&document(settings)), [expected], "{settings}");
}

#[test]
fn each_mistake_is_one_problem() {
    let server = "audience = 'a'\nissuers = ['https://login.example.com']\n";
    let of = |settings: &str| problems(&format!("{server}{settings}"));
    assert_eq!(of("dpop = true"), ["dpop: expected a table, found true"]);
    assert_eq!(of("dpop = {}"), ["dpop.url: missing setting, expected the URL by which clients know the service"]);
    for (url, message) in [
        (
            "api.example.test",
            "the public URL is not acceptable: the URI is not absolute, expected http:// or https:// and a host",
        ),
        ("https://a.example?b", "the public URL has a query or a fragment, expected none"),
        ("https://${HOST}/", r#"the public URL "https://${HOST}/" contains a placeholder that was not filled in"#),
        ("https://a/$PATH", r#"the public URL "https://a/$PATH" contains a placeholder that was not filled in"#),
        (" ", r#"the public URL " " is blank"#),
    ] {
        assert_eq!(of(&format!("dpop.url = {url:?}")), [format!("dpop.url: {message}")]);
    }
    assert_alone(
        "mounted_at = 'api'",
        r#"dpop.mounted_at: the path where the service is mounted is not acceptable: the target of the request is "api", expected a path that begins with /"#,
    );
    assert_alone(
        "mounted_at = '/$API'",
        r#"dpop.mounted_at: the path of the service "/$API" contains a placeholder that was not filled in"#,
    );
    assert_alone("window = '10'", r#"dpop.window: expected an integer from 1 to 600 (seconds), found the string "10""#);
    assert_alone("window = 601", "dpop.window: the window for DPoP proofs is 601 s, expected 1 s to 600 s");
    assert_alone(
        "insecure_accept_replay_within = 0",
        "dpop.insecure_accept_replay_within: the window for DPoP proofs is 0 s, expected 1 s to 600 s",
    );
    assert_alone("required = 1", "dpop.required: expected true or false, found the number 1");
    assert_alone("algorithms = []", "dpop.algorithms: no algorithm is accepted for DPoP proofs, expected at least one");
    assert_alone(
        "algorithms = ['ES256', 'HS256']",
        r#"dpop.algorithms[1]: "HS256" is not a supported signature algorithm; anyone with the secret that verifies an HMAC can also create tokens"#,
    );
    assert_alone("windows = 10", "dpop.windows: unknown setting; did you mean window?");
    assert_alone(
        "accept_replay_within = 10",
        "dpop.accept_replay_within: unknown setting, expected one of url, mounted_at, trusted_proxies, forwarded_headers, forward_auth, window, insecure_accept_replay_within, nonces, required, algorithms",
    );

    let headers = "forwarded_headers = 'x_forwarded'";
    let network = |networks: &str, expected: &str| {
        assert_alone(&format!("trusted_proxies = {networks}\n{headers}"), &format!("dpop.trusted_proxies{expected}"));
    };
    network("'10.0.0.0/8'", r#": expected a list of strings, found the string "10.0.0.0/8""#);
    network("[]", ": the networks of proxies are not acceptable: the list of networks is empty, expected at least one");
    network(
        "['::1', '10.0.0.1/8']",
        r#"[1]: the networks of proxies are not acceptable: "10.0.0.1/8" has bits beyond its prefix, expected the first address of the network, as in 10.0.0.0/8"#,
    );
    assert_alone(
        "trusted_proxies = ['::1']\nforwarded_headers = 'x-forwarded'",
        r#"dpop.forwarded_headers: expected one of "x_forwarded", "x_forwarded_with_prefix", "forwarded", found the string "x-forwarded"; did you mean "x_forwarded"?"#,
    );
    let forward_auth = |table: &str, expected: &str| {
        assert_alone(
            &format!("trusted_proxies = ['::1']\nforward_auth = {table}"),
            &format!("dpop.forward_auth{expected}"),
        );
    };
    forward_auth("true", ": expected a table with target and method, found true");
    forward_auth(
        "{ target = 'x-uri' }",
        ".method: missing setting, expected the name of the header with the method of the request",
    );
    forward_auth(
        "{ target = 'x uri', method = 'x-method' }",
        r#".target: expected the name of a header, found the string "x uri""#,
    );
    forward_auth(
        "{ target = 'X-A', method = 'x-a' }",
        ".method: x-a is also the header of the target, expected another one",
    );
    forward_auth(
        "{ target = 'x-a', method = 'x-b', uri = 'x' }",
        ".uri: unknown setting, expected one of target, method",
    );

    assert_alone(
        "nonces.lifetime = 9",
        "dpop.nonces.lifetime: expected an integer from 10 to 3600 (seconds), found the number 9",
    );
    assert_alone(
        "nonces.lifetime = 3601",
        "dpop.nonces.lifetime: expected an integer from 10 to 3600 (seconds), found the number 3601",
    );
    assert_alone(
        "window = 10\nnonces.issued_at_too = 1",
        "dpop.nonces.issued_at_too: expected true or false, found the number 1",
    );
    assert_alone("nonces.key = 'x'", "dpop.nonces.key: unknown setting; did you mean keys?");
}

#[test]
fn a_setting_without_effect_is_a_problem() {
    let headers = "without effect, expected trusted_proxies too, with the networks of the proxies";
    assert_alone("forwarded_headers = 'forwarded'", &format!("dpop.forwarded_headers: {headers}"));
    assert_alone("forward_auth = { target = 'a', method = 'b' }", &format!("dpop.forward_auth: {headers}"));
    assert_alone(
        "trusted_proxies = ['::1']",
        "dpop.trusted_proxies: without effect, expected forwarded_headers or forward_auth too",
    );
    assert_alone(
        "window = 10\ninsecure_accept_replay_within = 10",
        "dpop.window: without effect, because insecure_accept_replay_within replaces the window",
    );
    for nonces in ["true", "{ issued_at_too = false }"] {
        assert_alone(
            &format!("window = 10\nnonces = {nonces}"),
            "dpop.window: without effect, because nonces alone decide; leave it out, or set nonces.issued_at_too to true",
        );
    }
    for issued_at_too in [true, false] {
        assert_alone(
            &format!("insecure_accept_replay_within = 10\nnonces.issued_at_too = {issued_at_too}"),
            "dpop.nonces.issued_at_too: without effect, because insecure_accept_replay_within always checks iat",
        );
    }
    assert_alone(
        &format!("nonces = {{ keys = [{:?}], key_files = ['x'] }}", KEYS[0]),
        "dpop.nonces.key_files: expected either keys or key_files, found both",
    );
}

/// Clients would be told to send what the server refuses.
#[test]
fn metadata_that_contradicts_the_server_is_a_problem() {
    let with = |dpop: &str, metadata: &str| document(&format!("{dpop}\n[metadata]\n{metadata}"));
    assert_eq!(
        problems(&with("required = true", "dpop_bound_access_tokens_required = false")),
        [
            "metadata.dpop_bound_access_tokens_required: the metadata says that tokens need not be bound by DPoP, but the server requires it: expected the same in both"
        ]
    );
    assert_eq!(
        problems(&with("algorithms = ['ES256']", "dpop_signing_alg_values_supported = ['ES256', 'EdDSA', 'x']")),
        ["EdDSA", "x"].iter().zip(1..).map(|(name, at)| format!("metadata.dpop_signing_alg_values_supported[{at}]: the metadata names the algorithm {name:?} for DPoP proofs, expected algorithms that the server accepts")).collect::<Vec<_>>()
    );
    // It may ask for less than is accepted: first all clients move, and then it is required.
    for (dpop, metadata) in [
        ("", "dpop_bound_access_tokens_required = true"),
        ("", "dpop_signing_alg_values_supported = ['ES256']"),
        ("required = true", "dpop_bound_access_tokens_required = true"),
    ] {
        assert!(config(&with(dpop, metadata)).build().is_ok(), "{dpop}, {metadata}");
    }
}

/// Whatever is wrong with a key, and wherever it was written by mistake.
#[test]
fn no_problem_shows_a_key() {
    let secret = "c2VjcmV0c2VjcmV0c2VjcmV0";
    let file = key_file("bad", format!("{secret}!"));
    let short = key_file("short", secret);
    let raw = key_file("raw", [0xff; 32]);
    let long = key_file("long", secret.repeat(100));
    let (bad_file, short_file, raw_file, long_file) = (file.display(), short.display(), raw.display(), long.display());
    let not_base64 = "expected a nonce key in base64, found";
    let no_file = "expected a file that can be read: No such file or directory (os error 2)";
    for (settings, expected) in [
        (format!("nonces = {secret:?}"), "dpop.nonces: expected a table, true or false, found a string".to_owned()),
        (format!("nonces = [{secret:?}]"), "dpop.nonces: expected a table, true or false, found a list".to_owned()),
        (
            format!("nonces.keys = {secret:?}"),
            "dpop.nonces.keys: expected a list of nonce keys, found a string".to_owned(),
        ),
        (
            "nonces.keys = 736563726574".to_owned(),
            "dpop.nonces.keys: expected a list of nonce keys, found a number".to_owned(),
        ),
        (format!("nonces.keys = [[{secret:?}]]"), "dpop.nonces.keys[0]: expected a string, found a list".to_owned()),
        (
            format!("nonces.keys = [{:?}, 736563726574]", KEYS[0]),
            "dpop.nonces.keys[1]: expected a string, found a number".to_owned(),
        ),
        (format!("nonces.keys = ['{secret}!']"), format!("dpop.nonces.keys[0]: {not_base64} another text")),
        (
            format!("nonces.keys = [{:?}, {secret:?}]", KEYS[0]),
            "dpop.nonces.keys[1]: expected at least 32 bytes in nonce key 2, and found 18".to_owned(),
        ),
        (
            format!("nonces.keys = ['{}']", "A".repeat(43)),
            "dpop.nonces.keys[0]: expected random bytes in nonce key 1, and found the same byte throughout".to_owned(),
        ),
        (
            "nonces.keys = []".to_owned(),
            "dpop.nonces.keys: expected one or two nonce keys, the current one first, and found 0".to_owned(),
        ),
        (
            format!("nonces.keys = [{:?}, {:?}, {:?}]", KEYS[0], KEYS[1], KEYS[0]),
            "dpop.nonces.keys: expected one or two nonce keys, the current one first, and found 3".to_owned(),
        ),
        (
            format!("nonces.secret = {secret:?}"),
            "dpop.nonces.secret: unknown setting, expected one of keys, key_files, lifetime, issued_at_too".to_owned(),
        ),
        (
            format!("nonces.key_files = ['{bad_file}']"),
            "dpop.nonces.key_files[0]: expected a nonce key in base64 in the file, found something else".to_owned(),
        ),
        (
            format!("nonces.key_files = ['{raw_file}']"),
            "dpop.nonces.key_files[0]: expected a nonce key in base64 in the file, found something else".to_owned(),
        ),
        (
            format!("nonces.key_files = ['{short_file}']"),
            "dpop.nonces.key_files[0]: expected at least 32 bytes in nonce key 1, and found 18".to_owned(),
        ),
        (
            format!("nonces.key_files = ['{long_file}']"),
            "dpop.nonces.key_files[0]: expected a file that can be read: it has more than 1024 bytes".to_owned(),
        ),
        (
            format!("nonces.key_files = {secret:?}"),
            "dpop.nonces.key_files: expected a list of files with nonce keys, found a string".to_owned(),
        ),
        (format!("nonces.key_files = [{secret:?}]"), format!("dpop.nonces.key_files[0]: {no_file}")),
    ] {
        let config = config(&document(&settings));
        assert!(!format!("{config:?}").contains(secret));
        let found = config.build().unwrap_err();
        assert_eq!(lines(&found), [expected], "{settings}");
        assert!(!format!("{found} {found:?}").contains(secret), "{found}");
    }
    let good = [("API_AUDIENCE", "a"), ("API_ISSUERS", "https://a.example"), ("API_DPOP__URL", URL)];
    let vars = |name: &str, value: &str| problems_of_vars(&[&good[..], &[(name, value)]].concat());
    assert_eq!(
        vars("API_DPOP__NONCES", secret),
        ["dpop.nonces (API_DPOP__NONCES): expected a table, true or false, found a string"]
    );
    for value in [format!("{secret}!"), format!("{secret},{secret}")] {
        let expected = format!("dpop.nonces.keys[0] (API_DPOP__NONCES__KEYS): {not_base64} another text");
        assert_eq!(vars("API_DPOP__NONCES__KEYS", &value), [expected]);
        let expected = format!("dpop.nonces.key_files[0] (API_DPOP__NONCES__KEY_FILES): {no_file}");
        assert_eq!(vars("API_DPOP__NONCES__KEY_FILES", &value), [expected]);
    }
    let expected =
        "dpop.nonces.keys (API_DPOP__NONCES__KEYS): expected one or two nonce keys, the current one first, and found 0";
    assert_eq!(vars("API_DPOP__NONCES__KEYS", ""), [expected]);
    let builder = config(&document(&format!("nonces.keys = [{:?}]", KEYS[0]))).builder().unwrap();
    assert!(!format!("{builder:?}").contains(&KEYS[0][..20]) && !format!("{builder:?}").contains("1, 2, 3"));
    for path in [file, short, raw, long] {
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_password_in_the_public_url_is_not_shown() {
    for url in ["https://user:secret@a.example", "https://user:sec/ret@a.example", "https://user:sec?ret@a.example"] {
        let found = problems(&format!("audience = 'a'\nissuers = ['https://b.example']\ndpop.url = {url:?}"));
        assert_eq!(
            found,
            ["dpop.url: the public URL is not acceptable: the URI has a user name or a password, expected none"]
        );
        let error = format!("{0} {0:?}", Dpop::at(url).unwrap_err());
        assert!(!error.contains("sec"), "{error}");
    }
}

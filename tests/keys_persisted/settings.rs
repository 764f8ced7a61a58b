//! Paths that are mistakes, in code and as settings.

use tower_bearer::config::Config;
use tower_bearer::jose::JwkSet;
use tower_bearer::keys::{KeyFile, RemoteKeys};
use tower_bearer::server::ConfigError;
use tower_bearer::{Issuer, ResourceServer};

use super::Deployment;

fn build(issuers: impl IntoIterator<Item = Issuer>) -> Result<ResourceServer, ConfigError> {
    ResourceServer::builder("https://api.example.com").trust_all(issuers).build()
}

fn discovered(host: &str) -> Issuer {
    Issuer::discover(&format!("https://{host}.example.com")).unwrap()
}

#[test]
fn two_issuers_with_one_file_are_a_mistake() {
    let at = || RemoteKeys::at("https://keys.example.com/jwks").unwrap();
    let [one, two, three] = ["one", "two", "three"].map(discovered);
    let pairs = [
        [one.clone().persist_keys("a/keys.json"), two.clone().persist_keys("a/keys.json")],
        [one.clone().persist_keys("a/keys.json"), two.clone().keys_from(at().persist("a//keys.json"))],
        [Issuer::keys("x", at().persist("a/keys.json")).unwrap(), three.clone().persist_keys("a/keys.json")],
    ];
    for pair in pairs {
        let error = build(pair).unwrap_err();
        assert!(matches!(error, ConfigError::PersistPathTwice { .. }), "{error}");
        let text = error.to_string().replace("a//", "a/");
        assert_eq!(
            text,
            r#"the file "a/keys.json" is to hold the persisted keys of two issuers, expected one file for each"#
        );
    }
    let folder = Deployment::new();
    let file = |name: &str| folder.folder.0.join(name);
    build([one.persist_keys(file("a")), two.persist_keys(file("b")), three]).unwrap();
}

#[test]
fn keys_that_are_not_fetched_cannot_be_persisted() {
    let set = JwkSet::from_json(folder_keys().as_bytes()).unwrap();
    for issuer in [Issuer::keys("https://a.example", KeyFile::new("x")), Issuer::keys("https://a.example", set)] {
        let issuer = issuer.unwrap();
        build([issuer.clone()]).unwrap();
        let error = build([issuer.persist_keys("keys.json")]).unwrap_err();
        assert_eq!(error, ConfigError::NotPersistable { issuer: "https://a.example".into() });
        assert_eq!(
            error.to_string(),
            r#"the keys of the issuer "https://a.example" are to be persisted, but their source does not fetch them by HTTP: expected no file for them"#
        );
    }
}

fn folder_keys() -> String {
    crate::harness::small_issuer().jwks().to_string()
}

#[test]
fn a_path_that_a_template_left_is_a_mistake() {
    for path in ["", " ", "${STATE}/keys.json", "\"keys.json\""] {
        for issuer in [
            discovered("one").persist_keys(path),
            discovered("one").keys_from(RemoteKeys::at("https://keys.example.com").unwrap().persist(path)),
        ] {
            let error = build([issuer]).unwrap_err();
            assert!(matches!(error, ConfigError::Text { what: "file of persisted keys", .. }), "{error}");
        }
    }
}

#[tokio::test]
async fn a_setting_persists_the_keys_of_any_issuer_that_is_fetched() {
    let deployment = Deployment::new();
    let (url, path, jwks) = (deployment.issuer.url(), deployment.path(), deployment.issuer.jwks_url());
    let preset = format!("preset = 'keycloak'\nbase_url = '{url}'\nrealm = 'r'\njwks_url = '{jwks}'");
    for settings in [format!("issuer = '{url}'"), format!("issuer = '{url}'\njwks_url = '{jwks}'"), preset] {
        let document =
            format!("audience = 'https://api.example.test'\n[[issuers]]\npersist_keys = {path:?}\n{settings}");
        let config: Config = toml::from_str(&document).unwrap();
        let api = config.builder().unwrap().clock(deployment.clock.clone()).build().unwrap();
        api.ready().await;
        super::until(|| deployment.file().is_some()).await;
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn mistakes_are_reported_at_the_setting() {
    let problem = |issuers: &str| {
        let config: Config = toml::from_str(&format!("audience = 'a'\n{issuers}")).unwrap();
        config.build().unwrap_err().to_string()
    };
    let [one, two] = ["one", "two"].map(|host| format!("[[issuers]]\nissuer = 'https://{host}.example'\n"));
    assert_eq!(
        problem(&format!("{one}persist_keys = 1")),
        "issuers[0].persist_keys: expected a string, found the number 1"
    );
    assert_eq!(
        problem(&format!("{one}persist_keys = ''")),
        "issuers[0].persist_keys: the file of persisted keys \"\" is blank"
    );
    assert_eq!(
        problem(&format!("{one}jwks_file = 'x'\npersist_keys = 'y'")),
        "issuers[0].persist_keys: the keys of the issuer \"https://one.example\" are to be persisted, but their source does not \
         fetch them by HTTP: expected no file for them"
    );
    assert_eq!(
        problem(&format!("{one}persist_keys = 'x'\n{two}persist_keys = 'x'")),
        "issuers[1].persist_keys: the file \"x\" is to hold the persisted keys of two issuers, expected one file for each"
    );
}

//! What a template, a shell or a list left in a setting is an error.

use tower_bearer::config::Config;
use tower_bearer::jose::JwkSet;
use tower_bearer::server::Builder;
use tower_bearer::{Issuer, ResourceServer};

use super::{config, problems, problems_of_vars};
use crate::harness::small_issuer;

#[test]
fn a_placeholder_in_a_preset_argument_is_reported_at_its_variable() {
    let keycloak = |value| {
        [
            ("API_AUDIENCE", "a"),
            ("API_ISSUERS__0__PRESET", "keycloak"),
            ("API_ISSUERS__0__REALM", "shop"),
            ("API_ISSUERS__0__BASE_URL", value),
        ]
    };
    assert!(Config::from_vars("API_", keycloak("https://id.example.com")).build().is_ok());
    assert_eq!(
        problems_of_vars(&keycloak("https://${HOST}")),
        [
            "issuers[0].base_url (API_ISSUERS__0__BASE_URL): the base_url \"https://${HOST}\" contains a placeholder that was not filled in"
        ]
    );
}

/// Remains of a template, a shell or a list in every identifier, as settings and in code, with the same messages.
#[test]
fn unfilled_values_are_problems() {
    let oddities = [
        (" ", "is blank"),
        ("b ", "begins or ends with white space"),
        ("\"b\"", "begins or ends with a quotation mark, which would be part of it"),
        ("${VALUE}", "contains a placeholder that was not filled in"),
        ("$VALUE", "contains a placeholder that was not filled in"),
        ("{{ value }}", "contains a placeholder that was not filled in"),
        ("<value>", "contains a placeholder that was not filled in"),
    ];
    let at =
        |settings: &str| problems(&format!("audience = 'a'\n[[issuers]]\nissuer = 'https://a.example'\n{settings}"));
    for (value, reason) in oddities {
        let issuers = "issuers = ['https://a.example']";
        assert_eq!(
            problems(&format!("audience = '{value}'\n{issuers}")),
            [format!("audience: the audience {value:?} {reason}")]
        );
        assert_eq!(
            problems(&format!("audience = 'a'\nissuers = ['{value}']")),
            [format!("issuers[0]: the issuer {value:?} {reason}")]
        );
        for keys in ["jwks_file = 'x'", "jwks_url = 'https://keys.example.com'"] {
            assert_eq!(
                problems(&format!("audience = 'a'\n[[issuers]]\nissuer = '{value}'\n{keys}")),
                [format!("issuers[0].issuer: the issuer {value:?} {reason}")]
            );
        }
        for (setting, what) in [("audiences", "audience"), ("subjects", "subject"), ("identify_by_client", "client")] {
            assert_eq!(
                at(&format!("{setting} = ['b', '{value}']")),
                [format!("issuers[0].{setting}[1]: the {what} {value:?} {reason}")]
            );
        }
        assert_eq!(
            at(&format!("jwks_url = '{value}'")),
            [format!("issuers[0].jwks_url: the JWKS URL {value:?} {reason}")]
        );
        assert_eq!(
            at(&format!("jwks_file = '{value}'")),
            [format!("issuers[0].jwks_file: the file of keys {value:?} {reason}")]
        );

        // The builder says the same.
        let keys = || JwkSet::from_json(small_issuer().jwks().to_string().as_bytes()).unwrap();
        let issuer = || Issuer::discover("https://a.example").unwrap();
        let text = |what: &str| format!("the {what} {value:?} {reason}");
        assert_eq!(Issuer::keys(value, keys()).unwrap_err().to_string(), text("issuer"));
        let built = |builder: Builder| builder.build().unwrap_err().to_string();
        assert_eq!(built(ResourceServer::builder(value).trust(issuer())), text("audience"));
        let trusting = |issuer: Issuer| built(ResourceServer::builder("a").trust(issuer));
        assert_eq!(trusting(issuer().audiences([value])), text("audience"));
        assert_eq!(trusting(issuer().allow_subjects([value])), text("subject"));
        assert_eq!(trusting(issuer().identify_by_client([value])), text("client"));
    }
    assert_eq!(at("subjects = ['']"), [r#"issuers[0].subjects[0]: the subject "" is blank"#]);
    let server = "audience = 'https://a.example'\nissuers = ['https://a.example']";
    // A realm is for people to read.
    assert!(config(&format!("{server}\nrealm = 'Users of <{{shop}}>'")).build().is_ok());
    assert_eq!(
        problems(&format!("{server}\nmetadata.resource = 'https://a.example/${{PATH}}'")),
        [
            r#"metadata.resource: the resource "https://a.example/${PATH}" contains a placeholder that was not filled in"#
        ]
    );
    assert_eq!(
        problems("audience = 'a'\nissuers = ['https://a.example,https://b.example']"),
        [
            r#"issuers[0]: the issuer "https://a.example,https://b.example" is a list of URLs, expected one URL for each setting or element"#
        ]
    );
    // What is still a URL with it.
    for value in ["https://a.example/${PATH}", "https://a.example/$PATH", "https://a.example/{tenant}"] {
        let reason = "contains a placeholder that was not filled in";
        assert_eq!(
            problems(&format!("audience = 'a'\nissuers = ['{value}']")),
            [format!("issuers[0]: the issuer {value:?} {reason}")]
        );
        assert_eq!(
            at(&format!("jwks_url = '{value}'")),
            [format!("issuers[0].jwks_url: the JWKS URL {value:?} {reason}")]
        );
        assert_eq!(Issuer::discover(value).unwrap_err().to_string(), format!("the issuer {value:?} {reason}"));
        assert_eq!(Issuer::jwks("b", value).unwrap_err().to_string(), format!("the JWKS URL {value:?} {reason}"));
    }
    let common = "https://login.microsoftonline.com/common/v2.0";
    assert_eq!(
        problems(&format!("audience = 'a'\nissuers = ['{common}']")),
        [format!(
            "issuers[0]: the issuer {common:?} stands for any tenant, expected the GUID of a tenant instead of common, organizations or consumers"
        )]
    );
}

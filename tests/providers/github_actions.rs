//! GitHub Actions

use serde_json::{Value, json};
use tower_bearer::validation::TokenError;
use tower_bearer::{Issuer, Require};

use super::{NOW, Provider, audience, issuer, missing, pointer};
use crate::harness::AUDIENCE;

const GITHUB: &str = "https://token.actions.githubusercontent.com";

pub(super) fn github_actions() -> Provider {
    by(Issuer::github_actions(["74", "296133"]).unwrap(), GITHUB)
}

fn by(preset: Issuer, issuer: &str) -> Provider {
    let claims = json!({
        "jti": "0d4e2f3a-6c13-4f0c-9a53-5d7f1e1b8d11",
        "sub": "repo:octo-org/octo-repo:environment:production",
        "environment": "production",
        "aud": AUDIENCE,
        "ref": "refs/heads/main",
        "sha": "f25b2a4c0f1d2f5e8e9e7e1f6c3f8d2b0a4c1e6d",
        "repository": "octo-org/octo-repo",
        "repository_owner": "octo-org",
        "actor_id": "12",
        "repository_visibility": "private",
        "repository_id": "74",
        "repository_owner_id": "65",
        "run_id": "7216353231",
        "run_number": "10",
        "run_attempt": "2",
        "runner_environment": "github-hosted",
        "actor": "octocat",
        "workflow": "deploy",
        "head_ref": "",
        "base_ref": "",
        "event_name": "push",
        "ref_type": "branch",
        "job_workflow_ref": "octo-org/octo-automation/.github/workflows/deploy.yml@refs/heads/main",
        "workflow_ref": "octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main",
        "iss": issuer,
        "nbf": NOW - 90,
    });
    Provider::new(preset, AUDIENCE, json!({ "typ": "JWT", "x5t": "ykNaY4qM_ta4k2TgZOCEYLkcYlA" }), claims)
}

#[test]
fn accepts_jobs_of_listed_repositories() {
    let provider = github_actions();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.subject(), "repo:octo-org/octo-repo:environment:production");
    assert_eq!((token.client_id(), token.is_client()), (None, false));
    assert!(token.scope().is_empty());
    assert_eq!(pointer(&token, "/repository_id"), "74");
    // A subject with identifiers, one of the owner's choice, and a repository with a new name.
    provider.accepts(&json!({ "sub": "repo:octo-org@65/octo-repo@74:ref:refs/heads/main", "environment": null }));
    provider.accepts(
        &json!({ "sub": "job_workflow_ref:octo-org/octo-automation/.github/workflows/x.yml@refs/heads/main" }),
    );
    provider.accepts(&json!({ "repository": "octo-org/renamed", "sub": "repo:octo-org/renamed:ref:refs/heads/main" }));
    provider.accepts(&json!({ "repository_id": "296133", "repository": "octo-org/other" }));
    provider.refuses_strangers();
}

/// Anyone who can run a workflow on GitHub can get a token for this audience.
#[test]
fn refuses_jobs_of_other_repositories() {
    let caller = |found: &str| TokenError::Caller { claim: "repository_id", found: found.into() };
    github_actions().refuses([
        ("another repository's", json!({ "repository_id": "75", "repository": "octo-org/evil" }), caller("75")),
        ("with the name of a listed one that is gone", json!({ "repository_id": "999" }), caller("999")),
        (
            "with the subject of a listed one",
            json!({ "repository_id": "999", "repository_owner_id": "66" }),
            caller("999"),
        ),
        ("a fork's", json!({ "repository_id": "1000", "repository": "evil/octo-repo" }), caller("1000")),
        (
            "whose owner has the number of a listed one",
            json!({ "repository_id": "1", "repository_owner_id": "74" }),
            caller("1"),
        ),
        ("the start of a listed number", json!({ "repository_id": "7" }), caller("7")),
        ("a listed number that goes on", json!({ "repository_id": "740" }), caller("740")),
        ("a number of other digits", json!({ "repository_id": "074" }), caller("074")),
        ("two numbers", json!({ "repository_id": "74 296133" }), caller("74 296133")),
        ("no string", json!({ "repository_id": 74 }), caller("")),
        ("a list", json!({ "repository_id": ["74"] }), caller("")),
        ("an empty text", json!({ "repository_id": "" }), missing("repository_id")),
        ("none", json!({ "repository_id": null }), missing("repository_id")),
    ]);
}

#[test]
fn refuses_tokens_for_others() {
    let (bare, enterprise) = ("vstoken.actions.githubusercontent.com", format!("{GITHUB}/octo-inc"));
    let runtime = format!("{bare}|vso:b522b88b-631e-4511-8fb6-6c259c5b2772");
    github_actions().refuses([
        (
            "with the default audience",
            json!({ "aud": "https://github.com/octo-org" }),
            audience(["https://github.com/octo-org"], AUDIENCE),
        ),
        ("for a cloud", json!({ "aud": "sts.amazonaws.com" }), audience(["sts.amazonaws.com"], AUDIENCE)),
        ("the runner's own", json!({ "iss": bare, "aud": runtime, "sub": null }), issuer(bare)),
        ("an enterprise's", json!({ "iss": enterprise }), issuer(&enterprise)),
        ("with a slash", json!({ "iss": format!("{GITHUB}/") }), issuer(&format!("{GITHUB}/"))),
        (
            "of a server of one's own",
            json!({ "iss": "https://github.example.com/_services/token" }),
            issuer("https://github.example.com/_services/token"),
        ),
    ]);
}

#[test]
fn other_issuers_of_github_have_lists_too() {
    for iss in ["https://github.example.com/_services/token", "https://token.actions.githubusercontent.com/octo-inc"] {
        let provider = by(Issuer::github_actions_enterprise(iss, ["74"]).unwrap(), iss);
        provider.accepts(&json!({}));
        provider.refuses([
            (
                "another repository's",
                json!({ "repository_id": "75" }),
                TokenError::Caller { claim: "repository_id", found: "75".into() },
            ),
            ("github.com's", json!({ "iss": GITHUB }), issuer(GITHUB)),
        ]);
        provider.refuses_strangers();
    }
}

/// A branch that anybody with write access can push gets a token too, and so does a workflow that a stranger's fork causes.
#[test]
fn a_requirement_tells_deployments_from_other_jobs() {
    let provider = github_actions();
    let production = Require::token().and_claim_equals("/environment", "production");
    let main = Require::token().and_claim_equals("/ref", "refs/heads/main").and_claim_equals("/event_name", "push");
    let holds = |require: &Require, claims: Value| {
        let token = provider.accepts(&claims);
        provider.api.check(&token, require).is_ok()
    };
    assert!(holds(&production, json!({})) && holds(&main, json!({})));
    assert!(!holds(&production, json!({ "environment": null })));
    assert!(!holds(&main, json!({ "ref": "refs/heads/evil" })));
    assert!(!holds(&main, json!({ "event_name": "pull_request_target" })));
}

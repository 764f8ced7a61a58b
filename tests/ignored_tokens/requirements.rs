//! Where an ignored credential passes: only where the requirement of the layer, and every inner one, accepts an extension.

use std::time::Duration;

use http::HeaderName;
use http::header::AUTHORIZATION;
use metrics_exporter_prometheus::PrometheusBuilder;
use tower_bearer::Require;
use tower_bearer::credentials::TokenSource;
use tower_bearer::rejection::RejectionKind;

use super::{ApiKey, KEY, Other, Rig, answer, checked, request, text, unknown, with, with_key};
use crate::harness::{current_thread_runtime, good, log, server};

#[tokio::test]
async fn an_ignored_credential_passes_with_the_extension_of_the_requirement() {
    let rig = Rig::new();
    for requirement in [Require::token(), Require::scope("read:me"), Require::token().and_acr("mfa")] {
        let app = rig.app(rig.layer().require(with_key(requirement)));
        assert_eq!(text(&app, checked(KEY)).await, "token 0, key 1");
        assert_eq!(rig.reached(), 1);
        rig.assert_refused(&app, unknown(KEY)).await;
        rig.assert_refused(&app, with(unknown(KEY), Other)).await;
    }
}

/// The layer cannot know what is inside of it.
#[tokio::test]
async fn without_a_requirement_of_the_layer_no_ignored_credential_passes() {
    let rig = Rig::new();
    let inner = || with_key(Require::token());
    for layer in [rig.layer(), rig.layer().optional(), rig.layer().trace_subject()] {
        rig.assert_refused(&rig.app(layer.clone()), checked(KEY)).await;
        rig.assert_refused(&rig.routes().layer(inner()).layer(layer), checked(KEY)).await;
    }
    for requirement in [Require::token(), Require::scope("read:me"), Require::token().or_extension::<Other>()] {
        rig.assert_refused(&rig.app(rig.layer().require(requirement)), checked(KEY)).await;
    }
}

#[tokio::test]
async fn every_inner_requirement_has_to_accept_an_extension_too() {
    let rig = Rig::new();
    let layer = || rig.layer().require(with_key(Require::token()));
    for inner in [
        Require::token(),
        Require::scope("read:me"),
        Require::token().or_extension::<Other>(),
        Require::token().and_custom(|_, _| Ok(())),
    ] {
        let app = rig.routes().layer(inner).layer(layer());
        rig.assert_refused(&app, checked(KEY)).await;
    }
    let app = rig.routes().layer(with_key(Require::scope("absent"))).layer(layer());
    rig.assert_passes(&app, checked(KEY)).await;
    let app = app.layer(Require::scope("read:me"));
    assert_eq!(answer(&app, checked(KEY)).await.status, 500, "no layer protects the outermost requirement");
}

/// It comes too late, because the layer has decided before.
#[tokio::test]
async fn an_extension_of_an_inner_layer_does_not_count_for_the_layer() {
    let rig = Rig::new();
    let inner = axum::Extension(ApiKey);
    let app = rig.routes().layer(inner).layer(rig.layer().require(with_key(Require::token())));
    rig.assert_refused(&app, unknown(KEY)).await;
}

#[tokio::test]
async fn conditions_combine_with_extensions() {
    let rig = Rig::new();
    let a = || Require::scope("a");
    let both = || Require::token().or_extension::<ApiKey>().and(Require::token().or_extension::<Other>());
    let cases = [
        // Requirement, whether ApiKey satisfies it, and whether ApiKey and Other do.
        (a().or_extension::<ApiKey>(), true, true),
        (a().or_extension::<Other>(), false, true),
        (a().or_extension::<Other>().or_extension::<ApiKey>(), true, true),
        (a().or(with_key(a())), true, true),
        (with_key(a()).or(a()), true, true),
        (both(), false, true),
        (both().or_extension::<ApiKey>(), true, true),
        // A rule about a token needs one, before and after.
        (with_key(a()).and_acr("mfa"), false, false),
        (with_key(a()).and_max_token_age(Duration::from_secs(60)), false, false),
        (with_key(a()).and_no_actor(), false, false),
        (with_key(a()).and(Require::token()), false, false),
        (Require::token().and(with_key(a())), false, false),
        (with_key(with_key(a()).and_acr("mfa")), true, true),
    ];
    for (requirement, one, two) in cases {
        let shown = format!("{requirement:?}");
        let app = rig.app(rig.layer().require(requirement));
        for (request, passes) in [(checked(KEY), one), (with(checked(KEY), Other), two)] {
            let status = answer(&app, request).await.status;
            assert_eq!((status.as_u16(), rig.reached()), if passes { (200, 1) } else { (401, 0) }, "{shown}");
        }
    }
    // Two requirements of a layer both have to hold.
    let twice = rig.layer().require(with_key(a())).require(Require::token());
    rig.assert_refused(&rig.app(twice), checked(KEY)).await;
    let twice = rig.layer().require(with_key(a())).require(with_key(a()));
    rig.assert_passes(&rig.app(twice), checked(KEY)).await;
}

/// An API key must not extend what the token of somebody else grants.
#[tokio::test]
async fn an_extension_adds_nothing_to_a_token() {
    let rig = Rig::new();
    let requirement = || Require::scope("read:me").and_max_token_age(Duration::from_secs(3600));
    let plain = rig.app(rig.api.layer().require(requirement()));
    let of_layer = rig.app(rig.layer().require(with_key(requirement())));
    let layer = rig.layer().require(with_key(Require::token()));
    let of_route = rig.routes().layer(with_key(requirement())).layer(layer);
    let expired = good(&rig.issuer).expired_for(Duration::from_secs(90));
    let old = good(&rig.issuer).claim("iat", 1_000_000_000_u64);
    for token in [good(&rig.issuer), good(&rig.issuer).scope("other"), expired, old] {
        let token = token.sign();
        let expected = answer(&plain, unknown(&token)).await;
        rig.reached();
        for app in [&of_layer, &of_route] {
            for request in [unknown(&token), checked(&token)] {
                let found = answer(app, request).await;
                assert_eq!((found.status, &found.headers), (expected.status, &expected.headers));
                assert_eq!(rig.reached(), usize::from(expected.status == 200));
            }
        }
    }
}

#[tokio::test]
async fn an_extension_does_not_replace_credentials() {
    let rig = Rig::new();
    let app = rig.app(rig.layer().require(with_key(Require::scope("read:me"))));
    answer(&app, with(request(&[]), ApiKey)).await.assert_bare_with_scope("read:me");
    let basic = request(&[(AUTHORIZATION, "Basic dTpw")]);
    answer(&app, with(basic, ApiKey)).await.assert_bare_with_scope("read:me");
    // A layer that ignores nothing takes the key for a bad token.
    let app = rig.app(rig.api.layer().require(with_key(Require::scope("read:me"))));
    rig.assert_refused(&app, checked(KEY)).await;
    // Behind an optional layer a requirement still needs credentials.
    let app = rig.routes().layer(with_key(Require::scope("read:me"))).layer(rig.layer().optional());
    answer(&app, with(request(&[]), ApiKey)).await.assert_bare_with_scope("read:me");
    assert_eq!(rig.reached(), 0);
}

/// Each layer decides anew. What the outer one has stored, a token or that there is none, does not count for the inner one.
#[tokio::test]
async fn nested_layers_decide_each_for_itself() {
    let rig = Rig::new();
    let assertion = || TokenSource::header(HeaderName::from_static("x-assertion"));
    let by_key = || rig.layer().require(with_key(Require::token()));
    let token = good(&rig.issuer).sign();
    for outer in [by_key(), rig.api.layer().token_only_from(assertion())] {
        let headers = [(HeaderName::from_static("x-assertion"), &*token), (AUTHORIZATION, "Bearer ak_live_7")];
        let request = || request(&headers);
        let app = rig.app(by_key()).layer(outer.clone());
        assert_eq!(text(&app, with(request(), ApiKey)).await, "token 0, key 1", "the outer token is gone");
        assert_eq!(rig.reached(), 1);
        for inner in [rig.api.layer(), server(&rig.issuer).layer().optional(), rig.layer()] {
            let app = rig.app(inner).layer(outer.clone());
            rig.assert_refused(&app, with(request(), ApiKey)).await;
        }
    }
}

#[tokio::test]
async fn methods_without_a_layer_do_not_know_what_it_ignores() {
    let rig = Rig::new();
    let error = rig.api.verify_request(&checked(KEY)).await.unwrap_err();
    assert_eq!(error.kind(), RejectionKind::InvalidToken);
    let explanation = rig.api.explain_request(&checked(KEY)).await.unwrap();
    let failed: Vec<_> = explanation.failures().map(|step| step.name).collect();
    assert_eq!(failed, ["form"]);
    assert!(rig.api.verify(KEY).await.is_err());
}

#[test]
fn a_requirement_shows_its_extensions() {
    let shown = |requirement: Require| {
        format!("{requirement:?}").replace(concat!(module_path!(), "::"), "").replace("promises::ignored_tokens::", "")
    };
    assert_eq!(shown(with_key(Require::scope("a"))), r#"any [scope "a", extension ApiKey]"#);
    assert_eq!(shown(with_key(Require::scope("a")).and_acr("mfa")), r#"all [scope "a", acr "mfa"]"#);
    let two = with_key(Require::token()).or_extension::<Other>();
    assert_eq!(shown(two.clone()), "any [all [], any [extension ApiKey, extension Other]]");
    let all = two.and(with_key(Require::scope("a")));
    let expected = r#"any [all [scope "a"], all [any [extension ApiKey, extension Other], extension ApiKey]]"#;
    assert_eq!(shown(all), expected);
    let rig = Rig::new();
    let layer = format!("{:?}", rig.layer().require(with_key(Require::scope("a"))));
    assert!(layer.contains("IgnoredTokens") && layer.contains("extension"), "{layer}");
}

#[test]
fn spans_and_counts_tell_what_was_ignored() {
    let rig = Rig::new();
    let runtime = current_thread_runtime();
    let app = rig.app(rig.layer().require(with_key(Require::token())));
    let inner = rig.routes().layer(Require::token()).layer(rig.layer().require(with_key(Require::token())));
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let ((), log) = log::logged(|| {
        ::metrics::with_local_recorder(&recorder, || {
            runtime.block_on(async {
                answer(&app, checked(KEY)).await.assert_ok();
                answer(&app, unknown(KEY)).await.assert_invalid_token();
                answer(&inner, checked(KEY)).await.assert_invalid_token();
            });
        });
    });
    let closed = log.lines().filter(|line| line.contains("bearer{") && line.contains(": close"));
    let fields: Vec<_> = closed.map(|line| &line[line.find('{').unwrap() + 1..line.find('}').unwrap()]).collect();
    let expected = [
        r#"outcome="granted_by_extension""#,
        r#"reason="ignored" outcome="invalid_token""#,
        r#"outcome="invalid_token""#,
    ];
    assert_eq!(fields, expected, "{log}");
    assert_eq!(log.matches("request refused").count(), 2, "{log}");
    assert!(!log.contains(KEY), "{log}");
    let scrape = handle.render();
    assert!(scrape.contains(r#"tower_bearer_refusals_total{kind="invalid_token"} 2"#), "{scrape}");
    assert!(!scrape.contains("tower_bearer_tokens_total"), "no token was validated: {scrape}");
}

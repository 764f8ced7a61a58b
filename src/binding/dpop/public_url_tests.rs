//! Which target a request has, behind which proxies.

use std::net::IpAddr;

use http::{HeaderName, Method, Request};

use super::target_uri::TargetUri;
use super::{ForwardedHeaders, InvalidNetwork, InvalidPublicUrl, PublicUrl, TargetUriError};
use crate::credentials::RequestView;

const PROXY: &str = "10.0.0.1";
const STRANGER: &str = "192.0.2.1";

type Lines<'l> = &'l [(&'l str, &'l str)];

/// The target and the method, of a request with these lines from this peer.
fn seen(url: &PublicUrl, target: &str, lines: Lines<'_>, peer: &str) -> Result<(String, Method), TargetUriError> {
    let mut request = Request::builder().method("POST").uri(target);
    for (name, value) in lines {
        request = request.header(*name, value.as_bytes());
    }
    let request = request.body(()).unwrap();
    let peer: Option<IpAddr> = peer.parse().ok();
    let method = url.method(RequestView::from(&request), peer)?;
    let target = url.target(RequestView::from(&request), peer)?;
    Ok((target.as_str().to_owned(), method))
}

fn target(url: &PublicUrl, target: &str, lines: Lines<'_>, peer: &str) -> Result<String, TargetUriError> {
    seen(url, target, lines, peer).map(|(target, method)| {
        assert_eq!(method, Method::POST);
        target
    })
}

fn url(text: &str) -> PublicUrl {
    PublicUrl::new(text).unwrap()
}

/// Row L7.
#[test]
fn only_the_path_of_the_request_counts() {
    for (form, expected) in [
        // Origin-form.
        ("/", "https://api.example.com/"),
        ("/me", "https://api.example.com/me"),
        ("/me/", "https://api.example.com/me/"),
        ("/me?x=1", "https://api.example.com/me"),
        ("/?x=/../", "https://api.example.com/"),
        ("/%7eme%2f", "https://api.example.com/~me%2F"),
        ("//evil.example/me", "https://api.example.com//evil.example/me"),
        ("/https://evil.example/me", "https://api.example.com/https://evil.example/me"),
        ("/@evil.example", "https://api.example.com/@evil.example"),
        // Absolute-form, and `:scheme` and `:authority` of HTTP/2.
        ("https://api.example.com/me?x", "https://api.example.com/me"),
        ("http://evil.example:81/me", "https://api.example.com/me"),
        ("https://evil.example", "https://api.example.com/"),
        ("https://evil.example?x", "https://api.example.com/"),
    ] {
        let headers =
            [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")];
        assert_eq!(
            target(&url("https://API.example.com:443"), form, &headers, PROXY).as_deref(),
            Ok(expected),
            "{form}"
        );
    }
}

#[test]
fn a_request_whose_target_is_no_path_has_no_target_uri() {
    let refused = |form: &str| target(&url("https://api.example.com"), form, &[], PROXY).unwrap_err();
    for form in ["*", "api.example.com:443", "api.example.com"] {
        assert_eq!(refused(form), TargetUriError::NoPath { found: form.into() }, "{form}");
    }
    assert!(!refused("user:secret@api.example.com:443").to_string().contains("secret"));
    for form in ["/..", "/a/./b", "/%2e%2e/b", "https://api.example.com/a/..", "/a/.?x"] {
        assert!(matches!(refused(form), TargetUriError::DotSegment { .. }), "{form}");
    }
    for (form, found) in [("/a\\b", '\\'), ("/{a}", '{'), ("/\"", '"')] {
        assert_eq!(refused(form), TargetUriError::Character { found }, "{form}");
    }
    assert!(matches!(refused("/%zz"), TargetUriError::PercentEncoding { .. }));
    assert!(matches!(refused(&format!("/{}", "a".repeat(2048))), TargetUriError::TooLong { .. }));
    // `CONNECT` names a host and a port. The extended one of HTTP/2 (RFC 8441 §4) names a path.
    for (form, expected) in [("a:443", None), ("https://a/chat", Some("https://a/chat"))] {
        let request = Request::connect(form).body(()).unwrap();
        let found = url("https://a").target(RequestView::from(&request), None).ok();
        assert_eq!(found.as_ref().map(TargetUri::as_str), expected);
    }
    let long_query = target(&url("https://a"), &format!("/me?{}", "a".repeat(4096)), &[], PROXY);
    assert_eq!(long_query.as_deref(), Ok("https://a/me"));
}

#[test]
fn the_mount_is_replaced_by_the_path_of_the_public_url() {
    let shop = url("https://a/shop");
    assert_eq!(target(&shop, "/me", &[], PROXY).as_deref(), Ok("https://a/shop/me"));
    assert_eq!(target(&shop, "/", &[], PROXY).as_deref(), Ok("https://a/shop"));
    assert_eq!(target(&url("https://a/shop/"), "/?x", &[], PROXY).as_deref(), Ok("https://a/shop/"));
    let mounted = shop.mounted_at("/api").unwrap();
    assert_eq!(target(&mounted, "/api/me?x", &[], PROXY).as_deref(), Ok("https://a/shop/me"));
    assert_eq!(target(&mounted, "/%61pi/me", &[], PROXY).as_deref(), Ok("https://a/shop/me"));
    let outside = TargetUriError::OutsideOfMount { found: "/apis".into(), expected: "/api".into() };
    assert_eq!(target(&mounted, "/apis", &[], PROXY), Err(outside));
    assert!(matches!(target(&mounted, "/api/../me", &[], PROXY), Err(TargetUriError::DotSegment { .. })));
}

#[test]
fn forwarded_headers_count_only_from_a_named_proxy() {
    let x = url("https://a/base").trust_proxies(["10.0.0.0/8"], ForwardedHeaders::XForwarded).unwrap();
    let prefix = url("https://a/base").trust_proxies(["10.0.0.0/8"], ForwardedHeaders::XForwardedWithPrefix).unwrap();
    let standard = url("https://a/base").trust_proxies(["10.0.0.0/8"], ForwardedHeaders::Forwarded).unwrap();
    let all = [
        ("x-forwarded-host", "b:81"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-prefix", "/shop"),
        ("forwarded", "for=_x;host=\"c:82\";proto=http"),
    ];
    for peer in [PROXY, "::ffff:10.0.0.1", "10.255.255.255"] {
        assert_eq!(target(&x, "/me", &all, peer).as_deref(), Ok("http://b:81/base/me"));
        assert_eq!(target(&prefix, "/me", &all, peer).as_deref(), Ok("http://b:81/shop/me"));
        assert_eq!(target(&prefix, "/", &all, peer).as_deref(), Ok("http://b:81/shop"));
        assert_eq!(target(&standard, "/me", &all, peer).as_deref(), Ok("http://c:82/base/me"));
    }
    for url in [x, prefix, standard] {
        // A stranger, and an address that is unknown.
        for peer in [STRANGER, "11.0.0.0", "::a00:1", ""] {
            assert_eq!(target(&url, "/me", &all, peer).as_deref(), Ok("https://a/base/me"), "{peer:?}");
        }
        let appended = [&all[..], &all[..]].concat();
        assert_eq!(target(&url, "/me", &appended, PROXY).as_deref(), Ok("https://a/base/me"));
        assert_eq!(target(&url, "/me", &[], PROXY).as_deref(), Ok("https://a/base/me"));
    }
}

#[test]
fn one_header_in_another_form_makes_all_of_the_set_ignored() {
    let url = url("https://a").trust_proxies([PROXY], ForwardedHeaders::XForwardedWithPrefix).unwrap();
    let good = [("x-forwarded-host", "b"), ("x-forwarded-proto", "http"), ("x-forwarded-prefix", "/shop")];
    assert_eq!(target(&url, "/me", &good, PROXY).as_deref(), Ok("http://b/shop/me"));
    for (at, value) in [(0, "b, c"), (0, "b/"), (1, "http,https"), (1, "ws"), (2, "/shop,/x"), (2, "/..")] {
        let mut lines = good;
        lines[at].1 = value;
        assert_eq!(target(&url, "/me", &lines, PROXY).as_deref(), Ok("https://a/me"), "{value}");
    }
}

#[test]
fn forward_auth_takes_target_and_method_from_one_line_each() {
    let forward = |url: PublicUrl| {
        let [target, method] = ["x-original-uri", "x-original-method"].map(HeaderName::from_static);
        url.forward_auth([PROXY], target, method).unwrap()
    };
    let api = forward(url("https://api.example.com"));
    let of = |value: &str| seen(&api, "/auth", &[("x-original-uri", value), ("x-original-method", "PUT")], PROXY);
    for (value, expected) in [
        ("/me?x", "https://api.example.com/me"),
        ("/%7eme#x", "https://api.example.com/~me"),
        ("//evil.example/me", "https://api.example.com//evil.example/me"),
        ("https://API.example.com:443/me?x", "https://api.example.com/me"),
        ("https://api.example.com", "https://api.example.com/"),
        ("https://api.example.com?x/y", "https://api.example.com/"),
    ] {
        assert_eq!(of(value), Ok((expected.to_owned(), Method::PUT)), "{value}");
    }
    let header = HeaderName::from_static("x-original-uri");
    for value in ["https://evil.example/me", "http://api.example.com/me", "https://api.example.com:444/me"] {
        let refused = of(value).unwrap_err();
        assert!(matches!(&refused, TargetUriError::OtherOrigin { header: name, .. } if *name == header), "{value}");
    }
    for value in ["", "me", "*", "https://user@api.example.com/", "/me/..", "/a b", "/\\", "/\u{fc}", "/a, /b"] {
        assert!(of(value).is_err(), "{value}");
    }
    let moved = forward(url("https://a/shop").mounted_at("/api").unwrap());
    let lines = [("x-original-uri", "/api/me"), ("x-original-method", "POST")];
    assert_eq!(target(&moved, "/auth", &lines, PROXY).as_deref(), Ok("https://a/shop/me"));
}

#[test]
fn forward_auth_refuses_missing_and_repeated_lines_and_other_peers() {
    let [uri, method] = ["x-original-uri", "x-original-method"].map(HeaderName::from_static);
    let url = url("https://a").forward_auth([PROXY], uri.clone(), method.clone()).unwrap();
    let (good_uri, good_method) = (("x-original-uri", "/me"), ("x-original-method", "PUT"));
    let of = |lines: Lines<'_>| seen(&url, "/auth", lines, PROXY);
    assert!(of(&[good_uri, good_method]).is_ok());
    let lines = |header: &HeaderName, found| Err(TargetUriError::HeaderLines { header: header.clone(), found });
    assert_eq!(of(&[good_method]), lines(&uri, 0));
    assert_eq!(of(&[good_uri, good_uri, good_method]), lines(&uri, 2));
    assert_eq!(of(&[good_uri]), lines(&method, 0));
    assert_eq!(of(&[good_uri, good_method, good_method, good_method]), lines(&method, 3));
    let bad = TargetUriError::Method { header: method, found: "PUT,GET".into() };
    assert_eq!(of(&[good_uri, ("x-original-method", "PUT,GET")]), Err(bad));
    assert!(of(&[good_uri, ("x-original-method", "")]).is_err());
    for peer in [STRANGER, ""] {
        let found = peer.parse().ok();
        let refused = seen(&url, "/auth", &[good_uri, good_method], peer);
        assert_eq!(refused, Err(TargetUriError::UnnamedPeer { found }), "{peer:?}");
        // Each by itself, too: neither may be asked for without the other's check.
        let request = Request::builder().header("x-original-uri", "/me").body(()).unwrap();
        assert!(url.target(RequestView::from(&request), found).is_err());
        let request = Request::builder().header("x-original-method", "PUT").body(()).unwrap();
        assert!(url.method(RequestView::from(&request), found).is_err());
    }
}

#[test]
fn a_url_in_forward_auth_has_the_origin_that_the_proxy_names() {
    let [uri, method] = ["x-forwarded-uri", "x-forwarded-method"].map(HeaderName::from_static);
    let url = url("https://a").trust_proxies([PROXY], ForwardedHeaders::XForwarded).unwrap();
    let url = url.forward_auth([PROXY], uri, method).unwrap();
    let lines = |uri| [("x-forwarded-uri", uri), ("x-forwarded-method", "POST"), ("x-forwarded-host", "b")];
    assert_eq!(target(&url, "/auth", &lines("/me"), PROXY).as_deref(), Ok("https://b/me"));
    assert_eq!(target(&url, "/auth", &lines("https://b/me"), PROXY).as_deref(), Ok("https://b/me"));
    assert!(target(&url, "/auth", &lines("https://a/me"), PROXY).is_err());
}

#[test]
fn a_public_url_is_written_without_mistakes() {
    use InvalidPublicUrl::{Mount, Network, QueryOrFragment, Url};
    let refused = |text: &str| PublicUrl::new(text).unwrap_err();
    for text in ["https://a?", "https://a/?x", "https://a/b#", "https://a#x"] {
        assert_eq!(refused(text), QueryOrFragment, "{text}");
    }
    assert_eq!(refused("api.example.com"), Url(TargetUriError::NotAbsolute));
    assert_eq!(refused("https://u:p@a"), Url(TargetUriError::UserInfo));
    assert!(matches!(refused("https://a/b/../c"), Url(TargetUriError::DotSegment { .. })));
    assert!(matches!(refused("https://b\u{fc}cher.example"), Url(TargetUriError::Character { .. })));
    let no_path = Mount(TargetUriError::NoPath { found: "api".into() });
    assert_eq!(url("https://a").mounted_at("api").unwrap_err(), no_path);
    let none = url("https://a").trust_proxies([""; 0], ForwardedHeaders::Forwarded).unwrap_err();
    assert_eq!(none, Network(InvalidNetwork::None));
    let bits = "the networks of proxies are not acceptable: \"10.0.0.1/8\" has bits beyond its prefix, \
                expected the first address of the network, as in 10.0.0.0/8";
    let refused = url("https://a").trust_proxies(["10.0.0.1/8"], ForwardedHeaders::Forwarded).unwrap_err();
    assert_eq!(refused.to_string(), bits);
}

#[test]
fn an_explanation_names_the_header_that_would_have_matched() {
    let lines = [
        ("host", "host.example"),
        ("x-forwarded-host", "x.example"),
        ("x-forwarded-prefix", "/shop"),
        ("forwarded", "host=f.example;proto=http"),
        ("x-original-url", "https://o.example/full/me"),
        ("x-original-uri", "/full/me?x"),
    ];
    let mut request = Request::builder().uri("/me");
    for (name, value) in lines {
        request = request.header(name, value);
    }
    let request = request.body(()).unwrap();
    let names = |htu: &str| {
        let htu = TargetUri::parse_htu(htu).unwrap();
        url("https://a").headers_that_match(RequestView::from(&request), &htu)
    };
    for (htu, expected) in [
        ("https://host.example/me", &["Host"][..]),
        ("https://x.example/me", &["X-Forwarded-Host and X-Forwarded-Proto"]),
        ("https://x.example/shop/me", &["X-Forwarded-Host, X-Forwarded-Proto and X-Forwarded-Prefix"]),
        ("http://f.example/me", &["Forwarded"]),
        ("https://o.example/full/me", &["X-Original-URL"]),
        ("https://a/full/me", &["X-Original-URI"]),
        ("https://other.example/me", &[]),
        ("https://a/me", &[]),
    ] {
        assert_eq!(names(htu), expected, "{htu}");
    }
    let absolute = Request::builder().uri("https://target.example/me").header("host", "host.example").body(()).unwrap();
    let names =
        |htu| url("https://a").headers_that_match(RequestView::from(&absolute), &TargetUri::parse_htu(htu).unwrap());
    assert_eq!((names("https://target.example/me"), names("https://host.example/me")), (vec!["Host"], vec![]));
    // A header that says what is configured is of no help.
    let same = Request::builder().uri("/me").header("host", "a").header("x-forwarded-host", "a");
    let same = same.header("forwarded", "host=a").body(()).unwrap();
    let htu = TargetUri::parse_htu("https://a/me").unwrap();
    assert!(url("https://a").headers_that_match(RequestView::from(&same), &htu).is_empty());
}

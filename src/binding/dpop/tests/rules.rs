use super::super::RULES;
use super::*;

/// A change of the proof or of the request that breaks one rule and no other.
struct Broken {
    rule: &'static str,
    reason: &'static str,
    proof: fn(ProofBuilder) -> ProofBuilder,
    facts: fn(&mut ProofFacts<'_>),
}

const SAME: fn(ProofBuilder) -> ProofBuilder = |proof| proof;
const ALSO_SAME: fn(&mut ProofFacts<'_>) = |_| {};

/// In the order of the rules, from the first on.
const BROKEN: &[Broken] = &[
    Broken {
        rule: "proof_alg",
        reason: "proof_algorithm",
        proof: SAME,
        facts: |facts| facts.algorithms = AlgorithmSet::from_iter([]),
    },
    Broken {
        rule: "jkt",
        reason: "proof_other_key",
        proof: SAME,
        facts: |facts| facts.binding.jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
    },
    Broken { rule: "jkt", reason: "proof_other_key", proof: SAME, facts: |facts| facts.binding.jkt = "" },
    Broken {
        rule: "jkt",
        reason: "proof_other_key",
        proof: SAME,
        facts: |facts| facts.binding.jkt = &facts.binding.jkt[..42],
    },
    Broken {
        rule: "ath",
        reason: "proof_other_token",
        proof: SAME,
        facts: |facts| facts.binding.ath = "the-hash-of-another-token",
    },
    Broken { rule: "ath", reason: "proof_other_token", proof: |proof| proof.claim("ath", ""), facts: ALSO_SAME },
    Broken { rule: "ath", reason: "proof_other_token", proof: |proof| proof.claim("ath", TOKEN), facts: ALSO_SAME },
    Broken { rule: "ath", reason: "proof_other_token", proof: |proof| proof.for_token(""), facts: ALSO_SAME },
    Broken {
        rule: "ath",
        reason: "proof_other_token",
        proof: |proof| proof.claim("ath", "ri4AGlwEbjTH8Wz3IR4TmkU7B7pEpPP0F3zjW_RE-xw="),
        facts: ALSO_SAME,
    },
    Broken { rule: "htm", reason: "proof_method", proof: |proof| proof.claim("htm", "get"), facts: ALSO_SAME },
    Broken { rule: "htm", reason: "proof_method", proof: |proof| proof.claim("htm", "GET "), facts: ALSO_SAME },
    Broken { rule: "htm", reason: "proof_method", proof: |proof| proof.claim("htm", ""), facts: ALSO_SAME },
    Broken { rule: "htm", reason: "proof_method", proof: SAME, facts: |facts| facts.method = &Method::POST },
    Broken {
        rule: "htu",
        reason: "proof_target",
        proof: SAME,
        facts: |facts| facts.target.signed = Some("https://api.example.test/you"),
    },
    Broken { rule: "htu", reason: "proof_target", proof: SAME, facts: |facts| facts.target.signed = None },
    Broken {
        rule: "proof_iat",
        reason: "proof_too_old",
        proof: |proof| proof.issued_at(now() - Duration::from_secs(61)),
        facts: ALSO_SAME,
    },
    Broken {
        rule: "proof_iat",
        reason: "proof_in_the_future",
        proof: |proof| proof.issued_at(now() + Duration::from_secs(61)),
        facts: ALSO_SAME,
    },
    Broken { rule: "proof_iat", reason: "proof_too_old", proof: |proof| proof.claim("iat", 0), facts: ALSO_SAME },
    Broken { rule: "nonce", reason: "proof_no_nonce", proof: SAME, facts: |facts| facts.nonce = NonceVerdict::Absent },
    Broken { rule: "nonce", reason: "proof_nonce", proof: SAME, facts: |facts| facts.nonce = NonceVerdict::Bad },
];

/// Rows L4, L6, L9, L10, L11.
#[test]
fn each_rule_is_checked_alone_and_before_the_signature() {
    for client in CLIENTS.iter() {
        let jkt = client.jkt();
        for Broken { rule, reason, proof, facts: change } in BROKEN {
            let proof = UnverifiedProof::parse(&proof(good(client)).sign()).unwrap();
            let mut facts = facts(&proof, &jkt);
            change(&mut facts);
            let failed: Vec<_> =
                RULES.iter().filter(|rule| (rule.check)(&facts).is_err()).map(|rule| rule.name).collect();
            assert_eq!(failed, [*rule], "{client:?}");
            let before = parsed_and_verified();
            let error = CheckedProof::check(&facts).err();
            assert_eq!(error.as_ref().map(ProofError::reason), Some(*reason), "{client:?}");
            assert_eq!(parsed_and_verified(), before, "{reason} cost cryptography");
            assert_eq!(error.unwrap().asks_for_a_nonce(), *rule == "nonce");
        }
    }
}

#[test]
fn the_rules_are_checked_in_their_order() {
    let client = client(Algorithm::ES256);
    let jkt = client.jkt();
    for (first, Broken { reason, .. }) in BROKEN.iter().enumerate() {
        // A later change of one fact would take back an earlier one, so only one of each rule.
        let mut rules: Vec<&str> = Vec::new();
        let mut changes = Vec::new();
        for broken in &BROKEN[first..] {
            if !rules.contains(&broken.rule) {
                rules.push(broken.rule);
                changes.push(broken);
            }
        }
        let proof = changes.iter().fold(good(client), |proof, broken| (broken.proof)(proof));
        let proof = UnverifiedProof::parse(&proof.sign()).unwrap();
        let mut facts = facts(&proof, &jkt);
        for broken in changes {
            (broken.facts)(&mut facts);
        }
        assert_eq!(CheckedProof::check(&facts).err().unwrap().reason(), *reason);
    }
    let names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(names, ["proof_alg", "jkt", "ath", "htm", "htu", "proof_iat", "nonce"]);
}

#[test]
fn only_a_listed_algorithm_is_accepted() {
    for client in CLIENTS.iter() {
        let (proof, jkt) = (UnverifiedProof::parse(&good(client).sign()).unwrap(), client.jkt());
        for allowed in Algorithm::ALL {
            let facts = ProofFacts { algorithms: [*allowed].into_iter().collect(), ..facts(&proof, &jkt) };
            assert_eq!(CheckedProof::check(&facts).is_ok(), *allowed == proof.algorithm());
        }
    }
}

/// Both ends of the window belong to it, and a fraction of a second counts. Row L9.
#[test]
fn iat_is_within_the_window() {
    let client = client(Algorithm::ES256);
    let jkt = client.jkt();
    let found = |iat: f64| {
        let proof = UnverifiedProof::parse(&good(client).claim("iat", iat).sign()).unwrap();
        CheckedProof::check(&facts(&proof, &jkt)).err().map(|error| error.reason())
    };
    for distance in [0.0, 0.5, -0.5, 59.999, -59.999, 60.0, -60.0] {
        assert_eq!(found(1_800_000_000.0 + distance), None, "{distance}");
    }
    for distance in [60.001, 61.0, 3600.0, 1e15] {
        assert_eq!(found(1_800_000_000.0 + distance), Some("proof_in_the_future"), "{distance}");
        assert_eq!(found(1_800_000_000.0 - distance), Some("proof_too_old"), "{distance}");
    }
    for text in ["1.8e9", "18e8", "1800000000.000"] {
        let payload = UnverifiedProof::parse(&good(client).sign()).unwrap();
        let payload = format!(r#"{{"jti":"1","htm":"GET","htu":"{URL}","iat":{text},"ath":"{}"}}"#, payload.ath());
        assert_eq!(error(&good(client).raw_payload(payload).sign(), client), None, "{text}");
    }
    let exact = UnverifiedProof::parse(&good(client).sign()).unwrap();
    let no_window = ProofFacts { window: Duration::ZERO, ..facts(&exact, &jkt) };
    assert!(CheckedProof::check(&no_window).is_ok());
    let a_second_later = ProofFacts { now: now() + Duration::from_secs(1), ..no_window };
    assert!(CheckedProof::check(&a_second_later).is_err());
}

/// Rows L8, L9.
#[test]
fn the_setting_says_whether_the_clock_of_the_client_or_a_nonce_counts() {
    let client = client(Algorithm::ES256);
    let jkt = client.jkt();
    let old = good(client).issued_at(now() - Duration::from_secs(86_400)).sign();
    let fresh = good(client).sign();
    let check = |text: &str, freshness, nonce| {
        let proof = UnverifiedProof::parse(text).unwrap();
        let facts = ProofFacts { freshness, nonce, ..facts(&proof, &jkt) };
        CheckedProof::check(&facts).err().map(|error| error.reason())
    };
    for nonce in [NonceVerdict::Absent, NonceVerdict::Good, NonceVerdict::Bad] {
        assert_eq!(check(&fresh, FreshBy::IssuedAt, nonce), None, "{nonce:?}");
        assert_eq!(check(&old, FreshBy::IssuedAt, nonce), Some("proof_too_old"), "{nonce:?}");
        assert_eq!(check(&old, FreshBy::Both, nonce), Some("proof_too_old"), "{nonce:?}");
    }
    for freshness in [FreshBy::Nonce, FreshBy::Both] {
        assert_eq!(check(&fresh, freshness, NonceVerdict::Good), None, "{freshness:?}");
        assert_eq!(check(&fresh, freshness, NonceVerdict::Absent), Some("proof_no_nonce"), "{freshness:?}");
        assert_eq!(check(&fresh, freshness, NonceVerdict::Bad), Some("proof_nonce"), "{freshness:?}");
    }
    assert_eq!(check(&old, FreshBy::Nonce, NonceVerdict::Good), None);
    assert_eq!(check(&old, FreshBy::Nonce, NonceVerdict::Absent), Some("proof_no_nonce"));
}

#[test]
fn a_rule_says_what_it_expected_and_what_it_found() {
    let client = client(Algorithm::ES256);
    let proof = good(client).claim("ath", "x").claim("htu", "/me?code=secret").claim("iat", 1_799_999_000).sign();
    let proof = UnverifiedProof::parse(&proof).unwrap();
    let mut facts = facts(&proof, "abc");
    facts.method = &Method::POST;
    facts.target.signed = None;
    facts.nonce = NonceVerdict::Absent;
    facts.algorithms = [Algorithm::PS256, Algorithm::EdDSA].into_iter().collect();
    let shown: Vec<_> = RULES
        .iter()
        .map(|rule| format!("{}: {}; {}", rule.name, (rule.expected)(&facts), (rule.found)(&facts)))
        .collect();
    let jkt = client.jkt();
    let expected = [
        "proof_alg: one of PS256, EdDSA; ES256".to_owned(),
        format!(r#"jkt: the thumbprint "abc" as in the jkt of the token; the thumbprint "{jkt}""#),
        r#"ath: the hash of the access token; "x""#.to_owned(),
        r#"htm: "POST"; "GET""#.to_owned(),
        r#"htu: "https://api.example.test/me"; "/me?code=…", which is not an absolute URI"#.to_owned(),
        "proof_iat: at most 60 s before or after 1800000000; 1799999000 (1000 s ago)".to_owned(),
        "nonce: a nonce from this server that has not expired; none".to_owned(),
    ];
    assert_eq!(shown, expected);
    let errors: Vec<_> = RULES.iter().map(|rule| (rule.check)(&facts).unwrap_err().to_string()).collect();
    let expected = [
        "the algorithm ES256 of the proof is not allowed".to_owned(),
        format!(r#"the key of the proof has the thumbprint "{jkt}", expected "abc" as in the jkt of the token"#),
        r#"the ath of the proof is "x", expected the hash of the access token"#.to_owned(),
        r#"the htm of the proof is "GET", expected "POST""#.to_owned(),
        r#"the htu of the proof is "/me?code=…", expected an absolute URI such as "https://api.example.test/me""#
            .to_owned(),
        "the proof was made 1000 s ago (iat 1799999000, at most 60 s are allowed)".to_owned(),
        "the proof has no nonce, expected one from this server".to_owned(),
    ];
    assert_eq!(errors, expected);
    assert_eq!(facts.proof.htu(), "/me?code=secret");
}

#[test]
fn a_rule_that_holds_says_so() {
    let client = client(Algorithm::ES256);
    let proof = UnverifiedProof::parse(&good(client).sign()).unwrap();
    let jkt = client.jkt();
    let facts = facts(&proof, &jkt);
    let found: Vec<_> = RULES.iter().map(|rule| (rule.found)(&facts)).collect();
    let thumbprint = format!("the thumbprint {jkt:?}");
    let expected = [
        "ES256",
        &thumbprint,
        "the hash of the access token",
        r#""GET""#,
        r#""https://api.example.test/me""#,
        "1800000000 (in 0 s)",
        "a valid nonce from this server",
    ];
    assert_eq!(found, expected);
    assert!(RULES.iter().all(|rule| rule.source.starts_with("RFC 9449 §")));
}

/// A stranger may have written what was found.
#[test]
fn an_error_holds_a_bounded_excerpt() {
    let client = client(Algorithm::ES256);
    let long = "\u{1b}x".repeat(150);
    for claim in ["ath", "htm", "htu"] {
        let proof = UnverifiedProof::parse(&good(client).claim(claim, &long).sign()).unwrap();
        let jkt = client.jkt();
        let mut facts = facts(&proof, &jkt);
        facts.target.signed = None;
        let errors = RULES.iter().filter_map(|rule| (rule.check)(&facts).err());
        for shown in errors.map(|error| error.to_string()) {
            assert!(shown.chars().count() < 400 && !shown.contains('\u{1b}'), "{shown}");
        }
        for shown in RULES.iter().map(|rule| (rule.found)(&facts)) {
            assert!(shown.chars().count() < 400 && !shown.contains('\u{1b}'), "{shown}");
        }
    }
}

//! The codes, refresh tokens and nonces of the authorization server in `examples/me`: their expiry, keys and revocation.

use std::time::{Duration, SystemTime};

use self::grants::{Authorization, CODE_LIFETIME, Grant, GrantError, Grants, REFRESH_LIFETIME, Redemption};
use self::nonces::{Nonces, PERIOD};
use self::pkce::Challenge;

#[path = "../examples/me/src/authorization_server/grants.rs"]
#[allow(dead_code, reason = "it is the example that needs all of it")]
mod grants;
#[path = "../examples/me/src/authorization_server/nonces.rs"]
mod nonces;
#[path = "../examples/me/src/authorization_server/pkce.rs"]
mod pkce;
#[path = "../examples/me/src/authorization_server/secrets.rs"]
#[allow(dead_code, reason = "it is the example that needs all of it")]
mod secrets;

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT_URI: &str = "https://app.example.test/";

const NOW: SystemTime = SystemTime::UNIX_EPOCH;
const SECOND: Duration = Duration::from_secs(1);

fn authorization() -> Authorization {
    let grant = Grant {
        client_id: "app".to_owned(),
        subject: "alice".to_owned(),
        scope: "offline_access read:me".parse().unwrap(),
        acr: "urn:example:pwd".to_owned(),
        auth_time: NOW,
        nonce: None,
    };
    let challenge = Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
    Authorization { grant, redirect_uri: REDIRECT_URI.to_owned(), challenge, dpop_jkt: None }
}

fn redemption(code: &str) -> Redemption<'_> {
    Redemption { code, client_id: "app", is_public: true, redirect_uri: REDIRECT_URI, verifier: VERIFIER, jkt: None }
}

/// The first refresh token of a new grant, and its code.
fn redeemed(grants: &mut Grants) -> (String, String) {
    let code = grants.issue_code(authorization(), NOW);
    let (_, token) = grants.redeem(&redemption(&code), NOW).unwrap();
    (token.unwrap(), code)
}

#[test]
fn a_code_expires_after_a_minute() {
    let mut grants = Grants::default();
    let [young, old] = [(); 2].map(|()| grants.issue_code(authorization(), NOW));
    assert!(grants.redeem(&redemption(&young), NOW + CODE_LIFETIME - SECOND).is_ok());
    let late = grants.redeem(&redemption(&old), NOW + CODE_LIFETIME);
    assert_eq!(late.unwrap_err(), GrantError::ExpiredCode);
    assert_eq!(CODE_LIFETIME, Duration::from_secs(60));
}

#[test]
fn a_late_replay_of_a_code_revokes_too() {
    let mut grants = Grants::default();
    let (mut token, code) = redeemed(&mut grants);
    let later = NOW + REFRESH_LIFETIME - SECOND;
    for now in [NOW, later] {
        token = grants.refresh(&token, "app", None, None, now).unwrap().1;
        // Another code has the old ones looked through.
        grants.issue_code(authorization(), now);
    }
    assert_eq!(grants.redeem(&redemption(&code), later).unwrap_err(), GrantError::SpentCode);
    assert_eq!(grants.refresh(&token, "app", None, None, later).unwrap_err(), GrantError::UnknownToken);
}

#[test]
fn every_wrong_attempt_consumes_the_code() {
    let good = redemption("");
    let wrong = [
        (Redemption { client_id: "other", ..good }, GrantError::OtherClient),
        (Redemption { redirect_uri: "https://app.example.test", ..good }, GrantError::OtherRedirectUri),
        (Redemption { verifier: "", ..good }, GrantError::WrongVerifier),
        (Redemption { verifier: CHALLENGE, ..good }, GrantError::WrongVerifier),
    ];
    for (attempt, expected) in wrong {
        let mut grants = Grants::default();
        let code = grants.issue_code(authorization(), NOW);
        let attempt = Redemption { code: &code, ..attempt };
        assert_eq!(grants.redeem(&attempt, NOW).unwrap_err(), expected);
        assert_eq!(grants.redeem(&redemption(&code), NOW).unwrap_err(), GrantError::SpentCode);
    }
}

#[test]
fn a_family_of_refresh_tokens_expires() {
    let mut grants = Grants::default();
    let (token, _) = redeemed(&mut grants);
    let (_, token) = grants.refresh(&token, "app", None, None, NOW + REFRESH_LIFETIME - SECOND).unwrap();
    let late = grants.refresh(&token, "app", None, None, NOW + REFRESH_LIFETIME);
    assert_eq!(late.unwrap_err(), GrantError::UnknownToken);
}

#[test]
fn a_refresh_token_of_another_client_revokes_its_family() {
    let mut grants = Grants::default();
    let (token, _) = redeemed(&mut grants);
    assert_eq!(grants.refresh(&token, "other", None, None, NOW).unwrap_err(), GrantError::OtherClient);
    assert_eq!(grants.refresh(&token, "app", None, None, NOW).unwrap_err(), GrantError::UnknownToken);
}

#[test]
fn a_wider_scope_is_refused_and_consumes_nothing() {
    let mut grants = Grants::default();
    let (token, _) = redeemed(&mut grants);
    let [wider, narrower] = ["read:me write:me", "read:me"].map(|scope| scope.parse().unwrap());
    assert_eq!(grants.refresh(&token, "app", None, Some(&wider), NOW).unwrap_err(), GrantError::WiderScope);
    let (grant, token) = grants.refresh(&token, "app", None, Some(&narrower), NOW).unwrap();
    assert_eq!(grant.scope, narrower);
    let (grant, _) = grants.refresh(&token, "app", None, None, NOW).unwrap();
    assert_eq!(grant.scope, authorization().grant.scope, "a narrow access token does not narrow the grant");
}

#[test]
fn a_code_for_a_key_is_redeemed_by_that_key_alone() {
    for jkt in [None, Some("thief"), Some("")] {
        let mut grants = Grants::default();
        let bound = Authorization { dpop_jkt: Some("key".to_owned()), ..authorization() };
        let code = grants.issue_code(bound, NOW);
        let attempt = Redemption { jkt, ..redemption(&code) };
        assert_eq!(grants.redeem(&attempt, NOW).unwrap_err(), GrantError::OtherKey, "{jkt:?}");
        let good = Redemption { jkt: Some("key"), ..redemption(&code) };
        assert_eq!(grants.redeem(&good, NOW).unwrap_err(), GrantError::SpentCode, "{jkt:?}");
    }
    let mut grants = Grants::default();
    let bound = Authorization { dpop_jkt: Some("key".to_owned()), ..authorization() };
    let code = grants.issue_code(bound, NOW);
    assert!(grants.redeem(&Redemption { jkt: Some("key"), ..redemption(&code) }, NOW).is_ok());
    let code = grants.issue_code(authorization(), NOW);
    assert!(grants.redeem(&Redemption { jkt: Some("any"), ..redemption(&code) }, NOW).is_ok());
}

#[test]
fn a_refresh_token_of_a_public_client_stays_with_its_key() {
    let mut grants = Grants::default();
    let code = grants.issue_code(authorization(), NOW);
    let (_, token) = grants.redeem(&Redemption { jkt: Some("key"), ..redemption(&code) }, NOW).unwrap();
    let first = token.unwrap();
    for jkt in [None, Some("thief"), Some("")] {
        assert_eq!(grants.refresh(&first, "app", jkt, None, NOW).unwrap_err(), GrantError::OtherKey, "{jkt:?}");
    }
    // What others try takes nothing from the client, now or later.
    let (_, second) = grants.refresh(&first, "app", Some("key"), None, NOW).unwrap();
    assert_eq!(grants.refresh(&first, "app", Some("thief"), None, NOW).unwrap_err(), GrantError::OtherKey);
    assert_eq!(grants.refresh(&second, "app", None, None, NOW).unwrap_err(), GrantError::OtherKey);
    let (_, third) = grants.refresh(&second, "app", Some("key"), None, NOW).unwrap();
    // The client itself uses one twice: two have its key, or one has lost count.
    assert_eq!(grants.refresh(&first, "app", Some("key"), None, NOW).unwrap_err(), GrantError::ReusedToken);
    assert_eq!(grants.refresh(&third, "app", Some("key"), None, NOW).unwrap_err(), GrantError::UnknownToken);
}

#[test]
fn a_refresh_token_of_a_confidential_client_is_bound_to_no_key() {
    let mut grants = Grants::default();
    let code = grants.issue_code(authorization(), NOW);
    let redemption = Redemption { jkt: Some("key"), is_public: false, ..redemption(&code) };
    let (_, token) = grants.redeem(&redemption, NOW).unwrap();
    let (_, token) = grants.refresh(&token.unwrap(), "app", Some("next"), None, NOW).unwrap();
    assert!(grants.refresh(&token, "app", None, None, NOW).is_ok());
}

#[test]
fn a_nonce_is_accepted_for_ten_minutes() {
    let start = NOW + PERIOD;
    // However often the server is asked meanwhile.
    for asked in [&[][..], &[1], &[0, 299, 300, 301, 598], &[599]] {
        let mut nonces = Nonces::new(start);
        let nonce = nonces.current(start).to_owned();
        for seconds in asked {
            assert!(nonces.accept(&nonce, start + *seconds * SECOND), "after {seconds} s");
        }
        assert!(nonces.accept(&nonce, start + 2 * PERIOD - SECOND), "{asked:?}");
        assert!(!nonces.accept(&nonce, start + 2 * PERIOD), "{asked:?}");
    }
    for long in [2 * PERIOD, 2 * PERIOD + SECOND, 5 * PERIOD] {
        let mut nonces = Nonces::new(start);
        let nonce = nonces.current(start).to_owned();
        assert!(!nonces.accept(&nonce, start + long), "nobody has asked for {long:?}");
    }
    let mut nonces = Nonces::new(start);
    let first = nonces.current(start).to_owned();
    assert_eq!(nonces.current(start + PERIOD - SECOND), first);
    let second = nonces.current(start + PERIOD).to_owned();
    assert_ne!(second, first);
    assert!(nonces.accept(&first, start + PERIOD) && nonces.accept(&second, start + PERIOD));
    assert!(!nonces.accept("", start) && !nonces.accept("another", start));
    // A clock that is set back changes nothing.
    assert_eq!(nonces.current(NOW), second);
    assert_eq!(PERIOD, Duration::from_secs(300));
}

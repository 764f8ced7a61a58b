//! Lists of subjects, callers, clients and tenants cannot be probed without a signed token: a forged token of a listed identity and one of
//! an unlisted identity get the same answer, wait for the same and cause the same fetches.

use std::future::poll_fn;
use std::task::Poll;

use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::metadata::Metadata;
use tower_bearer::testing::{TestClock, TestIssuer, TokenBuilder};
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;
use tower_bearer::{AccessToken, Issuer, ResourceServer};

use crate::harness::memory_source::{Fetch, HOUR, MINUTE, Source, keys, settle};
use crate::harness::{AUDIENCE, good, present, small_issuer};

const LISTED: &str = "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a";
const ALSO_LISTED: &str = "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b";
const UNLISTED: &str = "3c3c3c3c-3333-4333-8333-3c3c3c3c3c3c";

#[derive(Clone, Copy, Debug, PartialEq)]
enum List {
    Subjects,
    Callers,
    Clients,
    Tenants,
}

const LISTS: [List; 4] = [List::Subjects, List::Callers, List::Clients, List::Tenants];

/// A server with one list, whose issuer's keys are as the test wants them.
struct Setup {
    list: List,
    issuer: TestIssuer,
    clock: TestClock,
    source: Source,
    api: ResourceServer,
}

impl Setup {
    fn new(list: List, fetch: Fetch) -> Self {
        let clock = TestClock::new();
        let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).clock(clock.clone()).start();
        let source = Source::new(fetch);
        let own = || Issuer::keys(issuer.url(), source.clone()).unwrap();
        let trusted = match list {
            List::Subjects => own().allow_subjects([LISTED, ALSO_LISTED]),
            List::Callers => {
                let repositories = [LISTED, ALSO_LISTED].map(number);
                Issuer::github_actions(repositories).unwrap().keys_from(source.clone())
            }
            List::Clients => own().identify_by_client([LISTED, ALSO_LISTED]),
            List::Tenants => Issuer::entra_tenants([LISTED, ALSO_LISTED]).unwrap().keys_from(source.clone()),
        };
        let api = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone()).build().unwrap();
        Self { list, issuer, clock, source, api }
    }

    /// One whose keys are at hand.
    async fn warm(list: List) -> Self {
        let setup = Self::new(list, Fetch::Hang);
        setup.source.set(Fetch::Keys(setup.keys(), None));
        setup.verify(setup.token(LISTED)).await.unwrap();
        setup
    }

    fn keys(&self) -> JwkSet {
        keys(&self.issuer)
    }

    fn token(&self, value: &str) -> TokenBuilder {
        let token = good(&self.issuer).expires_in(24 * HOUR);
        match self.list {
            List::Subjects => token.subject(value),
            List::Callers => {
                let iss = "https://token.actions.githubusercontent.com";
                token.claim("iss", iss).claim("repository_id", number(value))
            }
            List::Clients => token.client_id(value).without_claim("aud"),
            List::Tenants => {
                let iss = format!("https://login.microsoftonline.com/{value}/v2.0");
                token.claim("iss", iss).claim("tid", value).claim("azp", "client-1")
            }
        }
    }

    /// The token with an invalid signature.
    fn forged(&self, value: &str) -> TokenBuilder {
        let stranger = TestIssuer::builder().algorithms([Algorithm::ES256]).start();
        let kid = self.issuer.jwks()["keys"][0]["kid"].clone();
        self.token(value).signed_by(&stranger).header("kid", kid)
    }

    async fn verify(&self, token: TokenBuilder) -> Result<AccessToken, VerifyError> {
        self.api.verify(&token.sign()).await
    }

    /// Whether the token is waited for, and how many fetches it starts.
    async fn waits(&self, token: &TokenBuilder) -> (bool, usize) {
        let (token, before) = (token.sign(), self.source.fetches());
        let mut verdict = Box::pin(self.api.verify(&token));
        let first = poll_fn(|cx| Poll::Ready(verdict.as_mut().poll(cx))).await;
        settle().await;
        (first.is_pending(), self.source.fetches() - before)
    }
}

/// A repository of GitHub for each of the values.
fn number(value: &str) -> String {
    value.bytes().filter(u8::is_ascii_digit).map(char::from).collect()
}

#[tokio::test(start_paused = true)]
async fn before_the_first_keys_listed_and_unlisted_wait_for_one_fetch() {
    for list in LISTS {
        for value in [LISTED, UNLISTED] {
            let setup = Setup::new(list, Fetch::Hang);
            assert_eq!(setup.waits(&setup.forged(value)).await, (true, 1), "{list:?} {value}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_an_unknown_kid_listed_and_unlisted_wait_for_one_fetch() {
    for list in LISTS {
        for value in [LISTED, UNLISTED] {
            let setup = Setup::warm(list).await;
            setup.source.set(Fetch::Hang);
            setup.clock.advance(MINUTE);
            let token = setup.forged(value).header("kid", "unknown");
            assert_eq!(setup.waits(&token).await, (true, 1), "{list:?} {value}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_listed_and_unlisted_get_503() {
    for list in LISTS {
        let mut answers = Vec::new();
        for value in [LISTED, UNLISTED] {
            let setup = Setup::new(list, Fetch::Fail);
            for attempt in ["first", "again"] {
                let verdict = setup.verify(setup.forged(value)).await;
                assert!(
                    matches!(verdict, Err(VerifyError::KeysUnavailable { .. })),
                    "{list:?} {value} {attempt}: {verdict:?}"
                );
            }
            let app = crate::harness::app(&setup.api);
            let answer = present(&app, &setup.forged(value).sign()).await;
            answers.push((answer.status.as_u16(), answer.challenge().map(str::to_owned)));
        }
        assert_eq!(answers, [(503, None), (503, None)], "{list:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_known_key_listed_and_unlisted_fail_the_signature() {
    for list in LISTS {
        for value in [LISTED, UNLISTED] {
            let setup = Setup::warm(list).await;
            let verdict = setup.verify(setup.forged(value)).await;
            assert_eq!(verdict.err(), Some(VerifyError::Token(TokenError::Signature)), "{list:?} {value}");
        }
    }
}

/// The list is checked after the signature, and the difference is logged, never sent to the client.
#[tokio::test(start_paused = true)]
async fn a_signed_token_is_checked_against_the_list() {
    for list in LISTS {
        let setup = Setup::warm(list).await;
        for value in [LISTED, ALSO_LISTED] {
            setup.verify(setup.token(value)).await.unwrap();
        }
        for attempt in ["first", "again"] {
            let error = setup.verify(setup.token(UNLISTED)).await.unwrap_err();
            let VerifyError::Token(error) = error else { panic!("{list:?} {attempt}: {error}") };
            let reason = match list {
                List::Subjects => "subject",
                List::Callers => "caller",
                List::Clients => "client",
                List::Tenants => "issuer",
            };
            assert_eq!(error.reason(), reason, "{list:?} {attempt}");
        }
    }
}

/// Claims that reveal nothing about the list are checked before a fetch.
#[tokio::test(start_paused = true)]
async fn a_token_with_invalid_claims_causes_no_fetch() {
    let tenants = Setup::new(List::Tenants, Fetch::Hang);
    let clients = Setup::new(List::Clients, Fetch::Hang);
    let iss = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    let rows = [
        (&tenants, tenants.forged(LISTED).claim("tid", UNLISTED), "tenant"),
        (&tenants, tenants.forged(UNLISTED).claim("tid", LISTED), "tenant"),
        (&tenants, tenants.forged(UNLISTED).without_claim("tid"), "missing_claim"),
        (&tenants, tenants.forged(UNLISTED).claim("iss", iss("contoso")), "issuer"),
        (&tenants, tenants.forged(UNLISTED).claim("iss", iss(&UNLISTED.to_uppercase())), "issuer"),
        (&tenants, tenants.forged(UNLISTED).claim("iss", iss(&format!("{LISTED}/{UNLISTED}"))), "issuer"),
        (&tenants, tenants.forged(UNLISTED).claim("iss", iss(UNLISTED) + "/"), "issuer"),
        (&tenants, tenants.forged(UNLISTED).claim("iss", iss("{tenantid}")), "issuer"),
        (&clients, clients.forged(UNLISTED).without_claim("client_id"), "missing_claim"),
        (&clients, clients.forged(UNLISTED).audience("https://other.example.test"), "audience"),
        (&clients, clients.forged(LISTED).audience("https://other.example.test"), "audience"),
    ];
    for (setup, token, reason) in rows {
        let error = setup.verify(token.clone()).await.unwrap_err();
        let VerifyError::Token(error) = error else { panic!("{token:?}: {error}") };
        assert_eq!(error.reason(), reason, "{token:?}");
        assert_eq!(setup.source.fetches(), 0, "{token:?}");
    }
}

/// Everybody may read the metadata.
#[test]
fn metadata_lists_no_tenants() {
    let tenants = Issuer::entra_tenants([LISTED, ALSO_LISTED]).unwrap();
    let build = |issuer: Issuer| {
        let server = ResourceServer::builder(AUDIENCE).metadata(Metadata::new());
        let api = server.trust(issuer).trust(tenants.clone()).build().unwrap();
        serde_json::from_slice::<Value>(api.metadata().unwrap().json()).unwrap()
    };
    let own = build(Issuer::entra(UNLISTED).unwrap());
    let one = format!("https://login.microsoftonline.com/{UNLISTED}/v2.0");
    assert_eq!(own["authorization_servers"], json!([one]), "one that is trusted by itself is named");
    let other = Issuer::keys("no-url", keys(&small_issuer()));
    assert_eq!(build(other.unwrap()).get("authorization_servers"), None);
}

/// A tenant that is trusted separately has its own keys and rules, in whatever order the issuers are configured.
#[tokio::test(start_paused = true)]
async fn a_tenant_trusted_separately_has_its_own_rules() {
    let setup = Setup::new(List::Tenants, Fetch::Hang);
    let own = Issuer::entra(UNLISTED).unwrap().keys_from(setup.keys()).audiences(["https://own.example.test"]);
    let tenants = Issuer::entra_tenants([LISTED]).unwrap().keys_from(setup.source.clone());
    for issuers in [[tenants.clone(), own.clone()], [own.clone(), tenants.clone()]] {
        let [one, other] = issuers;
        let server = ResourceServer::builder(AUDIENCE).trust(one).trust(other).clock(setup.clock.clone());
        let api = server.build().unwrap();
        api.verify(&setup.token(UNLISTED).audience("https://own.example.test").sign()).await.unwrap();
        assert_eq!(setup.source.fetches(), 0);
    }
}

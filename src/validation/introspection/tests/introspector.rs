use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use super::super::answer_source::AnswerFuture;
use super::*;
use crate::testing::TestClock;

const ACTIVE: &[u8] = br#"{"active":true}"#;
const INACTIVE: &[u8] = br#"{"active":false}"#;
const MINUTE: Duration = Duration::from_secs(60);
const LIMITS: Limits = Limits { lifetime: MINUTE, bytes: 1 << 20, calls: 32 };

/// An endpoint that counts its calls, and answers after a while.
#[derive(Default)]
struct Endpoint {
    answers: Mutex<HashMap<String, Result<Vec<u8>, Unanswered>>>,
    delay: Duration,
    calls: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    panics: bool,
}

impl Endpoint {
    fn answer(&self, token: &str, answer: Result<&[u8], Unanswered>) {
        self.answers.lock().expect("no test panics with it").insert(token.to_owned(), answer.map(<[u8]>::to_vec));
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl AnswerSource for Endpoint {
    fn ask<'a>(&'a self, token: &'a str) -> AnswerFuture<'a> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::SeqCst);
            let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
            // As of when it was asked.
            let answer = self
                .answers
                .lock()
                .expect("no test panics with it")
                .get(token)
                .cloned()
                .unwrap_or(Ok(INACTIVE.to_vec()));
            assert!(!self.panics, "as the test wants it");
            tokio::time::sleep(self.delay).await;
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            answer
        })
    }
}

struct Rig {
    endpoint: Arc<Endpoint>,
    introspector: Arc<Introspector>,
    clock: TestClock,
}

impl Rig {
    fn new(endpoint: Endpoint, limits: Limits) -> Self {
        let (endpoint, clock) = (Arc::new(endpoint), TestClock::new());
        let source = Arc::clone(&endpoint) as Arc<dyn AnswerSource>;
        let introspector = Introspector::new("i", Box::default(), source, Arc::new(clock.clone()), limits);
        let introspector = introspector.expect("random bytes");
        Self { endpoint, introspector: Arc::new(introspector), clock }
    }

    /// As a request does it.
    fn begin(&self, token: &str) -> Result<Verdict, PendingAnswer> {
        match self.introspector.look_up(token, Moment::of(&self.clock)) {
            Lookup::Active(token) => Ok(Ok(token)),
            Lookup::Refused(error) => Ok(Err(error)),
            Lookup::Wait(pending) => Err(pending),
            Lookup::Ask(load, pending) => {
                let (introspector, token) = (Arc::clone(&self.introspector), Box::from(token));
                tokio::spawn(async move { introspector.load(load, token, |_, _| Ok(access_token())).await });
                Err(pending)
            }
        }
    }

    async fn request(&self, token: &str) -> Verdict {
        match self.begin(token) {
            Ok(verdict) => verdict,
            Err(pending) => pending.verdict().await,
        }
    }
}

fn access_token() -> AccessToken {
    AccessToken::of_payload("{}", SystemTime::UNIX_EPOCH)
}

fn is_inactive(verdict: &Verdict) -> bool {
    matches!(verdict, Err(VerifyError::Token(TokenError::Inactive)))
}

fn is_unavailable(verdict: &Verdict) -> bool {
    matches!(verdict, Err(VerifyError::IntrospectionUnavailable { .. }))
}

fn outage() -> Unanswered {
    Unanswered { is_outage: true, retry_after: None }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_requests_with_one_new_token_cost_one_call() {
    let rig = Rig::new(Endpoint { delay: MINUTE / 60, ..Endpoint::default() }, LIMITS);
    rig.endpoint.answer("t", Ok(ACTIVE));
    let pending: Vec<_> = (0..10_000).map(|_| rig.begin("t").unwrap_err()).collect();
    for pending in pending {
        assert!(pending.verdict().await.is_ok());
    }
    assert!(rig.request("t").await.is_ok());
    assert_eq!((rig.endpoint.calls(), rig.introspector.loads.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_of_many_threads_with_one_new_token_cost_one_call() {
    for _ in 0..50 {
        let rig = Arc::new(Rig::new(Endpoint::default(), LIMITS));
        rig.endpoint.answer("t", Ok(ACTIVE));
        let tasks: Vec<_> = std::iter::repeat_with(|| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.request("t").await.is_ok() })
        })
        .take(200)
        .collect();
        for task in tasks {
            assert!(task.await.unwrap());
        }
        assert_eq!(rig.endpoint.calls(), 1);
    }
}

/// Beyond the loads that fit, requests are refused at once. Known tokens do not notice.
#[tokio::test(start_paused = true)]
async fn a_flood_of_junk_is_bounded_and_costs_known_tokens_nothing() {
    let rig = Rig::new(Endpoint { delay: MINUTE / 600, ..Endpoint::default() }, LIMITS);
    rig.endpoint.answer("good", Ok(ACTIVE));
    assert!(rig.request("good").await.is_ok());
    let mut refused = 0;
    let mut pending = Vec::new();
    for number in 0..10_000 {
        match rig.begin(&format!("junk-{number}")) {
            Ok(Err(VerifyError::TooManyRequests { .. })) => refused += 1,
            Ok(other) => panic!("{other:?}"),
            Err(wait) => pending.push(wait),
        }
        assert!(matches!(rig.begin("good"), Ok(Ok(_))));
    }
    // A quarter of the places is kept for tokens that were active.
    let places = MAX_LOADS / 4 * 3;
    assert_eq!((pending.len(), refused), (places, 10_000 - places));
    for pending in pending {
        assert!(is_inactive(&pending.verdict().await));
    }
    assert_eq!(rig.endpoint.most_at_once.load(Ordering::SeqCst), LIMITS.calls / 4 * 3);
    assert_eq!(rig.endpoint.calls(), 1 + places);
    let (bytes, refused) = rig.introspector.answers.sizes();
    assert!(bytes <= LIMITS.bytes && refused <= 10_000, "{bytes} {refused}");
}

#[tokio::test]
async fn answers_take_no_more_memory_than_they_may() {
    let limits = Limits { bytes: 100_000, ..LIMITS };
    let rig = Rig::new(Endpoint::default(), limits);
    for number in 0..2_000 {
        let token = format!("t-{number}");
        rig.endpoint.answer(&token, Ok(ACTIVE));
        assert!(rig.request(&token).await.is_ok());
    }
    let (bytes, _) = rig.introspector.answers.sizes();
    // It is full, so each answer counts.
    assert!((limits.bytes / 2..=limits.bytes).contains(&bytes), "{bytes}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_from_when_the_endpoint_was_asked_and_use_does_not_prolong_it() {
    let rig = Rig::new(Endpoint::default(), LIMITS);
    rig.endpoint.answer("t", Ok(ACTIVE));
    assert!(rig.request("t").await.is_ok());
    rig.endpoint.answer("t", Ok(INACTIVE));
    for _ in 0..59 {
        rig.clock.advance(Duration::from_secs(1));
        assert!(rig.request("t").await.is_ok());
    }
    assert_eq!(rig.endpoint.calls(), 1);
    rig.clock.advance(Duration::from_secs(1));
    assert!(is_inactive(&rig.request("t").await));
    assert_eq!(rig.endpoint.calls(), 2);
}

/// The time that the endpoint takes is part of an answer's lifetime.
#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_as_old_as_its_question() {
    let rig = Rig::new(Endpoint { delay: Duration::from_secs(4), ..Endpoint::default() }, LIMITS);
    rig.endpoint.answer("t", Ok(ACTIVE));
    let pending = rig.begin("t").unwrap_err();
    tokio::task::yield_now().await;
    // The clock follows tokio's by its monotonic time.
    assert!(pending.verdict().await.is_ok());
    rig.clock.advance(Duration::from_secs(57));
    assert!(rig.begin("t").is_err(), "61 s after the question");
}

#[tokio::test(start_paused = true)]
async fn an_inactive_token_is_asked_about_again_after_five_seconds() {
    let rig = Rig::new(Endpoint::default(), LIMITS);
    assert!(is_inactive(&rig.request("t").await));
    rig.endpoint.answer("t", Ok(ACTIVE));
    rig.clock.advance(Duration::from_millis(4_900));
    assert!(is_inactive(&rig.request("t").await));
    assert_eq!(rig.endpoint.calls(), 1);
    rig.clock.advance(Duration::from_millis(100));
    assert!(rig.request("t").await.is_ok());
    assert!(rig.request("t").await.is_ok());
    assert_eq!(rig.endpoint.calls(), 2);
}

/// With no lifetime, an answer serves the requests that came before its question was sent.
#[tokio::test(start_paused = true)]
async fn without_a_lifetime_no_request_gets_an_answer_from_before_it() {
    let limits = Limits { lifetime: Duration::ZERO, ..LIMITS };
    let rig = Rig::new(Endpoint { delay: Duration::from_secs(1), ..Endpoint::default() }, limits);
    rig.endpoint.answer("t", Ok(ACTIVE));
    let (first, second) = (rig.begin("t").unwrap_err(), rig.begin("t").unwrap_err());
    while rig.endpoint.calls() == 0 {
        tokio::task::yield_now().await;
    }
    // The token is revoked while the question is on its way, and then a request begins.
    rig.endpoint.answer("t", Ok(INACTIVE));
    let third = rig.begin("t").unwrap_err();
    assert!(first.verdict().await.is_ok() && second.verdict().await.is_ok());
    assert!(is_inactive(&third.verdict().await));
    assert_eq!(rig.endpoint.calls(), 2);
    assert_eq!(rig.introspector.loads.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn requests_that_go_away_end_no_load() {
    let rig = Rig::new(Endpoint { delay: Duration::from_secs(1), ..Endpoint::default() }, LIMITS);
    rig.endpoint.answer("t", Ok(ACTIVE));
    let first = rig.begin("t").unwrap_err();
    let others: Vec<_> = (0..1_000).map(|_| rig.begin("t").unwrap_err()).collect();
    let last = rig.begin("t").unwrap_err();
    drop(first);
    drop(others);
    assert!(last.verdict().await.is_ok());
    drop(rig.begin("u"));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((rig.endpoint.calls(), rig.introspector.loads.len()), (2, 0));
    assert_eq!(rig.introspector.calls.left(), LIMITS.calls);
}

#[tokio::test]
async fn a_load_that_panics_or_is_dropped_refuses_those_who_wait() {
    let rig = Rig::new(Endpoint { panics: true, ..Endpoint::default() }, LIMITS);
    let (one, other) = (rig.begin("t").unwrap_err(), rig.begin("t").unwrap_err());
    assert!(is_unavailable(&one.verdict().await) && is_unavailable(&other.verdict().await));
    let Lookup::Ask(load, pending) = rig.introspector.look_up("u", Moment::of(&rig.clock)) else { panic!("known") };
    drop(load);
    assert!(is_unavailable(&pending.verdict().await));
    assert_eq!(rig.introspector.loads.len(), 0);
    assert_eq!(rig.introspector.calls.left(), LIMITS.calls);
}

/// What the endpoint answers in no readable form counts as no answer, and not as a bad token.
#[tokio::test]
async fn an_answer_that_is_no_object_is_none() {
    let rig = Rig::new(Endpoint::default(), LIMITS);
    for odd in [&b"[]"[..], b"<html>", b"", br#"{"active":true,"active":true}"#] {
        rig.endpoint.answer("t", Ok(odd));
        assert!(is_unavailable(&rig.request("t").await));
        rig.clock.advance(Duration::from_secs(1));
    }
    rig.endpoint.answer("t", Ok(br#"{"active":"true"}"#));
    assert!(is_inactive(&rig.request("t").await));
}

#[tokio::test]
async fn one_odd_token_does_not_open_the_circuit_and_an_outage_does() {
    let rig = Rig::new(Endpoint::default(), LIMITS);
    rig.endpoint.answer("odd", Err(Unanswered { is_outage: false, retry_after: Some(Duration::from_secs(7)) }));
    for _ in 0..100 {
        let odd = rig.request("odd").await;
        assert_eq!(odd.unwrap_err(), VerifyError::IntrospectionUnavailable { retry_after: Duration::from_secs(7) });
        // For a second nobody is asked about it again.
        assert!(is_unavailable(&rig.request("odd").await));
        rig.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(rig.endpoint.calls(), 100);
    // As many calls within ten seconds as it takes, for tokens that the endpoint knows.
    for number in 0..20 {
        assert!(is_inactive(&rig.request(&format!("before-{number}")).await));
    }
    // One whose failures look like an outage is asked about too seldom to count.
    rig.endpoint.answer("gateway", Err(outage()));
    for _ in 0..200 {
        assert!(is_unavailable(&rig.request("gateway").await));
    }
    assert_eq!(rig.endpoint.calls(), 121);
    for number in 0..100 {
        rig.endpoint.answer(&number.to_string(), Err(outage()));
        assert!(is_unavailable(&rig.request(&number.to_string()).await));
    }
    // 20 good calls and 10 of "odd" are within the span, so it takes 29 more.
    let calls = rig.endpoint.calls();
    assert!((140..160).contains(&calls), "{calls}");
    assert!(is_unavailable(&rig.request("good").await), "nobody is asked");
    assert_eq!(rig.endpoint.calls(), calls);
    rig.endpoint.answer("good", Ok(ACTIVE));
    rig.clock.advance(Duration::from_secs(5));
    assert!(rig.request("good").await.is_ok());
}

/// What is known goes on to count while the endpoint does not answer.
#[tokio::test]
async fn known_tokens_outlive_an_outage_up_to_their_lifetime() {
    let rig = Rig::new(Endpoint::default(), LIMITS);
    rig.endpoint.answer("t", Ok(ACTIVE));
    assert!(rig.request("t").await.is_ok());
    rig.endpoint.answer("t", Err(outage()));
    rig.clock.advance(Duration::from_secs(59));
    assert!(rig.request("t").await.is_ok());
    rig.clock.advance(Duration::from_secs(1));
    assert!(is_unavailable(&rig.request("t").await));
}

#[tokio::test(start_paused = true)]
async fn a_token_waits_five_seconds_for_its_call() {
    let rig = Rig::new(Endpoint { delay: MINUTE / 8, ..Endpoint::default() }, Limits { calls: 1, ..LIMITS });
    let first = rig.begin("1").unwrap_err();
    let second = rig.begin("2").unwrap_err();
    let began = tokio::time::Instant::now();
    assert!(is_unavailable(&second.verdict().await));
    assert_eq!(began.elapsed().as_secs(), 5);
    assert!(is_inactive(&first.verdict().await));
    assert_eq!(rig.endpoint.calls(), 1);
}

/// Junk that hangs up at once keeps neither places nor calls from those who were here before.
#[tokio::test(start_paused = true)]
async fn a_flood_of_junk_refuses_nobody_whose_answer_has_ended() {
    let rig = Rig::new(Endpoint { delay: Duration::from_millis(200), ..Endpoint::default() }, LIMITS);
    let good: Vec<_> = (0..100).map(|number| format!("good-{number}")).collect();
    for token in &good {
        rig.endpoint.answer(token, Ok(ACTIVE));
        assert!(rig.request(token).await.is_ok());
    }
    let mut junk = 0;
    for _ in 0..150 {
        // 1,000 junk tokens a second, and each good one once a second.
        for _ in 0..1_000 {
            junk += 1;
            drop(rig.begin(&format!("junk-{junk}")));
        }
        for token in &good {
            assert!(rig.request(token).await.is_ok(), "after {junk} junk tokens");
        }
        rig.clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Nobody waits any more when there is room for the call.
#[tokio::test(start_paused = true)]
async fn no_call_is_made_for_nobody() {
    let rig = Rig::new(Endpoint { delay: Duration::from_secs(1), ..Endpoint::default() }, LIMITS);
    for number in 0..500 {
        drop(rig.begin(&number.to_string()));
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(rig.endpoint.calls(), LIMITS.calls / 4 * 3, "those that found room at once");
    assert_eq!(rig.introspector.loads.len(), 0);
}

/// A load never ends if its runtime is not polled any more.
#[tokio::test(start_paused = true)]
async fn a_load_that_stands_still_is_replaced() {
    let rig = Rig::new(Endpoint::default(), LIMITS);
    rig.endpoint.answer("t", Ok(ACTIVE));
    let Lookup::Ask(stuck, _pending) = rig.introspector.look_up("t", Moment::of(&rig.clock)) else { panic!("known") };
    rig.clock.advance(Duration::from_secs(19));
    assert!(matches!(rig.introspector.look_up("t", Moment::of(&rig.clock)), Lookup::Wait(_)));
    rig.clock.advance(Duration::from_secs(1));
    assert!(rig.request("t").await.is_ok());
    // Its end does not remove another.
    let Lookup::Ask(other, _) = rig.introspector.look_up("u", Moment::of(&rig.clock)) else { panic!("known") };
    drop(stuck);
    assert_eq!(rig.introspector.loads.len(), 1);
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_answers_is_given_up() {
    let rig = Rig::new(Endpoint { delay: 10 * MINUTE, ..Endpoint::default() }, LIMITS);
    let began = tokio::time::Instant::now();
    assert!(is_unavailable(&rig.request("t").await));
    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(rig.introspector.calls.left(), LIMITS.calls);
}

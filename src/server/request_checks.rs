use http::HeaderMap;

use crate::AccessToken;
use crate::credentials::RequestView;
use crate::validation::TokenError;

/// Checks that an accepted token has to pass at every request, after a hit of the cache of verified tokens and after a miss.
///
/// A check belongs here if it depends on the request, or on something that neither the token's times nor its provenance covers.
#[derive(Default)]
pub(super) struct RequestChecks(Vec<Box<dyn RequestCheck>>);

/// One such check.
pub(super) trait RequestCheck: Send + Sync {
    /// `request` is absent where a token is validated outside of a request. What is put into `answer_headers` is added to the answer
    /// of the inner service.
    fn check(
        &self,
        token: &AccessToken,
        request: Option<RequestView<'_>>,
        answer_headers: &mut Option<Box<HeaderMap>>,
    ) -> Result<(), TokenError>;
}

impl RequestChecks {
    /// Runs every check, up to the first that fails.
    pub(super) fn check(
        &self,
        token: &AccessToken,
        request: Option<RequestView<'_>>,
        answer_headers: &mut Option<Box<HeaderMap>>,
    ) -> Result<(), TokenError> {
        self.0.iter().try_for_each(|check| check.check(token, request, answer_headers))
    }

    #[cfg(all(test, feature = "testing"))]
    fn add(&mut self, check: impl RequestCheck + 'static) {
        self.0.push(Box::new(check));
    }
}

#[cfg(feature = "testing")]
#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::header::AUTHORIZATION;
    use http::{HeaderValue, Request, Response, StatusCode};
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;
    use crate::ResourceServer;
    use crate::testing::TestIssuer;

    /// Refuses the third use of a token, and adds a header to the answers to the others.
    #[derive(Default)]
    struct TwoUses {
        in_requests: AtomicUsize,
        elsewhere: AtomicUsize,
    }

    impl RequestCheck for Arc<TwoUses> {
        fn check(
            &self,
            _: &AccessToken,
            request: Option<RequestView<'_>>,
            answer_headers: &mut Option<Box<HeaderMap>>,
        ) -> Result<(), TokenError> {
            let uses = if request.is_some() { &self.in_requests } else { &self.elsewhere };
            if uses.fetch_add(1, Ordering::Relaxed) == 2 {
                return Err(TokenError::Bound);
            }
            answer_headers.get_or_insert_default().insert("dpop-nonce", HeaderValue::from_static("n"));
            Ok(())
        }
    }

    fn server(issuer: &TestIssuer) -> (ResourceServer, Arc<TwoUses>) {
        let mut api = ResourceServer::builder("https://api.example.test").trust(issuer.issuer()).build().unwrap();
        let check = Arc::<TwoUses>::default();
        Arc::get_mut(&mut api.0).unwrap().checks.add(Arc::clone(&check));
        (api, check)
    }

    #[tokio::test]
    async fn a_check_runs_after_a_miss_of_the_cache_and_after_a_hit() {
        let issuer = TestIssuer::start();
        let (api, check) = server(&issuer);
        let app = ServiceBuilder::new()
            .layer(api.layer())
            .service(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()))));
        let token = issuer.token().audience("https://api.example.test").sign();
        // The first waits for keys, the second is verified again, and the third and fourth are hits.
        for (expected, nonce) in [(200, Some("n")), (200, Some("n")), (401, None), (200, Some("n"))] {
            let request = Request::builder().header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::from_u16(expected).unwrap());
            assert_eq!(response.headers().get("dpop-nonce").map(|it| it.to_str().unwrap()), nonce);
        }
        assert_eq!(api.token_cache_status().map(|it| (it.hits, it.misses)), Some((2, 2)));
        assert_eq!((check.in_requests.load(Ordering::Relaxed), check.elsewhere.load(Ordering::Relaxed)), (4, 0));
    }

    #[tokio::test]
    async fn headers_of_a_check_are_added_to_answers_and_not_to_refusals_of_an_inner_layer() {
        let issuer = TestIssuer::start();
        let (api, _) = server(&issuer);
        let answer = service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Response::builder().header("dpop-nonce", "own").body(String::new()).unwrap())
        });
        let token = issuer.token().audience("https://api.example.test").sign();
        let request = || Request::builder().header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap();

        let open = ServiceBuilder::new().layer(api.layer()).service(answer);
        let response = open.oneshot(request()).await.unwrap();
        assert_eq!(response.headers().get_all("dpop-nonce").iter().collect::<Vec<_>>(), ["own", "n"]);

        // It does not trust the issuer of the token.
        let strict =
            ResourceServer::builder("https://api.example.test").trust(TestIssuer::start().issuer()).build().unwrap();
        let restricted = ServiceBuilder::new().layer(api.layer()).layer(strict.layer()).service(answer);
        let response = restricted.oneshot(request()).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(!response.headers().contains_key("dpop-nonce"));
    }

    #[tokio::test]
    async fn a_check_runs_for_tokens_outside_of_requests_too() {
        let issuer = TestIssuer::start();
        let (api, check) = server(&issuer);
        let token = issuer.token().audience("https://api.example.test").sign();
        assert!(api.verify(&token).await.is_ok() && api.try_verify(&token).is_ok());
        assert!(api.verify(&token).await.is_err() && api.try_verify(&token).is_ok());
        assert_eq!((check.in_requests.load(Ordering::Relaxed), check.elsewhere.load(Ordering::Relaxed)), (0, 4));
    }
}

//! Requests through a layer, and what every answer is like.

use http::header::WWW_AUTHENTICATE;
use http::{Request, StatusCode};
use tower::{Layer, ServiceExt};
use tower_bearer::layer::ProtectLayer;

use crate::authentication::Challenge;
use crate::world::{AUDIENCE, whoami};

/// The status of the answer, which is otherwise as it should be.
///
/// # Panics
///
/// If it is not.
pub async fn answer(layer: ProtectLayer, request: Request<()>) -> StatusCode {
    let Ok(response) = layer.layer(whoami()).oneshot(request).await;
    let status = response.status();
    let challenges: Vec<_> = response.headers().get_all(WWW_AUTHENTICATE).iter().collect();
    match status.as_u16() {
        200 => {
            assert_eq!(response.body(), "user-1");
            assert!(challenges.is_empty(), "{challenges:?}");
        }
        503 => {
            assert_eq!(response.body(), "");
            assert!(challenges.is_empty(), "{challenges:?}");
        }
        400 | 401 => {
            assert_eq!(response.body(), "");
            let [challenge] = &*challenges else { panic!("{challenges:?}") };
            let challenge = Challenge::read(challenge.to_str().expect("ASCII")).expect("a challenge");
            assert_eq!((&*challenge.scheme, challenge.parameter("realm")), ("Bearer", Some(AUDIENCE)));
            let error = challenge.parameter("error");
            match status.as_u16() {
                400 => assert_eq!(error, Some("invalid_request")),
                _ => assert!(matches!(error, None | Some("invalid_token")), "{error:?}"),
            }
        }
        other => panic!("{other}"),
    }
    status
}

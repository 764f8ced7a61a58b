use std::time::Duration;

use http::StatusCode;

use super::answer::Answer;
use crate::revocation::{Revocation, Revocations, RevokeError};

/// When to retry if revocations could not be made or stored.
const RETRY_AFTER_REVOKING: Duration = Duration::from_secs(5);

/// Makes all revocations. Completes once they are stored too. If one of them fails, the sender gets 503 and sends the message again; those
/// that were made stay. After a failure of the store it is not asked for the others: each could take as long, and there may be a thousand.
pub(super) async fn revoke_all(revocations: &Revocations, revoked: &[Revocation], issuer: &str) -> Result<(), Answer> {
    // Each is made in this process before the first one is awaited.
    let storing: Vec<_> = revoked.iter().map(|revocation| revocations.revoke(revocation)).collect();
    let mut failed = None;
    for stored in storing {
        let Err(error) = stored.await else { continue };
        let has_store_failed = matches!(error, RevokeError::Store(_));
        failed.get_or_insert(error);
        if has_store_failed {
            break;
        }
    }
    let Some(error) = failed else { return Ok(()) };
    tracing::warn!(issuer, %error, "tokens could not be revoked everywhere, so the issuer is asked to send the event again");
    Err(Answer::later(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER_REVOKING))
}

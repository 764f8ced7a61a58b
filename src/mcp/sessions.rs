use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{hmac, rand};
use http::{HeaderMap, HeaderValue};

use super::headers::SESSION_ID;
use super::invalid_session_key::{InvalidSessionKey, MIN_KEY_LENGTH};
use crate::AccessToken;
use crate::jose::encode_base64url;

/// Separates these MACs from all others that somebody makes with the same key.
const LABEL: &[u8] = b"tower-bearer MCP session v1";

/// Binds sessions to their owners: a client gets the identifier followed by a dot and a MAC over owner and identifier.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    key: hmac::Key,
}

/// Whose session it is: that of the issuer and the subject of a token; `None` for a request that an extension has let pass.
#[derive(Debug)]
pub(crate) struct Owner(pub(crate) Option<AccessToken>);

/// The session is another's, or none of this server.
pub(crate) struct UnknownSession;

impl Sessions {
    /// With a key of random bytes.
    ///
    /// # Panics
    ///
    /// If the system has no random bytes.
    pub(super) fn random() -> Self {
        let mut bytes = [0; MIN_KEY_LENGTH];
        rand::fill(&mut bytes).expect("the system has random bytes");
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) }
    }

    pub(super) fn with_key(key: &[u8]) -> Result<Self, InvalidSessionKey> {
        if key.len() < MIN_KEY_LENGTH {
            return Err(InvalidSessionKey::too_short(key.len()));
        }
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) })
    }

    /// Replaces the identifiers in a response by those for its client.
    pub(crate) fn bind(&self, owner: &Owner, headers: &mut HeaderMap) {
        if !headers.contains_key(SESSION_ID) {
            return;
        }
        let bound = |id: &HeaderValue| {
            let text = [id.as_bytes(), b".", self.mac(owner, id.as_bytes()).as_bytes()].concat();
            HeaderValue::from_bytes(&text).unwrap_or_else(|_| unreachable!("the parts are values of headers"))
        };
        let all: Vec<_> = headers.get_all(SESSION_ID).iter().map(bound).collect();
        headers.remove(SESSION_ID);
        for id in all {
            headers.append(SESSION_ID, id);
        }
    }

    /// Replaces the identifier in a request, if there is one, by that of the inner service.
    pub(crate) fn unbind(&self, owner: &Owner, headers: &mut HeaderMap) -> Result<(), UnknownSession> {
        let mut lines = headers.get_all(SESSION_ID).iter();
        let line = match (lines.next(), lines.next()) {
            (None, _) => return Ok(()),
            (Some(line), None) => line.as_bytes(),
            (Some(_), Some(_)) => return Err(UnknownSession),
        };
        let dot = line.iter().rposition(|byte| *byte == b'.').ok_or(UnknownSession)?;
        let (id, mac) = (&line[..dot], &line[dot + 1..]);
        verify_slices_are_equal(self.mac(owner, id).as_bytes(), mac).map_err(|_| UnknownSession)?;
        let id = HeaderValue::from_bytes(id).map_err(|_| UnknownSession)?;
        headers.insert(SESSION_ID, id);
        Ok(())
    }

    /// HMAC-SHA-256 over label, owner and identifier, as base64url. Every part but the last has its length before it, so that no two
    /// lists of parts have the same bytes.
    fn mac(&self, Owner(token): &Owner, id: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        let owner = token.as_ref().map(|token| [token.issuer(), token.subject()]);
        let parts = owner.iter().flatten().map(|part| part.as_bytes());
        for part in std::iter::once(LABEL).chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        // A length that no part can have marks the end of the parts.
        context.update(&u64::MAX.to_be_bytes());
        context.update(id);
        encode_base64url(context.sign().as_ref())
    }
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// There is no token: 401, and a challenge without an error code (RFC 6750 §3.1).
    NoCredentials,
    /// The credentials are malformed, there is more than one, or the header with the client certificate is repeated: 400 `invalid_request`.
    InvalidRequest,
    /// The token is malformed, expired, not valid here, too old for the operation, or bound to a client certificate that the request does not have:
    /// 401 `invalid_token`.
    InvalidToken,
    /// The token is bound to a key, but the DPoP proof is absent, malformed, already used, or not for this request and this token: 401
    /// `invalid_dpop_proof` (RFC 9449 §7.1).
    InvalidProof,
    /// The DPoP proof has no valid nonce: 401 `use_dpop_nonce` with a nonce in `DPoP-Nonce` (RFC 9449 §9).
    NonceRequired,
    /// The token is valid, but the user has to authenticate again or more strongly: 401 `insufficient_user_authentication` (RFC 9470 §3), or
    /// `insufficient_claims` for Microsoft Entra ID.
    InsufficientAuthentication,
    /// The token is valid but does not grant enough: 403 `insufficient_scope`, with the required scope if scope is what is missing.
    InsufficientScope,
    /// The token came in a cookie with a cross-site request (CSRF): 403 without a challenge, because another token would not
    /// help. See [`TokenSource::cookie`](crate::credentials::TokenSource::cookie).
    CrossSite,
    /// The body of a request to an MCP server is not a JSON-RPC message, or is ambiguous, so it is not known what the request needs: 400 without a
    /// challenge, because another token would not help.
    InvalidMessage,
    /// The body of a request to an MCP server is too long for the layer to read, so it is not known what the request needs: 413 without a challenge.
    MessageTooLong,
    /// The session that a request to an MCP server names was begun with another subject's token, or does not belong to this server: 404 without a
    /// challenge, after which an MCP client begins a new session.
    UnknownSession,
    /// The issuer's keys are unavailable, so the token cannot be validated: 503 with `Retry-After`. The token may be valid, so there
    /// is no error code that would make the client discard it.
    KeysUnavailable,
    /// It could not be resolved whether the token's issuer is a tenant (feature `tenants`): 503 with `Retry-After`. The token may be valid, so there
    /// is no error code that would make the client discard it.
    TenantUnavailable,
    /// The issuer did not answer the introspection of the opaque token (RFC 7662): 503 with `Retry-After`. The token may be valid, so there is no
    /// error code that would make the client discard it.
    IntrospectionUnavailable,
    /// The store that detects replayed DPoP proofs is full, or does not answer: 503 with `Retry-After`. Token and proof may be valid, so
    /// there is no error code that would make the client discard them.
    ReplayStoreUnavailable,
    /// A feed of revocations has been silent for longer than its limit, so the token may be revoked: 503 with `Retry-After`. The token may be valid,
    /// so there is no error code that would make the client discard it.
    RevocationsUnavailable,
    /// A limit of this server has been reached, so the token or its proof could not be fully checked: 429 with `Retry-After`. The token may be
    /// valid, so there is no error code that would make the client discard it.
    TooManyRequests,
    /// A handler or a requirement is on a route that no layer protects, or a token was checked by a server other than the one that validated it:
    /// 500. This is a mistake in the program, and the log says what is missing.
    Unprotected,
}

impl RejectionKind {
    /// A constant word for the kind, for logs and as the label of a metric: `no_credentials`, `invalid_request`, `invalid_token`, `invalid_proof`,
    /// `nonce_required`, `insufficient_authentication`, `insufficient_scope`, `cross_site`, `invalid_message`, `message_too_long`,
    /// `unknown_session`, `keys_unavailable`, `tenant_unavailable`, `introspection_unavailable`, `replay_store_unavailable`,
    /// `revocations_unavailable`, `too_many_requests` or `unprotected`. It is not the challenge's [error code](crate::Rejection::error): some kinds
    /// have none, and one has two.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCredentials => "no_credentials",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InvalidProof => "invalid_proof",
            Self::NonceRequired => "nonce_required",
            Self::InsufficientAuthentication => "insufficient_authentication",
            Self::InsufficientScope => "insufficient_scope",
            Self::CrossSite => "cross_site",
            Self::InvalidMessage => "invalid_message",
            Self::MessageTooLong => "message_too_long",
            Self::UnknownSession => "unknown_session",
            Self::KeysUnavailable => "keys_unavailable",
            Self::TenantUnavailable => "tenant_unavailable",
            Self::IntrospectionUnavailable => "introspection_unavailable",
            Self::ReplayStoreUnavailable => "replay_store_unavailable",
            Self::RevocationsUnavailable => "revocations_unavailable",
            Self::TooManyRequests => "too_many_requests",
            Self::Unprotected => "unprotected",
        }
    }
}

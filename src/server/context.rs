use http::Extensions;

use super::resource_server::ResourceServer;
use crate::AccessToken;

/// What the protecting layer leaves in a request for those within. It has no public name, so nobody else can leave one.
#[derive(Clone)]
pub(crate) struct Context {
    server: ResourceServer,
    /// `None` if the request came without credentials and that is allowed.
    token: Option<AccessToken>,
}

/// What a request may do, as far as the protecting layer knows.
pub(crate) enum Access<'a> {
    /// There was a good token.
    Granted(&'a ResourceServer, &'a AccessToken),
    /// There were no credentials, and that is allowed.
    Anonymous(&'a ResourceServer),
    /// No layer looked.
    Unprotected,
}

impl Context {
    pub(crate) fn access(extensions: &Extensions) -> Access<'_> {
        match extensions.get::<Self>() {
            Some(Self { server, token: Some(token) }) => Access::Granted(server, token),
            Some(Self { server, token: None }) => Access::Anonymous(server),
            None => Access::Unprotected,
        }
    }

    /// Removes whatever another layer, or this one in another place, found out about the request.
    pub(crate) fn clear(extensions: &mut Extensions) {
        if let Some(Self { server, .. }) = extensions.remove::<Self>()
            && let Some(claims) = server.claims_extension()
        {
            (claims.remove)(extensions);
        }
        extensions.remove::<AccessToken>();
    }

    pub(crate) fn grant(server: ResourceServer, token: AccessToken, extensions: &mut Extensions) {
        if let (Some(claims), Some(parsed)) = (server.claims_extension(), token.parsed_claims()) {
            (claims.insert)(parsed, extensions);
        }
        extensions.insert(token.clone());
        extensions.insert(Self { server, token: Some(token) });
    }

    pub(crate) fn anonymous(server: ResourceServer, extensions: &mut Extensions) {
        extensions.insert(Self { server, token: None });
    }
}

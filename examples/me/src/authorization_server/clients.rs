//! The clients that are registered, each with its one redirect URI.

use super::secrets;

/// A public client: a program on the user's own machine, or a page without a backend.
pub(crate) const APP: &str = "demo-app";
/// The backend of the client app.
pub(crate) const WEB_APP: &str = "demo-web-app";
pub(crate) const WEB_APP_SECRET: &str = "another-secret-that-everybody-knows";
/// A service, which acts for users and for itself.
pub(crate) const SERVICE: &str = "demo-service";
pub(crate) const SERVICE_SECRET: &str = "a-secret-that-everybody-knows";
pub(crate) const SERVICE_REDIRECT_URI: &str = "https://service.example.test/callback";

/// The API, which asks what opaque tokens are. It asks for no tokens itself.
pub(crate) const API: &str = "demo-api";
pub(crate) const API_SECRET: &str = "the-secret-of-an-api-that-everybody-knows";

#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// Compared as a string, not as a pattern (RFC 9700 §2.1).
    pub(crate) redirect_uri: String,
    /// A client without one is public: it runs where it could keep none (RFC 6749 §2.1).
    secret: Option<&'static str>,
}

pub(crate) struct Clients(Vec<Client>);

impl Clients {
    pub(crate) fn new(app_redirect_uri: &str) -> Self {
        let at_app = || app_redirect_uri.to_owned();
        let app = Client { id: APP, name: "Example app", redirect_uri: at_app(), secret: None };
        let web_app = Client { id: WEB_APP, name: "Example app", redirect_uri: at_app(), secret: Some(WEB_APP_SECRET) };
        let redirect_uri = SERVICE_REDIRECT_URI.to_owned();
        let service = Client { id: SERVICE, name: "Example service", redirect_uri, secret: Some(SERVICE_SECRET) };
        let redirect_uri = "https://api.example.test/none".to_owned();
        let api = Client { id: API, name: "Example API", redirect_uri, secret: Some(API_SECRET) };
        Self(vec![app, web_app, service, api])
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Client> {
        self.0.iter().find(|client| client.id == id)
    }
}

impl Client {
    pub(crate) fn is_confidential(&self) -> bool {
        self.secret.is_some()
    }

    /// A public client has nothing to show, and one that shows something is not that client.
    pub(crate) fn is_authenticated_by(&self, secret: Option<&str>) -> bool {
        match (self.secret, secret) {
            (None, None) => true,
            (Some(own), Some(shown)) => secrets::are_equal(own, shown),
            _ => false,
        }
    }
}

//! The registered clients: those of the example, and those that have [registered
//! themselves](super::registration).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

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
    pub(crate) id: String,
    pub(crate) name: String,
    /// Compared as strings, not as patterns (RFC 9700 §2.1).
    pub(crate) redirect_uris: Vec<String>,
    /// A client without one is public: it runs where it could keep none (RFC 6749 §2.1).
    secret: Option<&'static str>,
    /// Nobody but the client says who it is.
    pub(crate) is_self_registered: bool,
}

pub(crate) struct Clients {
    known: Vec<Client>,
    self_registered: Mutex<HashMap<String, Client>>,
}

impl Clients {
    pub(crate) fn new(app_redirect_uri: &str) -> Self {
        let known = [
            (APP, "Example app", app_redirect_uri, None),
            (WEB_APP, "Example app", app_redirect_uri, Some(WEB_APP_SECRET)),
            (SERVICE, "Example service", SERVICE_REDIRECT_URI, Some(SERVICE_SECRET)),
            (API, "Example API", "https://api.example.test/none", Some(API_SECRET)),
        ];
        let known = known.map(|(id, name, redirect_uri, secret)| Client {
            id: id.to_owned(),
            name: name.to_owned(),
            redirect_uris: vec![redirect_uri.to_owned()],
            secret,
            is_self_registered: false,
        });
        Self { known: known.into(), self_registered: Mutex::default() }
    }

    pub(crate) fn get(&self, id: &str) -> Option<Client> {
        let known = self.known.iter().find(|client| client.id == id).cloned();
        known.or_else(|| self.self_registered.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned())
    }

    /// A new public client, with an identifier that nobody has chosen.
    pub(crate) fn register(&self, name: String, redirect_uris: Vec<String>) -> Client {
        let client = Client { id: secrets::random(), name, redirect_uris, secret: None, is_self_registered: true };
        let mut self_registered = self.self_registered.lock().unwrap_or_else(PoisonError::into_inner);
        self_registered.insert(client.id.clone(), client.clone());
        client
    }
}

impl Client {
    pub(crate) fn is_confidential(&self) -> bool {
        self.secret.is_some()
    }

    /// A public client has no secret, so one that presents a secret is not that client.
    pub(crate) fn is_authenticated_by(&self, secret: Option<&str>) -> bool {
        match (self.secret, secret) {
            (None, None) => true,
            (Some(own), Some(shown)) => secrets::are_equal(own, shown),
            _ => false,
        }
    }
}

//! The authorization request (RFC 6749 §4.1.1), and what is wrong with one.

use std::time::Duration;

use tower_bearer::Scope;
use tower_bearer::require::AcrValues;
use url::Url;

use super::AuthorizationServer;
use super::clients::Client;
use super::parameters::Parameters;
use super::pkce::Challenge;

pub(crate) const PASSWORD: &str = "urn:example:pwd";

#[derive(Clone, Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client: Client,
    /// The one of the client's that it named.
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) scope: Scope,
    pub(crate) challenge: Challenge,
    pub(crate) nonce: Option<String>,
    /// The thumbprint of the key that the code is for (RFC 9449 §10).
    pub(crate) dpop_jkt: Option<String>,
    /// The one of the `acr_values` that this server prefers to give.
    pub(crate) acr: Option<String>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) prompt: Prompt,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prompt {
    pub(crate) none: bool,
    pub(crate) login: bool,
    pub(crate) consent: bool,
}

/// Whom to tell.
pub(crate) enum Refused {
    /// The user, on a page: where the client is in doubt, a redirect would serve the attacker who made up the request (RFC 6749
    /// §4.1.2.1).
    OnPage(&'static str),
    /// The client.
    ByRedirect(ErrorResponse),
}

/// RFC 6749 §4.1.2.1.
pub(crate) struct ErrorResponse {
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

impl AuthorizationRequest {
    pub(crate) fn parse(query: &str, server: &AuthorizationServer) -> Result<Self, Refused> {
        let Ok(parameters) = Parameters::parse(query.as_bytes()) else {
            return Err(Refused::OnPage("A parameter of the request is repeated."));
        };
        let Some(client) = server.clients.get(parameters.text("client_id")) else {
            return Err(Refused::OnPage("No such client is registered here."));
        };
        let redirect_uri = parameters.text("redirect_uri").to_owned();
        if !client.redirect_uris.contains(&redirect_uri) {
            return Err(Refused::OnPage("The client is registered with another redirect URI."));
        }
        let state = parameters.get("state").map(ToOwned::to_owned);
        Self::of_client(client, &redirect_uri, &parameters, server).map_err(|(error, description)| {
            Refused::ByRedirect(ErrorResponse { redirect_uri, state, error, description })
        })
    }

    fn of_client(
        client: Client,
        redirect_uri: &str,
        parameters: &Parameters,
        server: &AuthorizationServer,
    ) -> Result<Self, (&'static str, &'static str)> {
        let invalid = |description| ("invalid_request", description);
        for (name, error) in [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")] {
            if parameters.get(name).is_some() {
                return Err((error, "parameters are read only from the query"));
            }
        }
        match parameters.get("response_type") {
            Some("code") => {}
            Some(_) => return Err(("unsupported_response_type", "response_type must be code")),
            None => return Err(invalid("response_type is required")),
        }
        if parameters.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(invalid("response_mode must be query"));
        }
        let challenge = Challenge::parse(parameters.get("code_challenge"), parameters.get("code_challenge_method"))
            .map_err(invalid)?;
        check_resource(parameters.get("resource"), &server.audience)?;
        let scope = granted_scope(parameters.get("scope"), &server.scopes)?;
        let max_age = parameters.get("max_age").map(str::parse).transpose();
        let max_age = max_age.map_err(|_| invalid("max_age must be a number of seconds"))?.map(Duration::from_secs);
        Ok(Self {
            client,
            redirect_uri: redirect_uri.to_owned(),
            state: parameters.get("state").map(ToOwned::to_owned),
            scope,
            challenge,
            nonce: parameters.get("nonce").map(ToOwned::to_owned),
            dpop_jkt: parameters.get("dpop_jkt").map(ToOwned::to_owned),
            acr: parameters.get("acr_values").map(|values| preferred_acr(values, &server.strong)).transpose()?,
            max_age,
            prompt: Prompt::parse(parameters.text("prompt"))?,
        })
    }
}

/// There is no default scope: a client says what it wants (RFC 6749 §3.3).
pub(crate) fn granted_scope(requested: Option<&str>, available: &Scope) -> Result<Scope, (&'static str, &'static str)> {
    let scope: Option<Scope> = requested.and_then(|scope| scope.parse().ok());
    match scope {
        Some(scope) if !scope.is_empty() && available.includes(&scope) => Ok(scope),
        _ => Err(("invalid_scope", "scope is missing, malformed, or more than this client can be granted")),
    }
}

/// There is one API. A client that names another would send its tokens there (RFC 8707 §2).
pub(crate) fn check_resource(requested: Option<&str>, api: &str) -> Result<(), (&'static str, &'static str)> {
    // As URLs: clients write the one of an origin with a slash at its end.
    let is_the_api = |requested| match (Url::parse(requested), Url::parse(api)) {
        (Ok(requested), Ok(api)) => requested == api,
        _ => false,
    };
    if requested.is_none_or(is_the_api) {
        Ok(())
    } else {
        Err(("invalid_target", "this server issues no tokens for this resource"))
    }
}

/// The client's values stand in the order of its preference; if none of them can be had, it is told so (RFC 9470 §5).
fn preferred_acr(values: &str, strong: &AcrValues) -> Result<String, (&'static str, &'static str)> {
    let known = values.split(' ').find(|value| *value == PASSWORD || strong.contains(value));
    known
        .map(ToOwned::to_owned)
        .ok_or(("unmet_authentication_requirements", "this server supports none of the acr_values"))
}

impl Prompt {
    fn parse(text: &str) -> Result<Self, (&'static str, &'static str)> {
        let mut prompt = Self::default();
        for word in text.split_ascii_whitespace() {
            match word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                _ => return Err(("invalid_request", "prompt must consist of none, login or consent")),
            }
        }
        if prompt.none && (prompt.login || prompt.consent) {
            return Err(("invalid_request", "prompt=none cannot be combined with other values"));
        }
        Ok(prompt)
    }
}

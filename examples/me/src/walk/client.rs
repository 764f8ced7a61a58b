//! The client, which uses the `oauth2` crate, so that an independent implementation checks this authorization server. The crate
//! does not know proofs; they are added to its requests.

use std::cell::RefCell;
use std::error::Error;

use http::{Request, Response};
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, Scope, StandardRevocableToken,
    StandardTokenResponse, TokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::api::Credentials;
use super::report::Outcome;
use super::wire::{self, Proving};
use crate::client_key::ClientKey;

pub(super) type Tokens = StandardTokenResponse<OpenId, BasicTokenType>;

/// What an OpenID provider adds to the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OpenId {
    pub(super) id_token: Option<String>,
}

impl ExtraTokenFields for OpenId {}

type Inner = oauth2::Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

pub(super) struct Client {
    inner: Inner,
    issuer: String,
    http: reqwest::Client,
    /// With it, the client wants tokens that are bound to it.
    key: Option<ClientKey>,
}

/// What a client keeps of the request that it sent a user off with.
pub(super) struct Flow {
    pub(super) url: Url,
    pub(super) state: CsrfToken,
    verifier: PkceCodeVerifier,
}

/// Why an answer is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotOurs {
    #[error("its state is not the one that was sent")]
    ForeignState,
    #[error("it is from another authorization server")]
    OtherIssuer,
    #[error("it says {0}")]
    Refused(String),
    #[error("it has no code")]
    NoCode,
}

impl Client {
    /// `metadata` is the authorization server's.
    pub(super) fn new(metadata: &Value, id: &str, redirect_uri: &str) -> Result<Self, Box<dyn Error>> {
        let member = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
        let inner = oauth2::Client::new(ClientId::new(id.to_owned()))
            .set_auth_uri(AuthUrl::new(member("authorization_endpoint"))?)
            .set_token_uri(TokenUrl::new(member("token_endpoint"))?)
            .set_redirect_uri(RedirectUrl::new(redirect_uri.to_owned())?);
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { inner, issuer: member("issuer"), http, key: None })
    }

    pub(super) fn with_secret(mut self, secret: &str) -> Self {
        self.inner = self.inner.set_client_secret(ClientSecret::new(secret.to_owned()));
        self.inner = self.inner.set_auth_type(AuthType::BasicAuth);
        self
    }

    pub(super) fn with_key(self, key: Option<ClientKey>) -> Self {
        Self { key, ..self }
    }

    pub(super) fn key(&self) -> Option<&ClientKey> {
        self.key.as_ref()
    }

    /// How the API is shown a token of this client.
    pub(super) fn credentials<'a>(&'a self, token: &'a str) -> Credentials<'a> {
        self.key.as_ref().map_or(Credentials::Bearer(token), |key| Credentials::Bound(token, key))
    }

    pub(super) fn authorize(&self, scope: &str, demands: &[(&'static str, String)]) -> Flow {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let request = self.inner.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge);
        let request = request.add_scopes(scope.split(' ').map(|scope| Scope::new(scope.to_owned())));
        // The code is then redeemed by this key alone (RFC 9449 §10).
        let jkt = self.key.as_ref().map(|key| ("dpop_jkt", key.thumbprint()));
        let demands = demands.iter().chain(&jkt).map(|(name, value)| (*name, value.as_str()));
        let (url, state) = demands.fold(request, |request, (name, value)| request.add_extra_param(name, value)).url();
        Flow { url, state, verifier }
    }

    /// The code, if the answer is one to this very request (RFC 6749 §10.12) from the server that was asked (RFC 9207).
    pub(super) fn code(&self, flow: &Flow, answer: &Url) -> Result<AuthorizationCode, NotOurs> {
        let parameter =
            |name: &str| answer.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
        if parameter("state").as_ref() != Some(flow.state.secret()) {
            return Err(NotOurs::ForeignState);
        }
        if parameter("iss").as_ref() != Some(&self.issuer) {
            return Err(NotOurs::OtherIssuer);
        }
        if let Some(error) = parameter("error") {
            return Err(NotOurs::Refused(error));
        }
        parameter("code").map(AuthorizationCode::new).ok_or(NotOurs::NoCode)
    }

    pub(super) async fn redeem(&self, flow: &Flow, code: AuthorizationCode) -> Outcome<Tokens> {
        let lines = RefCell::default();
        let http = |request| self.send(request, &lines);
        let verifier = PkceCodeVerifier::new(flow.verifier.secret().clone());
        let tokens = self.inner.exchange_code(code).set_pkce_verifier(verifier).request_async(&http).await?;
        self.accept(tokens, lines.take())
    }

    pub(super) async fn refresh(&self, token: &RefreshToken) -> Outcome<Tokens> {
        let lines = RefCell::default();
        let http = |request| self.send(request, &lines);
        let tokens = self.inner.exchange_refresh_token(token).request_async(&http).await?;
        self.accept(tokens, lines.take())
    }

    pub(super) async fn client_credentials(&self, scope: &str) -> Outcome<Tokens> {
        let lines = RefCell::default();
        let http = |request| self.send(request, &lines);
        let scopes = scope.split(' ').map(|scope| Scope::new(scope.to_owned()));
        let tokens = self.inner.exchange_client_credentials().add_scopes(scopes).request_async(&http).await?;
        self.accept(tokens, lines.take())
    }

    /// A client that has proved its key accepts no token that is not bound to a key (RFC 9449 §5).
    fn accept(&self, tokens: Tokens, lines: Vec<String>) -> Outcome<Tokens> {
        let is_bound =
            matches!(tokens.token_type(), BasicTokenType::Extension(name) if name.eq_ignore_ascii_case("dpop"));
        if is_bound != self.key.is_some() {
            return Err(format!("the token type is {}", tokens.token_type().as_ref()).into());
        }
        Ok((tokens, lines))
    }

    async fn send(
        &self,
        request: Request<Vec<u8>>,
        lines: &RefCell<Vec<String>>,
    ) -> Result<Response<Vec<u8>>, reqwest::Error> {
        let request = reqwest::Request::try_from(request)?;
        let url = request.url().clone();
        let proving = self.key.as_ref().map(|key| Proving { key, url: &url, access_token: None });
        let mut sent = Vec::new();
        let answer = wire::send(&self.http, request, proving, &mut sent).await;
        lines.borrow_mut().extend(sent);
        answer
    }
}

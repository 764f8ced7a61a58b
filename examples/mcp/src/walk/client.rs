//! rmcp's client, with rmcp's OAuth.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::redirect::Policy;
use rmcp::model::{CallToolRequestParams, CallToolResult, ProgressNotificationParam, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, NotificationContext, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{AuthClient, AuthError, AuthorizationMetadataSource, OAuthTokenResponse};
use rmcp::transport::auth::{AuthorizationCallback, AuthorizationManager, WWWAuthenticateParams};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient};
use serde_json::Value;
use url::Url;

use super::report::Outcome;

/// Where the client would listen. Nobody does: the walk reads the code from the redirect.
pub(super) const REDIRECT_URI: &str = "http://127.0.0.1:3000/callback";

pub(super) struct Client {
    url: Url,
    /// Adds the token to requests.
    oauth: AuthClient<reqwest::Client>,
    handler: Handler,
    service: Option<RunningService<RoleClient, Handler>>,
}

/// Counts what it is told while a tool runs.
#[derive(Clone, Default)]
struct Handler(Arc<AtomicUsize>);

impl ClientHandler for Handler {
    async fn on_progress(&self, _: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Client {
    pub(super) async fn new(url: &str) -> Result<Self, Box<dyn Error>> {
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build()?;
        let mut manager = AuthorizationManager::new(url).await?;
        manager.with_client(http.clone())?;
        let oauth = AuthClient::new(http, manager);
        Ok(Self { url: Url::parse(url)?, oauth, handler: Handler::default(), service: None })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Without a token.
    pub(super) fn http(&self) -> &reqwest::Client {
        &self.oauth.http_client
    }

    pub(super) async fn token(&self) -> Result<String, AuthError> {
        self.oauth.get_access_token().await
    }

    /// To the challenge.
    pub(super) async fn is_refused(&self) -> Outcome<String> {
        let Err(error) = self.open().await else { return Err("it connected without a token".into()) };
        let challenge = error.auth_challenge().ok_or_else(|| error.to_string())?.to_owned();
        let line = format!("WWW-Authenticate: {challenge}");
        let parameters = WWWAuthenticateParams::parse(&challenge, &self.url);
        if parameters.resource_metadata_url.is_none() || parameters.scope.as_deref() != Some("files:read") {
            return Err(line.into());
        }
        Ok((challenge, vec![line]))
    }

    pub(super) async fn discover(&self, challenge: &str) -> Outcome<()> {
        let mut manager = self.oauth.auth_manager.lock().await;
        let found = manager.resolve_metadata_from_challenge(Some(challenge)).await?;
        if found.source != AuthorizationMetadataSource::ProtectedResourceMetadata {
            return Err(format!("found by {:?}", found.source).into());
        }
        let issuer = found.metadata.issuer.as_deref().unwrap_or_default();
        let lines = vec![format!("authorization server: {issuer}")];
        manager.set_metadata(found.metadata);
        Ok(((), lines))
    }

    /// To the authorization request.
    pub(super) async fn register(&self) -> Outcome<Url> {
        let mut manager = self.oauth.auth_manager.lock().await;
        let scopes = manager.select_initial_scopes(&[]).await;
        let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
        let registered = manager.register_client("The walk", REDIRECT_URI, &scopes).await?;
        let url: Url = manager.get_authorization_url(&scopes).await?.parse()?;
        let lines = vec![format!("client_id: {}", registered.client_id), format!("GET {url}")];
        Ok((url, lines))
    }

    pub(super) async fn redeem(&self, answer: &Url) -> Outcome<()> {
        let manager = self.oauth.auth_manager.lock().await;
        let AuthorizationCallback { code, csrf_token, issuer, .. } =
            AuthorizationCallback::from_redirect_url(answer.as_str())?;
        manager.exchange_code_for_token_with_issuer(&code, &csrf_token, issuer.as_deref()).await?;
        Ok(((), vec![format!("scope: {}", manager.get_current_scopes().await.join(" "))]))
    }

    pub(super) async fn refresh(&self) -> Outcome<()> {
        let tokens: OAuthTokenResponse = self.oauth.auth_manager.lock().await.refresh_token().await?;
        let answer = serde_json::to_value(&tokens)?;
        Ok(((), vec![format!("expires_in: {}", answer["expires_in"])]))
    }

    pub(super) async fn connect(&mut self) -> Outcome<()> {
        let service = self.open().await?;
        let tools: BTreeSet<_> = service.list_all_tools().await?.into_iter().map(|tool| tool.name).collect();
        let version = service.peer_info().map(|info| info.protocol_version.to_string());
        let lines = vec![
            format!("protocol {version:?}"),
            format!("tools: {}", tools.into_iter().collect::<Vec<_>>().join(", ")),
        ];
        self.service = Some(service);
        Ok(((), lines))
    }

    pub(super) async fn call(&self, tool: &'static str, arguments: Value) -> Outcome<()> {
        let result = self.try_call(tool, arguments).await?;
        let text =
            result.content.iter().filter_map(|content| content.as_text()).map(|text| text.text.replace('\n', ", "));
        let text: Vec<_> = text.collect();
        if result.is_error == Some(true) { Err(text.concat().into()) } else { Ok(((), text)) }
    }

    /// To the scope that is needed.
    pub(super) async fn is_refused_for_scope(&self, tool: &'static str, arguments: Value) -> Outcome<String> {
        let Err(error) = self.try_call(tool, arguments).await else {
            return Err("the call succeeded without the scope".into());
        };
        let challenge = error.auth_challenge().ok_or_else(|| error.to_string())?;
        let parameters = WWWAuthenticateParams::parse(challenge, &self.url);
        let scope = parameters.scope.clone().filter(|_| parameters.is_insufficient_scope()).ok_or(challenge)?;
        Ok((scope, vec![format!("WWW-Authenticate: {challenge}")]))
    }

    /// To the authorization request.
    pub(super) async fn step_up(&self, scope: &str) -> Outcome<Url> {
        let url: Url = self.oauth.auth_manager.lock().await.request_scope_upgrade(scope).await?.parse()?;
        let line = format!("GET {url}");
        Ok((url, vec![line]))
    }

    /// Until the stream ends.
    pub(super) async fn watch(&self) -> Result<CallToolResult, ServiceError> {
        self.try_call("watch_files", Value::default()).await
    }

    pub(super) fn heard(&self) -> usize {
        self.handler.0.load(Ordering::Relaxed)
    }

    pub(super) async fn close(&mut self) {
        if let Some(service) = self.service.take() {
            drop(service.cancel().await);
        }
    }

    async fn try_call(&self, tool: &'static str, arguments: Value) -> Result<CallToolResult, ServiceError> {
        let service = self.service.as_ref().ok_or(ServiceError::TransportClosed)?;
        let mut call = CallToolRequestParams::new(tool);
        call.arguments = arguments.as_object().cloned();
        service.call_tool(call).await
    }

    /// The access token goes along with every request, if there is one.
    async fn open(&self) -> Result<RunningService<RoleClient, Handler>, rmcp::service::ClientInitializeError> {
        let config = StreamableHttpClientTransportConfig::with_uri(self.url.as_str());
        let transport = StreamableHttpClientTransport::with_client(self.oauth.clone(), config);
        let lifecycle = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
        self.handler.clone().serve_with_lifecycle(transport, lifecycle).await
    }
}

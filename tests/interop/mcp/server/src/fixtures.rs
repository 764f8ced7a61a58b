//! The service with what the suite's scenarios ask for: tools, resources, prompts, completions and log levels.

use std::fmt::Display;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, ErrorCode, GetPromptRequestParams,
    GetPromptResponse, GetPromptResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult,
    ServerConfig, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::input;
use crate::tools::{self, TOOLS, image, many_keywords, resource, text};

/// An image of one pixel, and a sound of no sample, in base64.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
pub(crate) const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

type Context = RequestContext<RoleServer>;

/// It keeps nothing.
pub(crate) struct Fixtures;

impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        let info = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {
                "completions": {},
                "logging": {},
                "prompts": {},
                "resources": { "subscribe": true },
                "tools": {},
            },
            "serverInfo": { "name": "conformance", "version": "0.0.0" },
        });
        parsed(info).expect("this is the information about a server")
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: Context) -> Result<ListToolsResult, ErrorData> {
        cached(json!({ "tools": TOOLS.map(|(name, ..)| declared(name)) }))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        parsed(declared(name)?).ok()
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Result<CallToolResponse, ErrorData> {
        tools::call(&request, &context).await
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        cached(json!({ "resources": [
            { "uri": "test://static-text", "name": "text", "description": "A text", "mimeType": "text/plain" },
            { "uri": "test://static-binary", "name": "binary", "description": "An image", "mimeType": "image/png" },
            { "uri": "test://watched-resource", "name": "watched", "description": "A text", "mimeType": "text/plain" },
        ] }))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        cached(json!({ "resourceTemplates": [
            { "uriTemplate": "test://template/{id}/data", "name": "data", "description": "Data", "mimeType": "application/json" },
        ] }))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = &request.uri;
        let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
        let contents = match (&**uri, id) {
            (_, Some(id)) => {
                let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
                json!({ "uri": uri, "mimeType": "application/json", "text": data.to_string() })
            }
            ("test://static-text" | "test://watched-resource", _) => {
                json!({ "uri": uri, "mimeType": "text/plain", "text": "This is the content of the static text resource." })
            }
            ("test://static-binary", _) => json!({ "uri": uri, "mimeType": "image/png", "blob": PNG }),
            _ => return Err(ErrorData::resource_not_found("there is no such resource", Some(json!({ "uri": uri })))),
        };
        cached::<ReadResourceResult>(json!({ "contents": [contents] })).map(Into::into)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        let argument = |name| json!({ "name": name, "description": "A text", "required": true });
        let arguments = [argument("arg1"), argument("arg2")];
        let uri = [argument("resourceUri")];
        cached(json!({ "prompts": [
            { "name": "test_simple_prompt", "description": "A text" },
            { "name": "test_prompt_with_arguments", "description": "A text", "arguments": arguments },
            { "name": "test_prompt_with_embedded_resource", "description": "A resource", "arguments": uri },
            { "name": "test_prompt_with_image", "description": "An image" },
            { "name": "test_input_required_result_prompt", "description": "Wants an answer of the user first" },
        ] }))
    }

    async fn get_prompt(&self, request: GetPromptRequestParams, _: Context) -> Result<GetPromptResponse, ErrorData> {
        let (answers, state) = (request.input_responses.as_ref(), request.request_state.as_deref());
        if let Some(wanted) = input::wanted(&request.name, &Value::Null, answers, state) {
            return wanted.map(GetPromptResponse::InputRequired);
        }
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let argument = |name: &str| arguments[name].as_str().unwrap_or_default();
        let contents = match &*request.name {
            "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
            "test_prompt_with_arguments" => {
                let (first, second) = (argument("arg1"), argument("arg2"));
                vec![text(&format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))]
            }
            "test_prompt_with_embedded_resource" => vec![
                resource(argument("resourceUri"), "text/plain", "Embedded resource content for testing."),
                text("Please process the embedded resource above."),
            ],
            "test_input_required_result_prompt" => vec![text("The answer is there.")],
            "test_prompt_with_image" => vec![image(), text("Please analyze the image above.")],
            name => return Err(ErrorData::invalid_params(format!("there is no prompt {name}"), None)),
        };
        let messages: Vec<_> =
            contents.into_iter().map(|content| json!({ "role": "user", "content": content })).collect();
        complete::<GetPromptResult>(json!({ "messages": messages })).map(Into::into)
    }

    async fn complete(&self, _: CompleteRequestParams, _: Context) -> Result<CompleteResult, ErrorData> {
        complete(json!({ "completion": { "values": ["paris", "park"], "total": 2, "hasMore": false } }))
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }
}

/// The declaration of a tool.
fn declared(name: &str) -> Option<Value> {
    let (name, description, argument) = TOOLS.into_iter().find(|(known, ..)| *known == name)?;
    let is_rich = name == "json_schema_2020_12_tool";
    let mut schema = if is_rich { many_keywords() } else { json!({ "type": "object", "properties": {} }) };
    if let Some(argument) = argument {
        // Clients repeat it in the header `Mcp-Param-Text` (SEP-2243).
        schema["properties"][argument] = json!({ "type": "string", "x-mcp-header": "Text" });
        schema["required"] = json!([argument]);
    }
    Some(json!({ "name": name, "description": description, "inputSchema": schema }))
}

/// A result that clients may keep, as SEP-2549 wants to be told.
fn cached<T: DeserializeOwned>(mut result: Value) -> Result<T, ErrorData> {
    result["ttlMs"] = json!(1000);
    result["cacheScope"] = json!("private");
    complete(result)
}

/// A result that is the last one to its request (SEP-2322).
fn complete<T: DeserializeOwned>(mut result: Value) -> Result<T, ErrorData> {
    result["resultType"] = json!("complete");
    parsed(result)
}

pub(crate) fn parsed<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(internal)
}

pub(crate) fn internal(error: impl Display) -> ErrorData {
    ErrorData::new(ErrorCode::INTERNAL_ERROR, error.to_string(), None)
}

//! The tools whose names and answers the suite knows.

use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CreateMessageRequestParams, ElicitRequestParams,
    LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam, SamplingMessage,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::fixtures::{PNG, WAV, internal, parsed};
use crate::input;

/// Name, description, and the text that is its one argument, if it has one.
pub(crate) const TOOLS: [(&str, &str, Option<&str>); 25] = [
    ("test_simple_text", "Answers with a text", None),
    ("test_image_content", "Answers with an image", None),
    ("test_audio_content", "Answers with a sound", None),
    ("test_embedded_resource", "Answers with a resource", None),
    ("test_multiple_content_types", "Answers with a text, an image and a resource", None),
    ("test_tool_with_logging", "Logs three messages", None),
    ("test_logging_tool", "Logs a message if the request wants to know", None),
    ("test_tool_with_progress", "Reports its progress", None),
    ("test_error_handling", "Fails", None),
    ("test_reconnection", "Takes a while", None),
    ("test_sampling", "Asks the client's model", Some("prompt")),
    ("test_elicitation", "Asks the user", Some("message")),
    ("test_elicitation_sep1034_defaults", "Asks the user, with defaults", None),
    ("test_elicitation_sep1330_enums", "Asks the user, with choices", None),
    ("test_missing_capability", "Wants a client that has a model", None),
    ("json_schema_2020_12_tool", "Has a schema with many keywords", None),
    ("test_streaming_elicitation", "Wants an answer of the user first", None),
    ("test_input_required_result_elicitation", "Wants an answer of the user first", None),
    ("test_input_required_result_sampling", "Wants an answer of the client's model first", None),
    ("test_input_required_result_list_roots", "Wants the client's roots first", None),
    ("test_input_required_result_request_state", "Wants its state back, too", None),
    ("test_input_required_result_tampered_state", "Wants its own state back", None),
    ("test_input_required_result_multiple_inputs", "Wants three answers first", None),
    ("test_input_required_result_multi_round", "Wants an answer, and then another", None),
    ("test_input_required_result_capabilities", "Wants what the client can give", None),
];

const PAUSE: Duration = Duration::from_millis(20);

pub(crate) async fn call(
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let capabilities = &json!(context.meta)["io.modelcontextprotocol/clientCapabilities"];
    let (answers, state) = (request.input_responses.as_ref(), request.request_state.as_deref());
    if let Some(wanted) = input::wanted(&request.name, capabilities, answers, state) {
        return wanted.map(CallToolResponse::InputRequired);
    }
    let argument = |name: &str| request.arguments.as_ref()?.get(name)?.as_str();
    let answer = match &*request.name {
        "test_simple_text" => json!([text("This is a simple text response for testing.")]),
        "test_image_content" => json!([image()]),
        "test_audio_content" => json!([{ "type": "audio", "data": WAV, "mimeType": "audio/wav" }]),
        "test_embedded_resource" => {
            json!([resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")])
        }
        "test_multiple_content_types" => {
            let last = resource("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#);
            json!([text("Multiple content types test:"), image(), last])
        }
        "test_tool_with_logging" => json!([text(log(context).await?)]),
        "test_tool_with_progress" => json!([text(progress(context).await?)]),
        "test_error_handling" => {
            let failure = [text("This tool intentionally returns an error for testing")];
            return complete(json!({ "isError": true, "content": failure }));
        }
        "test_sampling" => json!([text(&sample(argument("prompt").unwrap_or_default(), context).await?)]),
        "test_elicitation" => {
            let answer = ask(argument("message").unwrap_or_default(), user(), context).await?;
            json!([text(&format!("User response: {answer}"))])
        }
        "test_elicitation_sep1034_defaults" => {
            let answer = ask("Please check these", with_defaults(), context).await?;
            json!([text(&format!("Elicitation completed: {answer}"))])
        }
        "test_elicitation_sep1330_enums" => {
            let answer = ask("Please choose", with_choices(), context).await?;
            json!([text(&format!("Elicitation completed: {answer}"))])
        }
        "test_missing_capability" => {
            if !capabilities["sampling"].is_object() {
                let required = parsed(json!({ "sampling": {} }))?;
                return Err(ErrorData::missing_required_client_capability(required));
            }
            json!([text("The client has a model.")])
        }
        "test_logging_tool" | "json_schema_2020_12_tool" => json!([text("It is done.")]),
        "test_reconnection" => {
            sleep(PAUSE).await;
            json!([text("It is done.")])
        }
        name if TOOLS.iter().any(|(known, ..)| *known == name) => json!([text("state-ok: the answers are there.")]),
        name => return Err(ErrorData::invalid_params(format!("there is no tool {name}"), None)),
    };
    complete(json!({ "content": answer }))
}

fn complete(mut result: Value) -> Result<CallToolResponse, ErrorData> {
    result["resultType"] = json!("complete");
    parsed::<CallToolResult>(result).map(Into::into)
}

pub(crate) fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

pub(crate) fn image() -> Value {
    json!({ "type": "image", "data": PNG, "mimeType": "image/png" })
}

pub(crate) fn resource(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({ "type": "resource", "resource": { "uri": uri, "mimeType": mime_type, "text": text } })
}

async fn log(context: &RequestContext<RoleServer>) -> Result<&'static str, ErrorData> {
    for message in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(message));
        context.peer.notify_logging_message(message).await.map_err(internal)?;
        sleep(PAUSE).await;
    }
    Ok("Three messages were logged.")
}

async fn progress(context: &RequestContext<RoleServer>) -> Result<&'static str, ErrorData> {
    for percent in [0.0, 50.0, 100.0] {
        if let Some(token) = context.meta.get_progress_token() {
            let progress = ProgressNotificationParam::new(token, percent).with_total(100.0);
            context.peer.notify_progress(progress).await.map_err(internal)?;
        }
        sleep(PAUSE).await;
    }
    Ok("It is done.")
}

async fn sample(prompt: &str, context: &RequestContext<RoleServer>) -> Result<String, ErrorData> {
    let request = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], 100);
    let answer = context.peer.create_message(request).await.map_err(internal)?;
    let answer = serde_json::to_value(answer.message).map_err(internal)?;
    Ok(format!("LLM response: {}", answer["content"]["text"].as_str().unwrap_or_default()))
}

async fn ask(message: &str, schema: Value, context: &RequestContext<RoleServer>) -> Result<String, ErrorData> {
    let request: ElicitRequestParams =
        parsed(json!({ "mode": "form", "message": message, "requestedSchema": schema }))?;
    let answer = context.peer.create_elicitation(request).await.map_err(internal)?;
    let answer = serde_json::to_value(answer).map_err(internal)?;
    Ok(format!("action={}, content={}", answer["action"].as_str().unwrap_or_default(), answer["content"]))
}

fn user() -> Value {
    json!({
        "type": "object",
        "properties": {
            "username": { "type": "string", "description": "User's response" },
            "email": { "type": "string", "description": "User's email address" },
        },
        "required": ["username", "email"],
    })
}

fn with_defaults() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "default": "John Doe" },
            "age": { "type": "integer", "default": 30 },
            "score": { "type": "number", "default": 95.5 },
            "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
            "verified": { "type": "boolean", "default": true },
        },
    })
}

fn with_choices() -> Value {
    let titled = |values: [&str; 2]| values.map(|value| json!({ "const": value, "title": format!("Choice {value}") }));
    let names = ["Option One", "Option Two", "Option Three"];
    json!({
        "type": "object",
        "properties": {
            "untitledSingle": { "type": "string", "enum": ["option1", "option2", "option3"] },
            "titledSingle": { "type": "string", "oneOf": titled(["value1", "value2"]) },
            "legacyEnum": { "type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": names },
            "untitledMulti": { "type": "array", "items": { "type": "string", "enum": ["option1", "option2"] } },
            "titledMulti": { "type": "array", "items": { "anyOf": titled(["value1", "value2"]) } },
        },
    })
}

/// A schema whose keywords are all to reach the client.
pub(crate) fn many_keywords() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": { "address": { "$anchor": "address", "type": "object", "properties": { "city": { "type": "string" } } } },
        "type": "object",
        "properties": {
            "address": { "$ref": "#/$defs/address" },
            "by": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "by": { "const": "phone" } }, "required": ["by"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}

//! What some tools, and a prompt, want to know of the client before they answer (SEP-2322).

use rmcp::ErrorData;
use rmcp::model::{InputRequiredResult, InputResponses};
use serde_json::{Map, Value, json};

use crate::fixtures::parsed;
use crate::tools::text;

/// The requests of a round, by their names.
type Round = Vec<(&'static str, Value)>;

/// What is still wanted of the client for this tool or prompt, if anything. A state says how many rounds are done. It gives access to
/// nothing, so it is not signed.
pub(crate) fn wanted(
    name: &str,
    capabilities: &Value,
    answers: Option<&InputResponses>,
    state: Option<&str>,
) -> Option<Result<InputRequiredResult, ErrorData>> {
    let (is_stateful, rounds) = rounds(name, capabilities)?;
    let done = match state {
        None => 0,
        Some(state) => match (0..rounds.len()).find(|done| after(*done) == state) {
            Some(done) => done,
            None => return Some(Err(ErrorData::invalid_params("this is no state of the server", None))),
        },
    };
    let is_answered =
        |(name, _): &(&str, Value)| answers.is_some_and(|answers| answers.get(*name).is_some_and(Value::is_object));
    let next = done + usize::from(rounds[done].iter().all(is_answered));
    let round = rounds.get(next)?;
    let requests: Map<_, _> = round.iter().map(|(name, request)| ((*name).to_owned(), request.clone())).collect();
    let mut result = json!({ "resultType": "input_required", "inputRequests": requests });
    if is_stateful {
        result["requestState"] = json!(after(next));
    }
    Some(parsed(result))
}

fn after(done: usize) -> String {
    format!("after round {done}")
}

/// The rounds, and whether they have states.
fn rounds(name: &str, capabilities: &Value) -> Option<(bool, Vec<Round>)> {
    let round = match name.strip_prefix("test_input_required_result_").or(name.strip_prefix("test_streaming_"))? {
        "elicitation" => vec![("user_name", question("What is your name?", "name"))],
        "sampling" => vec![("capital_question", prompt("What is the capital of France?"))],
        "list_roots" => vec![("client_roots", roots())],
        "prompt" => vec![("user_context", question("What is it for?", "context"))],
        "capabilities" => {
            let round = [("elicitation", "user_name", question("What is your name?", "name"))];
            let round = round.into_iter().chain([("sampling", "greeting", prompt("Greet me"))]);
            let declared = round.filter(|(capability, ..)| capabilities[capability].is_object());
            declared.map(|(_, name, request)| (name, request)).collect()
        }
        "request_state" | "tampered_state" => {
            return Some((true, vec![vec![("confirm", question("Please confirm", "ok"))]]));
        }
        "multiple_inputs" => {
            let name = ("user_name", question("What is your name?", "name"));
            return Some((true, vec![vec![name, ("greeting", prompt("Greet me")), ("client_roots", roots())]]));
        }
        "multi_round" => {
            let first = ("step1", question("What is your name?", "name"));
            return Some((true, vec![vec![first], vec![("step2", question("What is your colour?", "color"))]]));
        }
        _ => return None,
    };
    Some((false, vec![round]))
}

fn question(message: &str, field: &str) -> Value {
    let schema = json!({ "type": "object", "properties": { field: { "type": "string" } }, "required": [field] });
    let params = json!({ "mode": "form", "message": message, "requestedSchema": schema });
    json!({ "method": "elicitation/create", "params": params })
}

fn prompt(prompt: &str) -> Value {
    let messages = json!([{ "role": "user", "content": text(prompt) }]);
    json!({ "method": "sampling/createMessage", "params": { "messages": messages, "maxTokens": 100 } })
}

fn roots() -> Value {
    json!({ "method": "roots/list", "params": {} })
}

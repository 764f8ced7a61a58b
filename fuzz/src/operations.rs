//! Requests to an MCP server with any headers and any body, and a token that may only read.
//!
//! - Nothing panics, and the status is 200, 400, 403 or 413.
//! - No service behind the layer is made to delete something: neither one that takes the last of several members, nor one that ignores
//!   the case of names, nor one that compares the headers with the body as revision 2026-07-28 demands, for a layer that trusts them.

use std::convert::Infallible;
use std::sync::{LazyLock, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::jose::Algorithm;
use tower_bearer::mcp::{MessageBody, Operations};
use tower_bearer::{Require, ResourceServer};

use crate::world::{Moment, good, runtime, server};

struct World {
    runtime: Runtime,
    server: ResourceServer,
    /// Of a token that may only read.
    credentials: HeaderValue,
    /// Whether the headers count.
    layers: [(bool, Operations); 2],
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let runtime = runtime();
    let server = runtime.block_on(async { server(Moment) });
    let token = good(Algorithm::ES256).sign();
    let credentials = format!("Bearer {token}").try_into().expect("a header");
    let operations =
        || Operations::new().tool("delete*", Require::scope("write:me")).otherwise(Require::scope("read:me"));
    let layers = [(false, operations()), (true, operations().inner_verifies_headers())];
    Mutex::new(World { runtime, server, credentials, layers })
});

/// The lines up to an empty one are headers, by their first character: `v`ersion, `m`ethod, `n`ame, content `t`ype or `e`ncoding. `d` makes
/// a DELETE of the request, and `g` a GET. The rest is the body.
pub fn run(input: &[u8]) {
    let end = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
    let (head, body) = (&input[..end], input.get(end + 2..).unwrap_or_default());
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body)));
    *request.method_mut() = Method::POST;
    for line in head.split(|byte| *byte == b'\n') {
        let Some((place, rest)) = line.split_first() else { continue };
        let name = match place {
            b'v' => "mcp-protocol-version",
            b'm' => "mcp-method",
            b'n' => "mcp-name",
            b't' => "content-type",
            b'e' => "content-encoding",
            b'd' => {
                *request.method_mut() = Method::DELETE;
                continue;
            }
            b'g' => {
                *request.method_mut() = Method::GET;
                continue;
            }
            _ => continue,
        };
        if let Ok(value) = HeaderValue::from_bytes(rest) {
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    let World { runtime, server, credentials, layers } = &*WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    request.headers_mut().insert(AUTHORIZATION, credentials.clone());
    for (trusts, operations) in layers {
        let verifies = *trusts;
        let inner = service_fn(move |request: Request<MessageBody<Full<Bytes>>>| act(request, verifies));
        let service = server.layer().layer(operations.layer(inner));
        let Ok(response) = runtime.block_on(service.oneshot(request.clone()));
        let status = response.status().as_u16();
        assert!([200, 400, 403, 413].contains(&status), "{status}");
    }
}

/// What a service does with a request.
async fn act(request: Request<MessageBody<Full<Bytes>>>, verifies: bool) -> Result<Response<String>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await;
    let Ok(message) = serde_json::from_slice::<Value>(&body.to_bytes()) else { return Ok(Response::default()) };
    if verifies && !is_verified(&head.headers, &message) {
        return Ok(Response::default());
    }
    for message in message.as_array().map_or(std::slice::from_ref(&message), Vec::as_slice) {
        let calls = members(message, "method").any(|method| method == "tools/call");
        let mut tools = members(message, "params").flat_map(|params| members(params, "name"));
        let deletes = calls && tools.any(|tool| tool.as_str().is_some_and(|tool| tool.starts_with("delete")));
        assert!(!deletes, "it is deleted by {message}, with {:?}", head.headers);
    }
    Ok(Response::default())
}

/// The members of this name in any case: a service may take any of them.
fn members<'v>(value: &'v Value, name: &'static str) -> impl Iterator<Item = &'v Value> {
    let all = value.as_object().into_iter().flatten();
    all.filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// As `rmcp` compares: by the first version of several, which is compared as a text. What is older is not compared.
fn is_verified(headers: &HeaderMap, message: &Value) -> bool {
    let version = headers.get("mcp-protocol-version").and_then(|version| version.to_str().ok());
    if version.is_none_or(|version| version < "2026-07-28") {
        return true;
    }
    let only = |name: &str| {
        let mut lines = headers.get_all(name).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return None };
        line.to_str().ok()
    };
    let Some(method) = message["method"].as_str() else { return false };
    let decoded = |text: &str| match text.strip_prefix("=?base64?").and_then(|text| text.strip_suffix("?=")) {
        Some(encoded) => STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()),
        None => Some(text.to_owned()),
    };
    let is_named = || only("mcp-name").and_then(decoded).as_deref() == message["params"]["name"].as_str();
    only("mcp-method") == Some(method) && (method != "tools/call" || is_named())
}

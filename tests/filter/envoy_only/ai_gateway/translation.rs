//! The translators of Envoy AI Gateway between OpenAI's Chat Completions and a backend's API.
//!
//! | here | in the gateway's sources, `internal/translator` |
//! |---|---|
//! | [`Schema::OpenAi`] | `openai_openai.go`: the body is replaced only if the model has another name |
//! | [`Schema::GcpAnthropic`] | `openai_gcpanthropic.go`, `anthropic_helper.go`, and `backendauth/gcp.go` for the path |
//!
//! Tools, images and thinking are left out.

use serde_json::{Value, json};

/// `AIServiceBackend.spec.schema.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    OpenAi,
    GcpAnthropic,
}

/// A backend of a rule, as the gateway's controller writes it into the external processor's
/// configuration.
#[derive(Clone, Debug)]
pub struct Backend {
    pub schema: Schema,
    pub model_name_override: Option<String>,
}

/// Headers to set, and a body to replace the present one.
#[derive(Debug, Default, PartialEq)]
pub struct Translated {
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
}

/// Translates one request and its response.
pub struct Translator {
    backend: Backend,
    model: String,
    is_stream: bool,
    events: AnthropicEvents,
}

/// What is known of a stream of Anthropic's events.
#[derive(Default)]
struct AnthropicEvents {
    buffer: String,
    has_role: bool,
    stop_reason: Option<String>,
    input_tokens: u64,
    output_tokens: u64,
}

// === impl Schema ===

impl Schema {
    pub fn from_name(name: &str) -> Self {
        match name {
            "OpenAI" => Self::OpenAi,
            "GCPAnthropic" => Self::GcpAnthropic,
            _ => panic!("the gateway's processor in this test has no schema {name}"),
        }
    }
}

// === impl Translated ===

impl Translated {
    fn replaced(body: Vec<u8>) -> Self {
        Self { headers: vec![("content-length", body.len().to_string())], body: Some(body) }
    }
}

// === impl Translator ===

impl Translator {
    pub fn new(backend: Backend, request: &Value) -> Self {
        let named = request["model"].as_str().unwrap_or_default().to_owned();
        let model = backend.model_name_override.clone().unwrap_or(named);
        let is_stream = request["stream"] == true;
        Self { backend, model, is_stream, events: AnthropicEvents::default() }
    }

    /// `RequestBody`. With `is_forced`, the original body replaces the present one where nothing
    /// else does.
    pub fn request(&self, original: &[u8], request: &Value, is_forced: bool) -> Translated {
        let (path, body) = match self.backend.schema {
            Schema::OpenAi => ("/v1/chat/completions".to_owned(), self.openai_request(request)),
            Schema::GcpAnthropic => (self.vertex_path(), Some(self.anthropic_request(request))),
        };
        let body = body.or_else(|| is_forced.then(|| original.to_vec()));
        let mut translated = body.map_or_else(Translated::default, Translated::replaced);
        translated.headers.insert(0, (":path", path));
        translated
    }

    fn openai_request(&self, request: &Value) -> Option<Vec<u8>> {
        self.backend.model_name_override.as_ref()?;
        let mut request = request.clone();
        request["model"] = self.model.as_str().into();
        Some(request.to_string().into_bytes())
    }

    fn vertex_path(&self) -> String {
        let method = if self.is_stream { "streamRawPredict" } else { "rawPredict" };
        let model = &self.model;
        format!("/v1/projects/p/locations/l/publishers/anthropic/models/{model}:{method}")
    }

    fn anthropic_request(&self, request: &Value) -> Vec<u8> {
        let text = |message: &Value| json!([{"type": "text", "text": message["content"]}]);
        let messages = request["messages"].as_array().cloned().unwrap_or_default();
        let is_system = |message: &&Value| message["role"] == "system";
        let (system, others): (Vec<_>, Vec<_>) = messages.iter().partition(is_system);
        let message = |it: &&Value| json!({"role": it["role"], "content": text(it)});
        let mut body = json!({
            "anthropic_version": "vertex-2023-10-16",
            "max_tokens": request["max_tokens"].as_u64().unwrap_or_default(),
            "messages": others.iter().map(message).collect::<Vec<_>>(),
        });
        if !system.is_empty() {
            body["system"] = system.iter().map(|it| text(it)[0].clone()).collect();
        }
        if self.is_stream {
            body["stream"] = true.into();
        }
        body.to_string().into_bytes()
    }

    /// `ResponseHeaders`.
    pub fn response_headers(&self) -> Translated {
        let mut translated = Translated::default();
        if self.backend.schema == Schema::GcpAnthropic && self.is_stream {
            translated.headers.push(("content-type", "text/event-stream".to_owned()));
        }
        translated
    }

    /// `ResponseError`: the body of a response whose status is none of success.
    pub fn response_error(&self, status: &str, content_type: &str, body: &[u8]) -> Translated {
        let is_json = content_type.contains("application/json");
        let (kind, message) = match (self.backend.schema, is_json) {
            (Schema::OpenAi, true) => return Translated::default(),
            (Schema::OpenAi, false) => {
                (json!("OpenAIBackendError"), String::from_utf8_lossy(body).into())
            }
            (Schema::GcpAnthropic, false) => {
                (json!("GCPBackendError"), String::from_utf8_lossy(body).into())
            }
            (Schema::GcpAnthropic, true) => {
                let error: Value = serde_json::from_slice(body).unwrap_or_default();
                (error["error"]["type"].clone(), error["error"]["message"].clone())
            }
        };
        let error = json!({"type": kind, "message": message, "code": status});
        let body = json!({"type": "error", "error": error}).to_string().into_bytes();
        let mut translated = Translated::replaced(body);
        translated.headers.insert(0, ("content-type", "application/json".to_owned()));
        translated
    }

    /// `ResponseBody`.
    ///
    /// # Errors
    /// The gateway's message, for an answer that it cannot translate. Envoy then fails the response.
    pub fn response(&mut self, body: &[u8], is_end: bool) -> Result<Translated, String> {
        match (self.backend.schema, self.is_stream) {
            // Only read, for the metrics.
            (Schema::OpenAi, true) => Ok(Translated::default()),
            (Schema::OpenAi, false) => match serde_json::from_slice::<Value>(body) {
                Ok(_) => Ok(Translated::default()),
                Err(error) => Err(format!("failed to unmarshal body: {error}")),
            },
            (Schema::GcpAnthropic, true) => {
                let body = Some(self.events.translate(body, is_end, &self.model)?);
                Ok(Translated { headers: Vec::new(), body })
            }
            (Schema::GcpAnthropic, false) => {
                let message: Value = serde_json::from_slice(body)
                    .map_err(|error| format!("failed to unmarshal body: {error}"))?;
                Ok(Translated::replaced(chat_completion(&message)?.to_string().into_bytes()))
            }
        }
    }
}

/// `anthropicToOpenAIFinishReason`.
fn finish_reason(stop_reason: &str) -> Result<&'static str, String> {
    match stop_reason {
        "end_turn" | "stop_sequence" | "pause_turn" => Ok("stop"),
        "max_tokens" => Ok("length"),
        "tool_use" => Ok("tool_calls"),
        "refusal" => Ok("content_filter"),
        _ => Err(format!("received invalid stop reason {stop_reason}")),
    }
}

/// `messageToChatCompletion`.
fn chat_completion(message: &Value) -> Result<Value, String> {
    let finish = finish_reason(message["stop_reason"].as_str().unwrap_or_default())?;
    let text = &message["content"][0]["text"];
    let tokens = |name: &str| message["usage"][name].as_u64().unwrap_or_default();
    let choice = json!({
        "index": 0, "finish_reason": finish,
        "message": {"role": message["role"], "content": text},
    });
    Ok(json!({
        "id": message["id"], "model": message["model"], "object": "chat.completion",
        "choices": [choice],
        "usage": usage(tokens("input_tokens"), tokens("output_tokens")),
    }))
}

fn usage(input: u64, output: u64) -> Value {
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
}

// === impl AnthropicEvents ===

impl AnthropicEvents {
    /// `anthropicStreamParser.Process`.
    fn translate(&mut self, body: &[u8], is_end: bool, model: &str) -> Result<Vec<u8>, String> {
        self.buffer.push_str(std::str::from_utf8(body).map_err(|error| error.to_string())?);
        let mut chunks = Vec::new();
        while let Some((event, rest)) = self.buffer.split_once("\n\n") {
            let (event, rest) = (event.to_owned(), rest.to_owned());
            self.buffer = rest;
            chunks.extend(self.chunk(&event, model)?);
        }
        if is_end {
            let rest = std::mem::take(&mut self.buffer);
            chunks.extend(self.chunk(&rest, model)?);
            let mut last = chunk(model, json!({}), None);
            last["choices"] = json!([]);
            last["usage"] = usage(self.input_tokens, self.output_tokens);
            chunks.push(last);
        }
        let mut text: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        if is_end {
            text.push_str("data: [DONE]\n\n");
        }
        Ok(text.into_bytes())
    }

    /// `handleAnthropicStreamEvent`.
    fn chunk(&mut self, event: &str, model: &str) -> Result<Option<Value>, String> {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let (Some(kind), Some(data)) = (field("event: "), field("data: ")) else {
            return Ok(None);
        };
        let data: Value = serde_json::from_str(data).map_err(|error| error.to_string())?;
        match kind {
            "message_start" => {
                let tokens = data["message"]["usage"]["input_tokens"].as_u64();
                self.input_tokens = tokens.unwrap_or_default();
                Ok(None)
            }
            "content_block_delta" => {
                let mut delta = json!({"content": data["delta"]["text"]});
                if !std::mem::replace(&mut self.has_role, true) {
                    delta["role"] = "assistant".into();
                }
                Ok(Some(chunk(model, delta, None)))
            }
            "message_delta" => {
                let tokens = data["usage"]["output_tokens"].as_u64();
                self.output_tokens = tokens.unwrap_or(self.output_tokens);
                let reason = data["delta"]["stop_reason"].as_str().map(str::to_owned);
                self.stop_reason = reason.or_else(|| self.stop_reason.take());
                Ok(None)
            }
            "message_stop" => {
                let reason = finish_reason(self.stop_reason.as_deref().unwrap_or("end_turn"))?;
                Ok(Some(chunk(model, json!({}), Some(reason))))
            }
            "ping" => Ok(Some(chunk(model, json!({}), None))),
            "error" => Err(format!("anthropic stream error: {}", data["error"])),
            _ => Ok(None),
        }
    }
}

fn chunk(model: &str, delta: Value, finish_reason: Option<&str>) -> Value {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish_reason});
    json!({"object": "chat.completion.chunk", "model": model, "choices": [choice]})
}

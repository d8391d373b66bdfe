//! The external processor of Envoy AI Gateway, as `internal/extproc/server.go` and
//! `processor_impl.go` have it: two filters of Envoy ask it about each request.
//!
//! | filter | message | answer |
//! |---|---|---|
//! | of the listener | request headers | the header `x-ai-eg-internal-req-id`; 404 at a path without a processor |
//! | of the listener | request body | the header `x-ai-eg-model`, and Envoy chooses the route again; 400 if the body is no JSON |
//! | of the cluster | request headers | path, headers and body of the backend's API, made of the body that the other filter has sent |
//! | of the listener | response headers and body | the body in the client's API |
//!
//! Credentials, metrics, traces, costs in the metadata and compressed bodies are left out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap as HttpHeaderMap, HeaderValue as HttpHeaderValue, Response as Http};
use bytes::{Buf as _, Bytes, BytesMut};
use h2::RecvStream;
use h2::server::SendResponse;
use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{Struct, Value as Attribute};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};

use super::RUNTIME;
use super::messages::{
    APPEND_IF_EXISTS_OR_ADD, BodyMutation, CONTINUE_AND_REPLACE, CommonResponse, CommonResponseOf,
    HeaderMap, HeaderMutation, HeaderValue, HeaderValueOption, HttpBody, HttpHeaders, HttpStatus,
    ImmediateResponse, Mutation, OVERWRITE_IF_EXISTS_OR_ADD, ProcessingMode, ProcessingRequest,
    ProcessingResponse, Request, Response, STREAMED,
};
use super::translation::{Backend, Translated, Translator};
use super::written::{BACKEND_ATTRIBUTE, METADATA};
use crate::grpc_client::frame;

const REQUEST_ID: &str = "x-ai-eg-internal-req-id";
/// The key of the attributes in a message.
const ATTRIBUTES: &str = "envoy.filters.http.ext_proc";

/// The running processor.
pub struct Processor {
    folder: TempDir,
}

/// The processor's configuration, and the requests that are open.
struct Shared {
    backends: BTreeMap<String, Backend>,
    /// Whether `llmRequestCosts` are configured: then streams are asked for their usage.
    has_costs: bool,
    requests: Mutex<BTreeMap<String, Arc<Mutex<OpenRequest>>>>,
    last_id: AtomicU64,
}

/// A request that the filter of the listener has sent.
#[derive(Default)]
struct OpenRequest {
    original: Vec<u8>,
    body: Value,
    /// Whether the original body was changed, and has to replace that of the request.
    is_forced: bool,
    translator: Option<Translator>,
    status: String,
    content_type: String,
}

/// One call, which is the conversation with one filter about one request.
struct Call {
    shared: Arc<Shared>,
    id: String,
    request: Arc<Mutex<OpenRequest>>,
}

type Headers = BTreeMap<String, String>;

// === impl Processor ===

impl Processor {
    pub fn start(backends: BTreeMap<String, Backend>, has_costs: bool) -> Self {
        let folder = TempDir::with_prefix("verdigris-").unwrap();
        let shared = Arc::new(Shared {
            backends,
            has_costs,
            requests: Mutex::default(),
            last_id: AtomicU64::new(0),
        });
        let processor = Self { folder };
        let _entered = RUNTIME.enter();
        let listener = UnixListener::bind(processor.socket()).unwrap();
        RUNTIME.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        processor
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("run.sock")
    }
}

/// As `ai-gateway-extproc-uds` allows Envoy to send and receive.
async fn serve(stream: UnixStream, shared: Arc<Shared>) -> Result<(), h2::Error> {
    let mut builder = h2::server::Builder::new();
    let mut connection = builder
        .initial_window_size(1 << 20)
        .initial_connection_window_size(1 << 24)
        .handshake(stream)
        .await?;
    while let Some(call) = connection.accept().await {
        let (request, respond) = call?;
        let call = Call { shared: Arc::clone(&shared), id: String::new(), request: Arc::default() };
        tokio::spawn(call.converse(request.into_body(), respond));
    }
    Ok(())
}

// === impl Call ===

impl Call {
    /// Answers each message until Envoy ends the call, or a message cannot be processed: then the
    /// call ends with a status.
    async fn converse(
        mut self,
        mut body: RecvStream,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), h2::Error> {
        let head = Http::builder().header("content-type", "application/grpc").body(()).unwrap();
        let mut answers = respond.send_response(head, false)?;
        let mut received = BytesMut::new();
        let mut status = 0_u8;
        'call: while let Some(data) = body.data().await {
            // Envoy resets the call at the end of its stream.
            let Ok(data) = data else { break };
            body.flow_control().release_capacity(data.len())?;
            received.extend_from_slice(&data);
            while let Some(message) = next_message(&mut received) {
                match self.process(&message) {
                    Ok(answer) => answers.send_data(frame(&answer.encode_to_vec()), false)?,
                    Err(_) => {
                        status = 2;
                        break 'call;
                    }
                }
            }
        }
        if !self.id.is_empty() {
            self.shared.requests.lock().unwrap().remove(&self.id);
        }
        let mut trailers = HttpHeaderMap::new();
        trailers.insert("grpc-status", HttpHeaderValue::from(u16::from(status)));
        answers.send_trailers(trailers)
    }

    fn process(&mut self, message: &[u8]) -> Result<ProcessingResponse, String> {
        let message = ProcessingRequest::decode(message).map_err(|error| error.to_string())?;
        match message.request.ok_or("a message without a request")? {
            Request::RequestHeaders(headers) if message.attributes.is_empty() => {
                Ok(self.receive_headers(&read_headers(headers)))
            }
            Request::RequestHeaders(headers) => {
                self.translate_request(&read_headers(headers), &message.attributes)
            }
            Request::RequestBody(body) => Ok(self.receive_body(body.body)),
            Request::ResponseHeaders(headers) => Ok(self.response_headers(&read_headers(headers))),
            Request::ResponseBody(body) => self.response_body(&body),
        }
    }

    /// `Process` and `processMsg`, for the filter of the listener.
    fn receive_headers(&mut self, headers: &Headers) -> ProcessingResponse {
        let path = headers[":path"].split('?').next().unwrap_or_default();
        if path != "/v1/chat/completions" {
            return immediate(404, format!("unsupported path: {path}"));
        }
        let number = self.shared.last_id.fetch_add(1, Ordering::Relaxed);
        let request_id = headers.get("x-request-id").map_or("", String::as_str);
        self.id = format!("{request_id}-{number}");
        let requests = &self.shared.requests;
        requests.lock().unwrap().insert(self.id.clone(), Arc::clone(&self.request));
        let set = vec![set_header(REQUEST_ID, &self.id, APPEND_IF_EXISTS_OR_ADD)];
        let mutation = HeaderMutation { set_headers: set, remove_headers: Vec::new() };
        let common =
            CommonResponse { header_mutation: Some(mutation), ..CommonResponse::default() };
        respond(Response::RequestHeaders, common)
    }

    /// `routerProcessor.ProcessRequestBody`.
    fn receive_body(&self, original: Vec<u8>) -> ProcessingResponse {
        let Ok(mut body) = serde_json::from_slice::<Value>(&original) else {
            return immediate(400, r#"{"type":"error","error":{"type":"BadRequest"}}"#.to_owned());
        };
        let mut request = self.request.lock().unwrap();
        request.original = original;
        let has_usage = body["stream_options"]["include_usage"] == true;
        if self.shared.has_costs && body["stream"] == true && !has_usage {
            body["stream_options"]["include_usage"] = true.into();
            request.original = body.to_string().into_bytes();
            request.is_forced = true;
        }
        let model = body["model"].as_str().unwrap_or_default();
        let path = "/v1/chat/completions";
        let set = [("x-ai-eg-model", model), ("x-ai-eg-original-path", path)];
        let set = set.map(|(name, value)| set_header(name, value, OVERWRITE_IF_EXISTS_OR_ADD));
        let mutation = HeaderMutation { set_headers: set.to_vec(), remove_headers: Vec::new() };
        request.body = body;
        respond(
            Response::RequestBody,
            CommonResponse {
                header_mutation: Some(mutation),
                clear_route_cache: true,
                ..CommonResponse::default()
            },
        )
    }

    /// `setBackend` and `upstreamProcessor.ProcessRequestHeaders`, for the filter of the cluster.
    fn translate_request(
        &self,
        headers: &Headers,
        attributes: &BTreeMap<String, Struct>,
    ) -> Result<ProcessingResponse, String> {
        let id = headers.get(REQUEST_ID).ok_or("missing internal request ID header")?;
        let requests = self.shared.requests.lock().unwrap();
        let request = Arc::clone(requests.get(id).ok_or("no router processor found")?);
        drop(requests);
        let attribute = attributes.get(ATTRIBUTES).and_then(|it| it.fields.get(BACKEND_ATTRIBUTE));
        let Some(Kind::StringValue(name)) = attribute.and_then(|it| it.kind.as_ref()) else {
            return Err(format!("missing backend name in {attributes:?}"));
        };
        let backend = self.shared.backends.get(name).ok_or(format!("unknown backend: {name}"))?;
        let mut request = request.lock().unwrap();
        let translator = Translator::new(backend.clone(), &request.body);
        let translated = translator.request(&request.original, &request.body, request.is_forced);
        request.translator = Some(translator);
        let length = translated.body.as_ref().map(Vec::len);
        let mut common = common(translated);
        if length.is_some() {
            common.status = CONTINUE_AND_REPLACE;
        }
        let mutation = common.header_mutation.get_or_insert_default();
        mutation.remove_headers.push("x-ai-eg-upstream-host".to_owned());
        let mut answer = respond(Response::RequestHeaders, common);
        answer.dynamic_metadata = Some(metadata(name, length));
        Ok(answer)
    }

    /// `upstreamProcessor.ProcessResponseHeaders`, for the filter of the listener.
    fn response_headers(&self, headers: &Headers) -> ProcessingResponse {
        let mut request = self.request.lock().unwrap();
        let Some(translator) = &request.translator else {
            return ProcessingResponse {
                response: Some(Response::ResponseHeaders(CommonResponseOf::default())),
                ..ProcessingResponse::default()
            };
        };
        let mut common = common(translator.response_headers());
        let is_streamed = request.body["stream"] == true && headers[":status"] == "200";
        if is_streamed {
            let mutation = common.header_mutation.get_or_insert_default();
            mutation.remove_headers.push("content-length".to_owned());
        }
        request.status = headers[":status"].clone();
        request.content_type = headers.get("content-type").cloned().unwrap_or_default();
        let mut answer = respond(Response::ResponseHeaders, common);
        let mode = ProcessingMode { response_body_mode: STREAMED };
        answer.mode_override = is_streamed.then_some(mode);
        answer
    }

    /// `upstreamProcessor.ProcessResponseBody`, for the filter of the listener.
    fn response_body(&self, body: &HttpBody) -> Result<ProcessingResponse, String> {
        let mut request = self.request.lock().unwrap();
        let OpenRequest { translator, status, content_type, .. } = &mut *request;
        let translated = match translator {
            None => Translated::default(),
            Some(translator) if !status.starts_with('2') => {
                translator.response_error(status, content_type, &body.body)
            }
            Some(translator) => translator.response(&body.body, body.end_of_stream)?,
        };
        Ok(respond(Response::ResponseBody, common(translated)))
    }
}

/// Takes the first message of what was received, if it is complete.
fn next_message(received: &mut BytesMut) -> Option<Bytes> {
    let head: [u8; 5] = received.get(..5)?.try_into().unwrap();
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    received.get(5..5 + length)?;
    received.advance(5);
    Some(received.split_to(length).freeze())
}

fn read_headers(headers: HttpHeaders) -> Headers {
    let HeaderMap { headers } = headers.headers.unwrap_or_default();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    headers.into_iter().map(|HeaderValue { key, raw_value }| (key, text(raw_value))).collect()
}

fn respond(kind: fn(CommonResponseOf) -> Response, response: CommonResponse) -> ProcessingResponse {
    ProcessingResponse {
        response: Some(kind(CommonResponseOf { response: Some(response) })),
        ..ProcessingResponse::default()
    }
}

/// `createUserFacingErrorResponse`.
fn immediate(code: i32, body: String) -> ProcessingResponse {
    let immediate = ImmediateResponse {
        status: Some(HttpStatus { code }),
        headers: None,
        body: body.into_bytes(),
    };
    ProcessingResponse {
        response: Some(Response::Immediate(immediate)),
        ..ProcessingResponse::default()
    }
}

/// `mutationsFromTranslationResult`.
fn common(translated: Translated) -> CommonResponse {
    let Translated { headers, body } = translated;
    let set = headers.iter();
    let set = set.map(|(name, value)| set_header(name, value, OVERWRITE_IF_EXISTS_OR_ADD));
    let mutation = HeaderMutation { set_headers: set.collect(), remove_headers: Vec::new() };
    CommonResponse {
        header_mutation: Some(mutation),
        body_mutation: body.map(|body| BodyMutation { mutation: Some(Mutation::Body(body)) }),
        ..CommonResponse::default()
    }
}

fn set_header(key: &str, value: &str, append_action: i32) -> HeaderValueOption {
    let header = HeaderValue { key: key.to_owned(), raw_value: value.as_bytes().to_vec() };
    HeaderValueOption { header: Some(header), append_action }
}

/// `buildBackendDynamicMetadata` and `buildContentLengthDynamicMetadataOnRequest`.
fn metadata(backend: &str, length: Option<usize>) -> Struct {
    let value = |kind| Attribute { kind: Some(kind) };
    let mut fields = BTreeMap::new();
    fields.insert("backend_name".to_owned(), value(Kind::StringValue(backend.to_owned())));
    if let Some(length) = length {
        let length = u32::try_from(length).unwrap();
        fields.insert("content_length".to_owned(), value(Kind::NumberValue(length.into())));
    }
    let namespace = value(Kind::StructValue(Struct { fields }));
    Struct { fields: BTreeMap::from([(METADATA.to_owned(), namespace)]) }
}

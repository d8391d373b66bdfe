//! An OTLP receiver behind Envoy, which reads requests with OpenTelemetry's own definitions.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::any;
use serde_json::Value;
use tokio::sync::watch;

use super::otlp::read_spans;
use super::upstream::RUNTIME;
use crate::port::Port;

/// A request that the receiver has received.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

/// How the receiver answers.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverAnswer {
    pub status: u16,
    pub body: &'static str,
}

pub struct SpanReceiver {
    pub port: u16,
    received: Arc<Mutex<Vec<ExportRequest>>>,
    answer: Arc<Mutex<ReceiverAnswer>>,
    stalled: watch::Sender<bool>,
    _reserved: Port,
}

impl SpanReceiver {
    /// Starts a receiver that takes all spans.
    pub fn start() -> Self {
        let received = Arc::<Mutex<Vec<ExportRequest>>>::default();
        let answer = Arc::new(Mutex::new(ReceiverAnswer { status: 200, body: "{}" }));
        let (stalled, stall) = watch::channel(false);
        let (recorder, current) = (Arc::clone(&received), Arc::clone(&answer));
        let receive = move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let body = String::from_utf8(body.to_vec()).unwrap();
            let path = uri.path().to_owned();
            recorder.lock().unwrap().push(ExportRequest { path, headers, body });
            let ReceiverAnswer { status, body } = *current.lock().unwrap();
            let response = Response::builder().status(status);
            let response = response.header("content-type", "application/json");
            let response = response.body(axum::body::Body::from(body)).unwrap();
            let mut stall = stall.clone();
            async move {
                let _ = stall.wait_for(|stalled| !stalled).await;
                response
            }
        };
        let reserved = Port::reserve();
        let port = reserved.number;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port));
        let listener = RUNTIME.block_on(listener).unwrap();
        let app = Router::new().fallback(any(receive));
        RUNTIME.spawn(async move { axum::serve(listener, app).await });
        Self { port, received, answer, stalled, _reserved: reserved }
    }

    /// With `true`, the answers to all requests wait until this is called with `false`.
    pub fn set_stalled(&self, stalled: bool) {
        self.stalled.send_replace(stalled);
    }

    pub fn set_answer(&self, status: u16, body: &'static str) {
        *self.answer.lock().unwrap() = ReceiverAnswer { status, body };
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<ExportRequest> {
        self.received.lock().unwrap().clone()
    }

    /// The spans of all requests so far. A request that is not OTLP fails.
    pub fn spans(&self) -> Vec<Value> {
        let requests = self.requests();
        if requests.is_empty() {
            return Vec::new();
        }
        read_spans(requests.iter().map(|it| it.body.as_str())).concat()
    }

    /// How many spans the requests so far have, by their names, which needs no definitions.
    pub fn span_count(&self) -> usize {
        self.requests().iter().map(|it| it.body.matches("\"spanId\":").count()).sum()
    }

    /// The bootstrap with the cluster `otel-collector`, whose upstream filters add a credential and
    /// another header.
    pub fn add_to(&self, bootstrap: String) -> String {
        let port = self.port;
        let cluster = format!(
            r#"  clusters:
  - name: otel-collector
    type: STATIC
    connect_timeout: 2s
    load_assignment:
      cluster_name: otel-collector
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http_protocol_options: {{}}}}
        http_filters:
        - name: envoy.filters.http.credential_injector
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector
            credential:
              name: envoy.http.injected_credentials.generic
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic
                credential: {{name: otel-key}}
        - name: envoy.filters.http.header_mutation
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
            mutations:
              request_mutations:
              - append:
                  header: {{key: x-langfuse-ingestion-version, value: "4"}}
                  append_action: OVERWRITE_IF_EXISTS_OR_ADD
        - name: envoy.filters.http.upstream_codec
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec
"#
        );
        let secrets = "  secrets:\n  - name: otel-key\n    generic_secret: {secret: {inline_string: Basic cGs6c2s=}}\n";
        assert_eq!(bootstrap.matches("\n  clusters:\n").count(), 1);
        bootstrap.replacen("  clusters:\n", &format!("{secrets}{cluster}"), 1)
    }
}

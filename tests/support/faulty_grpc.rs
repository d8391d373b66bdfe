//! A proxy before a gRPC server that fails as a test has it: it loses requests and answers, repeats
//! requests, cuts answers, and answers itself.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use verdigris::fleet::etcd::GrpcError;

use crate::grpc_client::{GrpcClient, frame, read_body};

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is reset before the server gets it.
    LoseRequest,
    /// The call is reset after the server has done it.
    LoseAnswer,
    /// The server gets the request twice. The second answer is passed on.
    Repeat,
    /// The server does not get the call; this gRPC status is the answer.
    RefuseWith(u32),
    /// The server does the call; this gRPC status is the answer.
    FailAfterwardsWith(u32),
    /// The server does not get the call; the answer has this HTTP status.
    HttpStatus(u16),
    /// The server does not get the call; the answer is a page with status 200.
    Page,
    /// The server does the call; the answer's message is cut after so many thousandths of its bytes.
    CutAnswer(u16),
    /// The server does not get the call; the answer's message has 33 MiB.
    Large,
    /// The server gets the call later.
    Delay(Duration),
    /// The server does not get the call, and there is no answer.
    NoAnswer,
}

type Choose = Box<dyn FnMut(&str) -> Option<Fault> + Send>;

/// The proxy. It ends with this value, and with it all its connections.
pub struct FaultyGrpc {
    pub port: u16,
    state: Arc<State>,
    _runtime: Runtime,
}

struct State {
    server: GrpcClient,
    server_port: u16,
    choose: Mutex<Choose>,
    /// The calls that the proxy has got, each with what goes wrong with it.
    calls: Mutex<Vec<(String, Option<Fault>)>>,
}

impl FaultyGrpc {
    /// A proxy before the server at this port, without faults.
    pub fn before(server_port: u16) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            server: GrpcClient::new(server_port),
            server_port,
            choose: Mutex::new(Box::new(|_| None)),
            calls: Mutex::default(),
        });
        runtime.spawn(accept(listener, Arc::clone(&state)));
        Self { port, state, _runtime: runtime }
    }

    /// Has `choose` choose what goes wrong with a call from its path, such as `/etcdserverpb.KV/Txn`.
    pub fn set_faults(&self, choose: impl FnMut(&str) -> Option<Fault> + Send + 'static) {
        *self.state.choose.lock().unwrap() = Box::new(choose);
    }

    /// The calls since the last time, each with what has gone wrong with it.
    pub fn take_calls(&self) -> Vec<(String, Option<Fault>)> {
        std::mem::take(&mut *self.state.calls.lock().unwrap())
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) -> Infallible {
    loop {
        // An error means that the client has gone already.
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(stream, Arc::clone(&state)));
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(call) = connection.accept().await {
        let (request, respond) = call?;
        tokio::spawn(handle(request, respond, Arc::clone(&state)));
    }
    Ok(())
}

async fn handle(
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    state: Arc<State>,
) -> Result<(), h2::Error> {
    let path = request.uri().path().to_owned();
    let fault = (state.choose.lock().unwrap())(&path);
    state.calls.lock().unwrap().push((path.clone(), fault));
    if path.ends_with("/Watch") && fault.is_none() {
        return pass_stream(request, respond, state.server_port).await;
    }
    handle_call(&path, request.into_body(), respond, fault, &state).await
}

async fn handle_call(
    path: &str,
    mut body: RecvStream,
    mut respond: SendResponse<Bytes>,
    fault: Option<Fault>,
    state: &State,
) -> Result<(), h2::Error> {
    let body = read_body(&mut body).await?;
    let message = body.get(5..).unwrap_or_default();
    let call = || state.server.call_path(path, message);
    match fault {
        None => return answer(respond, call().await),
        Some(Fault::LoseRequest) => {}
        Some(Fault::LoseAnswer) => drop(call().await),
        Some(Fault::Repeat) => {
            drop(call().await);
            return answer(respond, call().await);
        }
        Some(Fault::RefuseWith(code)) => return answer(respond, Err(injected(code))),
        Some(Fault::FailAfterwardsWith(code)) => {
            drop(call().await);
            return answer(respond, Err(injected(code)));
        }
        Some(Fault::HttpStatus(status)) => {
            let status = StatusCode::from_u16(status).unwrap();
            respond.send_response(Response::builder().status(status).body(()).unwrap(), true)?;
            return Ok(());
        }
        Some(Fault::Page) => {
            let page = Response::builder().header("content-type", "text/html").body(()).unwrap();
            let page_body = Bytes::from_static(b"<html><body>Sign in</body></html>");
            return respond.send_response(page, false)?.send_data(page_body, true);
        }
        Some(Fault::CutAnswer(thousandths)) => {
            let mut received = call().await;
            if let Ok(message) = &mut received {
                message.truncate(message.len() * usize::from(thousandths) / 1000);
            }
            return answer(respond, received);
        }
        Some(Fault::Large) => return answer(respond, Ok(vec![0; 33 << 20])),
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            return answer(respond, call().await);
        }
        Some(Fault::NoAnswer) => std::future::pending().await,
    }
    respond.send_reset(Reason::INTERNAL_ERROR);
    Ok(())
}

fn injected(code: u32) -> GrpcError {
    GrpcError::Status { code, message: "injected".to_owned() }
}

/// Sends an answer with its status in trailers.
fn answer(
    mut respond: SendResponse<Bytes>,
    answer: Result<Vec<u8>, GrpcError>,
) -> Result<(), h2::Error> {
    let mut trailers = HeaderMap::new();
    let (message, code, text) = match answer {
        Ok(message) => (Some(message), 0, String::new()),
        Err(GrpcError::Status { code, message }) => (None, code, message),
        Err(GrpcError::NotSent(_)) => (None, 14, "not sent".to_owned()),
    };
    trailers.insert("grpc-status", HeaderValue::from(code));
    if let Ok(text) = HeaderValue::from_str(&text) {
        trailers.insert("grpc-message", text);
    }
    let mut stream = respond.send_response(grpc_response(), false)?;
    if let Some(message) = message {
        stream.send_data(frame(&message), false)?;
    }
    stream.send_trailers(trailers)
}

fn grpc_response() -> Response<()> {
    Response::builder().header("content-type", "application/grpc").body(()).unwrap()
}

/// Passes a stream's data on in both directions until one side ends it.
async fn pass_stream(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    server_port: u16,
) -> Result<(), h2::Error> {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", server_port)).await else {
        respond.send_reset(Reason::REFUSED_STREAM);
        return Ok(());
    };
    let (client, connection) = h2::client::handshake(stream).await?;
    let connection = tokio::spawn(connection);
    let (parts, body) = request.into_parts();
    let upstream = Request::post(format!("http://127.0.0.1:{server_port}{}", parts.uri.path()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (response, to_server) = client.ready().await?.send_request(upstream, false)?;
    let sending = tokio::spawn(pass(body, to_server));
    let passed = async {
        let from_server = response.await?.into_body();
        let to_client = respond.send_response(grpc_response(), false)?;
        pass(from_server, to_client).await
    };
    let passed = passed.await;
    sending.abort();
    connection.abort();
    if passed.is_err() {
        respond.send_reset(Reason::INTERNAL_ERROR);
    }
    passed
}

async fn pass(mut from: RecvStream, mut to: SendStream<Bytes>) -> Result<(), h2::Error> {
    while let Some(data) = from.data().await {
        let data = data?;
        from.flow_control().release_capacity(data.len())?;
        to.send_data(data, false)?;
    }
    to.send_trailers(from.trailers().await?.unwrap_or_default())
}

//! An HTTP/3 client that can reset, stop and close at a given time.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, RecvStream, SendStream, VarInt};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use tokio::runtime::Runtime;
use tokio::task::block_in_place;

use super::{CLOSE, ClientExit, ClientRequest, ExitMode, TEXT, TestHooks};

const DATA: u64 = 0x0;
const HEADERS: u64 = 0x1;
const SETTINGS: u64 = 0x4;
const GOAWAY: u64 = 0x7;
/// Error codes of RFC 9114, section 8.1.
const NO_ERROR: VarInt = VarInt::from_u32(0x100);
const REQUEST_CANCELLED: VarInt = VarInt::from_u32(0x10c);

pub struct Client {
    runtime: Runtime,
    config: ClientConfig,
}

/// A certificate for `localhost` and its key, in PEM.
pub struct Certificate {
    pub certificate: String,
    pub key: String,
    der: CertificateDer<'static>,
}

// === impl Certificate ===

impl Certificate {
    pub fn generate() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { certificate: cert.pem(), key: signing_key.serialize_pem(), der: cert.der().clone() }
    }
}

// === impl Client ===

impl Client {
    /// A client that trusts this certificate.
    pub fn new(certificate: &Certificate) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h3".to_vec()];
        let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        Self { runtime: Runtime::new().unwrap(), config }
    }

    pub fn send(&self, client_request: &ClientRequest, hooks: &TestHooks<'_>) -> Result<()> {
        self.runtime.block_on(async {
            let mut endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0)))?;
            endpoint.set_default_client_config(self.config.clone());
            let result = exchange(&endpoint, client_request, hooks).await;
            endpoint.close(NO_ERROR, b"");
            // Waits until the other side has received the close.
            endpoint.wait_idle().await;
            result
        })
    }
}

async fn exchange(
    endpoint: &Endpoint,
    client_request: &ClientRequest,
    hooks: &TestHooks<'_>,
) -> Result<()> {
    let connection = endpoint.connect(hooks.udp, "localhost").unwrap().await?;
    let mut control = connection.open_uni().await?;
    // The control stream, with an empty SETTINGS frame.
    control.write_all(&[0x0, 0x4, 0x0]).await?;
    let (mut request, mut response) = connection.open_bi().await?;
    send_request(&mut request, client_request).await?;
    let mode = match client_request.exit {
        ClientExit::Never | ClientExit::AfterTheAnswer => {
            if client_request.is_websocket() {
                run_websocket(&mut request, &mut response, client_request, hooks).await?;
            }
            // The end of the stream is an error as well.
            while next_frame(&mut response, hooks).await.is_ok() {}
            return Ok(());
        }
        ClientExit::Unanswered(mode) | ClientExit::InTheRequest(mode) => {
            block_in_place(hooks.wait_for_request);
            mode
        }
        ClientExit::InTheAnswer(mode) => {
            while next_frame(&mut response, hooks).await? != DATA {}
            mode
        }
    };
    match mode {
        ExitMode::Stop => response.stop(REQUEST_CANCELLED).map_err(Error::other)?,
        ExitMode::Reset => cancel(&mut request, &mut response)?,
        // SETTINGS are not allowed on a request stream.
        ExitMode::Break => request.write_all(&frame(SETTINGS, b"")).await?,
        // GOAWAY with push id 0.
        ExitMode::GoAway => control.write_all(&frame(GOAWAY, &[0])).await?,
        _ => {}
    }
    if !matches!(mode, ExitMode::Close | ExitMode::GoAway) {
        block_in_place(hooks.wait_for_end);
    }
    Ok(())
}

async fn send_request(request: &mut SendStream, client_request: &ClientRequest) -> Result<()> {
    let mut bytes = frame(HEADERS, &header_block(&client_request.fields()));
    if !client_request.body.is_empty() {
        bytes.extend(frame(DATA, client_request.body.as_bytes()));
    }
    request.write_all(&bytes).await?;
    if client_request.ends_request() { request.finish().map_err(Error::other) } else { Ok(()) }
}

/// Cancels both directions of the stream, as browsers do.
fn cancel(request: &mut SendStream, response: &mut RecvStream) -> Result<()> {
    // An error means that the stream has ended.
    let _ = request.reset(REQUEST_CANCELLED);
    response.stop(REQUEST_CANCELLED).map_err(Error::other)
}

/// A WebSocket session that exchanges one text frame and the close frames.
async fn run_websocket(
    request: &mut SendStream,
    response: &mut RecvStream,
    client_request: &ClientRequest,
    hooks: &TestHooks<'_>,
) -> Result<()> {
    request.write_all(&frame(DATA, TEXT)).await?;
    while next_frame(response, hooks).await? != DATA {}
    request.write_all(&frame(DATA, CLOSE)).await?;
    if client_request.exit == ClientExit::AfterTheAnswer {
        while next_frame(response, hooks).await? != DATA {}
        cancel(request, response)?;
        block_in_place(hooks.wait_for_end);
    }
    Ok(())
}

/// Reads the next frame. Returns its type.
async fn next_frame(stream: &mut RecvStream, hooks: &TestHooks<'_>) -> Result<u64> {
    let kind = read_integer(stream).await?;
    if kind == HEADERS {
        (hooks.answer_began)();
    }
    let length = usize::try_from(read_integer(stream).await?).unwrap();
    stream.read_exact(&mut vec![0; length]).await.map_err(Error::other)?;
    Ok(kind)
}

/// Reads a variable-length integer (RFC 9000, section 16).
async fn read_integer(stream: &mut RecvStream) -> Result<u64> {
    let mut first = [0];
    stream.read_exact(&mut first).await.map_err(Error::other)?;
    let mut rest = vec![0; (1 << (first[0] >> 6)) - 1];
    stream.read_exact(&mut rest).await.map_err(Error::other)?;
    Ok(rest.iter().fold(u64::from(first[0] & 0x3f), |all, byte| all << 8 | u64::from(*byte)))
}

fn frame(kind: u64, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap() | 0x4000;
    let mut frame = vec![u8::try_from(kind).unwrap()];
    frame.extend(length.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header block of QPACK literals that refer to no table.
fn header_block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![0, 0];
    for (name, value) in fields {
        encode_string(&mut block, 0x20, 3, name);
        encode_string(&mut block, 0, 7, value);
    }
    block
}

/// Appends a string after its length, an integer with a prefix of `bits` bits.
fn encode_string(block: &mut Vec<u8>, pattern: u8, bits: u32, text: &str) {
    let most = (1 << bits) - 1;
    if text.len() < most {
        block.push(pattern | u8::try_from(text.len()).unwrap());
    } else {
        let rest = text.len() - most;
        block.push(pattern | u8::try_from(most).unwrap());
        assert!(rest < 128, "{text} is too long");
        block.push(u8::try_from(rest).unwrap());
    }
    block.extend(text.bytes());
}

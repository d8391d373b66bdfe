//! A client of HTTP/3 that resets, stops and closes as a test has it.

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

use super::{Around, Ask, CLOSE, How, Leaves, TEXT};

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

    pub fn send(&self, ask: &Ask, around: &Around<'_>) -> Result<()> {
        self.runtime.block_on(async {
            let mut endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0)))?;
            endpoint.set_default_client_config(self.config.clone());
            let said = exchange(&endpoint, ask, around).await;
            endpoint.close(NO_ERROR, b"");
            // Until the other side has been told.
            endpoint.wait_idle().await;
            said
        })
    }
}

async fn exchange(endpoint: &Endpoint, ask: &Ask, around: &Around<'_>) -> Result<()> {
    let connection = endpoint.connect(around.udp, "localhost").unwrap().await?;
    let mut control = connection.open_uni().await?;
    // The control stream, and settings of which there are none.
    control.write_all(&[0x0, 0x4, 0x0]).await?;
    let (mut request, mut response) = connection.open_bi().await?;
    send_request(&mut request, ask).await?;
    let how = match ask.leaves {
        Leaves::Never | Leaves::AfterTheAnswer => {
            if ask.is_websocket() {
                talk(&mut request, &mut response, ask, around).await?;
            }
            // Until the stream ends, which is an error too.
            while next_frame(&mut response, around).await.is_ok() {}
            return Ok(());
        }
        Leaves::Unanswered(how) | Leaves::InTheRequest(how) => {
            block_in_place(around.wait_for_request);
            how
        }
        Leaves::InTheAnswer(how) => {
            while next_frame(&mut response, around).await? != DATA {}
            how
        }
    };
    match how {
        How::Stop => response.stop(REQUEST_CANCELLED).map_err(Error::other)?,
        How::Reset => cancel(&mut request, &mut response)?,
        // A frame of settings, which has no place on a request's stream.
        How::Break => request.write_all(&frame(SETTINGS, b"")).await?,
        // GOAWAY, of no push.
        How::GoAway => control.write_all(&frame(GOAWAY, &[0])).await?,
        How::Close | How::HalfClose | How::Stall => {}
    }
    if !matches!(how, How::Close | How::GoAway) {
        block_in_place(around.wait_for_end);
    }
    Ok(())
}

async fn send_request(request: &mut SendStream, ask: &Ask) -> Result<()> {
    let mut bytes = frame(HEADERS, &block(&ask.fields()));
    if !ask.body.is_empty() {
        bytes.extend(frame(DATA, ask.body.as_bytes()));
    }
    request.write_all(&bytes).await?;
    if ask.ends_request() { request.finish().map_err(Error::other) } else { Ok(()) }
}

/// Wants no more of either, as browsers do.
fn cancel(request: &mut SendStream, response: &mut RecvStream) -> Result<()> {
    // It may have ended.
    let _ = request.reset(REQUEST_CANCELLED);
    response.stop(REQUEST_CANCELLED).map_err(Error::other)
}

/// A WebSocket's client, which answers a close frame with its own.
async fn talk(
    request: &mut SendStream,
    response: &mut RecvStream,
    ask: &Ask,
    around: &Around<'_>,
) -> Result<()> {
    request.write_all(&frame(DATA, TEXT)).await?;
    while next_frame(response, around).await? != DATA {}
    request.write_all(&frame(DATA, CLOSE)).await?;
    if ask.leaves == Leaves::AfterTheAnswer {
        while next_frame(response, around).await? != DATA {}
        cancel(request, response)?;
        block_in_place(around.wait_for_end);
    }
    Ok(())
}

/// The kind of the next frame, which is read.
async fn next_frame(stream: &mut RecvStream, around: &Around<'_>) -> Result<u64> {
    let kind = integer(stream).await?;
    if kind == HEADERS {
        (around.answer_began)();
    }
    let length = usize::try_from(integer(stream).await?).unwrap();
    stream.read_exact(&mut vec![0; length]).await.map_err(Error::other)?;
    Ok(kind)
}

/// RFC 9000, section 16.
async fn integer(stream: &mut RecvStream) -> Result<u64> {
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

/// A block of fields as QPACK's literals, of which none refers to a table.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![0, 0];
    for (name, value) in fields {
        text(&mut block, 0x20, 3, name);
        text(&mut block, 0, 7, value);
    }
    block
}

/// A text after its length, an integer with a prefix of so many bits.
fn text(block: &mut Vec<u8>, pattern: u8, bits: u32, text: &str) {
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

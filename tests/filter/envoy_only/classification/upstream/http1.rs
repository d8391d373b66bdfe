//! Answers over HTTP/1.1, one to a connection.

use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::{CLOSE, End, Reply, State, TEXT};

/// The bytes of a client's frame, of text or the close frame, masked.
const FRAME: usize = 8;

/// Answers the one request of this connection, of which this is the beginning.
pub fn serve(mut connection: TcpStream, first: &[u8], state: &State) -> Result<()> {
    let mut head = first.to_vec();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    connection.read_exact(&mut body)?;
    // Who asks without these wants a server that had this port before.
    let is_envoy = ["\r\nx-case: ", "\r\nx-envoy-"].iter().any(|header| head.contains(header));
    let reply = if is_envoy { state.take() } else { Reply::of(404) };
    answer(&mut connection, &reply, head.starts_with("head "))?;
    end(connection, &reply, state)
}

fn answer(connection: &mut TcpStream, reply: &Reply, is_head: bool) -> Result<()> {
    let mut bytes = Vec::new();
    if let Some(interim) = reply.interim {
        write!(bytes, "HTTP/1.1 {interim} Interim\r\nlink: </a>; rel=preload\r\n\r\n")?;
    }
    if reply.status != 0 {
        write!(bytes, "HTTP/1.1 {} Scripted\r\n", reply.status)?;
        for (name, value) in &reply.headers {
            write!(bytes, "{name}: {value}\r\n")?;
        }
        bytes.extend(framing(reply).bytes());
        bytes.extend(b"\r\n");
    }
    if !is_head && !reply.body.is_empty() {
        if is_chunked(reply) {
            write!(bytes, "{:x}\r\n", reply.body.len())?;
            bytes.extend(&reply.body);
            bytes.extend(b"\r\n");
        } else {
            bytes.extend(&reply.body);
        }
    }
    if is_chunked(reply) && reply.end == End::Complete {
        bytes.extend(b"0\r\n");
        for (name, value) in &reply.trailers {
            write!(bytes, "{name}: {value}\r\n")?;
        }
        bytes.extend(b"\r\n");
    }
    connection.write_all(&bytes)
}

fn has_length(reply: &Reply) -> bool {
    reply.headers.iter().any(|(name, _)| *name == "content-length")
}

fn is_chunked(reply: &Reply) -> bool {
    let ends_at_once = match reply.end {
        End::Complete => reply.trailers.is_empty(),
        end => end == End::Eof,
    };
    reply.status >= 200 && !has_length(reply) && !ends_at_once
}

/// The headers that say where the body ends.
fn framing(reply: &Reply) -> String {
    match reply.status {
        101 => "connection: upgrade\r\nupgrade: websocket\r\n".to_owned(),
        _ if is_chunked(reply) => "transfer-encoding: chunked\r\nconnection: close\r\n".to_owned(),
        _ if reply.end == End::Eof => "connection: close\r\n".to_owned(),
        204 | 304 => "connection: close\r\n".to_owned(),
        _ if has_length(reply) => "connection: close\r\n".to_owned(),
        _ => format!("content-length: {}\r\nconnection: close\r\n", reply.body.len()),
    }
}

fn end(mut connection: TcpStream, reply: &Reply, state: &State) -> Result<()> {
    match reply.end {
        End::Complete | End::Eof | End::Hold => {}
        End::Close => state.wait_for_begin(reply),
        End::Reset => {
            state.wait_for_begin(reply);
            return set_socket_linger(&connection, Some(Duration::ZERO)).map_err(Into::into);
        }
        End::ServerCloses => {
            connection.write_all(TEXT)?;
            connection.write_all(CLOSE)?;
            connection.read_exact(&mut [0; 2 * FRAME])?;
        }
        End::ClientCloses => {
            connection.write_all(TEXT)?;
            connection.read_exact(&mut [0; 2 * FRAME])?;
            connection.write_all(CLOSE)?;
            connection.read_to_end(&mut Vec::new())?;
        }
    }
    if reply.end != End::Hold {
        connection.shutdown(Shutdown::Write)?;
    }
    // What is not read would turn the FIN into an RST.
    connection.read_to_end(&mut Vec::new()).map(drop)
}

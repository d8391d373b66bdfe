//! Replies over HTTP/1.1, one to a connection.

use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::{CLOSE, Reply, ReplyEnd, Script, TEXT};

/// The size of a client's masked text frame and of its close frame, in bytes.
const FRAME_SIZE: usize = 8;

/// Serves the only request of a connection. `first` is the beginning of the request.
pub fn serve(mut connection: TcpStream, first: &[u8], script: &Script) -> Result<()> {
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
    // Other requests are meant for a server that had this port before.
    let is_envoy = ["\r\nx-case: ", "\r\nx-envoy-"].iter().any(|header| head.contains(header));
    let reply = if is_envoy { script.next_reply() } else { Reply::with_status(404) };
    send_reply(&mut connection, &reply, head.starts_with("head "))?;
    end_reply(connection, &reply, script)
}

fn send_reply(connection: &mut TcpStream, reply: &Reply, is_head: bool) -> Result<()> {
    let mut bytes = Vec::new();
    if let Some(interim) = reply.interim {
        write!(bytes, "HTTP/1.1 {interim} Interim\r\nlink: </a>; rel=preload\r\n\r\n")?;
    }
    if reply.status != 0 {
        write!(bytes, "HTTP/1.1 {} Scripted\r\n", reply.status)?;
        for (name, value) in &reply.headers {
            write!(bytes, "{name}: {value}\r\n")?;
        }
        bytes.extend(framing_headers(reply).bytes());
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
    if is_chunked(reply) && reply.end == ReplyEnd::Complete {
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
        ReplyEnd::Complete => reply.trailers.is_empty(),
        end => end == ReplyEnd::Eof,
    };
    reply.status >= 200 && !has_length(reply) && !ends_at_once
}

/// The headers that define the end of the body.
fn framing_headers(reply: &Reply) -> String {
    match reply.status {
        101 => "connection: upgrade\r\nupgrade: websocket\r\n".to_owned(),
        _ if is_chunked(reply) => "transfer-encoding: chunked\r\nconnection: close\r\n".to_owned(),
        _ if reply.end == ReplyEnd::Eof => "connection: close\r\n".to_owned(),
        204 | 304 => "connection: close\r\n".to_owned(),
        _ if has_length(reply) => "connection: close\r\n".to_owned(),
        _ => format!("content-length: {}\r\nconnection: close\r\n", reply.body.len()),
    }
}

fn end_reply(mut connection: TcpStream, reply: &Reply, script: &Script) -> Result<()> {
    match reply.end {
        ReplyEnd::Complete | ReplyEnd::Eof | ReplyEnd::Hold => {}
        ReplyEnd::Close => script.wait_until_client_has_beginning(reply),
        ReplyEnd::Reset => {
            script.wait_until_client_has_beginning(reply);
            return set_socket_linger(&connection, Some(Duration::ZERO)).map_err(Into::into);
        }
        ReplyEnd::ServerCloses => {
            connection.write_all(TEXT)?;
            connection.write_all(CLOSE)?;
            connection.read_exact(&mut [0; 2 * FRAME_SIZE])?;
        }
        ReplyEnd::ClientCloses => {
            connection.write_all(TEXT)?;
            connection.read_exact(&mut [0; 2 * FRAME_SIZE])?;
            connection.write_all(CLOSE)?;
            connection.read_to_end(&mut Vec::new())?;
        }
    }
    if reply.end != ReplyEnd::Hold {
        connection.shutdown(Shutdown::Write)?;
    }
    // Unread bytes would turn the FIN into an RST.
    connection.read_to_end(&mut Vec::new()).map(drop)
}

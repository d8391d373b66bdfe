//! A client of HTTP/1.1.

use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::{Around, Ask, CLOSE, How, Leaves, TEXT};
use crate::envoy::process::PATIENCE;

pub fn send(ask: &Ask, around: &Around<'_>) -> Result<()> {
    let mut connection = TcpStream::connect(around.tcp)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    send_request(&mut connection, ask)?;
    let how = match ask.leaves {
        Leaves::Never | Leaves::AfterTheAnswer if ask.has("upgrade") => {
            return talk(&mut connection, ask, around);
        }
        Leaves::Never | Leaves::AfterTheAnswer => {
            let head = read_head(&mut connection)?;
            (around.answer_began)();
            return read_body(&mut connection, &head, ask.method == "HEAD");
        }
        Leaves::Unanswered(how) | Leaves::InTheRequest(how) => {
            (around.wait_for_request)();
            how
        }
        Leaves::InTheAnswer(how) => {
            read_head(&mut connection)?;
            connection.read_exact(&mut [0])?;
            how
        }
    };
    match how {
        How::Break => {
            connection.write_all(b"this is no chunk\r\n\r\n")?;
            // Envoy answers, and closes.
            connection.read_to_end(&mut Vec::new())?;
        }
        How::Reset => set_socket_linger(&connection, Some(Duration::ZERO))?,
        How::HalfClose => {
            connection.shutdown(Shutdown::Write)?;
            (around.wait_for_end)();
        }
        How::Stall => (around.wait_for_end)(),
        How::Close | How::Stop | How::GoAway => {}
    }
    Ok(())
}

fn send_request(connection: &mut TcpStream, ask: &Ask) -> Result<()> {
    let mut head = format!("{} {} HTTP/1.1\r\nhost: test\r\n", ask.method, ask.path);
    for (name, value) in &ask.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let (ends, body) = (ask.ends_request(), ask.body);
    if !ends {
        head += "transfer-encoding: chunked\r\n";
    } else if !body.is_empty() {
        head += &format!("content-length: {}\r\n", body.len());
    }
    head += "\r\n";
    connection.write_all(head.as_bytes())?;
    if ask.has("expect") {
        assert_eq!(read_until(connection, b"\r\n\r\n")?, "http/1.1 100 continue\r\n\r\n");
    }
    if ends {
        connection.write_all(body.as_bytes())
    } else {
        write!(connection, "{:x}\r\n{body}\r\n", body.len())
    }
}

/// Reads the head of a response, after those of responses before it; in small letters.
fn read_head(connection: &mut TcpStream) -> Result<String> {
    loop {
        let head = read_until(connection, b"\r\n\r\n")?;
        if !head.starts_with("http/1.1 10") || head.starts_with("http/1.1 101") {
            return Ok(head);
        }
    }
}

fn read_body(connection: &mut TcpStream, head: &str, is_head: bool) -> Result<()> {
    if is_head || head.starts_with("http/1.1 204") || head.starts_with("http/1.1 304") {
        return Ok(());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    match length {
        Some(length) => connection.read_exact(&mut vec![0; length.parse().unwrap()]),
        None => {
            // The last chunk, and the end of its trailers.
            read_until(connection, b"0\r\n")?;
            read_until(connection, b"\r\n").map(drop)
        }
    }
}

/// In small letters.
fn read_until(connection: &mut TcpStream, end: &[u8]) -> Result<String> {
    let mut text = Vec::new();
    while !text.ends_with(end) {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        text.extend(byte);
    }
    Ok(String::from_utf8_lossy(&text).to_ascii_lowercase())
}

/// A WebSocket's client, which answers a close frame with its own.
fn talk(connection: &mut TcpStream, ask: &Ask, around: &Around<'_>) -> Result<()> {
    let head = read_head(connection)?;
    (around.answer_began)();
    if !head.starts_with("http/1.1 101") {
        return Ok(());
    }
    connection.write_all(TEXT)?;
    // The server's text; its close frame comes by itself or after the client's.
    connection.read_exact(&mut [0; 4])?;
    connection.write_all(CLOSE)?;
    connection.read_exact(&mut [0; 4])?;
    if ask.leaves == Leaves::Never {
        connection.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

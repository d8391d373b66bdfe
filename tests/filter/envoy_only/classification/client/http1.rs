//! An HTTP/1.1 client.

use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::{CLOSE, ClientExit, ClientRequest, ExitMode, TEXT, TestHooks};
use crate::envoy::process::TIMEOUT;

pub fn send(request: &ClientRequest, hooks: &TestHooks<'_>) -> Result<()> {
    let mut connection = TcpStream::connect(hooks.tcp)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    send_request(&mut connection, request)?;
    let mode = match request.exit {
        ClientExit::Never | ClientExit::AfterTheAnswer if request.has_header("upgrade") => {
            return run_websocket(&mut connection, request, hooks);
        }
        ClientExit::Never | ClientExit::AfterTheAnswer => {
            let head = read_head(&mut connection)?;
            (hooks.answer_began)();
            return read_body(&mut connection, &head, request.method == "HEAD");
        }
        ClientExit::Unanswered(mode) | ClientExit::InTheRequest(mode) => {
            (hooks.wait_for_request)();
            mode
        }
        ClientExit::InTheAnswer(mode) => {
            read_head(&mut connection)?;
            connection.read_exact(&mut [0])?;
            mode
        }
    };
    match mode {
        ExitMode::Break => {
            connection.write_all(b"this is no chunk\r\n\r\n")?;
            // Envoy answers and closes the connection.
            connection.read_to_end(&mut Vec::new())?;
        }
        ExitMode::Reset => set_socket_linger(&connection, Some(Duration::ZERO))?,
        ExitMode::HalfClose => {
            connection.shutdown(Shutdown::Write)?;
            (hooks.wait_for_end)();
        }
        ExitMode::Stall => (hooks.wait_for_end)(),
        _ => {}
    }
    Ok(())
}

fn send_request(connection: &mut TcpStream, request: &ClientRequest) -> Result<()> {
    let mut head = format!("{} {} HTTP/1.1\r\nhost: test\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let (ends, body) = (request.ends_request(), request.body);
    if !ends {
        head += "transfer-encoding: chunked\r\n";
    } else if !body.is_empty() {
        head += &format!("content-length: {}\r\n", body.len());
    }
    head += "\r\n";
    connection.write_all(head.as_bytes())?;
    if request.has_header("expect") {
        assert_eq!(read_until(connection, b"\r\n\r\n")?, "http/1.1 100 continue\r\n\r\n");
    }
    if ends {
        connection.write_all(body.as_bytes())
    } else {
        write!(connection, "{:x}\r\n{body}\r\n", body.len())
    }
}

/// Reads the head of the final response, after interim ones. Returns it in lower case.
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
            // The last chunk and the end of the trailers.
            read_until(connection, b"0\r\n")?;
            read_until(connection, b"\r\n").map(drop)
        }
    }
}

/// Reads until `end`. Returns the text in lower case.
fn read_until(connection: &mut TcpStream, end: &[u8]) -> Result<String> {
    let mut text = Vec::new();
    while !text.ends_with(end) {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        text.extend(byte);
    }
    Ok(String::from_utf8_lossy(&text).to_ascii_lowercase())
}

/// A WebSocket session that exchanges one text frame and the close frames.
fn run_websocket(
    connection: &mut TcpStream,
    request: &ClientRequest,
    hooks: &TestHooks<'_>,
) -> Result<()> {
    let head = read_head(connection)?;
    (hooks.answer_began)();
    if !head.starts_with("http/1.1 101") {
        return Ok(());
    }
    connection.write_all(TEXT)?;
    // The server's text frame. Its close frame comes before or after the client's.
    connection.read_exact(&mut [0; 4])?;
    connection.write_all(CLOSE)?;
    connection.read_exact(&mut [0; 4])?;
    if request.exit == ClientExit::Never {
        connection.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

//! An HTTP/2 client.

use std::io::{Result, Write};
use std::net::TcpStream;

use super::super::frames::{CANCEL, Frame, FrameKind, PREFACE};
use super::{CLOSE, ClientExit, ClientRequest, ExitMode, TEXT, TestHooks};
use crate::envoy::process::TIMEOUT;

pub fn send(request: &ClientRequest, hooks: &TestHooks<'_>) -> Result<()> {
    let mut connection = TcpStream::connect(hooks.tcp)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_nodelay(true)?;
    send_request(&mut connection, request)?;
    let mode = match request.exit {
        ClientExit::Never | ClientExit::AfterTheAnswer if request.is_websocket() => {
            return run_websocket(&mut connection, request, hooks);
        }
        ClientExit::Never | ClientExit::AfterTheAnswer => {
            while !read_response_frame(&mut connection, hooks)?.ends_stream() {}
            return Ok(());
        }
        // The upstream waits for the length that the request states.
        ClientExit::InTheRequest(ExitMode::End) => ExitMode::End,
        ClientExit::Unanswered(mode) | ClientExit::InTheRequest(mode) => {
            (hooks.wait_for_request)();
            mode
        }
        ClientExit::InTheAnswer(mode) => {
            while read_response_frame(&mut connection, hooks)?.kind != FrameKind::Data {}
            mode
        }
    };
    match mode {
        ExitMode::Reset | ExitMode::Stop => Frame::reset(1, CANCEL).write(&mut connection)?,
        ExitMode::GoAway => Frame::go_away().write(&mut connection)?,
        // Data on a stream that was never opened.
        ExitMode::Break => Frame::data(3, b"?", false).write(&mut connection)?,
        ExitMode::WidenByZero => Frame::window_update(1, 0).write(&mut connection)?,
        ExitMode::Push => Frame::push_promise(1, 2, &request.fields()).write(&mut connection)?,
        ExitMode::PathInTrailers => {
            Frame::headers(1, &[(":path", "/")], true).write(&mut connection)?;
        }
        ExitMode::End => Frame::data(1, b"", true).write(&mut connection)?,
        ExitMode::Close | ExitMode::HalfClose | ExitMode::Stall => {}
    }
    if !matches!(mode, ExitMode::Close | ExitMode::GoAway) {
        (hooks.wait_for_end)();
    }
    Ok(())
}

fn send_request(connection: &mut TcpStream, request: &ClientRequest) -> Result<()> {
    connection.write_all(PREFACE)?;
    Frame::settings().write(connection)?;
    let (ends, body) = (request.ends_request(), request.body.as_bytes());
    Frame::headers(1, &request.fields(), ends && body.is_empty()).write(connection)?;
    if body.is_empty() { Ok(()) } else { Frame::data(1, body, ends).write(connection) }
}

/// Reads the next frame of the response.
fn read_response_frame(connection: &mut TcpStream, hooks: &TestHooks<'_>) -> Result<Frame> {
    let frame = Frame::read(connection)?;
    match frame.kind {
        FrameKind::Reset | FrameKind::GoAway => {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        FrameKind::Headers => (hooks.answer_began)(),
        _ => {}
    }
    Ok(frame)
}

/// A WebSocket session that exchanges one text frame and the close frames.
fn run_websocket(
    connection: &mut TcpStream,
    request: &ClientRequest,
    hooks: &TestHooks<'_>,
) -> Result<()> {
    Frame::data(1, TEXT, false).write(connection)?;
    read_data(connection, hooks, 4)?;
    Frame::data(1, CLOSE, false).write(connection)?;
    if request.exit == ClientExit::Never {
        return read_data(connection, hooks, usize::MAX);
    }
    read_data(connection, hooks, 4)?;
    // Envoy does not close one half of an HTTP/1.1 connection to an upstream.
    Frame::reset(1, CANCEL).write(connection)?;
    (hooks.wait_for_end)();
    Ok(())
}

/// Reads `size` bytes of the stream's data, or fewer if it ends.
fn read_data(connection: &mut TcpStream, hooks: &TestHooks<'_>, size: usize) -> Result<()> {
    let mut read_so_far = 0;
    while read_so_far < size {
        let frame = read_response_frame(connection, hooks)?;
        if frame.ends_stream() {
            return Ok(());
        }
        read_so_far += if frame.kind == FrameKind::Data { frame.payload.len() } else { 0 };
    }
    Ok(())
}

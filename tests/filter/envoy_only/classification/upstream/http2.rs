//! Replies over HTTP/2.

use std::io::Result;
use std::net::{Shutdown, TcpStream};

use super::super::frames::{CANCEL, Frame, FrameKind, INTERNAL_ERROR};
use super::{CLOSE, Reply, ReplyEnd, Script, TEXT};

/// The size of a client's masked text and close frames together, in bytes.
const FRAMES_SIZE: usize = 8 + 8;

pub fn serve(mut connection: TcpStream, script: &Script) -> Result<()> {
    Frame::settings().write(&mut connection)?;
    loop {
        let frame = Frame::read(&mut connection)?;
        // The upstream replies before it has the request body.
        if frame.kind == FrameKind::Headers {
            let reply = script.next_reply();
            send_reply(&mut connection, frame.stream, &reply)?;
            end_reply(&mut connection, frame.stream, &reply, script)?;
        }
    }
}

fn send_reply(connection: &mut TcpStream, stream: u32, reply: &Reply) -> Result<()> {
    let Reply { body, trailers, .. } = reply;
    let status = reply.status.to_string();
    let mut fields = vec![(":status", status.as_str())];
    fields.extend(reply.headers.iter().copied());
    let ends_stream = matches!(reply.end, ReplyEnd::Complete | ReplyEnd::Eof);
    if reply.status != 0 {
        let ends_stream = ends_stream && trailers.is_empty() && body.is_empty();
        Frame::headers(stream, &fields, ends_stream).write(connection)?;
    }
    if !body.is_empty() {
        Frame::data(stream, body, ends_stream && trailers.is_empty()).write(connection)?;
    }
    if ends_stream && !trailers.is_empty() {
        Frame::headers(stream, trailers, true).write(connection)?;
    }
    Ok(())
}

fn end_reply(
    connection: &mut TcpStream,
    stream: u32,
    reply: &Reply,
    script: &Script,
) -> Result<()> {
    match reply.end {
        ReplyEnd::Complete | ReplyEnd::Eof | ReplyEnd::Hold => Ok(()),
        ReplyEnd::Reset => {
            script.wait_until_client_has_beginning(reply);
            let code = if reply.status == 0 { INTERNAL_ERROR } else { CANCEL };
            Frame::reset(stream, code).write(connection)
        }
        ReplyEnd::Close => {
            script.wait_until_client_has_beginning(reply);
            connection.shutdown(Shutdown::Write)
        }
        ReplyEnd::ServerCloses => {
            Frame::data(stream, TEXT, false).write(connection)?;
            Frame::data(stream, CLOSE, false).write(connection)?;
            read_data(connection, FRAMES_SIZE)?;
            Frame::data(stream, b"", true).write(connection)
        }
        ReplyEnd::ClientCloses => {
            Frame::data(stream, TEXT, false).write(connection)?;
            read_data(connection, FRAMES_SIZE)?;
            Frame::data(stream, CLOSE, true).write(connection)
        }
    }
}

fn read_data(connection: &mut TcpStream, size: usize) -> Result<()> {
    let mut read = 0;
    while read < size {
        let frame = Frame::read(connection)?;
        read += if frame.kind == FrameKind::Data { frame.payload.len() } else { 0 };
    }
    Ok(())
}

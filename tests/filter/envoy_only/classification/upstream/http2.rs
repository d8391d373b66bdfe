//! Answers over HTTP/2.

use std::io::Result;
use std::net::{Shutdown, TcpStream};

use super::super::frames::{CANCEL, Frame, INTERNAL_ERROR, Kind};
use super::{CLOSE, End, Reply, State, TEXT};

/// The bytes of a client's text and of its close frame, masked.
const FRAMES: usize = 8 + 8;

pub fn serve(mut connection: TcpStream, state: &State) -> Result<()> {
    Frame::settings().write(&mut connection)?;
    loop {
        let frame = Frame::read(&mut connection)?;
        // Answered at once: a request's body is not waited for.
        if frame.kind == Kind::Headers {
            let reply = state.take();
            answer(&mut connection, frame.stream, &reply)?;
            end(&mut connection, frame.stream, &reply, state)?;
        }
    }
}

fn answer(connection: &mut TcpStream, stream: u32, reply: &Reply) -> Result<()> {
    let Reply { body, trailers, .. } = reply;
    let status = reply.status.to_string();
    let mut fields = vec![(":status", status.as_str())];
    fields.extend(reply.headers.iter().copied());
    let ends = matches!(reply.end, End::Complete | End::Eof);
    if reply.status != 0 {
        let ends = ends && trailers.is_empty() && body.is_empty();
        Frame::headers(stream, &fields, ends).write(connection)?;
    }
    if !body.is_empty() {
        Frame::data(stream, body, ends && trailers.is_empty()).write(connection)?;
    }
    if ends && !trailers.is_empty() {
        Frame::headers(stream, trailers, true).write(connection)?;
    }
    Ok(())
}

fn end(connection: &mut TcpStream, stream: u32, reply: &Reply, state: &State) -> Result<()> {
    match reply.end {
        End::Complete | End::Eof | End::Hold => Ok(()),
        End::Reset => {
            state.wait_for_begin(reply);
            let code = if reply.status == 0 { INTERNAL_ERROR } else { CANCEL };
            Frame::reset(stream, code).write(connection)
        }
        End::Close => {
            state.wait_for_begin(reply);
            connection.shutdown(Shutdown::Write)
        }
        End::ServerCloses => {
            Frame::data(stream, TEXT, false).write(connection)?;
            Frame::data(stream, CLOSE, false).write(connection)?;
            read_data(connection, FRAMES)?;
            Frame::data(stream, b"", true).write(connection)
        }
        End::ClientCloses => {
            Frame::data(stream, TEXT, false).write(connection)?;
            read_data(connection, FRAMES)?;
            Frame::data(stream, CLOSE, true).write(connection)
        }
    }
}

fn read_data(connection: &mut TcpStream, size: usize) -> Result<()> {
    let mut read = 0;
    while read < size {
        let frame = Frame::read(connection)?;
        read += if frame.kind == Kind::Data { frame.payload.len() } else { 0 };
    }
    Ok(())
}

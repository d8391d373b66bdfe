//! A client of HTTP/2.

use std::io::{Result, Write};
use std::net::TcpStream;

use super::super::frames::{CANCEL, Frame, Kind, PREFACE};
use super::{Around, Ask, CLOSE, How, Leaves, TEXT};
use crate::envoy::process::PATIENCE;

pub fn send(ask: &Ask, around: &Around<'_>) -> Result<()> {
    let mut connection = TcpStream::connect(around.tcp)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_nodelay(true)?;
    send_request(&mut connection, ask)?;
    let how = match ask.leaves {
        Leaves::Never | Leaves::AfterTheAnswer if ask.is_websocket() => {
            return talk(&mut connection, ask, around);
        }
        Leaves::Never | Leaves::AfterTheAnswer => {
            while !read(&mut connection, around)?.ends_stream() {}
            return Ok(());
        }
        Leaves::Unanswered(how) | Leaves::InTheRequest(how) => {
            (around.wait_for_request)();
            how
        }
        Leaves::InTheAnswer(how) => {
            while read(&mut connection, around)?.kind != Kind::Data {}
            how
        }
    };
    match how {
        How::Reset | How::Stop => Frame::reset(1, CANCEL).write(&mut connection)?,
        How::GoAway => Frame::go_away().write(&mut connection)?,
        // Data of a stream that has never been opened.
        How::Break => Frame::data(3, b"?", false).write(&mut connection)?,
        How::Close | How::HalfClose | How::Stall => {}
    }
    if !matches!(how, How::Close | How::GoAway) {
        (around.wait_for_end)();
    }
    Ok(())
}

fn send_request(connection: &mut TcpStream, ask: &Ask) -> Result<()> {
    connection.write_all(PREFACE)?;
    Frame::settings().write(connection)?;
    let (ends, body) = (ask.ends_request(), ask.body.as_bytes());
    Frame::headers(1, &ask.fields(), ends && body.is_empty()).write(connection)?;
    if body.is_empty() { Ok(()) } else { Frame::data(1, body, ends).write(connection) }
}

/// The next frame of the response.
fn read(connection: &mut TcpStream, around: &Around<'_>) -> Result<Frame> {
    let frame = Frame::read(connection)?;
    match frame.kind {
        Kind::Reset | Kind::GoAway => return Err(std::io::ErrorKind::ConnectionReset.into()),
        Kind::Headers => (around.answer_began)(),
        _ => {}
    }
    Ok(frame)
}

/// A WebSocket's client, which answers a close frame with its own.
fn talk(connection: &mut TcpStream, ask: &Ask, around: &Around<'_>) -> Result<()> {
    Frame::data(1, TEXT, false).write(connection)?;
    read_data(connection, around, 4)?;
    Frame::data(1, CLOSE, false).write(connection)?;
    if ask.leaves == Leaves::Never {
        return read_data(connection, around, usize::MAX);
    }
    read_data(connection, around, 4)?;
    // Envoy does not tell an upstream of HTTP/1.1 that one half has ended.
    Frame::reset(1, CANCEL).write(connection)?;
    (around.wait_for_end)();
    Ok(())
}

/// Reads so much of a stream's data, or to its end.
fn read_data(connection: &mut TcpStream, around: &Around<'_>, size: usize) -> Result<()> {
    let mut read_so_far = 0;
    while read_so_far < size {
        let frame = read(connection, around)?;
        if frame.ends_stream() {
            return Ok(());
        }
        read_so_far += if frame.kind == Kind::Data { frame.payload.len() } else { 0 };
    }
    Ok(())
}

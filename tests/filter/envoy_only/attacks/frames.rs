//! A client that breaks HTTP/2 while answers stream.

use std::net::TcpStream;

use serde_json::json;

use super::super::classification::frames::{Frame, FrameKind, PREFACE};
use super::super::ramp_fixture::{RAMP_TIMEOUT, read_counter};
use super::{HONEST, assert_in_force, beside_honest_traffic, ramp, start, wait_for_later_evidence};
use crate::envoy::process::{TIMEOUT, wait_at_most};

/// Opens a stream of an account, and breaks it by a window update of 0 when the answer has begun.
fn break_stream(address: &str, account: &str) {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(TIMEOUT)).unwrap();
    std::io::Write::write_all(&mut connection, PREFACE).unwrap();
    Frame::settings().write(&mut connection).unwrap();
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "test"),
        (":path", "/hold"),
        ("x-user-id", account),
    ];
    Frame::headers(1, &fields, true).write(&mut connection).unwrap();
    while Frame::read(&mut connection).unwrap().kind != FrameKind::Data {}
    Frame::window_update(1, 0).write(&mut connection).unwrap();
    // Envoy resets the stream, or closes the connection.
    while Frame::read(&mut connection).is_ok_and(|it| it.kind != FrameKind::Reset) {}
}

/// 16 streams of one account tripped the default tripwire in 3.3 s.
#[test]
fn streams_that_a_client_breaks_are_its_own_and_roll_nothing_back() {
    const STREAMS: u64 = 60;
    let envoy = start(&ramp(25, json!({})), HONEST);
    let address = envoy.url.trim_start_matches("http://");
    beside_honest_traffic(&envoy, |attacker| {
        let accounts = [(); 3].map(|()| attacker.account_on_green());
        for account in accounts.iter().cycle().take(STREAMS as usize) {
            break_stream(address, account);
        }
        wait_at_most(RAMP_TIMEOUT, "the counter", || {
            (read_counter(&envoy, "green", "aborted") == STREAMS).then_some(())
        });
        wait_for_later_evidence(&envoy);
        assert_in_force(&envoy);
    });
    let errors = read_counter(&envoy, "green", "errors");
    println!("streams broken by the client: {STREAMS} aborted, {errors} errors");
    assert_eq!(errors, 0);
}

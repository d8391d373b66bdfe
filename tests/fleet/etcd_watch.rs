//! The watch of a key, on scripted streams and on a real etcd.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use prost::Message as _;
use verdigris::fleet::etcd::message::{
    Event, KeyValue, ResponseHeader, WatchRequest, WatchRequestKind, WatchResponse,
};
use verdigris::fleet::etcd::{GrpcError, GrpcMethod, GrpcStreams, StreamEvent, Watch, WatchStream};
use verdigris::fleet::{FoundRecord, Revision};

const KEY: &[u8] = b"/fleets/assistant-v8/in_force";
const PUT: i32 = 0;
const DELETE: i32 = 1;

/// Streams whose events the test sets.
#[derive(Clone, Default)]
struct ScriptedStreams(Rc<State>);

#[derive(Default)]
struct State {
    opened: Cell<u32>,
    sent: RefCell<Vec<(u32, WatchRequest)>>,
    events: RefCell<VecDeque<StreamEvent>>,
    cancelled: RefCell<Vec<u32>>,
    is_refusing: Cell<bool>,
}

impl GrpcStreams for ScriptedStreams {
    fn open(&self, method: GrpcMethod) -> Result<u32, GrpcError> {
        assert_eq!(method, GrpcMethod::WATCH);
        if self.0.is_refusing.get() {
            return Err(GrpcError::NotSent("refused".to_owned()));
        }
        self.0.opened.update(|count| count + 1);
        Ok(self.0.opened.get())
    }

    fn send(&self, stream: u32, message: &[u8]) -> Result<(), GrpcError> {
        self.0.sent.borrow_mut().push((stream, WatchRequest::decode(message).unwrap()));
        Ok(())
    }

    fn take(&self, stream: u32) -> Option<StreamEvent> {
        assert_eq!(stream, self.0.opened.get(), "only the newest stream is read");
        self.0.events.borrow_mut().pop_front()
    }

    fn cancel(&self, stream: u32) {
        self.0.cancelled.borrow_mut().push(stream);
    }
}

impl ScriptedStreams {
    fn receive(&self, response: &WatchResponse) {
        self.0.events.borrow_mut().push_back(StreamEvent::Message(response.encode_to_vec()));
    }

    fn end(&self) {
        let status = GrpcError::Status { code: 14, message: "connection reset".to_owned() };
        self.0.events.borrow_mut().push_back(StreamEvent::Closed(status));
    }

    /// The revisions that the watches of the streams were to begin at.
    fn start_revisions(&self) -> Vec<i64> {
        let start = |(_, request): &(u32, WatchRequest)| match &request.request {
            Some(WatchRequestKind::Create(create)) => Some(create.start_revision),
            _ => None,
        };
        self.0.sent.borrow().iter().filter_map(start).collect()
    }
}

fn response(events: &[(&[u8], i32, i64, &str)]) -> WatchResponse {
    let event = |&(key, kind, mod_revision, value): &(&[u8], i32, i64, &str)| Event {
        kind,
        kv: Some(KeyValue { key: key.to_vec(), mod_revision, value: value.as_bytes().to_vec() }),
    };
    WatchResponse {
        header: Some(ResponseHeader { cluster_id: 1, member_id: 1, revision: 9 }),
        events: events.iter().map(event).collect(),
        ..WatchResponse::default()
    }
}

fn created() -> WatchResponse {
    WatchResponse { created: true, ..response(&[]) }
}

fn found(value: &str, revision: u64) -> Option<FoundRecord> {
    Some(FoundRecord { value: value.as_bytes().to_vec(), revision: Revision(revision) })
}

#[test]
fn the_newest_value_is_pushed_once_and_older_ones_are_not() {
    let cases: [(&str, Vec<WatchResponse>, Option<FoundRecord>); 5] = [
        ("nothing yet", vec![created()], None),
        ("a write", vec![response(&[(KEY, PUT, 5, "five")])], found("five", 5)),
        (
            "two writes",
            vec![response(&[(KEY, PUT, 5, "five"), (KEY, PUT, 6, "six")])],
            found("six", 6),
        ),
        (
            "a write that comes again",
            vec![response(&[(KEY, PUT, 6, "six")]), response(&[(KEY, PUT, 5, "five")])],
            found("six", 6),
        ),
        ("a deletion", vec![response(&[(KEY, PUT, 5, "five"), (KEY, DELETE, 6, "")])], None),
    ];
    for (name, responses, expected) in cases {
        let watch = Watch::new(KEY.to_vec());
        watch.open(0);
        responses.iter().for_each(|it| watch.receive(&it.encode_to_vec(), 0).unwrap());
        assert_eq!(watch.take_pushed(), expected, "{name}");
        assert_eq!(watch.take_pushed(), None, "{name}");
    }
    let watch = Watch::new(KEY.to_vec());
    watch.skip_to(Revision(7));
    watch.receive(&response(&[(KEY, PUT, 7, "read already")]).encode_to_vec(), 0).unwrap();
    assert_eq!(watch.take_pushed(), None);
}

#[test]
fn a_message_that_is_not_of_the_watch_ends_the_stream() {
    let cases = [
        ("a page", b"<html></html>".to_vec()),
        ("nothing", Vec::new()),
        ("another key", response(&[(b"other", PUT, 5, "")]).encode_to_vec()),
        ("no revision", response(&[(KEY, PUT, 0, "")]).encode_to_vec()),
        ("no key", {
            let events = vec![Event { kind: PUT, kv: None }];
            WatchResponse { events, ..response(&[]) }.encode_to_vec()
        }),
        ("the end", WatchResponse { canceled: true, ..response(&[]) }.encode_to_vec()),
    ];
    for (name, message) in cases {
        let (streams, watch) = (ScriptedStreams::default(), Watch::new(KEY.to_vec()));
        let stream = WatchStream::new(streams.clone());
        streams.0.events.borrow_mut().push_back(StreamEvent::Message(message));
        assert!(stream.drive(&watch, 0).is_err(), "{name}");
        assert_eq!(*streams.0.cancelled.borrow(), [1], "{name}");
        assert_eq!(watch.take_pushed(), None, "{name}");
    }
}

#[test]
fn a_stream_that_has_ended_is_opened_again_after_the_last_revision() {
    let (streams, watch) = (ScriptedStreams::default(), Watch::new(KEY.to_vec()));
    let stream = WatchStream::new(streams.clone());
    streams.receive(&created());
    streams.receive(&response(&[(KEY, PUT, 5, "five")]));
    stream.drive(&watch, 0).unwrap();
    streams.end();
    let error = stream.drive(&watch, 10).unwrap_err();
    assert!(error.contains("connection reset"), "{error}");
    stream.drive(&watch, 509).unwrap();
    assert_eq!(streams.0.opened.get(), 1, "half a second has not passed");
    stream.drive(&watch, 510).unwrap();
    assert_eq!(streams.start_revisions(), [0, 6]);
    // Compacted: the newest change is one of those that are left.
    streams.receive(&WatchResponse { canceled: true, compact_revision: 20, ..response(&[]) });
    let error = stream.drive(&watch, 600).unwrap_err();
    assert!(error.contains("changes before revision 20 are compacted"), "{error}");
    stream.drive(&watch, 100_000).unwrap();
    assert_eq!(streams.start_revisions(), [0, 6, 20]);
    drop(stream);
    assert_eq!(*streams.0.cancelled.borrow(), [1, 2, 3]);
}

/// Another worker talks to the store for a while. What came before that is old.
#[test]
fn a_watch_that_rests_forgets_what_nobody_has_taken() {
    let (streams, watch) = (ScriptedStreams::default(), Watch::new(KEY.to_vec()));
    let stream = WatchStream::new(streams.clone());
    stream.drive(&watch, 0).unwrap();
    streams.receive(&created());
    streams.receive(&response(&[(KEY, PUT, 5, "five")]));
    stream.drive(&watch, 1).unwrap();
    stream.rest(&watch);
    assert_eq!(*streams.0.cancelled.borrow(), [1]);
    assert!(!watch.is_established());
    assert_eq!(watch.take_pushed(), None);
    stream.drive(&watch, 2).unwrap();
    assert_eq!(streams.start_revisions(), [0, 6]);
}

#[test]
fn a_stream_that_cannot_be_opened_is_tried_less_and_less_often() {
    let (streams, watch) = (ScriptedStreams::default(), Watch::new(KEY.to_vec()));
    let stream = WatchStream::new(streams.clone());
    streams.0.is_refusing.set(true);
    let failed = (0..120_000_u64).step_by(100).filter(|ms| stream.drive(&watch, *ms).is_err());
    let failed: Vec<_> = failed.collect();
    let pauses: Vec<_> = failed.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let doubled = [500, 1000, 2000, 4000, 8000, 16_000, 16_000, 16_000, 16_000, 16_000, 16_000];
    assert_eq!(pauses[..doubled.len()], doubled);
    streams.0.is_refusing.set(false);
    streams.receive(&created());
    stream.drive(&watch, 200_000).unwrap();
    streams.end();
    assert!(stream.drive(&watch, 200_100).is_err());
    stream.drive(&watch, 200_600).unwrap();
    assert_eq!(streams.0.opened.get(), 2, "the pause is short again");
}

#[test]
fn a_stream_that_etcd_does_not_answer_on_is_closed() {
    let (streams, watch) = (ScriptedStreams::default(), Watch::new(KEY.to_vec()));
    let stream = WatchStream::new(streams.clone());
    streams.receive(&created());
    for ms in (0..20_000).step_by(500) {
        if ms == 10_000 {
            // The answer to the question after 5 s.
            streams.receive(&response(&[]));
        }
        stream.drive(&watch, ms).unwrap();
    }
    let questions = streams.0.sent.borrow().len() - 1;
    assert_eq!(questions, 2, "after 5 s, and 5 s after the answer");
    let error = stream.drive(&watch, 25_000).unwrap_err();
    assert_eq!(error, "etcd has sent nothing on the watch for 15000 ms");
    assert_eq!(*streams.0.cancelled.borrow(), [1]);
}

//! Parses `table.md`, which explains its syntax.

use super::bodies;
use super::client::{ClientExit, ClientRequest, ExitMode, Protocol};
use super::upstream::{Reply, ReplyEnd};

const TABLE: &str = include_str!("table.md");

pub struct Row {
    /// The case and the request, for messages.
    pub id: String,
    pub request: ClientRequest,
    pub replies: Vec<Reply>,
    /// Envoy's log: status, flags, details, and the gRPC status if there is one.
    pub logged: &'static str,
    /// Green's counters that move by one, sorted.
    pub counts: Vec<&'static str>,
}

const CHAT: &str = "/v1/chat/completions";
const QUESTION: &str = r#"{"model":"m","messages":[]}"#;

// === impl Row ===

impl Row {
    /// The rows of the section with this title.
    pub fn parse_section(title: &str) -> Vec<Self> {
        let mut sections =
            TABLE.split("## ").map(|section| section.split_once('\n').unwrap_or_default());
        let (_, section) = sections.find(|(found, _)| *found == title).unwrap();
        let lines = section.lines().filter(|line| line.starts_with('|'));
        // The first two lines are the header of the table.
        lines.skip(2).map(Self::parse).collect()
    }

    fn parse(line: &'static str) -> Self {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let ["", case, request, upstream, logged, counts, ""] = cells[..] else {
            panic!("{line}");
        };
        let mut counts: Vec<_> = counts.split(' ').filter(|name| *name != "nothing").collect();
        counts.sort_unstable();
        Self {
            id: format!("{case} ({request})"),
            request: ClientRequest::parse(request),
            replies: upstream.split(", ").map(Reply::parse).collect(),
            logged,
            counts,
        }
    }
}

// === impl ClientRequest ===

impl ClientRequest {
    fn parse(text: &'static str) -> Self {
        let mut words = text.split(' ');
        let protocol = match words.next() {
            Some("h1") => Protocol::Http1,
            Some("h2") => Protocol::Http2,
            Some("h3") => Protocol::Http3,
            other => panic!("{text}: {other:?}"),
        };
        let mut request = Self::from_kind(protocol, words.next().unwrap());
        for word in words {
            match word.split_once('=') {
                None if word == "client-closes" => request.exit = ClientExit::AfterTheAnswer,
                None if word == "expects-100" => request = request.with("expect", "100-continue"),
                Some(("via", name)) => request = request.via(name),
                Some(("length", length)) => request = request.with("content-length", length),
                Some(("unanswered", how)) => {
                    request.exit = ClientExit::Unanswered(ExitMode::parse(how))
                }
                Some(("in-answer", how)) => {
                    request.exit = ClientExit::InTheAnswer(ExitMode::parse(how))
                }
                Some(("in-request", how)) => {
                    request.exit = ClientExit::InTheRequest(ExitMode::parse(how))
                }
                _ => panic!("{text}: {word}"),
            }
        }
        request
    }

    fn from_kind(protocol: Protocol, kind: &'static str) -> Self {
        let request = |method, path| Self {
            protocol,
            method,
            path,
            headers: Vec::new(),
            body: "",
            exit: ClientExit::Never,
        };
        let grpc = |kind, body| {
            Self { body, ..request("POST", "/llm.Chat/Complete") }
                .with("content-type", kind)
                .with("te", "trailers")
        };
        let upgrade =
            |to| request("GET", "/v1/realtime").with("connection", "upgrade").with("upgrade", to);
        match kind {
            "chat" => Self { body: QUESTION, ..request("POST", CHAT) }
                .with("content-type", "application/json"),
            // Only an HTTP/2 upstream can send gRPC's trailers.
            "grpc" => grpc("application/grpc", bodies::EMPTY_MESSAGE).via("http2"),
            "grpc+proto" => grpc("application/grpc+proto", bodies::EMPTY_MESSAGE).via("http2"),
            "grpc-web" => grpc(bodies::GRPC_WEB, bodies::EMPTY_MESSAGE),
            "grpc-web-text" => grpc(bodies::GRPC_WEB_TEXT, "AAAAAAA="),
            "preflight" => request("OPTIONS", CHAT)
                .with("origin", "http://a.test")
                .with("access-control-request-method", "POST"),
            "websocket" if protocol == Protocol::Http1 => upgrade("websocket")
                .with("sec-websocket-version", "13")
                .with("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
            "websocket" => request("CONNECT", "/v1/realtime")
                .with(":protocol", "websocket")
                .with("sec-websocket-version", "13"),
            "upgrade:allowed" => upgrade("example"),
            "upgrade:refused" => upgrade("other"),
            _ => {
                let (method, path) = kind.split_once(':').unwrap_or_else(|| panic!("{kind}"));
                request(method, if path == "chat" { CHAT } else { path })
            }
        }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn via(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| *header != "x-route");
        self.with("x-route", name)
    }
}

// === impl ExitMode ===

impl ExitMode {
    fn parse(word: &str) -> Self {
        match word {
            "closes" => Self::Close,
            "resets" => Self::Reset,
            "stops" => Self::Stop,
            "goes-away" => Self::GoAway,
            "breaks" => Self::Break,
            "half-closes" => Self::HalfClose,
            "stalls" => Self::Stall,
            "widens-by-0" => Self::WidenByZero,
            "pushes" => Self::Push,
            "sends-path-in-trailers" => Self::PathInTrailers,
            "ends" => Self::End,
            _ => panic!("{word}"),
        }
    }
}

// === impl Reply ===

impl Reply {
    fn parse(text: &'static str) -> Self {
        let mut words = text.split(' ');
        let status = match words.next().unwrap() {
            "-" => return Self::with_status(500),
            "nothing" => 0,
            status => status.parse().unwrap_or_else(|_| panic!("{text}")),
        };
        let mut reply = Self::with_status(status);
        for word in words {
            match word.split_once(['=', ':']) {
                None if word == "frame" => reply.body = bodies::WEBSOCKET_FRAME.to_vec(),
                None => reply.end = ReplyEnd::parse(word),
                Some(("interim", status)) => reply.interim = Some(status.parse().unwrap()),
                Some(("length", length)) => reply.headers.push(("content-length", length)),
                Some(("grpc-status", code)) => reply.headers.push(("grpc-status", code)),
                Some(("trailers", code)) => reply.trailers.push(("grpc-status", code)),
                Some((kind, name)) => {
                    reply.headers.push(("content-type", bodies::content_type(kind)));
                    reply.body = bodies::body(name);
                }
            }
        }
        reply
    }

    pub fn with_status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            trailers: Vec::new(),
            end: ReplyEnd::Complete,
            interim: None,
        }
    }
}

// === impl ReplyEnd ===

impl ReplyEnd {
    fn parse(word: &str) -> Self {
        match word {
            "hold" => Self::Hold,
            "close" => Self::Close,
            "eof" => Self::Eof,
            "reset" => Self::Reset,
            "server-closes" => Self::ServerCloses,
            "client-closes" => Self::ClientCloses,
            _ => panic!("{word}"),
        }
    }
}

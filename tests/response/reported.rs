//! Answers that users of providers and gateways have reported, or that their types describe.
//! Each names its source. `tests/data/formats/` has them, a file for each kind.

use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use verdigris::assignment::Version;
use verdigris::response::{
    Answer, ClassificationRules, ExpectedResponse, Formats, LimitPolicy, ObservedResponse, Outcome,
    Phrases, Price, Prices, ResponseFlags, ResponseHead, StreamEnd,
};
use verdigris::stats::count_outcome;

use crate::aws_eventstream::message;

/// An answer, and how it should be read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    pub name: String,
    /// Who reported or describes it.
    #[serde(rename = "source")]
    _source: String,
    #[serde(default = "post")]
    method: String,
    pub path: String,
    pub content_type: String,
    #[serde(default = "ok")]
    pub status: u16,
    /// The body, in one of these forms.
    json: Option<Box<RawValue>>,
    text: Option<String>,
    events: Option<Vec<Box<RawValue>>>,
    messages: Option<Vec<(String, Box<RawValue>)>>,
    #[serde(default)]
    phrases: Vec<String>,
    #[serde(default)]
    prices: Map<String, Value>,
    pub expected: Map<String, Value>,
}

fn post() -> String {
    "POST".to_owned()
}

fn ok() -> u16 {
    200
}

/// All reported answers.
pub fn reported() -> Vec<Reported> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/formats");
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let read = |file: &std::path::PathBuf| -> Vec<Reported> {
        let text = std::fs::read_to_string(file).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    files.iter().flat_map(read).collect()
}

/// The same JSON with the keys of each object in alphabetical order, as Go writes them.
fn sorted(json: &str) -> String {
    serde_json::from_str::<Value>(json).unwrap().to_string()
}

impl Reported {
    /// The body, with each JSON document passed through `map`.
    pub fn body(&self, map: impl Fn(&str) -> String) -> Vec<u8> {
        let event = |event: &RawValue| match serde_json::from_str(event.get()) {
            Ok(Value::String(data)) => format!("data: {data}\n\n"),
            Ok(Value::Array(_)) => {
                let (name, data): (String, Box<RawValue>) =
                    serde_json::from_str(event.get()).unwrap();
                format!("event: {name}\ndata: {}\n\n", map(data.get()))
            }
            _ => format!("data: {}\n\n", map(event.get())),
        };
        let in_message = |(name, payload): &(String, Box<RawValue>)| {
            let (kind, header) = match name.ends_with("Exception") {
                true => ("exception", ":exception-type"),
                false => ("event", ":event-type"),
            };
            let json = (":content-type", "application/json");
            message(&[(header, name), json, (":message-type", kind)], &map(payload.get()))
        };
        match self {
            Self { json: Some(json), .. } => map(json.get()).into_bytes(),
            Self { text: Some(text), .. } => text.clone().into_bytes(),
            Self { events: Some(events), .. } => {
                events.iter().map(|it| event(it)).collect::<String>().into_bytes()
            }
            Self { messages: Some(messages), .. } => messages.iter().flat_map(in_message).collect(),
            _ => panic!("{}: no body", self.name),
        }
    }

    fn phrases(&self) -> Phrases {
        let mut phrases = Phrases::default();
        assert!(self.phrases.iter().all(|phrase| phrases.add(phrase)), "{}", self.name);
        phrases
    }

    fn prices(&self) -> Prices {
        let mut prices = Prices::default();
        for (model, price) in &self.prices {
            let [input, cached_input, cache_write, output] =
                serde_json::from_value(price.clone()).unwrap();
            assert!(prices.add(model, Price { input, cached_input, cache_write, output }));
        }
        prices
    }

    /// What is read of the body if it arrives in these pieces. The time is the number of
    /// the piece.
    fn read<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
        let request = [
            (":method", self.method.as_str()),
            (":path", self.path.as_str()),
            ("content-type", "application/json"),
        ];
        let request = request.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let expected = ExpectedResponse::from_headers(&Formats::default(), Version::Green, request);
        let mut response = ObservedResponse::new(expected, 0);
        let status = self.status.to_string();
        let headers = [(":status", status.as_str()), ("content-type", &self.content_type)];
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let head = ResponseHead::from_headers(headers);
        response.on_headers(Some(head), Some(&self.phrases()), false, false);
        for (number, piece) in (1..).zip(pieces) {
            if response.on_body(piece.len(), false) {
                response.read_body(piece, || number);
            }
        }
        response.on_body(0, true);
        response.finish(1 << 40, || Some(ResponseFlags(0)), || false)
    }

    /// The first expectation that `outcome` does not meet.
    fn difference(&self, outcome: &Outcome) -> Option<String> {
        let (phrases, prices) = (self.phrases(), self.prices());
        let limits = LimitPolicy::Compare;
        let rules = ClassificationRules { phrases: &phrases, prices: &prices, limits };
        let mut counts = Map::new();
        count_outcome(&outcome.classify(rules), |counter, count| {
            counts.insert(counter.to_string(), count.into());
        });
        let answer = outcome.answer.as_ref().and_then(|answer| answer.as_ref().ok());
        let of_answer = |value: &dyn Fn(&Answer) -> Value| answer.map_or(Value::Null, value);
        self.expected.iter().find_map(|(name, expected)| {
            let actual = match name.as_str() {
                "finished" => of_answer(&|answer| answer.finished.into()),
                "malformed" => of_answer(&|answer| answer.malformed.into()),
                "content" => of_answer(&|answer| answer.has_content.into()),
                "model" => of_answer(&|answer| String::from_utf8_lossy(answer.model_name()).into()),
                "tokens" => of_answer(&|answer| {
                    let it = &answer.tokens;
                    [it.input, it.cached, it.cache_write, it.output, it.reasoning]
                        .map(Value::from)
                        .into_iter()
                        .collect()
                }),
                "is_stream" => outcome.is_stream.into(),
                "format" => {
                    let format = Formats::default().resolve(Version::Green, self.path.as_bytes());
                    format.map(verdigris::response::Format::as_str).into()
                }
                "ttft_in" => return None,
                counter => counts.get(counter).cloned().unwrap_or(0.into()),
            };
            (actual != *expected)
                .then(|| format!("{name} is {actual} instead of {expected}; {counts:?} {answer:?}"))
        })
    }
}

#[test]
fn each_reported_answer_is_read_as_expected() {
    let mut differences = Vec::new();
    let all = reported();
    for case in &all {
        for (order, map) in
            [("as reported", str::to_owned as fn(&str) -> String), ("sorted", sorted)]
        {
            let outcome = case.read([&case.body(map)[..]]);
            assert_eq!(outcome.ending, StreamEnd::Complete, "{}", case.name);
            let difference = case.difference(&outcome);
            differences.extend(difference.map(|it| format!("{} ({order}): {it}", case.name)));
        }
    }
    let (count, total) = (differences.len(), all.len());
    assert!(differences.is_empty(), "{count} of {total}:\n{}", differences.join("\n"));
}

#[test]
fn the_first_content_of_a_reported_stream_is_where_it_should_be() {
    let mut differences = Vec::new();
    for case in reported() {
        let Some(marker) = case.expected.get("ttft_in") else { continue };
        let marker = marker.as_str().unwrap();
        let body = case.body(str::to_owned);
        let mut ends: Vec<usize> = (1..=body.len())
            .filter(|end| body[..*end].ends_with(b"\n\n") || body[..*end].ends_with(b"\n,"))
            .collect();
        ends.extend([0, body.len()]);
        ends.sort_unstable();
        let pieces: Vec<&[u8]> = ends.windows(2).map(|ends| &body[ends[0]..ends[1]]).collect();
        let is_marked =
            |piece: &&[u8]| piece.windows(marker.len()).any(|it| it == marker.as_bytes());
        let expected = pieces.iter().position(is_marked).map(|index| index as u128 + 1);
        let ttft = case.read(pieces).ttft.map(|ttft| ttft.as_nanos());
        if ttft != expected {
            differences.push(format!("{}: {ttft:?} instead of {expected:?}", case.name));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_reported_answer_in_any_pieces_is_read_the_same() {
    for case in reported() {
        let body = case.body(str::to_owned);
        let whole = case.read([&body[..]]);
        for cut in 0..=body.len() {
            let (head, tail) = body.split_at(cut);
            let outcome = case.read([head, tail]);
            assert_eq!(outcome.answer, whole.answer, "{} cut at {cut}", case.name);
            assert_eq!(outcome.is_stream, whole.is_stream, "{} cut at {cut}", case.name);
        }
        let bytes = case.read(body.chunks(1));
        assert_eq!(bytes.answer, whole.answer, "{} byte by byte", case.name);
    }
}

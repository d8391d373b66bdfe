//! Any headers have one version, which no header of a client changes but the unit, the conversation and
//! the force header. What is read of headers panics for no bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdigris::analysis::RequestClass;
use verdigris::assignment::unit::{find_later_cookie, find_unit};
use verdigris::assignment::{
    AssignmentRequest, EffectiveShare, Reason, Share, Version, assign,
};
use verdigris::config::Config;
use verdigris::patch::RequestHead;
use verdigris::response::known_path::known_api;
use verdigris::response::{Format, ResponseHead};

const CONFIG: &str = r#"{
    "rollout": "r", "unit": [{"header": "x-user"}, {"cookie": "uid"}], "force_header": "x-force",
    "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
    "pins": {"green": ["qa"]}, "weights": {"blue": 1, "green": 1}
}"#;

thread_local! {
    static PARSED: Config = Config::parse(CONFIG.as_bytes()).unwrap();
}

const NAMES: [&[u8]; 12] = [
    b":method", b":path", b":status", b"x-user", b"cookie", b"x-force", b"content-type",
    b"content-length", b"content-encoding", b"accept", b"x-verdigris-version", b"grpc-status",
];

type Header<'a> = (&'a [u8], &'a [u8]);

/// The version of a request with these headers.
fn version(config: &Config, headers: &[Header<'_>], effective: EffectiveShare) -> (Version, Reason) {
    let first = |name: &str| {
        let found = headers.iter().find(|(it, _)| *it == name.as_bytes());
        found.map(|(_, value)| value.to_vec())
    };
    let later = |name: &[u8]| find_later_cookie(headers.iter().copied(), name).map(<[u8]>::to_vec);
    let forced = first("x-force").and_then(|value| Version::from_bytes(&value));
    find_unit(&config.unit, first, later, |unit| {
        let request = AssignmentRequest { unit, forced, conversation: None };
        let found = assign(&config.assignment_rules(), effective, request, || 0);
        (found.version, found.reason)
    })
}

fuzz_target!(|input: (Vec<(u8, &[u8])>, u16)| {
    let (headers, share) = input;
    let name = |index: u8| NAMES[usize::from(index) % NAMES.len()];
    let headers: Vec<Header<'_>> =
        headers.into_iter().map(|(index, value)| (name(index), value)).collect();
    let version = |headers: &[Header<'_>], effective| {
        PARSED.with(|config| version(config, headers, effective))
    };
    let green = u64::from(share % 10_001);
    let effective = EffectiveShare::Share(Share::new(10_000 - green, green).unwrap());

    let found = version(&headers, effective);
    let ours = |(name, _): &Header<'_>| matches!(*name, b"x-user" | b"cookie" | b"x-force");
    let only_ours: Vec<Header<'_>> = headers.iter().copied().filter(ours).collect();
    assert_eq!(version(&only_ours, effective), found);
    let rolled_back = version(&headers, EffectiveShare::RolledBack);
    assert_eq!(rolled_back, (Version::Blue, Reason::RolledBack));

    let _ = RequestClass::from_headers(headers.iter().copied());
    let _ = ResponseHead::from_headers(headers.iter().copied());
    let head = RequestHead::from_headers(headers.iter().copied(), true);
    let _ = (known_api(&head.path), Format::of_requests_at(&head.path));
    assert!(!head.is_bufferable(0) || head.length == Some(0));
});

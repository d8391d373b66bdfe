//! Units in headers and cookies.

use proptest::prelude::*;
use serde_json::json;
use verdigris::assignment::unit::{find_cookie, find_later_cookie, find_unit};

use crate::config_with;

#[test]
fn the_first_source_with_a_value_provides_the_unit() {
    let config = config_with(json!({
        "unit": [{"header": "x-user-id"}, {"cookie": "uid"}, {"header": "x-device"}],
    }));
    type Headers = &'static [(&'static str, &'static str)];
    let cases: [(Headers, Option<&str>); 7] = [
        (&[("x-user-id", "ada")], Some("ada")),
        (&[("x-user-id", "ada"), ("cookie", "uid=bo")], Some("ada")),
        (&[("x-user-id", ""), ("cookie", "uid=bo")], Some("bo")),
        (&[("cookie", "uid=; x=1"), ("x-device", "d9")], Some("d9")),
        (&[("cookie", "uuid=1"), ("x-device", "d9")], Some("d9")),
        (&[("x-user-id", "")], None),
        (&[], None),
    ];
    for (headers, unit) in cases {
        let header = |name: &str| {
            let (_, value) = headers.iter().find(|(header, _)| *header == name)?;
            Some(value.as_bytes())
        };
        find_unit(
            &config.unit,
            header,
            |_| None,
            |found| {
                assert_eq!(found, unit.map(str::as_bytes), "{headers:?}");
            },
        );
    }
}

/// RFC 6265 allows one `Cookie` line, but some clients and proxies send more.
#[test]
fn a_cookie_is_found_in_any_line() {
    let config =
        config_with(json!({"unit": [{"cookie": "uid"}, {"cookie": "id"}, {"header": "x"}]}));
    // The lines, the unit, and the number of reads of the later lines.
    let cases: [(&[&str], Option<&str>, usize); 8] = [
        (&["uid=ada"], Some("ada"), 0),
        (&["uid=ada", "uid=bo"], Some("ada"), 0),
        (&["a=1", "uid=bo", "uid=cy"], Some("bo"), 1),
        (&["a=1", "b=2", "c=3; uid=cy"], Some("cy"), 1),
        // The first cookie of a name counts, even if it is empty.
        (&["uid=", "uid=bo"], Some("x"), 1),
        (&["a=1", "uid="], Some("x"), 2),
        (&["a=1", "id=7"], Some("7"), 2),
        (&[], Some("x"), 0),
    ];
    for (lines, unit, expected_reads) in cases {
        let header = |name: &str| match name {
            "cookie" => lines.first().map(|line| line.as_bytes()),
            _ => Some(b"x".as_slice()),
        };
        let mut reads = 0;
        let later_cookie = |name: &[u8]| {
            reads += 1;
            let cookies = lines.iter().map(|line| (b"cookie".as_slice(), line.as_bytes()));
            let headers = [(b"x".as_slice(), b"uid=no".as_slice())].into_iter().chain(cookies);
            find_later_cookie(headers, name).map(<[u8]>::to_vec)
        };
        find_unit(&config.unit, header, later_cookie, |found| {
            assert_eq!(found, unit.map(str::as_bytes), "{lines:?}");
        });
        assert_eq!(reads, expected_reads, "{lines:?}");
    }
}

#[test]
fn a_cookie_is_found_in_headers_as_browsers_send_them() {
    let cases: [(&[u8], Option<&[u8]>); 10] = [
        (b"uid=ada", Some(b"ada")),
        (b"theme=dark; uid=ada; z=1", Some(b"ada")),
        (b"theme=dark;uid=ada", Some(b"ada")),
        (b"uid=ada; uid=bo", Some(b"ada")),
        (b"uid=a=b", Some(b"a=b")),
        (b"uid=\"ada\"", Some(b"\"ada\"")),
        (b"uid = ada ;", Some(b"ada")),
        (b"uid=\xff\xfe", Some(b"\xff\xfe")),
        (b"UID=ada; uuid=bo; uidx=c", None),
        (b"uid", None),
    ];
    for (header, value) in cases {
        assert_eq!(find_cookie(header, b"uid"), value, "{}", header.escape_ascii());
    }
}

proptest! {
    #[test]
    fn no_cookie_header_panics(header: Vec<u8>, name in "[a-z]{0,4}") {
        let _ = find_cookie(&header, name.as_bytes());
    }
}

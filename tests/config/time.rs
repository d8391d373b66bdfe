//! Durations and timestamps.

use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::ramp_errors::PERIOD_RULE;
use crate::{errors_with, valid_ramp};

#[test]
fn a_duration_is_whole_numbers_with_units() {
    let valid = [
        ("1ms", 1),
        ("500ms", 500),
        ("10s", 10_000),
        ("010m", 600_000),
        ("24h", 86_400_000),
        ("2d", 172_800_000),
        ("365d", 31_536_000_000),
        ("1h30m", 5_400_000),
        ("1m30s", 90_000),
        ("1d2h3m4s5ms", 93_784_005),
        ("0h5m", 300_000),
        ("364d24h", 31_536_000_000),
    ];
    for (text, milliseconds) in valid {
        let ramp = valid_ramp(json!({"bake": text}));
        assert_eq!(ramp.bake, Duration::from_millis(milliseconds), "{text}");
    }
    let invalid = [
        "",
        "10",
        "s",
        "1.5s",
        "-1s",
        "+1s",
        "1 s",
        " 1s",
        "1s ",
        "1w",
        "1S",
        "30m1h",
        "1m1m",
        "1ms1m",
        "1h30",
        "1h 30m",
        "h30m",
        "365d1ms",
        "١s",
        "366d",
        "18446744073709551615d",
        "99999999999999999999ms",
    ];
    for text in invalid {
        let expected = format!("ramp.bake: {}: {PERIOD_RULE}", json!(text));
        assert_eq!(errors_with(json!({"ramp": {"bake": text}})), expected);
    }
}

#[test]
fn a_timestamp_follows_rfc_3339() {
    // The seconds come from GNU date: `date -u -d 2026-11-25T10:00:00Z +%s`.
    let valid = [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("2026-11-25T10:00:00Z", 1_795_600_800, 0),
        ("2026-11-25t10:00:00z", 1_795_600_800, 0),
        ("2026-11-25T12:30:00+02:30", 1_795_600_800, 0),
        ("2026-11-24T22:00:00-12:00", 1_795_600_800, 0),
        ("2026-11-25T10:00:00-00:00", 1_795_600_800, 0),
        ("2026-11-25T10:00:00.5Z", 1_795_600_800, 500_000_000),
        ("2026-11-25T10:00:00.0000000019+00:00", 1_795_600_800, 1),
        ("1969-12-31T23:00:00-01:00", 0, 0),
        ("2000-02-29T00:00:00Z", 951_782_400, 0),
        ("2024-03-01T00:00:00Z", 1_709_251_200, 0),
        ("2016-12-31T23:59:60Z", 1_483_228_800, 0),
        ("2017-01-01T08:59:60+09:00", 1_483_228_800, 0),
        ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
    ];
    for (text, seconds, nanoseconds) in valid {
        let expected = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        assert_eq!(valid_ramp(json!({"started": text})).started, Some(expected), "{text}");
    }
    let invalid = [
        "",
        "2026-11-25",
        "10:00:00Z",
        "2026-11-25T10:00:00",
        "2026-11-25 10:00:00Z",
        "2026-11-25T10:00Z",
        "2026-11-25T10:00:00.Z",
        "2026-11-25T10:00:00,5Z",
        "2026-11-25T10:00:00+0200",
        "2026-11-25T10:00:00+24:00",
        "2026-11-25T10:00:00+02:60",
        "2026-11-25T24:00:00Z",
        "2026-11-25T10:60:00Z",
        "2026-11-25T10:00:60Z",
        "2026-11-25T10:00:61Z",
        "2026-13-01T10:00:00Z",
        "2026-00-01T10:00:00Z",
        "2026-11-31T10:00:00Z",
        "2026-11-00T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "2100-02-29T10:00:00Z",
        "26-11-25T10:00:00Z",
        "02026-11-25T10:00:00Z",
        "+026-11-25T10:00:00Z",
        "2026-1-25T10:00:00Z",
        "2026-11-25T10:00:00ZZ",
        "2026-11-25T10:00:00Z ",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "２026-11-25T10:00:00Z",
    ];
    for text in invalid {
        let errors = errors_with(json!({"ramp": {"started": text}}));
        let expected = format!("ramp.started: {}: write an RFC 3339 timestamp", json!(text));
        assert!(errors.starts_with(&expected), "{errors}");
    }
}

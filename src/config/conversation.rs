//! The `conversation` section: how conversations keep the version that they began with.

use std::time::UNIX_EPOCH;

use serde_json::json;

use super::FieldError;
use super::checks::{
    as_written, check_cookie_name, check_header_name, check_weights, source_field,
};
use super::diagnostics::Diagnostics;
use super::marker_cookie::MarkerCookie;
use super::raw::common::{RawUnitSource, RawUnitSources};
use super::raw::sections::{RawConversation, RawCookie, RawMarker, RawShareInterval};
use super::time::{parse_duration, parse_timestamp};
use crate::assignment::{
    Epoch, RollbackPolicy, Share, ShareHistory, ShareInterval, ShareSetting, UnitSource,
};
use crate::json::JsonPointer;
use crate::names::HeaderName;

/// How conversations keep the version that they began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationConfig {
    /// The headers and cookies that carry the conversation's id, in the order in which they are
    /// tried.
    pub ids: Vec<UnitSource>,
    /// JSON pointers to the id in the request body. They are tried last.
    pub pointers: Vec<JsonPointer>,
    /// The headers and cookies that carry the start marker.
    pub markers: Vec<UnitSource>,
    /// Those of `markers` that are cookies, with their attributes.
    pub marker_cookies: Vec<MarkerCookie>,
    /// The age up to which a conversation keeps its version, in milliseconds.
    pub max_age_ms: u64,
    /// What happens to green's open conversations after a rollback.
    pub on_rollback: RollbackPolicy,
    /// The shares that were in force before the filter knew the rollout.
    pub history: ShareHistory,
}

/// The default sources of an id: the headers of well-known clients.
const DEFAULT_ID_HEADERS: [&str; 6] = [
    "x-conversation-id",
    "x-openwebui-chat-id",
    "x-claude-code-session-id",
    "thread-id",
    "session-id",
    "x-session-id",
];

const DEFAULT_MARKER_HEADER: &str = "x-verdigris-began";

const DAY_MS: u64 = 86_400_000;

/// The locations of a conversation's id.
#[derive(Default)]
struct IdLocations {
    sources: Vec<UnitSource>,
    pointers: Vec<JsonPointer>,
}

/// The locations of a start marker.
#[derive(Default)]
struct MarkerLocations {
    sources: Vec<UnitSource>,
    cookies: Vec<MarkerCookie>,
}

/// Checks the `conversation` section. `unit` is `None` if it is wrong.
pub(super) fn check_conversation(
    raw: RawConversation,
    unit: &Option<Vec<UnitSource>>,
    diagnostics: &mut Diagnostics,
) -> Option<ConversationConfig> {
    let ids = check_ids(raw.id, unit, diagnostics)?;
    let markers = check_markers(raw.marker, diagnostics)?;
    let max_age_ms = check_max_age_ms(raw.drain.max_age.as_deref(), diagnostics);
    let history: Vec<_> = raw
        .history
        .iter()
        .enumerate()
        .map(|(index, interval)| {
            check_interval(&format!("conversation.history[{index}]"), interval, diagnostics)
        })
        .collect();
    Some(ConversationConfig {
        ids: ids.sources,
        pointers: ids.pointers,
        markers: markers.sources,
        marker_cookies: markers.cookies,
        max_age_ms: max_age_ms?,
        on_rollback: raw.on_rollback,
        history: ShareHistory::new(history.into_iter().collect::<Option<Vec<_>>>()?),
    })
}

fn check_ids(
    raw: Option<RawUnitSources>,
    unit: &Option<Vec<UnitSource>>,
    diagnostics: &mut Diagnostics,
) -> Option<IdLocations> {
    let mut ids = IdLocations::default();
    let Some(RawUnitSources(sources)) = raw else {
        // The header of the unit is no conversation's.
        let defaults = DEFAULT_ID_HEADERS.iter().filter_map(|name| header_source(name));
        ids.sources.extend(defaults.filter(|it| !unit.iter().flatten().any(|unit| unit == it)));
        return Some(ids);
    };
    if sources.is_empty() {
        let fix = r#"write {"header": "x-conversation-id"}, {"cookie": …}, {"pointer": …} or a list of these, or remove the field to use the headers of well-known clients"#;
        diagnostics.push(FieldError::new("conversation.id", &json!([]), fix));
    }
    for (index, source) in sources.iter().enumerate() {
        let field = source_field("conversation.id", index, sources.len());
        match &source.pointer {
            Some(pointer) => {
                ids.pointers.push(check_id_pointer(&field, pointer, source, diagnostics)?);
            }
            None => ids.sources.push(check_source(&field, source, diagnostics)?),
        }
    }
    Some(ids)
}

fn header_source(name: &str) -> Option<UnitSource> {
    HeaderName::new(name).map(UnitSource::Header)
}

/// Checks a JSON pointer to an id.
fn check_id_pointer(
    field: &str,
    pointer: &str,
    source: &RawUnitSource,
    diagnostics: &mut Diagnostics,
) -> Option<JsonPointer> {
    let parsed = JsonPointer::parse(pointer);
    let last_token = parsed.as_ref().and_then(JsonPointer::last_token);
    let fix = if source.header.is_some() || source.cookie.is_some() {
        "a source is one header, one cookie or one pointer; write several sources as a list"
    } else if last_token == Some("previous_response_id") {
        "changes with each turn; write [{\"pointer\": \"/conversation\"}, {\"pointer\": \
         \"/conversation/id\"}], or name a header"
    } else if parsed.is_some() {
        return parsed;
    } else {
        "write a JSON pointer into the request body, such as \"/conversation/id\""
    };
    let value = json!({"header": source.header, "cookie": source.cookie, "pointer": pointer});
    diagnostics.push(FieldError::new(field, &as_written(value), fix));
    None
}

fn check_source(
    field: &str,
    source: &RawUnitSource,
    diagnostics: &mut Diagnostics,
) -> Option<UnitSource> {
    match source {
        RawUnitSource { header: Some(name), cookie: None, pointer: None } => {
            diagnostics.checked(field, name, check_header_name).map(UnitSource::Header)
        }
        RawUnitSource { header: None, cookie: Some(name), pointer: None } => {
            diagnostics.checked(field, name, check_cookie_name).map(UnitSource::Cookie)
        }
        _ => {
            let value = json!({
                "header": source.header, "cookie": source.cookie, "pointer": source.pointer,
            });
            let fix = "a source is one header or one cookie; write several sources as a list";
            diagnostics.push(FieldError::new(field, &as_written(value), fix));
            None
        }
    }
}

fn check_markers(
    raw: Option<Vec<RawMarker>>,
    diagnostics: &mut Diagnostics,
) -> Option<MarkerLocations> {
    let mut markers = MarkerLocations::default();
    let Some(raw) = raw else {
        markers.sources.extend(header_source(DEFAULT_MARKER_HEADER));
        return Some(markers);
    };
    let mut sources = Vec::new();
    for raw_marker in &raw {
        sources.push(check_marker(raw_marker, &mut markers.cookies, diagnostics));
    }
    markers.sources = sources.into_iter().collect::<Option<_>>()?;
    Some(markers)
}

/// Checks one location of the marker. A cookie is added to `cookies`.
fn check_marker(
    raw: &RawMarker,
    cookies: &mut Vec<MarkerCookie>,
    diagnostics: &mut Diagnostics,
) -> Option<UnitSource> {
    let RawMarker { source, attributes } = raw;
    let source = check_source("conversation.marker", source, diagnostics)?;
    match &source {
        UnitSource::Cookie(name) => {
            cookies.push(MarkerCookie::new(name.clone(), attributes, diagnostics)?);
        }
        UnitSource::Header(name) if *attributes != RawCookie::default() => {
            let fix = "secure, same_site, domain and path are valid only for a cookie; remove them";
            let value = json!({"header": name.as_str()});
            diagnostics.push(FieldError::new("conversation.marker", &value, fix));
            return None;
        }
        UnitSource::Header(_) => {}
    }
    Some(source)
}

fn check_max_age_ms(raw: Option<&str>, diagnostics: &mut Diagnostics) -> Option<u64> {
    let Some(text) = raw else { return Some(DAY_MS) };
    let max_age = parse_duration(text).filter(|age| !age.is_zero());
    if max_age.is_none() {
        let fix = "write a whole number of ms, s, m, h or d, above 0 and at most 365 days, such \
                   as \"24h\"";
        diagnostics.push(FieldError::new("conversation.drain.max_age", &json!(text), fix));
    }
    max_age.and_then(|age| u64::try_from(age.as_millis()).ok())
}

fn check_interval(
    field: &str,
    raw: &RawShareInterval,
    diagnostics: &mut Diagnostics,
) -> Option<ShareInterval> {
    let since = raw.since.as_deref().and_then(parse_timestamp);
    if since.is_none() {
        let fix = r#"write the time from which these weights were in force as an RFC 3339 timestamp, such as "2026-11-25T10:00:00Z""#;
        diagnostics.push(FieldError::new(format!("{field}.since"), &json!(raw.since), fix));
    }
    let share = match raw.weights {
        Some(weights) => check_weights(&format!("{field}.weights"), weights, diagnostics),
        None => {
            let fix = r#"write two whole numbers, such as {"blue": 95, "green": 5}"#;
            diagnostics.push(FieldError::missing(format!("{field}.weights"), fix));
            None
        }
    };
    let since_ms = since?.duration_since(UNIX_EPOCH).ok()?.as_millis();
    let setting = ShareSetting { share: share?, analysed_share: Share::ZERO, epoch: Epoch::MANUAL };
    Some(ShareInterval::new(u64::try_from(since_ms).ok()?, setting))
}

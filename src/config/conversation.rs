//! How conversations are kept on the version that they began with.

use serde_json::json;

use super::FieldError;
use super::checks::{cookie_name, header_name, share_from_weights};
use super::diagnostics::Diagnostics;
use super::marker_cookie::MarkerCookie;
use super::raw::common::{RawUnitSource, RawUnitSources};
use super::raw::release::{RawConversation, RawCookie, RawMarker, RawShareInterval};
use super::time::{duration, timestamp};
use crate::assignment::{Epoch, RollbackPolicy, Share, ShareHistory, ShareInterval, UnitSource};
use crate::json::JsonPointer;
use crate::names::HeaderName;

/// How conversations are kept on the version that they began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationConfig {
    /// Where a request names its conversation, in this order.
    pub ids: Vec<UnitSource>,
    /// The same in the body; looked at last.
    pub pointers: Vec<JsonPointer>,
    /// Where the marker of its beginning is found and given.
    pub markers: Vec<UnitSource>,
    /// The cookies among these, as clients are given them.
    pub marker_cookies: Vec<MarkerCookie>,
    /// How long a conversation keeps its version, in milliseconds.
    pub max_age_ms: u64,
    /// What happens to green's open conversations after a rollback.
    pub on_rollback: RollbackPolicy,
    /// What was in force before the filter came to know of it.
    pub history: ShareHistory,
}

/// Headers by which well-known clients name a conversation.
const WELL_KNOWN: [&str; 6] = [
    "x-conversation-id",
    "x-openwebui-chat-id",
    "x-claude-code-session-id",
    "thread-id",
    "session-id",
    "x-session-id",
];

const MARKER: &str = "x-verdigris-began";

const DAY_MS: u64 = 86_400_000;

/// The conversations that are to be kept on one version.
pub(super) fn conversations(
    written: RawConversation,
    problems: &mut Diagnostics,
) -> Option<ConversationConfig> {
    let (mut ids, mut pointers) = (Vec::new(), Vec::new());
    match written.id {
        None => ids.extend(WELL_KNOWN.iter().filter_map(|name| well_known(name))),
        Some(RawUnitSources(sources)) => {
            if sources.is_empty() {
                let mend = r#"write {"header": "x-conversation-id"}, {"cookie": …}, {"pointer": …}, a list of these, or leave it out for the headers of well-known clients"#;
                problems.push(FieldError::new("conversation.id", &json!([]), mend));
            }
            for source in &sources {
                match id_source(source, problems)? {
                    IdSource::OfHead(source) => ids.push(source),
                    IdSource::Pointer(tokens) => pointers.push(tokens),
                }
            }
        }
    }
    let mut marker_cookies = Vec::new();
    let markers = match written.marker {
        None => well_known(MARKER).into_iter().collect(),
        Some(places) => {
            let places = places.iter().map(|it| marker(it, &mut marker_cookies, problems));
            places.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()?
        }
    };
    let drain = written.drain;
    let max_age_ms = match drain.max_age {
        None => Some(DAY_MS),
        Some(text) => {
            let age = duration(&text).filter(|age| !age.is_zero());
            if age.is_none() {
                let mend = "write a whole number of ms, s, m, h or d, above 0 and at most 365 \
                            days, such as \"24h\"";
                problems.push(FieldError::new("conversation.drain.max_age", &json!(text), mend));
            }
            age.and_then(|age| u64::try_from(age.as_millis()).ok())
        }
    };
    let eras: Vec<_> = written
        .history
        .iter()
        .enumerate()
        .map(|(at, era)| share_interval(&format!("conversation.history[{at}]"), era, problems))
        .collect();
    Some(ConversationConfig {
        ids,
        pointers,
        markers,
        marker_cookies,
        max_age_ms: max_age_ms?,
        on_rollback: written.on_rollback,
        history: ShareHistory::new(eras.into_iter().collect::<Option<Vec<_>>>()?),
    })
}

enum IdSource {
    OfHead(UnitSource),
    Pointer(JsonPointer),
}

fn well_known(name: &str) -> Option<UnitSource> {
    HeaderName::new(name).map(UnitSource::Header)
}

fn id_source(source: &RawUnitSource, problems: &mut Diagnostics) -> Option<IdSource> {
    let field = "conversation.id";
    let Some(pointer) = &source.pointer else {
        return head_source(field, source, problems).map(IdSource::OfHead);
    };
    let parsed = JsonPointer::parse(pointer);
    let is_previous =
        parsed.as_ref().is_some_and(|it| it.last_token() == Some("previous_response_id"));
    let mend = if source.header.is_some() || source.cookie.is_some() {
        "a source is one header, one cookie or one pointer; list the sources one by one"
    } else if is_previous {
        "is another one in each turn; write {\"pointer\": \"/conversation/id\"}, or name a header"
    } else {
        match parsed {
            Some(parsed) => return Some(IdSource::Pointer(parsed)),
            None => "write a JSON pointer into the request's body, such as \"/conversation/id\"",
        }
    };
    problems.push(FieldError::new(field, &json!({"pointer": pointer}), mend));
    None
}

fn head_source(
    field: &str,
    source: &RawUnitSource,
    problems: &mut Diagnostics,
) -> Option<UnitSource> {
    match source {
        RawUnitSource { header: Some(name), cookie: None, pointer: None } => {
            problems.checked(field, name, header_name).map(UnitSource::Header)
        }
        RawUnitSource { header: None, cookie: Some(name), pointer: None } => {
            problems.checked(field, name, cookie_name).map(UnitSource::Cookie)
        }
        _ => {
            let value = json!({"header": source.header, "cookie": source.cookie});
            problems.push(FieldError::new(
                field,
                &value,
                "a source is one header or one cookie; list the sources one by one",
            ));
            None
        }
    }
}

/// A place of the marker. Where it is a cookie, it is added to `cookies`.
fn marker(
    written: &RawMarker,
    cookies: &mut Vec<MarkerCookie>,
    problems: &mut Diagnostics,
) -> Option<UnitSource> {
    let RawMarker { source, attributes } = written;
    let place = head_source("conversation.marker", source, problems)?;
    match &place {
        UnitSource::Cookie(name) => {
            cookies.push(MarkerCookie::new(name.clone(), attributes, problems)?);
        }
        UnitSource::Header(name) if *attributes != RawCookie::default() => {
            let mend = "secure, same_site, domain and path are a cookie's; leave them out";
            let shown = json!({"header": name.as_str()});
            problems.push(FieldError::new("conversation.marker", &shown, mend));
            return None;
        }
        UnitSource::Header(_) => {}
    }
    Some(place)
}

fn share_interval(
    field: &str,
    era: &RawShareInterval,
    problems: &mut Diagnostics,
) -> Option<ShareInterval> {
    let since = era.since.as_deref().and_then(timestamp);
    if since.is_none() {
        let mend = r#"write when these weights came into force as RFC 3339 has it, such as "2026-11-25T10:00:00Z""#;
        problems.push(FieldError::new(format!("{field}.since"), &json!(era.since), mend));
    }
    let share = match era.weights {
        Some(weights) => share_from_weights(&format!("{field}.weights"), weights, problems),
        None => {
            let mend = r#"write two whole numbers, such as {"blue": 95, "green": 5}"#;
            problems.push(FieldError::missing(format!("{field}.weights"), mend));
            None
        }
    };
    let since = since?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let since = u64::try_from(since.as_millis()).ok()?;
    Some(ShareInterval {
        since_ms: since,
        share: share?,
        analysed_share: Share::ZERO,
        epoch: Epoch::MANUAL,
    })
}

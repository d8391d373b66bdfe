//! What the operator wrote: the JSON of the plugin configuration as types.
//!
//! Nothing is checked here but the shape. What is required is optional in these
//! types, so that one place, the step to [`Config`](super::Config), says what is
//! missing and shows what to write.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_path_to_error::{Path, Segment, Track};

use super::written_ramp::WrittenRamp;
use super::{Problem, Refused};
use crate::observe::Format;

/// The plugin configuration as written. The fields are described in the README's
/// reference.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct Written {
    pub rollout: Option<String>,
    pub unit: Option<OneOrMany>,
    #[serde(deserialize_with = "object")]
    pub versions: WrittenVersions,
    #[serde(deserialize_with = "some_object")]
    pub weights: Option<WrittenWeights>,
    #[serde(deserialize_with = "some_object")]
    pub ramp: Option<WrittenRamp>,
    pub default_cluster: Option<String>,
    pub on_missing: OnMissing,
    #[serde(deserialize_with = "object")]
    pub pins: WrittenPins,
    pub force_header: Option<String>,
    pub cluster_header: Option<String>,
    pub version_header: Option<String>,
    #[serde(deserialize_with = "some_object")]
    pub answers: Option<WrittenAnswers>,
    pub prices: BTreeMap<String, Object<WrittenPrice>>,
}

/// One source of the unit, or a list of them.
#[derive(Clone, Debug)]
pub struct OneOrMany(pub Vec<WrittenSource>);

/// `{"header": …}` or `{"cookie": …}`.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenSource {
    pub header: Option<String>,
    pub cookie: Option<String>,
}

/// The two versions.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenVersions {
    #[serde(deserialize_with = "object")]
    pub blue: WrittenVersion,
    #[serde(deserialize_with = "object")]
    pub green: WrittenVersion,
}

/// One version.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenVersion {
    pub cluster: Option<String>,
    pub format: Option<Format>,
}

/// What is looked at of responses.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenAnswers {
    pub read: Option<bool>,
    pub format: Option<Format>,
    pub paths: Vec<Object<WrittenPath>>,
    pub plain: bool,
    pub refusal_phrases: Vec<String>,
}

/// The format of the answers at some paths.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenPath {
    pub prefix: Option<String>,
    pub format: Option<Format>,
}

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenPrice {
    pub input: Option<f64>,
    pub output: Option<f64>,
    pub cached_input: Option<f64>,
    pub cache_write: Option<f64>,
}

/// Two weights set by hand.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenWeights {
    pub blue: Option<u64>,
    pub green: Option<u64>,
}

/// Where a request without a unit goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// To blue.
    #[default]
    Blue,
    /// To either version by the weights, each request anew.
    Random,
}

/// Units that are always on one version.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenPins {
    pub blue: Vec<String>,
    pub green: Vec<String>,
}

/// What to write in a top-level field, as a refusal shows it.
pub(super) fn example(field: &str) -> Option<&'static str> {
    Some(match field {
        "rollout" => r#""assistant-v8""#,
        "unit" => r#"{"header": "x-user-id"}, {"cookie": "uid"} or a list of these"#,
        "versions" => r#"{"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}}"#,
        "weights" => r#"two whole numbers from 0, such as {"blue": 95, "green": 5}"#,
        "ramp" => {
            r#"an object, at least {}, such as {"steps": [1, 5, 25, 50, 100], "bake": "10m"}"#
        }
        "default_cluster" => r#"an Envoy cluster, such as "llm-blue""#,
        "on_missing" => r#""blue" or "random""#,
        "pins" => r#"lists of units, such as {"blue": ["u1"], "green": ["qa-7"]}"#,
        "force_header" => r#"a header's name, such as "x-verdigris-force""#,
        "cluster_header" => r#"a header's name, such as "x-verdigris-cluster""#,
        "version_header" => r#"a header's name, such as "x-verdigris-version""#,
        "answers" => r#"an object, at least {}, such as {"format": "chat"}"#,
        "prices" => {
            r#"US dollars for a million tokens by model, such as {"gpt-4o*": {"input": 2.5, "output": 10}}"#
        }
        _ => return None,
    })
}

/// The mend that says what to write in a top-level field.
pub(super) fn write_example(field: &str) -> String {
    format!("write {}", example(field).unwrap_or_default())
}

// === impl Written ===

impl Written {
    /// Reads the JSON text of a plugin configuration.
    ///
    /// # Errors
    /// Text that is not JSON, a field that is unknown or written twice, a value
    /// of the wrong type.
    pub fn from_json(text: &[u8]) -> Result<Self, Refused> {
        let mut json = serde_json::Deserializer::from_slice(text);
        let mut track = Track::new();
        let written = object(serde_path_to_error::Deserializer::new(&mut json, &mut track))
            .map_err(|error| shape_problem(text, &track.path(), &error))?;
        json.end().map_err(|error| syntax_problem(text, &error))?;
        Ok(written)
    }
}

fn shape_problem(text: &[u8], path: &Path, error: &serde_json::Error) -> Problem {
    // Read again, now only for the message: the value that stands at the path.
    let root = match serde_json::from_slice::<Value>(text) {
        Ok(root) => root,
        Err(error) => return syntax_problem(text, &error),
    };
    let value = path.iter().try_fold(&root, |value, segment| match segment {
        Segment::Map { key } | Segment::Enum { variant: key } => value.get(key),
        Segment::Seq { index } => value.get(index),
        Segment::Unknown => None,
    });
    let example = path.iter().next().and_then(|segment| match segment {
        Segment::Map { key } => example(key),
        _ => None,
    });
    let mend = match example {
        Some(example) => format!("{error}; write {example}"),
        None => error.to_string(),
    };
    let field = if path.iter().len() == 0 { WHOLE.into() } else { path.to_string() };
    Problem::new(field, value.unwrap_or(&root), mend)
}

fn syntax_problem(text: &[u8], error: &serde_json::Error) -> Problem {
    let text = Value::String(String::from_utf8_lossy(text).into_owned());
    Problem::new(
        WHOLE,
        &text,
        format!(
            "{error}; write one JSON object, in Envoy's configuration as a google.protobuf.StringValue"
        ),
    )
}

/// What a problem that has no field of its own is about.
const WHOLE: &str = "plugin configuration";

/// A `T` that was written as an object.
#[derive(Clone, Copy, Debug, Default)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

/// Reads an object and nothing else. What serde derives would take a list too, by
/// position, and weights without their versions' names are easily turned round.
fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct ObjectVisitor<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_map(ObjectVisitor(PhantomData))
}

fn some_object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    object(deserializer).map(Some)
}

// === impl OneOrMany ===

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor;

        impl<'de> Visitor<'de> for OneOrManyVisitor {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one source or a list of them")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMany, A::Error> {
                let one = WrittenSource::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OneOrMany(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<OneOrMany, A::Error> {
                let many = Vec::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(OneOrMany(many.into_iter().map(|Object(source)| source).collect()))
            }
        }

        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

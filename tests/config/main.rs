//! The configuration: raw, valid, its error messages and its JSON Schema.

mod artifact;
mod build;
mod build_errors;
mod console_path;
#[path = "../support/documents.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod documents;
mod envoy_text;
mod gates;
mod judge;
mod panics;
mod plugin;
mod ramp;
mod ramp_errors;
mod read_body;
mod reader;
mod route_by;
mod samples;
mod schema;
mod schema_agreement;
mod schema_errors;
mod time;
mod tripwires;

#[path = "../support/mod.rs"]
mod support;

use serde_json::{Value, json};
use verdigris::config::{Config, InvalidConfig};
use verdigris::rollout::RampSpec;

/// The required fields of a rollout.
fn minimal_config() -> Value {
    json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
    })
}

/// The minimal configuration with these top-level fields added.
fn config_with(fields: Value) -> Value {
    let mut config = minimal_config();
    let Value::Object(fields) = fields else { panic!("not an object: {fields}") };
    config.as_object_mut().unwrap().extend(fields);
    config
}

/// The minimal configuration with the value at `pointer` replaced or, if `None`, removed.
fn config_with_value(pointer: &str, value: Option<Value>) -> Value {
    let mut config = minimal_config();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = config.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(field.to_owned(), value),
        None => parent.remove(field),
    };
    config
}

fn parse(config: &Value) -> Result<Config, InvalidConfig> {
    Config::parse(config.to_string().as_bytes())
}

/// The valid configuration with these top-level fields added.
fn valid_config(fields: Value) -> Config {
    let config = config_with(fields);
    parse(&config).unwrap_or_else(|invalid| panic!("{config}\n{invalid}"))
}

fn valid_ramp(ramp: Value) -> RampSpec {
    valid_config(json!({"ramp": ramp})).ramp.unwrap()
}

/// The errors of the configuration with these top-level fields added.
fn errors_with(fields: Value) -> String {
    let config = config_with(fields);
    parse(&config).expect_err(&config.to_string()).to_string()
}

fn error_fields(invalid: &InvalidConfig) -> Vec<&str> {
    invalid.errors.iter().map(|error| error.field.as_str()).collect()
}

/// The least configuration with a section that has `required` and `fields`, and with other fields.
fn with_section(section: &str, required: Value, fields: &Value, others: &Value) -> Value {
    let extend = |object: &mut Value, fields: &Value| {
        object.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    };
    let mut config = minimal_config();
    config[section] = required;
    extend(&mut config[section], fields);
    extend(&mut config, others);
    config
}

//! The plugin configuration: a rollout or the console.

use serde_json::Value;

use super::console_config::ConsoleConfig;
use super::raw::json_text::parse_json;
use super::raw::root::RawConfig;
use super::rollout_config::Config;
use super::{FieldError, InvalidConfig};

/// A plugin configuration.
#[derive(Clone, Debug, PartialEq)]
pub enum Plugin {
    /// A rollout.
    Rollout(Box<Config>),
    /// The operator's page.
    Console(ConsoleConfig),
}

// === impl Plugin ===

impl Plugin {
    /// Parses the JSON text of a plugin configuration.
    ///
    /// A console's configuration may have the fields of a rollout. They are ignored, but unknown
    /// fields are errors.
    ///
    /// # Errors
    /// All errors of the configuration. If a value has the wrong type or a field is unknown, only
    /// errors of this kind, because the values cannot be checked then.
    ///
    /// ```
    /// use verdigris::config::{ConsoleConfig, Plugin};
    /// let plugin = Plugin::parse(br#"{"role": "console"}"#)?;
    /// assert_eq!(plugin, Plugin::Console(ConsoleConfig::default()));
    /// # Ok::<(), verdigris::config::InvalidConfig>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, InvalidConfig> {
        let json = parse_json(text)?;
        let is_console = json.get("role").and_then(Value::as_str) == Some("console");
        let raw = RawConfig::from_json(&json)?;
        if is_console {
            return ConsoleConfig::try_from(raw.console.unwrap_or_default()).map(Self::Console);
        }
        Config::try_from(raw).map(|config| Self::Rollout(Box::new(config)))
    }
}

impl Config {
    /// Parses the JSON text of a rollout's configuration.
    ///
    /// # Errors
    /// As [`Plugin::parse`]. A console's configuration is an error too.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidConfig> {
        match Plugin::parse(text)? {
            Plugin::Rollout(config) => Ok(*config),
            Plugin::Console(_) => {
                let fix = "this configures the console, not a rollout";
                Err(FieldError::new("role", &"console".into(), fix).into())
            }
        }
    }
}

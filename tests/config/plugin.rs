//! The configuration of the console.

use serde_json::json;
use verdigris::config::{ConsoleConfig, Plugin};

#[test]
fn a_console_ignores_the_fields_of_a_rollout_and_rejects_unknown_ones() {
    let console = |hosts: &[&str]| {
        let hosts = hosts.iter().map(|&host| host.into()).collect();
        Ok(Plugin::Console(ConsoleConfig { hosts }))
    };
    let invalid = |text: &str| Err(text.to_owned());
    let rule = "write a host name without scheme and port, such as \"verdigris.example\"";
    let cases = [
        (json!({"role": "console"}), console(&[])),
        (json!({"role": "console", "console": {}}), console(&[])),
        (json!({"role": "console", "console": {"hosts": ["a.example"]}}), console(&["a.example"])),
        (json!({"role": "console", "rollout": "ignored", "unit": []}), console(&[])),
        (
            json!({"role": "console", "console": {"hosts": ["http://a.example", "", "a:1"]}}),
            invalid(&format!(
                "console.hosts[0]: \"http://a.example\": {rule}\n\
                 console.hosts[1]: \"\": {rule}\nconsole.hosts[2]: \"a:1\": {rule}"
            )),
        ),
        (json!({"role": "console", "console": []}), invalid("console: []: is not an object")),
        (json!({"role": "console", "token": "t"}), invalid("token: \"t\": unknown field")),
    ];
    for (config, expected) in cases {
        let parsed = Plugin::parse(config.to_string().as_bytes());
        match (parsed, expected) {
            (Err(invalid), Err(expected)) => {
                assert!(invalid.to_string().starts_with(&expected), "{invalid}");
            }
            (parsed, expected) => assert_eq!(parsed.map_err(|it| it.to_string()), expected),
        }
    }
}

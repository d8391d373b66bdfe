//! Effects of a console's reload.

use serde_json::json;

use crate::run::{Files, config, verdigris};

#[test]
fn changes_of_a_console() {
    let files = Files::new();
    let console = |name: &str, hosts: &str| {
        files.add(name, &format!(r#"{{"role": "console", "console": {{"hosts": {hosts}}}}}"#))
    };
    let rollout = files.add("rollout.json", &config(json!({})).to_string());
    let all = console("all.json", r#"["a.example", "b.example"]"#);
    let one = console("one.json", r#"["a.example"]"#);
    for (new, old, expected) in [
        (&one, &all, "console.hosts: the page is no longer served as b.example"),
        (&all, &one, "moves no users"),
        (&one, &rollout, "role: the console replaces a rollout"),
        (&rollout, &one, "role: a rollout replaces the console"),
    ] {
        let output = verdigris(&["check", new, "--from", old]);
        let expected = format!("reload: {expected}");
        assert!(output.code == 0 && output.out.starts_with(&expected), "{output:?}");
    }
}

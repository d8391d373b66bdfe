//! The drills of an operator on call: one command moves all users to blue, with and without a ramp,
//! with and without a token. The alerts and the page on an abort contain these commands.

use std::process::Command;

use serde_json::{Value, json};

use super::ramp_fixture::{read_gauge, wait_for_gauges, wait_for_phase};
use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, read_answer};
use crate::proxy::{Proxy as _, Request, config, weights};

const TOKEN: &str = "a-token-that-is-long";

/// The command that needs no token, in Envoy's folder.
const BY_FILE: &str = "./weights 100 0";

/// The command that needs the token.
const BY_CONSOLE: &str = "verdigris rollback http://127.0.0.1:9902";

/// The address of the console in the shipped files.
const SHIPPED_CONSOLE: &str = "http://127.0.0.1:9902";

const PAGE: &str = include_str!("../../../docs/how-to/abort-a-release.md");

/// The gauge `phase` of a rollout that is rolled back, and of a ramp that has begun.
const ROLLED_BACK: u64 = 4;
const RAMPING: u64 = 0;

/// The gauge `phase` of a rollout with weights.
const MANUAL: u64 = 5;

/// A ramp at 50 % that does not end by itself, a user who is pinned to green, and a force header.
fn ramp() -> Value {
    let gates = json!([{"metric": "error_rate"}]);
    config(json!({
        "ramp": {"steps": [50, 100], "bake": "1h", "gates": gates},
        "pins": {"green": ["tester"]},
        "force_header": "x-force",
    }))
}

/// The shipped filter.yaml with another plugin configuration, in the notation of the shipped file.
fn shipped_with(config: &Value) -> String {
    let shipped = std::fs::read_to_string(artifacts::shipped("config/filter.yaml")).unwrap();
    let (head, _) = shipped.split_once("value: |\n").unwrap();
    let json = serde_json::to_string_pretty(config).unwrap();
    let lines: String = json.lines().map(|line| format!("          {line}\n")).collect();
    format!("{head}value: |\n{lines}")
}

fn start(config: &Value, token: Option<&'static str>) -> Envoy {
    let filter = shipped_with(config);
    Envoy::start_with(&Setup { filter: Some(&filter), token, ..Setup::default() })
}

/// Runs a command line in Envoy's folder, with `verdigris` on the PATH. `ADMIN` has
/// the port of the test's Envoy. Returns the exit code and the output.
fn run(envoy: &Envoy, line: &str, token: Option<&str>) -> (i32, String) {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_verdigris")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .current_dir(envoy.folder.path())
        .env("PATH", format!("{}:{path}", binary.display()))
        .env("ADMIN", format!("{}/", envoy.admin_url()))
        .env("NO_PROXY", "*")
        .env("USER", "ada")
        .env_remove("VERDIGRIS_CONSOLE_TOKEN")
        .envs(token.map(|token| ("VERDIGRIS_CONSOLE_TOKEN", token)));
    let output = command.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), text)
}

/// The commands in the description of an alert: what is in backquotes and begins like a command.
fn commands_of_alert(name: &str) -> Vec<String> {
    let rules = std::fs::read_to_string(artifacts::shipped("prometheus/alerts.yml")).unwrap();
    let (_, alert) = rules.split_once(&format!("  - alert: {name}\n")).unwrap();
    let alert = alert.split("  - alert: ").next().unwrap();
    let (_, description) = alert.split_once("description: >").unwrap();
    let text = description.split_whitespace().collect::<Vec<_>>().join(" ");
    let quoted = text.split('`').skip(1).step_by(2);
    let is_abort = |it: &&str| it.starts_with("./weights") || it.starts_with("verdigris rollback");
    quoted.filter(is_abort).map(str::to_owned).collect()
}

/// The command of the page that begins like this.
fn command_of_page(beginning: &str) -> &'static str {
    PAGE.lines().find(|line| line.starts_with(beginning)).unwrap()
}

fn version(envoy: &Envoy, request: &Request) -> String {
    read_answer(envoy.send_to("/", request).unwrap()).version
}

/// The number of users on green, out of 64. Each sends over a new connection, which any worker may
/// handle.
fn users_on_green(envoy: &Envoy) -> usize {
    let version = |user: usize| {
        let request =
            envoy.unpooled_client.get(&envoy.url).header("x-user-id", format!("user-{user}"));
        read_answer(request.send().unwrap()).version
    };
    (0..64).filter(|user| version(*user) == "green").count()
}

fn wait_until_all_are_on_blue(envoy: &Envoy) {
    wait_for("all users to be on blue", || (users_on_green(envoy) == 0).then_some(()));
}

fn filter_text(envoy: &Envoy) -> String {
    std::fs::read_to_string(envoy.folder.path().join("config/filter.yaml")).unwrap()
}

#[test]
fn alerts_and_page_contain_exactly_the_commands_of_the_drills() {
    for alert in [
        "VerdigrisGreenErrors",
        "VerdigrisGreenRefusals",
        "VerdigrisRolledBack",
        "VerdigrisConfigurationRefused",
    ] {
        let mut commands = commands_of_alert(alert);
        commands.sort();
        assert_eq!(commands, [BY_FILE, BY_CONSOLE], "{alert}");
    }
    assert_eq!(command_of_page("./weights"), BY_FILE);
    assert_eq!(command_of_page("verdigris rollback"), BY_CONSOLE);
    let bootstrap = std::fs::read_to_string(artifacts::shipped("envoy.yaml")).unwrap();
    let port = SHIPPED_CONSOLE.rsplit(':').next().unwrap();
    assert!(bootstrap.contains(&format!("port_value: {port}")));
}

#[test]
fn one_command_without_a_token_rolls_a_ramp_back() {
    let mut envoy = start(&ramp(), None);
    wait_for_gauges(&envoy, &[("phase", RAMPING), ("green_bp", 5000)]);
    wait_for("users on green", || (users_on_green(&envoy) > 8).then_some(()));
    let tester = Request::from_user("tester");
    let forced = || Request::from_user("ada").header("x-force", "green");
    assert_eq!(version(&envoy, &tester), "green");
    let before = filter_text(&envoy);

    let (code, text) = run(&envoy, BY_FILE, None);
    assert!(code == 0 && text.contains("rolled back, all users are on blue"), "{code} {text}");
    // The script has waited for it.
    assert_eq!((read_gauge(&envoy, "phase"), read_gauge(&envoy, "green_bp")), (ROLLED_BACK, 0));
    assert_eq!(users_on_green(&envoy), 0);
    assert_eq!(version(&envoy, &tester), "blue");
    assert_eq!(version(&envoy, &forced()), "blue");
    let changed = before.replace("\"ramp\": {", "\"ramp\": {\"rolled_back\": true,");
    assert_eq!(filter_text(&envoy), changed);
    assert!(envoy.log().contains("the configuration rolls the ramp back"));
    let (code, text) = run(&envoy, BY_FILE, None);
    assert!(code == 0 && text.contains("the ramp is already rolled back"), "{code} {text}");
    let (code, text) = run(&envoy, "verdigris rollback --file config/filter.yaml", None);
    assert!(code == 0 && text.contains("ramp.rolled_back is true already"), "{code} {text}");
    assert!(text.contains("./weights 100 0 asks Envoy; verdigris rollback URL"), "{text}");

    // It survives a restart of Envoy, which an operator command does not.
    envoy.restart();
    wait_for_phase(&envoy, ROLLED_BACK);
    assert_eq!(users_on_green(&envoy), 0);

    // The file alone does not start the ramp again, another restart does.
    envoy.write_filter(&before).unwrap();
    wait_for_phase(&envoy, ROLLED_BACK);
    assert_eq!(users_on_green(&envoy), 0);
    let (code, text) = run(&envoy, "verdigris restart config/filter.yaml", None);
    assert!(code == 0 && text.contains("ramp.restart \"\" -> \"2\""), "{code} {text}");
    wait_for_gauges(&envoy, &[("phase", RAMPING), ("green_bp", 5000)]);
    wait_for("users on green", || (users_on_green(&envoy) > 8).then_some(()));

    let (code, text) = run(&envoy, "verdigris rollback --file config/filter.yaml", None);
    assert!(code == 0 && text.contains("ramp.rolled_back false -> true"), "{code} {text}");
    wait_for_phase(&envoy, ROLLED_BACK);
    wait_until_all_are_on_blue(&envoy);
}

#[test]
fn one_command_without_a_token_moves_all_users_of_manual_weights_to_blue() {
    for line in [BY_FILE, "verdigris rollback --file config/filter.yaml"] {
        let envoy = start(&weights(1, 1), None);
        assert!(users_on_green(&envoy) > 8);
        let (code, text) = run(&envoy, line, None);
        assert!(code == 0 && text.contains("100/0"), "{line}: {code} {text}");
        wait_until_all_are_on_blue(&envoy);
        let (code, text) = run(&envoy, "verdigris rollback --file config/filter.yaml", None);
        assert!(code == 0 && text.contains("the weights are 100/0 already"), "{code} {text}");
        assert!(text.contains("./weights 100 0 asks Envoy and ends the command"), "{text}");
    }
}

#[test]
fn weights_that_the_file_has_already_end_an_operator_command() {
    // The weights in the file, the operator command, its phase and green's share, the share that
    // the script restores, and its output.
    let in_force = "filter.yaml: weights 100/0 in force";
    let cases = [
        ((100, 0), "weights 50 50", (MANUAL, 5000), (MANUAL, 0), in_force),
        ((100, 0), "promote", (MANUAL, 10_000), (MANUAL, 0), in_force),
        ((100, 0), "rollback", (ROLLED_BACK, 0), (ROLLED_BACK, 0), "a rollback by an operator"),
        ((95, 5), "rollback", (ROLLED_BACK, 0), (MANUAL, 500), "weights 95/5 in force"),
        ((1, 2), "rollback", (ROLLED_BACK, 0), (MANUAL, 6667), "weights 1/2 in force"),
        // The double of these weights is above the maximum.
        (
            (1_073_741_824, 1_073_741_823),
            "rollback",
            (ROLLED_BACK, 0),
            (MANUAL, 5000),
            "weights 1073741824/1073741823 in force",
        ),
    ];
    for ((blue, green), line, by_command, restored, message) in cases {
        let envoy = start(&weights(blue, green), Some(TOKEN));
        let before = filter_text(&envoy);
        let script = format!("./weights {blue} {green}");
        wait_for_gauges(&envoy, &[("phase", MANUAL)]);
        let (code, text) = run(&envoy, &script, None);
        assert!(code == 0 && text.contains("already") && text.contains("in force"), "{text}");

        let line = format!("verdigris {line} {}", envoy.console.as_ref().unwrap());
        let (code, text) = run(&envoy, &line, Some(TOKEN));
        assert_eq!(code, 0, "{line}: {text}");
        wait_for_gauges(&envoy, &[("phase", by_command.0), ("green_bp", by_command.1)]);
        let (code, text) = run(&envoy, &script, None);
        assert!(code == 0 && text.contains(message), "{script} after {line}: {code} {text}");
        wait_for_gauges(&envoy, &[("phase", restored.0), ("green_bp", restored.1)]);
        wait_for("the share in force", || {
            let on_green = users_on_green(&envoy);
            ((on_green == 0) == (restored.1 == 0)).then_some(())
        });
        assert_eq!(filter_text(&envoy), before);
    }
}

#[test]
fn one_command_with_the_token_rolls_back() {
    let with_reason = format!("{BY_CONSOLE} --reason 'green is slow'");
    let cases = [
        (ramp(), BY_CONSOLE),
        (weights(1, 1), &with_reason),
        (ramp(), command_of_page("curl -X POST")),
        (ramp(), BY_FILE),
    ];
    for (config, line) in cases {
        let envoy = start(&config, Some(TOKEN));
        wait_for_gauges(&envoy, &[("green_bp", 5000)]);
        wait_for("users on green", || (users_on_green(&envoy) > 8).then_some(()));
        let line = line.replace(SHIPPED_CONSOLE, envoy.console.as_ref().unwrap());
        let before = filter_text(&envoy);
        let (code, text) = run(&envoy, &line, Some(TOKEN));
        assert_eq!(code, 0, "{line}: {text}");
        wait_for_gauges(&envoy, &[("phase", ROLLED_BACK), ("green_bp", 0)]);
        wait_until_all_are_on_blue(&envoy);
        if line.starts_with("./weights") {
            continue;
        }
        assert_eq!(filter_text(&envoy), before);
        let reason = match line.as_str() {
            line if line.contains("slow") => "green is slow",
            line if line.starts_with("curl") => "more complaints",
            _ => "sent by ada",
        };
        assert!(text.contains(&format!("operator command: rollback: {reason}")), "{text}");
        let (code, text) = run(&envoy, &line, Some(TOKEN));
        let is_curl = line.starts_with("curl");
        assert!(is_curl || code == 1 && text.contains("is rolled back already"), "{code} {text}");
    }
}

#[test]
fn operator_commands_of_the_command_reach_envoy() {
    let envoy = start(&ramp(), Some(TOKEN));
    wait_for_gauges(&envoy, &[("phase", RAMPING), ("green_bp", 5000)]);
    let console = envoy.console.clone().unwrap();
    let (ok, rejected) = (0, 1);
    let cases = [
        (
            "pause URL --step 0",
            TOKEN,
            ok,
            "-> paused at 50 %: operator command: pause: sent by ada",
        ),
        ("pause URL", TOKEN, rejected, "the ramp is paused already, by a command"),
        ("resume URL --step 1", TOKEN, rejected, "not in the step that the command is for"),
        ("resume URL --rollout assistant-v8", TOKEN, ok, "operator command: resume"),
        (
            "resume URL --rollout other",
            TOKEN,
            rejected,
            "Name one of the rollouts assistant-v8 with --rollout NAME",
        ),
        ("approve URL", TOKEN, rejected, "no step waits for approval"),
        (
            "weights 80 20 URL --reason 'to see'",
            TOKEN,
            ok,
            "-> paused at 20 %: operator command: weights: to see",
        ),
        ("weights 0 0 URL", TOKEN, 2, "two whole numbers, at least one of them positive"),
        (
            "promote URL",
            "a-token-that-is-wrong",
            rejected,
            "Set VERDIGRIS_CONSOLE_TOKEN to the token in",
        ),
        ("promote URL", TOKEN, ok, "-> promoted at 100 %"),
        ("rollback URL URL", TOKEN, rejected, "-> rolled_back at 0 %"),
        ("status URL", TOKEN, 1, "rolled back"),
    ];
    for (line, token, expected, message) in cases {
        let line = format!("verdigris {}", line.replace("URL", &console));
        let (code, text) = run(&envoy, &line, Some(token));
        assert!(code == expected && text.contains(message), "{line}: {code} {text}");
    }
    wait_until_all_are_on_blue(&envoy);
    // Without a token in Envoy's environment there are no operator commands.
    let envoy = start(&ramp(), None);
    let line = format!("verdigris rollback {}", envoy.console.as_ref().unwrap());
    let (code, text) = run(&envoy, &line, Some(TOKEN));
    assert!(
        code == rejected && text.contains("verdigris rollback --file filter.yaml"),
        "{code} {text}"
    );
    let (code, text) = run(&envoy, &line, None);
    assert!(code == 2 && text.contains("VERDIGRIS_CONSOLE_TOKEN is not set"), "{code} {text}");
}

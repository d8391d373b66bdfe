//! `verdigris explain`.

use serde_json::{Value, json};

use super::run::{Files, config, told, verdigris};

/// A UUID of version 7 of 2022-02-22T19:22:22Z.
const OF_2022: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

/// That conversation, which began before the weights came into force.
const BEFORE_SINCE: [&str; 6] =
    ["--conversation", OF_2022, "--at", "2022-02-22T20:00:00Z", "--since", "2022-02-22T19:40:00Z"];

/// What is configured, what is asked, and who answers why. `ada` stands at 18 % of this
/// rollout.
#[test]
fn each_step_of_the_order_decides() {
    let weights = |green: u32| json!({"blue": 100 - green, "green": green});
    let by_conversation = |more: Value| {
        let mut config = json!({"weights": weights(95), "conversation": {}});
        config["conversation"] = more;
        config
    };
    let history = json!({"history": [{"since": "2022-01-01T00:00:00Z", "weights": weights(0)}]});
    let with_weights = |green: u32, on_rollback: &str| {
        let history = json!([{"since": "2022-01-01T00:00:00Z", "weights": weights(100)}]);
        json!({"weights": weights(green), "conversation": {"on_rollback": on_rollback, "history": history}})
    };
    let ada = ["--unit", "ada"].as_slice();
    let cases: Vec<(Value, Vec<&str>, &str, &str, &str)> = vec![
        (json!({"weights": weights(19)}), ada.into(), "green", "weight", "weight"),
        (json!({"weights": weights(18)}), ada.into(), "blue", "weight", "weight"),
        (json!({"ramp": {}}), ada.into(), "blue", "weight", "weight"),
        (json!({"ramp": {}}), [ada, &["--step", "2"]].concat(), "green", "weight", "weight"),
        (json!({"ramp": {}}), [ada, &["--share", "18.5"]].concat(), "green", "weight", "weight"),
        (json!({"ramp": {}, "pins": {"green": ["ada"]}}), ada.into(), "green", "pinned", "pins"),
        (
            json!({"ramp": {}, "pins": {"green": ["ada"]}}),
            [ada, &["--rolled-back"]].concat(),
            "blue",
            "rolled_back",
            "rolled back",
        ),
        (
            json!({"force_header": "x-f", "pins": {"blue": ["ada"]}}),
            [ada, &["--forced", "green"]].concat(),
            "green",
            "forced",
            "force header",
        ),
        (json!({}), [ada, &["--forced", "green"]].concat(), "blue", "weight", "weight"),
        (json!({"weights": weights(50)}), vec![], "blue", "no_unit", "no unit"),
        (json!({"weights": weights(50)}), vec!["--unit", ""], "blue", "no_unit", "no unit"),
        (
            by_conversation(json!({})),
            vec!["--conversation", "c"],
            "green",
            "weight",
            "conversation",
        ),
        (
            by_conversation(history.clone()),
            vec!["--conversation", OF_2022, "--at", "2022-02-22T20:00:00Z"],
            "blue",
            "drained",
            "conversation",
        ),
        (
            by_conversation(history.clone()),
            vec![
                "--conversation",
                OF_2022,
                "--at",
                "2022-02-22T20:00:00Z",
                "--since",
                "2022-02-01T00:00:00Z",
            ],
            "green",
            "weight",
            "conversation",
        ),
        // Weights of nothing are a rollback, as the filter has it.
        (
            with_weights(0, "move"),
            vec!["--conversation", OF_2022, "--at", "2022-02-22T20:00:00Z"],
            "blue",
            "weight",
            "conversation",
        ),
        (
            with_weights(0, "finish"),
            vec!["--conversation", OF_2022, "--at", "2022-02-22T20:00:00Z"],
            "green",
            "drained",
            "conversation",
        ),
        (
            with_weights(95, "move"),
            vec!["--conversation", OF_2022, "--at", "2022-02-22T20:00:00Z", "--share", "0"],
            "blue",
            "weight",
            "conversation",
        ),
        // Whatever was in force, a pin decides.
        (
            json!({"conversation": {}, "pins": {"green": ["ada"]}}),
            [ada, &BEFORE_SINCE].concat(),
            "green",
            "pinned",
            "pins",
        ),
        (
            json!({"on_missing": "random", "weights": weights(100)}),
            vec![],
            "green",
            "no_unit",
            "no unit",
        ),
        // Older than a day.
        (
            by_conversation(history),
            vec!["--conversation", OF_2022, "--at", "2022-02-25T20:00:00Z"],
            "green",
            "weight",
            "conversation",
        ),
    ];
    let files = Files::new();
    for (fields, asked, version, reason, step) in cases {
        let file = files.add("config.json", &config(fields.clone()).to_string());
        let told = told(&[&["explain", &file], asked.as_slice()].concat());
        assert_eq!(
            (&told["version"], &told["reason"]),
            (&json!(version), &json!(reason)),
            "{fields} {asked:?}\n{told}"
        );
        let decided: Vec<_> =
            told["steps"].as_array().unwrap().iter().filter(|it| it["decides"] == true).collect();
        assert_eq!(decided.len(), 1, "{told}");
        assert_eq!(decided[0]["name"], step, "{told}");
        assert_eq!(told["cluster"], format!("llm-{version}"));
    }
}

/// What is configured, what is asked, the exit code, the reason, and a part of the text.
#[test]
fn what_is_not_decided_is_not_told() {
    let random = json!({"on_missing": "random", "weights": {"blue": 95, "green": 5}});
    let unknown = "before --since: what was in force then is not known";
    let by_conversation =
        |fields: Value| json!({"weights": {"blue": 5, "green": 95}, "conversation": fields});
    let cases: [(Value, &[&str], i32, Value, &str); 5] = [
        (random, &[], 0, json!("no_unit"), "a draw by no_unit: 5 % of such requests are green's"),
        (by_conversation(json!({})), &BEFORE_SINCE, 1, Value::Null, unknown),
        (
            by_conversation(json!({"history": [
                {"since": "2022-02-22T19:30:00Z", "weights": {"blue": 1, "green": 1}},
            ]})),
            &BEFORE_SINCE,
            1,
            Value::Null,
            unknown,
        ),
        (
            json!({"role": "shadow"}),
            &["--unit", "ada"],
            0,
            Value::Null,
            "green for nobody, cluster llm-green",
        ),
        (
            json!({"role": "shadow", "pins": {"blue": ["ada"]}}),
            &["--unit", "ada"],
            0,
            Value::Null,
            "green answers every request of this listener, for nobody",
        ),
    ];
    let files = Files::new();
    for (fields, asked, code, reason, text) in cases {
        let file = files.add("config.json", &config(fields.clone()).to_string());
        let asked = [&["explain", &file], asked].concat();
        let done = verdigris(&asked);
        assert_eq!(done.code, code, "{fields} {done:?}");
        assert!(done.out.contains(text), "{fields} {done:?}");
        let done = verdigris(&[asked.as_slice(), &["--json"]].concat());
        let told: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!((&told["version"], &told["reason"]), (&Value::Null, &reason), "{fields} {told}");
    }
}

#[test]
fn where_a_ramp_stands_is_not_guessed() {
    let files = Files::new();
    let file = files.add("config.json", &config(json!({"ramp": {}})).to_string());
    let done = verdigris(&["explain", &file, "--unit", "ada"]);
    assert!(done.out.contains("where it stands only Envoy knows: say it with --step"), "{done:?}");
    let done = verdigris(&["explain", &file, "--unit", "ada", "--step", "7"]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.err.contains("the ramp has the steps 0 to 4"), "{done:?}");
}

#[test]
fn it_says_who_has_a_shadow() {
    let files = Files::new();
    let fields = json!({"shadow": {"percent": 10}, "weights": {"blue": 60, "green": 40}, "pins": {"blue": ["pin"]}});
    let file = files.add("shadow.json", &config(fields).to_string());
    let mut seen = [0; 3];
    for user in 0..60 {
        let told = told(&["explain", &file, "--unit", &format!("user-{user}")]);
        let step = |name| {
            let steps = told["steps"].as_array().unwrap();
            steps.iter().find(|it| it["name"] == name).unwrap()["why"].as_str().unwrap().to_owned()
        };
        let (is_green, why) = (told["version"] == "green", step("shadow"));
        let at = match why.as_str() {
            "green answers it anyway" => 0,
            why if why.starts_with("green is asked as well, for nobody") => 1,
            "it is none of the 10 % that green is asked as well" => 2,
            why => panic!("{why}"),
        };
        assert_eq!(is_green, at == 0, "{told}");
        seen[at] += 1;
    }
    assert!(seen.iter().all(|it| *it > 0), "{seen:?}");
    let done = verdigris(&["explain", &file, "--unit", "pin"]);
    assert!(done.out.contains("it is not blue's by its place"), "{done:?}");
}

//! `verdigris explain`.

use serde_json::{Value, json};

use super::run::{Files, config, told, verdigris};

/// A UUID of version 7 of 2022-02-22T19:22:22Z.
const OF_2022: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

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

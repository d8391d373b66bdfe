//! Error messages: each names the field, its value and the fix.

use serde_json::{Value, json};
use verdigris::assignment::bucket::MAX_TOTAL_WEIGHT;

use crate::{config_with_value, parse};

/// A pointer to a value, the value or `None` to remove it, and a part of the expected error.
type Case<'a> = (&'a str, Option<Value>, &'a str);

/// Some errors of a version are about the shadow, which the configuration then has too.
fn assert_errors<'a>(cases: impl IntoIterator<Item = Case<'a>>) {
    for (pointer, value, expected) in cases {
        let mut config = config_with_value(pointer, value);
        if expected.starts_with("shadow: ") {
            config["shadow"] = json!({"percent": 1});
        }
        // Each error ends with a line break.
        let errors = format!("{}\n", parse(&config).expect_err(&config.to_string()));
        assert!(errors.contains(expected), "{errors}\nmust contain\n{expected}");
    }
}

#[test]
fn errors_of_rollout_unit_and_headers() {
    assert_errors([
        ("/rollout", None, "rollout: missing: write \"rollout\": \"assistant-v8\""),
        ("/rollout", Some(json!("Assistant V8")), "rollout: \"Assistant V8\": use 1 to 63 of a-z"),
        ("/rollout", Some(json!("")), "rollout: \"\": use 1 to 63"),
        ("/rollout", Some(json!("a".repeat(64))), "use 1 to 63"),
        ("/rollout", Some(json!(8)), "rollout: 8: is not a string; write \"assistant-v8\""),
        ("/unit", None, "unit: missing: write {\"header\": \"x-user-id\"}"),
        ("/unit", Some(json!([])), "unit: []: write {\"header\""),
        (
            "/unit",
            Some(json!("x-user-id")),
            "unit: \"x-user-id\": is not an object; write {\"header\"",
        ),
        ("/unit", Some(json!({"header": ":path"})), "unit.header: \":path\": name an HTTP header"),
        ("/unit", Some(json!({"cookie": "a b"})), "unit.cookie: \"a b\": name a cookie"),
        (
            "/unit",
            Some(json!({"query": "u"})),
            "unit.query: \"u\": unknown field; the fields are header, cookie\n",
        ),
        (
            "/unit",
            Some(json!([{"header": "x-u"}, {"header": "X-U"}])),
            "unit: \"x-u\": is listed twice",
        ),
        (
            "/unit",
            Some(json!([{"cookie": "uid"}, {"header": "x-u"}, {"cookie": "uid"}])),
            "unit: \"uid\": is listed twice",
        ),
        ("/unit", Some(json!({})), "unit: {}: a source is one header or one cookie; write"),
        (
            "/unit",
            Some(json!([{"header": "a", "cookie": "b"}])),
            "unit: {\"cookie\":\"b\",\"header\":\"a\"}: a source is one header or one cookie",
        ),
        ("/unit", Some(json!([["x-u"]])), "unit[0]: [\"x-u\"]: is not an object"),
        (
            "/version_header",
            Some(json!("Host")),
            "version_header: \"host\": the filter overwrites this header, but requests need it; use a \
             custom header, such as \"x-verdigris-version\"",
        ),
        ("/cluster_header", Some(json!("host")), "such as \"x-verdigris-cluster\"\n"),
        (
            "/shadow",
            Some(json!({"percent": 1, "header": "cookie"})),
            "shadow.header: \"cookie\": the filter overwrites this header, but requests need it; use a \
             custom header, such as \"x-verdigris-shadow\"",
        ),
        ("/default_cluster", Some(json!(" a")), "default_cluster: \" a\": name an Envoy cluster"),
        ("/force_header", Some(json!("a b")), "force_header: \"a b\": name an HTTP header"),
        ("/cluster_header", Some(json!("")), "cluster_header: \"\": name an HTTP header"),
        (
            "/version_header",
            Some(json!("X-Verdigris-Cluster")),
            "is already used for cluster_header; use another",
        ),
        (
            "/force_header",
            Some(json!("x-user-id")),
            "unit: \"x-user-id\": is already used for force_header",
        ),
    ]);
}

#[test]
fn errors_of_versions() {
    assert_errors([
        ("/versions", None, "versions.blue.cluster: missing: write \"versions\": {\"blue\""),
        ("/versions/green", None, "versions.green.cluster: missing"),
        (
            "/versions/green",
            Some(json!({"cluster": ""})),
            "versions.green.cluster: \"\": name an Envoy cluster",
        ),
        (
            "/versions/green",
            Some(json!({"cluster": "a\nb"})),
            "versions.green.cluster: \"a\\nb\": name",
        ),
        (
            "/versions/teal",
            Some(json!({})),
            "versions.teal: {}: unknown field; the fields are blue, green",
        ),
        (
            "/versions/green/format",
            Some(json!("chat")),
            "versions.green.format: set: has no effect",
        ),
        (
            "/versions/blue",
            Some(json!({"cluster": "b", "request": {"model": "m"}})),
            "shadow: set: a mirrored request would contain blue's patch",
        ),
        (
            "/versions/green/failover",
            Some(json!({})),
            "versions.green.failover.cluster: missing: write \"failover\": {\"cluster\": \"llm-green",
        ),
        (
            "/versions/green/failover",
            Some(json!({"cluster": "llm-green"})),
            "versions.green.failover.cluster: \"llm-green\": is also versions.green.cluster; name",
        ),
        (
            "/versions/green/failover",
            Some(json!({"cluster": "llm-blue"})),
            "versions.green.failover.cluster: \"llm-blue\": is also versions.blue.cluster; name",
        ),
        (
            "/versions",
            Some(json!({
                "blue": {"cluster": "llm-blue", "request": {"model": "m"}},
                "green": {"cluster": "llm-green", "failover": {"cluster": "llm-failover"}},
            })),
            "versions.green.failover: set: the requests that green fails would reach blue without \
             blue's patch; remove versions.green.failover or versions.blue.request",
        ),
        (
            "/versions/blue/failover",
            Some(json!({"cluster": "llm-failover"})),
            "versions.blue.failover: set: only green can fail over",
        ),
    ]);
}

#[test]
fn errors_of_weights_and_pins() {
    let above_max = u64::from(MAX_TOTAL_WEIGHT) + 1;
    assert_errors([
        (
            "/weights",
            Some(json!({"blue": 0, "green": 0})),
            "weights: {\"blue\":0,\"green\":0}: make at least one",
        ),
        (
            "/weights",
            Some(json!({"blue": 1, "green": above_max})),
            "make their sum at most 2147483647",
        ),
        ("/weights", Some(json!({"blue": 1})), "weights.green: missing: write two whole numbers"),
        (
            "/weights",
            Some(json!({"blue": 99.5, "green": 1})),
            "weights.blue: 99.5: is not a whole number from 0",
        ),
        (
            "/weights",
            Some(json!({"blue": -1, "green": 1})),
            "weights.blue: -1: is not a whole number from 0; write a number such as 5",
        ),
        (
            "/weights",
            Some(json!({"blue": "one", "green": 1})),
            "weights.blue: \"one\": is not a whole number from 0",
        ),
        (
            "/wieghts",
            Some(json!({})),
            "wieghts: {}: unknown field; did you mean weights? the fields are rollout, unit, ",
        ),
        (
            "/on_missing",
            Some(json!("green")),
            "on_missing: \"green\": write \"blue\" or \"random\"",
        ),
        ("/pins", Some(json!({"green": [""]})), "pins.green[0]: \"\": a unit is not empty"),
        ("/pins", Some(json!({"green": ["u "]})), "pins.green[0]: \"u \": a unit is not empty"),
        (
            "/pins",
            Some(json!({"blue": ["u"], "green": ["u"]})),
            "pins.green[0]: \"u\": the unit is pinned to both",
        ),
        ("/pins", Some(json!({"blue": "u"})), "pins.blue: \"u\": is not a list"),
    ]);
}

#[test]
fn errors_of_answers_and_prices() {
    assert_errors([
        (
            "/answers",
            Some(json!(true)),
            "answers: true: is not an object; write an object, at least {}",
        ),
        (
            "/answers",
            Some(json!({"format": "palm"})),
            "answers.format: \"palm\": write \"chat\" or \"responses\" or",
        ),
        (
            "/answers",
            Some(json!({"read": false, "plain": true})),
            "answers.plain: set: has no effect while answers.read is false",
        ),
        (
            "/answers",
            Some(json!({"paths": [{"prefix": "x", "format": "chat"}]})),
            "answers.paths[0]: {\"format\":\"chat\",\"prefix\":\"x\"}: write a prefix",
        ),
        (
            "/answers",
            Some(json!({"paths": [{"prefix": "/x"}]})),
            "answers.paths[0]: {\"prefix\":\"/x\"}: write a prefix",
        ),
        (
            "/answers",
            Some(json!({"paths": [{"prefix": "/x y", "format": "chat"}]})),
            "answers.paths[0]: {\"format\":\"chat\",\"prefix\":\"/x y\"}: write a prefix in ASCII",
        ),
        ("/console", Some(json!({"hosts": ["a"]})), "console.hosts: set: has no effect"),
        (
            "/max_request_body",
            Some(json!("five")),
            "max_request_body: \"five\": is not a whole number from 0; write a number of bytes",
        ),
        (
            "/answers",
            Some(json!({"paths": {}})),
            "answers.paths: {}: is not a list; write [{\"prefix\": \"/v1/ask\", \"format\": \"chat\"}]",
        ),
        (
            "/answers",
            Some(json!({"plain": "yes"})),
            "answers.plain: \"yes\": is not true or false; write true or false",
        ),
        (
            "/answers",
            Some(json!({"refusal_phrases": ["no", " no"]})),
            "answers.refusal_phrases[1]: \" no\": write the first words",
        ),
        ("/prices", Some(json!({"*": {"input": 1, "output": 2}})), "prices: set: has no effect"),
        ("/prices", Some(json!({"*": {"input": 1}})), "prices.*.output: missing: write US dollars"),
        ("/prices", Some(json!({"*": {"output": 1}})), "prices.*.input: missing: write US dollars"),
        (
            "/prices",
            Some(json!({"*": {"input": -1, "output": 1}})),
            "prices.*.input: -1: write US dollars",
        ),
        (
            "/prices",
            Some(json!({"a*b": {"input": 1, "output": 1}})),
            "prices: \"a*b\": name a model",
        ),
        (
            "/prices",
            Some(json!({"a": {"input": "one", "output": 1}})),
            "prices.a.input: \"one\": is not a number",
        ),
    ]);
}

/// What is shown is what was written, and the fix has an example of the field.
#[test]
fn errors_in_lists_and_objects() {
    let green = "/versions/green";
    let request = |request: Value| Some(json!({"cluster": "llm-green", "request": request}));
    assert_errors([
        (
            "/versions/blue",
            Some(json!("b")),
            "versions.blue: \"b\": is not an object; write {\"cluster\": \"llm-blue\"}",
        ),
        (green, request(json!("gpt")), "write {\"model\": \"gpt-5-mini\"}"),
        (
            green,
            request(json!({"system": "You are terse."})),
            "versions.green.request.system: \"You are terse.\": is not an object; write {\"replace\": \"…\"}",
        ),
        (
            green,
            request(json!({"system": {"append": "b", "replace": "a"}})),
            "versions.green.request.system: {\"append\":\"b\",\"replace\":\"a\"}: write one of",
        ),
        (
            green,
            request(json!({"headers": {"remove": ["x-a", "host"]}})),
            "versions.green.request.headers.remove[1]: \"host\": the filter or Envoy needs",
        ),
        (green, request(json!({"headers": {"remove": "x"}})), "write [\"x-team\"]"),
        ("/conversation", Some(json!({"drain": "24h"})), "write {\"max_age\": \"24h\"}"),
        ("/conversation", Some(json!({"history": [1]})), "write {\"since\": \"2026-"),
        (
            "/conversation",
            Some(json!({"marker": {"cookie": "__Host-x"}})),
            "conversation.marker: {\"cookie\":\"__Host-x\"}: browsers drop",
        ),
        (
            "/conversation",
            Some(json!({"marker": {"cookie": "x", "same_site": "none"}})),
            "conversation.marker: {\"cookie\":\"x\",\"same_site\":\"none\"}: browsers drop",
        ),
        (
            "/conversation",
            Some(json!({"id": [{"header": "x-a"}, {"cookie": "a b"}]})),
            "conversation.id[1]: \"a b\": name a cookie",
        ),
        (
            "/conversation",
            Some(json!({"id": [{"header": "x-a"}, {"pointer": "a"}]})),
            "conversation.id[1]: {\"pointer\":\"a\"}: write a JSON pointer",
        ),
        ("/conversation", Some(json!({"id": {}})), "conversation.id: {}: a source is one"),
        ("/conversation", Some(json!({"id": {"query": "u"}})), "are header, cookie, pointer\n"),
        (
            "/unit",
            Some(json!([{"header": "x-a"}, {"cookie": "a b"}])),
            "unit[1].cookie: \"a b\": name a cookie",
        ),
        ("/unit", Some(json!({"pointer": "/u"})), "unit.pointer: \"/u\": a unit is in a header"),
        ("/pins", Some(json!({"green": ["a", " b"]})), "pins.green[1]: \" b\": a unit is not"),
        ("/pins", Some(json!({"green": "a"})), "pins.green: \"a\": is not a list; write [\"u1\"]"),
        (
            "/ramp",
            Some(json!({"gates": ["error_rate"]})),
            "ramp.gates[0]: \"error_rate\": is not an object; write {\"metric\": \"error_rate\"}",
        ),
        ("/prices", Some(json!({"gpt": 3})), "write {\"input\": 2.5, \"output\": 10}"),
        (
            "/shadow",
            Some(json!({"percent": 10.5})),
            "shadow.percent: 10.5: is not a whole number from 0; write a whole number from 0 to 100, \
             such as 10\n",
        ),
        (
            "/shadow",
            Some(json!({"percent": -5})),
            "write a whole number from 0 to 100, such as 10\n",
        ),
        (
            "/feedback",
            Some(json!({"path": "/f", "thumb": "/t", "max_per_minute": -1})),
            "feedback.max_per_minute: -1: is not a whole number from 0; write one, such as 5\n",
        ),
        (
            "/feedback",
            Some(json!({"path": {}})),
            "feedback.path: {}: is not a string; write a text in",
        ),
    ]);
}

#[test]
fn errors_of_shadow_and_feedback() {
    assert_errors([
        ("/shadow", Some(json!({})), "shadow.percent: missing: write a percentage"),
        ("/shadow", Some(json!({"percent": 101})), "shadow.percent: 101: write a whole number"),
        (
            "/shadow",
            Some(json!({"percent": 1, "of": "green"})),
            "shadow.of: \"green\": write \"blue\"",
        ),
        (
            "/shadow",
            Some(json!({"percent": 1, "header": "x-user-id"})),
            "unit: \"x-user-id\": is already used for shadow.header",
        ),
        (
            "/conversation",
            Some(json!({"id": {"cookie": "chat"}, "marker": {"cookie": "chat"}})),
            "conversation.marker: \"chat\": is already used for conversation.id; use another cookie",
        ),
        (
            "/feedback",
            Some(json!({"thumb": "/t"})),
            "feedback.path: missing: write \"feedback\": an object",
        ),
        (
            "/feedback",
            Some(json!({"path": "/feedback?x", "thumb": "/t"})),
            "feedback.path: \"/feedback?x\": write the path of feedback requests",
        ),
        (
            "/feedback",
            Some(json!({"path": "/feed back", "thumb": "/t"})),
            "feedback.path: \"/feed back\": write the path of feedback requests in ASCII",
        ),
        (
            "/feedback",
            Some(json!({"path": "/v1/chat/completions", "thumb": "/t"})),
            "feedback.path: \"/v1/chat/completions\": is the path of a model's API, whose requests would be",
        ),
        ("/feedback", Some(json!({"path": "/f"})), "feedback.thumb: missing: write"),
        (
            "/feedback",
            Some(json!({"path": "/f", "score": "score"})),
            "feedback.score: \"score\": write a JSON pointer",
        ),
        (
            "/feedback",
            Some(json!({"path": "/f", "thumb": "/t", "max_per_minute": 0})),
            "feedback.max_per_minute: 0: write a whole number from 1 to 1000000",
        ),
        (
            "/feedback",
            Some(json!({"path": "/f", "thumb": "/t", "answered_by": "blue"})),
            "feedback.answered_by: \"blue\": write \"filter\" or \"upstream\"",
        ),
    ]);
}

#[test]
fn errors_of_role_and_console() {
    assert_errors([
        (
            "/role",
            Some(json!("shadows")),
            "role: \"shadows\": write \"release\" or \"shadow\" or \"console\"",
        ),
        ("/role", Some(json!("console")), "role: \"console\": this configures the console"),
        ("/console", Some(json!({"host": []})), "console.host: []: unknown field"),
    ]);
}

/// The Role of the guide permits changes of all ConfigMaps of the namespace.
#[test]
fn errors_of_fleet() {
    let etcd = |prefix: &str| json!({"store": "etcd", "cluster": "etcd", "prefix": prefix});
    let path = "write a path of at most 128 letters, digits, dots, dashes and underscores, with a slash at \
                its beginning and none at its end, such as \"/verdigris\"";
    assert_errors([
        (
            "/fleet",
            Some(json!({"store": "kubernetes", "cluster": "kubernetes"})),
            "fleet.namespace: missing: write a namespace for the fleet's records alone, such as \
             \"verdigris-fleet\"",
        ),
        (
            "/fleet",
            Some(json!({"store": "kubernetes", "cluster": "kubernetes", "namespace": "A"})),
            "with a letter or digit at both ends, such as \"verdigris-fleet\"",
        ),
        ("/fleet", Some(etcd("/a/")), &format!("fleet.prefix: \"/a/\": {path}")),
        ("/fleet", Some(etcd("a")), &format!("fleet.prefix: \"a\": {path}")),
    ]);
}

//! The schema and the parser reject the same values.

use serde_json::{Value, json};
use verdigris::analysis::Metric;
use verdigris::analysis::unit_flags::MAX_GATES;

use crate::minimal_config;
use crate::schema::{assert_both_accept, assert_both_reject};

/// Values of the right type that are invalid.
#[test]
fn both_reject_invalid_values() {
    let ramp = |ramp: Value| ("ramp", ramp);
    let gate = |gate: Value| ("ramp", json!({"gates": [gate]}));
    let tripwire = |tripwire: Value| ("ramp", json!({"tripwires": [tripwire]}));
    let judge = |fields: Value| {
        let mut judge = json!({"cluster": "judge", "model": "m"});
        judge.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        ("judge", judge)
    };
    let green_request = |request: Value| {
        let green = json!({"cluster": "g", "request": request});
        ("versions", json!({"blue": {"cluster": "b"}, "green": green}))
    };
    let too_many_gates: Vec<Value> = Metric::ALL
        .into_iter()
        .filter(|it| {
            !matches!(
                it,
                Metric::Cost | Metric::Score | Metric::Preference | Metric::ThumbsDownRate
            )
        })
        .map(|metric| json!({"metric": metric}))
        .collect();
    assert_eq!(too_many_gates.len(), MAX_GATES + 1);
    let marker = |marker: Value| ("conversation", json!({"marker": [marker]}));
    let cases = [
        ("rollout", json!("Assistant V8")),
        ("rollout", json!("a".repeat(64))),
        ("rollout", Value::Null),
        ("unit", json!([])),
        ("unit", json!({})),
        ("unit", json!({"header": "a", "cookie": "b"})),
        ("unit", json!({"header": ":path"})),
        ("unit", json!({"pointer": "/a"})),
        ("versions", json!({"blue": {"cluster": "b"}})),
        ("versions", json!({"blue": {"cluster": " b"}, "green": {"cluster": "g"}})),
        ("versions", json!({"blue": {"cluster": "b\n"}, "green": {"cluster": "g"}})),
        (
            "versions",
            json!({
                "blue": {"cluster": "b", "failover": {"cluster": "f"}},
                "green": {"cluster": "g"},
            }),
        ),
        ("versions", json!({"blue": {"cluster": "b"}, "green": {"cluster": "g", "failover": {}}})),
        (
            "versions",
            json!({
                "blue": {"cluster": "b", "request": {"model": "m"}},
                "green": {"cluster": "g", "failover": {"cluster": "f"}},
            }),
        ),
        ("weights", json!({"blue": 0, "green": 0})),
        ("weights", json!({"blue": 1})),
        ("weights", json!({"blue": 2_147_483_648_u64, "green": 0})),
        ("on_missing", json!("green")),
        ("pins", json!({"green": [""]})),
        ("pins", json!({"green": ["u "]})),
        ("force_header", json!("a b")),
        ("cluster_header", json!("")),
        ("max_request_body", json!(0)),
        ("max_request_body", json!(1_u64 << 31)),
        ("prices", json!({"a": {"input": 1, "output": 1}})),
        ("answers", json!({"read": false, "plain": true})),
        ("answers", json!({"paths": [{"prefix": "x", "format": "chat"}]})),
        ("answers", json!({"paths": [{"prefix": "/x"}]})),
        ("answers", json!({"paths": [{"prefix": "/ä", "format": "chat"}]})),
        ("feedback", json!({"path": "/feed back", "thumb": "/t"})),
        ("feedback", json!({"path": "/rückmeldung", "thumb": "/t"})),
        ("feedback", json!({"path": "/f\n", "thumb": "/t"})),
        ("answers", json!({"refusal_phrases": [" no"]})),
        ("conversation", json!({"id": []})),
        ("conversation", json!({"id": {"pointer": "a"}})),
        ("conversation", json!({"id": {"pointer": "/previous_response_id"}})),
        ("conversation", json!({"drain": {"max_age": "0s"}})),
        marker(json!({"header": "a", "secure": true})),
        marker(json!({"header": "a", "path": "/"})),
        marker(json!({"cookie": "a", "same_site": "none"})),
        marker(json!({"cookie": "a", "same_site": "None", "secure": true})),
        marker(json!({"cookie": "a", "same_site": "none", "secure": false})),
        marker(json!({"cookie": "a", "domain": "a.example; Secure"})),
        marker(json!({"cookie": "a", "domain": "a..example"})),
        marker(json!({"cookie": "a", "domain": "-a"})),
        marker(json!({"cookie": "a", "domain": ""})),
        marker(json!({"cookie": "a", "domain": "ä.example"})),
        marker(json!({"cookie": "a", "domain": "a".repeat(254)})),
        marker(json!({"cookie": "a", "path": "chat"})),
        marker(json!({"cookie": "a", "path": "/a;b"})),
        marker(json!({"cookie": "a", "path": "/a\n"})),
        marker(json!({"cookie": "a", "path": "/a b"})),
        marker(json!({"cookie": "a", "path": format!("/{}", "a".repeat(1024))})),
        marker(json!({"cookie": "__Secure-a"})),
        marker(json!({"cookie": "__secure-a", "secure": false})),
        marker(json!({"cookie": "__Http-a"})),
        marker(json!({"cookie": "__Host-a"})),
        marker(json!({"cookie": "__Host-a", "secure": true, "path": "/a"})),
        marker(json!({"cookie": "__hOsT-a", "secure": true, "domain": "a.example"})),
        marker(json!({"cookie": "a", "http_only": false})),
        (
            "conversation",
            json!({"history": [{"since": "yesterday", "weights": {"blue": 1, "green": 1}}]}),
        ),
        green_request(json!({"model": ""})),
        green_request(json!({"system": {}})),
        green_request(json!({"system": {"prepend": ""}})),
        green_request(json!({"system": {"prepend": "a", "append": "b"}})),
        green_request(json!({"headers": {"set": {"x": " a"}}})),
        green_request(json!({"headers": {"set": {"x y": "a"}}})),
        green_request(json!({"headers": {"set": {"Host": "a"}}})),
        green_request(json!({"headers": {"remove": ["content-length"]}})),
        judge(json!({"sample": "0%"})),
        judge(json!({"sample": "100.1%"})),
        judge(json!({"sample": "0.0"})),
        judge(json!({"max_cost_per_day": 1e-7})),
        judge(json!({"max_cost_per_day": "0.0000001"})),
        judge(json!({"max_cost_per_day": "1000001"})),
        ramp(json!({"steps": []})),
        ramp(json!({"steps": [100]})),
        ramp(json!({"steps": [0, 100]})),
        ramp(json!({"steps": [1, 101]})),
        ramp(json!({"steps": [{"percent": 1, "approve": true}, 100]})),
        ramp(json!({"bake": "10"})),
        ramp(json!({"bake": "0m"})),
        ramp(json!({"alpha": 0})),
        ramp(json!({"beta": 0.6})),
        ramp(json!({"started": "2026-11-25"})),
        ramp(json!({"gates": []})),
        gate(json!({"metric": "score"})),
        gate(json!({"metric": "thumbs_down_rate"})),
        gate(json!({"metric": "mood"})),
        gate(json!({"metric": "error_rate", "margin": 11})),
        gate(json!({"metric": "error_rate", "tolerance": []})),
        gate(json!({"metric": "error_rate", "tolerance": 21})),
        gate(json!({"metric": "error_rate", "ceiling": 1})),
        gate(json!({"metric": "error_rate", "critical": false})),
        gate(json!({"metric": "error_rate", "objective": "2s"})),
        gate(json!({"metric": "duration", "ceiling": 0.1})),
        gate(json!({"metric": "slow_rate", "objective": "0s"})),
        gate(json!({"metric": "ttft_p99", "ceiling": 0.1})),
        ramp(json!({"gates": too_many_gates})),
        tripwire(json!({"metric": "duration_p95", "limit": "5s"})),
        gate(json!({"metric": "cost"})),
        tripwire(json!({"metric": "error_rate"})),
        tripwire(json!({"metric": "error_rate", "limit": "30s"})),
        tripwire(json!({"metric": "error_rate", "limit": 1})),
        tripwire(json!({"metric": "duration", "limit": 30})),
        tripwire(json!({"metric": "error_rate", "limit": 0.5, "minimum": 0})),
        tripwire(json!({"metric": "error_rate", "limit": 0.5, "window": "0s"})),
        tripwire(json!({"metric": "cost", "limit": 1})),
        tripwire(json!({"metric": "score", "limit": 0.5})),
        ("shadow", json!({})),
        ("shadow", json!({"percent": 101})),
        ("shadow", json!({"percent": 0.5})),
        ("shadow", json!({"percent": 1, "of": "green"})),
        ("shadow", json!({"percent": 1, "header": "a b"})),
        ("feedback", json!({"path": "/f"})),
        ("feedback", json!({"thumb": "/t"})),
        ("feedback", json!({"path": "f", "thumb": "/t"})),
        ("feedback", json!({"path": "/f?a", "thumb": "/t"})),
        ("feedback", json!({"path": "/f", "thumb": "t"})),
        ("feedback", json!({"path": "/f", "score": "/s", "max_per_minute": 0})),
        ("feedback", json!({"path": "/f", "score": "/s", "answered_by": "green"})),
        ("fleet", json!({"store": "etcd", "cluster": "etcd"})),
        ("judge", json!({})),
        ("judge", json!({"cluster": "judge"})),
        ("judge", json!({"model": "m"})),
        judge(json!({"path": "chat"})),
        judge(json!({"model": " m"})),
        judge(json!({"sample": 0})),
        judge(json!({"sample": 101})),
        judge(json!({"rubric": " "})),
        judge(json!({"rubric": "x".repeat(8001)})),
        judge(json!({"mode": "pairs"})),
        judge(json!({"mode": "pairwise"})),
        judge(json!({"mode": "both"})),
        judge(json!({"max_cost_per_day": 5})),
        judge(json!({"in_flight": 0})),
        judge(json!({"in_flight": 33})),
        judge(json!({"max_bytes": 999})),
        judge(json!({"blue_per_green": 101})),
        judge(json!({"timeout": "0s"})),
        ("samples", json!({})),
        ("samples", json!({"cluster": ""})),
        ("samples", json!({"cluster": "c", "path": "v1/traces"})),
        ("samples", json!({"cluster": "c", "path": "/v1 traces"})),
        ("samples", json!({"cluster": "c", "content": "text"})),
        ("samples", json!({"cluster": "c", "sample": 0})),
        ("samples", json!({"cluster": "c", "sample": 101})),
        ("samples", json!({"cluster": "c", "max_bytes": 32768})),
        ("samples", json!({"cluster": "c", "content": "metadata", "max_bytes": 32768})),
        ("samples", json!({"cluster": "c", "content": "full", "max_bytes": 999})),
        ("samples", json!({"cluster": "c", "content": "full", "max_bytes": 1_000_001})),
        ("role", json!("blue")),
        ("console", json!({"hosts": "a"})),
    ];
    for (field, value) in cases {
        let mut config = minimal_config();
        config[field] = value;
        assert_both_reject(&config);
    }
}

#[test]
fn both_reject_an_invalid_fleet() {
    let cases = [
        json!({"cluster": "etcd"}),
        json!({"store": "etcd"}),
        json!({"store": "zookeeper", "cluster": "etcd"}),
        json!({"store": "etcd", "cluster": ""}),
        json!({"store": "etcd", "cluster": "etcd", "prefix": "verdigris"}),
        json!({"store": "etcd", "cluster": "etcd", "prefix": "/"}),
        json!({"store": "etcd", "cluster": "etcd", "prefix": "/a//b"}),
        json!({"store": "etcd", "cluster": "etcd", "instance": "a/b"}),
        json!({"store": "etcd", "cluster": "etcd", "instance": ""}),
        json!({"store": "etcd", "cluster": "etcd", "interval": "3s"}),
        json!({"store": "etcd", "cluster": "etcd", "interval": 1}),
        json!({"store": "etcd", "cluster": "etcd", "namespace": "gateways"}),
        json!({"store": "kubernetes", "cluster": "kubernetes"}),
        json!({"store": "kubernetes", "cluster": "kubernetes", "namespace": null}),
        json!({"store": "kubernetes", "cluster": "kubernetes", "namespace": ""}),
        json!({"store": "kubernetes", "cluster": "kubernetes", "namespace": "Gateways"}),
        json!({"store": "kubernetes", "cluster": "kubernetes", "namespace": "-a"}),
        json!({"store": "kubernetes", "cluster": "kubernetes", "namespace": "a-"}),
        json!({"store": "kubernetes", "cluster": "kubernetes", "namespace": "a.b"}),
        json!({"store": "kubernetes", "cluster": "kubernetes", "namespace": "a".repeat(64)}),
        json!({"store": "kubernetes", "cluster": "kubernetes", "namespace": "a", "prefix": "/a"}),
    ];
    for fleet in cases {
        let mut config = minimal_config();
        config["ramp"] = json!({});
        config["fleet"] = fleet;
        assert_both_reject(&config);
    }
}

#[test]
fn both_reject_weights_together_with_a_ramp() {
    let mut both = minimal_config();
    both["weights"] = json!({"blue": 1, "green": 1});
    both["ramp"] = json!({});
    assert_both_reject(&both);
}

#[test]
fn both_require_the_feedback_that_a_gate_uses() {
    let with_thumbs_gate = |feedback: Value| {
        let mut config = minimal_config();
        config["ramp"] = json!({"gates": [{"metric": "thumbs_down_rate"}]});
        config["feedback"] = feedback;
        config
    };
    assert_both_reject(&with_thumbs_gate(json!({"path": "/f", "score": "/s"})));
    assert_both_accept(&with_thumbs_gate(json!({"path": "/f", "thumb": "/t"})));
    // Only rates with a relative margin have a ceiling.
    let mut ceiling = with_thumbs_gate(json!({"path": "/f", "thumb": "/t"}));
    ceiling["ramp"]["gates"][0]["ceiling"] = json!(0.01);
    assert_both_reject(&ceiling);
}

#[test]
fn both_accept_the_attributes_of_a_marker_cookie() {
    for marker in [
        json!({"cookie": "a"}),
        json!({"cookie": "a", "secure": null, "same_site": null, "domain": null, "path": null}),
        json!({"header": "a", "cookie": null, "secure": null}),
        json!({"cookie": "a", "secure": true, "same_site": "none", "domain": ".a.example", "path": "/c"}),
        json!({"cookie": "a", "same_site": "strict", "domain": "localhost"}),
        json!({"cookie": "__Host-a", "secure": true, "path": "/"}),
        json!({"cookie": "__Secure-a", "secure": true, "domain": "A-1.example", "path": "/~a:b,"}),
        json!([{"cookie": "a"}, {"header": "b"}, {"cookie": "c", "secure": true}]),
    ] {
        let mut config = minimal_config();
        config["conversation"] = json!({"marker": marker});
        assert_both_accept(&config);
    }
}

#[test]
fn both_agree_on_the_console() {
    let cases = [
        (json!({"role": "console"}), true),
        (json!({"role": "console", "console": {"hosts": ["verdigris.example"]}}), true),
        (json!({"role": "console", "rollout": "Not A Valid Name"}), true),
        (json!({"role": "console", "console": {"hosts": ["http://a"]}}), false),
        (json!({"role": "console", "console": {"hosts": [""]}}), false),
        (json!({"role": "console", "console": {"host": []}}), false),
        (json!({"role": "console", "token": "t"}), false),
        (json!({"console": {}}), false),
    ];
    for (config, is_valid) in cases {
        match is_valid {
            true => assert_both_accept(&config),
            false => assert_both_reject(&config),
        }
    }
}

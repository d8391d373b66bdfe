//! The contestants of the benchmark, and the Envoy configuration of each.

use serde_json::{Value, json};
use verdigris::assignment::{Assignment, ReadAnswers, Reason, Share, Version};

use crate::artifacts;
use crate::gateway::WASM_FILTER;

/// One way to route users to blue or green.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contestant {
    /// No split: all users on blue.
    Plain,
    /// Envoy's own `weighted_clusters`, by a hash policy on the user header.
    Weighted,
    /// Routing by the cluster header without Verdigris: all users on blue.
    ClusterHeader,
    /// A Lua filter that hashes the user header and writes the cluster header.
    Lua,
    /// The filter that only routes, `verdigris-route.wasm`: it assigns and counts requests.
    Routing,
    /// Verdigris assigns and counts requests.
    Deciding,
    /// Verdigris also counts outcomes: status, end of stream and duration.
    Outcomes,
    /// Verdigris also reads answers.
    Reading,
    /// Verdigris reads the answers of a quarter of the units.
    ReadingQuarter,
    /// Verdigris reads answers, and samples almost no request.
    Unsampled,
    /// Verdigris copies each request and its answer for a judge. Under callgrind there is none to ask.
    Sampled,
    /// Verdigris with all options of a rollout with manual weights.
    AllButRamp,
    /// Verdigris with a ramp.
    Ramping,
}

/// The cluster of the judge. A bootstrap need not have it.
pub const JUDGE_CLUSTER: &str = "judge";

/// Green's share in percent.
const GREEN_PERCENT: u32 = 5;

const LUA: &str = r#"
function envoy_on_request(handle)
  local headers = handle:headers()
  local user = headers:get("x-user-id")
  if user == nil then return end
  local hash = 2166136261
  for at = 1, #user do
    hash = bit.tobit(bit.bxor(hash, user:byte(at)) * 403)
  end
  if hash % 100 < 5 then
    headers:replace("x-verdigris-version", "green")
    headers:replace("x-verdigris-cluster", "llm-green")
  end
end
"#;

/// A judge that samples this share of all requests, in percent.
fn judge(percent: f64) -> Value {
    json!({"judge": {
        "cluster": JUDGE_CLUSTER, "model": "judge-model", "sample": percent, "in_flight": 1,
        // As many as blue has for each one of green's.
        "blue_per_green": (100 - GREEN_PERCENT) / GREEN_PERCENT,
    }})
}

impl Contestant {
    pub const ALL: [Self; 13] = [
        Self::Plain,
        Self::Weighted,
        Self::ClusterHeader,
        Self::Lua,
        Self::Routing,
        Self::Deciding,
        Self::Outcomes,
        Self::Reading,
        Self::ReadingQuarter,
        Self::Unsampled,
        Self::Sampled,
        Self::AllButRamp,
        Self::Ramping,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain route",
            Self::Weighted => "weighted_clusters",
            Self::ClusterHeader => "cluster_header",
            Self::Lua => "Lua",
            Self::Routing => "Verdigris, routing only",
            Self::Deciding => "Verdigris, deciding",
            Self::Outcomes => "Verdigris, outcomes",
            Self::Reading => "Verdigris, reading",
            Self::ReadingQuarter => "Verdigris, reading 25 %",
            Self::Unsampled => "Verdigris, not sampled",
            Self::Sampled => "Verdigris, sampled",
            Self::AllButRamp => "Verdigris, all but a ramp",
            Self::Ramping => "Verdigris, ramping",
        }
    }

    fn rollout(self) -> String {
        format!("bench-{}", self as u8)
    }

    /// The users of so many requests. Where a quarter of the answers is read, exactly each fourth user is
    /// one whose answers are.
    pub fn users(self, count: usize) -> Vec<String> {
        let users = (0..).map(|number| format!("user-{number:06}"));
        let (Self::ReadingQuarter, Some(quarter)) = (self, Share::new(3, 1)) else {
            return users.take(count).collect();
        };
        let (rollout, blue) = (self.rollout(), Assignment::new(Version::Blue, Reason::Weight));
        let is_read = |user: &String| {
            ReadAnswers::OfUnits(quarter).contains(&rollout, blue, None, Some(user.as_bytes()))
        };
        let mut read = users.clone().filter(|user| is_read(user));
        let mut left_out = users.filter(|user| !is_read(user));
        let of_either = |number| if number % 4 == 0 { read.next() } else { left_out.next() };
        (0..count).filter_map(of_either).collect()
    }

    /// The action of the route.
    pub fn route(self) -> Value {
        match self {
            Self::Plain => json!({"cluster": "llm-blue", "timeout": "0s"}),
            Self::Weighted => json!({
                "weighted_clusters": {
                    "clusters": [
                        {"name": "llm-blue", "weight": 100 - GREEN_PERCENT},
                        {"name": "llm-green", "weight": GREEN_PERCENT},
                    ],
                    "use_hash_policy": true,
                },
                "hash_policy": [{"header": {"header_name": "x-user-id"}}],
                "timeout": "0s",
            }),
            _ => json!({"cluster_header": "x-verdigris-cluster", "timeout": "0s"}),
        }
    }

    /// Whether early header mutation must set the cluster header to blue.
    pub fn has_cluster_header(self) -> bool {
        !matches!(self, Self::Plain | Self::Weighted)
    }

    /// The HTTP filter in front of the router.
    pub fn filter(self) -> Option<Value> {
        let config = match self {
            Self::Plain | Self::Weighted | Self::ClusterHeader => return None,
            Self::Lua => {
                return Some(json!({
                    "name": "lua",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
                        "default_source_code": {"inline_string": LUA},
                    },
                }));
            }
            Self::Routing | Self::Deciding => json!({}),
            Self::Outcomes => json!({"answers": {"read": false}}),
            Self::Reading => json!({"answers": {}}),
            Self::ReadingQuarter => json!({"answers": {"sample": 25}}),
            Self::Unsampled => judge(0.01),
            Self::Sampled => judge(100.0),
            Self::AllButRamp => json!({
                "unit": [{"header": "x-user-id"}, {"cookie": "uid"}],
                "pins": {"green": ["qa-7"]},
                "force_header": "x-verdigris-force",
                "answers": {"plain": true, "refusal_phrases": ["I'm sorry", "I cannot"]},
                "prices": {"gpt-*": {"input": 0.15, "output": 0.6}},
            }),
            Self::Ramping => json!({"ramp": {"steps": [GREEN_PERCENT, 100], "bake": "24h"}}),
        };
        Some(json!({"name": "verdigris", "typed_config": self.wasm_filter(config)}))
    }

    /// The Wasm filter of the shipped `filter.yaml`, with these fields of the configuration.
    pub fn wasm_filter(self, overrides: Value) -> Value {
        let mut config = json!({
            // Each contestant has its own counters.
            "rollout": self.rollout(),
            "unit": {"header": "x-user-id"},
            "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
            "weights": {"blue": 100 - GREEN_PERCENT, "green": GREEN_PERCENT},
        });
        if let (Value::Object(config), Value::Object(overrides)) = (&mut config, overrides) {
            config.extend(overrides);
            if config.contains_key("ramp") {
                config.remove("weights");
            }
        }
        let (wasm, vm_id) = match self {
            Self::Routing => (artifacts::route_wasm(), "verdigris-route"),
            _ => (artifacts::filter_wasm(), "verdigris"),
        };
        json!({
            "@type": WASM_FILTER,
            "config": {
                "name": self.name(),
                "root_id": "verdigris",
                "vm_config": {
                    "vm_id": vm_id,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": wasm}},
                },
                "failure_policy": "FAIL_RELOAD",
                "allow_on_headers_stop_iteration": true,
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": config.to_string(),
                },
            },
        })
    }
}

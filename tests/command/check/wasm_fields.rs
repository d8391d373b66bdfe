//! The names of fields and choices in Envoy's Wasm filter.

use super::{Expected, FILTER, replaced, with_filter};

const POLICY: &str = "      failure_policy: FAIL_RELOAD\n";
const RUNTIME: &str = "runtime: envoy.wasm.runtime.v8";

/// A text of the shipped file, what is in its place, where the finding is, and how it begins.
#[test]
fn unknown_fields_and_values_are_problems() {
    for (from, to, at, text) in [
        (
            "FAIL_RELOAD\n",
            "FAIL_RELOADS\n",
            "FAIL_RELOADS",
            "failure_policy: \"FAIL_RELOADS\": is no value that Envoy knows, so it rejects the Wasm filter; \
             did you mean FAIL_RELOAD? write one of UNSPECIFIED, FAIL_RELOAD, FAIL_CLOSED, FAIL_OPEN",
        ),
        (
            RUNTIME,
            "runtime: v8",
            "runtime: v8",
            "vm_config.runtime: \"v8\": is no value that Envoy knows, so it rejects the Wasm filter; did you \
             mean envoy.wasm.runtime.v8?",
        ),
        (
            POLICY,
            "      failure_policy: FAIL_RELOAD\n      allow_on_header_stop_iteration: true\n",
            "allow_on_header_stop",
            "allow_on_header_stop_iteration: is an unknown field, so Envoy rejects the Wasm filter; did you \
             mean allow_on_headers_stop_iteration? the fields are name, root_id, ",
        ),
        (
            "filename:",
            "file:",
            "file:",
            "vm_config.code.local.file: is an unknown field, so Envoy rejects the Wasm filter; did you mean \
             filename?",
        ),
        (
            "environment_variables:",
            "env_variables:",
            "env_variables:",
            "vm_config.env_variables: is an unknown field, so Envoy rejects the Wasm filter; did you mean \
             environment_variables?",
        ),
        (
            "vm_config:",
            "vm_conf:",
            "vm_conf:",
            "vm_conf: is an unknown field, so Envoy rejects the Wasm filter; did you mean vm_config?",
        ),
        (
            POLICY,
            "      failure_policy: FAIL_RELOAD\n      fail_open: true\n",
            "fail_open",
            "fail_open: \"true\": Envoy rejects the Wasm filter with this beside failure_policy: FAIL_RELOAD; \
             remove fail_open",
        ),
    ] {
        let filter = replaced(FILTER, from, to);
        with_filter(filter).expect(&Expected { kind: "problem", file: "filter.yaml", at, text });
    }
}

#[test]
fn all_spellings_that_envoy_accepts_pass() {
    for (from, to) in [
        (POLICY, "      failurePolicy: FAIL_RELOAD\n"),
        (POLICY, "      failure_policy: 1\n"),
        (POLICY, "      fail_open: true\n"),
        (POLICY, "      fail_open: false\n      failure_policy: FAIL_RELOAD\n"),
        (
            POLICY,
            "      failure_policy: FAIL_RELOAD\n      reloadConfig: {backoff: {base_interval: 1s}}\n",
        ),
        ("vm_config:", "vmConfig:"),
        ("vm_config:", "capability_restriction_config: {}\n      vm_config:"),
        (RUNTIME, "runtime: envoy.wasm.runtime.v8\n        nackOnCodeCacheMiss: true"),
        (RUNTIME, "runtime: envoy.wasm.runtime.wasmtime"),
    ] {
        with_filter(replaced(FILTER, from, to)).expect_none();
    }
}

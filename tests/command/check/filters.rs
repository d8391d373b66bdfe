//! The order of HTTP filters.

use super::{ENVOY, Expected, HTTP_FILTERS, ROUTER, Setup, patched, plugin, reading};
use super::{replaced, with_envoy};
use serde_json::json;

const LUA_REWRITE: &str = ", clear_route_cache: false, default_source_code: {inline_string: \
                           'h:headers():replace(\":path\", \"/v1\")'}";

/// An HTTP filter of this type, with further fields of `typed_config`.
fn http_filter(kind: &str, fields: &str) -> String {
    let name = kind.split('.').next().unwrap();
    format!(
        "          - name: {name}\n            typed_config: {{\"@type\": \
         type.googleapis.com/envoy.extensions.filters.http.{kind}{fields}}}\n"
    )
}

fn before(kind: &str, fields: &str) -> Setup {
    let filters = format!("{HTTP_FILTERS}{}", http_filter(kind, fields));
    with_envoy(replaced(ENVOY, HTTP_FILTERS, &filters))
}

fn after(kind: &str, fields: &str) -> Setup {
    with_envoy(replaced(ENVOY, ROUTER, &format!("{}{ROUTER}", http_filter(kind, fields))))
}

/// Asserts a finding at the HTTP filter of this name.
fn expect(setup: &Setup, kind: &str, name: &str, text: &str) {
    let (at, text) = (format!("- name: {name}"), format!("http_filters: \"{name}\": {text}"));
    setup.expect(&Expected { kind, file: "envoy.yaml", at: &at, text: &text });
}

#[test]
fn filters_that_belong_before_verdigris_are_warned_of_after_it() {
    for (kind, text) in [
        ("jwt_authn.v3.JwtAuthentication", "authenticates after Verdigris, so the unit is read"),
        ("ext_authz.v3.ExtAuthz", "authenticates after"),
        ("basic_auth.v3.BasicAuth", "authenticates after"),
        ("api_key_auth.v3.ApiKeyAuth", "authenticates after"),
        ("oauth2.v3.OAuth2", "authenticates after"),
        ("rbac.v3.RBAC", "denies requests after Verdigris, so its 403"),
        ("cors.v3.Cors", "answers preflight requests after Verdigris"),
        ("local_ratelimit.v3.LocalRateLimit", "limits requests after Verdigris, so its 429"),
        ("ratelimit.v3.RateLimit", "limits requests after"),
        ("fault.v3.HTTPFault", "rejects requests after"),
        ("health_check.v3.HealthCheck", "answers health checks"),
    ] {
        expect(&after(kind, ""), "warning", kind.split('.').next().unwrap(), text);
        before(kind, "").expect_none();
    }
    let disabled = "}\n            disabled: true\n            more: {";
    after("jwt_authn.v3.JwtAuthentication", disabled).expect_none();
}

#[test]
fn a_compressor_after_verdigris_is_warned_of_where_answers_are_read() {
    let compressor = || after("compressor.v3.Compressor", "");
    let text = "compresses answers before Verdigris reads them";
    expect(&compressor().with_filter(&reading()), "warning", "compressor", text);
    compressor().expect_none();
    compressor().with_filter(&plugin(json!({"answers": {"plain": true}}))).expect_none();
    before("compressor.v3.Compressor", "").with_filter(&reading()).expect_none();
}

#[test]
fn a_signature_of_a_request_that_is_changed_later_is_warned_of() {
    let signing = before("aws_request_signing.v3.AwsRequestSigning", "").with_filter(&patched());
    expect(&signing, "warning", "aws_request_signing", "signs requests before Verdigris changes");
}

#[test]
fn a_filter_after_the_router_is_a_problem() {
    let router = "            typed_config:\n              \"@type\": \
                  type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\n";
    let setup = before("router.v3.Router", "");
    let last = format!("{ROUTER}{router}");
    let setup = with_envoy(replaced(&setup.envoy, &last, ""));
    expect(&setup, "problem", "router", "must be the last HTTP filter, or Envoy rejects the");
}

#[test]
fn path_changes_of_other_filters_are_reported() {
    let lua = "lua.v3.Lua";
    let text = "changes :path, and with clear_route_cache: false";
    expect(&before(lua, LUA_REWRITE), "warning", "lua", text);
    let text = "if it changes :path, Verdigris derives";
    expect(&after(lua, LUA_REWRITE), "note", "lua", text);
    let ext_proc = "ext_proc.v3.ExternalProcessor";
    let text = "if it changes :path, Envoy keeps blue's route";
    expect(&before(ext_proc, ""), "note", "ext_proc", text);
    before(ext_proc, ", route_cache_action: CLEAR").expect_none();
}

#[test]
fn a_strict_session_is_warned_of_anywhere() {
    let session = "stateful_session.v3.StatefulSession";
    for setup in [before(session, ", strict: true"), after(session, ", strict: true")] {
        expect(&setup, "warning", "stateful_session", "binds a session to a host");
    }
    after(session, "").expect_none();
}

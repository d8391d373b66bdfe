//! A listener with the filter inline, as control planes write it. Envoy builds the filter of a new
//! version of the listener in every VM before it uses that version, and may never use it.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::console::{TOKEN, read_view, send_command};
use super::ramp_fixture::read_gauge;
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml, release_listener_offset};
use crate::proxy::phase::{BY_HAND, ROLLED_BACK};
use crate::proxy::{Proxy as _, Request, weights};

/// A filter that Envoy cannot build, after ours in the list.
const BROKEN: &str = "          - name: broken
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
              default_source_code: {inline_string: \"not a script\"}
";

/// Routes of a server that never answers, for which the listener waits.
const AWAITED_ROUTES: &str = "          rds:
            route_config_name: awaited
            config_source:
              initial_fetch_timeout: 0s
              resource_api_version: V3
              api_config_source:
                api_type: GRPC
                transport_api_version: V3
                grpc_services: [{envoy_grpc: {cluster_name: llm-next}}]
";

/// What keeps Envoy from using a new version of the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    Rejected,
    Warming,
}

/// An Envoy whose release listener is in a file of its own, with the filter inline.
struct InlineEnvoy {
    envoy: Envoy,
    folder: TempDir,
    /// The listener without its filter, as YAML.
    listener: String,
}

/// The release listener's text before and after its filter, and the bootstrap that reads the listener
/// from `folder`.
fn split(bootstrap: &str, folder: &Path) -> (String, String) {
    let (before, rest) = bootstrap.split_at(release_listener_offset(bootstrap));
    let (listener, after) = rest.split_once("\n  # Gets a copy").unwrap();
    let dynamic = format!(
        "dynamic_resources:\n  lds_config:\n    path_config_source:\n      path: {0}/lds.yaml\n      \
         watched_directory: {{path: {0}}}\n\nstatic_resources:\n",
        folder.display()
    );
    let bootstrap = format!("{before}  # Gets a copy{after}");
    (bootstrap.replace("static_resources:\n", &dynamic), listener.to_owned())
}

impl InlineEnvoy {
    fn start(config: &Value) -> Self {
        let folder = TempDir::with_prefix("verdigris-lds-").unwrap();
        let listener = RefCell::new(String::new());
        let edit = |bootstrap: String, _: &_| {
            let (bootstrap, text) = split(&bootstrap, folder.path());
            write(folder.path(), &lds(&text, config, Flaw::None));
            listener.replace(text);
            bootstrap
        };
        let setup = Setup { token: Some(TOKEN), edit_bootstrap: &edit, ..Setup::default() };
        let envoy = Envoy::start_with(&setup);
        Self { envoy, folder, listener: listener.into_inner() }
    }

    /// Writes a version of the listener.
    fn push(&self, config: &Value, flaw: Flaw) {
        write(self.folder.path(), &lds(&self.listener, config, flaw));
    }

    fn listeners(&self, stat: &str) -> u64 {
        self.envoy.read_stat(&format!("listener_manager.{stat}")).unwrap()
    }

    /// Lets Envoy's clock advance so far that each root context has ticked several times.
    fn wait_for_ticks(&self) {
        let uptime = || self.envoy.read_stat("server.uptime").unwrap();
        let until = uptime() + 3;
        wait_for("the root contexts to tick", || (uptime() >= until).then_some(()));
    }

    fn version(&self) -> String {
        self.envoy.send_on_new_connection().version
    }
}

fn write(folder: &Path, text: &str) {
    let new = folder.join("new.yaml");
    fs::write(&new, text).unwrap();
    fs::rename(new, folder.join("lds.yaml")).unwrap();
}

/// The resource of the listener with this plugin configuration.
fn lds(listener: &str, config: &Value, flaw: Flaw) -> String {
    let (head, rest) = listener.split_once("            config_discovery:\n").unwrap();
    let (_, rest) = rest.split_once("          - name: envoy.filters.http.router\n").unwrap();
    let filter = filter_yaml(config);
    let (_, filter) = filter.split_once("  typed_config:\n").unwrap();
    let filter: String = filter.lines().map(|line| format!("          {line}\n")).collect();
    let broken = if flaw == Flaw::Rejected { BROKEN } else { "" };
    let mut head = head.replacen("  - name: llm\n", "    name: llm\n", 1);
    if flaw == Flaw::Warming {
        let (before, routes) = head.split_once("          route_config:\n").unwrap();
        let (_, after) = routes.split_once("          http_filters:\n").unwrap();
        head = format!("{before}{AWAITED_ROUTES}          http_filters:\n{after}");
    }
    format!(
        "resources:\n  - \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n{head}            \
         typed_config:\n{filter}{broken}          - name: envoy.filters.http.router\n{rest}"
    )
}

/// An Envoy that gives all users green by its weights, and that an operator has rolled back.
fn rolled_back() -> InlineEnvoy {
    let inline = InlineEnvoy::start(&weights(0, 1));
    assert_eq!(inline.version(), "green");
    let answer = send_command(&inline.envoy, "rollback", &json!({"reason": "green is bad"}));
    assert_eq!(answer.status(), 200, "{}", answer.text().unwrap());
    wait_for("all workers to roll back", || {
        (0..24).all(|_| inline.version() == "blue").then_some(())
    });
    inline
}

fn assert_rolled_back(inline: &InlineEnvoy) {
    assert_eq!(read_gauge(&inline.envoy, "phase"), ROLLED_BACK, "{}", inline.envoy.log());
    for _ in 0..24 {
        assert_eq!(inline.version(), "blue");
        let rollout = &read_view(&inline.envoy).rollouts[0];
        assert_eq!(rollout.phase, "rolled_back");
        assert!(rollout.order.is_some(), "{rollout:#?}");
    }
}

#[test]
fn a_rejected_listener_does_not_end_a_rollback() {
    let inline = rolled_back();
    inline.push(&weights(1, 9), Flaw::Rejected);
    wait_for("Envoy to reject it", || (inline.listeners("lds.update_rejected") > 0).then_some(()));
    inline.wait_for_ticks();
    assert_rolled_back(&inline);
}

#[test]
fn a_listener_that_waits_for_its_routes_does_not_end_a_rollback() {
    let inline = rolled_back();
    inline.push(&weights(1, 9), Flaw::Warming);
    wait_for("the listener to wait", || {
        inline.version();
        (inline.listeners("total_listeners_warming") == 1).then_some(())
    });
    for _ in 0..3 {
        inline.version();
        inline.wait_for_ticks();
    }
    assert_rolled_back(&inline);
    // Envoy gives it up for another version, which is the one in force.
    inline.push(&weights(0, 1), Flaw::None);
    wait_for("no listener to wait", || {
        (inline.listeners("total_listeners_warming") == 0).then_some(())
    });
    inline.wait_for_ticks();
    assert_rolled_back(&inline);
}

/// Without a request too.
#[test]
fn a_listener_that_is_used_ends_a_rollback() {
    let mut inline = rolled_back();
    inline.push(&weights(1, 9), Flaw::None);
    inline.envoy.await_stat(&gauge("green_bp"), 9_000);
    assert_eq!(read_gauge(&inline.envoy, "phase"), BY_HAND);
    wait_for("a worker with the new listener", || {
        let answer = inline.envoy.send(&Request::from_user("ada").header("connection", "close"));
        (answer.version == "green").then_some(())
    });
}

fn gauge(name: &str) -> String {
    format!("wasmcustom.verdigris.{}.{name}", crate::proxy::ROLLOUT)
}

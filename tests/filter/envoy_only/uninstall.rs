//! The filter is taken out and put back without a restart, as `docs/how-to/upgrade.md` says.

use std::fs;

use serde_json::json;

use crate::artifacts::shipped;
use crate::envoy::upstream::{FIRST_EVENT, LAST_EVENT};
use crate::envoy::{Envoy, filter_yaml};
use crate::proxy::{Proxy as _, Request, config};

#[test]
fn the_shipped_file_takes_the_filter_out_and_another_puts_it_back() {
    let with_filter = config(json!({"weights": {"blue": 0, "green": 1}}));
    let mut envoy = Envoy::start(&with_filter);
    let request = Request::from_user("ada");
    assert_eq!(envoy.send(&request).cluster, "llm-green");
    let stream = envoy.send_to("/hold", &request).unwrap();

    // Not by an empty list, which Envoy rejects.
    let error = envoy.write_filter("resources: []").unwrap_err();
    assert!(error.contains("Unexpected number of resources"), "{error}");
    assert_eq!(envoy.send(&request).cluster, "llm-green");

    envoy.write_filter(&fs::read_to_string(shipped("filter-off.yaml")).unwrap()).unwrap();
    assert_eq!(envoy.send(&request).cluster, "llm-blue");
    envoy.upstreams.iter().for_each(|upstream| upstream.release_streams());
    assert_eq!(stream.text().unwrap(), format!("{FIRST_EVENT}{LAST_EVENT}"));

    envoy.write_filter(&filter_yaml(&with_filter)).unwrap();
    assert_eq!(envoy.send(&request).cluster, "llm-green");
}

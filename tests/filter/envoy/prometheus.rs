//! A real Prometheus with the shipped alerts that scrapes Envoy processes every second.

use std::process::Command;

use reqwest::Url;
use reqwest::blocking::Client;
use serde_json::Value;
use tempfile::TempDir;

use super::Envoy;
use super::process::{Process, TIMEOUT, wait_for};
use crate::artifacts;

pub struct Prometheus {
    process: Process,
    client: Client,
    url: String,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts Prometheus with the shipped configuration, but other targets and a shorter
    /// interval.
    pub fn scraping(envoys: &[&Envoy]) -> Self {
        let folder = TempDir::with_prefix("verdigris-").unwrap();
        let text = std::fs::read_to_string(artifacts::shipped("prometheus/prometheus.yml"));
        let targets = envoys.iter().map(|envoy| envoy.admin_url().trim_start_matches("http://"));
        let targets = Value::from_iter(targets).to_string();
        let text = text.unwrap().replace(r#"["127.0.0.1:9901"]"#, &targets);
        assert!(text.contains(&targets) && text.matches("15s").count() == 2, "{text}");
        std::fs::write(folder.path().join("prometheus.yml"), text.replace("15s", "1s")).unwrap();
        let alerts = artifacts::shipped("prometheus/alerts.yml");
        std::fs::copy(alerts, folder.path().join("alerts.yml")).unwrap();
        let mut command = Command::new(artifacts::tool("bin/prometheus"));
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        command.arg("--web.listen-address=127.0.0.1:0");
        command.current_dir(folder.path());
        let mut process = Process::start(&mut command, &folder.path().join("prometheus.log"));
        let client = Client::builder().no_proxy().timeout(TIMEOUT).build().unwrap();
        let url = wait_for("Prometheus to be ready", || {
            assert!(process.exit_success().is_none(), "Prometheus ended:\n{}", process.log());
            let log = process.log();
            let (_, address) = log.split_once("\"Listening on\" address=")?;
            let url = format!("http://{}", address.lines().next()?);
            let ready = client.get(format!("{url}/-/ready")).send().ok()?;
            (ready.status() == 200).then_some(url)
        });
        Self { process, client, url, _folder: folder }
    }

    /// The current values of a query without NaN.
    ///
    /// # Errors
    /// Prometheus's message, if it refuses the query.
    pub fn query(&self, query: &str) -> Result<Vec<f64>, String> {
        let data = self.get("query", &[("query", query)])?;
        let value = |sample: &Value| sample["value"][1].as_str().unwrap().parse::<f64>().unwrap();
        let values = data["result"].as_array().unwrap().iter().map(value);
        Ok(values.filter(|value| !value.is_nan()).collect())
    }

    /// Waits until the query has a value.
    pub fn wait_for(&self, query: &str) {
        wait_for(query, || (!self.query(query).unwrap().is_empty()).then_some(()));
    }

    /// The alerting rules.
    pub fn alert_rules(&self) -> Vec<Value> {
        let data = self.get("rules", &[("type", "alert")]).unwrap();
        let groups = data["groups"].as_array().unwrap();
        groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }

    /// The pending and firing alerts, with expanded annotations.
    pub fn active_alerts(&self) -> Vec<Value> {
        self.get("alerts", &[]).unwrap()["alerts"].as_array().unwrap().clone()
    }

    fn get(&self, endpoint: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let url = format!("{}/api/v1/{endpoint}", self.url);
        let url = Url::parse_with_params(&url, parameters).unwrap();
        let text = self.client.get(url).send().unwrap().text().unwrap();
        let answer: Value = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{text}\n{}", self.process.log()));
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["data"].clone()),
        }
    }
}

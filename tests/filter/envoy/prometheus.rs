//! A real Prometheus with the shipped alerts, which scrapes Envoys every second.

use std::process::Command;

use reqwest::Url;
use reqwest::blocking::Client;
use serde_json::Value;
use tempfile::TempDir;

use super::Envoy;
use super::process::{PATIENCE, Process, wait_for};
use crate::artifacts;

pub struct Prometheus {
    process: Process,
    client: Client,
    url: String,
    _folder: TempDir,
}

impl Prometheus {
    /// The shipped configuration with other targets and shorter times.
    pub fn of(envoys: &[&Envoy]) -> Self {
        let folder = TempDir::with_prefix("verdigris-").unwrap();
        let text = std::fs::read_to_string(artifacts::shipped("prometheus/prometheus.yml"));
        let targets = envoys.iter().map(|it| it.admin_url().trim_start_matches("http://"));
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
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let url = wait_for("Prometheus to be ready", || {
            assert!(process.exit().is_none(), "Prometheus ended:\n{}", process.log());
            let log = process.log();
            let (_, address) = log.split_once("\"Listening on\" address=")?;
            let url = format!("http://{}", address.lines().next()?);
            let ready = client.get(format!("{url}/-/ready")).send().ok()?;
            (ready.status() == 200).then_some(url)
        });
        Self { process, client, url, _folder: folder }
    }

    /// What the query comes to now, without what is no number; the message where it is
    /// no query.
    pub fn ask(&self, query: &str) -> Result<Vec<f64>, String> {
        let data = self.get("query", &[("query", query)])?;
        let of = |it: &Value| it["value"][1].as_str().unwrap().parse::<f64>().unwrap();
        let values = data["result"].as_array().unwrap().iter().map(of);
        Ok(values.filter(|value| !value.is_nan()).collect())
    }

    /// Waits until the query comes to something.
    pub fn wait_for(&self, query: &str) {
        wait_for(query, || (!self.ask(query).unwrap().is_empty()).then_some(()));
    }

    /// The alerts as they were written.
    pub fn alerts(&self) -> Vec<Value> {
        let data = self.get("rules", &[("type", "alert")]).unwrap();
        let groups = data["groups"].as_array().unwrap();
        groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }

    /// The alerts that fire or are about to, with their texts filled in.
    pub fn active(&self) -> Vec<Value> {
        self.get("alerts", &[]).unwrap()["alerts"].as_array().unwrap().clone()
    }

    fn get(&self, what: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let url = format!("{}/api/v1/{what}", self.url);
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

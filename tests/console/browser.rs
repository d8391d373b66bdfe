//! A headless Chromium.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

/// A browser and its driver, which ends with it.
pub struct Browser {
    pub page: Client,
    driver: Child,
}

/// A command that only ChromeDriver has.
#[derive(Debug)]
struct ChromeCommand {
    /// The path below the session.
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for ChromeCommand {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// How many times the driver is started if it ends immediately.
const STARTS: usize = 10;

/// Starts a driver and returns its port. It selects a port that is free for both versions of IP,
/// and ends if another process takes the port before it listens.
fn start_driver() -> Option<(Child, String)> {
    let driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn();
    let mut driver = driver.unwrap_or_else(|error| {
        panic!("chromedriver: {error}: on Debian, apt-get install chromium-driver")
    });
    let output = driver.stdout.take().map(BufReader::new);
    let mut lines = output.into_iter().flat_map(|output| output.lines().map_while(Result::ok));
    let port = lines.find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        Some(port.trim_end_matches('.').to_owned())
    });
    match port {
        Some(port) => Some((driver, port)),
        None => {
            let _ = driver.wait();
            None
        }
    }
}

impl Browser {
    /// Starts driver and browser.
    pub async fn start() -> Self {
        let (driver, port) = (0..STARTS).find_map(|_| start_driver()).expect("chromedriver starts");
        let wanted = json!({
            "goog:loggingPrefs": {"browser": "ALL"},
            // Root cannot use the sandbox.
            "goog:chromeOptions": {
                "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"]
            },
        });
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        let page = page.unwrap_or_else(|error| {
            panic!("Chromium: {error}: on Debian, apt-get install chromium")
        });
        Self { page, driver }
    }

    /// Runs a command of the Chrome DevTools Protocol.
    pub async fn devtools(&self, method: &str, parameters: Value) -> Value {
        let body = json!({"cmd": method, "params": parameters});
        let command = ChromeCommand { path: "goog/cdp/execute", body };
        self.page.issue_cmd(command).await.unwrap()
    }

    /// The messages in the browser's console since the last call.
    #[allow(dead_code, reason = "the screenshots do not use it")]
    pub async fn console(&self) -> Vec<String> {
        let command = ChromeCommand { path: "se/log", body: json!({"type": "browser"}) };
        let messages = self.page.issue_cmd(command).await.unwrap();
        messages.as_array().unwrap().iter().map(Value::to_string).collect()
    }

    /// Sets the window's width and the colour scheme, `light` or `dark`.
    pub async fn emulate(&self, width: u32, scheme: &str) {
        let size = json!({
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        self.devtools("Emulation.setScrollbarsHidden", json!({"hidden": true})).await;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Ends browser and driver.
    pub async fn stop(mut self) {
        let _ = self.page.clone().close().await;
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

//! A headless Chromium.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

/// The browser, and the driver that it ends with.
pub struct Browser {
    pub page: Client,
    driver: Child,
}

/// A command of ChromeDriver's own: where it is sent to, and what with.
#[derive(Debug)]
struct Own(&'static str, Value);

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.1.to_string()))
    }
}

/// How often a driver is started that ends at once.
const STARTS: usize = 10;

/// A driver, and its port. It looks for one that is free for both versions of IP, and ends
/// where another process has taken that before it listens.
fn start_driver() -> Option<(Child, String)> {
    let driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn();
    let mut driver = driver.unwrap_or_else(|error| {
        panic!("chromedriver: {error}: on Debian, apt-get install chromium-driver")
    });
    let said = driver.stdout.take().map(BufReader::new);
    let mut lines = said.into_iter().flat_map(|said| said.lines().map_while(Result::ok));
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
    /// Starts one.
    pub async fn start() -> Self {
        let (driver, port) = (0..STARTS).find_map(|_| start_driver()).expect("chromedriver starts");
        let wanted = json!({
            "goog:loggingPrefs": {"browser": "ALL"},
            // Without the sandbox, since root has none.
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

    /// Says something to it in its own protocol.
    pub async fn tell(&self, method: &str, parameters: Value) -> Value {
        let said = json!({"cmd": method, "params": parameters});
        self.page.issue_cmd(Own("goog/cdp/execute", said)).await.unwrap()
    }

    /// What it has written into its console since it was last asked.
    #[allow(dead_code, reason = "the screenshots do not ask")]
    pub async fn console(&self) -> Vec<String> {
        let said = self.page.issue_cmd(Own("se/log", json!({"type": "browser"}))).await.unwrap();
        said.as_array().unwrap().iter().map(Value::to_string).collect()
    }

    /// Has the window be so wide, and dark or light.
    pub async fn look(&self, width: u32, scheme: &str) {
        let size = json!({
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500
        });
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tell("Emulation.setEmulatedMedia", features).await;
    }

    /// Ends it.
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

//! Takes screenshots of the page in every phase. With the argument `serve` it serves the pages
//! instead, until it is ended.

mod browser;
mod fixtures;
mod server;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fantoccini::Locator;
use serde_json::{Value, json};

use browser::Browser;
use server::Server;

const FOLDER: &str = "target/screenshots";
const LOOKS: [(&str, u32, &str); 3] =
    [("light", 1200, "light"), ("dark", 1200, "dark"), ("phone", 390, "light")];

#[tokio::main]
async fn main() {
    let (_server, address) = Server::start().await;
    let wanted = std::env::args().nth(1);
    if wanted.as_deref() == Some("serve") {
        for (name, _) in fixtures::all() {
            println!("{address}/{name}/");
        }
        return std::future::pending().await;
    }
    std::fs::create_dir_all(FOLDER).unwrap();
    let browser = Browser::start().await;
    for (look, width, scheme) in LOOKS {
        browser.emulate(width, scheme).await;
        for (name, _) in fixtures::all() {
            if wanted.as_ref().is_some_and(|wanted| wanted != name) {
                continue;
            }
            browser.page.goto(&format!("{address}/{name}/")).await.unwrap();
            let whole = whole(&browser).await;
            take(&browser, &format!("{name}-{look}"), whole).await;
            if name == "ramping" {
                let button =
                    browser.page.find(Locator::Css("[data-order=rollback]")).await.unwrap();
                button.click().await.unwrap();
                take(&browser, &format!("steering-{look}"), json!({"format": "png"})).await;
            }
        }
    }
    browser.stop().await;
}

async fn take(browser: &Browser, name: &str, how: Value) {
    let shot = browser.devtools("Page.captureScreenshot", how).await;
    let png = BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
    let path = format!("{FOLDER}/{name}.png");
    std::fs::write(&path, png).unwrap();
    println!("{path}");
}

/// The parameters for a screenshot of the whole page.
async fn whole(browser: &Browser) -> Value {
    let size = browser.devtools("Page.getLayoutMetrics", json!({})).await;
    let size = &size["cssContentSize"];
    let (width, height) = (&size["width"], &size["height"]);
    let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
    json!({"format": "png", "captureBeyondViewport": true, "clip": clip})
}

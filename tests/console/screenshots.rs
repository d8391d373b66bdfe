//! Takes screenshots of the page in every phase, or in the one that is named. With the argument
//! `serve` it serves the pages instead, until it is ended. With `demo` it takes the picture of the
//! documentation: the page of the demo's ramp, in a real Envoy.

mod browser;
mod demo;
mod fixtures;
mod server;

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fantoccini::Locator;
use serde_json::{Value, json};

use browser::Browser;
use demo::Demo;
use server::Server;

const FOLDER: &str = "target/screenshots";
const WIDTH: u32 = 1280;
const LOOKS: [(&str, u32, &str); 4] = [
    ("light", WIDTH, "light"),
    ("dark", WIDTH, "dark"),
    ("phone", 390, "light"),
    ("phone-dark", 390, "dark"),
];
/// The picture of the documentation.
const PICTURE: &str = "docs/images/page.png";
/// The height of the page until the totals begin.
const UNTIL_TOTALS: &str = "return document.querySelector('.counters').offsetTop - 8";

#[tokio::main]
async fn main() {
    let wanted = std::env::args().nth(1);
    if wanted.as_deref() == Some("demo") {
        return take_demo().await;
    }
    let (_server, address) = Server::start().await;
    if wanted.as_deref() == Some("serve") {
        for (name, _) in fixtures::all() {
            println!("{address}/{name}/");
        }
        return std::future::pending().await;
    }
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

/// Takes the picture of the documentation.
async fn take_demo() {
    let demo = Demo::start();
    let browser = Browser::start().await;
    browser.emulate(WIDTH, "light").await;
    demo.wait_for_evidence().await;
    browser.page.goto(&demo.page).await.unwrap();
    let height = browser.page.execute(UNTIL_TOTALS, vec![]).await.unwrap();
    let clip = json!({"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1});
    let how = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
    save(&browser, PICTURE, how).await;
    browser.stop().await;
}

async fn take(browser: &Browser, name: &str, how: Value) {
    save(browser, &format!("{FOLDER}/{name}.png"), how).await;
}

async fn save(browser: &Browser, path: &str, how: Value) {
    let shot = browser.devtools("Page.captureScreenshot", how).await;
    let png = BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
    std::fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
    std::fs::write(path, png).unwrap();
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

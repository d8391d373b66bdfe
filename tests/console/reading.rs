//! Reading the page in a real browser.

use serde_json::json;

use crate::browser::Browser;
use crate::browser_user::{Person, says};
use crate::fixtures;
use crate::server::Server;

/// The elements that exceed the right edge, except those in a scrollable area.
const TOO_WIDE: &str = "
    const wide = [...document.querySelectorAll('body *')].filter((it) =>
        !it.closest('.wide') && !it.closest('.unseen') && !it.closest('thead')
        && it.getBoundingClientRect().right > innerWidth + 1);
    return wide.map((it) => `${it.localName}.${it.getAttribute('class')}: ${it.textContent}`);";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_readable_and_stays_up_to_date() {
    let (server, address) = Server::start().await;
    let browser = Browser::start().await;
    let person = Person { page: &browser.page };
    browser.emulate(1200, "light").await;

    // Open details stay open, and changes are announced to screen readers.
    person.page.goto(&format!("{address}/holding/")).await.unwrap();
    person.click("#counters-assistant-v8 summary").await;
    server.show("holding", fixtures::view(vec![fixtures::promoted()]));
    person.until(&says("Promoted")).await;
    assert!(person.is("document.getElementById('counters-assistant-v8').open").await);
    person.until("document.getElementById('news').textContent.includes('Promoted')").await;

    // A lost connection is shown, and so is its return.
    let network = |is_offline: bool| {
        json!({
            "offline": is_offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1
        })
    };
    browser.devtools("Network.enable", json!({})).await;
    browser.devtools("Network.emulateNetworkConditions", network(true)).await;
    person.until("document.getElementById('live').textContent.includes('cannot be reached')").await;
    browser.devtools("Network.emulateNetworkConditions", network(false)).await;
    person.until("document.getElementById('live').textContent === 'Live'").await;

    // The page fits a small phone.
    browser.emulate(360, "dark").await;
    for (name, _) in fixtures::all() {
        person.page.goto(&format!("{address}/{name}/")).await.unwrap();
        let width = "return [document.documentElement.scrollWidth, innerWidth]";
        let width = person.page.execute(width, vec![]).await.unwrap();
        assert_eq!(width[0], width[1], "{name} scrolls to the side");
        let wide = person.page.execute(TOO_WIDE, vec![]).await.unwrap();
        assert_eq!(wide, json!([]), "{name} is wider than the screen");
    }
    // Another answer than the page is no lost connection.
    person.page.goto(&format!("{address}/holding/")).await.unwrap();
    server.remove("holding");
    person.until("document.getElementById('live').textContent.includes('HTTP status 404')").await;

    let complaints: Vec<_> = browser.console().await;
    let complaints = complaints
        .iter()
        .filter(|it| !it.contains("ERR_INTERNET_DISCONNECTED") && !it.contains("404 (Not Found)"));
    assert_eq!(complaints.collect::<Vec<_>>(), Vec::<&String>::new());

    // The page is readable without JavaScript.
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    person.page.goto(&format!("{address}/rolled-back/")).await.unwrap();
    let text = person.find("body").await.text().await.unwrap().replace('\u{a0}', " ");
    for wanted in ["Rolled back: green had more refusals", "10.9 %", "Without JavaScript"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("Set weights"), "{text}");
    browser.stop().await;
}

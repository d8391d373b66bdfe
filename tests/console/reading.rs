//! A person reads the page, in a real browser.

use serde_json::json;

use crate::browser::Browser;
use crate::browser_user::{Person, says};
use crate::fixtures;
use crate::server::Server;

/// What reaches over the right edge, but for what scrolls by itself.
const TOO_WIDE: &str = "
    const wide = [...document.querySelectorAll('body *')].filter((it) =>
        !it.closest('.wide') && !it.closest('.unseen') && !it.closest('thead')
        && it.getBoundingClientRect().right > innerWidth + 1);
    return wide.map((it) => `${it.localName}.${it.getAttribute('class')}: ${it.textContent}`);";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reads() {
    let (server, address) = Server::start().await;
    let browser = Browser::start().await;
    let person = Person { page: &browser.page };
    browser.look(1200, "light").await;

    // What is folded out stays so, and what is new is told to who does not see it.
    person.page.goto(&format!("{address}/holding/")).await.unwrap();
    person.click("#counters-assistant-v8 summary").await;
    server.show("holding", fixtures::of(vec![fixtures::promoted()]));
    person.until(&says("Promoted")).await;
    assert!(person.is("document.getElementById('counters-assistant-v8').open").await);
    person.until("document.getElementById('news').textContent.includes('Promoted')").await;

    // That nothing comes any more is said, and that it comes again.
    let network = |is_offline: bool| {
        json!({
            "offline": is_offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1
        })
    };
    browser.tell("Network.enable", json!({})).await;
    browser.tell("Network.emulateNetworkConditions", network(true)).await;
    person.until("document.getElementById('live').textContent.includes('cannot be reached')").await;
    browser.tell("Network.emulateNetworkConditions", network(false)).await;
    person.until("document.getElementById('live').textContent === 'Live'").await;

    // Nothing is wider than a small phone.
    browser.look(360, "dark").await;
    for (name, _) in fixtures::all() {
        person.page.goto(&format!("{address}/{name}/")).await.unwrap();
        let wide = person.page.execute(TOO_WIDE, vec![]).await.unwrap();
        assert_eq!(wide, json!([]), "{name} is wider than the screen");
    }
    let complaints: Vec<_> = browser.console().await;
    let complaints = complaints.iter().filter(|it| !it.contains("ERR_INTERNET_DISCONNECTED"));
    assert_eq!(complaints.collect::<Vec<_>>(), Vec::<&String>::new());

    // The numbers need no script.
    browser.tell("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    person.page.goto(&format!("{address}/rolled-back/")).await.unwrap();
    let text = person.find("body").await.text().await.unwrap().replace('\u{a0}', " ");
    for wanted in ["Rolled back: green had more refusals", "10.9 %", "Without JavaScript"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("Set weights"), "{text}");
    browser.stop().await;
}

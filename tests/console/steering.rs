//! A person steers by the page, in a real browser.

use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::{Client, Locator};
use serde_json::json;

use crate::browser::Browser;
use crate::fixtures;
use crate::stub::{Stub, TOKEN};

const PATIENCE: Duration = Duration::from_secs(15);

/// What a person sees and does at one page.
struct Person<'a> {
    page: &'a Client,
}

impl Person<'_> {
    async fn find(&self, selector: &str) -> Element {
        let found = self.page.wait().at_most(PATIENCE).for_element(Locator::Css(selector));
        found.await.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    async fn click(&self, selector: &str) {
        let it = self.find(selector).await;
        it.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    async fn write(&self, selector: &str, text: &str) {
        let it = self.find(selector).await;
        it.clear().await.unwrap();
        it.send_keys(text).await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Waits until the script says true.
    async fn until(&self, script: &str) {
        let began = Instant::now();
        while !self.is(script).await {
            let text = self.page.find(Locator::Css("body")).await.unwrap().text().await.unwrap();
            assert!(began.elapsed() < PATIENCE, "never: {script}\n{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn is(&self, script: &str) -> bool {
        let said = self.page.execute(&format!("return Boolean({script})"), vec![]).await;
        said.is_ok_and(|it| it == true)
    }

    async fn press(&self, keys: &[&str]) {
        let keys = keys.iter().flat_map(|it| it.chars());
        let actions = keys.fold(KeyActions::new("keys".into()), |actions, value| {
            actions.then(KeyAction::Down { value }).then(KeyAction::Up { value })
        });
        self.page.perform_actions(actions).await.unwrap();
    }
}

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";

/// That the first line begins so.
fn says(text: &str) -> String {
    format!(
        "document.querySelector('.headline h2').textContent.replace(/\\u00a0/g, ' ')\
         .startsWith({text:?})"
    )
}

/// What reaches over the right edge, but for what scrolls by itself.
const TOO_WIDE: &str = "
    const wide = [...document.querySelectorAll('body *')].filter((it) =>
        !it.closest('.wide') && !it.closest('.unseen') && !it.closest('thead')
        && it.getBoundingClientRect().right > innerWidth + 1);
    return wide.map((it) => `${it.localName}.${it.getAttribute('class')}: ${it.textContent}`);";

const IS_SHUT: &str = "!document.getElementById('ask').open";

/// Clicks through pause, resume, weights and rollback of the rollout at `base`, which
/// ramps, as who has `token`.
async fn steer(person: &Person<'_>, base: &str, token: &str) {
    person.page.goto(base).await.unwrap();
    person.click("[data-order=pause]").await;
    // Nothing is sent without a reason, nor without a token.
    person.click("#ask-go").await;
    person.until("document.getElementById('ask-answer').textContent.includes('Say why')").await;
    person.write("[name=reason]", "the provider has an incident").await;
    person.write("[name=token]", "wrong").await;
    person.click("#ask-go").await;
    person
        .until("document.getElementById('ask-answer').textContent.includes('token is not')")
        .await;
    person.write("[name=token]", token).await;
    person.click("#ask-go").await;
    person.until(&says("Paused by hand at 25 % on green: the provider has an incident")).await;
    person.until(IS_SHUT).await;

    // The token is not asked for again.
    person.click("[data-order=resume]").await;
    assert!(person.is("document.getElementById('ask-token').hidden").await);
    person.write("[name=reason]", "it is over").await;
    person.click("#ask-go").await;
    person.until(&says("Green is safe so far")).await;
    person.until(IS_SHUT).await;

    person.click("[data-order=weights]").await;
    person.write("[name=reason]", "half of them").await;
    person.write("[name=green]", "101").await;
    person.click("#ask-go").await;
    person.until("document.getElementById('ask-answer').textContent.includes('0 to 100')").await;
    person.write("[name=green]", "50").await;
    person.click("#ask-go").await;
    person.until(&says("Weights by hand: 50 % on green")).await;
    person.until(IS_SHUT).await;

    person.click("[data-order=rollback]").await;
    person.write("[name=reason]", "wrong <b>language</b>").await;
    person.click("#ask-go").await;
    person.until("document.getElementById('ask-what').textContent.includes('are you sure')").await;
    person.click("#ask-go").await;
    person.until(&says("Rolled back by hand: wrong <b>language</b>")).await;
    person.until(IS_SHUT).await;
}

/// Pauses the rollout at `base` without a mouse.
async fn steer_by_keys(person: &Person<'_>, base: &str, token: &str) {
    person.page.goto(base).await.unwrap();
    person.until("document.documentElement.classList.contains('js')").await;
    let mut tabs = 0;
    while !person.is("document.activeElement.dataset.order === 'pause'").await {
        tabs += 1;
        assert!(tabs < 20, "the keyboard does not get to the button");
        person.press(&[TAB]).await;
    }
    let ring = "getComputedStyle(document.activeElement).outlineStyle !== 'none'";
    assert!(person.is(ring).await, "the focus is not to be seen");
    // Refreshing takes the focus from nobody.
    person.page.execute("document.querySelector('main').dataset.old = 1", vec![]).await.unwrap();
    person.until("!document.querySelector('main').dataset.old").await;
    assert!(person.is("document.activeElement.dataset.order === 'pause'").await);
    person.press(&[ENTER]).await;
    person.until("document.getElementById('ask').open").await;
    person.press(&[ESCAPE]).await;
    person.until(IS_SHUT).await;
    assert!(person.is("document.activeElement.dataset.order === 'pause'").await);
    person.press(&[ENTER, "by keys", TAB, token, ENTER]).await;
    person.until(&says("Paused by hand at 25 % on green: by keys")).await;
}

/// What the browser says against the page; an answer that refuses is none of it.
async fn complaints(browser: &Browser) -> Vec<String> {
    let said = browser.console().await.into_iter();
    said.filter(|it| !it.contains("Failed to load resource")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_steers_and_reads() {
    let (stub, address) = Stub::start().await;
    let browser = Browser::start().await;
    let person = Person { page: &browser.page };

    browser.look(1200, "light").await;
    steer(&person, &format!("{address}/ramping/"), TOKEN).await;
    let ordered = stub.ordered();
    let said: Vec<_> = ordered.iter().map(|it| (it.order.as_str(), it.body.clone())).collect();
    let wanted = [
        ("pause", json!({"reason": "the provider has an incident"})),
        ("resume", json!({"reason": "it is over"})),
        ("weights", json!({"reason": "half of them", "weights": {"blue": 50, "green": 50}})),
        ("rollback", json!({"reason": "wrong <b>language</b>"})),
    ];
    assert_eq!(said, wanted);
    assert!(ordered.iter().all(|it| it.rollout == "assistant-v8"));

    stub.show("ramping", fixtures::of(vec![fixtures::ramping()]));
    steer_by_keys(&person, &format!("{address}/ramping/"), TOKEN).await;

    // What is folded out stays so, and what is new is told to who does not see it.
    person.page.goto(&format!("{address}/holding/")).await.unwrap();
    person.click("#counters-assistant-v8 summary").await;
    stub.show("holding", fixtures::of(vec![fixtures::promoted()]));
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
    assert_eq!(complaints(&browser).await, Vec::<String>::new());

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

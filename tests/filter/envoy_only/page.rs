//! A person steers a rollout by the page, in a real browser, while users ask.

use serde_json::json;

use super::ramp::{GOOD, gauge, set_models, wait_for_gauges, while_clients};
use crate::browser::Browser;
use crate::browser_user::{ENTER, ESCAPE, Person, TAB, says};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::config;

const TOKEN: &str = "a-token-that-is-long";
const IS_SHUT: &str = "!document.getElementById('ask').open";
const SAFE: &str = "Green is safe so far at 50 %: waiting for approval to advance to 100 %";

impl Person<'_> {
    /// Orders something for this reason, and is sure of it.
    async fn order(&self, order: &str, reason: &str) {
        self.click(&format!("[data-order={order}]")).await;
        self.write("[name=reason]", reason).await;
        self.click("#ask-go").await;
        if matches!(order, "promote" | "rollback") {
            let asks = "document.getElementById('ask-what').textContent.includes('are you sure')";
            self.until(asks).await;
            self.click("#ask-go").await;
        }
        self.until(IS_SHUT).await;
    }

    /// Waits for an answer in the dialog.
    async fn is_told(&self, text: &str) {
        let answer = "document.getElementById('ask-answer').textContent";
        self.until(&format!("{answer}.includes({text:?})")).await;
    }

    async fn sees(&self, order: &str) -> bool {
        self.is(&format!("document.querySelector('[data-order={order}]')")).await
    }
}

/// Pauses without a mouse.
async fn pause_by_keys(person: &Person<'_>) {
    person.until("document.documentElement.classList.contains('js')").await;
    let is_at_pause = "document.activeElement.dataset.order === 'pause'";
    let mut tabs = 0;
    while !person.is(is_at_pause).await {
        tabs += 1;
        assert!(tabs < 20, "the keyboard does not get to the button");
        person.press(&[TAB]).await;
    }
    let ring = "getComputedStyle(document.activeElement).outlineStyle !== 'none'";
    assert!(person.is(ring).await, "the focus is not to be seen");
    // Refreshing takes the focus from nobody.
    person.page.execute("document.querySelector('main').dataset.old = 1", vec![]).await.unwrap();
    person.until("!document.querySelector('main').dataset.old").await;
    assert!(person.is(is_at_pause).await);
    person.press(&[ENTER]).await;
    person.until("document.getElementById('ask').open").await;
    person.press(&[ESCAPE]).await;
    person.until(IS_SHUT).await;
    assert!(person.is(is_at_pause).await);
    person.press(&[ENTER, "by keys", TAB, TOKEN, ENTER]).await;
    person.until(&says("Paused manually at 50 % on green: by keys")).await;
}

async fn steer(envoy: &Envoy) {
    let browser = Browser::start().await;
    let person = Person { page: &browser.page };
    browser.emulate(1200, "light").await;
    person.page.goto(envoy.console.as_ref().unwrap()).await.unwrap();
    person.until(&says(SAFE)).await;
    pause_by_keys(&person).await;
    // The token is not asked for again, and gone when the page is.
    person.order("resume", "it is over").await;
    person.until(&says(SAFE)).await;
    person.page.refresh().await.unwrap();

    // Nothing is sent without a reason or without the token.
    person.click("[data-order=weights]").await;
    person.write("[name=green]", "20").await;
    person.click("#ask-go").await;
    person.is_told("A reason is required").await;
    person.write("[name=reason]", "a fifth of them").await;
    person.write("[name=token]", "“quoted”").await;
    person.click("#ask-go").await;
    person.is_told("a character that no token can contain").await;
    person.write("[name=token]", "wrong").await;
    person.click("#ask-go").await;
    person.is_told("The token is missing or wrong").await;
    assert_eq!(tokio::task::block_in_place(|| gauge(envoy, "green_bp")), 5000);
    person.write("[name=token]", TOKEN).await;
    person.write("[name=green]", "101").await;
    person.click("#ask-go").await;
    person.is_told("0 to 100").await;
    person.write("[name=green]", "20").await;
    person.click("#ask-go").await;
    person.until(&says("Manual weights: 20 % on green, and the ramp is paused: a fifth")).await;
    person.until(IS_SHUT).await;

    person.order("promote", "enough of it").await;
    person.until(&says("Promoted manually; only tripwires are active: enough of it")).await;
    assert!(!person.sees("promote").await && !person.sees("pause").await);
    person.order("resume", "not yet").await;
    person.until(&says(SAFE)).await;
    person.order("approve", "it is fine").await;
    person.until(&says("Promoted: everyone is on green")).await;
    person.order("rollback", "wrong <b>language</b>").await;
    person.until(&says("Rolled back manually: wrong <b>language</b>")).await;
    // Such a ramp begins again by its configuration alone.
    for order in ["approve", "pause", "resume", "weights", "promote", "rollback"] {
        assert!(!person.sees(order).await, "{order}");
    }
    let said = browser.console().await.into_iter();
    let complaints: Vec<_> = said.filter(|it| !it.contains("401 (Unauthorized)")).collect();
    assert_eq!(complaints, Vec::<String>::new());
    browser.stop().await;
}

#[test]
fn a_person_steers_a_ramp_by_the_page() {
    let ramp = json!({
        "steps": [50, {"percent": 100, "approve": true}],
        "bake": "1s",
        "warmup": "500ms",
        "gates": [{"metric": "error_rate"}],
        "tripwires": [],
    });
    let filter = filter_yaml(&config(json!({"ramp": ramp})));
    let setup = Setup { filter: Some(&filter), token: Some(TOKEN), ..Setup::default() };
    let envoy = Envoy::start_with(&setup);
    set_models(&envoy, [GOOD, GOOD]);
    let url = format!("{}/model/completions", envoy.url);
    let ask = |client: &reqwest::blocking::Client, user: String| {
        client.post(&url).header("x-user-id", user).send().and_then(|it| it.bytes()).unwrap();
    };
    while_clients(ask, || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(steer(&envoy));
    });
    wait_for_gauges(&envoy, &[("phase", 4), ("green_bp", 0)]);
    // Each order stands in Envoy's log with its reason.
    let orders = [
        "holding at 50 % -> paused at 50 %: by hand: pause: by keys",
        "-> paused at 20 %: by hand: weights: a fifth of them",
        "paused at 20 % -> promoted at 100 %: by hand: promote: enough of it",
        "promoted at 100 % -> ramping at 50 %: by hand: resume: not yet",
        "holding at 50 % -> ramping at 100 %: by hand: approve: it is fine",
        "promoted at 100 % -> rolled_back at 0 %: by hand: rollback: wrong <b>language</b>",
    ];
    let log = envoy.log();
    for order in orders {
        assert!(log.contains(order), "{order}");
    }
    assert!(!log.contains(TOKEN), "the token is in Envoy's log");
}

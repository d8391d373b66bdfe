//! An operator steers a rollout with the console's page in a real browser, under load.

use serde_json::json;

use super::ramp_fixture::{GOOD_MODEL, read_gauge, set_models, wait_for_gauges, with_clients};
use crate::browser::Browser;
use crate::browser_user::{ENTER, ESCAPE, Person, TAB, says};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::config;
use crate::proxy::phase::ROLLED_BACK;

const TOKEN: &str = "a-token-that-is-long";
const DIALOG_IS_CLOSED: &str = "!document.getElementById('ask').open";
const SAFE: &str = "Green is safe so far at 50 %: waiting for approval to advance to 100 %";

impl Person<'_> {
    /// Gives a command with this reason and confirms it.
    async fn give_command(&self, command: &str, reason: &str) {
        self.click(&format!("[data-order={command}]")).await;
        self.write("[name=reason]", reason).await;
        self.click("#ask-go").await;
        if matches!(command, "promote" | "rollback") {
            let asks = "document.getElementById('ask-what').textContent.includes('are you sure')";
            self.until(asks).await;
            self.click("#ask-go").await;
        }
        self.until(DIALOG_IS_CLOSED).await;
    }

    /// Waits until the dialog shows an answer that contains `text`.
    async fn sees_answer(&self, text: &str) {
        let answer = "document.getElementById('ask-answer').textContent";
        self.until(&format!("{answer}.includes({text:?})")).await;
    }

    /// Whether the page has a button for this command.
    async fn sees_button(&self, command: &str) -> bool {
        self.is(&format!("document.querySelector('[data-order={command}]')")).await
    }
}

/// Pauses the ramp without a mouse.
async fn pause_with_the_keyboard(user: &Person<'_>) {
    user.until("document.documentElement.classList.contains('js')").await;
    let is_at_pause = "document.activeElement.dataset.order === 'pause'";
    let mut tabs = 0;
    while !user.is(is_at_pause).await {
        tabs += 1;
        assert!(tabs < 20, "the keyboard does not reach the button");
        user.press(&[TAB]).await;
    }
    let ring = "getComputedStyle(document.activeElement).outlineStyle !== 'none'";
    assert!(user.is(ring).await, "the focus is not visible");
    // A refresh of the content keeps the focus.
    user.page.execute("document.querySelector('main').dataset.old = 1", vec![]).await.unwrap();
    user.until("!document.querySelector('main').dataset.old").await;
    assert!(user.is(is_at_pause).await);
    user.press(&[ENTER]).await;
    user.until("document.getElementById('ask').open").await;
    user.press(&[ESCAPE]).await;
    user.until(DIALOG_IS_CLOSED).await;
    assert!(user.is(is_at_pause).await);
    user.press(&[ENTER, "by keys", TAB, TOKEN, ENTER]).await;
    user.until(&says("Paused manually at 50 % on green: by keys")).await;
}

async fn steer_with_the_page(envoy: &Envoy) {
    let browser = Browser::start().await;
    let user = Person { page: &browser.page };
    browser.emulate(1200, "light").await;
    user.page.goto(envoy.console.as_ref().unwrap()).await.unwrap();
    user.until(&says(SAFE)).await;
    pause_with_the_keyboard(&user).await;
    // The page keeps the token until it is closed.
    user.give_command("resume", "it is over").await;
    user.until(&says(SAFE)).await;
    user.page.refresh().await.unwrap();

    // The page sends no command without a reason or a valid token.
    user.click("[data-order=weights]").await;
    user.write("[name=green]", "20").await;
    user.click("#ask-go").await;
    user.sees_answer("A reason is required").await;
    user.write("[name=reason]", "a fifth of them").await;
    user.write("[name=token]", "“quoted”").await;
    user.click("#ask-go").await;
    user.sees_answer("a character that no token can contain").await;
    user.write("[name=token]", "wrong").await;
    user.click("#ask-go").await;
    user.sees_answer("Wrong token: use VERDIGRIS_CONSOLE_TOKEN").await;
    assert_eq!(tokio::task::block_in_place(|| read_gauge(envoy, "green_bp")), 5000);
    user.write("[name=token]", TOKEN).await;
    user.write("[name=green]", "101").await;
    user.click("#ask-go").await;
    user.sees_answer("0 to 100").await;
    user.write("[name=green]", "20").await;
    user.click("#ask-go").await;
    user.until(&says("Manual weights: 20 % on green, and the ramp is paused: a fifth")).await;
    user.until(DIALOG_IS_CLOSED).await;

    user.give_command("promote", "enough of it").await;
    user.until(&says("Promoted manually; only tripwires are active: enough of it")).await;
    assert!(!user.sees_button("promote").await && !user.sees_button("pause").await);
    user.give_command("resume", "not yet").await;
    user.until(&says(SAFE)).await;
    user.give_command("approve", "it is fine").await;
    user.until(&says("Promoted: everyone is on green")).await;
    user.give_command("rollback", "wrong <b>language</b>").await;
    user.until(&says("Rolled back manually: wrong <b>language</b>")).await;
    // After a rollback only the configuration can restart the ramp.
    for command in ["approve", "pause", "resume", "weights", "promote", "rollback"] {
        assert!(!user.sees_button(command).await, "{command}");
    }
    let messages = browser.console().await.into_iter();
    let errors: Vec<_> =
        messages.filter(|message| !message.contains("401 (Unauthorized)")).collect();
    assert_eq!(errors, Vec::<String>::new());
    browser.stop().await;
}

#[test]
fn an_operator_steers_a_ramp_with_the_page() {
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
    set_models(&envoy, [GOOD_MODEL, GOOD_MODEL]);
    let url = format!("{}/model/completions", envoy.url);
    let send = |client: &reqwest::blocking::Client, user: String| {
        client
            .post(&url)
            .header("x-user-id", user)
            .send()
            .and_then(|response| response.bytes())
            .unwrap();
    };
    with_clients(send, || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(steer_with_the_page(&envoy));
    });
    wait_for_gauges(&envoy, &[("phase", ROLLED_BACK), ("green_bp", 0)]);
    // Envoy's log contains each command with its reason.
    let log_lines = [
        "holding at 50 % -> paused at 50 %: operator command: pause: by keys",
        "-> paused at 20 %: operator command: weights: a fifth of them",
        "paused at 20 % -> promoted at 100 %: operator command: promote: enough of it",
        "promoted at 100 % -> ramping at 50 %: operator command: resume: not yet",
        "holding at 50 % -> ramping at 100 %: operator command: approve: it is fine",
        "promoted at 100 % -> rolled_back at 0 %: operator command: rollback: wrong <b>language</b>",
    ];
    let log = envoy.log();
    for line in log_lines {
        assert!(log.contains(line), "{line}");
    }
    assert!(!log.contains(TOKEN), "the token is in Envoy's log");
}

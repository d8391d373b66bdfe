//! A user of the page, in a real browser.

use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::{Client, Locator};

/// A timeout that is never reached in practice, since the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// The polling interval.
const PAUSE: Duration = Duration::from_millis(50);

/// A user of a page.
pub struct Person<'a> {
    pub page: &'a Client,
}

impl Person<'_> {
    pub async fn find(&self, selector: &str) -> Element {
        let found = self.page.wait().at_most(PATIENCE).for_element(Locator::Css(selector));
        found.await.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// Clicks on an element. The page replaces its elements every few seconds, so the element is
    /// searched for again if it was replaced meanwhile.
    pub async fn click(&self, selector: &str) {
        let began = Instant::now();
        while let Err(error) = self.find(selector).await.click().await {
            assert!(began.elapsed() < PATIENCE, "{selector}: {error}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Replaces the text of an input.
    pub async fn write(&self, selector: &str, text: &str) {
        let began = Instant::now();
        loop {
            let it = self.find(selector).await;
            let written = match it.clear().await {
                Ok(()) => it.send_keys(text).await,
                error => error,
            };
            let Err(error) = written else { return };
            assert!(began.elapsed() < PATIENCE, "{selector}: {error}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until a script is true.
    pub async fn until(&self, script: &str) {
        let began = Instant::now();
        while !self.is(script).await {
            if began.elapsed() >= PATIENCE {
                let text = self.page.execute("return document.body.innerText", vec![]).await;
                panic!("never: {script}\n{text:?}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub async fn is(&self, script: &str) -> bool {
        let result = self.page.execute(&format!("return Boolean({script})"), vec![]).await;
        result.is_ok_and(|it| it == true)
    }

    pub async fn press(&self, keys: &[&str]) {
        let keys = keys.iter().flat_map(|it| it.chars());
        let actions = keys.fold(KeyActions::new("keys".into()), |actions, value| {
            actions.then(KeyAction::Down { value }).then(KeyAction::Up { value })
        });
        self.page.perform_actions(actions).await.unwrap();
    }
}

pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const ESCAPE: &str = "\u{e00c}";

/// A script that checks that the first headline begins with this text.
pub fn says(text: &str) -> String {
    format!(
        "document.querySelector('.headline h2').textContent.replace(/\\u00a0/g, ' ')\
         .startsWith({text:?})"
    )
}

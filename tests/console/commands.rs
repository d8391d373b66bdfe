//! Operator commands by the page, to a server with scripted answers. `filter/envoy_only/page.rs` gives
//! them to Envoy.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use verdigris::console::{content_security_policy, page};

use crate::browser::Browser;
use crate::browser_user::Person;
use crate::fixtures;

/// Serves the page, and gives commands these answers in turn.
async fn serve(answers: [(StatusCode, &'static str); 3]) -> String {
    let shown = async || {
        let policy = [(header::CONTENT_SECURITY_POLICY, content_security_policy())];
        (policy, Html(page(&fixtures::view(vec![fixtures::ramping()])))).into_response()
    };
    let next = Arc::new(AtomicUsize::new(0));
    let answer = async move || answers[next.fetch_add(1, Ordering::Relaxed)];
    let routes = Router::new().route("/", get(shown)).route("/pause", post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

/// Where others have sent many wrong tokens, a wrong one is answered with 429.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_right_any_more_is_asked_for_again() {
    const IS_CLOSED: &str = "!document.getElementById('ask').open";
    const IS_HIDDEN: &str = "document.getElementById('ask-token').hidden";

    let done = (StatusCode::OK, "assistant-v8: paused\n");
    for status in [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS] {
        let address = serve([done, (status, "It is refused.\n"), done]).await;
        let browser = Browser::start().await;
        let person = Person { page: &browser.page };
        person.page.goto(&address).await.unwrap();
        person.until("document.documentElement.classList.contains('js')").await;
        let send = async |token: Option<&str>| {
            if let Some(token) = token {
                person.write("[name=token]", token).await;
            }
            person.click("#ask-go").await;
        };
        let ask = async || {
            person.click("[data-order=pause]").await;
            person.write("[name=reason]", "a reason").await;
        };
        ask().await;
        assert!(!person.is(IS_HIDDEN).await);
        send(Some("the-right-token")).await;
        person.until(IS_CLOSED).await;
        ask().await;
        assert!(person.is(IS_HIDDEN).await);
        send(None).await;
        let answer = "document.getElementById('ask-answer').textContent === 'It is refused.'";
        person.until(answer).await;
        assert!(!person.is(IS_HIDDEN).await, "{status}");
        send(Some("the-next-token")).await;
        person.until(IS_CLOSED).await;
        browser.stop().await;
    }
}

//! A server that shows fixtures and takes orders, in the filter's place.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use serde_json::Value;
use verdigris::console::view::{OrderView, View};
use verdigris::console::{content_security_policy, page};

use crate::fixtures;

/// Who has it may steer.
pub const TOKEN: &str = "let-me-in";

/// An order as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Ordered {
    pub order: String,
    pub rollout: String,
    pub body: Value,
}

/// What is shown by name, and what was ordered.
#[derive(Clone)]
pub struct Stub {
    shown: Arc<Mutex<Vec<(&'static str, View)>>>,
    ordered: Arc<Mutex<Vec<Ordered>>>,
}

impl Stub {
    /// Serves every fixture at `/<name>/`, at the address that is returned.
    pub async fn start() -> (Self, String) {
        let stub = Self { shown: Arc::new(Mutex::new(fixtures::all())), ordered: Arc::default() };
        let routes = Router::new()
            .route("/{name}/", get(show))
            .route("/{name}/{order}", post(take))
            .with_state(stub.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (stub, address)
    }

    /// What was ordered until now.
    #[allow(dead_code, reason = "the screenshots order nothing")]
    pub fn ordered(&self) -> Vec<Ordered> {
        self.ordered.lock().unwrap().clone()
    }

    /// Shows another view from now on.
    #[allow(dead_code, reason = "the screenshots change nothing")]
    pub fn show(&self, name: &str, view: View) {
        self.change(name, |it| *it = view);
    }

    fn change<T>(&self, name: &str, change: impl FnOnce(&mut View) -> T) -> Option<T> {
        let mut shown = self.shown.lock().unwrap();
        shown.iter_mut().find(|(it, _)| *it == name).map(|(_, view)| change(view))
    }
}

async fn show(State(stub): State<Stub>, Path(name): Path<String>) -> impl IntoResponse {
    match stub.change(&name, |view| page(view)) {
        Some(html) => ([(header::CONTENT_SECURITY_POLICY, content_security_policy())], Html(html))
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn take(
    State(stub): State<Stub>,
    Path((name, order)): Path<(String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let given = headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
    if given != Some(&format!("Bearer {TOKEN}")) {
        return (StatusCode::UNAUTHORIZED, "the token is not the right one".into());
    }
    if headers.get(header::CONTENT_TYPE).is_none_or(|it| it != "application/json") {
        return (StatusCode::BAD_REQUEST, "that is no JSON".into());
    }
    let body: Value = serde_json::from_str(&body).unwrap();
    let (_, rollout) = query.into_iter().find(|(key, _)| key == "rollout").unwrap();
    let done = stub.change(&name, |view| {
        let it = view.rollouts.iter_mut().find(|it| it.rollout == rollout)?;
        let (phase, green_bp) = match order.as_str() {
            "pause" => ("paused", it.green_bp),
            "resume" => ("ramping", it.green_bp),
            "weights" => ("by_hand", body["weights"]["green"].as_u64()? as u32 * 100),
            "rollback" => ("rolled_back", 0),
            "promote" => ("promoted", 10_000),
            _ => return None,
        };
        (it.phase, it.green_bp) = (phase.into(), green_bp);
        let reason = body["reason"].as_str()?.to_owned();
        let given = OrderView { order: order.clone(), at_ms: view.now_ms, reason };
        it.order = (order != "resume").then_some(given);
        Some(())
    });
    if done.flatten().is_none() {
        return (StatusCode::CONFLICT, "not now: it has no such rollout or order".into());
    }
    let text = format!("{order}: done for {rollout}");
    stub.ordered.lock().unwrap().push(Ordered { order, rollout, body });
    (StatusCode::OK, text)
}

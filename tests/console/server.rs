//! A server of the fixtures, without operator commands.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use verdigris::console::view::View;
use verdigris::console::{content_security_policy, page};

use crate::fixtures;

/// A server of views by name.
#[derive(Clone)]
pub struct Server {
    shown: Arc<Mutex<Vec<(&'static str, View)>>>,
}

impl Server {
    /// Serves every fixture at `/<name>/`, and returns the address.
    pub async fn start() -> (Self, String) {
        let server = Self { shown: Arc::new(Mutex::new(fixtures::all())) };
        let routes = Router::new()
            .route("/{name}/", get(show))
            .route("/{name}/state.json", get(state))
            .with_state(server.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (server, address)
    }

    /// Shows this view by this name, in the place of one that has it.
    #[allow(dead_code, reason = "the screenshots do not use it")]
    pub fn show(&self, name: &'static str, view: View) {
        let mut shown = self.shown.lock().unwrap();
        shown.retain(|(it, _)| *it != name);
        shown.push((name, view));
    }

    /// Answers 404 where this view was.
    #[allow(dead_code, reason = "the screenshots do not use it")]
    pub fn remove(&self, name: &str) {
        self.shown.lock().unwrap().retain(|(it, _)| *it != name);
    }

    fn find(&self, name: &str) -> Option<View> {
        let shown = self.shown.lock().unwrap();
        shown.iter().find(|(it, _)| *it == name).map(|(_, view)| view.clone())
    }
}

async fn show(State(server): State<Server>, Path(name): Path<String>) -> impl IntoResponse {
    let policy = [(header::CONTENT_SECURITY_POLICY, content_security_policy())];
    server.find(&name).map(|view| (policy, Html(page(&view)))).ok_or(StatusCode::NOT_FOUND)
}

async fn state(State(server): State<Server>, Path(name): Path<String>) -> impl IntoResponse {
    server.find(&name).map(Json).ok_or(StatusCode::NOT_FOUND)
}

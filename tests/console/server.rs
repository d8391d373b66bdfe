//! A server of examples, which take no orders.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use verdigris::console::view::View;
use verdigris::console::{content_security_policy, page};

use crate::fixtures;

/// What is shown, by name.
#[derive(Clone)]
pub struct Server {
    shown: Arc<Mutex<Vec<(&'static str, View)>>>,
}

impl Server {
    /// Serves every example at `/<name>/`, at the address that is returned.
    pub async fn start() -> (Self, String) {
        let server = Self { shown: Arc::new(Mutex::new(fixtures::all())) };
        let routes = Router::new().route("/{name}/", get(show)).with_state(server.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (server, address)
    }

    /// Shows another view from now on.
    #[allow(dead_code, reason = "the screenshots change nothing")]
    pub fn show(&self, name: &str, view: View) {
        let mut shown = self.shown.lock().unwrap();
        shown.iter_mut().filter(|(it, _)| *it == name).for_each(|(_, it)| *it = view.clone());
    }
}

async fn show(State(server): State<Server>, Path(name): Path<String>) -> impl IntoResponse {
    let shown = server.shown.lock().unwrap();
    match shown.iter().find(|(it, _)| *it == name) {
        Some((_, view)) => {
            ([(header::CONTENT_SECURITY_POLICY, content_security_policy())], Html(page(view)))
                .into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

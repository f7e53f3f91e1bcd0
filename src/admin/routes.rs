//! Paths of the admin service.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 while the process runs: restart it only if this fails |
//! | `/readyz` | 200 if requests are served in full, else 503 with reasons |
//! | `/metrics` | Prometheus text |
//! | `/v1/status` | JSON |

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use serde::Serialize;

use crate::admin::api::{Readiness, Status};

/// Where the admin service learns what it answers. The daemon implements it.
///
/// Behaviour an implementer owes: every call returns within seconds also when the store hangs,
/// because orchestrators take silence for death.
#[async_trait]
pub trait StatusSource: Send + Sync + 'static {
    /// Whether requests are served in full, and why not.
    async fn readiness(&self) -> Readiness;
    /// The whole state.
    async fn status(&self) -> Status;
    /// All metrics as Prometheus text.
    fn metrics(&self) -> String;
}

/// What the routes share.
#[derive(Clone)]
pub struct AdminState(Arc<dyn StatusSource>);

impl AdminState {
    /// Answers from `source`.
    #[must_use]
    pub fn new(source: Arc<dyn StatusSource>) -> Self {
        Self(source)
    }
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminState")
    }
}

/// The routes over `state`.
pub(crate) fn router(state: AdminState) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/v1/status", get(status))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .with_state(state)
}

async fn index() -> Response {
    text(StatusCode::OK, "sealgate\n/healthz\n/readyz\n/metrics\n/v1/status\n")
}

async fn healthz() -> Response {
    text(StatusCode::OK, "ok\n")
}

async fn readyz(State(state): State<AdminState>) -> Response {
    let readiness = state.0.readiness().await;
    let code = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(code, &readiness)
}

async fn status(State(state): State<AdminState>) -> Response {
    json(StatusCode::OK, &state.0.status().await)
}

async fn metrics(State(state): State<AdminState>) -> Response {
    let kind = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    let cache = (header::CACHE_CONTROL, "no-store");
    ([kind, cache], state.0.metrics()).into_response()
}

async fn unknown_path() -> Response {
    text(StatusCode::NOT_FOUND, "no such path; see /\n")
}

async fn unknown_method() -> Response {
    text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n")
}

fn text(code: StatusCode, body: &'static str) -> Response {
    let kind = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    (code, [kind, (header::CACHE_CONTROL, "no-store")], body).into_response()
}

fn json(code: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            let kind = (header::CONTENT_TYPE, "application/json");
            (code, [kind, (header::CACHE_CONTROL, "no-store")], bytes).into_response()
        }
        // The answer types hold text and numbers only, so this arm is never taken; it is still no
        // reason for an orchestrator to see a healthy answer.
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be written as JSON\n"),
    }
}

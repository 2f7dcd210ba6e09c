//! Whether the process lives, and whether it can serve.

use std::{sync::Arc, time::Duration};

use axum::extract::State;

use super::{Web, error::Failure};
use crate::bridge::Refusal;

/// Whoever asks has a deadline too.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /healthz`: as long as the process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 when bridge and store work, else 503.
pub async fn ready(State(web): State<Arc<Web>>) -> Result<&'static str, Failure> {
    is_ready(&web).await?;
    Ok("ready\n")
}

pub(super) async fn is_ready(web: &Web) -> Result<(), Refusal> {
    let asked = tokio::time::timeout(PATIENCE, web.bridge.ready()).await;
    asked.unwrap_or(Err(Refusal::Unavailable))
}

//! `GET /`: the rooms there are.

use std::{cmp::Reverse, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{Visitor, Web, error::Failure, page, pages::LobbyPage};

/// Rooms that the page comes with, newest first. Its script hears of all of them over MQTT.
const SHOWN: usize = 500;

/// The page, or `{"rooms":[card…]}`, newest first.
pub async fn show(State(web): State<Arc<Web>>, visitor: Visitor) -> Result<Response, Failure> {
    let mut cards = web.bridge.cards();
    cards.sort_unstable_by_key(|card| (Reverse(card.created_at), card.id));
    if !visitor.wants_page() {
        return Ok(Json(json!({ "rooms": cards })).into_response());
    }
    let rooms = cards.iter().take(SHOWN).map(Into::into).collect();
    page(StatusCode::OK, &LobbyPage { layout: visitor.layout(), rooms })
}

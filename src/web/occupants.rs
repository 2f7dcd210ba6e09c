//! Who is in a room, and what its owner can do about it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Visitor, Web,
    error::{Failure, Fault},
    fields::Fields,
    room_address, room_id, see_other,
};
use crate::{bridge::Refusal, chat::Uid};

/// `GET /room/{id}/occupants`: `{"occupants":[{uid, user, name?, kind, connections}…]}`
pub async fn list(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    let member = web.bridge.member(&visitor.identity, room_id(&id)?)?;
    Ok(Json(json!({ "occupants": member.occupants()? })))
}

/// `POST /room/{id}/kick` with `uid` and `ban`? (owner).
pub async fn kick(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    visitor.pace(&web)?;
    let owner = web.bridge.owner(&visitor.identity, room_id(&id)?)?;
    let ban = fields.choice("ban");
    let ban = ban.ok_or_else(|| Failure::Faulty(vec![Fault::new("ban", "give true or false")]))?;
    owner.kick(whom(&fields)?, ban).await?;
    if visitor.wants_page() {
        return Ok(see_other(&room_address(room_id(&id)?)));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /room/{id}/bans`: `{"bans":[{uid, user, name?}…]}` (owner).
pub async fn bans(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    let owner = web.bridge.owner(&visitor.identity, room_id(&id)?)?;
    Ok(Json(json!({ "bans": owner.bans().await? })))
}

/// `DELETE /room/{id}/bans/{uid}`: they may come again (owner). 204 also when they were not banned.
pub async fn lift_ban(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path((id, uid)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    visitor.pace(&web)?;
    let owner = web.bridge.owner(&visitor.identity, room_id(&id)?)?;
    owner.lift_ban(uid.parse().map_err(|_| Refusal::NotFound)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /room/{id}/owner` with `uid` (owner). JSON answers with the card.
pub async fn hand_over(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    visitor.pace(&web)?;
    let owner = web.bridge.owner(&visitor.identity, room_id(&id)?)?;
    let card = owner.hand_over(whom(&fields)?).await?;
    if visitor.wants_page() {
        return Ok(see_other(&room_address(card.id)));
    }
    Ok(Json(card).into_response())
}

fn whom(fields: &Fields) -> Result<Uid, Failure> {
    let uid = fields.text("uid").and_then(|text| text.parse().ok());
    uid.ok_or_else(|| Failure::Faulty(vec![Fault::new("uid", "give the id of a person")]))
}

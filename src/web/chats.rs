//! What is said in a room: said by POST, read in pages.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Visitor, Web, error::Failure, fields::Fields, negotiate::Form, room_address, room_id,
    said::Said, see_other,
};
use crate::{
    bridge::Refusal,
    chat::{Draft, Event},
    store::Page,
};

/// `POST /room/{id}/chat` with `chat` and `key`?; or the text itself.
///
/// A page leads back to the room; else 201 with the event. Answered when it is stored.
pub async fn say(
    State(web): State<Arc<Web>>,
    mut visitor: Visitor,
    Path(id): Path<String>,
    said: Said,
) -> Result<Response, Failure> {
    if !said.is_bare {
        return post(&web, &visitor, &id, said.fields).await;
    }
    visitor.form = Form::Json;
    let posted = post(&web, &visitor, &id, said.fields).await;
    Ok(posted.unwrap_or_else(|failure| failure.for_programs(visitor.language)))
}

async fn post(
    web: &Web,
    visitor: &Visitor,
    id: &str,
    mut fields: Fields,
) -> Result<Response, Failure> {
    // A form has no way to leave a field out.
    fields.0.retain(|name, value| name != "key" || value != "");
    let draft = Draft::from_fields(&fields.0, web.config.limits.text_chars);
    let said = async {
        let room = id.parse().map_err(|_| Refusal::NoSuchRoom)?;
        let member = web.bridge.member(&visitor.identity, room)?;
        let draft = draft.map_err(Refusal::from)?;
        visitor.pace(web)?;
        Ok((room, member.post(draft).await?))
    };
    match said.await {
        Ok((room, _)) if visitor.wants_page() => Ok(see_other(&room_address(room))),
        Ok((_, event)) => Ok((StatusCode::CREATED, Json(event)).into_response()),
        Err(why) => {
            let typed = fields.0.get("chat").and_then(Value::as_str).unwrap_or_default().to_owned();
            Err(Failure::Unsaid { why, typed })
        }
    }
}

/// Which page of the log; the newest one when neither is given.
#[derive(Deserialize)]
pub struct Wanted {
    before: Option<u64>,
    after: Option<u64>,
    /// At most `limits.page`, which is also the default.
    limit: Option<u32>,
}

/// `GET /room/{id}/chats?before=&after=&limit=`
#[derive(Serialize)]
pub struct Chats {
    /// Oldest first.
    chats: Vec<Event>,
    /// What to ask for next, to read further back; `None` at the beginning of the log.
    before: Option<u64>,
}

pub async fn read(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Chats>, Failure> {
    let member = web.bridge.member(&visitor.identity, room_id(&id)?)?;
    let part = match (wanted.before, wanted.after) {
        (None, None) => Page::Newest,
        (Some(seq), None) => Page::Before(seq),
        (None, Some(seq)) => Page::After(seq),
        (Some(_), Some(_)) => return Err(Failure::Request(StatusCode::BAD_REQUEST)),
    };
    let most = web.config.limits.page;
    let chats = member.page(part, wanted.limit.unwrap_or(most).clamp(1, most)).await?;
    let before = before(&chats);
    Ok(Json(Chats { chats, before }))
}

/// The number before which there is more to read.
pub fn before(events: &[Event]) -> Option<u64> {
    events.first().and_then(|event| event.seq).filter(|seq| *seq > 1)
}

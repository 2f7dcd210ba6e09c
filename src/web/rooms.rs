//! Rooms: made, entered, left, changed, closed.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Visitor, Web,
    error::{Failure, Fault},
    fields::Fields,
    page,
    pages::{
        EnterFault, EnterPage, MessageLimits, RoomFaults, RoomFormPage, RoomLimits, RoomPage,
        RoomValues,
    },
    room_address, room_id, see_other,
};
use crate::{
    bridge::{Refusal, Wish, refusal::whole_seconds},
    chat::{
        RoomId,
        room::{DEFAULT_MAX, MAX_OCCUPANTS, PASSWORD_CHARS, RoomDraft, RoomFault, TITLE_CHARS},
    },
    store::Page,
};

/// No room may have so many: read for whatever is not a whole number.
const NO_NUMBER: u32 = 0;

const ROOM_LIMITS: RoomLimits = RoomLimits {
    title: *TITLE_CHARS.end(),
    max: *MAX_OCCUPANTS.end(),
    password: *PASSWORD_CHARS.end(),
};

/// `GET /room`: the form for a new room.
pub async fn form(visitor: Visitor) -> Result<Response, Failure> {
    room_form(StatusCode::OK, &visitor, RoomValues::default(), RoomFaults::default(), None)
}

/// `POST /room` with `title`, `max`?, `password`?, `keep`?, `offRecord`?
///
/// A page leads on to the room; JSON is 201 with `Location` and the card. 422 names each fault.
pub async fn create(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Failure> {
    let draft = match room_draft(&fields) {
        Ok(draft) => draft,
        Err(faults) if visitor.wants_page() => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return form_again(&visitor, &fields, status, &faults, None);
        }
        Err(faults) => return Err(Failure::Faulty(faults)),
    };
    let made = async {
        visitor.pace(&web)?;
        web.bridge.create(&visitor.identity, draft, visitor.address).await
    };
    let card = match made.await {
        Ok(card) => card,
        Err(refusal) if visitor.wants_page() => {
            let failure = Failure::from(refusal);
            let why = failure.sentence(visitor.language);
            let form = form_again(&visitor, &fields, failure.status(), &[], Some(why))?;
            return Ok(with_wait(failure, form));
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let address = room_address(card.id);
    if visitor.wants_page() {
        return Ok(see_other(&address));
    }
    Ok((StatusCode::CREATED, [(header::LOCATION, address)], Json(card)).into_response())
}

/// `GET /room/{id}`: the conversation; a locked room's door; or the card as JSON.
pub async fn show(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let room = room_id(&id)?;
    let member = match web.bridge.member(&visitor.identity, room) {
        Err(Refusal::Locked) if visitor.wants_page() => {
            return door(&web, &visitor, room, StatusCode::FORBIDDEN, None);
        }
        member => member?,
    };
    let card = member.card()?;
    if !visitor.wants_page() {
        return Ok(Json(card).into_response());
    }
    if !member.has_place() {
        return Err(Refusal::Full.into());
    }
    let events = member.page(Page::Newest, web.config.rooms.history).await?;
    let conversation = RoomPage {
        layout: visitor.layout(),
        room: (&card).into(),
        before: super::chats::before(&events),
        events: events.into_iter().map(Into::into).collect(),
        mqtt_port: web.mqtt_port,
        limits: MessageLimits {
            text: web.config.limits.text_chars,
            upload_bytes: web.config.uploads.bytes as u64,
            pixels: web.config.uploads.pixels,
        },
        room_limits: ROOM_LIMITS,
    };
    page(StatusCode::OK, &conversation)
}

/// `POST /room/{id}/enter` with `password`: lets this identity in from now on.
pub async fn enter(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    let room = room_id(&id)?;
    let password = fields.text("password").unwrap_or_default();
    let entered = web.bridge.unlock(&visitor.identity, room, password, visitor.address).await;
    match entered {
        Ok(()) if visitor.wants_page() => Ok(see_other(&room_address(room))),
        Ok(()) => Ok(Json(web.bridge.card(room).ok_or(Refusal::NoSuchRoom)?).into_response()),
        Err(refusal) if visitor.wants_page() => {
            let fault = match refusal {
                Refusal::WrongPassword => EnterFault::WrongPassword,
                Refusal::TooOften(_, wait) => EnterFault::TooOften(whole_seconds(wait)),
                refusal => return Err(refusal.into()),
            };
            let failure = Failure::from(refusal);
            let shut = door(&web, &visitor, room, failure.status(), Some(fault))?;
            Ok(with_wait(failure, shut))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// `POST /room/{id}/leave`: no connection of this identity will come back.
pub async fn leave(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let member = room_id(&id).and_then(|room| Ok(web.bridge.member(&visitor.identity, room)?));
    if let Ok(member) = &member {
        member.leave();
    }
    if visitor.wants_page() {
        // Whatever became of the room: who leaves wants to be outside.
        return Ok(see_other("/"));
    }
    member.map(|_| StatusCode::NO_CONTENT.into_response())
}

/// `PATCH /room/{id}` with any of `title`, `max`, `password` (empty or null: unlocks), `keep`.
pub async fn change(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    visitor.pace(&web)?;
    let owner = web.bridge.owner(&visitor.identity, room_id(&id)?)?;
    let wish = wish(&fields)?;
    Ok(Json(owner.change(wish, visitor.address).await?).into_response())
}

/// `DELETE /room/{id}`: the room, what was said in it, and its images are gone.
pub async fn close(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    visitor.pace(&web)?;
    web.bridge.owner(&visitor.identity, room_id(&id)?)?.close().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The page that asks for a locked room's password.
fn door(
    web: &Web,
    visitor: &Visitor,
    room: RoomId,
    status: StatusCode,
    fault: Option<EnterFault>,
) -> Result<Response, Failure> {
    let card = web.bridge.card(room).ok_or(Refusal::NoSuchRoom)?;
    page(status, &EnterPage { layout: visitor.layout(), room: (&card).into(), fault })
}

/// A page that says itself what did not work, with the time after which it may.
fn with_wait(failure: Failure, page: Response) -> Response {
    let wait = failure.into_response().headers().get(header::RETRY_AFTER).cloned();
    (wait.map(|wait| [(header::RETRY_AFTER, wait)]), page).into_response()
}

/// The form with all that was typed, but the password.
fn form_again(
    visitor: &Visitor,
    fields: &Fields,
    status: StatusCode,
    faults: &[Fault],
    refusal: Option<String>,
) -> Result<Response, Failure> {
    let (title, max) = (fields.shown("title"), fields.shown("max"));
    let values = RoomValues {
        title: &title,
        max: &max,
        off_record: fields.choice("offRecord").unwrap_or_default(),
        keep: fields.choice("keep").unwrap_or_default(),
    };
    let is_faulty = |field| faults.iter().any(|fault| fault.field == field);
    let faults = RoomFaults {
        title: is_faulty("title"),
        max: is_faulty("max"),
        password: is_faulty("password"),
    };
    room_form(status, visitor, values, faults, refusal)
}

fn room_form(
    status: StatusCode,
    visitor: &Visitor,
    values: RoomValues<'_>,
    faults: RoomFaults,
    refusal: Option<String>,
) -> Result<Response, Failure> {
    let (layout, limits) = (visitor.layout(), ROOM_LIMITS);
    page(status, &RoomFormPage { layout, values, faults, refusal, limits })
}

/// The room that the fields ask for, or every fault of theirs.
fn room_draft(fields: &Fields) -> Result<RoomDraft, Vec<Fault>> {
    let mut faults = Vec::new();
    let draft = RoomDraft {
        title: fields.text("title").unwrap_or_default().to_owned(),
        max: match fields.has("max") {
            true => fields.whole("max").unwrap_or(NO_NUMBER),
            false => DEFAULT_MAX,
        },
        password: password_or_fault(fields, &mut faults),
        off_record: choice_or_fault(fields, "offRecord", &mut faults),
        keep: choice_or_fault(fields, "keep", &mut faults),
    };
    match draft.checked() {
        Ok(draft) if faults.is_empty() => Ok(draft),
        Ok(_) => Err(faults),
        Err(more) => Err(more.into_iter().map(Fault::from).chain(faults).collect()),
    }
}

/// The changes that the fields ask for. The bridge checks the values.
fn wish(fields: &Fields) -> Result<Wish, Failure> {
    let mut faults = Vec::new();
    // `null` is a value here: no password.
    let password = fields.0.contains_key("password");
    let wish = Wish {
        title: fields.has("title").then(|| fields.text("title").unwrap_or_default().to_owned()),
        max: fields.has("max").then(|| fields.whole("max").unwrap_or(NO_NUMBER)),
        password: password.then(|| password_or_fault(fields, &mut faults).unwrap_or_default()),
        keep: fields.has("keep").then(|| choice_or_fault(fields, "keep", &mut faults)),
    };
    if faults.is_empty() { Ok(wish) } else { Err(Failure::Faulty(faults)) }
}

fn password_or_fault(fields: &Fields, faults: &mut Vec<Fault>) -> Option<String> {
    let password = fields.text("password");
    if password.is_none() && fields.has("password") {
        faults.push(RoomFault::Password.into());
    }
    password.map(str::to_owned)
}

fn choice_or_fault(fields: &Fields, name: &'static str, faults: &mut Vec<Fault>) -> bool {
    fields.choice(name).unwrap_or_else(|| {
        faults.push(Fault::new(name, "give true or false"));
        false
    })
}

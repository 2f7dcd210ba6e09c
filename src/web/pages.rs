//! The pages as types: what each needs to be drawn. The HTML is in `templates/`, the sentences in
//! [`texts`](super::texts). No requests, no responses, no look-ups: the handlers fill these.

use askama::Template;
use serde::Serialize;

use super::texts::{Language, ScriptTexts, Texts, fill, size};

mod help;

pub use help::{ApiPage, HelpLine, HelpPage, HelpSection};

/// What every page has around its content.
#[derive(Clone, Copy)]
pub struct Layout<'a> {
    pub language: Language,
    /// Where the public files are, without a slash at the end: `/assets/3f2a9c`.
    pub assets: &'a str,
    /// The path that Parlor is mounted under, without a slash at the end; normally empty.
    pub base: &'a str,
    pub me: Me<'a>,
}

impl Layout<'_> {
    fn texts(&self) -> &'static Texts {
        self.language.texts()
    }
}

/// Whom the page is drawn for.
#[derive(Clone, Copy, Serialize)]
pub struct Me<'a> {
    pub uid: &'a str,
    /// The colour, `#rrggbb`.
    pub user: &'a str,
}

/// A room card, as in the directory.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardView {
    pub id: String,
    pub title: String,
    pub max: u32,
    /// The owner's name or colour.
    pub owner: String,
    pub owner_id: String,
    pub locked: bool,
    pub off_record: bool,
    pub keep: bool,
    pub occupancy: u32,
    /// RFC 3339.
    pub created_at: String,
}

impl CardView {
    /// What the script clones and fills.
    fn blank() -> Self {
        Self {
            id: String::new(),
            title: String::new(),
            max: 1,
            owner: String::new(),
            owner_id: String::new(),
            locked: false,
            off_record: false,
            keep: false,
            occupancy: 0,
            created_at: String::new(),
        }
    }

    /// The owner's colour; a named owner has none to show.
    fn owner_colour(&self) -> &str {
        colour_or_grey(&self.owner)
    }

    /// The day it was made, UTC: only a script knows the reader's time zone.
    fn day(&self) -> &str {
        self.created_at.get(..10).unwrap_or_default()
    }

    fn is_full(&self) -> bool {
        self.occupancy >= self.max
    }

    fn occupancy_text(&self, layout: &Layout<'_>) -> String {
        let values: [(&str, &dyn std::fmt::Display); 2] =
            [("n", &self.occupancy), ("max", &self.max)];
        fill(layout.texts().script.occupancy, &values)
    }
}

/// An event of a room's log, as on the wire.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// `chat`, `join`, `exit`, `owner`, `kick` or `removeRoom`.
    #[serde(rename = "type")]
    pub kind: String,
    pub room: String,
    pub seq: u64,
    pub id: String,
    /// The colour, `#rrggbb`, or `system`.
    pub user: String,
    pub uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<String>,
    /// A file name under `/gif/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gif: Option<String>,
    /// The image's size in pixels; `None` for those of old messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    pub animated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// RFC 3339.
    pub created_at: String,
}

impl EventView {
    /// What the script clones and fills.
    fn blank() -> Self {
        Self {
            kind: "chat".to_owned(),
            room: String::new(),
            seq: 0,
            id: String::new(),
            user: String::new(),
            uid: String::new(),
            name: None,
            chat: None,
            gif: None,
            width: None,
            height: None,
            animated: false,
            key: None,
            created_at: String::new(),
        }
    }

    /// The width and height that the picture is shown at: its own, or what fits into the line.
    /// `render.js` knows the same.
    fn box_size(&self) -> (u32, u32) {
        const MOST: (f64, f64) = (320.0, 400.0);
        let (Some(width), Some(height)) = (self.width, self.height) else { return (320, 240) };
        let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let scale = (MOST.0 / width).min(MOST.1 / height).min(1.0);
        let scaled = |length: f64| (length * scale).round().max(1.0) as u32;
        (scaled(width), scaled(height))
    }

    fn is_system(&self) -> bool {
        self.user == "system"
    }

    fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.user)
    }

    fn colour(&self) -> &str {
        colour_or_grey(&self.user)
    }

    /// Hours and minutes, UTC: only a script knows the reader's time zone.
    fn clock(&self) -> &str {
        self.created_at.get(11..16).unwrap_or_default()
    }
}

/// `text` if it is a colour; a name is drawn in grey.
fn colour_or_grey(text: &str) -> &str {
    if text.starts_with('#') { text } else { "#808080" }
}

/// `GET /`: the rooms there are.
#[derive(Template)]
#[template(path = "lobby.html")]
pub struct LobbyPage<'a> {
    pub layout: Layout<'a>,
    /// In the order to show them.
    pub rooms: Vec<CardView>,
}

impl LobbyPage<'_> {
    fn data(&self) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Data<'a> {
            base: &'a str,
            me: Me<'a>,
            texts: &'static ScriptTexts,
        }
        let Layout { base, me, .. } = self.layout;
        script_json(&Data { base, me, texts: &self.layout.texts().script })
    }
}

/// `GET /room`, and `POST /room` again when something is wrong with it.
#[derive(Template)]
#[template(path = "room_form.html")]
pub struct RoomFormPage<'a> {
    pub layout: Layout<'a>,
    pub values: RoomValues<'a>,
    pub faults: RoomFaults,
    /// Why the room was not made, when no field is to blame.
    pub refusal: Option<String>,
    pub limits: RoomLimits,
}

impl RoomFormPage<'_> {
    fn title_rule(&self) -> String {
        fill(self.layout.texts().title_rule, &[("n", &self.limits.title)])
    }

    fn password_hint(&self) -> String {
        fill(self.layout.texts().password_hint, &[("n", &self.limits.password)])
    }

    fn title_fault(&self) -> String {
        fill(self.layout.texts().title_fault, &[("n", &self.limits.title)])
    }

    fn max_hint(&self) -> String {
        fill(self.layout.texts().max_hint, &[("n", &self.limits.max)])
    }

    fn max_fault(&self) -> String {
        fill(self.layout.texts().max_fault, &[("n", &self.limits.max)])
    }

    fn password_fault(&self) -> String {
        fill(self.layout.texts().password_fault, &[("n", &self.limits.password)])
    }
}

/// What was typed. A password is never sent back.
#[derive(Clone, Copy)]
pub struct RoomValues<'a> {
    pub title: &'a str,
    pub max: &'a str,
    pub off_record: bool,
    pub keep: bool,
}

impl Default for RoomValues<'_> {
    fn default() -> Self {
        Self { title: "", max: "10", off_record: false, keep: false }
    }
}

/// Which fields break their rule; the page says the rule beside the field.
#[derive(Clone, Copy, Default)]
pub struct RoomFaults {
    pub title: bool,
    pub max: bool,
    pub password: bool,
}

impl RoomFaults {
    pub const fn any(self) -> bool {
        self.title || self.max || self.password
    }
}

/// The largest accepted values.
#[derive(Clone, Copy)]
pub struct RoomLimits {
    /// Characters of a title.
    pub title: usize,
    /// Occupants of a room.
    pub max: u32,
    /// Characters of a password.
    pub password: usize,
}

/// A locked room's door: asks for the password.
#[derive(Template)]
#[template(path = "enter.html")]
pub struct EnterPage<'a> {
    pub layout: Layout<'a>,
    pub room: CardView,
    pub fault: Option<EnterFault>,
}

/// Why the door stayed shut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum EnterFault {
    WrongPassword,
    /// With the seconds after which one may try again.
    TooOften(u64),
}

impl EnterPage<'_> {
    fn fault_text(&self) -> Option<String> {
        let texts = self.layout.texts();
        self.fault.map(|fault| match fault {
            EnterFault::WrongPassword => texts.enter_wrong.to_owned(),
            EnterFault::TooOften(wait) => fill(texts.enter_too_often, &[("n", &wait)]),
        })
    }
}

/// `GET /room/{id}`: the conversation.
#[derive(Template)]
#[template(path = "room.html")]
pub struct RoomPage<'a> {
    pub layout: Layout<'a>,
    pub room: CardView,
    /// The newest events, at most 50, oldest first.
    pub events: Vec<EventView>,
    /// The seq to ask for what is before them; `None` at the beginning of the log.
    pub before: Option<u64>,
    /// The port of the plain MQTT listener; `None` when there is none.
    pub mqtt_port: Option<u16>,
    pub limits: MessageLimits,
    pub room_limits: RoomLimits,
}

/// What a message may have.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageLimits {
    /// Characters of a text.
    pub text: usize,
    /// Bytes of an uploaded image.
    pub upload_bytes: u64,
    /// And its pixels.
    pub pixels: u64,
}

impl RoomPage<'_> {
    fn text_rule(&self) -> String {
        fill(self.layout.texts().text_rule, &[("n", &self.limits.text)])
    }

    fn image_rule(&self) -> String {
        let most = usize::try_from(self.limits.upload_bytes).map(size).unwrap_or_default();
        fill(self.layout.texts().image_rule, &[("n", &most)])
    }

    fn title_fault(&self) -> String {
        fill(self.layout.texts().title_fault, &[("n", &self.room_limits.title)])
    }

    fn max_fault(&self) -> String {
        fill(self.layout.texts().max_fault, &[("n", &self.room_limits.max)])
    }

    fn password_fault(&self) -> String {
        fill(self.layout.texts().lock_fault, &[("n", &self.room_limits.password)])
    }

    fn data(&self) -> serde_json::Result<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Data<'a> {
            base: &'a str,
            assets: &'a str,
            me: Me<'a>,
            room: &'a CardView,
            events: &'a [EventView],
            before: Option<u64>,
            mqtt_port: Option<u16>,
            limits: MessageLimits,
            texts: &'static ScriptTexts,
        }
        script_json(&Data {
            base: self.layout.base,
            assets: self.layout.assets,
            me: self.layout.me,
            room: &self.room,
            events: &self.events,
            before: self.before,
            mqtt_port: self.mqtt_port,
            limits: self.limits,
            texts: &self.layout.texts().script,
        })
    }
}

/// A page for what did not work, with the way back.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    pub layout: Layout<'a>,
    pub problem: Problem,
    /// What it says, with the limit that was met.
    pub sentence: String,
    /// A message that was not taken, to be copied or tried again.
    pub typed: Option<&'a str>,
}

impl ErrorPage<'_> {
    fn heading(&self) -> &'static str {
        self.problem.text(self.layout.language).0
    }

    /// The same address may lead in later.
    fn may_get_better(&self) -> bool {
        self.problem == Problem::Full
    }
}

/// What did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    NoSuchPage,
    NoSuchRoom,
    Full,
    Banned,
    Forbidden,
    BadRequest,
    TooLarge,
    TooOften,
    Unavailable,
    Internal,
    TooManyRooms,
    RoomsTooOften,
    EmptyMessage,
    MessageTooLong,
    ImageTooLarge,
    NotAnImage,
    DamagedImage,
    ImageTooBig,
    StorageFull,
    QuotaUsed,
}

impl Problem {
    /// A heading and a sentence; `{n}` in it is the limit that was met.
    pub const fn text(self, language: Language) -> (&'static str, &'static str) {
        let problems = &language.texts().problems;
        match self {
            Self::NoSuchPage => problems.no_such_page,
            Self::NoSuchRoom => problems.no_such_room,
            Self::Full => problems.full,
            Self::Banned => problems.banned,
            Self::Forbidden => problems.forbidden,
            Self::BadRequest => problems.bad_request,
            Self::TooLarge => problems.too_large,
            Self::TooOften => problems.too_often,
            Self::Unavailable => problems.unavailable,
            Self::Internal => problems.internal,
            Self::TooManyRooms => problems.too_many_rooms,
            Self::RoomsTooOften => problems.rooms_too_often,
            Self::EmptyMessage => problems.empty_message,
            Self::MessageTooLong => problems.message_too_long,
            Self::ImageTooLarge => problems.image_too_large,
            Self::NotAnImage => problems.not_an_image,
            Self::DamagedImage => problems.damaged_image,
            Self::ImageTooBig => problems.image_too_big,
            Self::StorageFull => problems.storage_full,
            Self::QuotaUsed => problems.quota_used,
        }
    }
}

/// JSON that may stand inside `<script type="application/json">`: no character of it can end the
/// element or open a comment.
fn script_json<T: Serialize>(value: &T) -> serde_json::Result<String> {
    let json = serde_json::to_string(value)?;
    Ok(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

#[cfg(test)]
mod tests;

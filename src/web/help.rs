//! Lines ready to be copied: how a shell and a program take part in a room, with this server's own
//! address and the room's own id. They never hold a password: shells and programs ask for it.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};

use super::{
    Failure, Visitor, Web, page,
    pages::{CardView, HelpLine, HelpPage, HelpSection},
    room_id,
    texts::{fill, help::HelpTexts, size},
};
use crate::{bridge::Refusal, chat::message::Key, config::Config};

mod lines;

use lines::{At, Door};

/// `GET /help`: rooms, and the server's limits.
pub async fn show(State(web): State<Arc<Web>>, visitor: Visitor) -> Result<Response, Failure> {
    help(&web, &visitor, None)
}

/// `GET /room/{id}/help`: this room. It says nothing that the room's card does not.
pub async fn show_room(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let card = web.bridge.card(room_id(&id)?).ok_or(Refusal::NoSuchRoom)?;
    help(&web, &visitor, Some((&card).into()))
}

fn help(web: &Web, visitor: &Visitor, room: Option<CardView>) -> Result<Response, Failure> {
    let texts = visitor.language.texts().help;
    let base = &visitor.site.base;
    let at = At {
        http: visitor.public.origin("http") + base,
        ws: visitor.public.origin("ws") + base,
        host: visitor.public.host().to_owned(),
        mqtt_port: web.mqtt_port,
    };
    let sections = match &room {
        Some(room) => of_room(&at, room, texts),
        None => of_server(&at, texts),
    };
    let limits = limits(&web.config, texts);
    page(StatusCode::OK, &HelpPage { layout: visitor.layout(), room, sections, limits })
}

fn of_room(at: &At, room: &CardView, texts: &HelpTexts) -> Vec<HelpSection> {
    let door = Door { at, room: &room.id, locked: room.locked };
    let mut sections = Vec::new();
    if room.locked {
        let lines = vec![
            HelpLine::new("password", texts.password, door.password()),
            HelpLine::new("enter", texts.enter, door.enter()),
        ];
        sections.push(HelpSection { heading: texts.locked, lead: texts.locked_lead, lines });
    }
    let lines = vec![
        HelpLine::new("say", texts.say, door.curl("-d 'build failed'", "/chat")),
        HelpLine::new("say-form", texts.say_form, door.curl(SAY_FORM, "/chat")),
        HelpLine::new("say-json", texts.say_json, door.curl(SAY_JSON, "/chat")),
        HelpLine::new("follow", texts.follow, door.curl("-N", "/events")),
        HelpLine::new("upload", texts.upload, door.curl(UPLOAD, "/gif")),
        HelpLine::new("read", texts.read, door.curl("-s", "/chats?limit=20")),
    ];
    sections.push(HelpSection { heading: texts.http, lead: texts.http_lead, lines });
    let mut programs = vec![HelpLine::new("node", texts.node, door.node())];
    if at.mqtt_port.is_some() {
        let lines = vec![
            HelpLine::new("listen", texts.listen, door.mosquitto("sub", "")),
            HelpLine::new("publish", texts.publish, door.mosquitto("pub", " -m 'door open'")),
            HelpLine::new("image", texts.image, door.mosquitto("pub", " -f picture.png")),
        ];
        sections.push(HelpSection { heading: texts.mqtt, lead: texts.mqtt_lead, lines });
        programs.push(HelpLine::new("python", texts.python, door.python()));
    }
    let (heading, lead) = (texts.programs, texts.programs_lead);
    sections.push(HelpSection { heading, lead, lines: programs });
    sections
}

const SAY_FORM: &str = "-H 'accept: application/json' --data-urlencode 'chat=50 % & more'";
const SAY_JSON: &str =
    r#"-H 'content-type: application/json' -d '{"chat":"build 42 failed","key":"build-42"}'"#;
const UPLOAD: &str =
    "-H 'accept: application/json' -F gif=@picture.png -F 'chat=the garden at noon'";

fn of_server(at: &At, texts: &HelpTexts) -> Vec<HelpSection> {
    let lines = vec![
        HelpLine::new("rooms", texts.rooms, at.rooms()),
        HelpLine::new("create", texts.create, at.create()),
    ];
    let mut sections = vec![HelpSection { heading: texts.http, lead: texts.server_lead, lines }];
    if at.mqtt_port.is_some() {
        let lines = vec![
            HelpLine::new("directory", texts.directory, at.mosquitto("sub", " -v -t 'rooms/+'")),
            HelpLine::new("watch", texts.watch, at.mosquitto("sub", " -v -t 'chat/+'")),
        ];
        sections.push(HelpSection { heading: texts.mqtt, lead: texts.watch_lead, lines });
    }
    sections
}

/// What the server takes, in sentences.
fn limits(config: &Config, texts: &HelpTexts) -> Vec<String> {
    let (limits, uploads) = (&config.limits, &config.uploads);
    let mut said = vec![
        fill(texts.limit_text, &[("n", &limits.text_chars), ("key", &Key::MAX_CHARS)]),
        fill(
            texts.limit_image,
            &[("size", &size(uploads.bytes)), ("n", &(uploads.pixels / 1_000_000))],
        ),
        fill(texts.limit_body, &[("size", &size(limits.body)), ("n", &(limits.request_ms / 1000))]),
        fill(texts.limit_page, &[("n", &limits.page)]),
    ];
    if limits.password_tries > 0 {
        let wait: [(&str, &dyn std::fmt::Display); 2] =
            [("n", &limits.password_tries), ("s", &(limits.password_wait_max_ms / 1000))];
        said.push(fill(texts.limit_password, &wait));
    }
    if limits.rooms_per_minute > 0 {
        said.push(fill(texts.limit_rooms, &[("n", &limits.rooms_per_minute)]));
    }
    if limits.publish_per_s > 0 {
        let pace: [(&str, &dyn std::fmt::Display); 2] =
            [("n", &limits.publish_per_s), ("burst", &limits.publish_burst)];
        said.push(fill(texts.limit_pace, &pace));
    }
    said
}

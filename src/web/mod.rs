//! Pages, JSON, uploads: what a browser sees over HTTP. All routes stand here, on one screen.
//!
//! A request meets `visitor.rs` first (who asks, and from which page), then its handler; what does
//! not work goes through `error.rs`. The pages are types in `pages.rs`, drawn from `templates/`.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Path},
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{MethodRouter, delete, get, post},
};
use tower_http::{compression::CompressionLayer, timeout::TimeoutLayer};

use crate::{
    bridge::{Bridge, Refusal},
    chat::RoomId,
    config::Config,
    mqtt::Edge,
};

mod api;
mod assets;
mod chats;
mod error;
mod events;
mod fields;
mod headers;
mod health;
mod help;
mod identity;
mod lobby;
mod metrics;
mod mount;
mod negotiate;
mod occupants;
mod origin;
pub mod pages;
mod rooms;
mod said;
mod site;
#[cfg(test)]
mod tests;
pub mod texts;
mod uploads;
mod via;
mod views;
mod visitor;

pub use error::Failure;
pub use visitor::Visitor;

use identity::Sessions;
use site::Site;
use uploads::Memory;

/// What the handlers share.
pub struct Web {
    bridge: Bridge,
    edge: Edge,
    config: Arc<Config>,
    sessions: Sessions,
    site: Arc<Site>,
    /// For uploads on their way to the bridge.
    memory: Memory,
    /// Where devices connect; the pages tell it.
    mqtt_port: Option<u16>,
}

impl Web {
    /// `cookie_secret` signs the sessions, and must be hard to guess.
    pub fn new(
        bridge: Bridge,
        edge: Edge,
        config: Arc<Config>,
        cookie_secret: &str,
        mqtt_port: Option<u16>,
    ) -> Self {
        let memory = Memory::for_images_of(config.uploads.bytes);
        let base = &config.server.base_path;
        let (sessions, site) = (Sessions::new(cookie_secret, base), Arc::new(Site::under(base)));
        Self { bridge, edge, config, sessions, site, memory, mqtt_port }
    }
}

/// Everything that HTTP serves. `mqtt` answers `GET /mqtt`; a request that reaches it comes from no
/// foreign page, and its [`Visitor`] says who sent it.
///
/// Needs `ConnectInfo<SocketAddr>` on its requests to know where they come from.
pub fn router(web: Web, mqtt: MethodRouter<Arc<Web>>) -> Router {
    let web = Arc::new(web);
    let limits = &web.config.limits;
    let patience = Duration::from_millis(limits.request_ms);
    let in_time = |patience| TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, patience);

    let uploads = Router::new()
        .route("/room/{id}/gif", post(uploads::receive))
        .layer(DefaultBodyLimit::max(uploads::body_limit(web.config.uploads.bytes)))
        .layer(in_time(patience * uploads::PATIENCE));
    let people = Router::new()
        .route("/", get(lobby::show))
        .route("/room", get(rooms::form).post(rooms::create))
        .route("/room/{id}", get(rooms::show).patch(rooms::change).delete(rooms::close))
        .route("/room/{id}/", get(without_slash))
        .route("/room/{id}/enter", post(rooms::enter))
        .route("/room/{id}/leave", post(rooms::leave))
        .route("/room/{id}/chat", post(chats::say))
        .route("/room/{id}/chats", get(chats::read))
        .route("/room/{id}/events", get(events::follow))
        .route("/room/{id}/occupants", get(occupants::list))
        .route("/room/{id}/help", get(help::show_room))
        .route("/room/{id}/kick", post(occupants::kick))
        .route("/room/{id}/bans", get(occupants::bans))
        .route("/room/{id}/bans/{uid}", delete(occupants::lift_ban))
        .route("/room/{id}/owner", post(occupants::hand_over))
        .route("/gif/{name}", get(uploads::show))
        .route("/help", get(help::show))
        .route("/api", get(api::show))
        .route("/api/openapi.json", get(api::open_api))
        .route("/api/asyncapi.json", get(api::async_api))
        .route("/mqtt", mqtt)
        .fallback(async || Failure::NoSuchPage)
        .layer(DefaultBodyLimit::max(limits.body))
        .layer(in_time(patience))
        .merge(uploads)
        .layer(from_fn_with_state(Arc::clone(&web), visitor::attend));
    let machines = Router::new()
        .route("/assets/{hash}/{*name}", get(assets::serve))
        .route("/favicon.ico", get(assets::icon))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show));
    let routes = people
        .merge(machines)
        .layer(from_fn(headers::add))
        .layer(CompressionLayer::new())
        .with_state(Arc::clone(&web));
    mount::under(&web.config.server.base_path, routes)
}

/// The id in a path. What is not an id is no room.
fn room_id(text: &str) -> Result<RoomId, Failure> {
    text.parse().map_err(|_| Refusal::NoSuchRoom.into())
}

/// `GET /room/{id}/`
async fn without_slash(Path(id): Path<String>) -> Result<Redirect, Failure> {
    Ok(Redirect::permanent(&room_address(room_id(&id)?)))
}

fn room_address(room: RoomId) -> String {
    format!("/room/{room}")
}

/// A page that a form's answer leads to.
fn see_other(address: &str) -> Response {
    Redirect::to(address).into_response()
}

fn page(status: StatusCode, page: &impl Template) -> Result<Response, Failure> {
    Ok((status, Html(page.render()?)).into_response())
}

//! What the server does, described for programs: HTTP as OpenAPI, MQTT as AsyncAPI. The documents
//! are files in `api/`; only the address is the request's.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Failure, Visitor, Web, page, pages::ApiPage};

const OPEN_API: &str = include_str!("../../api/openapi.json");
const ASYNC_API: &str = include_str!("../../api/asyncapi.json");

/// `GET /api`: where the documents are.
pub async fn show(visitor: Visitor) -> Result<Response, Failure> {
    if visitor.wants_page() {
        return page(StatusCode::OK, &ApiPage { layout: visitor.layout() });
    }
    let base = &visitor.site.base;
    let places = json!({
        "openapi": format!("{base}/api/openapi.json"),
        "asyncapi": format!("{base}/api/asyncapi.json"),
    });
    Ok(Json(places).into_response())
}

/// `GET /api/openapi.json`
pub async fn open_api(visitor: Visitor) -> Result<Json<Value>, Failure> {
    let mut document = read(OPEN_API)?;
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    let address = visitor.public.origin("http") + &visitor.site.base;
    document["servers"] = json!([{ "url": address }]);
    Ok(Json(document))
}

/// `GET /api/asyncapi.json`
pub async fn async_api(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
) -> Result<Json<Value>, Failure> {
    let mut document = read(ASYNC_API)?;
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    let public = &visitor.public;
    document["servers"]["websocket"]["protocol"] = json!(if public.https { "wss" } else { "ws" });
    document["servers"]["websocket"]["host"] = json!(public.authority);
    document["servers"]["websocket"]["pathname"] = json!(format!("{}/mqtt", visitor.site.base));
    if let Some(port) = web.mqtt_port {
        let host = public.host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        document["servers"]["tcp"] =
            json!({ "host": format!("{host}:{port}"), "protocol": "mqtt" });
    }
    Ok(Json(document))
}

/// Compiled in, and tests read it: a fault is no client's.
fn read(document: &str) -> Result<Value, Failure> {
    serde_json::from_str(document).map_err(|error| {
        tracing::error!(%error, "a description cannot be read");
        Failure::Request(StatusCode::INTERNAL_SERVER_ERROR)
    })
}

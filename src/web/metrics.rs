//! `GET /metrics`, as Prometheus reads it (text format 0.0.4): for this machine, and for devices
//! that are monitors, with `Authorization: Bearer NAME:TOKEN`.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::IntoResponse,
};

use super::{Web, error::Failure, health, via::Via};
use crate::mqtt::metrics::Metric;

const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// 403 for everybody else.
pub async fn show(
    State(web): State<Arc<Web>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Failure> {
    let trusted = &web.config.server.trusted_proxies;
    let via = Via::of(peer.ip(), &uri, &headers, trusted);
    let vouched = trusted.contains(&peer.ip().to_canonical());
    if !is_this_machine(via.address, &headers, vouched) && !is_monitor(&web, &via, &headers).await?
    {
        return Err(Failure::Request(StatusCode::FORBIDDEN));
    }
    let ready = health::is_ready(&web).await.is_ok();
    let help = "Whether bridge and store work";
    let ready = Metric { name: "ready", help, value: ready.into() };
    let metrics: Vec<Metric> = web.edge.metrics().into_iter().chain([ready]).collect();
    Ok(([(header::CONTENT_TYPE, TYPE)], written(&metrics)))
}

/// What a proxy passes on is not from here, even when that proxy is and nobody has told us of it.
fn is_this_machine(address: IpAddr, headers: &HeaderMap, vouched: bool) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for"].iter().any(|name| headers.contains_key(*name));
    address.is_loopback() && (vouched || !forwarded)
}

async fn is_monitor(web: &Web, via: &Via, headers: &HeaderMap) -> Result<bool, Failure> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer "));
    let Some((name, token)) = given.and_then(|pair| pair.rsplit_once(':')) else {
        return Ok(false);
    };
    Ok(web.bridge.device(name, token, via.address).await?.monitor)
}

fn written(metrics: &[Metric]) -> String {
    let mut text = format!(
        "# HELP parlor_build_info Which Parlor this is\n# TYPE parlor_build_info gauge\n\
         parlor_build_info{{version=\"{}\"}} 1\n",
        env!("CARGO_PKG_VERSION")
    );
    for Metric { name, help, value } in metrics {
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        text += &format!(
            "# HELP parlor_{name} {help}\n# TYPE parlor_{name} {kind}\nparlor_{name} {value}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_says_what_it_is() {
        let metrics = [
            Metric { name: "rooms", help: "Rooms", value: 2 },
            Metric { name: "bytes_total", help: "Bytes", value: 3 },
        ];
        let text = written(&metrics);
        assert!(text.contains("# TYPE parlor_rooms gauge\nparlor_rooms 2\n"), "{text}");
        assert!(
            text.contains("# TYPE parlor_bytes_total counter\nparlor_bytes_total 3\n"),
            "{text}"
        );
    }
}

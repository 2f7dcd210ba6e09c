//! rumqttd as it comes, with its own listeners and the settings of its example.
//!
//! `rumqttd-peer MQTT-PORT WEBSOCKET-PORT`

use rumqttd::{Broker, Config};

const SETTINGS: &str = r#"
id = 0
[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
"#;

const LISTENER: &str = r#"
[NAME.1]
name = "NAME"
listen = "127.0.0.1:PORT"
next_connection_delay_ms = 1
[NAME.1.connections]
connection_timeout_ms = 60000
max_payload_size = 20480
max_inflight_count = 100
dynamic_filters = true
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut settings = SETTINGS.to_owned();
    for (name, port) in ["v4", "ws"].into_iter().zip(std::env::args().skip(1)) {
        settings += &LISTENER.replace("NAME", name).replace("PORT", &port);
    }
    let config: Config = toml::from_str(&settings)?;
    Ok(Broker::new(config).start()?)
}

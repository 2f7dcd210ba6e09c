//! A client library that others use, rumqttc, in both versions: as a device's program would.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Server, Store, Visitor, on_each_store, visitor::id_of, within};

/// One version of rumqttc: the two have the same names in different modules.
macro_rules! speaks_and_comes_back {
    ($name:ident, $options:ty, $client:ty, $qos:ty, $publish:pat => $payload:expr) => {
            async fn $name(store: Store) {
                let mut server = Server::start(store).await;
                let host = Visitor::to(&server);
                let wish = json!({"password": "p", "title": stringify!($name)});
                let room = id_of(&host.create(wish).await);
                let topic = format!("chat/{room}");
                let mut options = <$options>::new("device", "127.0.0.1", server.mqtt.port());
                options.set_credentials(format!("room:{room}"), "p");
                options.set_keep_alive(Duration::from_secs(5));
                let (client, mut events) = <$client>::new(options, 10);

                // Runs the connection until an event of the room that says this.
                macro_rules! hear {
                    ($kind:expr, $chat:expr) => {
                        within($chat, async {
                            loop {
                                // An error is a lost connection: the next poll connects again.
                                let Ok(event) = events.poll().await else {
                                    tokio::task::yield_now().await;
                                    continue;
                                };
                                let $publish = event else { continue };
                                let event: Value = serde_json::from_slice($payload).unwrap();
                                if event["type"] == $kind && event["chat"].as_str().unwrap().contains($chat) {
                                    break event;
                                }
                            }
                        })
                        .await
                    };
                }

                client.subscribe(&topic, <$qos>::AtLeastOnce).await.unwrap();
                assert_eq!(hear!("join", "joined.")["occupancy"], 1);
                client.publish(&topic, <$qos>::ExactlyOnce, false, "twenty").await.unwrap();
                assert_eq!(hear!("chat", "twenty")["seq"], 2);
                host.say(&room, "well done").await;
                assert_eq!(hear!("chat", "well done")["seq"], 3);

                server.kill().await;
                server.again().await;
                client.subscribe(&topic, <$qos>::AtLeastOnce).await.unwrap();
                client.publish(&topic, <$qos>::AtLeastOnce, false, "back again").await.unwrap();
                assert_eq!(hear!("chat", "back again")["seq"], 4, "without a second join");
            }
    };
}

on_each_store!(rumqttc_of_3_1_1_speaks_and_comes_back, rumqttc_of_5_speaks_and_comes_back);

mod v4 {
    pub use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
}
mod v5 {
    pub use rumqttc::v5::{
        AsyncClient, Event, MqttOptions,
        mqttbytes::{QoS, v5::Packet},
    };
}

speaks_and_comes_back!(
    rumqttc_of_3_1_1_speaks_and_comes_back,
    v4::MqttOptions,
    v4::AsyncClient,
    v4::QoS,
    v4::Event::Incoming(v4::Packet::Publish(publish)) => &publish.payload
);
speaks_and_comes_back!(
    rumqttc_of_5_speaks_and_comes_back,
    v5::MqttOptions,
    v5::AsyncClient,
    v5::QoS,
    v5::Event::Incoming(v5::Packet::Publish(publish)) => &publish.payload
);

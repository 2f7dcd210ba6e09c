//! A client library that others use, rumqttc, in both versions: as a device's program would.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Server, Store, Visitor, on_each_store, visitor::id_of, within};

/// One version of rumqttc: the two have the same names in different modules.
macro_rules! speaks_and_comes_back {
    ($name:ident, $options:ty, $client:ty, $qos:ty, $connected:pat,
     $subscribed:pat, $publish:pat => $payload:expr) => {
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

                // Runs the connection until this comes; after an error the next poll connects again.
                macro_rules! next {
                    ($wanted:pat => $value:expr) => {
                        within(stringify!($wanted), async {
                            loop {
                                match events.poll().await {
                                    Ok($wanted) => break $value,
                                    _ => tokio::task::yield_now().await,
                                }
                            }
                        })
                        .await
                    };
                }
                macro_rules! hear {
                    () => {{
                        let payload = next!($publish => $payload.clone());
                        let event: Value = serde_json::from_slice(&payload).unwrap();
                        (event["seq"].as_u64().unwrap(), event["chat"].as_str().unwrap().to_owned())
                    }};
                }

                client.subscribe(&topic, <$qos>::AtLeastOnce).await.unwrap();
                assert_eq!(hear!().0, 1, "its own join");
                client.publish(&topic, <$qos>::ExactlyOnce, false, "twenty").await.unwrap();
                assert_eq!(hear!(), (2, "twenty".to_owned()));
                host.say(&room, "well done").await;
                assert_eq!(hear!(), (3, "well done".to_owned()));

                server.kill().await;
                server.again().await;
                next!($connected => ());
                client.subscribe(&topic, <$qos>::AtLeastOnce).await.unwrap();
                next!($subscribed => ());
                client.publish(&topic, <$qos>::AtLeastOnce, false, "back again").await.unwrap();
                assert_eq!(hear!(), (4, "back again".to_owned()), "without a second join");
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
    v4::Event::Incoming(v4::Packet::ConnAck(_)),
    v4::Event::Incoming(v4::Packet::SubAck(_)),
    v4::Event::Incoming(v4::Packet::Publish(publish)) => publish.payload
);
speaks_and_comes_back!(
    rumqttc_of_5_speaks_and_comes_back,
    v5::MqttOptions,
    v5::AsyncClient,
    v5::QoS,
    v5::Event::Incoming(v5::Packet::ConnAck(_)),
    v5::Event::Incoming(v5::Packet::SubAck(_)),
    v5::Event::Incoming(v5::Packet::Publish(publish)) => publish.payload
);

//! What every engine must keep, tried on each.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::{sync::mpsc, time::timeout};

use super::*;

fn message(topic: &str, payload: &str, retain: bool) -> Message {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    Message { topic: topic.to_owned(), payload, retain }
}

/// The messages of a subscription, one by one.
struct Messages {
    batches: mpsc::Receiver<Vec<Message>>,
    batch: VecDeque<Message>,
}

impl Messages {
    async fn of(bus: &SharedBus) -> Self {
        Self { batches: bus.subscribe().await.unwrap(), batch: VecDeque::new() }
    }

    async fn recv(&mut self) -> Option<Message> {
        while self.batch.is_empty() {
            self.batch = self.batches.recv().await?.into();
        }
        self.batch.pop_front()
    }
}

async fn next(messages: &mut Messages) -> Message {
    let received = timeout(Duration::from_secs(10), messages.recv()).await;
    received.expect("a message within the deadline").expect("the bus goes on")
}

/// Until the subscription is in force nothing else tells: publish until it comes back.
async fn subscribed(bus: &SharedBus, marker: &str) -> Messages {
    let mut messages = Messages::of(bus).await;
    let topic = format!("chat/{marker}");
    loop {
        bus.publish(vec![message(&topic, "ready?", false)]).await.unwrap();
        while let Ok(Some(one)) = timeout(Duration::from_millis(100), messages.recv()).await {
            if one.topic == topic {
                return messages;
            }
        }
    }
}

async fn arrives_in_order_everywhere(bus: SharedBus) {
    let mut one = subscribed(&bus, "one").await;
    let mut other = subscribed(&bus, "other").await;
    const COUNT: usize = 5000;
    for start in (0..COUNT).step_by(100) {
        let batch = (start..start + 100).map(|n| message("chat/r", &n.to_string(), false));
        bus.publish(batch.collect()).await.unwrap();
    }
    for messages in [&mut one, &mut other] {
        let mut expected = 0;
        while expected < COUNT {
            let got = next(messages).await;
            if got.topic == "chat/r" {
                assert_eq!(got.payload, expected.to_string());
                expected += 1;
            }
        }
    }
}

async fn hands_retained_cards_to_a_new_subscriber(bus: SharedBus) {
    let mut first = subscribed(&bus, "first").await;
    let cards = (0..1000).map(|n| message(&format!("rooms/{n}"), &n.to_string(), true));
    bus.publish(cards.collect()).await.unwrap();
    bus.publish(vec![message("rooms/7", "", true), message("rooms/8", "new", true)]).await.unwrap();
    bus.publish(vec![message("chat/end", "", false)]).await.unwrap();
    // An empty card reaches those who listen.
    let mut cleared = false;
    loop {
        let got = next(&mut first).await;
        cleared |= got.topic == "rooms/7" && got.payload.is_empty();
        if got.topic == "chat/end" {
            break;
        }
    }
    assert!(cleared);

    let mut late = Messages::of(&bus).await;
    let mut directory = BTreeMap::new();
    while directory.len() < 999 {
        let got = next(&mut late).await;
        assert!(got.topic.starts_with("rooms/") && !got.payload.is_empty(), "{got:?}");
        directory.insert(got.topic, got.payload);
    }
    assert!(!directory.contains_key("rooms/7"));
    assert_eq!(directory["rooms/8"], "new");
}

async fn carries_whispers_and_exact_bytes(bus: SharedBus) {
    let mut messages = subscribed(&bus, "ready").await;
    let odd = Message {
        topic: "chat/a/to/b".to_owned(),
        payload: Bytes::from_static(&[0, 255, b'{', 0]),
        retain: false,
    };
    bus.publish(vec![odd.clone()]).await.unwrap();
    loop {
        let got = next(&mut messages).await;
        if got.topic == odd.topic {
            assert_eq!(got.payload, odd.payload);
            return;
        }
    }
}

async fn a_gone_subscriber_hurts_nobody(bus: SharedBus) {
    drop(subscribed(&bus, "gone").await);
    let mut stays = subscribed(&bus, "stays").await;
    for n in 0..1000 {
        bus.publish(vec![message("chat/r", &n.to_string(), false)]).await.unwrap();
    }
    loop {
        let got = next(&mut stays).await;
        if got.topic == "chat/r" && got.payload == "999" {
            return;
        }
    }
}

macro_rules! contract {
    ($engine:ident, $open:expr, [$($promise:ident),* $(,)?]) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    super::$promise($open).await;
                }
            )*
        }
    };
}

contract!(
    embedded,
    crate::bus::open(&crate::config::Config::default()),
    [
        arrives_in_order_everywhere,
        hands_retained_cards_to_a_new_subscriber,
        carries_whispers_and_exact_bytes,
        a_gone_subscriber_hurts_nobody,
    ]
);

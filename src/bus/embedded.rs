//! The bus as a rumqttd `Router` in this process. The only file that knows rumqttd.
//!
//! What the router needs from us: fixed filters; links of our own only; QoS 0, since unread
//! acknowledgements pile up; `ready()` after each `Unschedule`, but never after a disconnect, which
//! would end the router. Its calls block, so each link has a thread. Nothing in the crate shuts
//! down: the threads end when this bus is dropped, the router with the process.
//!
//! It remembers every topic that it has ever seen, so it sees three only, the [`LANES`]: a message's
//! own topic travels beside the payload, and what is retained is kept here.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use rumqttd::{
    Notification, Router, RouterConfig,
    local::{LinkBuilder, LinkError, LinkRx, LinkTx},
    protocol::{
        Filter, Packet, Publish, PublishProperties, QoS, RetainForwardRule, Subscribe, matches,
    },
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Bus, FILTERS, Message, Stopped};
use crate::config;

/// Batches that wait for the router, and those that wait for a subscriber.
const BATCHES: usize = 64;
/// Messages that a subscriber gets at once, at most.
const MESSAGES: usize = 256;

/// The router's topics: one for each of [`FILTERS`], in their order.
const LANES: [&str; 3] = ["chats", "whispers", "directory"];

/// The last retained message of each topic that has one.
#[derive(Clone, Default)]
struct Retained(Arc<Mutex<BTreeMap<String, Bytes>>>);

type Outcome<T> = Result<T, Box<LinkError>>;
type Connect = dyn Fn(&str) -> Outcome<(LinkTx, LinkRx)> + Send + Sync;

/// See the module.
pub struct Embedded {
    connect: Arc<Connect>,
    publisher: mpsc::Sender<Vec<Message>>,
    retained: Retained,
    /// Names the subscribers: the router lets a second link of one name replace the first.
    subscribers: AtomicUsize,
    stopped: watch::Sender<bool>,
}

impl Embedded {
    /// Starts the router's thread and the publishing link's.
    pub fn start(config: &config::Router) -> Self {
        let router = Router::new(
            0,
            RouterConfig {
                max_connections: config.max_connections,
                max_outgoing_packet_count: config.max_outgoing_packet_count,
                max_segment_size: config.max_segment_size,
                max_segment_count: config.max_segment_count,
                custom_segment: None,
                initialized_filters: None,
                shared_subscriptions_strategy: Default::default(),
            },
        )
        // The sender's type cannot be named: a closure keeps it.
        .spawn();
        let connect: Arc<Connect> = Arc::new(move |name| {
            let (tx, rx, _) = LinkBuilder::new(name, router.clone()).build().map_err(Box::new)?;
            Ok((tx, rx))
        });
        let (publisher, batches) = mpsc::channel(BATCHES);
        let (stopped, _) = watch::channel(false);
        let (link, end) = (Arc::clone(&connect), stopped.clone());
        thread::spawn(move || {
            let outcome = link("parlor-bridge").and_then(|(tx, rx)| publish_all(tx, rx, batches));
            stop(&end, "publishing", outcome);
        });
        let (retained, subscribers) = (Retained::default(), AtomicUsize::new(0));
        Self { connect, publisher, retained, subscribers, stopped }
    }
}

#[async_trait]
impl Bus for Embedded {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), Stopped> {
        let place = self.publisher.reserve().await.map_err(|_| Stopped)?;
        // Noted and sent under one lock: what is retained is what was sent last.
        let mut retained = self.retained.lock();
        note(&mut retained, &messages);
        place.send(messages);
        Ok(())
    }

    async fn subscribe(&self) -> Result<mpsc::Receiver<Vec<Message>>, Stopped> {
        let (messages, receiver) = mpsc::channel(BATCHES);
        let name = format!("parlor-edge-{}", self.subscribers.fetch_add(1, Ordering::Relaxed));
        let (link, end) = (Arc::clone(&self.connect), self.stopped.clone());
        let (retained, (subscribed, active)) = (self.retained.clone(), oneshot::channel());
        thread::spawn(move || {
            let outcome = link(&name)
                .and_then(|(tx, rx)| receive_all(tx, rx, &messages, &retained, subscribed));
            stop(&end, "subscribing", outcome);
        });
        // What is published after this call must arrive: wait until the router knows of it.
        active.await.map_err(|_| Stopped)?;
        Ok(receiver)
    }

    async fn stopped(&self) -> Stopped {
        let mut stopped = self.stopped.subscribe();
        // The sender lives in `self`, so the wait ends only by the value.
        if stopped.wait_for(|stopped| *stopped).await.is_err() {
            tracing::debug!("the bus was dropped while somebody waited for its end");
        }
        Stopped
    }
}

/// A link's thread ends well only when its other side was dropped.
fn stop(stopped: &watch::Sender<bool>, doing: &str, outcome: Outcome<()>) {
    if let Err(error) = outcome {
        tracing::error!(%error, doing, "a link of the bus has failed");
        stopped.send_replace(true);
    }
}

fn publish_all(
    mut tx: LinkTx,
    _rx: LinkRx,
    mut batches: mpsc::Receiver<Vec<Message>>,
) -> Outcome<()> {
    while let Some(batch) = batches.blocking_recv() {
        let mut packets = batch.into_iter().map(|message| {
            let lane = Bytes::from_static(lane_of(&message.topic).as_bytes());
            // Of the properties only this one is bytes that are shared and not copied.
            let correlation_data = Some(message.topic.into());
            let topic = PublishProperties { correlation_data, ..PublishProperties::default() };
            Packet::Publish(Publish::new(lane, message.payload, false), Some(topic))
        });
        let Some(last) = packets.next_back() else { continue };
        // One wake-up for the whole batch: only the last packet is sent with one.
        tx.buffer().extend(packets);
        send(&mut tx, last)?;
    }
    Ok(())
}

fn receive_all(
    mut tx: LinkTx,
    mut rx: LinkRx,
    messages: &mpsc::Sender<Vec<Message>>,
    retained: &Retained,
    subscribed: oneshot::Sender<()>,
) -> Outcome<()> {
    let mut subscribed = Some(subscribed);
    let filters = LANES.map(|path| Filter {
        path: path.to_owned(),
        qos: QoS::AtMostOnce,
        nolocal: false,
        preserve_retain: false,
        retain_forward_rule: RetainForwardRule::Never,
    });
    send(&mut tx, Packet::Subscribe(Subscribe { pkid: 1, filters: filters.into() }, None))?;
    let mut batch = Vec::new();
    loop {
        match received(&mut rx, batch.is_empty())? {
            Some(Notification::Forward(forward)) => {
                let topic = forward.properties.and_then(|properties| properties.correlation_data);
                let topic = topic.map(|topic| String::from_utf8(topic.into()));
                let Some(Ok(topic)) = topic else { continue };
                batch.push(Message { topic, payload: forward.publish.payload, retain: false });
                if batch.len() < MESSAGES {
                    continue;
                }
            }
            // The only acknowledgement on this link is the one of its subscription.
            Some(Notification::DeviceAck(_)) => {
                let told = subscribed.take().map_or(Ok(()), |subscribed| subscribed.send(()));
                // From here on everything comes by the router: what was before is retained, and
                // what is on its way now comes a second time.
                batch.splice(0..0, retained.all());
                if told.is_err() {
                    return Ok(());
                }
            }
            Some(Notification::Unschedule) => {
                rx.ready().map_err(Box::new)?;
                continue;
            }
            Some(Notification::Disconnect(..)) => {
                return Err(refused("the router closed the link"));
            }
            Some(_) => continue,
            None => {}
        }
        // All that has come: who reads is woken once for it.
        if !batch.is_empty() && messages.blocking_send(std::mem::take(&mut batch)).is_err() {
            return Ok(());
        }
    }
}

/// The next notification. None when there is none yet, unless it is worth waiting for.
fn received(rx: &mut LinkRx, waits: bool) -> Outcome<Option<Notification>> {
    if waits {
        return rx.recv().map_err(Box::new);
    }
    match rx.recv_deadline(Instant::now()) {
        // Or the router is gone: then the next wait says so.
        Err(LinkError::RecvTimeout(_)) => Ok(None),
        other => other.map_err(Box::new),
    }
}

/// Where a topic travels. One that matches none of the filters is nobody's.
fn lane_of(topic: &str) -> &'static str {
    let lane = FILTERS.iter().position(|filter| matches(topic, filter));
    LANES[lane.unwrap_or_default()]
}

fn note(retained: &mut BTreeMap<String, Bytes>, messages: &[Message]) {
    for message in messages.iter().filter(|message| message.retain) {
        if message.payload.is_empty() {
            retained.remove(&message.topic);
        } else {
            retained.insert(message.topic.clone(), message.payload.clone());
        }
    }
}

impl Retained {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<Message> {
        let copy = |(topic, payload): (&String, &Bytes)| Message {
            topic: topic.clone(),
            payload: payload.clone(),
            retain: true,
        };
        self.lock().iter().map(copy).collect()
    }
}

/// `LinkTx::send` is async in name only: it blocks, and is ready when polled.
fn send(tx: &mut LinkTx, packet: Packet) -> Outcome<()> {
    match tx.send(packet).now_or_never() {
        Some(sent) => sent.map(|_| ()).map_err(Box::new),
        None => Err(refused("the router did not take a packet")),
    }
}

fn refused(what: &str) -> Box<LinkError> {
    Box::new(LinkError::ConnectionAck(what.to_owned()))
}

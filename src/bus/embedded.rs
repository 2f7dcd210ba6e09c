//! The bus as a rumqttd `Router` in this process. The only file that knows rumqttd.
//!
//! What the router needs from us: fixed filters; links of our own only; QoS 0, since unread
//! acknowledgements pile up; `ready()` after each `Unschedule`, but never after a disconnect, which
//! would end the router. Nothing in the crate shuts down: the router's thread ends with the process.
//!
//! It remembers every topic that it has ever seen, so it sees three only, the [`LANES`]; and it has
//! work with each packet, so what is published together travels as few packets (`frame.rs`). What
//! is retained is kept here.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use rumqttd::{
    Notification, Router, RouterConfig,
    local::{LinkBuilder, LinkError, LinkRx, LinkTx},
    protocol::{Filter, Packet, Publish, QoS, RetainForwardRule, Subscribe, matches},
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Bus, FILTERS, Message, Stopped,
    frame::{Frame, unframe},
};
use crate::config;

/// Packets that wait for the router, and batches that wait for a subscriber.
const WAITING: usize = 64;
/// Messages that a subscriber gets at once, about.
const MESSAGES: usize = 256;
/// How long to wait for a router that is behind.
const BREATH: Duration = Duration::from_millis(1);

/// The router's topics: one for each of [`FILTERS`], in their order.
const LANES: [&str; 3] = ["chats", "whispers", "directory"];

/// The last retained message of each topic that has one.
#[derive(Clone, Default)]
struct Retained(Arc<Mutex<BTreeMap<String, Bytes>>>);

type Outcome<T> = Result<T, Box<LinkError>>;
type Link = (LinkTx, LinkRx);
type Connect = dyn Fn(&str) -> Outcome<Link> + Send + Sync;

/// See the module.
pub struct Embedded {
    connect: Arc<Connect>,
    /// The bridge's; none when the router did not take it.
    publisher: Mutex<Option<Link>>,
    retained: Retained,
    /// Names the subscribers: the router lets a second link of one name replace the first.
    subscribers: AtomicUsize,
    stopped: watch::Sender<bool>,
}

impl Embedded {
    /// Starts the router's thread.
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
        let (stopped, _) = watch::channel(false);
        let publisher = connect("parlor-bridge");
        let publisher = publisher.map_err(|error| has_failed(&stopped, "publishing", &error)).ok();
        let (retained, subscribers) = (Retained::default(), AtomicUsize::new(0));
        Self { connect, publisher: Mutex::new(publisher), retained, subscribers, stopped }
    }

    fn publisher(&self) -> MutexGuard<'_, Option<Link>> {
        self.publisher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether much waits for the router.
    fn is_behind(&self) -> Result<bool, Stopped> {
        match &*self.publisher() {
            Some((tx, _)) if !*self.stopped.borrow() => Ok(tx.buffer().len() >= WAITING),
            _ => Err(Stopped),
        }
    }
}

#[async_trait]
impl Bus for Embedded {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), Stopped> {
        let packets = packets(&messages);
        while self.is_behind()? {
            tokio::time::sleep(BREATH).await;
        }
        // Noted and sent under one lock: what is retained is what was sent last.
        let mut publisher = self.publisher();
        let (tx, _) = publisher.as_mut().ok_or(Stopped)?;
        note(&mut self.retained.lock(), &messages);
        hand_over(tx, packets).map_err(|error| has_failed(&self.stopped, "publishing", &error))
    }

    async fn subscribe(&self) -> Result<mpsc::Receiver<Vec<Message>>, Stopped> {
        let (messages, receiver) = mpsc::channel(WAITING);
        let name = format!("parlor-edge-{}", self.subscribers.fetch_add(1, Ordering::Relaxed));
        let stopped = self.stopped.clone();
        let link =
            (self.connect)(&name).map_err(|error| has_failed(&stopped, "subscribing", &error))?;
        let (retained, (subscribed, active)) = (self.retained.clone(), oneshot::channel());
        tokio::spawn(async move {
            if let Err(error) = receive_all(link, messages, &retained, subscribed).await {
                has_failed(&stopped, "subscribing", &error);
            }
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

/// A link ends well only when its other side was dropped.
fn has_failed(stopped: &watch::Sender<bool>, doing: &str, error: &LinkError) -> Stopped {
    tracing::error!(%error, doing, "a link of the bus has failed");
    stopped.send_replace(true);
    Stopped
}

/// The messages in their order, those of one lane that follow each other in one packet.
fn packets(messages: &[Message]) -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut frame = Frame::default();
    for (at, message) in messages.iter().enumerate() {
        let lane = lane_of(&message.topic);
        frame.put(message);
        let next = messages.get(at + 1).map(|next| lane_of(&next.topic));
        if frame.is_full() || next != Some(lane) {
            let payload = std::mem::take(&mut frame).into_bytes();
            let lane = Bytes::from_static(lane.as_bytes());
            packets.push(Packet::Publish(Publish::new(lane, payload, false), None));
        }
    }
    packets
}

/// The router takes all that waits when it is woken: who finds something waiting need not wake it.
/// So it is never woken more often than it can bear, and this never blocks.
fn hand_over(tx: &mut LinkTx, mut packets: Vec<Packet>) -> Outcome<()> {
    let Some(last) = packets.pop() else { return Ok(()) };
    {
        let mut waiting = tx.buffer();
        if !waiting.is_empty() {
            waiting.extend(packets);
            waiting.push_back(last);
            return Ok(());
        }
        waiting.extend(packets);
    }
    send(tx, last)
}

async fn receive_all(
    (mut tx, mut rx): Link,
    messages: mpsc::Sender<Vec<Message>>,
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
        let notification = tokio::select! {
            notification = received(&mut rx, batch.is_empty()) => notification?,
            () = messages.closed() => return Ok(()),
        };
        match notification {
            Some(Notification::Forward(forward)) => {
                unframe(forward.publish.payload, &mut batch);
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
                // Blocks when the router has more to do than our few links can give it.
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
        if !batch.is_empty() && messages.send(std::mem::take(&mut batch)).await.is_err() {
            return Ok(());
        }
    }
}

/// The next notification. None when there is none yet, unless it is worth waiting for.
async fn received(rx: &mut LinkRx, waits: bool) -> Outcome<Option<Notification>> {
    let next = rx.next();
    let next = if waits { Some(next.await) } else { next.now_or_never() };
    next.unwrap_or(Ok(None)).map_err(Box::new)
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

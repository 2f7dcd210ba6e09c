//! Many who speak at once, each message with a key of its own, until the server ends or they are
//! told that it is enough. Who was told "stored", and who is in doubt, is written down.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    Login, Peer, Server, Visitor,
    packet::{self, frame},
    within,
};
use reqwest::Method;

/// What became of what they said, by key.
#[derive(Debug, Default)]
pub struct Said {
    /// The server has answered that it is stored.
    pub acknowledged: BTreeSet<String>,
    /// No answer, or that it cannot be stored now: it may be in the log or not.
    pub in_doubt: BTreeSet<String>,
}

/// How somebody speaks.
#[derive(Clone, Copy, Debug)]
pub enum Voice {
    /// MQTT's version and QoS, and how many messages are on their way at a time.
    Mqtt(u8, u8, usize),
    /// One POST after the other, as a visitor of this number.
    Http(usize),
}

/// One of each kind.
pub const VOICES: [Voice; 6] = [
    Voice::Mqtt(4, 1, 1),
    Voice::Mqtt(4, 2, 4),
    Voice::Mqtt(5, 1, 16),
    Voice::Mqtt(5, 2, 4),
    Voice::Http(0),
    Voice::Http(1),
];

impl Voice {
    fn login(self, room: &str) -> Login {
        match self {
            Self::Mqtt(version, qos, _) => {
                let login = Login::v5(&format!("{room} {version} {qos}"));
                Login { version, ..login }
            }
            Self::Http(_) => unreachable!("it does not log in"),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Mqtt(version, qos, _) => format!("m{version}q{qos}"),
            Self::Http(number) => format!("h{number}"),
        }
    }
}

/// The load on one room.
pub struct Load {
    /// Keys, as they are acknowledged.
    pub acknowledged: mpsc::UnboundedReceiver<String>,
    enough: watch::Sender<bool>,
    speakers: Vec<JoinHandle<BTreeSet<String>>>,
}

impl Load {
    pub async fn start(server: &Server, visitors: &[Visitor], room: &str) -> Self {
        let (told, acknowledged) = mpsc::unbounded_channel();
        let (enough, is_enough) = watch::channel(false);
        let mut speakers = Vec::new();
        for voice in VOICES {
            let (told, enough, room) = (told.clone(), is_enough.clone(), room.to_owned());
            speakers.push(match voice {
                Voice::Http(number) => {
                    let visitor = visitors[number].clone();
                    // A key is its author's: who has no cookie yet is somebody else next time.
                    visitor.cookie().await;
                    tokio::spawn(post(visitor, voice, room, told, enough))
                }
                Voice::Mqtt(_, qos, window) => {
                    let peer = Peer::connect(server, &voice.login(&room)).await;
                    tokio::spawn(publish(peer, voice, (qos, window), room, told, enough))
                }
            });
        }
        Self { acknowledged, enough, speakers }
    }

    /// Waits for so many acknowledgements; false when everybody has ended before.
    pub async fn acknowledges(&mut self, count: usize, said: &mut Said) -> bool {
        for _ in 0..count {
            match within("an acknowledgement", self.acknowledged.recv()).await {
                Some(key) => said.acknowledged.insert(key),
                None => return false,
            };
        }
        true
    }

    /// Tells them that it is enough, waits for the last answers, and gives what was said.
    pub async fn ends(mut self, mut said: Said) -> Said {
        self.enough.send_replace(true);
        for speaker in join_all(self.speakers).await {
            said.in_doubt.extend(speaker.unwrap());
        }
        while let Ok(key) = self.acknowledged.try_recv() {
            said.acknowledged.insert(key);
        }
        said
    }
}

/// Says everything that is in doubt once more, as who is back after a lost connection does.
pub async fn say_again(server: &Server, visitors: &[Visitor], room: &str, said: &Said) {
    for voice in VOICES {
        let own = said.in_doubt.iter().filter(|key| key.starts_with(&voice.name()));
        let own: Vec<&String> = own.collect();
        if own.is_empty() {
            continue;
        }
        match voice {
            Voice::Http(number) => {
                for key in own {
                    let (method, path) = (Method::POST, format!("/room/{room}/chat"));
                    let again = visitors[number].ask(method, &path).json(&draft(key)).send().await;
                    assert_eq!(again.unwrap().status(), 201, "{key}");
                }
            }
            Voice::Mqtt(..) => {
                let mut peer = Peer::connect(server, &voice.login(room)).await;
                let topic = format!("chat/{room}");
                for (id, key) in (1u16..).zip(own) {
                    let draft = draft(key).to_string();
                    // DUP: the packet as it was sent before.
                    let bytes = peer.publication(0x3A, &topic, id.to_be_bytes(), draft.as_bytes());
                    peer.send(&bytes).await;
                    let answer = peer.packet().await.expect("an answer");
                    assert_eq!((answer.kind, answer.body.get(2)), (packet::PUBACK, None), "{key}");
                }
            }
        }
    }
}

fn draft(key: &str) -> serde_json::Value {
    json!({ "chat": format!("message {key}"), "key": key })
}

async fn publish(
    mut peer: Peer,
    voice: Voice,
    (qos, window): (u8, usize),
    room: String,
    told: mpsc::UnboundedSender<String>,
    enough: watch::Receiver<bool>,
) -> BTreeSet<String> {
    let (topic, name) = (format!("chat/{room}"), voice.name());
    let mut flying: BTreeMap<[u8; 2], String> = BTreeMap::new();
    let mut in_doubt = BTreeSet::new();
    let mut number = 0u16;
    loop {
        while flying.len() < window && !*enough.borrow() {
            number += 1;
            let (id, key) = (number.to_be_bytes(), format!("{name}-{number:05}"));
            let draft = draft(&key).to_string();
            peer.send(&peer.publication(0x30 | qos << 1, &topic, id, draft.as_bytes())).await;
            flying.insert(id, key);
        }
        if flying.is_empty() {
            break;
        }
        let Some(answer) = peer.packet().await else { break };
        let id = || [answer.body[0], answer.body[1]];
        let code = || answer.body.get(2).copied().unwrap_or(0);
        match answer.kind {
            packet::PUBACK | packet::PUBREC => {
                let key = flying.remove(&id()).expect("an answer to what was said");
                match code() {
                    0 => told.send(key).unwrap(),
                    // It cannot be stored now.
                    0x83 => drop(in_doubt.insert(key)),
                    code => panic!("{key}: refused with {code:#x}"),
                }
                if answer.kind == packet::PUBREC && code() < 0x80 {
                    peer.send(&frame(0x62, &id())).await;
                }
            }
            packet::PUBCOMP | packet::DISCONNECT => {}
            _ => panic!("nobody asked for {answer:?}"),
        }
    }
    in_doubt.extend(flying.into_values());
    in_doubt
}

async fn post(
    visitor: Visitor,
    voice: Voice,
    room: String,
    told: mpsc::UnboundedSender<String>,
    enough: watch::Receiver<bool>,
) -> BTreeSet<String> {
    let (path, name) = (format!("/room/{room}/chat"), voice.name());
    let mut in_doubt = BTreeSet::new();
    for number in 1.. {
        if *enough.borrow() {
            break;
        }
        let key = format!("{name}-{number:05}");
        let asked = visitor.ask(Method::POST, &path).json(&draft(&key)).send();
        match within("an answer to a post", asked).await {
            Ok(answer) if answer.status() == 201 => told.send(key).unwrap(),
            Ok(answer) if answer.status() == 503 => {
                assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
                in_doubt.insert(key);
            }
            Ok(answer) => panic!("{key}: {}", answer.status()),
            Err(_) => {
                in_doubt.insert(key);
                break;
            }
        }
    }
    in_doubt
}

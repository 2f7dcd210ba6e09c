//! Messages of one topic that follow each other, shared by all their receivers. For QoS 0 their
//! packets stand one after the other in one piece, written once for a version.

use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};

use super::Message;
use crate::mqtt::codec::{EncodeError, Properties, PublishFrame, Version};

/// Payloads under one topic, without properties, that do not expire.
#[derive(Debug)]
pub struct Run {
    topic: String,
    payloads: Vec<Bytes>,
    /// Of all topics and payloads.
    size: usize,
    /// By version. Written when first needed.
    packets: [OnceLock<Result<Packets, EncodeError>>; 2],
    /// For receivers that want each by itself. Made when first needed.
    messages: OnceLock<Vec<Arc<Message>>>,
}

/// At QoS 0, one after the other.
#[derive(Debug)]
struct Packets {
    bytes: Bytes,
    largest: usize,
}

impl Run {
    /// The payloads are kept as they are: pass exact copies, not slices of a read buffer.
    pub fn new(topic: String, payloads: Vec<Bytes>) -> Run {
        let size = payloads.iter().map(|payload| topic.len() + payload.len()).sum();
        Run { topic, payloads, size, packets: Default::default(), messages: OnceLock::new() }
    }

    pub fn len(&self) -> usize {
        self.payloads.len()
    }

    /// Bytes of the topics and payloads from one on: what they count for in queues.
    pub fn size_from(&self, first: usize) -> usize {
        let gone = self.payloads.iter().take(first);
        self.size - gone.map(|payload| self.topic.len() + payload.len()).sum::<usize>()
    }

    /// One of them, to be delivered by itself.
    pub fn message(&self, index: usize) -> Option<&Arc<Message>> {
        let messages = self.messages.get_or_init(|| {
            let message = |payload: &Bytes| {
                let (topic, payload) = (self.topic.clone(), payload.clone());
                Arc::new(Message::new(topic, payload, Properties::default(), None))
            };
            self.payloads.iter().map(message).collect()
        });
        messages.get(index)
    }

    /// The size of the largest packet.
    pub(super) fn largest(&self, version: Version) -> Result<usize, EncodeError> {
        Ok(self.packets(version)?.largest)
    }

    pub(super) fn write(&self, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.packets(version)?.bytes);
        Ok(())
    }

    fn packets(&self, version: Version) -> Result<&Packets, EncodeError> {
        let packets = &self.packets[usize::from(version == Version::V5)];
        packets.get_or_init(|| self.encode(version)).as_ref().map_err(|error| *error)
    }

    fn encode(&self, version: Version) -> Result<Packets, EncodeError> {
        let heads = self.payloads.len() * 16;
        let mut bytes = BytesMut::with_capacity(self.size_from(0) + heads);
        let mut largest = 0;
        for payload in &self.payloads {
            let start = bytes.len();
            PublishFrame::put_plain(&self.topic, payload, version, &mut bytes)?;
            largest = largest.max(bytes.len() - start);
        }
        Ok(Packets { bytes: bytes.freeze(), largest })
    }
}

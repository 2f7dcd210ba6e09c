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
    /// One after the other: a buffer of its own, so that it holds no more than it says.
    payloads: Bytes,
    /// Where each ends.
    ends: Vec<usize>,
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
    pub fn new(topic: String, payloads: &[&[u8]]) -> Run {
        let (mut end, joined) = (0, Bytes::from(payloads.concat()));
        let ends = payloads.iter().map(|payload| {
            end += payload.len();
            end
        });
        let (ends, packets) = (ends.collect(), Default::default());
        Run { topic, payloads: joined, ends, packets, messages: OnceLock::new() }
    }

    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of the topics and payloads from one on: what they count for in queues.
    pub fn size_from(&self, first: usize) -> usize {
        let topics = self.topic.len() * (self.count() - first);
        topics + self.payloads.len() - self.start(first)
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0)
    }

    fn each(&self) -> impl Iterator<Item = Bytes> {
        let ranges = self.ends.iter().enumerate().map(|(index, end)| self.start(index)..*end);
        ranges.map(|range| self.payloads.slice(range))
    }

    /// One of them, to be delivered by itself.
    pub fn message(&self, index: usize) -> Option<&Arc<Message>> {
        let messages = self.messages.get_or_init(|| {
            let message = |payload| {
                let topic = self.topic.clone();
                Arc::new(Message::new(topic, payload, Properties::default(), None))
            };
            self.each().map(message).collect()
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
        let heads = self.count() * 16;
        let mut bytes = BytesMut::with_capacity(self.size_from(0) + heads);
        let mut largest = 0;
        for payload in self.each() {
            let start = bytes.len();
            PublishFrame::put_plain(&self.topic, &payload, version, &mut bytes)?;
            largest = largest.max(bytes.len() - start);
        }
        Ok(Packets { bytes: bytes.freeze(), largest })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::mqtt::{
        codec::{Property, Qos},
        scenario::{Scenario, connect},
        session::{Delivery, Granted, Limits},
    };

    const PAYLOADS: [&[u8]; 3] = [b"one", b"", b"three"];

    #[test]
    fn a_run_is_the_bytes_of_its_messages_one_after_the_other() {
        let run = Run::new("chat/r1".into(), &PAYLOADS);
        assert_eq!(run.size_from(0), 3 * 7 + 8);
        assert_eq!(run.size_from(1), 2 * 7 + 5);
        for version in [Version::V4, Version::V5] {
            let (mut whole, mut single) = (BytesMut::new(), BytesMut::new());
            run.write(version, &mut whole).unwrap();
            for index in 0..run.count() {
                let delivery = Delivery::new(run.message(index).unwrap().clone(), Qos::AtMostOnce);
                let naming = super::super::aliases::Naming::InFull;
                let one = delivery.outgoing(version, None, false, naming, Instant::now()).unwrap();
                one.write(version, &mut single).unwrap();
            }
            assert_eq!(whole, single);
        }
    }

    #[test]
    fn who_takes_small_packets_or_aliases_gets_them_one_by_one() {
        let run = Arc::new(Run::new("chat/r1".into(), &[b"short", &[b'x'; 200]]));
        let takes = |properties: &[Property]| {
            let mut connect = connect(Version::V5);
            properties.iter().for_each(|one| connect.properties.push(one.clone()));
            let (mut live, _) = Scenario::live_with(Limits::default(), connect, Granted::default());
            live.session.deliver_run(&run)
        };
        assert!(takes(&[]));
        assert!(!takes(&[Property::MaximumPacketSize(200)]));
        assert!(!takes(&[Property::TopicAliasMaximum(1)]));
    }
}

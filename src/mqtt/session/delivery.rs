//! A message on its way to receivers: shared by all of them, its bytes written once for a version
//! and kind of QoS, with what is each receiver's own beside it.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use bytes::{Bytes, BytesMut};

use super::aliases::Naming;
use crate::mqtt::codec::{
    EncodeError, PacketId, Properties, Property, Publish, PublishFrame, Qos, Varint, Version,
};

/// One message, for all its receivers.
#[derive(Debug)]
pub struct Message {
    topic: String,
    payload: Bytes,
    /// Forwarded as they are; no expiry, alias, subscription identifier or will delay among them.
    properties: Properties,
    expires: Option<Instant>,
    /// By version, and by QoS 0 or above. Written when first needed.
    frames: [OnceLock<Result<PublishFrame, EncodeError>>; 4],
}

impl Message {
    /// The payload is kept as it is: pass an exact copy, not a slice of a read buffer.
    pub fn new(
        topic: impl Into<String>,
        payload: Bytes,
        mut properties: Properties,
        expires: Option<Instant>,
    ) -> Message {
        properties.retain(|property| {
            !matches!(
                property,
                Property::MessageExpiryInterval(_)
                    | Property::TopicAlias(_)
                    | Property::SubscriptionIdentifier(_)
                    | Property::WillDelayInterval(_)
            )
        });
        Message { topic: topic.into(), payload, properties, expires, frames: Default::default() }
    }

    pub fn topic(&self) -> &str {
        &self.topic
    }

    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// From here on it is not delivered any more.
    pub fn expires(&self) -> Option<Instant> {
        self.expires
    }

    /// Bytes of topic and payload: what it counts for in queues.
    pub fn size(&self) -> usize {
        self.topic.len() + self.payload.len()
    }

    fn shared_frame(&self, version: Version, with_id: bool) -> Result<&PublishFrame, EncodeError> {
        let index = usize::from(version == Version::V5) << 1 | usize::from(with_id);
        self.frames[index]
            .get_or_init(|| {
                let publish = self.as_publish(self.properties.clone());
                PublishFrame::encode(&publish, version, with_id)
            })
            .as_ref()
            .map_err(|error| *error)
    }

    fn as_publish(&self, properties: Properties) -> Publish {
        Publish {
            dup: false,
            qos: Qos::AtMostOnce,
            retain: false,
            topic: self.topic.clone(),
            packet_id: None,
            properties,
            payload: self.payload.clone(),
        }
    }
}

/// A message for one receiver, as its subscriptions want it.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub message: Arc<Message>,
    /// The lower one of the message's and the subscription's.
    pub qos: Qos,
    pub retain: bool,
    /// Of the subscriptions that match; not sent in MQTT 3.1.1.
    pub subscription_identifiers: Vec<u32>,
}

impl Delivery {
    pub fn new(message: Arc<Message>, qos: Qos) -> Delivery {
        Delivery { message, qos, retain: false, subscription_identifiers: Vec::new() }
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.message.expires.is_some_and(|expires| expires <= now)
    }

    /// Makes it ready for the wire. The expiry interval shrinks by the time that the message has
    /// waited [MQTT-3.3.2-6].
    pub(super) fn outgoing(
        &self,
        version: Version,
        packet_id: Option<PacketId>,
        dup: bool,
        naming: Naming,
        now: Instant,
    ) -> Result<OutgoingPublish, EncodeError> {
        let message = &self.message;
        let is_plain = self.subscription_identifiers.is_empty()
            && message.expires.is_none()
            && naming == Naming::InFull;
        let source = if version == Version::V4 || is_plain {
            message.shared_frame(version, packet_id.is_some())?;
            Source::Shared(message.clone())
        } else {
            let mut publish = message.as_publish(self.own_properties(now));
            if let Naming::ByAlias(alias) | Naming::Defines(alias) = naming {
                publish.properties.push(Property::TopicAlias(alias));
            }
            if matches!(naming, Naming::ByAlias(_)) {
                publish.topic.clear();
            }
            Source::Own(PublishFrame::encode(&publish, version, packet_id.is_some())?)
        };
        Ok(OutgoingPublish { source, qos: self.qos, retain: self.retain, dup, packet_id })
    }

    fn own_properties(&self, now: Instant) -> Properties {
        let mut properties = self.message.properties.clone();
        if let Some(expires) = self.message.expires {
            let left = expires.saturating_duration_since(now).as_secs();
            let left = u32::try_from(left).unwrap_or(u32::MAX);
            properties.push(Property::MessageExpiryInterval(left));
        }
        for identifier in &self.subscription_identifiers {
            properties.push(Property::SubscriptionIdentifier(Varint(*identifier)));
        }
        properties
    }
}

/// A PUBLISH for one receiver, ready to be copied into its buffer.
#[derive(Debug)]
pub struct OutgoingPublish {
    source: Source,
    pub qos: Qos,
    pub retain: bool,
    pub dup: bool,
    pub packet_id: Option<PacketId>,
}

#[derive(Debug)]
enum Source {
    Shared(Arc<Message>),
    Own(PublishFrame),
}

impl OutgoingPublish {
    fn frame(&self, version: Version) -> Result<&PublishFrame, EncodeError> {
        match &self.source {
            Source::Shared(message) => message.shared_frame(version, self.packet_id.is_some()),
            Source::Own(frame) => Ok(frame),
        }
    }

    pub(super) fn wire_len(&self, version: Version) -> Result<usize, EncodeError> {
        Ok(self.frame(version)?.wire_len())
    }

    pub(super) fn write(&self, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
        let frame = self.frame(version)?;
        frame.write(self.qos, self.dup, self.retain, self.packet_id, out);
        Ok(())
    }
}

//! Packets become bytes. A packet that is larger than its receiver takes is first tried without
//! what exists for diagnosis only, then refused.

use bytes::{BufMut, BytesMut};

use super::{
    frame::put_publish,
    packet::{
        Acknowledgement, ConnAck, Connect, Packet, PacketType, SubAck, Subscribe, Unsubscribe,
        Version, Will,
    },
    properties::{Properties, Property},
    writer::{put_binary, put_string, put_with_length},
};
use crate::mqtt::reason::ReasonCode;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("a string or binary field is longer than 65,535 bytes")]
    FieldTooLong,
    #[error("the packet is larger than its receiver takes")]
    TooLarge,
}

/// Appends one packet of at most `max_size` bytes to `out`. Reason String and user properties of
/// an answer are left out rather than exceed it [MQTT-3.2.2-19, MQTT-3.14.2-3, ...]. On an error
/// `out` is as it was.
pub fn encode(
    packet: &Packet,
    version: Version,
    max_size: usize,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let start = out.len();
    let written = put_packet(packet, version, Detail::Full, out);
    if written.is_ok() && out.len() - start <= max_size {
        return Ok(());
    }
    out.truncate(start);
    written?;
    put_packet(packet, version, Detail::Brief, out)?;
    if out.len() - start > max_size {
        out.truncate(start);
        return Err(EncodeError::TooLarge);
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    Full,
    /// Without Reason String and user properties.
    Brief,
}

/// What every part of a packet is written with.
struct Encoder<'a> {
    version: Version,
    detail: Detail,
    out: &'a mut BytesMut,
}

fn put_packet(
    packet: &Packet,
    version: Version,
    detail: Detail,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    if let Packet::Publish(publish) = packet {
        return put_publish(publish, version, out);
    }
    let packet_type = packet.packet_type();
    let flags = match packet_type {
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 0b0010,
        _ => 0,
    };
    out.put_u8((packet_type as u8) << 4 | flags);
    put_with_length(out, |out| Encoder { version, detail, out }.body(packet))
}

impl Encoder<'_> {
    fn body(&mut self, packet: &Packet) -> Result<(), EncodeError> {
        match packet {
            Packet::Connect(connect) => self.connect(connect),
            Packet::ConnAck(connack) => self.connack(connack),
            Packet::PubAck(ack)
            | Packet::PubRec(ack)
            | Packet::PubRel(ack)
            | Packet::PubComp(ack) => self.acknowledgement(ack),
            Packet::Subscribe(subscribe) => self.subscribe(subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe),
            Packet::SubAck(ack) => self.suback(ack, ReasonCode::subscribe_return_code),
            Packet::UnsubAck(ack) if self.version == Version::V5 => {
                self.suback(ack, ReasonCode::value)
            }
            Packet::UnsubAck(ack) => {
                self.out.put_u16(ack.packet_id.get());
                Ok(())
            }
            Packet::Disconnect(end) => self.code_and_properties(end.code, &end.properties),
            Packet::Auth(auth) => self.code_and_properties(auth.code, &auth.properties),
            Packet::PingReq | Packet::PingResp | Packet::Publish(_) => Ok(()),
        }
    }

    fn properties(&mut self, properties: &Properties) -> Result<(), EncodeError> {
        match (self.version, self.detail) {
            (Version::V4, _) => Ok(()),
            (Version::V5, Detail::Full) => properties.write(self.out),
            (Version::V5, Detail::Brief) => brief(properties).write(self.out),
        }
    }

    fn connect(&mut self, connect: &Connect) -> Result<(), EncodeError> {
        put_string(self.out, "MQTT")?;
        self.out.put_u8(if self.version == Version::V4 { 4 } else { 5 });
        let will = connect.will.as_ref();
        self.out.put_u8(
            u8::from(connect.user_name.is_some()) << 7
                | u8::from(connect.password.is_some()) << 6
                | will
                    .map_or(0, |will| u8::from(will.retain) << 5 | (will.qos as u8) << 3 | 1 << 2)
                | u8::from(connect.clean_start) << 1,
        );
        self.out.put_u16(connect.keep_alive_s);
        self.properties(&connect.properties)?;
        put_string(self.out, &connect.client_id)?;
        if let Some(Will { topic, payload, properties, .. }) = will {
            self.properties(properties)?;
            put_string(self.out, topic)?;
            put_binary(self.out, payload)?;
        }
        if let Some(user_name) = &connect.user_name {
            put_string(self.out, user_name)?;
        }
        if let Some(password) = &connect.password {
            put_binary(self.out, password)?;
        }
        Ok(())
    }

    fn connack(&mut self, connack: &ConnAck) -> Result<(), EncodeError> {
        self.out.put_u8(u8::from(connack.session_present));
        self.out.put_u8(match self.version {
            Version::V4 => connack.code.connect_return_code(),
            Version::V5 => connack.code.value(),
        });
        self.properties(&connack.properties)
    }

    fn acknowledgement(&mut self, ack: &Acknowledgement) -> Result<(), EncodeError> {
        self.out.put_u16(ack.packet_id.get());
        self.code_and_properties(ack.code, &ack.properties)
    }

    fn subscribe(&mut self, subscribe: &Subscribe) -> Result<(), EncodeError> {
        self.out.put_u16(subscribe.packet_id.get());
        self.properties(&subscribe.properties)?;
        for subscription in &subscribe.subscriptions {
            put_string(self.out, &subscription.filter)?;
            let options = subscription.options;
            let of_version_5 = u8::from(options.no_local) << 2
                | u8::from(options.retain_as_published) << 3
                | (options.retain_handling as u8) << 4;
            let extra = if self.version == Version::V5 { of_version_5 } else { 0 };
            self.out.put_u8(options.qos as u8 | extra);
        }
        Ok(())
    }

    fn unsubscribe(&mut self, unsubscribe: &Unsubscribe) -> Result<(), EncodeError> {
        self.out.put_u16(unsubscribe.packet_id.get());
        self.properties(&unsubscribe.properties)?;
        unsubscribe.filters.iter().try_for_each(|filter| put_string(self.out, filter))
    }

    fn suback(&mut self, ack: &SubAck, value: fn(ReasonCode) -> u8) -> Result<(), EncodeError> {
        self.out.put_u16(ack.packet_id.get());
        self.properties(&ack.properties)?;
        let version = self.version;
        self.out.extend(ack.codes.iter().map(|code| match version {
            Version::V4 => value(*code),
            Version::V5 => code.value(),
        }));
        Ok(())
    }

    /// Both are left out where the other side takes their absence for success.
    fn code_and_properties(
        &mut self,
        code: ReasonCode,
        properties: &Properties,
    ) -> Result<(), EncodeError> {
        let plain = code == ReasonCode::Success && properties.is_empty();
        if self.version == Version::V4 || plain {
            return Ok(());
        }
        self.out.put_u8(code.value());
        self.properties(properties)
    }
}

fn brief(properties: &Properties) -> Properties {
    let mut brief = properties.clone();
    brief.retain(|one| !matches!(one, Property::ReasonString(_) | Property::UserProperty(_)));
    brief
}

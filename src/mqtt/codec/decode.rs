//! Bytes become packets: the door, and the packets of the message flow. CONNECT and the
//! subscription packets have files of their own.

use bytes::BytesMut;

use super::{
    decode_connect::{connack, connect},
    decode_subscribe::{suback, subscribe, unsuback, unsubscribe},
    error::DecodeError,
    fixed_header::FixedHeader,
    packet::{Acknowledgement, Auth, Disconnect, Packet, PacketType, Publish, Qos, Version},
    properties::{Properties, place},
    reader::Reader,
};
use crate::mqtt::reason::ReasonCode;

/// What a peer's packet may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Bytes of a whole packet, fixed header included.
    pub max_packet_size: usize,
    /// Properties of one packet that may be repeated.
    pub max_user_properties: usize,
}

/// What the packets' bodies are read with.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub(super) version: Version,
    pub(super) max_user_properties: usize,
}

impl Context {
    /// In MQTT 3.1.1 there are none.
    pub(super) fn properties(
        self,
        reader: &mut Reader,
        place: u16,
    ) -> Result<Properties, DecodeError> {
        match self.version {
            Version::V4 => Ok(Properties::default()),
            Version::V5 => Properties::read(reader, place, self.max_user_properties),
        }
    }
}

/// Takes the next packet from the front of `buffer`; none while it is incomplete. Until a CONNECT
/// has told the version it is `None`, and only a CONNECT is accepted [MQTT-3.1.0-1].
///
/// Nothing is reserved for an announced length: the caller's buffer grows as bytes arrive, up to
/// `max_packet_size`, above which the packet is refused by its header alone. After an error the
/// buffer's content is of no use.
pub fn decode(
    buffer: &mut BytesMut,
    version: Option<Version>,
    limits: DecodeLimits,
) -> Result<Option<Packet>, DecodeError> {
    let Some(header) = FixedHeader::peek(buffer, version, limits.max_packet_size)? else {
        return Ok(None);
    };
    if buffer.len() < header.total {
        return Ok(None);
    }
    let mut packet = buffer.split_to(header.total).freeze();
    let mut reader = Reader::new(packet.split_off(header.len));
    let context = Context {
        version: version.unwrap_or(Version::V5),
        max_user_properties: limits.max_user_properties,
    };
    let packet = body(header, context, &mut reader)?;
    reader.finish()?;
    Ok(Some(packet))
}

fn body(header: FixedHeader, context: Context, reader: &mut Reader) -> Result<Packet, DecodeError> {
    Ok(match header.packet_type {
        PacketType::Connect => Packet::Connect(Box::new(connect(reader, context)?)),
        PacketType::ConnAck => Packet::ConnAck(connack(reader, context)?),
        PacketType::Publish => Packet::Publish(publish(header.flags, reader, context)?),
        PacketType::PubAck => Packet::PubAck(acknowledgement(reader, context, place::PUBACK)?),
        PacketType::PubRec => Packet::PubRec(acknowledgement(reader, context, place::PUBREC)?),
        PacketType::PubRel => Packet::PubRel(acknowledgement(reader, context, place::PUBREL)?),
        PacketType::PubComp => Packet::PubComp(acknowledgement(reader, context, place::PUBCOMP)?),
        PacketType::Subscribe => Packet::Subscribe(subscribe(reader, context)?),
        PacketType::SubAck => Packet::SubAck(suback(reader, context)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(unsubscribe(reader, context)?),
        PacketType::UnsubAck => Packet::UnsubAck(unsuback(reader, context)?),
        PacketType::PingReq => Packet::PingReq,
        PacketType::PingResp => Packet::PingResp,
        PacketType::Disconnect => Packet::Disconnect(disconnect(reader, context)?),
        PacketType::Auth => Packet::Auth(auth(reader, context)?),
    })
}

fn publish(flags: u8, reader: &mut Reader, context: Context) -> Result<Publish, DecodeError> {
    let qos = Qos::from_value(flags >> 1 & 0b11)
        .ok_or_else(|| DecodeError::malformed("QoS 3", "MQTT-3.3.1-4"))?;
    let topic = reader.string()?;
    check_topic_name(&topic)?;
    let packet_id = match qos {
        Qos::AtMostOnce => None,
        Qos::AtLeastOnce | Qos::ExactlyOnce => Some(reader.packet_id()?),
    };
    let properties = context.properties(reader, place::PUBLISH)?;
    if topic.is_empty() && properties.topic_alias().is_none() {
        return Err(DecodeError::protocol("neither topic name nor alias", "3.3.2.1"));
    }
    Ok(Publish {
        dup: flags & 0b1000 != 0,
        qos,
        retain: flags & 0b0001 != 0,
        topic,
        packet_id,
        properties,
        payload: reader.rest(),
    })
}

pub(super) fn check_topic_name(topic: &str) -> Result<(), DecodeError> {
    if topic.contains(['+', '#']) {
        return Err(DecodeError::new(
            ReasonCode::TopicNameInvalid,
            "a wildcard in a topic name",
            "MQTT-3.3.2-2",
        ));
    }
    Ok(())
}

fn acknowledgement(
    reader: &mut Reader,
    context: Context,
    place: u16,
) -> Result<Acknowledgement, DecodeError> {
    let packet_id = reader.packet_id()?;
    let (code, properties) = code_and_properties(reader, context, place)?;
    let allowed = match place {
        place::PUBACK | place::PUBREC => matches!(
            code,
            ReasonCode::Success
                | ReasonCode::NoMatchingSubscribers
                | ReasonCode::UnspecifiedError
                | ReasonCode::ImplementationSpecificError
                | ReasonCode::NotAuthorized
                | ReasonCode::TopicNameInvalid
                | ReasonCode::PacketIdentifierInUse
                | ReasonCode::QuotaExceeded
                | ReasonCode::PayloadFormatInvalid
        ),
        _ => matches!(code, ReasonCode::Success | ReasonCode::PacketIdentifierNotFound),
    };
    if !allowed {
        return Err(DecodeError::protocol("a reason code that is not for this packet", "2.4"));
    }
    Ok(Acknowledgement { packet_id, code, properties })
}

fn disconnect(reader: &mut Reader, context: Context) -> Result<Disconnect, DecodeError> {
    let (code, properties) = code_and_properties(reader, context, place::DISCONNECT)?;
    let allowed =
        code.is_failure() || matches!(code, ReasonCode::Success | ReasonCode::DisconnectWithWill);
    if !allowed {
        return Err(DecodeError::protocol("a reason code that is not for this packet", "2.4"));
    }
    Ok(Disconnect { code, properties })
}

fn auth(reader: &mut Reader, context: Context) -> Result<Auth, DecodeError> {
    let (code, properties) = code_and_properties(reader, context, place::AUTH)?;
    Ok(Auth { code, properties })
}

/// In MQTT 5 both may be left out at the end of a packet; in MQTT 3.1.1 they do not exist.
fn code_and_properties(
    reader: &mut Reader,
    context: Context,
    place: u16,
) -> Result<(ReasonCode, Properties), DecodeError> {
    if context.version == Version::V4 || reader.is_empty() {
        return Ok((ReasonCode::Success, Properties::default()));
    }
    let code = reason_code(reader.u8()?)?;
    if reader.is_empty() {
        return Ok((code, Properties::default()));
    }
    Ok((code, context.properties(reader, place)?))
}

pub(super) fn reason_code(value: u8) -> Result<ReasonCode, DecodeError> {
    ReasonCode::from_value(value)
        .ok_or_else(|| DecodeError::malformed("no such reason code", "2.4"))
}

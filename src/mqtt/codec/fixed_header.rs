//! The fixed header (section 2.1): packet type, flags, remaining length. Judged as soon as its
//! bytes are there, so that nobody waits for, or makes room for, a packet that is refused.

use super::{
    error::DecodeError,
    packet::{PacketType, Version},
    reader::decode_varint,
};
use crate::mqtt::reason::ReasonCode;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FixedHeader {
    pub(super) packet_type: PacketType,
    pub(super) flags: u8,
    /// Bytes of the header itself.
    pub(super) len: usize,
    /// Bytes of header and body.
    pub(super) total: usize,
}

impl FixedHeader {
    /// None while the header is incomplete. Without a version only a CONNECT is allowed.
    pub(super) fn peek(
        bytes: &[u8],
        version: Option<Version>,
        max_packet_size: usize,
    ) -> Result<Option<FixedHeader>, DecodeError> {
        let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
        let flags = first & 0x0F;
        let packet_type = packet_type(first >> 4, version)?;
        check_flags(packet_type, flags)?;
        let Some((length, used)) = decode_varint(rest)? else { return Ok(None) };
        let len = 1 + used;
        let total = len + length as usize;
        if total > max_packet_size {
            let what = "a packet is larger than allowed";
            return Err(DecodeError::new(ReasonCode::PacketTooLarge, what, "MQTT-3.2.2-15"));
        }
        Ok(Some(FixedHeader { packet_type, flags, len, total }))
    }
}

fn packet_type(number: u8, version: Option<Version>) -> Result<PacketType, DecodeError> {
    let packet_type = match number {
        1 => PacketType::Connect,
        2 => PacketType::ConnAck,
        3 => PacketType::Publish,
        4 => PacketType::PubAck,
        5 => PacketType::PubRec,
        6 => PacketType::PubRel,
        7 => PacketType::PubComp,
        8 => PacketType::Subscribe,
        9 => PacketType::SubAck,
        10 => PacketType::Unsubscribe,
        11 => PacketType::UnsubAck,
        12 => PacketType::PingReq,
        13 => PacketType::PingResp,
        14 => PacketType::Disconnect,
        15 if version != Some(Version::V4) => PacketType::Auth,
        _ => return Err(DecodeError::malformed("no such packet type", "2.1.2")),
    };
    if version.is_none() && packet_type != PacketType::Connect {
        return Err(DecodeError::protocol("the first packet is not CONNECT", "MQTT-3.1.0-1"));
    }
    Ok(packet_type)
}

fn check_flags(packet_type: PacketType, flags: u8) -> Result<(), DecodeError> {
    match packet_type {
        PacketType::Publish if flags & 0b0110 == 0b0110 => {
            Err(DecodeError::malformed("QoS 3", "MQTT-3.3.1-4"))
        }
        PacketType::Publish if flags & 0b1110 == 0b1000 => {
            Err(DecodeError::malformed("DUP at QoS 0", "MQTT-3.3.1-2"))
        }
        PacketType::Publish => Ok(()),
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe if flags == 0b0010 => {
            Ok(())
        }
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => {
            Err(DecodeError::malformed("reserved flags", "MQTT-2.1.3-1"))
        }
        _ if flags == 0 => Ok(()),
        _ => Err(DecodeError::malformed("reserved flags", "MQTT-2.1.3-1")),
    }
}

//! Which reason codes a server may put into which packet: MQTT 5 tables 3-1, 3-4 to 3-9 and 3-10,
//! and for MQTT 3.1.1 which packets it may send at all.

use parlor::mqtt::codec::{Packet, Version};

const CONNACK: &[u8] = &[
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97,
    0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
];
const PUBACK: &[u8] = &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const PUBREL: &[u8] = &[0x00, 0x92];
const SUBACK: &[u8] = &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2];
const UNSUBACK: &[u8] = &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91];
/// 0x8C stands in table 2-6 only.
const DISCONNECT: &[u8] = &[
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95,
    0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
];

/// Panics when a server must not send this packet. It is as it was read back from the wire.
pub fn check_sent(packet: &Packet, version: Version) {
    let v5 = version == Version::V5;
    let (codes, allowed): (Vec<u8>, &[u8]) = match packet {
        Packet::ConnAck(ack) => (vec![ack.code.value()], CONNACK),
        Packet::PubAck(ack) | Packet::PubRec(ack) => (vec![ack.code.value()], PUBACK),
        Packet::PubRel(ack) | Packet::PubComp(ack) => (vec![ack.code.value()], PUBREL),
        Packet::SubAck(ack) => (ack.codes.iter().map(|code| code.value()).collect(), SUBACK),
        Packet::UnsubAck(ack) => (ack.codes.iter().map(|code| code.value()).collect(), UNSUBACK),
        Packet::Disconnect(end) if v5 => (vec![end.code.value()], DISCONNECT),
        Packet::Publish(_) | Packet::PingResp => return,
        other => panic!("a server sends no {other:?} in {version:?}"),
    };
    for code in codes {
        assert!(allowed.contains(&code), "{code:#x} in {packet:?}");
    }
}

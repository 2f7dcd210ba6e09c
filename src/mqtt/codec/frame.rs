//! PUBLISH as bytes: written once for a version and with or without a packet identifier, then
//! copied for each receiver with its own identifier and flags.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    encode::EncodeError,
    packet::{PacketId, PacketType, Publish, Qos, Version},
    properties::Properties,
    writer::{put_string, put_varint, varint_len},
};

/// A PUBLISH whose receiver-dependent bytes are filled in on the way out.
#[derive(Clone, Debug)]
pub struct PublishFrame {
    bytes: Bytes,
    /// Where the packet identifier stands; none in a frame for QoS 0.
    packet_id_at: Option<usize>,
}

impl PublishFrame {
    /// `with_packet_id` makes a frame for QoS 1 and 2, else for QoS 0. Flags and packet
    /// identifier of `publish` are not part of it.
    pub fn encode(
        publish: &Publish,
        version: Version,
        with_packet_id: bool,
    ) -> Result<PublishFrame, EncodeError> {
        let mut out = BytesMut::with_capacity(publish.topic.len() + publish.payload.len() + 16);
        let placeholder = with_packet_id.then_some(PacketId::MIN);
        let packet_id_at = put(Parts::of(publish), version, 0, placeholder, &mut out)?;
        Ok(PublishFrame { bytes: out.freeze(), packet_id_at })
    }

    /// Appends a PUBLISH without properties, at QoS 0. On an error `out` is as it was.
    pub fn put_plain(
        topic: &str,
        payload: &[u8],
        version: Version,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let parts = Parts { topic, properties: &Properties::default(), payload };
        put(parts, version, first_byte(Qos::AtMostOnce, false, false), None, out).map(|_| ())
    }

    /// Bytes on the wire.
    pub fn wire_len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends the packet. A frame without a place for the identifier is sent at QoS 0.
    pub fn write(
        &self,
        qos: Qos,
        dup: bool,
        retain: bool,
        packet_id: Option<PacketId>,
        out: &mut BytesMut,
    ) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let (qos, dup) = match (self.packet_id_at, packet_id) {
            (Some(at), Some(packet_id)) => {
                out[start + at..start + at + 2].copy_from_slice(&packet_id.get().to_be_bytes());
                (qos, dup)
            }
            _ => (Qos::AtMostOnce, false),
        };
        out[start] = first_byte(qos, dup, retain);
    }
}

/// Writes a PUBLISH as it is.
pub(super) fn put_publish(
    publish: &Publish,
    version: Version,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let first = first_byte(publish.qos, publish.dup, publish.retain);
    put(Parts::of(publish), version, first, publish.packet_id, out).map(|_| ())
}

fn first_byte(qos: Qos, dup: bool, retain: bool) -> u8 {
    (PacketType::Publish as u8) << 4 | u8::from(dup) << 3 | (qos as u8) << 1 | u8::from(retain)
}

/// What all receivers of a PUBLISH get alike.
struct Parts<'a> {
    topic: &'a str,
    properties: &'a Properties,
    payload: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(publish: &'a Publish) -> Parts<'a> {
        let Publish { topic, properties, payload, .. } = publish;
        Parts { topic, properties, payload }
    }
}

/// Writes the packet without moving its payload twice; tells where the identifier stands, counted
/// from the packet's first byte.
fn put(
    Parts { topic, properties, payload }: Parts<'_>,
    version: Version,
    first: u8,
    packet_id: Option<PacketId>,
    out: &mut BytesMut,
) -> Result<Option<usize>, EncodeError> {
    let mut written = BytesMut::new();
    if version == Version::V5 {
        properties.write(&mut written)?;
    }
    let id_len = if packet_id.is_some() { 2 } else { 0 };
    let head_len = 2 + topic.len() + id_len + written.len();
    let length = head_len + payload.len();
    let start = out.len();
    out.reserve(1 + varint_len(length) + length);
    out.put_u8(first);
    if let Err(error) = put_varint(out, length).and_then(|()| put_string(out, topic)) {
        out.truncate(start);
        return Err(error);
    }
    let packet_id_at = packet_id.map(|packet_id| {
        let at = out.len() - start;
        out.put_u16(packet_id.get());
        at
    });
    out.put_slice(&written);
    out.put_slice(payload);
    Ok(packet_id_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::codec::{Packet, Property, encode};

    fn publish() -> Publish {
        Publish {
            dup: false,
            qos: Qos::AtLeastOnce,
            retain: false,
            topic: "chat/r1".into(),
            packet_id: PacketId::new(7),
            properties: Properties::default().with(Property::ContentType("text/plain".into())),
            payload: Bytes::from_static(b"hello"),
        }
    }

    fn written(frame: &PublishFrame, publish: &Publish) -> BytesMut {
        let mut out = BytesMut::from(&b"earlier"[..]);
        frame.write(publish.qos, publish.dup, publish.retain, publish.packet_id, &mut out);
        out.split_off(7)
    }

    #[test]
    fn a_frame_gives_the_same_bytes_as_encoding_for_each_receiver() {
        for version in [Version::V4, Version::V5] {
            let frame = PublishFrame::encode(&publish(), version, true).expect("fits");
            for (qos, dup, retain, id) in [
                (Qos::AtLeastOnce, false, false, 1),
                (Qos::ExactlyOnce, true, true, 65_535),
                (Qos::AtLeastOnce, true, false, 258),
            ] {
                let packet_id = PacketId::new(id);
                let one = Publish { qos, dup, retain, packet_id, ..publish() };
                let mut expected = BytesMut::new();
                encode(&Packet::Publish(one.clone()), version, usize::MAX, &mut expected)
                    .expect("fits");
                assert_eq!(written(&frame, &one), expected);
                assert_eq!(frame.wire_len(), expected.len());
            }
        }
    }

    #[test]
    fn a_plain_packet_is_what_encoding_gives() {
        for version in [Version::V4, Version::V5] {
            let (qos, packet_id, properties) = (Qos::AtMostOnce, None, Properties::default());
            let one = Publish { qos, packet_id, properties, ..publish() };
            let mut expected = BytesMut::new();
            encode(&Packet::Publish(one.clone()), version, usize::MAX, &mut expected)
                .expect("fits");
            let mut plain = BytesMut::new();
            PublishFrame::put_plain(&one.topic, &one.payload, version, &mut plain).expect("fits");
            assert_eq!(plain, expected);
        }
    }

    #[test]
    fn a_frame_for_qos_0_never_claims_another_qos() {
        let frame = PublishFrame::encode(&publish(), Version::V4, false).expect("fits");
        assert_eq!(written(&frame, &publish())[0], 0x30);
    }
}

//! Any bytes as packets: the decoder never panics, gives the same however the bytes arrive, and
//! what it gives is written back and read again unchanged. Then a session lives through them.

use bytes::BytesMut;
use parlor::mqtt::codec::{DecodeError, DecodeLimits, Packet, Version, decode, encode};

use super::{client::Client, counted, first};

pub const LIMITS: DecodeLimits = DecodeLimits { max_packet_size: 8192, max_user_properties: 8 };

/// The bytes of somebody who has said nothing yet. First byte: the shell's answer to the CONNECT.
pub fn connect(data: &[u8]) {
    let (answer, stream) = first(data);
    check_decoding(stream, None);
    let mut client = Client::stranger(answer);
    client.receive(stream, &[]);
    client.end();
}

/// MQTT 3.1.1: options of the client, what the shell does (counted), the client's bytes.
pub fn v4(data: &[u8]) {
    after_connect(data, Version::V4);
}

/// The same in MQTT 5.
pub fn v5(data: &[u8]) {
    after_connect(data, Version::V5);
}

fn after_connect(data: &[u8], version: Version) {
    let (options, rest) = first(data);
    let (script, stream) = counted(rest);
    check_decoding(stream, Some(version));
    let mut client = Client::known(version, options);
    client.receive(stream, script);
    client.end();
}

type Decoded = (Vec<Packet>, Option<DecodeError>);

fn check_decoding(stream: &[u8], version: Option<Version>) {
    let (packets, error) = decode_all(stream, version, stream.len().max(1));
    for size in [1, 2, 7] {
        assert_eq!(decode_all(stream, version, size), (packets.clone(), error), "in {size}s");
    }
    packets.iter().for_each(|packet| check_round_trip(packet, version));
}

/// What is read when the bytes arrive `size` at a time.
pub fn decode_all(stream: &[u8], version: Option<Version>, size: usize) -> Decoded {
    let (mut buffer, mut packets, mut version) = (BytesMut::new(), Vec::new(), version);
    for part in stream.chunks(size) {
        buffer.extend_from_slice(part);
        loop {
            match decode(&mut buffer, version, LIMITS) {
                Ok(Some(packet)) => {
                    if let (None, Packet::Connect(connect)) = (version, &packet) {
                        version = Some(connect.version);
                    }
                    packets.push(packet);
                }
                Ok(None) => break,
                Err(error) => return (packets, Some(error)),
            }
        }
    }
    (packets, None)
}

fn check_round_trip(packet: &Packet, version: Option<Version>) {
    // A CONNECT is in its own version, wherever it stands.
    let version = match (packet, version) {
        (Packet::Connect(connect), _) => connect.version,
        (_, Some(version)) => version,
        (_, None) => return,
    };
    let mut wire = BytesMut::new();
    encode(packet, version, LIMITS.max_packet_size, &mut wire).expect("what was read is written");
    let again = decode(&mut wire, Some(version), LIMITS).expect("and read again");
    assert_eq!(again.as_ref(), Some(packet));
    assert!(wire.is_empty(), "{} bytes too many", wire.len());
}

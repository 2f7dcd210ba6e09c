//! Bytes that are refused, as tables: the bytes, the code, the clause.

use bytes::BytesMut;

use super::{DecodeError, DecodeLimits, Packet, Version, decode};
use crate::mqtt::reason::ReasonCode::{
    self, MalformedPacket as Malformed, PacketTooLarge, ProtocolError as Protocol, QuotaExceeded,
    TopicAliasInvalid, TopicNameInvalid, UnsupportedProtocolVersion as Unsupported,
};

const LIMITS: DecodeLimits = DecodeLimits { max_packet_size: 1024, max_user_properties: 4 };

fn read(bytes: &[u8], version: Option<Version>) -> Result<Option<Packet>, DecodeError> {
    decode(&mut BytesMut::from(bytes), version, LIMITS)
}

/// A packet from its first byte and its body, which is short.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, u8::try_from(body.len()).expect("below 128")];
    bytes.extend_from_slice(body);
    bytes
}

type Case = (&'static str, u8, &'static [u8], ReasonCode);

fn check(version: Version, cases: &[Case]) {
    for (name, first, body, code) in cases {
        let error = read(&packet(*first, body), Some(version)).expect_err(name);
        assert_eq!(error.code, *code, "{name}: {error}");
        assert!(!error.clause.is_empty(), "{name}");
    }
}

#[test]
fn fixed_headers() {
    for (name, bytes, code) in [
        ("type 0", &[0x00, 0x00][..], Malformed),
        ("length of five bytes", &[0x30, 0xFF, 0xFF, 0xFF, 0xFF], Malformed),
        ("overlong 0", &[0xC0, 0x80, 0x00], Malformed),
        ("PINGREQ with flags", &[0xC1, 0x00], Malformed),
        ("PINGREQ with a body", &[0xC0, 0x01, 0x00], Malformed),
        ("SUBSCRIBE without flag 2", &[0x80], Malformed),
        ("UNSUBSCRIBE with flag 1", &[0xA1], Malformed),
        ("PUBREL without flag 2", &[0x60], Malformed),
        ("PUBACK with flags", &[0x42], Malformed),
        ("QoS 3", &[0x36], Malformed),
        ("DUP at QoS 0", &[0x38], Malformed),
        ("256 MB announced", &[0x30, 0xFF, 0xFF, 0xFF, 0x7F], PacketTooLarge),
        ("one byte too many", &[0x30, 0xFE, 0x07], PacketTooLarge),
    ] {
        for version in [Version::V4, Version::V5] {
            assert_eq!(read(bytes, Some(version)).expect_err(name).code, code, "{name}");
        }
    }
    assert_eq!(read(&[0x30, 0xFD, 0x07], Some(Version::V5)), Ok(None), "exactly the limit");
    assert!(read(&[0xF0, 0x00], Some(Version::V4)).is_err(), "no AUTH in 3.1.1");
    assert!(read(&[0xF0, 0x00], Some(Version::V5)).is_ok());
}

#[test]
fn a_stranger_may_only_connect() {
    for first in (0x00..=0xF0).step_by(0x10).filter(|first| *first != 0x10) {
        let flags = if matches!(first, 0x60 | 0x80 | 0xA0) { 0x02 } else { 0 };
        let error = read(&[first | flags], None).expect_err("not a CONNECT");
        assert_eq!(error.answer_in, None, "{first:#x}");
    }
    assert_eq!(read(&[0x10], None), Ok(None));
}

#[test]
fn connects() {
    let v4: &[Case] = &[
        ("empty", 0x10, b"", Malformed),
        ("another protocol", 0x10, b"\0\x04HTTP\x04\x02\0\x3c\0\0", Malformed),
        ("MQTT 3.1", 0x10, b"\0\x06MQIsdp\x03\x02\0\x3c\0\0", Unsupported),
        ("level 3", 0x10, b"\0\x04MQTT\x03\x02\0\x3c\0\0", Unsupported),
        ("level 6", 0x10, b"\0\x04MQTT\x06\x02\0\x3c\0\0", Unsupported),
        ("bridge bit", 0x10, b"\0\x04MQTT\x84\x02\0\x3c\0\0", Unsupported),
        ("reserved flag", 0x10, b"\0\x04MQTT\x04\x03\0\x3c\0\0", Malformed),
        ("will QoS without will", 0x10, b"\0\x04MQTT\x04\x0a\0\x3c\0\0", Malformed),
        ("will retain without will", 0x10, b"\0\x04MQTT\x04\x22\0\x3c\0\0", Malformed),
        ("will QoS 3", 0x10, b"\0\x04MQTT\x04\x1e\0\x3c\0\0\0\x01t\0\0", Malformed),
        (
            "wildcard in will topic",
            0x10,
            b"\0\x04MQTT\x04\x06\0\x3c\0\0\0\x01#\0\0",
            TopicNameInvalid,
        ),
        ("empty will topic", 0x10, b"\0\x04MQTT\x04\x06\0\x3c\0\0\0\0\0\0", TopicNameInvalid),
        ("password without user", 0x10, b"\0\x04MQTT\x04\x42\0\x3c\0\0\0\x01p", Malformed),
        ("user name missing", 0x10, b"\0\x04MQTT\x04\x82\0\x3c\0\0", Malformed),
        ("trailing byte", 0x10, b"\0\x04MQTT\x04\x02\0\x3c\0\0\0", Malformed),
        ("NUL in client id", 0x10, b"\0\x04MQTT\x04\x02\0\x3c\0\x02a\0", Malformed),
        ("client id not UTF-8", 0x10, b"\0\x04MQTT\x04\x02\0\x3c\0\x01\xff", Malformed),
    ];
    check(Version::V4, v4);
    for (name, first, body, code) in v4 {
        assert_eq!(read(&packet(*first, body), None).expect_err(name).code, *code, "{name}");
    }
    check(
        Version::V5,
        &[
            ("receive maximum 0", 0x10, b"\0\x04MQTT\x05\x02\0\x3c\x03\x21\0\0\0\0", Protocol),
            ("packet size 0", 0x10, b"\0\x04MQTT\x05\x02\0\x3c\x05\x27\0\0\0\0\0\0", Protocol),
            ("problem info 2", 0x10, b"\0\x04MQTT\x05\x02\0\x3c\x02\x17\x02\0\0", Protocol),
            ("auth data alone", 0x10, b"\0\x04MQTT\x05\x02\0\x3c\x04\x16\0\x01a\0\0", Protocol),
            ("twice", 0x10, b"\0\x04MQTT\x05\x02\0\x3c\x06\x22\0\x01\x22\0\x01\0\0", Protocol),
            ("of PUBLISH", 0x10, b"\0\x04MQTT\x05\x02\0\x3c\x03\x23\0\x01\0\0", Protocol),
            ("unknown", 0x10, b"\0\x04MQTT\x05\x02\0\x3c\x02\x7f\x01\0\0", Malformed),
            ("past the length", 0x10, b"\0\x04MQTT\x05\x02\0\x3c\x02\x21\0\x01\0\0", Malformed),
            ("length past the end", 0x10, b"\0\x04MQTT\x05\x02\0\x3c\x7f\0\0", Malformed),
            ("overlong length", 0x10, b"\0\x04MQTT\x05\x02\0\x3c\x80\0\0\0", Malformed),
        ],
    );
}

#[test]
fn a_connect_in_another_version_can_be_answered() {
    for (body, answer_in) in [
        (&b"\0\x06MQIsdp\x03\x02\0\x3c\0\0"[..], Some(Version::V4)),
        (b"\0\x04MQTT\x06\x02\0\x3c\0\0", Some(Version::V5)),
        (b"\0\x04HTTP\x04\x02\0\x3c\0\0", None),
    ] {
        let error = read(&packet(0x10, body), None).expect_err("refused");
        assert_eq!(error.answer_in, answer_in);
    }
}

#[test]
fn a_client_without_a_name_and_with_an_old_session_is_for_the_session_to_judge() {
    assert!(read(&packet(0x10, b"\0\x04MQTT\x05\0\0\x3c\0\0\0"), None).is_ok());
    assert!(read(&packet(0x10, b"\0\x04MQTT\x04\0\0\x3c\0\0"), None).is_ok());
}

#[test]
fn publishes() {
    let both: &[Case] = &[
        ("+ in the topic", 0x30, b"\0\x03a/+", TopicNameInvalid),
        ("# in the topic", 0x30, b"\0\x03a/#", TopicNameInvalid),
        ("no topic", 0x30, b"", Malformed),
        ("topic cut off", 0x30, b"\0\x09abc", Malformed),
        ("packet id 0", 0x32, b"\0\x01a\0\0\0", Protocol),
        ("packet id cut off", 0x32, b"\0\x01a\0", Malformed),
        ("surrogate in the topic", 0x30, b"\0\x03\xed\xa0\x80", Malformed),
        ("control character", 0x30, b"\0\x02a\x07", Malformed),
    ];
    check(Version::V4, both);
    check(Version::V5, both);
    check(Version::V4, &[("empty topic", 0x30, b"\0\0hello", Protocol)]);
    check(
        Version::V5,
        &[
            ("empty topic, no alias", 0x30, b"\0\0\0hello", Protocol),
            ("alias 0", 0x30, b"\0\x01a\x03\x23\0\0", TopicAliasInvalid),
            ("properties missing", 0x30, b"\0\x01a", Malformed),
            ("format indicator 2", 0x30, b"\0\x01a\x02\x01\x02", Protocol),
            ("wildcard response topic", 0x30, b"\0\x01a\x04\x08\0\x01#", Protocol),
            ("subscription id 0", 0x30, b"\0\x01a\x02\x0b\0", Protocol),
            ("will delay", 0x30, b"\0\x01a\x05\x18\0\0\0\x01", Protocol),
            (
                "five user properties",
                0x30,
                b"\0\x01a\x23\x26\0\x01a\0\x01b\x26\0\x01a\0\x01b\x26\0\x01a\0\x01b\x26\0\x01a\0\x01b\x26\0\x01a\0\x01b",
                QuotaExceeded,
            ),
        ],
    );
}

#[test]
fn acknowledgements() {
    let both: &[Case] =
        &[("PUBACK of id 0", 0x40, b"\0\0", Protocol), ("PUBREL cut off", 0x62, b"\0", Malformed)];
    check(Version::V4, both);
    check(Version::V5, both);
    check(Version::V4, &[("PUBACK with a code", 0x40, b"\0\x01\0", Malformed)]);
    check(
        Version::V5,
        &[
            ("no such code", 0x40, b"\0\x01\x05", Malformed),
            ("code of another packet", 0x40, b"\0\x01\x92", Protocol),
            ("PUBREL with 0x80", 0x62, b"\0\x01\x80", Protocol),
            ("trailing byte", 0x40, b"\0\x01\0\0\0", Malformed),
        ],
    );
}

#[test]
fn subscriptions() {
    check(
        Version::V4,
        &[
            ("no filter", 0x82, b"\0\x01", Protocol),
            ("id 0", 0x82, b"\0\0\0\x01a\0", Protocol),
            ("QoS 3", 0x82, b"\0\x01\0\x01a\x03", Protocol),
            ("options of MQTT 5", 0x82, b"\0\x01\0\x01a\x04", Malformed),
            ("filter without options", 0x82, b"\0\x01\0\x01a", Malformed),
            ("nothing to unsubscribe", 0xA2, b"\0\x01", Protocol),
        ],
    );
    check(
        Version::V5,
        &[
            ("no filter", 0x82, b"\0\x01\0", Protocol),
            ("retain handling 3", 0x82, b"\0\x01\0\0\x01a\x30", Protocol),
            ("reserved option", 0x82, b"\0\x01\0\0\x01a\x40", Malformed),
            ("No Local on a share", 0x82, b"\0\x01\0\0\x0a$share/g/a\x04", Protocol),
            ("two identifiers", 0x82, b"\0\x01\x04\x0b\x01\x0b\x02\0\x01a\0", Protocol),
            ("identifier in UNSUBSCRIBE", 0xA2, b"\0\x01\x02\x0b\x01\0\x01a", Protocol),
        ],
    );
}

#[test]
fn disconnects() {
    check(Version::V4, &[("with a code", 0xE0, b"\0", Malformed)]);
    check(
        Version::V5,
        &[
            ("granted QoS 1", 0xE0, b"\x01", Protocol),
            ("no such code", 0xE0, b"\x33", Malformed),
            ("receive maximum in it", 0xE0, b"\0\x03\x21\0\x01", Protocol),
        ],
    );
    assert!(read(&packet(0xE0, b"\x04"), Some(Version::V5)).is_ok());
}

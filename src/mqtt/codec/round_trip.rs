//! Properties of the codec: what is written is read back; split input gives the same packets;
//! arbitrary and mutated bytes never panic.

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::mqtt::reason::ReasonCode;

const LIMITS: DecodeLimits = DecodeLimits { max_packet_size: 1 << 20, max_user_properties: 8 };

fn text() -> impl Strategy<Value = String> {
    "[a-z0-9 가-힣/$]{1,12}"
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

fn qos() -> impl Strategy<Value = Qos> {
    select(vec![Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce])
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).expect("not 0"))
}

fn user_property() -> impl Strategy<Value = Property> {
    (text(), text()).prop_map(Property::UserProperty)
}

/// Properties that may stand where they are wanted, each at most once, in the table's order.
fn properties(choices: Vec<Property>, version: Version) -> BoxedStrategy<Properties> {
    if version == Version::V4 {
        return Just(Properties::default()).boxed();
    }
    let kept = vec(any::<bool>(), choices.len());
    (kept, vec(user_property(), 0..3))
        .prop_map(move |(kept, user)| {
            let mut all = Properties::default();
            choices
                .iter()
                .zip(kept)
                .filter(|(_, kept)| *kept)
                .for_each(|(p, _)| all.push(p.clone()));
            user.into_iter().for_each(|property| all.push(property));
            all
        })
        .boxed()
}

fn message_properties(version: Version) -> BoxedStrategy<Properties> {
    properties(
        vec![
            Property::PayloadFormatIndicator(true),
            Property::MessageExpiryInterval(70_000),
            Property::ContentType("text/plain".into()),
            Property::ResponseTopic("reply/here".into()),
            Property::CorrelationData(Bytes::from_static(b"\x00\xff")),
        ],
        version,
    )
}

fn publish_properties(version: Version) -> BoxedStrategy<Properties> {
    message_properties(version)
        .prop_flat_map(move |base| {
            properties(
                vec![
                    Property::TopicAlias(9),
                    Property::SubscriptionIdentifier(Varint(1)),
                    Property::SubscriptionIdentifier(Varint(268_435_455)),
                ],
                version,
            )
            .prop_map(move |more| {
                let mut all = more.clone();
                all.retain(|property| !matches!(property, Property::UserProperty(_)));
                base.iter().for_each(|property| all.push(property.clone()));
                all
            })
        })
        .boxed()
}

fn reason(version: Version) -> BoxedStrategy<Properties> {
    properties(vec![Property::ReasonString("because".into())], version)
}

fn publish(version: Version) -> BoxedStrategy<Packet> {
    (any::<bool>(), qos(), any::<bool>(), text(), packet_id(), publish_properties(version), bytes())
        .prop_map(|(dup, qos, retain, topic, id, properties, payload)| {
            let acknowledged = qos != Qos::AtMostOnce;
            Packet::Publish(Publish {
                dup: dup && acknowledged,
                qos,
                retain,
                topic,
                packet_id: acknowledged.then_some(id),
                properties,
                payload,
            })
        })
        .boxed()
}

fn connect(version: Version) -> BoxedStrategy<Packet> {
    let choices = vec![
        Property::SessionExpiryInterval(u32::MAX),
        Property::ReceiveMaximum(1),
        Property::MaximumPacketSize(1),
        Property::TopicAliasMaximum(0),
        Property::RequestResponseInformation(false),
        Property::RequestProblemInformation(true),
        Property::AuthenticationMethod("SCRAM".into()),
    ];
    let delay = vec![Property::WillDelayInterval(5)];
    let will = (qos(), any::<bool>(), text(), bytes(), properties(delay, version)).prop_map(
        |(qos, retain, topic, payload, properties)| Will {
            qos,
            retain,
            topic,
            payload,
            properties,
        },
    );
    let user = option::of((text(), option::of(bytes())));
    (any::<bool>(), any::<u16>(), text(), option::of(will), user, properties(choices, version))
        .prop_map(move |(clean_start, keep_alive_s, client_id, will, user, properties)| {
            let (user_name, password) = match user {
                Some((name, password)) => (Some(name), password),
                None => (None, None),
            };
            Packet::Connect(Box::new(Connect {
                version,
                clean_start,
                keep_alive_s,
                client_id,
                will,
                user_name,
                password,
                properties,
            }))
        })
        .boxed()
}

fn connack(version: Version) -> BoxedStrategy<Packet> {
    let choices = vec![
        Property::AssignedClientIdentifier("auto".into()),
        Property::ServerKeepAlive(60),
        Property::MaximumQos(true),
        Property::RetainAvailable(false),
        Property::WildcardSubscriptionAvailable(true),
        Property::SubscriptionIdentifierAvailable(true),
        Property::SharedSubscriptionAvailable(true),
        Property::ServerReference("elsewhere".into()),
        Property::ResponseInformation("reply".into()),
    ];
    let codes = vec![ReasonCode::Success, ReasonCode::NotAuthorized, ReasonCode::ServerUnavailable];
    (any::<bool>(), select(codes), properties(choices, version))
        .prop_map(|(session_present, code, properties)| {
            Packet::ConnAck(ConnAck { session_present, code, properties })
        })
        .boxed()
}

fn acknowledgements(version: Version) -> BoxedStrategy<Packet> {
    let code = match version {
        Version::V4 => vec![ReasonCode::Success],
        Version::V5 => vec![ReasonCode::Success, ReasonCode::QuotaExceeded],
    };
    (packet_id(), select(code), reason(version), 0..4_u8)
        .prop_map(|(packet_id, code, properties, kind)| {
            let publish_side = Acknowledgement { packet_id, code, properties };
            let release_side =
                Acknowledgement { code: ReasonCode::Success, ..publish_side.clone() };
            match kind {
                0 => Packet::PubAck(publish_side),
                1 => Packet::PubRec(publish_side),
                2 => Packet::PubRel(release_side),
                _ => Packet::PubComp(release_side),
            }
        })
        .boxed()
}

fn subscribe(version: Version) -> BoxedStrategy<Packet> {
    let options = (qos(), any::<bool>(), any::<bool>(), 0..3_u8).prop_map(move |parts| {
        let (qos, no_local, retain_as_published, handling) = parts;
        let retain_handling = match handling {
            0 => RetainHandling::SendAtSubscribe,
            1 => RetainHandling::SendIfNew,
            _ => RetainHandling::DoNotSend,
        };
        match version {
            Version::V4 => SubscribeOptions { qos, ..SubscribeOptions::default() },
            Version::V5 => SubscribeOptions { qos, no_local, retain_as_published, retain_handling },
        }
    });
    let one = (text(), options).prop_map(|(filter, options)| Subscription { filter, options });
    let identifier = vec![Property::SubscriptionIdentifier(Varint(300))];
    (packet_id(), properties(identifier, version), vec(one, 1..5))
        .prop_map(|(packet_id, properties, subscriptions)| {
            Packet::Subscribe(Subscribe { packet_id, properties, subscriptions })
        })
        .boxed()
}

fn answers(version: Version) -> BoxedStrategy<Packet> {
    let codes = vec![ReasonCode::GrantedQos1, ReasonCode::Success, ReasonCode::UnspecifiedError];
    (packet_id(), reason(version), vec(select(codes), 1..5), vec(text(), 1..5), 0..3_u8)
        .prop_map(move |(packet_id, properties, codes, filters, kind)| match kind {
            0 => Packet::SubAck(SubAck { packet_id, properties, codes }),
            1 if version == Version::V4 => {
                Packet::UnsubAck(SubAck { packet_id, properties, codes: Vec::new() })
            }
            1 => Packet::UnsubAck(SubAck { packet_id, properties, codes }),
            _ => {
                let properties = Properties::default();
                Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters })
            }
        })
        .boxed()
}

fn small(version: Version) -> BoxedStrategy<Packet> {
    let goodbye = match version {
        Version::V4 => Disconnect { code: ReasonCode::Success, properties: Properties::default() },
        Version::V5 => Disconnect {
            code: ReasonCode::DisconnectWithWill,
            properties: Properties::default().with(Property::SessionExpiryInterval(0)),
        },
    };
    let mut packets = vec![Packet::PingReq, Packet::PingResp, Packet::Disconnect(goodbye)];
    if version == Version::V5 {
        let properties = Properties::default()
            .with(Property::AuthenticationMethod("SCRAM".into()))
            .with(Property::AuthenticationData(Bytes::from_static(b"data")));
        packets.push(Packet::Auth(Auth { code: ReasonCode::ReAuthenticate, properties }));
    }
    select(packets).boxed()
}

fn version() -> impl Strategy<Value = Version> {
    select(vec![Version::V4, Version::V5])
}

fn packet() -> impl Strategy<Value = (Version, Packet)> {
    version().prop_flat_map(|version| {
        let any_packet = prop_oneof![
            connect(version),
            connack(version),
            publish(version),
            acknowledgements(version),
            subscribe(version),
            answers(version),
            small(version),
        ];
        (Just(version), any_packet)
    })
}

fn encoded(packet: &Packet, version: Version) -> BytesMut {
    let mut out = BytesMut::new();
    encode(packet, version, usize::MAX, &mut out).expect("it fits");
    out
}

proptest! {
    #[test]
    fn what_is_written_is_read_back((version, packet) in packet()) {
        let mut wire = encoded(&packet, version);
        wire.extend_from_slice(&[0xC0, 0x00]);
        prop_assert_eq!(decode(&mut wire, Some(version), LIMITS), Ok(Some(packet)));
        prop_assert_eq!(&wire[..], &[0xC0, 0x00]);
    }

    #[test]
    fn every_prefix_waits_for_more((version, packet) in packet()) {
        let whole = encoded(&packet, version);
        for cut in 0..whole.len() {
            let mut part = BytesMut::from(&whole[..cut]);
            prop_assert_eq!(decode(&mut part, Some(version), LIMITS), Ok(None));
            prop_assert_eq!(part.len(), cut);
        }
    }

    #[test]
    fn a_length_that_is_cut_short_never_panics(
        (version, packet) in packet(), cut in 0..4_usize, at in any::<proptest::sample::Index>(),
        byte in any::<u8>()
    ) {
        let mut wire = encoded(&packet, version);
        let index = at.index(wire.len());
        wire[index] = byte;
        wire.truncate(wire.len() - cut.min(wire.len()));
        while let Ok(Some(_)) = decode(&mut wire, Some(version), LIMITS) {}
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300), version in option::of(version())) {
        let mut wire = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = decode(&mut wire, version, LIMITS) {}
    }

    #[test]
    fn a_packet_never_exceeds_what_its_receiver_takes(
        (version, packet) in packet(), max_size in 2..120_usize
    ) {
        let mut out = BytesMut::from(&b"before"[..]);
        match encode(&packet, version, max_size, &mut out) {
            Ok(()) => prop_assert!(out.len() - 6 <= max_size),
            Err(error) => {
                prop_assert_eq!(error, EncodeError::TooLarge);
                prop_assert_eq!(&out[..], b"before");
            }
        }
    }
}

#[test]
fn a_reason_string_gives_way_to_the_receivers_limit() {
    let properties = Properties::default().with(Property::ReasonString("x".repeat(200)));
    let packet = Packet::Disconnect(Disconnect { code: ReasonCode::QuotaExceeded, properties });
    let mut out = BytesMut::new();
    encode(&packet, Version::V5, 20, &mut out).expect("fits without the text");
    assert_eq!(&out[..], [0xE0, 0x02, 0x97, 0x00]);
}

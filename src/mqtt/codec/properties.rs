//! The properties of MQTT 5 (table 2-4): which there are, what they hold, in which packets they
//! may stand. One table; reading, writing and looking up follow from it.

use bytes::{BufMut, Bytes, BytesMut};

use super::{encode::EncodeError, error::DecodeError, reader::Reader, writer};
use crate::mqtt::reason::ReasonCode;

/// Where properties stand, as bits: one for each packet type by its number, and the will.
pub(super) mod place {
    pub(crate) const WILL: u16 = 1 << 0;
    pub(crate) const CONNECT: u16 = 1 << 1;
    pub(crate) const CONNACK: u16 = 1 << 2;
    pub(crate) const PUBLISH: u16 = 1 << 3;
    pub(crate) const PUBACK: u16 = 1 << 4;
    pub(crate) const PUBREC: u16 = 1 << 5;
    pub(crate) const PUBREL: u16 = 1 << 6;
    pub(crate) const PUBCOMP: u16 = 1 << 7;
    pub(crate) const SUBSCRIBE: u16 = 1 << 8;
    pub(crate) const SUBACK: u16 = 1 << 9;
    pub(crate) const UNSUBSCRIBE: u16 = 1 << 10;
    pub(crate) const UNSUBACK: u16 = 1 << 11;
    pub(crate) const DISCONNECT: u16 = 1 << 14;
    pub(crate) const AUTH: u16 = 1 << 15;
    pub(crate) const ACKNOWLEDGEMENTS: u16 = PUBACK | PUBREC | PUBREL | PUBCOMP | SUBACK | UNSUBACK;
    pub(crate) const MESSAGE: u16 = PUBLISH | WILL;
    pub(crate) const ANYWHERE: u16 = u16::MAX;
}
use place::*;

/// A Variable Byte Integer as the value of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Varint(pub u32);

/// A value with a wire form.
trait Wire: Sized {
    fn read(reader: &mut Reader) -> Result<Self, DecodeError>;
    fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError>;
}

macro_rules! properties {
    ($($id:literal $name:ident $accessor:ident: $value:ty, in $places:expr;)*) => {
        #[derive(Clone, Debug, PartialEq)]
        pub enum Property { $($name($value),)* }

        impl Property {
            fn id(&self) -> u8 {
                match self { $(Property::$name(_) => $id,)* }
            }

            fn read(id: u32, place: u16, reader: &mut Reader) -> Result<Property, DecodeError> {
                match id {
                    $($id if $places & place != 0 => {
                        Ok(Property::$name(<$value as Wire>::read(reader)?))
                    })*
                    $($id => Err(DecodeError::protocol("a property that is not allowed here", "2.2.2.2")),)*
                    _ => Err(DecodeError::malformed("no such property", "2.2.2.2")),
                }
            }

            fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
                out.put_u8(self.id());
                match self { $(Property::$name(value) => Wire::write(value, out),)* }
            }
        }

        impl Properties {
            $(
                /// The first property of this kind.
                pub fn $accessor(&self) -> Option<&$value> {
                    self.list.iter().find_map(|property| match property {
                        Property::$name(value) => Some(value),
                        _ => None,
                    })
                }
            )*
        }
    };
}

// Every one-byte property is a yes or no: other values are protocol errors.
properties! {
    0x01 PayloadFormatIndicator payload_format_indicator: bool, in MESSAGE;
    0x02 MessageExpiryInterval message_expiry_interval: u32, in MESSAGE;
    0x03 ContentType content_type: String, in MESSAGE;
    0x08 ResponseTopic response_topic: String, in MESSAGE;
    0x09 CorrelationData correlation_data: Bytes, in MESSAGE;
    0x0B SubscriptionIdentifier subscription_identifier: Varint, in PUBLISH | SUBSCRIBE;
    0x11 SessionExpiryInterval session_expiry_interval: u32, in CONNECT | CONNACK | DISCONNECT;
    0x12 AssignedClientIdentifier assigned_client_identifier: String, in CONNACK;
    0x13 ServerKeepAlive server_keep_alive: u16, in CONNACK;
    0x15 AuthenticationMethod authentication_method: String, in CONNECT | CONNACK | AUTH;
    0x16 AuthenticationData authentication_data: Bytes, in CONNECT | CONNACK | AUTH;
    0x17 RequestProblemInformation request_problem_information: bool, in CONNECT;
    0x18 WillDelayInterval will_delay_interval: u32, in WILL;
    0x19 RequestResponseInformation request_response_information: bool, in CONNECT;
    0x1A ResponseInformation response_information: String, in CONNACK;
    0x1C ServerReference server_reference: String, in CONNACK | DISCONNECT;
    0x1F ReasonString reason_string: String, in CONNACK | DISCONNECT | AUTH | ACKNOWLEDGEMENTS;
    0x21 ReceiveMaximum receive_maximum: u16, in CONNECT | CONNACK;
    0x22 TopicAliasMaximum topic_alias_maximum: u16, in CONNECT | CONNACK;
    0x23 TopicAlias topic_alias: u16, in PUBLISH;
    0x24 MaximumQos maximum_qos: bool, in CONNACK;
    0x25 RetainAvailable retain_available: bool, in CONNACK;
    0x26 UserProperty user_property: (String, String), in ANYWHERE;
    0x27 MaximumPacketSize maximum_packet_size: u32, in CONNECT | CONNACK;
    0x28 WildcardSubscriptionAvailable wildcard_subscription_available: bool, in CONNACK;
    0x29 SubscriptionIdentifierAvailable subscription_identifier_available: bool, in CONNACK;
    0x2A SharedSubscriptionAvailable shared_subscription_available: bool, in CONNACK;
}

/// The properties of one packet, in their order. Empty costs no allocation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties {
    list: Vec<Property>,
}

impl Properties {
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Property> {
        self.list.iter()
    }

    pub fn push(&mut self, property: Property) {
        self.list.push(property);
    }

    /// A Reason String, unless the code says it all.
    pub fn explain(&mut self, text: String) {
        if !text.is_empty() {
            self.push(Property::ReasonString(text));
        }
    }

    #[must_use]
    pub fn with(mut self, property: Property) -> Properties {
        self.list.push(property);
        self
    }

    pub fn retain(&mut self, keep: impl FnMut(&Property) -> bool) {
        self.list.retain(keep);
    }

    /// All user properties, as name and value, in their order [MQTT-3.3.2-18].
    pub fn user_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().filter_map(|property| match property {
            Property::UserProperty((name, value)) => Some((name.as_str(), value.as_str())),
            _ => None,
        })
    }

    /// Reads the length and as many properties as it covers.
    pub(super) fn read(
        reader: &mut Reader,
        place: u16,
        max_repeatable: usize,
    ) -> Result<Properties, DecodeError> {
        let length = reader.varint()? as usize;
        let mut reader = Reader::new(reader.take(length)?);
        let mut properties = Properties::default();
        let mut seen = 0_u64;
        let mut repeatable = 0;
        while !reader.is_empty() {
            let property = Property::read(reader.varint()?, place, &mut reader)?;
            match property {
                Property::UserProperty(_) => repeatable += 1,
                // Several subscriptions may match one message [MQTT-3.3.4-4].
                Property::SubscriptionIdentifier(_) if place == PUBLISH => repeatable += 1,
                _ if seen & (1 << property.id()) != 0 => {
                    return Err(DecodeError::protocol("a property stands twice", "2.2.2.2"));
                }
                _ => seen |= 1 << property.id(),
            }
            if repeatable > max_repeatable {
                let what = "more user properties than allowed";
                return Err(DecodeError::new(ReasonCode::QuotaExceeded, what, "3.1.2.11.8"));
            }
            check(&property)?;
            properties.push(property);
        }
        Ok(properties)
    }

    pub(super) fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        if self.is_empty() {
            out.put_u8(0);
            return Ok(());
        }
        writer::put_with_length(out, |out| self.list.iter().try_for_each(|one| one.write(out)))
    }
}

/// Values that the type allows and the specification does not.
fn check(property: &Property) -> Result<(), DecodeError> {
    match property {
        Property::ReceiveMaximum(0) => {
            Err(DecodeError::protocol("receive maximum 0", "3.1.2.11.3"))
        }
        Property::MaximumPacketSize(0) => {
            Err(DecodeError::protocol("maximum packet size 0", "3.1.2.11.4"))
        }
        Property::SubscriptionIdentifier(Varint(0)) => {
            Err(DecodeError::protocol("subscription identifier 0", "3.8.2.1.2"))
        }
        Property::TopicAlias(0) => {
            Err(DecodeError::new(ReasonCode::TopicAliasInvalid, "topic alias 0", "MQTT-3.3.2-8"))
        }
        Property::ResponseTopic(topic) if topic.is_empty() || topic.contains(['+', '#']) => {
            Err(DecodeError::protocol("wildcard in a response topic", "MQTT-3.3.2-14"))
        }
        _ => Ok(()),
    }
}

impl Wire for bool {
    fn read(reader: &mut Reader) -> Result<bool, DecodeError> {
        match reader.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::protocol("a property is neither 0 nor 1", "2.2.2.2")),
        }
    }
    fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u8(u8::from(*self));
        Ok(())
    }
}

impl Wire for u16 {
    fn read(reader: &mut Reader) -> Result<u16, DecodeError> {
        reader.u16()
    }
    fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u16(*self);
        Ok(())
    }
}

impl Wire for u32 {
    fn read(reader: &mut Reader) -> Result<u32, DecodeError> {
        reader.u32()
    }
    fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u32(*self);
        Ok(())
    }
}

impl Wire for Varint {
    fn read(reader: &mut Reader) -> Result<Varint, DecodeError> {
        reader.varint().map(Varint)
    }
    fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        writer::put_varint(out, self.0 as usize)
    }
}

impl Wire for String {
    fn read(reader: &mut Reader) -> Result<String, DecodeError> {
        reader.string()
    }
    fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        writer::put_string(out, self)
    }
}

impl Wire for Bytes {
    /// An exact copy: a property may outlive its packet, the read buffer should not.
    fn read(reader: &mut Reader) -> Result<Bytes, DecodeError> {
        Ok(Bytes::copy_from_slice(&reader.binary()?))
    }
    fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        writer::put_binary(out, self)
    }
}

impl Wire for (String, String) {
    fn read(reader: &mut Reader) -> Result<(String, String), DecodeError> {
        Ok((reader.string()?, reader.string()?))
    }
    fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        writer::put_string(out, &self.0)?;
        writer::put_string(out, &self.1)
    }
}

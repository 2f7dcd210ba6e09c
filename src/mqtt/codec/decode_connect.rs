//! CONNECT, the packet that strangers send, and CONNACK.

use super::{
    decode::{Context, check_topic_name, reason_code},
    error::DecodeError,
    packet::{ConnAck, Connect, Qos, Version, Will},
    properties::place,
    reader::Reader,
};
use crate::mqtt::reason::ReasonCode;

const USER_NAME: u8 = 0b1000_0000;
const PASSWORD: u8 = 0b0100_0000;
const WILL_RETAIN: u8 = 0b0010_0000;
const WILL_QOS: u8 = 0b0001_1000;
const WILL: u8 = 0b0000_0100;
const CLEAN_START: u8 = 0b0000_0010;
const RESERVED: u8 = 0b0000_0001;

pub(super) fn connect(reader: &mut Reader, context: Context) -> Result<Connect, DecodeError> {
    let version = protocol(reader)?;
    let context = Context { version, ..context };
    let flags = reader.u8()?;
    check_flags(flags, version)?;
    let keep_alive_s = reader.u16()?;
    let properties = context.properties(reader, place::CONNECT)?;
    if properties.authentication_data().is_some() && properties.authentication_method().is_none() {
        return Err(DecodeError::protocol("authentication data without a method", "3.1.2.11.10"));
    }
    let client_id = reader.string()?;
    let will = if flags & WILL == 0 { None } else { Some(will(flags, reader, context)?) };
    let user_name = if flags & USER_NAME == 0 { None } else { Some(reader.string()?) };
    let password = if flags & PASSWORD == 0 { None } else { Some(reader.binary()?) };
    let clean_start = flags & CLEAN_START != 0;
    Ok(Connect {
        version,
        clean_start,
        keep_alive_s,
        client_id,
        will,
        user_name,
        password,
        properties,
    })
}

/// Protocol name and level [MQTT-3.1.2-1, MQTT-3.1.2-2]. The name of MQTT 3.1 and unknown levels
/// are answered in the nearest version, another name by silence.
fn protocol(reader: &mut Reader) -> Result<Version, DecodeError> {
    let name = reader.binary()?;
    let level = reader.u8()?;
    let answer_in = match (name.as_ref(), level) {
        (b"MQTT", 4) => return Ok(Version::V4),
        (b"MQTT", 5) => return Ok(Version::V5),
        (b"MQTT", 6..) => Version::V5,
        (b"MQTT" | b"MQIsdp", _) => Version::V4,
        _ => return Err(DecodeError::malformed("the protocol is not MQTT", "MQTT-3.1.2-1")),
    };
    let code = ReasonCode::UnsupportedProtocolVersion;
    let error = DecodeError::new(code, "neither MQTT 3.1.1 nor MQTT 5", "MQTT-3.1.2-2");
    Err(DecodeError { answer_in: Some(answer_in), ..error })
}

fn check_flags(flags: u8, version: Version) -> Result<(), DecodeError> {
    if flags & RESERVED != 0 {
        return Err(DecodeError::malformed("the reserved connect flag is set", "MQTT-3.1.2-3"));
    }
    if flags & WILL_QOS == WILL_QOS {
        return Err(DecodeError::malformed("will QoS 3", "MQTT-3.1.2-12"));
    }
    if flags & WILL == 0 && flags & WILL_QOS != 0 {
        return Err(DecodeError::malformed("will QoS without a will", "MQTT-3.1.2-11"));
    }
    if flags & WILL == 0 && flags & WILL_RETAIN != 0 {
        return Err(DecodeError::malformed("will retain without a will", "MQTT-3.1.2-13"));
    }
    if version == Version::V4 && flags & USER_NAME == 0 && flags & PASSWORD != 0 {
        return Err(DecodeError::malformed(
            "a password without a user name",
            "3.1.1: MQTT-3.1.2-22",
        ));
    }
    Ok(())
}

fn will(flags: u8, reader: &mut Reader, context: Context) -> Result<Will, DecodeError> {
    let properties = context.properties(reader, place::WILL)?;
    let topic = reader.string()?;
    check_topic_name(&topic)?;
    if topic.is_empty() {
        return Err(DecodeError::new(
            ReasonCode::TopicNameInvalid,
            "an empty will topic",
            "MQTT-4.7.3-1",
        ));
    }
    let payload = reader.binary()?;
    let qos = Qos::from_value((flags & WILL_QOS) >> 3)
        .ok_or_else(|| DecodeError::malformed("will QoS 3", "MQTT-3.1.2-12"))?;
    Ok(Will { qos, retain: flags & WILL_RETAIN != 0, topic, payload, properties })
}

pub(super) fn connack(reader: &mut Reader, context: Context) -> Result<ConnAck, DecodeError> {
    let session_present = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return Err(DecodeError::malformed("reserved acknowledge flags", "MQTT-3.2.2-1")),
    };
    let value = reader.u8()?;
    let code = match context.version {
        Version::V5 => reason_code(value)?,
        Version::V4 => ReasonCode::from_connect_return_code(value)
            .ok_or_else(|| DecodeError::malformed("no such return code", "3.1.1: 3.2.2.3"))?,
    };
    let properties = context.properties(reader, place::CONNACK)?;
    Ok(ConnAck { session_present, code, properties })
}

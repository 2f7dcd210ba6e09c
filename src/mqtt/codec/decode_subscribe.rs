//! SUBSCRIBE, UNSUBSCRIBE and their acknowledgements. The syntax of a filter is judged later, each
//! on its own: a SUBACK can refuse one filter, a decoder only the whole packet.

use super::{
    decode::{Context, reason_code},
    error::DecodeError,
    packet::{
        Qos, RetainHandling, SubAck, Subscribe, SubscribeOptions, Subscription, Unsubscribe,
        Version,
    },
    properties::place,
    reader::Reader,
};
use crate::mqtt::reason::ReasonCode;

pub(super) fn subscribe(reader: &mut Reader, context: Context) -> Result<Subscribe, DecodeError> {
    let packet_id = reader.packet_id()?;
    let properties = context.properties(reader, place::SUBSCRIBE)?;
    let mut subscriptions = Vec::new();
    while !reader.is_empty() {
        let filter = reader.string()?;
        let options = options(reader.u8()?, context.version)?;
        if options.no_local && filter.starts_with("$share/") {
            return Err(DecodeError::protocol("No Local on a shared subscription", "MQTT-3.8.3-4"));
        }
        subscriptions.push(Subscription { filter, options });
    }
    if subscriptions.is_empty() {
        return Err(DecodeError::protocol("SUBSCRIBE without a filter", "MQTT-3.8.3-2"));
    }
    Ok(Subscribe { packet_id, properties, subscriptions })
}

fn options(byte: u8, version: Version) -> Result<SubscribeOptions, DecodeError> {
    let reserved = if version == Version::V4 { 0b1111_1100 } else { 0b1100_0000 };
    if byte & reserved != 0 {
        return Err(DecodeError::malformed("reserved subscription options", "MQTT-3.8.3-5"));
    }
    let qos = Qos::from_value(byte & 0b11)
        .ok_or_else(|| DecodeError::protocol("a subscription with QoS 3", "3.8.3.1"))?;
    let retain_handling = match byte >> 4 & 0b11 {
        0 => RetainHandling::SendAtSubscribe,
        1 => RetainHandling::SendIfNew,
        2 => RetainHandling::DoNotSend,
        _ => return Err(DecodeError::protocol("retain handling 3", "3.8.3.1")),
    };
    Ok(SubscribeOptions {
        qos,
        no_local: byte & 0b0100 != 0,
        retain_as_published: byte & 0b1000 != 0,
        retain_handling,
    })
}

pub(super) fn unsubscribe(
    reader: &mut Reader,
    context: Context,
) -> Result<Unsubscribe, DecodeError> {
    let packet_id = reader.packet_id()?;
    let properties = context.properties(reader, place::UNSUBSCRIBE)?;
    let mut filters = Vec::new();
    while !reader.is_empty() {
        filters.push(reader.string()?);
    }
    if filters.is_empty() {
        return Err(DecodeError::protocol("UNSUBSCRIBE without a filter", "MQTT-3.10.3-2"));
    }
    Ok(Unsubscribe { packet_id, properties, filters })
}

pub(super) fn suback(reader: &mut Reader, context: Context) -> Result<SubAck, DecodeError> {
    let packet_id = reader.packet_id()?;
    let properties = context.properties(reader, place::SUBACK)?;
    let mut codes = Vec::new();
    while !reader.is_empty() {
        let code = reason_code(reader.u8()?)?;
        let defined = matches!(code.value(), 0..=2 | 0x80);
        if context.version == Version::V4 && !defined {
            return Err(DecodeError::malformed("no such return code", "3.1.1: MQTT-3.9.3-2"));
        }
        codes.push(code);
    }
    Ok(SubAck { packet_id, properties, codes })
}

pub(super) fn unsuback(reader: &mut Reader, context: Context) -> Result<SubAck, DecodeError> {
    let packet_id = reader.packet_id()?;
    let properties = context.properties(reader, place::UNSUBACK)?;
    let codes: Vec<ReasonCode> = match context.version {
        Version::V4 => Vec::new(),
        Version::V5 => {
            reader.rest().iter().map(|value| reason_code(*value)).collect::<Result<_, _>>()?
        }
    };
    Ok(SubAck { packet_id, properties, codes })
}

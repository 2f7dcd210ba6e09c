//! MQTT 3.1.1 and 5 as bytes: strict decoding, encoding, and publishes encoded once for many.
//! Knows the wire and its rules for single packets; no session state, no clock, no I/O.

mod decode;
mod decode_connect;
mod decode_subscribe;
mod encode;
mod error;
mod fixed_header;
mod frame;
mod packet;
mod properties;
mod reader;
mod writer;

#[cfg(test)]
mod malformed;
#[cfg(test)]
mod round_trip;

pub use decode::{DecodeLimits, decode};
pub use encode::{EncodeError, encode};
pub use error::DecodeError;
pub use frame::PublishFrame;
pub use packet::{
    Acknowledgement, Auth, ConnAck, Connect, Disconnect, Packet, PacketId, PacketType, Publish,
    Qos, RetainHandling, SubAck, Subscribe, SubscribeOptions, Subscription, Unsubscribe, Version,
    Will,
};
pub use properties::{Properties, Property, Varint};

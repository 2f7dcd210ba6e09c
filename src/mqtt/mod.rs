//! The edge: MQTT 3.1.1 and 5. Bytes become packets (`codec`), packets become intentions and
//! replies (`session`); what they mean for rooms and people is decided above, what a room is, below.

pub mod codec;
pub mod filter;
pub mod reason;
pub mod session;

#[cfg(test)]
mod scenario;

//! Topic aliases of deliveries (section 3.3.2.3.4): the first topics of a connection get one each,
//! as many as the client takes and the limit allows. They end with the connection [MQTT-3.3.2-7].

use std::collections::HashMap;

/// How a PUBLISH names its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    InFull,
    /// In full, and from now on by this alias.
    Defines(u16),
    ByAlias(u16),
}

#[derive(Debug, Default)]
pub(super) struct Aliases {
    /// 0: the client wants none [MQTT-3.1.2-27].
    maximum: u16,
    topics: HashMap<String, u16>,
}

impl Aliases {
    pub(super) fn new(maximum: u16) -> Aliases {
        Aliases { maximum, topics: HashMap::new() }
    }

    pub(super) fn are_off(&self) -> bool {
        self.maximum == 0
    }

    pub(super) fn naming(&self, topic: &str) -> Naming {
        match self.topics.get(topic) {
            Some(alias) => Naming::ByAlias(*alias),
            None => match u16::try_from(self.topics.len()) {
                Ok(used) if used < self.maximum => Naming::Defines(used + 1),
                _ => Naming::InFull,
            },
        }
    }

    /// A PUBLISH that names its topic so has been sent: one that was too large defines nothing.
    pub(super) fn sent(&mut self, topic: &str, naming: Naming) {
        if let Naming::Defines(alias) = naming {
            self.topics.insert(topic.to_owned(), alias);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::{
        codec::{Packet, Property, Qos, Version},
        scenario::{Scenario, connect, delivery},
        session::{Granted, Limits},
    };

    #[test]
    fn the_first_topics_get_one_and_the_rest_none() {
        let mut aliases = Aliases::new(2);
        for (topic, expected) in [
            ("a", Naming::Defines(1)),
            ("a", Naming::ByAlias(1)),
            ("b", Naming::Defines(2)),
            ("c", Naming::InFull),
            ("a", Naming::ByAlias(1)),
            ("b", Naming::ByAlias(2)),
        ] {
            let naming = aliases.naming(topic);
            assert_eq!(naming, expected, "{topic}");
            aliases.sent(topic, naming);
        }
        assert_eq!(Aliases::default().naming("a"), Naming::InFull);
    }

    #[test]
    fn a_client_that_takes_aliases_is_told_a_topic_once_in_a_connection() {
        let mut asked = connect(Version::V5);
        asked.properties.push(Property::TopicAliasMaximum(1));
        let (mut scenario, _) = Scenario::live_with(Limits::default(), asked, Granted::default());
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
            scenario.deliver(delivery(qos, "x"));
        }
        let named: Vec<_> = scenario
            .sent
            .drain(..)
            .filter_map(|packet| match packet {
                Packet::Publish(one) => {
                    Some((one.topic.is_empty(), one.properties.topic_alias().copied()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(named, [(false, Some(1)), (true, Some(1)), (true, Some(1))]);
    }
}

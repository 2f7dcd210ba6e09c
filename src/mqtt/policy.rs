//! What a topic or filter means to somebody: the only place that decides who may read and write
//! what. Rooms have the last word about themselves: what is allowed here is asked of the bridge.

use super::{
    filter::Filter,
    reason::{ReasonCode, Refusal},
};
use crate::{
    bridge,
    chat::{RoomId, Uid, people::Identity, topic::Topic},
};

/// What a subscription asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Exactly `chat/<id>`: to be in the room.
    Room(RoomId),
    /// `chat/+`, `chat/#`, shared or not: every room that one may read, without being in it.
    Rooms,
    /// `rooms/...`: cards.
    Directory,
    /// `$SYS/...`
    Sys,
    /// What the configuration has opened.
    Open,
}

/// What a publish asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    Draft(RoomId),
    Whisper(RoomId, Uid),
    Open,
}

/// The rules that the configuration sets.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// `[topics] open`.
    pub open: Vec<Filter>,
    /// `[topics] closed`: nothing is ever published there, so that a wider filter may match it.
    pub closed: Vec<Filter>,
}

impl Policy {
    /// `is_local`: the client is on this machine.
    pub fn reading(
        &self,
        filter: &Filter,
        who: &Identity,
        is_local: bool,
    ) -> Result<Reading, Refusal> {
        let pattern = filter.pattern();
        let shared = filter.share().is_some();
        let first = pattern.split('/').next().unwrap_or_default();
        match first {
            "$SYS" if who.monitor || is_local => Ok(Reading::Sys),
            "$SYS" => Err(denied("$SYS is for monitors")),
            "rooms" => Ok(Reading::Directory),
            "chat" => match (Topic::parse(pattern), pattern) {
                (Topic::Chat(room), _) if !shared => Ok(Reading::Room(room)),
                (_, "chat/+" | "chat/#") => Ok(Reading::Rooms),
                _ => Err(denied("subscribe to chat/<id>, or to chat/+")),
            },
            _ if first.starts_with('$') => Err(denied("this topic is not for clients")),
            _ if any_covers(&self.closed, pattern) => Err(kept_back()),
            _ if any_covers(&self.open, pattern) => Ok(Reading::Open),
            _ => Err(denied("this topic is not open")),
        }
    }

    pub fn writing(&self, name: &str) -> Result<Writing, Refusal> {
        match Topic::parse(name) {
            Topic::Chat(room) => Ok(Writing::Draft(room)),
            Topic::Whisper(room, to) => Ok(Writing::Whisper(room, to)),
            Topic::Card(_) | Topic::Sys => Err(denied("only the server writes here")),
            Topic::Other if Topic::is_reserved(name) => {
                Err(Refusal::new(ReasonCode::TopicNameInvalid, ""))
            }
            Topic::Other if self.closed.iter().any(|closed| closed.matches(name)) => {
                Err(kept_back())
            }
            Topic::Other if self.open.iter().any(|open| open.matches(name)) => Ok(Writing::Open),
            Topic::Other => Err(denied("this topic is not open")),
        }
    }
}

fn denied(text: &str) -> Refusal {
    Refusal::new(ReasonCode::NotAuthorized, text)
}

/// "The Server either does not wish to reveal the reason" (section 3.9.3).
fn kept_back() -> Refusal {
    Refusal::new(ReasonCode::UnspecifiedError, "")
}

fn any_covers(filters: &[Filter], pattern: &str) -> bool {
    filters.iter().any(|filter| covers(filter.pattern(), pattern))
}

/// Whether every name that `pattern` matches is matched by `open`, too.
fn covers(open: &str, pattern: &str) -> bool {
    let mut asked = pattern.split('/');
    for level in open.split('/') {
        if level == "#" {
            return true;
        }
        match asked.next() {
            Some("#") | None => return false,
            Some("+") if level != "+" => return false,
            Some(name) if level == "+" || level == name => {}
            Some(_) => return false,
        }
    }
    asked.next().is_none()
}

/// The bridge's no in MQTT's words.
impl From<bridge::Refusal> for Refusal {
    fn from(refusal: bridge::Refusal) -> Refusal {
        use bridge::Refusal as No;
        let code = match &refusal {
            No::NoSuchRoom | No::NoSuchPerson | No::NotFound => ReasonCode::TopicNameInvalid,
            No::Locked | No::WrongPassword | No::Banned | No::NotOwner => ReasonCode::NotAuthorized,
            No::Full
            | No::TooManyRooms
            | No::TooManyBans
            | No::StorageFull(..)
            | No::QuotaUsed(..) => ReasonCode::QuotaExceeded,
            No::TooOften(..) => ReasonCode::MessageRateTooHigh,
            No::Draft(_) | No::Room(_) => ReasonCode::PayloadFormatInvalid,
            No::Unavailable => ReasonCode::ServerUnavailable,
        };
        Refusal::new(code, refusal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::mqtt::filter::{TopicLimits, matches};

    const ROOM: &str = "0123456789ab";

    fn filter(text: &str) -> Filter {
        Filter::parse(text, TopicLimits::default()).expect("a valid filter")
    }

    fn policy(open: &[&str]) -> Policy {
        Policy { open: open.iter().map(|text| filter(text)).collect(), closed: Vec::new() }
    }

    fn reading(policy: &Policy, text: &str) -> Result<Reading, ReasonCode> {
        let who = Identity::anonymous("x");
        policy.reading(&filter(text), &who, false).map_err(|refusal| refusal.code)
    }

    #[test]
    fn filters_mean_what_the_contract_says() {
        let room = ROOM.parse().expect("an id");
        let no = Err(ReasonCode::NotAuthorized);
        for (text, expected) in [
            ("chat/0123456789ab", Ok(Reading::Room(room))),
            ("chat/+", Ok(Reading::Rooms)),
            ("chat/#", Ok(Reading::Rooms)),
            ("$share/g/chat/+", Ok(Reading::Rooms)),
            ("rooms/+", Ok(Reading::Directory)),
            ("rooms/#", Ok(Reading::Directory)),
            ("rooms/0123456789ab", Ok(Reading::Directory)),
            ("$share/g/chat/0123456789ab", no.clone()),
            ("chat/0123456789ab/#", no.clone()),
            ("chat/0123456789ab/to/+", no.clone()),
            ("chat/+/to/+", no.clone()),
            ("chat/x", no.clone()),
            ("#", no.clone()),
            ("+/0123456789ab", no.clone()),
            ("+/+", no.clone()),
            ("$SYS/#", no.clone()),
            ("$share/g/$SYS/#", no.clone()),
            ("$control/#", no.clone()),
            ("sensors/a", no),
        ] {
            assert_eq!(reading(&policy(&[]), text), expected, "{text}");
        }
    }

    #[test]
    fn the_broker_shows_itself_to_monitors_and_to_its_own_machine() {
        let (policy, sys) = (policy(&[]), filter("$SYS/#"));
        let who = Identity::anonymous("x");
        let monitor = Identity { monitor: true, ..who.clone() };
        assert_eq!(policy.reading(&sys, &monitor, false), Ok(Reading::Sys));
        assert_eq!(policy.reading(&sys, &who, true), Ok(Reading::Sys));
    }

    #[test]
    fn a_filter_is_open_when_all_it_matches_is() {
        for (open, asked, expected) in [
            ("sensors/#", "sensors/a/b", true),
            ("sensors/#", "sensors/+/b", true),
            ("sensors/#", "sensors", true),
            ("sensors/#", "sensors/#", true),
            ("sensors/#", "$share/g/sensors/#", true),
            ("sensors/#", "+/a", false),
            ("sensors/#", "#", false),
            ("sensors/+", "sensors/+", true),
            ("sensors/+", "sensors/#", false),
            ("sensors/+", "sensors/a/b", false),
            ("sensors/a", "sensors/+", false),
            ("#", "#", true),
            ("#", "$other/a", false),
        ] {
            let read = reading(&policy(&[open]), asked) == Ok(Reading::Open);
            assert_eq!(read, expected, "{asked} with {open} open");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_read_through_an_open_filter_that_it_does_not_match(
            open in "([ab+]?(/[ab+]?){0,3}(/#)?|#)",
            asked in "([ab+]?(/[ab+]?){0,3}(/#)?|#)",
            names in vec("[ab]?(/[ab]?){0,4}", 20),
        ) {
            if covers(&open, &asked) {
                for name in names.iter().filter(|name| matches(&asked, name)) {
                    prop_assert!(matches(&open, name), "{} by {} with {} open", name, asked, open);
                }
            }
        }
    }

    #[test]
    fn what_is_kept_back_is_refused_without_a_reason() {
        let policy = Policy { closed: vec![filter("a/secret/#")], ..policy(&["a/#"]) };
        let no = Err(ReasonCode::UnspecifiedError);
        assert_eq!(reading(&policy, "a/secret/x"), no);
        assert_eq!(reading(&policy, "a/secret/#"), no);
        assert_eq!(reading(&policy, "a/open"), Ok(Reading::Open));
        assert_eq!(reading(&policy, "a/#"), Ok(Reading::Open), "nothing is published there");
        assert!(policy.writing("a/secret/x").is_err());
        assert_eq!(policy.writing("a/open"), Ok(Writing::Open));
    }

    #[test]
    fn opening_everything_opens_nothing_of_parlors() {
        let policy = policy(&["#"]);
        for (name, expected) in [
            ("rooms/0123456789ab", Err(ReasonCode::NotAuthorized)),
            ("$SYS/broker/uptime", Err(ReasonCode::NotAuthorized)),
            ("$share/g/a", Err(ReasonCode::TopicNameInvalid)),
            ("$control/x", Err(ReasonCode::TopicNameInvalid)),
            ("chat/x", Err(ReasonCode::TopicNameInvalid)),
            ("chat", Err(ReasonCode::TopicNameInvalid)),
            ("chat/0123456789ab/x", Err(ReasonCode::TopicNameInvalid)),
            ("sensors/a", Ok(Writing::Open)),
            ("chat/0123456789ab", Ok(Writing::Draft(ROOM.parse().expect("an id")))),
        ] {
            assert_eq!(policy.writing(name).map_err(|refusal| refusal.code), expected, "{name}");
        }
        assert!(super::Policy::default().writing("sensors/a").is_err());
    }
}

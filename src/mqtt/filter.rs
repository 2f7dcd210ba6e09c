//! Topic names and topic filters as MQTT spells them: validation and matching, `$share` included.
//! What a topic means in Parlor is spelled in `chat::topic`, who may use it in `policy`.

/// How long and how deep a topic name or filter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicLimits {
    /// Bytes of UTF-8, `$share/<group>/` included.
    pub max_bytes: usize,
    /// Levels between slashes.
    pub max_levels: usize,
}

impl Default for TopicLimits {
    fn default() -> TopicLimits {
        TopicLimits { max_bytes: 512, max_levels: 16 }
    }
}

/// Why a name or filter is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    #[error("is empty [MQTT-4.7.3-1]")]
    Empty,
    #[error("holds the character U+0000 [MQTT-4.7.3-2]")]
    Null,
    #[error("has a wildcard that is not a level of its own, or # before the end [MQTT-4.7.1-1]")]
    MisplacedWildcard,
    #[error("has a wildcard in a topic name [MQTT-3.3.2-2]")]
    WildcardInName,
    #[error("has a share name that is empty or holds a wildcard [MQTT-4.8.2-1]")]
    InvalidShare,
    #[error("is longer than allowed")]
    TooLong,
    #[error("has more levels than allowed")]
    TooDeep,
}

/// A valid topic filter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filter {
    text: String,
    /// Where the pattern starts: after `$share/<group>/`, else 0.
    pattern_at: usize,
}

impl Filter {
    /// Checks the syntax (MQTT 5 sections 4.7 and 4.8.2) and the limits.
    pub fn parse(text: &str, limits: TopicLimits) -> Result<Filter, TopicError> {
        check_text(text, limits)?;
        let pattern_at = match text.strip_prefix("$share/") {
            None => 0,
            Some(rest) => {
                let (group, pattern) = rest.split_once('/').ok_or(TopicError::InvalidShare)?;
                if group.is_empty() || group.contains(['+', '#']) || pattern.is_empty() {
                    return Err(TopicError::InvalidShare);
                }
                text.len() - pattern.len()
            }
        };
        let mut levels = text[pattern_at..].split('/').peekable();
        while let Some(level) = levels.next() {
            let misplaced = match level {
                "#" => levels.peek().is_some(),
                "+" => false,
                _ => level.contains(['+', '#']),
            };
            if misplaced {
                return Err(TopicError::MisplacedWildcard);
            }
        }
        Ok(Filter { text: text.to_owned(), pattern_at })
    }

    /// As the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The filter itself, without `$share/<group>/`.
    pub fn pattern(&self) -> &str {
        &self.text[self.pattern_at..]
    }

    /// The group of a shared subscription.
    pub fn share(&self) -> Option<&str> {
        let head = self.text[..self.pattern_at].strip_prefix("$share/")?;
        head.strip_suffix('/')
    }

    pub fn has_wildcard(&self) -> bool {
        self.pattern().split('/').any(|level| level == "+" || level == "#")
    }

    /// Whether a message on this topic name belongs to the subscription.
    pub fn matches(&self, topic: &str) -> bool {
        matches(self.pattern(), topic)
    }
}

/// Whether a valid pattern matches a topic name. Wildcards in the first level never match a name
/// that begins with `$` [MQTT-4.7.2-1]; `a/#` matches `a` itself (section 4.7.1.2).
pub fn matches(pattern: &str, topic: &str) -> bool {
    if topic.starts_with('$') && pattern.starts_with(['+', '#']) {
        return false;
    }
    let mut names = topic.split('/');
    for level in pattern.split('/') {
        if level == "#" {
            return true;
        }
        match names.next() {
            Some(name) if level == "+" || level == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

/// Checks a name that somebody publishes to.
pub fn check_name(name: &str, limits: TopicLimits) -> Result<(), TopicError> {
    check_text(name, limits)?;
    if name.contains(['+', '#']) { Err(TopicError::WildcardInName) } else { Ok(()) }
}

fn check_text(text: &str, limits: TopicLimits) -> Result<(), TopicError> {
    if text.is_empty() {
        Err(TopicError::Empty)
    } else if text.len() > limits.max_bytes {
        Err(TopicError::TooLong)
    } else if text.split('/').count() > limits.max_levels {
        Err(TopicError::TooDeep)
    } else if text.contains('\0') {
        Err(TopicError::Null)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Filter, TopicError> {
        Filter::parse(text, TopicLimits::default())
    }

    #[test]
    fn filters_match_as_the_specification_says() {
        for (filter, topic, expected) in [
            ("chat/r1", "chat/r1", true),
            ("chat/r1", "chat/r2", false),
            ("chat/r1", "chat/r1/to", false),
            ("chat/+", "chat/r1", true),
            ("chat/+", "chat/", true),
            ("chat/+", "chat", false),
            ("chat/+", "chat/r1/to", false),
            ("chat/#", "chat", true),
            ("chat/#", "chat/r1/to/u", true),
            ("chat/#", "chats", false),
            ("#", "a/b/c", true),
            ("#", "/", true),
            ("#", "$SYS/broker", false),
            ("+/broker", "$SYS/broker", false),
            ("$SYS/#", "$SYS/broker/uptime", true),
            ("$SYS/+", "$SYS/broker", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("a/+/c", "a//c", true),
            ("a//c", "a/b/c", false),
            ("$share/g/chat/+", "chat/r1", true),
            ("$share/g/#", "$SYS/broker", false),
            ("$share/g//a", "/a", true),
        ] {
            let matched = parse(filter).expect("the filter is valid").matches(topic);
            assert_eq!(matched, expected, "{filter} on {topic}");
        }
    }

    #[test]
    fn invalid_filters_are_refused_by_name() {
        let deep = "a/".repeat(16) + "a";
        let long = "a".repeat(513);
        for (filter, error) in [
            ("", TopicError::Empty),
            ("a/#/b", TopicError::MisplacedWildcard),
            ("#/a", TopicError::MisplacedWildcard),
            ("a#", TopicError::MisplacedWildcard),
            ("a+", TopicError::MisplacedWildcard),
            ("a/b+/c", TopicError::MisplacedWildcard),
            ("a/##", TopicError::MisplacedWildcard),
            ("a\0b", TopicError::Null),
            ("$share/", TopicError::InvalidShare),
            ("$share/g", TopicError::InvalidShare),
            ("$share/g/", TopicError::InvalidShare),
            ("$share//a", TopicError::InvalidShare),
            ("$share/g+/a", TopicError::InvalidShare),
            ("$share/#/a", TopicError::InvalidShare),
            (deep.as_str(), TopicError::TooDeep),
            (long.as_str(), TopicError::TooLong),
        ] {
            assert_eq!(parse(filter), Err(error), "{filter}");
        }
    }

    #[test]
    fn a_shared_filter_knows_its_group_and_its_pattern() {
        let shared = parse("$share/readers/chat/+").expect("valid");
        assert_eq!(shared.share(), Some("readers"));
        assert_eq!(shared.pattern(), "chat/+");
        assert!(shared.has_wildcard());
        let plain = parse("chat/r1").expect("valid");
        assert_eq!(plain.share(), None);
        assert!(!plain.has_wildcard());
    }

    #[test]
    fn a_name_holds_no_wildcard() {
        let limits = TopicLimits::default();
        assert_eq!(check_name("chat/r1", limits), Ok(()));
        assert_eq!(check_name("chat/+", limits), Err(TopicError::WildcardInName));
        assert_eq!(check_name("a#", limits), Err(TopicError::WildcardInName));
        assert_eq!(check_name("", limits), Err(TopicError::Empty));
    }

    proptest! {
        #[test]
        fn every_name_is_a_filter_that_matches_exactly_itself(
            name in "[a-z$/ ]{1,20}", other in "[a-z$/ ]{1,20}"
        ) {
            if let Ok(filter) = parse(&name)
                && filter.share().is_none()
            {
                prop_assert!(filter.matches(&name));
                prop_assert_eq!(filter.matches(&other), name == other);
            }
        }

        #[test]
        fn no_text_makes_parsing_or_matching_panic(filter in ".{0,40}", topic in ".{0,40}") {
            if let Ok(filter) = parse(&filter) {
                filter.matches(&topic);
            }
        }
    }
}

//! Topic filters against a second opinion: a parser and a matcher written straight from MQTT 5
//! section 4.7, slow and without any cleverness. The first line is a topic name, the rest filters.

use parlor::mqtt::{
    filter::{Filter, TopicLimits, check_name, matches},
    tree::Tree,
};

const LIMITS: TopicLimits = TopicLimits { max_bytes: 64, max_levels: 8 };

pub fn topic_and_filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let name = lines.next().unwrap_or_default();
    assert_eq!(check_name(name, LIMITS).is_ok(), is_name(name), "{name:?}");
    let mut filters = Vec::new();
    for line in lines.take(16) {
        let parsed = Filter::parse(line, LIMITS);
        assert_eq!(parsed.is_ok(), is_filter(line), "{line:?}");
        if let Ok(filter) = parsed {
            check_filter(&filter, line, name);
            filters.push(filter);
        }
    }
    // Nobody asks the tree for a name with wildcards, which would be its own levels.
    if !name.contains(['+', '#']) {
        check_tree(&filters, name);
    }
}

fn check_filter(filter: &Filter, line: &str, name: &str) {
    let (share, pattern) = shared(line);
    assert_eq!((filter.as_str(), filter.share(), filter.pattern()), (line, share, pattern));
    assert_eq!(filter.has_wildcard(), pattern.contains(['+', '#']));
    let expected = is_matched(pattern, name);
    assert_eq!(filter.matches(name), expected, "{line:?} on {name:?}");
    assert_eq!(matches(pattern, name), expected);
}

fn check_tree(filters: &[Filter], name: &str) {
    let mut tree = Tree::default();
    for (index, filter) in filters.iter().enumerate() {
        assert_eq!(tree.insert(filter, index, |_| false), None);
    }
    let mut found = Vec::new();
    tree.each_match(name, |index| found.push(*index));
    found.sort_unstable();
    let expected: Vec<usize> =
        (0..filters.len()).filter(|at| is_matched(filters[*at].pattern(), name)).collect();
    assert_eq!(found, expected, "{name:?}");
    for (index, filter) in filters.iter().enumerate() {
        assert_eq!(tree.remove(filter, |one| *one == index), Some(index));
    }
    assert_eq!(tree.entries(), 0);
}

fn is_short(text: &str) -> bool {
    let levels = 1 + text.chars().filter(|c| *c == '/').count();
    (1..=LIMITS.max_bytes).contains(&text.len()) && levels <= LIMITS.max_levels
}

fn is_name(text: &str) -> bool {
    is_short(text) && text.chars().all(|c| !['+', '#', '\0'].contains(&c))
}

fn is_filter(text: &str) -> bool {
    let share_is_valid = match text.strip_prefix("$share/") {
        None => true,
        Some(_) => shared(text).0.is_some_and(|group| !group.contains(['+', '#'])),
    };
    let pattern: Vec<char> = shared(text).1.chars().collect();
    let stands_alone = |at: usize| {
        (at == 0 || pattern[at - 1] == '/') && pattern.get(at + 1).is_none_or(|next| *next == '/')
    };
    let wildcards_are_valid = (0..pattern.len()).all(|at| match pattern[at] {
        '+' => stands_alone(at),
        '#' => stands_alone(at) && at + 1 == pattern.len(),
        _ => true,
    });
    is_short(text) && !text.contains('\0') && share_is_valid && wildcards_are_valid
}

/// The group, when there is one that is not empty, and what is behind it.
fn shared(text: &str) -> (Option<&str>, &str) {
    let parts: Vec<&str> = text.splitn(3, '/').collect();
    match parts[..] {
        ["$share", group, pattern] if !group.is_empty() && !pattern.is_empty() => {
            (Some(group), pattern)
        }
        _ => (None, text),
    }
}

fn is_matched(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<&str>, Vec<&str>) =
        (pattern.split('/').collect(), name.split('/').collect());
    let hidden = name[0].starts_with('$') && ["+", "#"].contains(&pattern[0]);
    !hidden && levels_match(&pattern, &name)
}

fn levels_match(pattern: &[&str], name: &[&str]) -> bool {
    match (pattern, name) {
        (["#"], _) | ([], []) => true,
        (["+", pattern @ ..], [_, name @ ..]) => levels_match(pattern, name),
        ([level, pattern @ ..], [same, name @ ..]) => level == same && levels_match(pattern, name),
        _ => false,
    }
}

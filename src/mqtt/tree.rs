//! Subscriptions by filter, found by topic name without looking at all of them. Pure.

use std::collections::HashMap;

use super::filter::Filter;

/// A tree of levels; the wildcards are levels called `+` and `#`.
#[derive(Debug)]
pub struct Tree<T> {
    root: Node<T>,
    len: usize,
}

#[derive(Debug)]
struct Node<T> {
    children: HashMap<Box<str>, Node<T>>,
    entries: Vec<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Node<T> {
        Node { children: HashMap::new(), entries: Vec::new() }
    }
}

impl<T> Default for Tree<T> {
    fn default() -> Tree<T> {
        Tree { root: Node::default(), len: 0 }
    }
}

impl<T> Tree<T> {
    /// How many entries there are.
    pub fn entries(&self) -> usize {
        self.len
    }

    /// Puts `entry` in the place of the one under this filter that is the `same`, and returns that
    /// one; else adds it.
    pub fn insert(&mut self, filter: &Filter, entry: T, same: impl Fn(&T) -> bool) -> Option<T> {
        let mut node = &mut self.root;
        for level in filter.pattern().split('/') {
            node = node.children.entry(level.into()).or_default();
        }
        match node.entries.iter_mut().find(|old| same(old)) {
            Some(old) => Some(std::mem::replace(old, entry)),
            None => {
                node.entries.push(entry);
                self.len += 1;
                None
            }
        }
    }

    /// Takes out the entry under this filter that is the `same`, and the levels that it leaves
    /// empty.
    pub fn remove(&mut self, filter: &Filter, same: impl Fn(&T) -> bool) -> Option<T> {
        let removed = self.root.remove(&mut filter.pattern().split('/'), &same);
        self.len -= usize::from(removed.is_some());
        removed
    }

    /// Calls `found` with every entry whose filter matches the name.
    pub fn each_match<'a>(&'a self, name: &str, mut found: impl FnMut(&'a T)) {
        let levels: Vec<&str> = name.split('/').collect();
        self.root.each_match(&levels, name.starts_with('$'), &mut found);
    }
}

impl<T> Node<T> {
    fn remove<'a>(
        &mut self,
        levels: &mut impl Iterator<Item = &'a str>,
        same: &impl Fn(&T) -> bool,
    ) -> Option<T> {
        let Some(level) = levels.next() else {
            let index = self.entries.iter().position(same)?;
            return Some(self.entries.swap_remove(index));
        };
        let child = self.children.get_mut(level)?;
        let removed = child.remove(levels, same);
        if child.entries.is_empty() && child.children.is_empty() {
            self.children.remove(level);
        }
        removed
    }

    fn each_match<'a>(
        &'a self,
        levels: &[&str],
        only_literal: bool,
        found: &mut impl FnMut(&'a T),
    ) {
        if !only_literal && let Some(rest) = self.children.get("#") {
            rest.entries.iter().for_each(&mut *found);
        }
        let Some((level, rest)) = levels.split_first() else {
            self.entries.iter().for_each(found);
            return;
        };
        if let Some(child) = self.children.get(*level) {
            child.each_match(rest, false, found);
        }
        if !only_literal && let Some(child) = self.children.get("+") {
            child.each_match(rest, false, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::mqtt::filter::TopicLimits;

    fn filter(text: &str) -> Filter {
        Filter::parse(text, TopicLimits::default()).expect("a valid filter")
    }

    #[test]
    fn an_entry_replaces_its_like_and_leaves_nothing_behind() {
        let mut tree = Tree::default();
        assert_eq!(tree.insert(&filter("a/+/c"), 1, |old| *old == 1), None);
        assert_eq!(tree.insert(&filter("a/+/c"), 1, |old| *old == 1), Some(1));
        assert_eq!(tree.insert(&filter("a/+/c"), 2, |old| *old == 2), None);
        assert_eq!(tree.entries(), 2);
        assert_eq!(tree.remove(&filter("a/+/c"), |old| *old == 3), None);
        assert_eq!(tree.remove(&filter("a/+"), |_| true), None);
        assert_eq!(tree.remove(&filter("a/+/c"), |old| *old == 1), Some(1));
        assert_eq!(tree.remove(&filter("a/+/c"), |old| *old == 2), Some(2));
        assert!(tree.entries() == 0 && tree.root.children.is_empty());
    }

    proptest! {
        #[test]
        fn the_tree_finds_exactly_what_matches(
            filters in vec("(\\$|[ab+]|)(/([ab+]|)){0,3}(/#)?", 1..20),
            name in "(\\$|[ab]|)(/([ab]|)){0,4}",
        ) {
            let filters: Vec<Filter> = filters
                .iter()
                .filter_map(|text| Filter::parse(text, TopicLimits::default()).ok())
                .collect();
            let mut tree = Tree::default();
            for (index, filter) in filters.iter().enumerate() {
                tree.insert(filter, index, |_| false);
            }
            let mut found = Vec::new();
            tree.each_match(&name, |index| found.push(*index));
            found.sort_unstable();
            let expected: Vec<usize> = (0..filters.len())
                .filter(|index| filters[*index].matches(&name))
                .collect();
            prop_assert_eq!(found, expected, "{}", name);
            for (index, filter) in filters.iter().enumerate() {
                prop_assert_eq!(tree.remove(filter, |one| *one == index), Some(index));
            }
            prop_assert!(tree.root.children.is_empty());
        }
    }
}

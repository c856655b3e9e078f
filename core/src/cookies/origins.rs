//! What sites keep in local storage, for browsers to carry on with.

use std::collections::HashSet;
use std::sync::Arc;

use super::storage_state::{OriginState, StorageItem};

/// The local storage of this many origins is remembered.
const MOST_ORIGINS: usize = 1_000;
/// Bytes of names and values, of all origins. A browser lets one origin have 10 MiB. What else a state says of an origin, such
/// as `indexedDB`, does not count: it comes from a file that was read whole.
const MOST_BYTES: usize = 64 << 20;

/// Local storage by origin, the one that changed last at the end. Bounded: the first go.
#[derive(Default)]
pub(super) struct Origins {
    kept: Vec<Arc<OriginState>>,
}

impl Origins {
    pub(super) fn all(&self) -> Vec<Arc<OriginState>> {
        self.kept.clone()
    }

    pub(super) fn load(&mut self, origins: &[OriginState]) {
        for origin in origins {
            self.put(Arc::new(origin.clone()));
        }
        self.make_room();
    }

    pub(super) fn change(&mut self, origin: &str, set: Vec<StorageItem>, removed: &[String]) {
        let known = self.kept.iter().find(|known| known.origin == origin);
        let mut state = known.map_or_else(
            || OriginState::new(origin, Vec::new()),
            |known| OriginState::clone(known),
        );
        let replaced: HashSet<&str> = set
            .iter()
            .map(|item| &*item.name)
            .chain(removed.iter().map(|name| &**name))
            .collect();
        state.local_storage.retain(|item| !replaced.contains(&*item.name));
        state.local_storage.extend(set);
        if state.local_storage.is_empty() && state.other.is_empty() {
            self.kept.retain(|known| known.origin != origin);
        } else {
            self.put(Arc::new(state));
            self.make_room();
        }
    }

    fn put(&mut self, state: Arc<OriginState>) {
        self.kept.retain(|known| known.origin != state.origin);
        self.kept.push(state);
    }

    fn make_room(&mut self) {
        // One that would not fit in an empty house sends nobody else out.
        self.kept.retain(|state| bytes_of(state) <= MOST_BYTES);
        let mut bytes = 0;
        let fitting = |state: &&Arc<OriginState>| {
            bytes += bytes_of(state);
            bytes <= MOST_BYTES
        };
        let fit = self.kept.iter().rev().take(MOST_ORIGINS).take_while(fitting).count();
        self.kept.drain(..self.kept.len() - fit);
    }
}

fn bytes_of(state: &OriginState) -> usize {
    let items = state.local_storage.iter();
    items.map(|item| item.name.len() + item.value.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, value: impl Into<String>) -> StorageItem {
        StorageItem {
            name: name.to_owned(),
            value: value.into(),
        }
    }

    #[test]
    fn changes_are_made_item_by_item_and_nothing_is_left_of_an_empty_origin() {
        let mut origins = Origins::default();
        let site = "https://shop.test";
        origins.change(site, vec![item("a", "1"), item("b", "2")], &[]);
        origins.change(site, vec![item("b", "3")], &["none".to_owned()]);
        assert_eq!(origins.all()[0].local_storage, [item("a", "1"), item("b", "3")]);
        origins.change(site, Vec::new(), &["a".to_owned(), "b".to_owned()]);
        assert!(origins.all().is_empty());

        let mut other = OriginState::new(site, vec![item("a", "1")]);
        other.other.insert("indexedDB".to_owned(), 1.into());
        origins.load(&[other]);
        origins.change(site, Vec::new(), &["a".to_owned()]);
        assert_eq!(origins.all()[0].other["indexedDB"], 1, "what is not known here stays");
    }

    #[test]
    fn the_first_go_when_there_is_too_much() {
        let mut origins = Origins::default();
        for number in 0..MOST_ORIGINS + 5 {
            origins.change(&format!("https://{number}.test"), vec![item("a", "1")], &[]);
        }
        assert_eq!(origins.all().len(), MOST_ORIGINS);
        assert_eq!(origins.all()[0].origin, "https://5.test");
        let large = "x".repeat(MOST_BYTES / 4);
        for number in 0..5 {
            origins.change(&format!("https://{number}.test"), vec![item("a", large.clone())], &[]);
        }
        let left: Vec<_> = origins.all().iter().map(|state| state.origin.clone()).collect();
        assert_eq!(left, ["https://2.test", "https://3.test", "https://4.test"]);
    }

    #[test]
    fn one_that_is_too_large_by_itself_goes_alone() {
        let mut origins = Origins::default();
        origins.change("https://a.test", vec![item("a", "1")], &[]);
        origins.change("https://greedy.test", vec![item("a", "1")], &[]);
        let large = "x".repeat(MOST_BYTES);
        origins.change("https://greedy.test", vec![item("b", large.clone())], &[]);
        let left = |origins: &Origins| {
            origins
                .all()
                .iter()
                .map(|state| state.origin.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(left(&origins), ["https://a.test"]);
        let greedy = OriginState::new("https://greedy.test", vec![item("b", large)]);
        let other = OriginState::new("https://b.test", vec![item("a", "1")]);
        origins.load(&[greedy, other]);
        assert_eq!(left(&origins), ["https://a.test", "https://b.test"]);
    }
}

//! What a document has once and uses often: the objects and type names that its identifiers stand for, and names.

use crate::remoting::clixml::Name;
use std::collections::HashMap;
use std::sync::Arc;

/// What identifiers stand for: those that count up from zero, as PowerShell's do, in a list, the others in a map.
pub(super) struct References<T> {
    counted: Vec<T>,
    others: HashMap<u64, T>,
}

impl<T> Default for References<T> {
    fn default() -> Self {
        Self {
            counted: Vec::new(),
            others: HashMap::new(),
        }
    }
}

impl<T> References<T> {
    /// What was inserted last under that identifier.
    pub(super) fn get(&self, reference: u64) -> Option<&T> {
        let counted = usize::try_from(reference).map(|at| self.counted.get(at));
        match counted {
            Ok(Some(item)) => Some(item),
            _ => self.others.get(&reference),
        }
    }

    pub(super) fn insert(&mut self, reference: u64, item: T) {
        match usize::try_from(reference) {
            Ok(at) if at < self.counted.len() => self.counted[at] = item,
            Ok(at) if at == self.counted.len() => self.counted.push(item),
            _ => {
                self.others.insert(reference, item);
            }
        }
    }
}

/// The names that were met, so that each is in memory once: a table in which a new name takes the place of an older
/// one that falls on the same slot, so that no choice of names makes it slow or large.
#[derive(Clone, Debug, Default)]
pub struct Names {
    slots: Vec<Option<Name>>,
}

impl Names {
    const SLOTS: usize = 1024;

    /// Longer names are not kept, so that a server cannot have much kept for it.
    const LONGEST: usize = 128;

    pub(super) fn find(&self, name: &str) -> Option<Name> {
        let kept = self.slots.get(Self::slot(name))?.as_ref()?;
        (**kept == *name).then(|| Arc::clone(kept))
    }

    pub(super) fn keep(&mut self, name: &Name) {
        if name.len() > Self::LONGEST {
            return;
        }
        self.slots.resize(Self::SLOTS, None);
        self.slots[Self::slot(name)] = Some(Arc::clone(name));
    }

    /// Length, beginning and end tell property names apart well enough.
    fn slot(name: &str) -> usize {
        let bytes = name.as_bytes();
        let part = |at: usize| bytes.get(at).copied().map_or(0, usize::from);
        let end = bytes.len();
        let mut hash = end;
        for at in [
            0,
            1,
            2,
            end / 2,
            end.wrapping_sub(3),
            end.wrapping_sub(2),
            end.wrapping_sub(1),
        ] {
            hash = hash.wrapping_mul(31).wrapping_add(part(at));
        }
        hash % Self::SLOTS
    }
}

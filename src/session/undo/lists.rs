//! Lists: only what the run did to them is taken back.

use crate::session::plan::equal;
use crate::value::Value;
use std::collections::HashSet;

pub(super) fn members(value: &Value) -> Vec<Value> {
    match value {
        Value::List(list) => list.clone(),
        Value::Null => Vec::new(),
        single => vec![single.clone()],
    }
}

/// What is there now without what the run added, and with what it removed; in the former order where nothing else differs.
pub(super) fn merged(former: &[Value], left: &[Value], now: &[Value]) -> Vec<Value> {
    let (were, stayed, are) = (Members::of(former), Members::of(left), Members::of(now));
    let mut list: Vec<Value> = now
        .iter()
        .filter(|value| were.has(value) || !stayed.has(value))
        .cloned()
        .collect();
    let removed = former
        .iter()
        .filter(|value| !stayed.has(value) && !are.has(value));
    list.extend(removed.cloned());
    if have_same_members(&list, former) {
        former.to_vec()
    } else {
        list
    }
}

pub(super) fn have_same_members(one: &[Value], other: &[Value]) -> bool {
    let members = Members::of(one);
    one.len() == other.len() && other.iter().all(|value| members.has(value))
}

/// The members of a list, to be asked for often: there may be thousands of names.
struct Members<'list> {
    known: HashSet<String>,
    others: Vec<&'list Value>,
}

impl<'list> Members<'list> {
    fn of(list: &'list [Value]) -> Self {
        let mut members = Self {
            known: HashSet::new(),
            others: Vec::new(),
        };
        for value in list {
            match word(value) {
                Some(word) => {
                    members.known.insert(word);
                }
                None => members.others.push(value),
            }
        }
        members
    }

    fn has(&self, value: &Value) -> bool {
        match word(value) {
            Some(word) => self.known.contains(&word),
            None => self.others.iter().any(|other| equal(other, value)),
        }
    }
}

/// What makes a member the same one: a text has no case, and a key is the same key whatever else is said of it.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(format!("text {}", text.to_ascii_lowercase())),
        value => value.text("key").map(|key| format!("key {key}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<Value> {
        texts.iter().map(|text| Value::from(*text)).collect()
    }

    #[test]
    fn of_a_list_only_what_the_run_did_is_taken_back() {
        let cases = [
            // former, left, now, merged
            (
                &["a", "b"][..],
                &["a", "b", "c"][..],
                &["c", "b", "a"][..],
                &["a", "b"][..],
            ),
            (&["a"], &["a", "c"], &["a", "c", "x"], &["a", "x"]),
            (&["a", "b"], &["a"], &["a", "x"], &["a", "x", "b"]),
            (&["a", "b"], &["A"], &["A", "B"], &["a", "b"]),
            (&["a"], &["a", "c"], &[], &[]),
        ];
        for (former, left, now, expected) in cases {
            let list = merged(&texts(former), &texts(left), &texts(now));
            assert_eq!(list, texts(expected), "{former:?} {left:?} {now:?}");
        }
    }
}

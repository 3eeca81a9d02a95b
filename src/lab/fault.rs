//! [`Faults`]: what goes wrong between the lab and its clients, on purpose.
//!
//! A [`Fault`] is about the way, not about what the services hold: a connection that is cut, an answer that lies about
//! what was done, a service that asks to wait or answers too late. States of the world that are wrong belong into the
//! world. Every request over the loopback interface is counted here, so that a test can name each of them.

use super::front::{Front, Request};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The connection is cut before the request is handled.
    CutBefore,
    /// The request is handled, and the connection is cut before the answer.
    CutAfter,
    /// The request is handled, and the answer says that it was not, with 503.
    ErrorDone,
    /// The request is not handled, and the answer says so, with 503.
    ErrorNotDone,
    /// The request is not handled; the answer asks to wait for some seconds.
    Throttle {
        /// How long.
        seconds: u64,
    },
    /// The request is handled after a time, whether or not anybody still waits for the answer.
    Delay(Duration),
    /// The request is never answered, and handled only after that many others have been: a measure of being late that
    /// takes no time.
    Overtaken {
        /// How many others.
        by: u64,
    },
}

/// Says whether a request is the one that is meant.
pub type IsMeant = Arc<dyn Fn(Front, &Request) -> bool + Send + Sync>;

/// Which requests something goes wrong with.
#[derive(Clone)]
pub enum When {
    /// The nth request to any front since the faults were cleared, from 1; once.
    Nth(u64),
    /// The nth request to that front, from 1; once.
    NthTo(Front, u64),
    /// The first request for which this holds; once.
    Once(IsMeant),
    /// Every request for which this holds.
    Every(IsMeant),
}

impl fmt::Debug for When {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nth(number) => formatter.debug_tuple("Nth").field(number).finish(),
            Self::NthTo(front, number) => {
                let mut tuple = formatter.debug_tuple("NthTo");
                tuple.field(front).field(number).finish()
            }
            Self::Once(_) => formatter.write_str("Once"),
            Self::Every(_) => formatter.write_str("Every"),
        }
    }
}

/// Something that goes wrong with some request.
#[derive(Clone, Debug)]
pub struct Fault {
    /// With which.
    pub when: When,
    /// How.
    pub kind: Kind,
}

/// A request that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where it went.
    pub front: Front,
    /// How many writes the services had been asked for before it came.
    pub writes_before: u64,
}

/// The faults of a world, and the requests that it has seen.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    planned: Vec<Fault>,
    seen: Vec<Seen>,
    happened: Vec<(u64, Kind)>,
    held: Vec<Held>,
}

/// A request that others overtake.
#[derive(Clone, Debug)]
struct Held {
    still: u64,
    front: Front,
    request: Request,
}

impl Faults {
    /// Adds a fault.
    pub fn add(&mut self, fault: Fault) {
        self.planned.push(fault);
    }

    /// Forgets all faults and begins to count from 1 again.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The requests since the faults were cleared, in order; the place in it is the number of the request.
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// What went wrong, each with the number of its request.
    pub fn happened(&self) -> &[(u64, Kind)] {
        &self.happened
    }

    /// Keeps a request until others have overtaken it.
    pub(super) fn hold(&mut self, front: Front, request: Request, by: u64) {
        self.held.push(Held {
            still: by,
            front,
            request,
        });
    }

    /// The requests that have been overtaken by as many as they should, once one more has been handled.
    pub(super) fn due(&mut self) -> Vec<(Front, Request)> {
        let (due, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|held| held.still <= 1);
        self.held = held;
        for held in &mut self.held {
            held.still -= 1;
        }
        let due: Vec<Held> = due;
        due.into_iter()
            .map(|held| (held.front, held.request))
            .collect()
    }

    /// All requests that are still held.
    pub(super) fn rest(&mut self) -> Vec<(Front, Request)> {
        let rest = std::mem::take(&mut self.held).into_iter();
        rest.map(|held| (held.front, held.request)).collect()
    }

    /// Counts a request and says what goes wrong with it.
    pub(super) fn take(
        &mut self,
        front: Front,
        request: &Request,
        writes_before: u64,
    ) -> Option<Kind> {
        self.seen.push(Seen {
            front,
            writes_before,
        });
        let number = self.seen.len() as u64;
        let to_front = self.seen.iter().filter(|seen| seen.front == front).count() as u64;
        let at = self.planned.iter().position(|fault| match &fault.when {
            When::Nth(nth) => *nth == number,
            When::NthTo(wanted, nth) => *wanted == front && *nth == to_front,
            When::Once(is_meant) | When::Every(is_meant) => is_meant(front, request),
        })?;
        let kind = self.planned.get(at)?.kind;
        if !matches!(self.planned.get(at)?.when, When::Every(_)) {
            self.planned.remove(at);
        }
        self.happened.push((number, kind));
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Request {
        Request {
            method: "GET".to_owned(),
            authority: "localhost".to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
            loopback: true,
        }
    }

    #[test]
    fn a_fault_meets_the_request_that_it_names_and_no_other() {
        let mut faults = Faults::default();
        let kind = Kind::CutBefore;
        faults.add(Fault {
            when: When::NthTo(Front::Graph, 2),
            kind,
        });
        faults.add(Fault {
            when: When::Every(Arc::new(|_, request| request.path == "/again")),
            kind: Kind::ErrorDone,
        });
        let fronts = [Front::Graph, Front::Login, Front::Graph, Front::Graph];
        let met = fronts.map(|front| faults.take(front, &request("/"), 0));
        assert_eq!(met, [None, None, Some(kind), None]);
        for _ in 0..2 {
            let met = faults.take(Front::Login, &request("/again"), 0);
            assert_eq!(met, Some(Kind::ErrorDone));
        }
        assert_eq!(faults.seen().len(), 6);
        assert_eq!(faults.happened()[0], (3, kind));
        faults.clear();
        assert_eq!(faults.take(Front::Login, &request("/again"), 0), None);
    }

    #[test]
    fn a_request_is_held_until_as_many_others_were_handled() {
        let mut faults = Faults::default();
        faults.hold(Front::Graph, request("/two"), 2);
        faults.hold(Front::Login, request("/one"), 1);
        let paths = |due: Vec<(Front, Request)>| {
            let paths = due.into_iter().map(|(_, request)| request.path);
            paths.collect::<Vec<_>>()
        };
        assert_eq!(paths(faults.due()), ["/one"]);
        faults.hold(Front::Login, request("/nine"), 9);
        assert_eq!(paths(faults.due()), ["/two"]);
        assert_eq!(paths(faults.rest()), ["/nine"]);
        assert!(faults.rest().is_empty());
    }
}

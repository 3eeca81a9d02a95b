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
    /// The request is not handled; the answer asks to wait until a moment, written as a date.
    ThrottleUntil {
        /// How far that moment is.
        seconds: u64,
    },
    /// This request and the next ones to the same front are not handled: 503, 500 and 502 in turn.
    Burst {
        /// How many.
        times: u32,
    },
    /// The request is handled; the connection is cut in the middle of the answer's body.
    CutWithin,
    /// The request is handled; the answer's body ends in the middle, and says that this is all.
    Truncate,
    /// The request is not handled: something on the way answers in its place, with a page and status 200.
    Page,
    /// The request is handled, and a page with status 200 comes in place of its answer.
    PageDone,
    /// The request is not handled: its token is refused until one comes that was issued for the claims in the answer.
    Challenge,
    /// The request is not handled: 403, with bytes of zero that say that they are gzip.
    Forbid,
    /// The request is not handled: it is sent on to a region of the same service.
    Region,
    /// The request is not handled: it is sent on to a host that does not belong to the service.
    Elsewhere,
    /// The request is handled; what it changed in the directory is shown only later.
    Replicate {
        /// How much later.
        seconds: u64,
    },
}

/// A kind that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: &'static str,
    /// What happens, in a sentence.
    pub sentence: &'static str,
    /// The kind.
    pub kind: Kind,
}

const fn named(name: &'static str, kind: Kind, sentence: &'static str) -> Named {
    Named {
        name,
        sentence,
        kind,
    }
}

impl Named {
    /// The kind of a name.
    pub fn find(name: &str) -> Option<&'static Self> {
        NAMED.iter().find(|named| named.name == name)
    }
}

/// What services are known to do, by name.
pub const NAMED: &[Named] = &[
    named(
        "retry-after-seconds",
        Kind::Throttle { seconds: 7 },
        "A service asks to slow down, and to come back after 7 seconds",
    ),
    named(
        "retry-after-date",
        Kind::ThrottleUntil { seconds: 40 },
        "A cloud service asks to slow down, and to come back at a time that is 40 seconds away",
    ),
    named(
        "server-error-burst",
        Kind::Burst { times: 3 },
        "A service is out of order for three requests: 502, 500, 503",
    ),
    named(
        "reset-mid-answer",
        Kind::CutWithin,
        "A service does what it was asked for, and the connection is cut in the middle of its answer",
    ),
    named(
        "truncated-json",
        Kind::Truncate,
        "A service does what it was asked for, and half of its answer comes as if it were all of it",
    ),
    named(
        "page-instead",
        Kind::Page,
        "Something on the way answers with a page in place of a service, which hears nothing of the request",
    ),
    named(
        "page-after",
        Kind::PageDone,
        "A service does what it was asked for, and something on the way puts a page in place of its answer",
    ),
    named(
        "claims-challenge",
        Kind::Challenge,
        "A policy of the tenant asks for more: Microsoft Graph and Exchange Online for a new token, the sign-in service for a person",
    ),
    named(
        "forbidden-nul-bytes",
        Kind::Forbid,
        "Exchange Online refuses with 403 and a body of NUL bytes that calls itself gzip",
    ),
    named(
        "regional-redirect",
        Kind::Region,
        "Exchange Online sends a request on to a region of its own",
    ),
    named(
        "foreign-redirect",
        Kind::Elsewhere,
        "Exchange Online sends a request on to a host that is not its own",
    ),
    named(
        "replication-delay",
        Kind::Replicate { seconds: 170 },
        "Microsoft Graph shows a write only after 170 seconds",
    ),
];

impl Kind {
    /// Whether a service behind this front is known to do so with such a request; a fault meets no other.
    ///
    /// ```
    /// use exoauth::lab::{Front, fault::Kind};
    ///
    /// assert!(Kind::Forbid.happens_at(Front::ExchangeOnline, "POST"));
    /// assert!(!Kind::Forbid.happens_at(Front::Graph, "GET"));
    /// ```
    pub fn happens_at(self, front: Front, method: &str) -> bool {
        match self {
            Self::ThrottleUntil { .. } => front != Front::OnPremises,
            Self::Challenge => {
                matches!(front, Front::Graph | Front::ExchangeOnline)
                    || (front == Front::Login && method == "POST")
            }
            Self::Forbid | Self::Region | Self::Elsewhere => front == Front::ExchangeOnline,
            Self::Replicate { .. } => front == Front::Graph && method != "GET",
            _ => true,
        }
    }
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
    /// The nth of the requests with which a service is known to do so ([`Kind::happens_at`]), from 1; once.
    NthPossible(u64),
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
            Self::NthPossible(number) => {
                formatter.debug_tuple("NthPossible").field(number).finish()
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
    asked: Vec<String>,
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

    /// The method and path of each of them, and the cmdlet that a request to Exchange Online names in its header.
    pub fn asked(&self) -> &[String] {
        &self.asked
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

    /// How many of the requests so far are ones with which a service is known to do this.
    fn possible(&self, kind: Kind) -> u64 {
        let requests = self.seen.iter().zip(&self.asked);
        let possible = requests.filter(|(seen, asked)| {
            let method = asked.split(' ').next().unwrap_or_default();
            kind.happens_at(seen.front, method)
        });
        possible.count() as u64
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
        let cmdlet = request
            .header("x-cmdletname")
            .map(|name| format!(" {name}"));
        self.asked.push(format!(
            "{} {}{}",
            request.method,
            request.path,
            cmdlet.unwrap_or_default()
        ));
        let number = self.seen.len() as u64;
        let to_front = self.seen.iter().filter(|seen| seen.front == front).count() as u64;
        let meant = |fault: &Fault| match &fault.when {
            When::Nth(nth) => *nth == number,
            When::NthTo(wanted, nth) => *wanted == front && *nth == to_front,
            When::NthPossible(nth) => *nth == self.possible(fault.kind),
            When::Once(is_meant) | When::Every(is_meant) => is_meant(front, request),
        };
        // A server that does what no such server does would tell nothing about clients.
        let at = self
            .planned
            .iter()
            .position(|fault| fault.kind.happens_at(front, &request.method) && meant(fault))?;
        let kind = self.planned.get(at)?.kind;
        if !matches!(self.planned.get(at)?.when, When::Every(_)) {
            self.planned.remove(at);
        }
        if let Kind::Burst { times: times @ 2.. } = kind {
            let when = When::NthTo(front, to_front + 1);
            let kind = Kind::Burst { times: times - 1 };
            self.planned.push(Fault { when, kind });
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
    fn a_fault_of_one_service_is_counted_among_the_requests_that_it_can_happen_to() {
        let mut faults = Faults::default();
        let kind = Kind::Forbid;
        faults.add(Fault {
            when: When::NthPossible(2),
            kind,
        });
        let fronts = [
            Front::ExchangeOnline,
            Front::Graph,
            Front::OnPremises,
            Front::ExchangeOnline,
            Front::ExchangeOnline,
        ];
        let met = fronts.map(|front| faults.take(front, &request("/"), 0));
        assert_eq!(met, [None, None, None, Some(kind), None]);
        assert_eq!(faults.happened(), [(4, kind)]);
    }

    #[test]
    fn a_fault_meets_no_request_whose_service_is_not_known_for_it() {
        let mut faults = Faults::default();
        for when in [When::Nth(1), When::Every(Arc::new(|_, _| true))] {
            let kind = Kind::Challenge;
            faults.add(Fault { when, kind });
        }
        assert_eq!(faults.take(Front::OnPremises, &request("/"), 0), None);
        assert_eq!(
            faults.take(Front::Graph, &request("/"), 0),
            Some(Kind::Challenge)
        );
        assert_eq!(faults.happened().len(), 1);
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

    #[test]
    fn a_burst_meets_the_next_requests_to_the_same_front() {
        let mut faults = Faults::default();
        faults.add(Fault {
            when: When::Nth(1),
            kind: Kind::Burst { times: 2 },
        });
        let fronts = [Front::Graph, Front::Login, Front::Graph, Front::Graph];
        let met = fronts.map(|front| faults.take(front, &request("/"), 0));
        let burst = |times| Some(Kind::Burst { times });
        assert_eq!(met, [burst(2), None, burst(1), None]);
        assert_eq!(faults.asked()[1], "GET /");
    }
}

//! [`Change`] and [`Plan`]: before and after of each subject, and what reads see while planning.

use crate::failure::{Failure, FailureKind};
use crate::session::{Operation, Origin, Request, unknown_of, unknown_text};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use serde::Serialize;
use std::collections::{HashSet, VecDeque};

/// Before and after of one subject.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// The object.
    pub subject: Subject,
    /// What happens to it; `Read` never occurs here.
    pub effect: Effect,
    /// Whether nothing differs, so that nothing is sent.
    pub same: bool,
    /// Whether that cannot be said yet, because the present state is itself only planned.
    pub uncertain: bool,
    /// The properties asked for, as they are; absent when the object does not exist or could not be observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Object>,
    /// The properties asked for, as they will be; absent for a removal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Object>,
    /// The cmdlet or REST call as a person writes it.
    pub call: String,
    /// What is sent; the journal records it, reports have the call.
    #[serde(skip)]
    pub request: Request,
    /// How the object is read; the journal records it.
    #[serde(skip)]
    pub observe: Option<Request>,
    /// The whole object as it is; the journal records it.
    #[serde(skip)]
    pub present: Option<Object>,
    /// The line that asked.
    pub origin: Origin,
}

impl Change {
    /// Makes the change that an operation means, given the subject as it is now.
    ///
    /// # Errors
    ///
    /// As the service would: `AlreadyExists` when a creation finds the object, `NotFound` when an update or a removal
    /// does not. An operation that cannot be observed is taken at its word.
    pub fn of(
        operation: &Operation,
        present: Option<&Object>,
        call: String,
    ) -> Result<Self, Failure> {
        let refuse = |kind, what: &str| {
            Err(Failure::new(kind, format!("{} {what}", operation.subject))
                .about(operation.subject.clone()))
        };
        match (operation.effect, present) {
            (Effect::Create, Some(_)) => {
                return refuse(FailureKind::AlreadyExists, "already exists");
            }
            (Effect::Update | Effect::Delete, None) if operation.observe.is_some() => {
                return refuse(FailureKind::NotFound, "does not exist");
            }
            _ => {}
        }
        let (before, after) = match operation.effect {
            Effect::Delete => (present.cloned(), None),
            _ => (
                present.map(|object| select(object, &operation.asked)),
                Some(operation.asked.clone()),
            ),
        };
        let agreed = operation.effect == Effect::Update
            && !operation.asked.is_empty()
            && before
                .as_ref()
                .is_some_and(|before| agrees(before, &operation.asked));
        let unknown = |object: &Object| object.values().any(Value::has_unknown);
        let uncertain =
            agreed && (unknown(&operation.asked) || before.as_ref().is_some_and(unknown));
        Ok(Self {
            subject: operation.subject.clone(),
            effect: operation.effect,
            same: agreed && !uncertain,
            uncertain,
            before,
            after,
            call,
            request: operation.request.clone(),
            observe: operation.observe.clone(),
            present: present.cloned(),
            origin: operation.origin.clone(),
        })
    }

    /// Says whether this change, made now, is what `planned` foresaw; what was unknown then may be anything now.
    fn fulfills(&self, planned: &Self, learned: &[Learned]) -> bool {
        // When an object was changed last, the run's own changes of it decide.
        let foreseen = |then: &Object| -> Object {
            let kept = then
                .iter()
                .filter(|(name, _)| !name.starts_with("WhenChanged"));
            kept.map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        let as_planned = |now: &Option<Object>, then: &Option<Object>| match (now, then) {
            (Some(now), Some(then)) => agrees(now, &foreseen(then)),
            (None, None) => true,
            _ => false,
        };
        is_subject(&self.subject, &planned.subject, learned)
            && self.effect == planned.effect
            && as_planned(&self.after, &planned.after)
            && (planned
                .before
                .as_ref()
                .is_some_and(|before| before.values().any(Value::has_unknown))
                || as_planned(&self.before, &planned.before))
    }
}

/// The changes of a pass, in order.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Plan {
    /// The changes; those of nothing included.
    pub changes: Vec<Change>,
    /// What would be tried out after applying, such as `Test-OAuthConnectivity`.
    pub tests: Vec<Subject>,
    /// Whether something in it is known to the service only, and was guessed around.
    pub partial: bool,
}

impl Plan {
    /// How many changes change something.
    pub fn pending(&self) -> usize {
        self.changes.iter().filter(|change| !change.same).count()
    }

    pub(super) fn record(&mut self, change: Change) {
        self.partial |= change
            .after
            .as_ref()
            .is_some_and(|after| after.values().any(Value::has_unknown));
        self.changes.push(change);
    }

    /// Says why a change that was planned cannot be made any more, where its subject came or went since.
    pub(super) fn overtaken(
        &self,
        operation: &Operation,
        present: Option<&Object>,
        learned: &[Learned],
    ) -> Option<Failure> {
        let planned = self.changes.iter().find(|planned| {
            is_subject(&operation.subject, &planned.subject, learned)
                && planned.effect == operation.effect
        })?;
        let since = match present {
            Some(_) => "someone made it",
            None => "someone removed it",
        };
        Some(moved(
            &planned.subject,
            since,
            planned.before.as_ref(),
            present,
        ))
    }

    /// Refuses a change that was not planned, or whose subject is no longer as it was planned for.
    pub(super) fn hold(&self, change: &Change, learned: &[Learned]) -> Result<(), Failure> {
        let foresaw = |planned: &Change| change.fulfills(planned, learned);
        if change.same || self.changes.iter().any(foresaw) {
            return Ok(());
        }
        let planned = self
            .changes
            .iter()
            .find(|planned| is_subject(&change.subject, &planned.subject, learned));
        Err(match planned {
            Some(planned) => moved(
                &change.subject,
                "someone changed it",
                planned.before.as_ref(),
                change.before.as_ref(),
            ),
            None => Failure::new(
                FailureKind::Conflict,
                format!("changing {} was not planned", change.subject),
            )
            .with_detail(change.call.clone())
            .about(change.subject.clone())
            .with_hint(START_AGAIN),
        })
    }
}

/// What was unknown of an object while it was planned to be made, and is known now.
#[derive(Clone, Debug)]
pub(super) struct Learned {
    pub(super) property: String,
    pub(super) subject: Subject,
    pub(super) value: String,
}

/// Says whether a subject is the one that was planned: by its name, by what stood for its name until it was known, or
/// by a property that the service gave it when it was made.
fn is_subject(now: &Subject, planned: &Subject, learned: &[Learned]) -> bool {
    if now == planned {
        return true;
    }
    let (Some(name), Some(then)) = (&now.name, &planned.name) else {
        return false;
    };
    let same_kind = now.plane == planned.plane && now.noun == planned.noun;
    let as_known = learned.iter().fold(then.clone(), |text, learned| {
        let unknown = unknown_text(&unknown_of(&learned.property, &learned.subject));
        text.replace(&unknown, &learned.value)
    });
    let made = |learned: &Learned| learned.subject == *planned && learned.value == *name;
    same_kind && (as_known == *name || learned.iter().any(made))
}

const START_AGAIN: &str = "run it again: the new plan starts from what is there now";

/// A subject is not as it was when something was planned for it: both states, as far as they differ.
fn moved(
    subject: &Subject,
    since: &str,
    planned: Option<&Object>,
    found: Option<&Object>,
) -> Failure {
    let differs = |name: &String, value: &Value, other: Option<&Object>| {
        other.is_none_or(|other| !other.get(name).is_some_and(|other| equal(value, other)))
    };
    let show = |object: Option<&Object>, other: Option<&Object>| match object {
        Some(object) => {
            let differing: Object = object
                .iter()
                .filter(|(name, value)| differs(name, value, other))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            Value::from(differing).to_json().to_string()
        }
        None => "absent".to_owned(),
    };
    Failure::new(
        FailureKind::Conflict,
        format!("{subject} is no longer as it was when this was planned: {since}"),
    )
    .with_detail(format!(
        "planned from {}, found {}",
        show(planned, found),
        show(found, planned)
    ))
    .about(subject.clone())
    .with_hint(START_AGAIN)
}

/// What reads see while planning: the answers with the planned changes laid over them.
#[derive(Debug, Default)]
pub(super) struct Prediction {
    changed: Vec<(Subject, Planned)>,
}

#[derive(Debug)]
enum Planned {
    Created(Object),
    Updated(Object),
    Removed,
}

impl Prediction {
    /// Remembers a planned operation and returns the object as it will be.
    pub(super) fn remember(
        &mut self,
        operation: &Operation,
        present: Option<&Object>,
    ) -> Option<Object> {
        let (planned, predicted) = match operation.effect {
            Effect::Create => {
                let mut object = Object::new();
                let by_name = operation.subject.plane != Plane::Entra;
                if let Some(name) = operation.subject.name.as_ref().filter(|_| by_name) {
                    object.insert("Name".to_owned(), name.as_str().into());
                    object.insert("Identity".to_owned(), name.as_str().into());
                }
                for property in &operation.learned {
                    object.insert(
                        property.clone(),
                        Value::Unknown(unknown_of(property, &operation.subject)),
                    );
                }
                object.extend(operation.asked.clone());
                (Planned::Created(object.clone()), Some(object))
            }
            Effect::Delete => (Planned::Removed, None),
            _ => {
                let mut object = present.cloned().unwrap_or_default();
                object.extend(operation.asked.clone());
                (Planned::Updated(operation.asked.clone()), Some(object))
            }
        };
        self.changed.push((operation.subject.clone(), planned));
        predicted
    }

    /// Whether a subject exists only in the plan, so that asking the service about it is pointless.
    pub(super) fn creates(&self, subject: &Subject) -> bool {
        self.about(subject)
            .any(|(_, planned)| matches!(planned, Planned::Created(_)))
    }

    /// The object of a noun that is planned to be made, one of whose unknown properties this is.
    pub(super) fn planned_with(&self, unknown: &str, noun: &str) -> Option<Subject> {
        let made = self.changed.iter().filter_map(|(subject, planned)| {
            let made = matches!(planned, Planned::Created(_)) && subject.noun == noun;
            made.then_some((subject, planned))
        });
        let mut made = made.filter(|(subject, planned)| match planned {
            Planned::Created(object) => object
                .keys()
                .any(|property| unknown_of(property, subject) == unknown),
            _ => false,
        });
        made.next().map(|(subject, _)| subject.clone())
    }

    /// Lays the planned changes over an answer about `subject`.
    pub(super) fn lay_over(&self, subject: &Subject, output: Vec<Value>) -> Vec<Value> {
        let mut output = output;
        for (changed, planned) in self.about(subject) {
            let is_it = |value: &Value| {
                // What has no name is the only one of its noun.
                subject.name.is_some()
                    || changed.name.is_none()
                    || value
                        .as_object()
                        .is_some_and(|object| answers_to(object, changed.name.as_deref()))
            };
            match planned {
                Planned::Created(object) => output.push(object.clone().into()),
                Planned::Removed => output.retain(|value| !is_it(value)),
                Planned::Updated(asked) => {
                    for value in output.iter_mut().filter(|value| is_it(value)) {
                        if let Value::Object(object) = value {
                            object.extend(asked.clone());
                        }
                    }
                }
            }
        }
        output
    }

    fn about<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = &'a (Subject, Planned)> {
        self.changed.iter().filter(move |(changed, planned)| {
            let name = subject.name.as_deref();
            // An object that was given back under its id is asked for by either of its names.
            let answers =
                || matches!(planned, Planned::Created(object) if answers_to(object, name));
            changed.plane == subject.plane
                && changed.noun.eq_ignore_ascii_case(&subject.noun)
                && (name.is_none() || same_name(changed.name.as_deref(), name) || answers())
        })
    }
}

/// What a pass has read so far: the states that a script decided on.
#[derive(Debug, Default)]
pub(super) struct Observations {
    seen: Vec<(Plane, String, Object)>,
}

impl Observations {
    /// Remembers the objects of an answer, newest last.
    pub(super) fn remember(&mut self, subject: &Subject, output: &[Value]) {
        let objects = output.iter().filter_map(Value::as_object);
        self.seen
            .extend(objects.map(|object| (subject.plane, subject.noun.clone(), object.clone())));
    }

    /// Refuses a write when the properties it sets are no longer as the script saw them.
    pub(super) fn hold(
        &self,
        operation: &Operation,
        present: Option<&Object>,
    ) -> Result<(), Failure> {
        let subject = &operation.subject;
        let seen = self.seen.iter().rev().find(|(plane, noun, object)| {
            *plane == subject.plane
                && *noun == subject.noun
                && (subject.name.is_none() || answers_to(object, subject.name.as_deref()))
        });
        let (Some((_, _, seen)), Some(present)) = (seen, present) else {
            return Ok(());
        };
        for property in operation.asked.keys() {
            if let (Some(then), Some(now)) = (seen.get(property), present.get(property))
                && !equal(then, now)
            {
                return Err(Failure::new(
                    FailureKind::Conflict,
                    format!("someone changed {property} of {subject} since it was read"),
                )
                .about(subject.clone())
                .with_detail(format!("read {}, now {}", then.to_json(), now.to_json()))
                .with_hint("run it again: nothing was written to this object"));
            }
        }
        Ok(())
    }
}

/// Says whether an object goes by a name, by any of the properties that identify objects to their services.
fn answers_to(object: &Object, name: Option<&str>) -> bool {
    const IDENTITIES: [&str; 9] = [
        "Identity",
        "Name",
        "Guid",
        "DistinguishedName",
        "ForestName",
        "Thumbprint",
        "id",
        "appId",
        "displayName",
    ];
    IDENTITIES.iter().any(|property| {
        object
            .get(*property)
            .and_then(Value::as_text)
            .is_some_and(|text| same_name(Some(text), name))
    })
}

fn same_name(one: Option<&str>, other: Option<&str>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one.eq_ignore_ascii_case(other))
}

/// The properties of `object` that `asked` names.
fn select(object: &Object, asked: &Object) -> Object {
    asked
        .keys()
        .filter_map(|name| object.get(name).map(|value| (name.clone(), value.clone())))
        .collect()
}

/// Says whether `present` has every property of `wanted` with an equal value.
pub fn agrees(present: &Object, wanted: &Object) -> bool {
    wanted.iter().all(|(name, wanted)| match present.get(name) {
        Some(present) => equal(present, wanted),
        None => wanted.is_empty() || matches!(wanted, Value::Unknown(_)),
    })
}

/// Says whether two values are equal to the services.
///
/// Multi-valued properties have no order and their texts no case; the case of an address does not matter; an absent
/// and an empty value are the same; an object of which only some properties are asked for agrees when those do; an
/// unknown agrees with anything.
pub fn equal(present: &Value, wanted: &Value) -> bool {
    match (present, wanted) {
        (_, Value::Unknown(_)) | (Value::Unknown(_), _) => true,
        (Value::List(present), Value::List(wanted)) => {
            present.len() == wanted.len() && same_members(present, wanted)
        }
        (Value::List(list), single) | (single, Value::List(list)) => match list.as_slice() {
            [] => single.is_empty(),
            [only] => equal(only, single),
            _ => false,
        },
        (Value::Object(present), Value::Object(wanted)) => agrees(present, wanted),
        (Value::Text(present), Value::Text(wanted)) => {
            let address = |text: &str| text.starts_with("https://") || text.starts_with("http://");
            present == wanted
                || (address(present)
                    && address(wanted)
                    && present
                        .trim_end_matches('/')
                        .eq_ignore_ascii_case(wanted.trim_end_matches('/')))
        }
        (present, wanted) => present == wanted || (present.is_empty() && wanted.is_empty()),
    }
}

/// Says whether two lists of one length have the same members, in any order.
fn same_members(present: &[Value], wanted: &[Value]) -> bool {
    // There may be thousands of names.
    if let (Some(present), Some(wanted)) = (sorted_texts(present), sorted_texts(wanted)) {
        return present == wanted;
    }
    // Most often the order is the same, and the first that is left is the one.
    let mut rest: VecDeque<&Value> = present.iter().collect();
    wanted.iter().all(|wanted| {
        let found = rest.iter().position(|present| same_member(present, wanted));
        found.and_then(|at| rest.remove(at)).is_some()
    })
}

/// As members of a list, texts have no case.
fn same_member(present: &Value, wanted: &Value) -> bool {
    match (present, wanted) {
        (Value::Text(present), Value::Text(wanted)) => present.eq_ignore_ascii_case(wanted),
        (present, wanted) => equal(present, wanted),
    }
}

/// The members of a list that another one has not.
pub fn only_in<'list>(list: &'list [Value], other: &[Value]) -> Vec<&'list Value> {
    // There may be thousands of names.
    let lower = |value: &Value| value.as_text().map(str::to_ascii_lowercase);
    let texts: HashSet<String> = other.iter().filter_map(lower).collect();
    let is_text = |value: &&Value| value.as_text().is_some();
    let (of_text, of_others): (Vec<&Value>, Vec<&Value>) = other.iter().partition(is_text);
    let is_in = |value: &Value| {
        let among = |members: &[&Value]| members.iter().any(|one| same_member(one, value));
        match lower(value) {
            Some(text) => texts.contains(&text) || among(&of_others),
            None => among(&of_others) || among(&of_text),
        }
    };
    list.iter().filter(|value| !is_in(value)).collect()
}

/// The members of a list of texts, without regard to case; absent where not all are texts.
fn sorted_texts(list: &[Value]) -> Option<Vec<String>> {
    let texts = list
        .iter()
        .map(|value| value.as_text().map(str::to_ascii_lowercase));
    let mut texts = texts.collect::<Option<Vec<String>>>()?;
    texts.sort_unstable();
    Some(texts)
}

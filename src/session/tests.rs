//! The gate against a service of one noun that is written here, so that every answer is in sight.

use super::event::{Event, Listener};
use super::plan::{Change, Plan, equal};
use super::write::only;
use super::*;
use crate::cloud::CloudName;
use crate::exchange::Invocation;
use crate::organization::{SignIn, SignInMethod};
use crate::value::Object;
use std::collections::BTreeMap;

/// Connectors by name; what was asked of the service, in order; and what it does wrong.
#[derive(Default)]
struct Service {
    connectors: BTreeMap<String, Object>,
    asked: Vec<String>,
    fault: Option<Fault>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    DoneButSilent,
    NotDoneAndSilent,
    LostOnce,
    SilentForGood,
    NeverAnswers,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Service>>);

impl Shared {
    fn with(connectors: &[(&str, Object)]) -> Self {
        let connectors = connectors
            .iter()
            .map(|(name, object)| ((*name).to_owned(), object.clone()))
            .collect();
        Self(Arc::new(Mutex::new(Service {
            connectors,
            ..Service::default()
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Service> {
        self.0.lock().unwrap()
    }

    fn writes(&self) -> Vec<String> {
        self.lock()
            .asked
            .iter()
            .filter(|asked| !asked.starts_with("Get-"))
            .cloned()
            .collect()
    }
}

impl Service {
    fn run(&mut self, invocation: &Invocation) -> Result<Vec<Value>, Failure> {
        let name = ["Identity", "Name"]
            .iter()
            .find_map(|key| invocation.parameters.get(*key)?.as_text());
        let missing = || Failure::new(FailureKind::NotFound, "no such connector");
        match (invocation.cmdlet.split('-').next(), name) {
            (Some("Get"), None) => Ok(self
                .connectors
                .values()
                .cloned()
                .map(Value::Object)
                .collect()),
            (Some("Get"), Some(name)) => Ok(vec![Value::Object(
                self.connectors.get(name).cloned().ok_or_else(missing)?,
            )]),
            (Some("Remove"), Some(name)) => self
                .connectors
                .remove(name)
                .map(|_| Vec::new())
                .ok_or_else(missing),
            (Some(_), Some(name)) => {
                let object = self.connectors.entry(name.to_owned()).or_default();
                object.insert("Name".to_owned(), name.into());
                object.extend(
                    invocation
                        .parameters
                        .clone()
                        .into_iter()
                        .filter(|(key, _)| key != "Identity"),
                );
                Ok(Vec::new())
            }
            _ => Err(missing()),
        }
    }
}

impl Roads for Shared {
    fn send<'a>(&'a self, _plane: Plane, request: &'a Request) -> Journey<'a, Answer> {
        let Request::Cmdlet(invocation) = request else {
            panic!("only cmdlets here")
        };
        let silent = Failure {
            ambiguous: true,
            ..Failure::new(FailureKind::Unreachable, "the connection was lost")
        };
        let mut service = self.lock();
        service.asked.push(request.call());
        let writes = !invocation.cmdlet.starts_with("Get-");
        let answer = match service.fault {
            Some(Fault::NeverAnswers) => return Box::pin(std::future::pending()),
            Some(Fault::DoneButSilent) if writes => service.run(invocation).and(Err(silent)),
            Some(Fault::NotDoneAndSilent) if writes => Err(silent),
            Some(Fault::LostOnce) if writes => {
                service.fault = None;
                Err(silent)
            }
            Some(Fault::SilentForGood)
                if writes || service.asked.iter().any(|call| call.starts_with("Set-")) =>
            {
                Err(silent)
            }
            _ => service.run(invocation),
        };
        Box::pin(async move {
            answer.map(|output| Answer {
                output,
                warnings: Vec::new(),
            })
        })
    }

    fn lacks<'a>(&'a self, _plane: Plane, _needs: &'a [Need]) -> Journey<'a, Vec<Lack>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn requests(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("on-premises".to_owned(), self.lock().asked.len() as u64)])
    }

    fn close(&self) -> Journey<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// Writes down the kind of each event; refuses the kind it was told to refuse.
#[derive(Clone, Default)]
struct Ear {
    heard: Arc<Mutex<Vec<String>>>,
    refuses: Option<&'static str>,
}

impl Ear {
    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Listener for Ear {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        let event = serde_json::to_value(event).unwrap();
        let kind = event["type"].as_str().unwrap().to_owned();
        if self.refuses == Some(&kind) {
            return Err(Failure::new(FailureKind::Internal, "the disk is full"));
        }
        self.heard.lock().unwrap().push(kind);
        Ok(())
    }
}

/// A runtime that lives as long as the session on it.
struct Gate {
    session: Arc<Session>,
    interrupt: Interrupt,
    _runtime: tokio::runtime::Runtime,
}

fn gate(mode: Mode, service: &Shared, expected: Option<Plan>, ear: &Ear) -> Gate {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let interrupt = Interrupt::new();
    let organization = Organization {
        name: "contoso".to_owned(),
        cloud: Some(CloudName::Worldwide),
        tenant: "contoso.onmicrosoft.com".to_owned(),
        exchange: None,
        sign_in: SignIn {
            method: SignInMethod::Browser,
            client_id: None,
            secret: None,
            certificate: None,
            certificate_password: None,
            algorithm: crate::organization::Algorithm::default(),
        },
        endpoints: BTreeMap::new(),
        ca: None,
    };
    let audience = Audience::new(vec![Box::new(ear.clone())]);
    let options = Options {
        organization,
        mode,
        playbook: "a test".to_owned(),
        run: "1".to_owned(),
        runtime: runtime.handle().clone(),
        clock: Clock::fixed("2026-11-23T09:00:00Z".parse().unwrap()),
        patience: Patience::default(),
        outside: Outside::default(),
        read_secret: Arc::new(|_| Err(Failure::new(FailureKind::Internal, "no secrets here"))),
        listeners: Vec::new(),
        expected,
        interrupt: interrupt.clone(),
    };
    let addresses = located(&options.organization);
    let session = Session::on(options, addresses, audience, Box::new(service.clone())).unwrap();
    Gate {
        session,
        interrupt,
        _runtime: runtime,
    }
}

fn object(properties: &[(&str, Value)]) -> Object {
    properties
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

fn domains(domains: &[&str]) -> Object {
    object(&[("TargetAddressDomains", Value::from(domains.to_vec()))])
}

fn named(name: &str, domains: &Object) -> Object {
    object(&[("Name", name.into())])
        .into_iter()
        .chain(domains.clone())
        .collect()
}

fn operation(effect: Effect, name: Option<&str>, asked: &Object) -> Operation {
    let noun = "IntraOrganizationConnector";
    let verb = match effect {
        Effect::Create => "New",
        Effect::Update => "Set",
        Effect::Delete => "Remove",
        _ => "Get",
    };
    let get = Invocation::new(format!("Get-{noun}"));
    let mut invocation = Invocation::new(format!("{verb}-{noun}"));
    if let Some(name) = name {
        invocation = invocation.with(
            if effect == Effect::Create {
                "Name"
            } else {
                "Identity"
            },
            name,
        );
    }
    invocation.parameters.extend(asked.clone());
    Operation {
        subject: Subject {
            plane: Plane::OnPremises,
            noun: noun.to_owned(),
            name: name.map(str::to_owned),
        },
        effect,
        request: Request::Cmdlet(invocation),
        observe: name.map(|name| Request::Cmdlet(get.with("Identity", name))),
        asked: asked.clone(),
        learned: vec!["Guid".to_owned()],
        origin: Origin::default(),
    }
}

fn all() -> Operation {
    operation(Effect::Read, None, &Object::new())
}

#[test]
fn planning_sends_no_write_and_later_reads_see_what_is_planned() {
    let old = named("old", &domains(&["tailspintoys.com"]));
    let service = Shared::with(&[("old", old)]);
    let gate = gate(Mode::Plan, &service, None, &Ear::default());
    let wanted = domains(&["contoso.com"]);

    let created = gate
        .session
        .perform(&operation(Effect::Create, Some("new"), &wanted))
        .unwrap();
    gate.session
        .perform(&operation(
            Effect::Update,
            Some("new"),
            &domains(&["fabrikam.com"]),
        ))
        .unwrap();
    gate.session
        .perform(&operation(Effect::Delete, Some("old"), &Object::new()))
        .unwrap();
    let now = gate.session.perform(&all()).unwrap();

    assert_eq!(
        created.output[0].get("Guid").map(Value::has_unknown),
        Some(true)
    );
    assert_eq!(
        now.output.len(),
        1,
        "the old one is gone, the new one is there"
    );
    assert_eq!(
        now.output[0].get("TargetAddressDomains"),
        domains(&["fabrikam.com"]).get("TargetAddressDomains")
    );
    let gone = gate
        .session
        .perform(&operation(Effect::Read, Some("old"), &Object::new()))
        .unwrap_err();
    assert_eq!(gone.kind, FailureKind::NotFound);
    assert_eq!(service.writes(), Vec::<String>::new());
    assert_eq!(
        gate.session.finish().summary.changes,
        BTreeMap::from([
            ("create".to_owned(), 1),
            ("delete".to_owned(), 1),
            ("update".to_owned(), 1)
        ])
    );
}

#[test]
fn a_write_that_changes_nothing_is_not_sent() {
    let service = Shared::with(&[(
        "c",
        named("c", &domains(&["contoso.com", "tailspintoys.com"])),
    )]);
    let gate = gate(Mode::Apply, &service, None, &Ear::default());

    let reordered = domains(&["TailspinToys.com", "contoso.com"]);
    gate.session
        .perform(&operation(Effect::Update, Some("c"), &reordered))
        .unwrap();

    assert_eq!(service.writes(), Vec::<String>::new());
    let outcome = gate.session.finish();
    assert_eq!(
        (outcome.written, outcome.summary.changes),
        (0, BTreeMap::from([("same".to_owned(), 1)]))
    );
}

#[test]
fn a_write_is_recorded_before_it_is_sent_and_read_back_after() {
    let service = Shared::with(&[("c", named("c", &domains(&["contoso.com"])))]);
    let ear = Ear::default();
    let gate = gate(Mode::Apply, &service, None, &ear);

    let after = gate
        .session
        .perform(&operation(
            Effect::Update,
            Some("c"),
            &domains(&["fabrikam.com"]),
        ))
        .unwrap();

    assert_eq!(
        after.output[0].get("TargetAddressDomains"),
        domains(&["fabrikam.com"]).get("TargetAddressDomains")
    );
    assert_eq!(ear.heard(), ["run_started", "writing", "written"]);
    let get = "Get-IntraOrganizationConnector -Identity 'c'";
    let set = "Set-IntraOrganizationConnector -Identity 'c' -TargetAddressDomains 'fabrikam.com'";
    assert_eq!(service.lock().asked, [get, set, get]);
}

#[test]
fn a_write_that_cannot_be_recorded_is_not_sent() {
    let service = Shared::default();
    let ear = Ear {
        refuses: Some("writing"),
        ..Ear::default()
    };
    let gate = gate(Mode::Apply, &service, None, &ear);

    let failure = gate
        .session
        .perform(&operation(Effect::Create, Some("c"), &Object::new()))
        .unwrap_err();

    assert_eq!(failure.message, "the disk is full");
    assert_eq!(service.writes(), Vec::<String>::new());
}

#[test]
fn creating_what_exists_and_changing_what_does_not_are_refused_before_anything_is_sent() {
    for mode in [Mode::Plan, Mode::Apply] {
        let service = Shared::with(&[("c", named("c", &Object::new()))]);
        let gate = gate(mode, &service, None, &Ear::default());
        let exists = gate
            .session
            .perform(&operation(Effect::Create, Some("c"), &Object::new()))
            .unwrap_err();
        let missing = gate
            .session
            .perform(&operation(Effect::Update, Some("d"), &domains(&["x"])))
            .unwrap_err();
        assert_eq!(
            (exists.kind, missing.kind),
            (FailureKind::AlreadyExists, FailureKind::NotFound)
        );
        assert_eq!(service.writes(), Vec::<String>::new());
    }
}

#[test]
fn a_change_by_someone_else_since_the_script_read_is_a_conflict() {
    let service = Shared::with(&[("c", named("c", &domains(&["contoso.com"])))]);
    let gate = gate(Mode::Apply, &service, None, &Ear::default());
    gate.session.perform(&all()).unwrap();
    service.lock().connectors.insert(
        "c".to_owned(),
        named("c", &domains(&["contoso.com", "added.com"])),
    );

    let failure = gate
        .session
        .perform(&operation(
            Effect::Update,
            Some("c"),
            &domains(&["fabrikam.com"]),
        ))
        .unwrap_err();

    assert_eq!(failure.kind, FailureKind::Conflict);
    assert_eq!(service.writes(), Vec::<String>::new());
}

#[test]
fn applying_is_held_to_the_plan() {
    let service = Shared::with(&[("c", named("c", &domains(&["contoso.com"])))]);
    let planning = gate(Mode::Plan, &service, None, &Ear::default());
    let planned = operation(Effect::Update, Some("c"), &domains(&["fabrikam.com"]));
    planning.session.perform(&planned).unwrap();
    let plan = planning.session.finish().plan;

    let applying = gate(Mode::Apply, &service, Some(plan.clone()), &Ear::default());
    let other = operation(Effect::Update, Some("c"), &domains(&["else.com"]));
    assert_eq!(
        applying.session.perform(&other).unwrap_err().kind,
        FailureKind::Conflict
    );
    applying.session.perform(&planned).unwrap();
    assert_eq!(service.writes().len(), 1);

    service
        .lock()
        .connectors
        .insert("c".to_owned(), named("c", &domains(&["moved.com"])));
    let late = gate(Mode::Apply, &service, Some(plan), &Ear::default());
    assert_eq!(
        late.session.perform(&planned).unwrap_err().kind,
        FailureKind::Conflict
    );
}

#[test]
fn what_depends_on_an_unknown_is_planned_as_uncertain_and_may_turn_out_either_way() {
    let service = Shared::default();
    let planning = gate(Mode::Plan, &service, None, &Ear::default());
    planning
        .session
        .perform(&operation(Effect::Create, Some("c"), &Object::new()))
        .unwrap();
    let guess = operation(Effect::Update, Some("c"), &object(&[("Guid", "1".into())]));
    planning.session.perform(&guess).unwrap();
    let plan = planning.session.finish().plan;
    let flags: Vec<(bool, bool)> = plan
        .changes
        .iter()
        .map(|change| (change.same, change.uncertain))
        .collect();
    assert_eq!(flags, [(false, false), (false, true)]);

    service
        .lock()
        .connectors
        .insert("c".to_owned(), named("c", &object(&[("Guid", "2".into())])));
    let applying = gate(Mode::Apply, &service, Some(plan), &Ear::default());
    applying.session.perform(&guess).unwrap();
}

#[test]
fn a_write_whose_answer_was_lost_is_settled_by_reading() {
    let unreachable = Some(FailureKind::Unreachable);
    // What came of it, how many are written and unsettled, and how often the write was sent.
    let cases = [
        (Fault::DoneButSilent, None, (1, 0), 1),
        (Fault::LostOnce, None, (1, 0), 2),
        (Fault::NotDoneAndSilent, unreachable, (0, 0), 2),
        (Fault::SilentForGood, unreachable, (0, 1), 1),
    ];
    for (fault, failure, counts, sent) in cases {
        let service = Shared::with(&[("c", named("c", &domains(&["contoso.com"])))]);
        service.lock().fault = Some(fault);
        let gate = gate(Mode::Apply, &service, None, &Ear::default());
        let result = gate.session.perform(&operation(
            Effect::Update,
            Some("c"),
            &domains(&["fabrikam.com"]),
        ));
        assert_eq!(result.err().map(|failure| failure.kind), failure);
        let outcome = gate.session.finish();
        assert_eq!((outcome.written, outcome.unsettled), counts);
        let writes = service.writes().len();
        assert_eq!(writes, sent, "a write is repeated once, and never blindly");
    }
}

#[test]
fn an_interrupt_ends_a_read_that_never_answers() {
    let service = Shared::default();
    service.lock().fault = Some(Fault::NeverAnswers);
    let gate = gate(Mode::Apply, &service, None, &Ear::default());
    let session = gate.session.clone();
    let reading = std::thread::spawn(move || session.perform(&all()));
    while service.lock().asked.is_empty() {
        std::thread::yield_now();
    }
    gate.interrupt.raise();
    assert_eq!(
        reading.join().unwrap().unwrap_err().kind,
        FailureKind::Interrupted
    );
    assert_eq!(
        gate.session.perform(&all()).unwrap_err().kind,
        FailureKind::Interrupted
    );
}

#[test]
fn a_name_that_stands_for_two_objects_stops_the_write() {
    let two = vec![Value::Object(Object::new()), Value::Object(Object::new())];
    let failure = only(&Subject::one(Plane::OnPremises, "AuthServer", "c"), two).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
}

#[test]
fn values_are_equal_as_the_services_see_them() {
    let list = |texts: &[&str]| Value::from(texts.to_vec());
    let entry = |key: &str| Value::Object(object(&[("key", key.into()), ("keyId", "1".into())]));
    let wanted = |key: &str| Value::Object(object(&[("key", key.into())]));
    let cases = [
        (list(&["a", "b"]), list(&["B", "a"]), true),
        (list(&["a", "a"]), list(&["a", "b"]), false),
        (list(&["a"]), list(&["a", "b"]), false),
        (list(&["a"]), "a".into(), true),
        (list(&[]), Value::Null, true),
        ("".into(), Value::Null, true),
        ("A".into(), "a".into(), false),
        (
            "https://Mail.contoso.com/".into(),
            "https://mail.contoso.com".into(),
            true,
        ),
        (
            Value::List(vec![entry("x"), entry("y")]),
            Value::List(vec![wanted("y"), wanted("x")]),
            true,
        ),
        (
            Value::List(vec![entry("x")]),
            Value::List(vec![wanted("y")]),
            false,
        ),
        (Value::Bool(false), Value::Null, false),
    ];
    for (present, wanted, expected) in cases {
        assert_eq!(
            equal(&present, &wanted),
            expected,
            "{present:?} and {wanted:?}"
        );
    }
}

#[test]
fn a_removal_shows_the_whole_object_that_goes() {
    let present = named("c", &domains(&["contoso.com"]));
    let operation = operation(Effect::Delete, Some("c"), &Object::new());
    let change = Change::of(&operation, Some(&present), "Remove-...".to_owned()).unwrap();
    assert_eq!((change.before, change.after), (Some(present), None));
}

#[test]
fn the_next_pass_of_a_conversation_knows_nothing_of_what_was_only_planned() {
    let service = Shared::with(&[]);
    let ear = Ear::default();
    let gate = gate(Mode::Plan, &service, None, &ear);
    let create = operation(Effect::Create, Some("new"), &domains(&["contoso.com"]));
    gate.session.perform(&create).unwrap();
    let planned = gate.session.end();
    assert_eq!((planned.plan.pending(), planned.written), (1, 0));

    let next = |mode, expected| Pass {
        playbook: "a line".to_owned(),
        mode,
        expected,
    };
    gate.session.begin(next(Mode::Plan, None)).unwrap();
    assert_eq!(gate.session.perform(&all()).unwrap().output, Vec::new());
    let read = gate.session.end();
    assert_eq!(read.plan.pending(), 0);
    assert_eq!(read.summary.requests["on-premises"], 1);

    gate.session
        .begin(next(Mode::Apply, Some(planned.plan)))
        .unwrap();
    gate.session.perform(&create).unwrap();
    let other = operation(Effect::Create, Some("other"), &domains(&["contoso.com"]));
    let refused = gate.session.perform(&other).unwrap_err();
    assert_eq!(refused.kind, FailureKind::Conflict);
    assert_eq!(gate.session.end().written, 1);
    let passes = ear.heard();
    let starts = passes.iter().filter(|kind| *kind == "run_started").count();
    assert_eq!(starts, 3);
}

//! Everything that the cloud services are known to do, by name, at every request of `configure --apply`.
//!
//! A cell is a lab of its own in which one named fault meets one request. The run ends in success, or in a failure that
//! says what happened; gone on with, it leaves what an undisturbed run leaves. Nobody waits: time passes when a pause
//! is asked for.

use crate::matrix::state::{difference, in_common};
use crate::support::runner::{Ran, Runner};
use crate::support::served::Served;
use crate::support::time::Time;
use exoauth::lab::fault::{Fault, Kind, NAMED, When};
use exoauth::lab::{Front, LabOptions, Request, Seed, World};
use exoauth::session::Patience;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

type Outcome = Result<(), Box<dyn Error>>;

const CONFIGURE: &str = "run configure --org served.toml --apply";

/// A lab, and a person who works with it in its time.
fn serve(time: &Time) -> Result<(Served, Runner), Box<dyn Error>> {
    let served = Served::start(LabOptions {
        clock: time.clock(),
        seed: Seed {
            neighbors: true,
            ..Seed::default()
        },
        ..LabOptions::default()
    })?;
    let mut runner = served.runner();
    runner.clock = time.clock();
    // Counted requests are the same ones each time only where none overtakes another.
    runner.patience = Patience {
        one_at_a_time: true,
        ..time.patience()
    };
    Ok((served, runner))
}

fn add(served: &Served, when: When, kind: Kind) {
    let fault = Fault { when, kind };
    served.lab.world().with(|world| world.faults().add(fault));
}

fn state(served: &Served) -> Vec<String> {
    served.lab.world().with(|world| in_common(world))
}

/// An undisturbed run: to which front each of its requests goes, by which method and path, and what it leaves.
struct Calm {
    requests: Vec<(Front, String)>,
    /// How many of them came before the first write was done.
    before_writes: usize,
    left: Vec<String>,
}

fn calm() -> Result<Calm, Box<dyn Error>> {
    let (served, runner) = serve(&Time::default())?;
    runner.run(CONFIGURE).ends_with(0);
    let before_writes = served.lab.world().with(|world| {
        let seen = world.faults().seen().iter();
        seen.take_while(|seen| seen.writes_before == 0).count()
    });
    Ok(Calm {
        requests: requests(&served),
        before_writes,
        left: state(&served),
    })
}

/// The requests of a run so far: where each went, and its method and path.
fn requests(served: &Served) -> Vec<(Front, String)> {
    served.lab.world().with(|world| {
        let faults = world.faults();
        let fronts = faults.seen().iter().map(|seen| seen.front);
        let asked = faults.asked().iter().map(|asked| without_ids(asked));
        fronts.zip(asked).collect()
    })
}

/// A request without the identifiers that are made anew for each run.
fn without_ids(asked: &str) -> String {
    let is_of_id = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
    let parts = asked.split_inclusive(|letter| !is_of_id(letter));
    let shown = parts.map(|part| {
        let id = part.trim_end_matches(|letter| !is_of_id(letter));
        match id.len() >= 32 {
            true => part.replacen(id, "*", 1),
            false => part.to_owned(),
        }
    });
    shown.collect()
}

/// The number of the first request with which something went wrong.
fn first_met(served: &Served) -> Option<u64> {
    let happened = |world: &mut World| world.faults().happened().first().copied();
    served.lab.world().with(happened).map(|(number, _)| number)
}

#[derive(Clone, Copy)]
struct Cell {
    number: u64,
    front: Front,
    name: &'static str,
    kind: Kind,
}

impl Calm {
    /// Each request with each of the faults that its service is known for.
    fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (number, (front, asked)) in (1..).zip(&self.requests) {
            let front = *front;
            let method = asked.split(' ').next().unwrap_or_default();
            let possible = NAMED
                .iter()
                .filter(|named| named.kind.happens_at(front, method));
            cells.extend(possible.map(|named| Cell {
                number,
                front,
                name: named.name,
                kind: named.kind,
            }));
        }
        cells
    }
}

impl Calm {
    /// Whether the answer to a request of Exchange Online may be wanting: it says which cmdlets are permitted, or whom a test
    /// would be about that is only planned yet, or shows once more what was written.
    fn may_be_unanswered(&self, cell: Cell) -> bool {
        let at = usize::try_from(cell.number).unwrap_or_default();
        let asked = |at: usize| {
            let asked = self.requests.get(at.wrapping_sub(1));
            asked.map_or("", |(_, asked)| asked.as_str())
        };
        let writes = |asked: &str| [" New-", " Set-"].iter().any(|verb| asked.contains(verb));
        asked(at).ends_with("/EXOModuleFile")
            || (at <= self.before_writes && asked(at).ends_with(" Get-Mailbox"))
            || (writes(asked(at - 1)) && !writes(asked(at)))
    }
}

/// Whether a run must come through at once, or must not; otherwise it may do either.
fn must_succeed(calm: &Calm, cell: Cell) -> Option<bool> {
    let cloud = cell.front != Front::OnPremises;
    match cell.kind {
        Kind::Challenge => Some(cell.front != Front::Login),
        Kind::Forbid | Kind::Elsewhere => Some(calm.may_be_unanswered(cell)),
        Kind::Region | Kind::Replicate { .. } => Some(true),
        Kind::Throttle { .. } | Kind::ThrottleUntil { .. } => cloud.then_some(true),
        Kind::Burst { .. } | Kind::CutWithin => cloud.then_some(true),
        _ => None,
    }
}

/// What is unclear in the words of a run that failed.
fn unclear(ran: &Ran) -> Option<&'static str> {
    let known = [1, 4, 5, 6].contains(&ran.code);
    // A verification that could not be made is said where its verdict is.
    let verdict = ran.code == 4 && ran.stdout.contains("hint: ");
    let said = verdict || ran.stderr.lines().any(|line| line.contains("error: "));
    match (known, said) {
        (false, _) => Some("the exit code is none of a failure of services"),
        (_, false) => Some("it does not say why"),
        _ if ran.stderr.contains("defect") => Some("it takes it for its own defect"),
        _ => None,
    }
}

/// How a cell went.
enum Went {
    Through,
    Failed,
    Lost(String),
}

fn run(calm: &Calm, cell: Cell) -> Result<Went, Box<dyn Error>> {
    let (served, mut runner) = serve(&Time::default())?;
    add(&served, When::Nth(cell.number), cell.kind);
    let first = runner.run(CONFIGURE);
    let met = first_met(&served);
    let asked = requests(&served);
    served.lab.world().with(|world| world.faults().clear());
    let lost = |what: &str| {
        let words = format!(
            "{what}: exit {}\n{}\n{}",
            first.code, first.stdout, first.stderr
        );
        Ok(Went::Lost(words))
    };
    let through = first.code == 0;
    let at = usize::try_from(cell.number)? - 1;
    if met != Some(cell.number) {
        return lost("the run did not come to the fault");
    }
    if asked.get(at) != calm.requests.get(at) {
        return lost("the fault met another request than in the undisturbed run");
    }
    match must_succeed(calm, cell) {
        Some(true) if !through => return lost("it should have come through"),
        Some(false) if through => return lost("it should have failed"),
        _ => {}
    }
    if !through {
        if let Some(what) = unclear(&first) {
            return lost(what);
        }
        runner.patience = Patience::default();
        let second = match first.code {
            // A run that wrote nothing has no journal to go on from.
            5 => runner.run("resume --apply"),
            _ => runner.run(CONFIGURE),
        };
        if second.code != 0 {
            let what = format!("then {}: {}", second.code, second.stderr);
            return lost(&what);
        }
    }
    match difference(&calm.left, &state(&served)) {
        Some(difference) => lost(&format!("the state differs: {difference}")),
        None if through => Ok(Went::Through),
        None => Ok(Went::Failed),
    }
}

/// Runs cells side by side; shows how they went, and fails with those that were lost.
fn run_all(one_in_the_cloud: usize, one_on_premises: usize) -> Outcome {
    let started = Instant::now();
    let calm = calm()?;
    let all = calm.cells();
    let (on_premises, cloud): (Vec<Cell>, Vec<Cell>) =
        all.iter().partition(|cell| cell.front == Front::OnPremises);
    let cells: Vec<Cell> = cloud
        .into_iter()
        .step_by(one_in_the_cloud)
        .chain(on_premises.into_iter().step_by(one_on_premises))
        .collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let worker = || {
        let mut went = Vec::new();
        while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            let how = run(&calm, *cell).unwrap_or_else(|error| Went::Lost(error.to_string()));
            // Much time passes until the end, where all of them are said in full.
            if let Went::Lost(words) = &how {
                let (name, number) = (cell.name, cell.number);
                let what = words.lines().next().unwrap_or_default();
                show(&format!("lost: {name} at request {number}: {what}\n"));
            }
            went.push((*cell, how));
            let ended = done.fetch_add(1, Ordering::Relaxed) + 1;
            if ended.is_multiple_of(100) {
                show(&format!(
                    "{ended} cells in {} s\n",
                    started.elapsed().as_secs()
                ));
            }
        }
        went
    };
    let went: Vec<(Cell, Went)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        let went = workers.into_iter().filter_map(|worker| worker.join().ok());
        went.flatten().collect()
    });
    let mut rows: BTreeMap<(&str, Front), [usize; 3]> = BTreeMap::new();
    let mut lost = Vec::new();
    for (cell, went) in &went {
        let row = rows.entry((cell.name, cell.front)).or_default();
        match went {
            Went::Through => row[0] += 1,
            Went::Failed => row[1] += 1,
            Went::Lost(words) => {
                row[2] += 1;
                lost.push(format!("{} at request {}: {words}", cell.name, cell.number));
            }
        }
    }
    let mut report = format!(
        "services: {} requests, {} cells of {}, {:.1} s\n{:22} {:14} {:>7} {:>7} {:>5}\n",
        calm.requests.len(),
        went.len(),
        all.len(),
        started.elapsed().as_secs_f64(),
        "fault",
        "at",
        "through",
        "resumed",
        "lost"
    );
    for ((name, front), [through, failed, lost]) in rows {
        let front = format!("{front:?}");
        report += &format!("{name:22} {front:14} {through:7} {failed:7} {lost:5}\n");
    }
    show(&report);
    assert_eq!(went.len(), cells.len(), "a cell panicked");
    assert!(lost.is_empty(), "{report}{}", lost.join("\n\n"));
    Ok(())
}

/// Shows how it went.
#[expect(clippy::print_stderr, reason = "the figures, seen with --nocapture")]
fn show(report: &str) {
    eprint!("{report}");
}

#[test]
fn a_sample_of_what_services_do_at_the_requests_of_configure_is_survived() -> Outcome {
    run_all(47, 481)
}

#[test]
#[ignore = "minutes: cargo test --test tests matrix::services -- --ignored --nocapture"]
fn everything_that_services_do_at_every_request_of_configure_is_survived() -> Outcome {
    run_all(1, 1)
}

#[test]
#[ignore = "minutes: cargo test --test tests matrix::services -- --ignored --nocapture"]
fn everything_that_cloud_services_do_at_every_request_of_configure_is_survived() -> Outcome {
    run_all(1, usize::MAX)
}

/// Runs one playbook while something goes wrong with every request for which this holds.
fn run_with(
    kind: Kind,
    is_meant: impl Fn(Front, &Request) -> bool + Send + Sync + 'static,
    playbook: &str,
) -> Result<(Served, Ran, Time), Box<dyn Error>> {
    let time = Time::default();
    let (served, runner) = serve(&time)?;
    add(&served, When::Every(Arc::new(is_meant)), kind);
    let ran = runner.run(&format!("run {playbook} --org served.toml --apply"));
    Ok((served, ran, time))
}

/// The question which cmdlets are permitted, after which nothing is changed.
fn is_about_cmdlets(request: &Request) -> bool {
    request.path.ends_with("EXOModuleFile")
}

#[test]
fn claims_that_are_asked_for_again_and_again_are_refused_in_plain_words() -> Outcome {
    for (asked, playbook, service) in [
        (Front::Graph, "05-host-names", "Microsoft Graph"),
        (
            Front::ExchangeOnline,
            "07-connector-online",
            "Exchange Online",
        ),
    ] {
        let (served, ran, _) = run_with(
            Kind::Challenge,
            move |front, request| front == asked && !is_about_cmdlets(request),
            playbook,
        )?;
        let ran = ran.ends_with(1).complains(&[
            service,
            "a policy of the tenant is not satisfied, also after a new sign-in",
            "Conditional Access",
        ]);
        assert!(!ran.stderr.contains("eyJ"), "{}", ran.stderr);
        let asked = served
            .lab
            .world()
            .with(|world| world.faults().happened().len());
        assert_eq!(asked, 2, "once, and once more with the claims");
    }
    Ok(())
}

const TWO_WRITES: &str = "//! Adds names.\n\nconst PLAYBOOK = #{ title: \"Names\" };\n\n\
    step(\"names\", \"Names\", || {\n\
        let exchange = \"00000002-0000-0ff1-ce00-000000000000\";\n\
        entra.add_spn(exchange, \"https://first.contoso.com/\");\n\
        entra.add_spn(exchange, \"https://second.contoso.com/\");\n\
    });\n";

/// The names that two writes in a row leave, where the directory shows each only after a time.
fn two_writes(seconds: u64) -> Result<(Ran, Vec<String>, Time), Box<dyn Error>> {
    let time = Time::default();
    let (served, runner) = serve(&time)?;
    let is_write = |front, request: &Request| front == Front::Graph && request.method == "PATCH";
    add(
        &served,
        When::Every(Arc::new(is_write)),
        Kind::Replicate { seconds },
    );
    let ran = runner
        .file("names.rhai", TWO_WRITES)
        .run("run ./names.rhai --org served.toml --apply");
    let names = served.lab.world().with(|world| {
        let exchange = world
            .directory()
            .principal("00000002-0000-0ff1-ce00-000000000000");
        exchange.map_or_else(Vec::new, |exchange| exchange.names.clone())
    });
    Ok((ran, names, time))
}

#[test]
fn a_directory_that_shows_writes_late_is_waited_for_and_nothing_is_lost() -> Outcome {
    let (ran, names, time) = two_writes(100)?;
    ran.ends_with(0).complains(&[
        "waiting 2 s: Entra ID ServicePrincipal",
        "was written, and Entra ID does not show it yet",
    ]);
    for name in ["https://first.contoso.com/", "https://second.contoso.com/"] {
        assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
    }
    // Both were waited for, with pauses that grow: 2, 4, 8, 16, 32, 60.
    assert_eq!(time.waited().as_secs(), 2 * 122);
    Ok(())
}

#[test]
fn a_directory_that_never_shows_a_write_stops_the_run_after_five_minutes() -> Outcome {
    let (ran, names, time) = two_writes(3600)?;
    ran.ends_with(5).complains(&[
        "did not show it within 5 minutes",
        "go on later: a run starts by reading what is there",
    ]);
    assert_eq!(time.waited().as_secs(), 300);
    assert!(names.contains(&"https://first.contoso.com/".to_owned()));
    assert!(!names.contains(&"https://second.contoso.com/".to_owned()));
    Ok(())
}

/// In a run whose requests overtook one another, a challenge once met the on-premises servers, which then refused every
/// token of Exchange Online: the verification said 401, of requests that no service had challenged.
#[test]
fn a_challenge_of_one_service_is_no_matter_of_another() -> Outcome {
    let (served, ran, _) = run_with(
        Kind::Challenge,
        |front, _| front == Front::OnPremises,
        "configure",
    )?;
    ran.ends_with(0);
    let happened = served
        .lab
        .world()
        .with(|world| world.faults().happened().len());
    assert_eq!(happened, 0, "no on-premises server asks for claims");
    for challenged in [Front::Graph, Front::ExchangeOnline] {
        let time = Time::default();
        let (served, runner) = serve(&time)?;
        let is_first =
            move |front, request: &Request| front == challenged && !is_about_cmdlets(request);
        let when = When::Once(Arc::new(is_first));
        add(&served, when, Kind::Challenge);
        runner.run(CONFIGURE).ends_with(0);
        let asked = requests(&served);
        let at = usize::try_from(first_met(&served).ok_or("nothing was challenged")?)?;
        let next: Vec<&(Front, String)> = asked.iter().skip(at).take(2).collect();
        let token = |asked: &str| asked.ends_with("/oauth2/v2.0/token");
        assert!(
            matches!(next.as_slice(), [(Front::Login, first), again] if token(first) && Some(*again) == asked.get(at - 1)),
            "a token, and then the same request at the same service: {next:?}"
        );
        let tokens = asked.iter().filter(|(_, asked)| token(asked)).count();
        assert_eq!(tokens, 3, "one for each service, and one for the challenge");
    }
    Ok(())
}

#[test]
fn a_redirect_to_another_host_is_not_followed() -> Outcome {
    let to_exchange =
        |front, request: &Request| front == Front::ExchangeOnline && !is_about_cmdlets(request);
    let (served, ran, _) = run_with(Kind::Elsewhere, to_exchange, "07-connector-online")?;
    ran.ends_with(1)
        .complains(&["Exchange Online redirects to another service, which was not followed"]);
    let seen = served
        .lab
        .world()
        .with(|world| world.faults().seen().to_vec());
    let there = seen
        .iter()
        .filter(|seen| seen.front == Front::ExchangeOnline);
    assert_eq!(there.count(), 2, "that question, and one cmdlet");
    Ok(())
}

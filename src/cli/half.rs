//! `exoauth run --only onprem` and `--only cloud`: one half of a playbook, and the file that goes between the halves.

use crate::cli::place::Place;
use crate::cli::{Env, args, files};
use crate::failure::Failure;
use crate::report::clean;
use crate::script::{Host, ScriptFailure};
use crate::session::event::{Event, Listener, StepOutcome};
use crate::session::{Half, HandOver, Session, Side};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Reads what the other half needs, so that it is handed over whatever the playbook itself looked at.
const GATHER: &str =
    "import \"stdlib/hand_over\" as hand_over; hand_over::gather(onprem, online, entra);";

/// One half of a playbook; clones share what it hands over.
#[derive(Clone)]
pub(super) struct HalfRun {
    half: Half,
    file: Option<PathBuf>,
    /// The command for the other half.
    other: String,
    steps: Arc<Mutex<Vec<(String, StepOutcome)>>>,
}

/// The side that is asked for, if any, and the steps.
pub(super) fn split(only: &[String]) -> Result<(Option<Side>, Vec<String>), Failure> {
    let (mut side, mut steps) = (None, Vec::new());
    for word in only {
        match Side::from_word(word) {
            None => steps.push(word.clone()),
            Some(asked) if side.is_none_or(|side| side == asked) => side = Some(asked),
            Some(_) => {
                return Err(
                    Failure::input("a run is limited to one side, not to both".to_owned())
                        .with_hint("leave both out for a run that reaches everything from here"),
                );
            }
        }
    }
    Ok((side, steps))
}

impl HalfRun {
    /// Reads and checks what the other half handed over; none where the run is not limited to one side.
    pub(super) fn of(env: &Env, asked: &args::Run, place: &Place) -> Result<Option<Self>, Failure> {
        let side = match (split(&asked.only)?.0, &asked.hand_over) {
            (Some(side), _) => side,
            (None, None) => return Ok(None),
            (None, Some(_)) => {
                return Err(Failure::input(
                    "--hand-over goes with one half of a playbook".to_owned(),
                )
                .with_hint("add --only onprem or --only cloud"));
            }
        };
        let file = asked.hand_over.as_ref().map(|name| env.path(name));
        let known = match &file {
            Some(file) => read(env, place, file)?,
            None => None,
        };
        let mut known = known
            .unwrap_or_else(|| HandOver::new(&place.organization.tenant, side, env.clock.now()));
        if let Some(cloud) = place.organization.cloud {
            known.cloud = Some(cloud.word().to_owned());
        }
        let other = command(asked, side.other());
        Ok(Some(Self {
            half: Half::new(side, known, asked.playbook.clone(), other.clone()),
            file,
            other,
            steps: Arc::default(),
        }))
    }

    /// Lets a session speak to this side only.
    pub(super) fn keep(&self, session: &Session) -> Result<(), Failure> {
        session.keep_to(self.half.clone())
    }

    /// Whether applying writes a file.
    pub(super) fn hands_over(&self) -> bool {
        self.file.is_some()
    }

    /// A listener that learns what became of the steps.
    pub(super) fn listener(&self) -> Box<dyn Listener> {
        Box::new(self.clone())
    }

    /// Reads what the other half needs.
    pub(super) fn gather(&self, host: &Host) -> Result<(), ScriptFailure> {
        match self.file {
            Some(_) => host.eval(GATHER).map(drop),
            None => Ok(()),
        }
    }

    /// Writes the file. Gives the lines that tell the person how it goes on.
    pub(super) fn finish(&self, env: &Env) -> Result<Vec<String>, Failure> {
        let steps = self.steps().clone();
        let mut hand_over = self.half.hand_over();
        for (step, outcome) in &steps {
            if matches!(outcome, StepOutcome::Changed | StepOutcome::Same) {
                hand_over.done.insert(self.half.step(step));
            }
        }
        hand_over.written_by = self.half.side();
        hand_over.written_at = env.clock.now();
        let mut lines = Vec::new();
        if let Some(file) = &self.file {
            files::replace_private(file, &hand_over.text()?)?;
            lines.push(format!("hand-over: {}", clean(&file.display().to_string())));
        }
        let left = self.half.open();
        let other = self.half.side().other();
        if left.is_empty() {
            lines.push(format!("nothing is left to the {other}"));
        } else {
            lines.push(format!("left to the {other}: {}", clean(&left.join(", "))));
            lines.push(format!("to go on there: {}", clean(&self.other)));
        }
        Ok(lines)
    }

    fn steps(&self) -> MutexGuard<'_, Vec<(String, StepOutcome)>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for HalfRun {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::RunStarted { .. } => self.steps().clear(),
            Event::StepFinished { id, outcome } => self.steps().push((id.clone(), *outcome)),
            _ => {}
        }
        Ok(())
    }
}

/// The command that runs a half.
fn command(asked: &args::Run, side: Side) -> String {
    let mut command = format!("exoauth run {} --only {}", asked.playbook, side.word());
    if let Some(file) = &asked.hand_over {
        command = format!("{command} --hand-over {file}");
    }
    command
}

fn read(env: &Env, place: &Place, file: &Path) -> Result<Option<HandOver>, Failure> {
    let Some(text) = files::read_if_there(file)? else {
        return Ok(None);
    };
    let hand_over = HandOver::parse(&text).map_err(|failure| {
        let detail = match &failure.detail {
            Some(detail) => format!("{}: {detail}", file.display()),
            None => file.display().to_string(),
        };
        failure.with_detail(detail)
    })?;
    let organization = &place.organization;
    let is_its = |name: &str| name.eq_ignore_ascii_case(&organization.tenant);
    if !is_its(&hand_over.tenant) && !hand_over.tenant_id.as_deref().is_some_and(is_its) {
        return Err(of_another(
            file,
            &format!("the tenant {}", hand_over.tenant),
            &organization.tenant,
        ));
    }
    if let (Some(theirs), Some(ours)) = (&hand_over.cloud, organization.cloud)
        && theirs != ours.word()
    {
        return Err(of_another(
            file,
            &format!("the cloud {theirs}"),
            ours.word(),
        ));
    }
    let line = age(&hand_over, env.clock.now());
    env.error.stream.line(&clean(&line))?;
    Ok(Some(hand_over))
}

fn of_another(file: &Path, what: &str, ours: &str) -> Failure {
    Failure::input(format!(
        "the hand-over file is about {what}, and this organization is of {ours}"
    ))
    .with_detail(file.display().to_string())
    .with_hint("use the file of this organization, or name a new one")
}

/// Who wrote it, and how long ago.
fn age(hand_over: &HandOver, now: Timestamp) -> String {
    let minutes = now.duration_since(hand_over.written_at).as_mins();
    let ago = match minutes {
        ..0 => "by a clock that is ahead of this one".to_owned(),
        0..120 => format!("{minutes} minutes ago"),
        120..2880 => format!("{} hours ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    };
    let warning = match minutes {
        10_080.. => "; warning: what it says may have changed since",
        _ => "",
    };
    format!(
        "hand-over: from the {}, written {ago} ({}){warning}",
        hand_over.written_by, hand_over.written_at
    )
}

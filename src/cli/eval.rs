//! `exoauth eval`: one expression, evaluated and printed.
//!
//! Reads are real; what writes is predicted, unless `--apply` is given.

use crate::cli::args::Format;
use crate::cli::grant::Granted;
use crate::cli::pass::pass;
use crate::cli::place::Place;
use crate::cli::{Env, ExitCode, args, journal, run, runtime, scripts};
use crate::failure::Failure;
use crate::report::table;
use crate::report::{Paint, Stream, clean, organization_line, plan, remark_lines};
use crate::script::HostOptions;
use crate::session::event::{Event, Level, Listener};
use crate::session::{self, Mode};

/// Evaluates an expression and prints its value.
pub(super) fn main(env: &Env, asked: &args::Eval, format: Format) -> Result<ExitCode, Failure> {
    let runtime = runtime()?;
    env.watch_signals(runtime.handle());
    let place = Place::open(env, &asked.place, runtime.handle())?;
    let name = run::run_name(env);
    let _lock = match asked.apply {
        true => run::lock(env, &place, &name)?,
        false => None,
    };
    let mut listeners: Vec<Box<dyn Listener>> = vec![Box::new(Aside {
        stream: env.error.stream.clone(),
        paint: env.paint(&env.error),
        simulated: place.simulated,
    })];
    if asked.apply
        && let Some(journal) = journal::start(
            env,
            &place,
            &journal::About {
                run: &name,
                playbook: "eval",
                text: &asked.expression,
                ..journal::About::default()
            },
        )?
    {
        listeners.insert(0, Box::new(journal));
    }
    let session = session::Options {
        mode: if asked.apply { Mode::Apply } else { Mode::Plan },
        listeners,
        ..place.session(env, runtime.handle(), "eval", &name)
    };
    let expression = asked.expression.clone();
    let inputs = run::inputs(&asked.place.input)?;
    let granted = Granted::named_by(env, &inputs).grant();
    let options = HostOptions { inputs, ..granted };
    let passed = pass(session, scripts::bundle(env), options, move |host| {
        host.eval(&expression)
    })?;
    let written = passed.writes();
    match passed.result {
        Ok(value) => {
            let text = match format {
                Format::Json => format!("{:#}", value.to_json()),
                Format::Human => table::value(&value, env.paint(&env.output).width),
            };
            env.output.stream.line(&text)?;
            Ok(ExitCode::DONE)
        }
        Err(stopped) => {
            scripts::show(env, &stopped, format)?;
            Ok(ExitCode::of(&stopped.failure, written))
        }
    }
}

/// Says on standard error which organization answers, and what is or would be written.
struct Aside {
    stream: Stream,
    paint: Paint,
    simulated: bool,
}

impl Listener for Aside {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::RunStarted { organization, .. } => {
                let line = organization_line(clean(organization), self.simulated);
                self.stream.line(&line)
            }
            Event::Planned { change } => {
                let lines = plan::planned(change, true, self.paint);
                lines.iter().try_for_each(|line| self.stream.line(line))
            }
            Event::Written { change, .. } => self.stream.line(&plan::done(change, self.paint)),
            Event::Said { level, text } => {
                let mark = if *level == Level::Warning {
                    "warning: "
                } else {
                    ""
                };
                text.lines()
                    .try_for_each(|line| self.stream.line(&format!("{mark}{}", clean(line))))
            }
            Event::ServiceSaid {
                plane,
                verbose,
                text,
            } => remark_lines(*plane, *verbose, text).try_for_each(|line| self.stream.line(&line)),
            Event::ServiceWarning { plane, text } => self
                .stream
                .line(&format!("warning: {plane}: {}", clean(text))),
            _ => Ok(()),
        }
    }
}

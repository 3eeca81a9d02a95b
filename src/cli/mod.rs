//! The front door: what was typed becomes a command, and a command comes to an exit code.
//!
//! [`main`] is the whole program; everything outside of it is an [`Env`], so that a test can run it in memory. Nothing
//! is decided here about an organization: that is the matter of scripts.

pub mod args;
mod check;
mod clouds;
mod completions;
mod definitions;
mod diff;
mod docs;
mod emit;
pub mod env;
mod eval;
pub mod exit;
mod files;
mod fork;
mod grant;
mod half;
mod journal;
mod lab;
mod list;
mod login;
mod logout;
mod man;
mod pass;
mod place;
mod repl;
mod resume;
mod run;
mod scripts;
mod show;
mod steps;
mod trace;
mod undo;
mod verify;
mod wait;
mod whoami;

pub use env::Env;
pub use exit::ExitCode;

use crate::failure::{Failure, FailureKind};
use crate::report::{JsonReport, human, json::Ending};
use crate::session;
use crate::session::event::{Event, Listener};
use args::{Args, Command, Format};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

/// Runs the program.
pub fn main(env: &Env) -> ExitCode {
    let args = match parse(env) {
        Ok(args) => args,
        Err(error) => return usage(env, &error),
    };
    let outcome =
        start_log(env, args.log.as_deref()).and_then(|()| dispatch(env, args.command, args.format));
    outcome.unwrap_or_else(|failure| fail(env, &failure, args.format))
}

fn parse(env: &Env) -> Result<Args, clap::Error> {
    let width = env.paint(&env.output).width;
    let mut command = Args::command().term_width(width);
    let matches = command.try_get_matches_from_mut(&env.arguments);
    Args::from_arg_matches(&matches.map_err(|error| with_tip(error, &command, env))?)
}

/// Says what there is instead to who gave a word that is near to none: the subcommands, and the option that inputs of a
/// playbook are given with.
fn with_tip(mut error: clap::Error, command: &clap::Command, env: &Env) -> clap::Error {
    let near = |kind| error.get(kind).is_some();
    let given = env.arguments.iter().skip(1);
    let of = given.fold(command, |of, word| of.find_subcommand(word).unwrap_or(of));
    let takes_inputs = || of.get_arguments().any(|known| known.get_id() == "input");
    let tip = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::InvalidSubcommand, _) if !near(ContextKind::SuggestedSubcommand) => {
            let names: Vec<&str> = of.get_subcommands().map(clap::Command::get_name).collect();
            format!("there are: {}", names.join(", "))
        }
        (ErrorKind::UnknownArgument, Some(ContextValue::String(name)))
            if name.starts_with("--") && !near(ContextKind::SuggestedArg) && takes_inputs() =>
        {
            let name = name.trim_start_matches('-');
            format!("an input of a playbook is given as '--input {name}=VALUE'")
        }
        _ => return error,
    };
    error.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![tip.into()]),
    );
    error
}

fn dispatch(env: &Env, command: Command, format: Format) -> Result<ExitCode, Failure> {
    if command.connects() {
        session::warm_up();
    }
    match command {
        Command::Run(asked) => run::main(env, &asked, format),
        Command::Verify(asked) => verify::main(env, asked, format),
        Command::List => list::main(env, format),
        Command::Show(asked) => show::main(env, &asked, format),
        Command::Fork(asked) => fork::main(env, &asked),
        Command::Diff(asked) => diff::main(env, &asked, format),
        Command::Check(asked) => check::main(env, &asked, format),
        Command::Docs(asked) => docs::main(env, &asked, format),
        Command::Definitions(asked) => definitions::main(env, &asked),
        Command::Eval(asked) => eval::main(env, &asked, format),
        Command::Repl(asked) => repl::main(env, &asked),
        Command::Lab(asked) => lab::main(env, &asked),
        Command::Clouds(asked) => clouds::main(env, &asked, format),
        Command::Login(asked) => login::main(env, asked, format),
        Command::Logout(asked) => logout::main(env, &asked),
        Command::Whoami(asked) => whoami::main(env, asked, format),
        Command::Journal(asked) => journal::main(env, &asked, format),
        Command::Undo(asked) => undo::main(env, &asked, format),
        Command::Resume(asked) => resume::main(env, &asked, format),
        Command::Completions(asked) => completions::main(env, &asked),
        Command::Man(asked) => man::main(env, &asked),
    }
}

/// Shows help, the version, or what is wrong with the command line.
fn usage(env: &Env, error: &clap::Error) -> ExitCode {
    let (output, code) = match error.use_stderr() {
        true => (&env.error, ExitCode::WRONG_INPUT),
        false => (&env.output, ExitCode::DONE),
    };
    let text = error.render();
    let text = match env.paint(output).colors {
        true => text.ansi().to_string(),
        false => text.to_string(),
    };
    match output.stream.line(text.trim_end()) {
        Ok(()) => code,
        Err(_) => ExitCode::FAILED,
    }
}

/// Says what went wrong before or beside a run.
fn fail(env: &Env, failure: &Failure, format: Format) -> ExitCode {
    let code = ExitCode::of(failure, 0);
    let said = match format {
        Format::Human => human::complain(&env.error.stream, failure, env.paint(&env.error)),
        Format::Json => fail_in_json(env, failure, code),
    };
    match said {
        Ok(()) => code,
        // Nowhere is left to say it.
        Err(_) => ExitCode::FAILED,
    }
}

fn fail_in_json(env: &Env, failure: &Failure, code: ExitCode) -> Result<(), Failure> {
    let mut report = JsonReport::start(env.output.stream.clone())?;
    report.hear(&Event::Failed {
        failure: failure.clone(),
    })?;
    report.end(&Ending::of(code.number(), code.meaning()))
}

/// The runtime that the roads and the lab live on; the engine and this thread are not part of it.
fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.map_err(|error| {
        Failure::new(
            FailureKind::Internal,
            "the program's threads cannot be started",
        )
        .caused_by(error)
    })
}

/// Starts the log, where it was asked for; a second start in the same process keeps the first.
fn start_log(env: &Env, asked: Option<&str>) -> Result<(), Failure> {
    let variable = env.variables.get("EXOAUTH_LOG").map(String::as_str);
    let Some(level) = asked.or(variable).filter(|level| !level.is_empty()) else {
        return Ok(());
    };
    let filter = EnvFilter::try_new(level).map_err(|error| {
        Failure::input(format!("\"{level}\" is not a log level"))
            .with_detail(error.to_string())
            .with_hint("such as info, debug, or exoauth=trace")
    })?;
    // It writes keys into its own log.
    let silent = "sspi=off"
        .parse()
        .map_err(|_| Failure::new(FailureKind::Internal, "the log cannot be limited"))?;
    let filter = filter.add_directive(silent);
    let stream = env.error.stream.clone();
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(env.paint(&env.error).colors)
        .with_writer(move || stream.clone())
        .try_init();
    if let Err(error) = started {
        tracing::debug!(%error, "the log was started before");
    }
    Ok(())
}

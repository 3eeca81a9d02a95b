//! `exoauth repl`: what the conversation needs of the world outside.

mod first_write;

use crate::cli::grant::Granted;
use crate::cli::place::{self, Place};
use crate::cli::trace::Trace;
use crate::cli::{Env, ExitCode, args, files, fork, run, runtime, scripts};
use crate::failure::{Failure, FailureKind};
use crate::repl::{Editor, Knowledge, Line, Lines, Names, Outside, Site, Streams, converse};
use crate::script::{Bundle, HostOptions, Playbook, ScriptFailure};
use crate::session;
use crate::value::Value;
use first_write::FirstWrite;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::runtime::Handle;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// What switches the log of requests on and off.
type Switch = reload::Handle<EnvFilter, Registry>;

/// Opens the prompt.
pub(super) fn main(env: &Env, asked: &args::Repl) -> Result<ExitCode, Failure> {
    let runtime = runtime()?;
    let bundle = scripts::bundle(env);
    let knowledge = Arc::new(Knowledge::new(
        bundle.clone(),
        files(env),
        organizations(env),
    ));
    let world = World {
        env: env.clone(),
        asked: asked.place.clone(),
        bundle: bundle.clone(),
        runtime: runtime.handle().clone(),
        granted: Arc::new(Mutex::new(Granted::named_by(env, &BTreeMap::new()))),
        busy: Arc::default(),
        switch: OnceLock::new(),
    };
    let closed = Arc::clone(&knowledge);
    env.watch_signals_at_prompt(runtime.handle(), Arc::clone(&world.busy), move || {
        if let Some(host) = closed.host() {
            host.session().finish();
        }
    });
    // What the first Tab needs is made ready while the person reads.
    let warmed = Arc::clone(&knowledge);
    let warming = std::thread::spawn(move || {
        warmed.catalog();
    });
    let mut lines = lines(env, &knowledge)?;
    let (mut paint, mut error_paint) = (env.paint(&env.output), env.paint(&env.error));
    if let Some((columns, _)) = lines.window() {
        (paint.width, error_paint.width) = (columns, columns);
    }
    let streams = Streams {
        output: env.output.stream.clone(),
        error: env.error.stream.clone(),
        paint,
        error_paint,
        terminal: env.output.terminal,
    };
    let org = asked.place.org.as_deref();
    let spoken = converse(&world, &mut *lines, &knowledge, bundle, &streams, org);
    // It only reads what is in memory, and is done long before.
    let _ = warming.join();
    spoken?;
    Ok(match world.ending() {
        true => ExitCode::TERMINATED,
        false => ExitCode::DONE,
    })
}

/// The terminal, or what stands for it in a test.
fn lines(env: &Env, knowledge: &Arc<Knowledge>) -> Result<Box<dyn Lines>, Failure> {
    use crate::cli::env::Person;
    let interactive = match &env.person {
        Person::Script(_) => return Ok(Box::new(Written { env: env.clone() })),
        Person::Terminal => true,
        Person::Nobody => false,
    };
    let history = env
        .folders
        .as_ref()
        .map(|folders| folders.state.join("history"));
    let history = history.filter(|_| interactive);
    let knowledge = Arc::clone(knowledge);
    let editor = Editor::new(knowledge, env.paint(&env.output), history, interactive)?;
    Ok(Box::new(editor))
}

/// Lines that were written down before.
struct Written {
    env: Env,
}

impl Lines for Written {
    fn next(&mut self, prompt: &(String, String)) -> Result<Line, Failure> {
        let line = self.env.written_line();
        if let Some(line) = &line {
            self.env.error.stream.line(&format!("{}{line}", prompt.0))?;
        }
        Ok(line.map_or(Line::End, Line::Text))
    }

    fn ask(&mut self, question: &str) -> Result<Option<bool>, Failure> {
        self.env.ask(question)
    }

    fn more(&mut self) -> Result<bool, Failure> {
        Ok(true)
    }

    fn remember(&mut self, _: &str) {}

    fn clear(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn window(&mut self) -> Option<(usize, usize)> {
        None
    }
}

/// The files and folders that a path could go on to.
fn files(env: &Env) -> Names {
    let env = env.clone();
    Arc::new(move |typed| {
        let folder = typed.rfind(['/', '\\']).map_or("", |at| &typed[..=at]);
        let entries = fs::read_dir(env.path(folder))
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let end = if entry.path().is_dir() { "/" } else { "" };
                (!name.starts_with('.')).then(|| format!("{folder}{name}{end}"))
            })
            .collect();
        names.sort();
        names
    })
}

fn organizations(env: &Env) -> Names {
    let folder = env
        .folders
        .as_ref()
        .map(|folders| folders.configuration.join("organizations"));
    // Completion has nothing to say of a folder that cannot be read; whoever goes there is told.
    Arc::new(move |_| {
        let names = folder.as_deref().map(place::names);
        names.and_then(Result::ok).unwrap_or_default()
    })
}

struct World {
    env: Env,
    asked: args::Site,
    bundle: Bundle,
    runtime: Handle,
    granted: Arc<Mutex<Granted>>,
    busy: Arc<AtomicBool>,
    switch: OnceLock<Switch>,
}

impl World {
    fn granted(&self) -> MutexGuard<'_, Granted> {
        locked(&self.granted)
    }

    /// A host whose scripts may touch the files that are granted at the moment.
    fn host_options(&self) -> HostOptions {
        let (reading, writing) = (Arc::clone(&self.granted), Arc::clone(&self.granted));
        HostOptions {
            read_file: Some(Arc::new(move |path| {
                let granted = locked(&reading).clone();
                granted.read(path)
            })),
            write_file: Some(Arc::new(move |mode, path, bytes| {
                let granted = locked(&writing).clone();
                granted.write(mode, path, bytes)
            })),
            ..HostOptions::default()
        }
    }

    fn install_switch(&self) -> Result<&Switch, Failure> {
        if let Some(switch) = self.switch.get() {
            return Ok(switch);
        }
        let (filter, switch) = reload::Layer::new(EnvFilter::new("off"));
        let stream = self.env.error.stream.clone();
        let lines = Trace {
            stream,
            paint: self.env.paint(&self.env.error),
        };
        let started = tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .try_init();
        started.map_err(|error| {
            Failure::input("the log was started before")
                .with_detail(error.to_string())
                .with_hint("leave out --log and EXOAUTH_LOG to switch it here")
        })?;
        Ok(self.switch.get_or_init(|| switch))
    }
}

impl Outside for World {
    fn open(&self, organization: Option<&str>) -> Result<Site, Failure> {
        // What was asked of the lab on the command line holds whenever the lab is gone to.
        let asked = args::Where {
            org: organization.map(str::to_owned).into_iter().collect(),
            cloud: self.asked.cloud.clone(),
            simulated: self.asked.simulated.clone(),
            ..args::Where::default()
        };
        let place = Arc::new(Place::open(&self.env, &asked, &self.runtime)?);
        let run = run::run_name(&self.env);
        let journal = Arc::default();
        let listener = FirstWrite::new(self.env.clone(), Arc::clone(&place), &run, &journal);
        Ok(Site {
            simulated: place.simulated,
            session: session::Options {
                // The journal first: what could not be recorded is not shown as done either.
                listeners: vec![Box::new(listener)],
                ..place.session(&self.env, &self.runtime, "the prompt", &run)
            },
            host: self.host_options(),
            journal,
            keep: Box::new(place),
        })
    }

    fn edit(&self, text: &str) -> Result<String, Failure> {
        let file = self.env.folders()?.state.join("prompt.rhai");
        let unusable = |error: std::io::Error| {
            let message = format!("{} cannot be edited", file.display());
            Failure::input(message).with_detail(error.to_string())
        };
        files::make_folder_of(&file)
            .and_then(|()| files::write_private(&file, text))
            .map_err(unusable)?;
        let edited = self.edit_file(&file).and_then(|()| files::read(&file));
        fs::remove_file(&file).map_err(unusable)?;
        edited
    }

    fn own_file(&self, playbook: &str) -> Result<Option<PathBuf>, Failure> {
        if scripts::is_path(playbook) {
            return Ok(Some(self.env.path(playbook)));
        }
        let path = scripts::path(&self.bundle, playbook)?;
        let file = self.env.folders()?.data.join(path);
        Ok(file.is_file().then_some(file))
    }

    fn fork(&self, playbook: &str) -> Result<PathBuf, Failure> {
        fork::fork(&self.env, &self.bundle, playbook).map(|(file, _)| file)
    }

    fn edit_file(&self, file: &Path) -> Result<(), Failure> {
        let variable = |name| {
            self.env
                .variables
                .get(name)
                .filter(|value| !value.is_empty())
        };
        let editor = variable("VISUAL").or_else(|| variable("EDITOR"));
        let usual = if cfg!(windows) { "notepad" } else { "vi" };
        let editor = editor.map_or(usual, String::as_str);
        let mut words = editor.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or(usual));
        command.args(words).arg(file);
        // Ctrl-C is meant for the editor now.
        self.busy(false);
        let ended = command.status();
        self.busy(true);
        let failed = |detail: String| {
            Failure::input(format!("the editor {editor} failed"))
                .with_detail(detail)
                .with_hint("VISUAL or EDITOR names the editor that is used")
        };
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failed(status.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    fn page(&self, text: &str) -> Result<bool, Failure> {
        let asked = self.env.variables.get("PAGER").map(String::as_str);
        let mut words = asked.unwrap_or("less").split_whitespace();
        let Some(program) = words.next() else {
            // An empty PAGER is a wish not to be held up.
            self.env.output.stream.line(text)?;
            return Ok(true);
        };
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped());
        if !self.env.variables.contains_key("LESS") {
            command.env("LESS", "FRX");
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                tracing::debug!(%error, "there is no pager");
                return Ok(false);
            }
        };
        // Ctrl-C is meant for the pager now.
        self.busy(false);
        if let Some(mut input) = child.stdin.take()
            && let Err(error) = writeln!(input, "{text}")
        {
            tracing::debug!(%error, "the pager was left early");
        }
        let ended = child.wait();
        self.busy(true);
        ended.map(|_| true).map_err(|error| {
            Failure::input(format!("the pager {program} failed")).with_detail(error.to_string())
        })
    }

    fn read(&self, file: &str) -> Result<String, Failure> {
        files::read(&self.env.path(file))
    }

    fn write(&self, file: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.env.path(file);
        files::create(&path, text.as_bytes())?;
        Ok(path)
    }

    fn playbook(&self, name: &str) -> Result<Playbook, ScriptFailure> {
        scripts::playbook(&self.env, &self.bundle, name)
    }

    fn inputs(&self, words: &[String]) -> Result<BTreeMap<String, Value>, Failure> {
        run::inputs(words)
    }

    fn grant(&self, inputs: &BTreeMap<String, Value>) {
        *self.granted() = Granted::named_by(&self.env, inputs);
    }

    fn file_pending(&self) -> bool {
        self.granted().pending()
    }

    fn trace(&self, on: bool) -> Result<(), Failure> {
        let filter = match on {
            true => EnvFilter::new(format!("exoauth=debug,{}=trace", session::TRACE)),
            false => EnvFilter::new("off"),
        };
        self.install_switch()?.reload(filter).map_err(|error| {
            Failure::new(FailureKind::Internal, "the log cannot be switched")
                .with_detail(error.to_string())
        })
    }

    fn busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::SeqCst);
    }

    fn ending(&self) -> bool {
        self.env.terminated.load(Ordering::SeqCst)
    }

    fn today(&self) -> String {
        self.env.clock.now().strftime("%Y-%m-%d").to_string()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! [`Env`]: the only way outside. Arguments, variables, streams, folders, the clock, signals, and whoever sits there.
//!
//! [`Env::system`] is the real one; a test makes one in memory and calls [`main`](crate::cli::main) with it.

mod secrets;

use crate::clock::Clock;
use crate::failure::Failure;
use crate::organization::SecretSource;
use crate::report::{Paint, Stream, clean};
use crate::secret::Secret;
use crate::session::{Ask, Interrupt, Memory, Outside, Patience, Prompt, ReadSecret};
use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;

/// The width of a window that nobody tells us about.
const USUAL_WIDTH: usize = 100;

/// Everything outside of the program.
#[derive(Clone, Debug)]
pub struct Env {
    /// What was typed, the name of the program first.
    pub arguments: Vec<String>,
    /// The environment variables.
    pub variables: BTreeMap<String, String>,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
    /// The user's folders; `None` when the user has no home.
    pub folders: Option<Folders>,
    /// Standard output: results.
    pub output: Output,
    /// Standard error: questions, progress, logs.
    pub error: Output,
    /// Whoever answers questions.
    pub person: Person,
    /// The time.
    pub clock: Clock,
    /// How long services are waited for.
    pub patience: Patience,
    /// Opens pages.
    pub browser: Browser,
    /// Raised by Ctrl-C.
    pub interrupt: Interrupt,
    /// Whether the system's signals raise it.
    pub signals: bool,
    /// Whether it was raised because the system asked the program to end.
    pub terminated: Arc<AtomicBool>,
}

/// The user's folders for this program.
#[derive(Clone, Debug)]
pub struct Folders {
    /// Organization files.
    pub configuration: PathBuf,
    /// Scripts of one's own.
    pub data: PathBuf,
    /// Journals.
    pub state: PathBuf,
}

/// A standard stream to write to.
#[derive(Clone, Debug)]
pub struct Output {
    /// The stream.
    pub stream: Stream,
    /// Whether a person reads along.
    pub terminal: bool,
}

/// Whoever answers questions.
#[derive(Clone, Debug)]
pub enum Person {
    /// Someone at the terminal.
    Terminal,
    /// Nobody: standard input is not a terminal.
    Nobody,
    /// Answers that were written down before, for tests.
    Script(Arc<Mutex<VecDeque<String>>>),
}

/// Opens a page in a browser.
#[derive(Clone)]
pub struct Browser(OpenPage);

type OpenPage = Arc<dyn Fn(&str) -> io::Result<()> + Send + Sync>;

impl Browser {
    /// A browser that is opened so.
    pub fn new(open: impl Fn(&str) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    /// The browser that the user has chosen in the system.
    pub fn system() -> Self {
        let words: &[&str] = if cfg!(windows) {
            &["rundll32", "url.dll,FileProtocolHandler"]
        } else if cfg!(target_os = "macos") {
            &["open"]
        } else {
            &["xdg-open"]
        };
        Self::new(move |address| {
            Command::new(words[0])
                .args(&words[1..])
                .arg(address)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .map(drop)
        })
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Browser")
    }
}

impl Env {
    /// The real one.
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one way outside")]
        let (arguments, variables, folder, output, error, input) = (
            std::env::args_os(),
            std::env::vars_os(),
            std::env::current_dir(),
            io::stdout(),
            io::stderr(),
            io::stdin(),
        );
        // What is not Unicode is not a word or a file of ours; the complaint about it shows where.
        let unicode = |text: OsString| text.to_string_lossy().into_owned();
        Self {
            arguments: arguments.map(unicode).collect(),
            variables: variables
                .map(|(name, value)| (unicode(name), unicode(value)))
                .collect(),
            // Without a current folder, the system resolves relative paths, and says what is wrong with them.
            folder: folder.unwrap_or_default(),
            folders: user_folders(),
            person: match input.is_terminal() {
                true => Person::Terminal,
                false => Person::Nobody,
            },
            output: Output {
                terminal: output.is_terminal(),
                stream: Stream::new(output),
            },
            error: Output {
                terminal: error.is_terminal(),
                stream: Stream::new(error),
            },
            clock: Clock::system(),
            patience: Patience::default(),
            browser: Browser::system(),
            interrupt: Interrupt::new(),
            signals: true,
            terminated: Arc::default(),
        }
    }

    /// A path as the user typed it, from the current folder.
    pub fn path(&self, typed: impl AsRef<Path>) -> PathBuf {
        self.folder.join(typed)
    }

    /// The user's folders.
    ///
    /// # Errors
    ///
    /// When the user has no home.
    pub fn folders(&self) -> Result<&Folders, Failure> {
        self.folders.as_ref().ok_or_else(|| {
            Failure::input("the user's home folder is not known")
                .with_hint("set HOME, or give files by their path")
        })
    }

    /// How a stream is written: in colors only to a terminal, and not with `NO_COLOR`.
    pub fn paint(&self, output: &Output) -> Paint {
        let set = |name| {
            self.variables
                .get(name)
                .is_some_and(|value| !value.is_empty())
        };
        let dumb = self
            .variables
            .get("TERM")
            .is_some_and(|term| term == "dumb");
        let given = self
            .variables
            .get("COLUMNS")
            .and_then(|columns| columns.parse().ok());
        let window = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Paint {
            colors: output.terminal && !set("NO_COLOR") && !dumb,
            width: given
                .or_else(|| output.terminal.then(window).flatten())
                .filter(|columns| *columns >= 20)
                .unwrap_or(USUAL_WIDTH),
            folds: output.terminal,
        }
    }

    /// Asks a question that is answered with yes or no; `None` when there is nobody to ask.
    ///
    /// # Errors
    ///
    /// When the question cannot be shown or the answer cannot be read.
    pub fn ask(&self, question: &str) -> Result<Option<bool>, Failure> {
        let answer = self.choose(question, &["yes", "no"])?;
        Ok(answer.map(|answer| answer == "yes"))
    }

    /// Asks a question that has some answers, each known by its first letter too; `None` when there is nobody to ask.
    ///
    /// The last one is taken where the answers end.
    ///
    /// # Errors
    ///
    /// When the question cannot be shown or the answer cannot be read.
    pub fn choose<'word>(
        &self,
        question: &str,
        answers: &[&'word str],
    ) -> Result<Option<&'word str>, Failure> {
        if matches!(self.person, Person::Nobody) {
            return Ok(None);
        }
        let letters: Vec<&str> = answers.iter().filter_map(|word| word.get(..1)).collect();
        loop {
            self.question(&format!("{question} [{}] ", letters.join("/")))?;
            let given = self.person.answer().map_err(|error| unheard(&error))?;
            let Some(given) = given else {
                return Ok(answers.last().copied());
            };
            let meant = answers.iter().zip(&letters).find(|(word, letter)| {
                given.eq_ignore_ascii_case(word) || given.eq_ignore_ascii_case(letter)
            });
            if let Some((word, _)) = meant {
                return Ok(Some(word));
            }
        }
    }

    /// The next line that was written down before, for tests.
    pub(super) fn written_line(&self) -> Option<String> {
        match &self.person {
            Person::Script(_) => self.person.answer().ok().flatten(),
            Person::Terminal | Person::Nobody => None,
        }
    }

    /// Reads secrets from where the organization file says they are. What a person was asked for is remembered, since a run
    /// signs in once to plan and once to apply.
    pub fn read_secret(&self) -> ReadSecret {
        let env = self.clone();
        let given: Mutex<BTreeMap<&'static str, Secret>> = Mutex::default();
        Arc::new(move |source| match source {
            SecretSource::Plain(secret) => Ok(secret.clone()),
            SecretSource::Env(name) => env.variables.get(name).map_or_else(
                || {
                    Err(Failure::input(format!(
                        "the environment variable {name} is not set"
                    )))
                },
                |text| Ok(Secret::new(text.as_str())),
            ),
            SecretSource::File(path) => secrets::from_file(path),
            SecretSource::Bytes(path) => secrets::bytes_of_file(path),
            SecretSource::Command(command) => secrets::from_command(command, &env.folder),
            SecretSource::Prompt(key) => {
                let mut given = given.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(secret) = given.get(key) {
                    return Ok(secret.clone());
                }
                let secret = env.ask_secret(key)?;
                given.insert(key, secret.clone());
                Ok(secret)
            }
        })
    }

    /// What signing in may ask of the world outside.
    pub fn outside(&self, memory: Memory) -> Outside {
        let (asking, variables) = (self.clone(), self.variables.clone());
        let ask: Ask = Arc::new(move |prompt| asking.tell(prompt));
        Outside {
            ask: (!matches!(self.person, Person::Nobody)).then_some(ask),
            variable: Arc::new(move |name| variables.get(name).cloned()),
            read_file: Arc::new(|path| {
                let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
                Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
            }),
            run_program: Arc::new(secrets::run_program),
            memory,
        }
    }

    /// Tells a person how to sign in, and opens the browser where it is on this machine.
    fn tell(&self, prompt: &Prompt) -> Result<(), Failure> {
        let say = |line: &str| self.error.stream.line(&clean(line));
        let (Prompt::Browser { note, .. } | Prompt::DeviceCode { note, .. }) = prompt;
        if let Some(note) = note {
            say(note)?;
        }
        match prompt {
            Prompt::Browser {
                service, address, ..
            } => {
                say(&format!(
                    "sign in for {service} in the browser; if it does not open, open this page:"
                ))?;
                say(&format!("  {address}"))?;
                if let Err(error) = (self.browser.0)(address) {
                    tracing::debug!(%error, "the browser could not be opened");
                }
                Ok(())
            }
            Prompt::DeviceCode {
                service,
                address,
                code,
                seconds,
                ..
            } => say(&format!(
                "sign in for {service}: open {address} on any machine and type the code {code}, within {} minutes",
                seconds.div_ceil(60)
            )),
        }
    }

    /// Raises the interrupt at the first Ctrl-C or termination, and ends the program at the second.
    pub fn watch_signals(&self, runtime: &Handle) {
        if !self.signals {
            return;
        }
        let (interrupt, terminated) = (self.interrupt.clone(), Arc::clone(&self.terminated));
        let error = self.error.stream.clone();
        runtime.spawn(async move {
            loop {
                let by_system = next_signal().await;
                if interrupt.raised() {
                    leave(if by_system { 143 } else { 130 });
                }
                terminated.store(by_system, Ordering::SeqCst);
                interrupt.raise();
                let told = error.line(
                    "\ninterrupted: finishing what was sent; press Ctrl-C again to leave at once",
                );
                if let Err(failure) = told {
                    tracing::debug!(%failure, "nobody reads along");
                }
            }
        });
    }

    /// The same at a prompt: Ctrl-C stops what is being done, and only that; when the system asks the program to end while
    /// nothing is done, `close` is called first.
    pub fn watch_signals_at_prompt(
        &self,
        runtime: &Handle,
        busy: Arc<AtomicBool>,
        close: impl Fn() + Send + Sync + 'static,
    ) {
        if !self.signals {
            return;
        }
        let (interrupt, terminated) = (self.interrupt.clone(), Arc::clone(&self.terminated));
        let close = Arc::new(close);
        runtime.spawn(async move {
            loop {
                let by_system = next_signal().await;
                let busy = busy.load(Ordering::SeqCst);
                if by_system {
                    terminated.store(true, Ordering::SeqCst);
                    let close = Arc::clone(&close);
                    if !busy {
                        // Closing waits for the services, which this task must not.
                        std::thread::spawn(move || {
                            close();
                            restore_terminal();
                            leave(143);
                        });
                    }
                }
                if busy && interrupt.raised() {
                    restore_terminal();
                    leave(if by_system { 143 } else { 130 });
                }
                if busy {
                    interrupt.raise();
                }
            }
        });
    }

    fn question(&self, text: &str) -> Result<(), Failure> {
        self.error
            .stream
            .text(text)
            .map_err(|error| unheard(&error))
    }

    fn ask_secret(&self, key: &str) -> Result<Secret, Failure> {
        if matches!(self.person, Person::Nobody) {
            let message = "`{ prompt = true }` needs a terminal to ask at".to_owned();
            return Err(Failure::input(message)
                .with_hint("use { env = \"...\" }, { file = \"...\" } or { command = \"...\" }"));
        }
        self.question(&format!("{key}: "))?;
        let answer = match &self.person {
            Person::Terminal => secrets::without_echo(|| self.person.answer()),
            Person::Nobody | Person::Script(_) => self.person.answer(),
        };
        self.question("\n")?;
        match answer.map_err(|error| unheard(&error))? {
            Some(text) => Ok(Secret::new(text)),
            None => Err(Failure::input("no password was given".to_owned())),
        }
    }
}

impl Person {
    /// The next line; `None` when there is none.
    fn answer(&self) -> io::Result<Option<String>> {
        match self {
            Self::Nobody => Ok(None),
            Self::Script(answers) => {
                let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(answers.pop_front())
            }
            Self::Terminal => {
                let mut line = String::new();
                #[expect(clippy::disallowed_methods, reason = "the one way outside")]
                let read = io::stdin().lock().read_line(&mut line)?;
                let line = line.trim_end_matches(['\r', '\n']).to_owned();
                Ok((read > 0).then_some(line))
            }
        }
    }
}

fn user_folders() -> Option<Folders> {
    let strategy = choose_app_strategy(AppStrategyArgs {
        app_name: "exoauth".to_owned(),
        ..AppStrategyArgs::default()
    });
    let strategy = strategy.ok()?;
    Some(Folders {
        configuration: strategy.config_dir(),
        data: strategy.data_dir(),
        // Windows knows no folder for state.
        state: strategy.state_dir().unwrap_or_else(|| strategy.data_dir()),
    })
}

/// Waits for Ctrl-C or for the system's request to end; says whether it was the system.
#[cfg(unix)]
async fn next_signal() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => true,
            pressed = tokio::signal::ctrl_c() => never_if_failed(pressed).await,
        },
        Err(_) => never_if_failed(tokio::signal::ctrl_c().await).await,
    }
}

#[cfg(not(unix))]
async fn next_signal() -> bool {
    never_if_failed(tokio::signal::ctrl_c().await).await
}

/// Where Ctrl-C cannot be heard, the system's default ends the program.
async fn never_if_failed(pressed: io::Result<()>) -> bool {
    if let Err(error) = pressed {
        tracing::warn!(%error, "Ctrl-C cannot be heard");
        std::future::pending::<()>().await;
    }
    false
}

/// The prompt changes how the terminal reads keys; who leaves without it has to change that back.
fn restore_terminal() {
    #[cfg(unix)]
    if let Err(error) = Command::new("stty")
        .arg("sane")
        .stdin(Stdio::inherit())
        .stderr(Stdio::null())
        .status()
    {
        tracing::debug!(%error, "the terminal stays as it is");
    }
}

fn leave(code: i32) {
    #[expect(clippy::disallowed_methods, reason = "the user asked twice")]
    std::process::exit(code)
}

fn unheard(error: &io::Error) -> Failure {
    Failure::input(format!("the question could not be asked: {error}"))
}

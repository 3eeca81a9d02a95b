//! [`Runner`]: the command line in memory, for tests of five lines.

use crate::support::redact::redact;
use exoauth::cli::env::{Browser, Env, Folders, Output, Person};
use exoauth::cli::{self, ExitCode};
use exoauth::clock::Clock;
use exoauth::report::Stream;
use exoauth::session::{Interrupt, Patience};
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A folder, variables and answers to run commands with.
pub(crate) struct Runner {
    /// The current folder, empty at first; removed with the runner.
    pub(crate) folder: PathBuf,
    /// Raised when a test plays Ctrl-C.
    pub(crate) interrupt: Interrupt,
    /// How long services are waited for.
    pub(crate) patience: Patience,
    /// What time it is.
    pub(crate) clock: Clock,
    variables: BTreeMap<String, String>,
    answers: Option<VecDeque<String>>,
    browser: Browser,
    terminal: bool,
    meanwhile: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// What a command wrote and came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Standard output, redacted.
    pub(crate) stdout: String,
    /// Standard error, redacted.
    pub(crate) stderr: String,
    /// The exit code.
    pub(crate) code: u8,
    /// Standard output as it was.
    pub(crate) raw_stdout: String,
}

impl Runner {
    /// A runner with an empty folder, no variables, and nobody to ask.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("runner-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        assert!(fs::create_dir_all(&folder).is_ok(), "{}", folder.display());
        Self {
            folder,
            interrupt: Interrupt::new(),
            patience: Patience::default(),
            clock: Clock::system(),
            variables: BTreeMap::new(),
            answers: None,
            browser: Browser::new(|_| Ok(())),
            terminal: false,
            meanwhile: None,
        }
    }

    /// The program as it was built, as a process with these folders; it hears nobody, and its journals are in
    /// [`Runner::program_journals`].
    pub(crate) fn program(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_exoauth"));
        command
            .args(split(line))
            .current_dir(&self.folder)
            .env("HOME", &self.folder)
            .env("XDG_CONFIG_HOME", self.folder.join("config"))
            .env("XDG_DATA_HOME", self.folder.join("data"))
            .env("XDG_STATE_HOME", self.folder.join("state"))
            .env_remove("EXOAUTH_LOG")
            .stdin(Stdio::null());
        command
    }

    /// Where the program keeps its journals, one folder below those of the command line in memory.
    pub(crate) fn program_journals(&self) -> PathBuf {
        self.folder.join("state/exoauth/runs")
    }

    /// Writes a file into the current folder.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        let path = self.folder.join(path);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text));
        assert!(written.is_ok(), "{}", path.display());
        self
    }

    /// Reads a file of the current folder.
    pub(crate) fn read(&self, path: &str) -> String {
        let text = fs::read_to_string(self.folder.join(path));
        assert!(text.is_ok(), "there is no {path}");
        text.unwrap_or_default()
    }

    /// Sets an environment variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Puts someone at the terminal who answers so.
    pub(crate) fn answering(mut self, answers: &[&str]) -> Self {
        self.answers = Some(answers.iter().map(|answer| (*answer).to_owned()).collect());
        self
    }

    /// Puts someone at the terminal who agrees to everything, after something else has happened.
    pub(crate) fn agreeing_after(mut self, meanwhile: impl Fn() + Send + Sync + 'static) -> Self {
        self.meanwhile = Some(Arc::new(meanwhile));
        self.answering(&["y"])
    }

    /// Opens pages so.
    pub(crate) fn browsing(mut self, browser: Browser) -> Self {
        self.browser = browser;
        self
    }

    /// Makes the streams terminals.
    pub(crate) fn terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// Runs a command line, its words separated by spaces; a word in single quotes may hold some.
    pub(crate) fn run(&self, line: &str) -> Ran {
        let mut words = vec!["exoauth".to_owned()];
        words.extend(split(line));
        self.run_words(words)
    }

    fn run_words(&self, arguments: Vec<String>) -> Ran {
        let (output, error) = (Memory::default(), Memory::default());
        let person = match &self.answers {
            Some(answers) => Person::Script(Arc::new(Mutex::new(answers.clone()))),
            None => Person::Nobody,
        };
        let env = Env {
            arguments,
            variables: self.variables.clone(),
            folder: self.folder.clone(),
            folders: Some(Folders {
                configuration: self.folder.join("configuration"),
                data: self.folder.join("data"),
                state: self.folder.join("state"),
            }),
            output: Output {
                stream: Stream::new(output.clone()),
                terminal: self.terminal,
            },
            error: Output {
                stream: Stream::new(Questions {
                    memory: error.clone(),
                    meanwhile: self.meanwhile.clone(),
                }),
                terminal: self.terminal,
            },
            person,
            clock: self.clock.clone(),
            browser: self.browser.clone(),
            interrupt: self.interrupt.clone(),
            patience: self.patience.clone(),
            signals: false,
            terminated: Arc::default(),
        };
        let code: ExitCode = cli::main(&env);
        let (raw_stdout, raw_stderr) = (output.text(), error.text());
        Ran {
            stdout: redact(&raw_stdout, &self.folder),
            stderr: redact(&raw_stderr, &self.folder),
            code: code.number(),
            raw_stdout,
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // A folder that stays is in the build folder, where it does no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Ran {
    /// Fails unless the command ended with this code.
    #[track_caller]
    pub(crate) fn ends_with(self, code: u8) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Fails unless standard error holds each of the texts.
    #[track_caller]
    pub(crate) fn complains(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.stderr.contains(text),
                "no \"{text}\" in:\n{}",
                self.stderr
            );
        }
        self
    }

    /// Fails unless standard output holds each of the texts.
    #[track_caller]
    pub(crate) fn shows(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.stdout.contains(text),
                "no \"{text}\" in:\n{}",
                self.stdout
            );
        }
        self
    }
}

/// Splits a command line as a shell does, as far as tests need it.
pub(crate) fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for letter in line.chars() {
        match letter {
            '\'' => {
                quoted = !quoted;
                begun = true;
            }
            ' ' if !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            letter => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// A stream that keeps what is written.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream that keeps what is written, and has something happen when a question is asked.
struct Questions {
    memory: Memory,
    meanwhile: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Write for Questions {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(meanwhile) = &self.meanwhile
            && bytes.ends_with(b"? [y/n] ")
        {
            meanwhile();
        }
        self.memory.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_line_is_split_into_words() {
    assert_eq!(
        split("eval 'onprem.get(1)' --input a='b c' ''"),
        ["eval", "onprem.get(1)", "--input", "a=b c", ""]
    );
}

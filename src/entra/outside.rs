//! [`Outside`]: what a sign-in may ask of the world outside, granted by whoever owns the terminal and the files.

use super::error::{Error, ErrorKind, Flow};
use super::token::Token;
use crate::failure::Failure;
use crate::secret::Secret;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::{fmt, mem};
use tokio::sync::{Mutex, MutexGuard};

/// Tells a person what to do.
pub type Ask = Arc<dyn Fn(&Prompt) -> Result<(), Failure> + Send + Sync>;

/// Keeps what [`Memory`] remembers; its text is a secret.
pub type Keep = Arc<dyn Fn(&Secret) -> Result<(), Failure> + Send + Sync>;

/// Looks up an environment variable.
pub type Variable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Reads a file that is a secret; the error says why it cannot be read.
pub type ReadFile = Arc<dyn Fn(&Path) -> Result<Secret, String> + Send + Sync>;

/// Runs a program with arguments and gives its output; the error says why it failed.
pub type RunProgram = Arc<dyn Fn(&[&str]) -> Result<Secret, String> + Send + Sync>;

/// What a person is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// To sign in with a browser on this machine.
    Browser {
        /// The service that it is for, `https://host`.
        service: String,
        /// The page to open.
        address: String,
        /// Why it is asked once more.
        note: Option<String>,
    },
    /// To type a code into a page, on any machine (RFC 8628).
    DeviceCode {
        /// The service that it is for, `https://host`.
        service: String,
        /// The page to open.
        address: String,
        /// The code to type there.
        code: String,
        /// For how many seconds the code is good.
        seconds: u64,
        /// Why it is asked once more.
        note: Option<String>,
    },
}

/// What a sign-in may ask of the world outside; by default nothing, and nobody is there to be asked.
#[derive(Clone)]
pub struct Outside {
    /// Tells a person what to do; absent where there is nobody.
    pub ask: Option<Ask>,
    /// Looks up the variables that name the identity of a machine.
    pub variable: Variable,
    /// Reads the files that those variables name.
    pub read_file: ReadFile,
    /// Runs the Azure CLI.
    pub run_program: RunProgram,
    /// The tokens; shared by all sign-ins that get the same.
    pub memory: Memory,
}

impl Default for Outside {
    fn default() -> Self {
        Self {
            ask: None,
            variable: Arc::new(|_| None),
            read_file: Arc::new(|_| Err("no files may be read".to_owned())),
            run_program: Arc::new(|_| Err("no programs may be run".to_owned())),
            memory: Memory::default(),
        }
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Outside")
            .field("somebody_to_ask", &self.ask.is_some())
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

/// Tokens that were got. A clone shares them; what a person signed in for can be kept beyond this process.
#[derive(Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    keep: Option<Keep>,
}

/// What is in memory.
#[derive(Default)]
pub(super) struct State {
    /// The access tokens, by resource.
    pub(super) tokens: HashMap<String, Token>,
    /// The claims that those were issued for, where some were asked for.
    pub(super) answered: HashMap<String, String>,
    /// The refresh tokens, by sign-in service, tenant and application.
    pub(super) refresh: BTreeMap<String, Secret>,
}

impl State {
    /// Keeps an access token, and for which claims it was issued.
    pub(super) fn insert(&mut self, resource: &str, token: &Token, claims: Option<&str>) {
        self.tokens.insert(resource.to_owned(), token.clone());
        match claims {
            Some(claims) => self.answered.insert(resource.to_owned(), claims.to_owned()),
            None => self.answered.remove(resource),
        };
    }
}

const SCHEMA: &str = "exoauth.sign-in/1";

impl Memory {
    /// A memory that starts with what was kept earlier, and keeps what is added.
    ///
    /// # Errors
    ///
    /// When `text` is not what [`Keep`] was given.
    pub fn kept(text: Option<&Secret>, keep: Keep) -> Result<Self, Error> {
        let refresh = text.map(read).transpose()?.unwrap_or_default();
        let state = State {
            refresh,
            ..State::default()
        };
        Ok(Self {
            state: Arc::new(Mutex::new(state)),
            keep: Some(keep),
        })
    }

    pub(super) async fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().await
    }

    /// Adds a refresh token, and keeps it where that was asked for.
    pub(super) fn remember(
        &self,
        state: &mut State,
        key: String,
        refresh: &Secret,
        flow: Flow,
    ) -> Result<(), Error> {
        let before = state.refresh.insert(key, refresh.clone());
        match &self.keep {
            Some(keep) if before.as_ref() != Some(refresh) => {
                keep(&write(&state.refresh)).map_err(|failure| {
                    let reason = failure.to_string();
                    Error::new(flow, ErrorKind::NotKept { reason })
                })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Memory")
            .field("kept", &self.keep.is_some())
            .finish_non_exhaustive()
    }
}

fn read(text: &Secret) -> Result<BTreeMap<String, Secret>, Error> {
    let unreadable = |reason: &str| {
        let reason = reason.to_owned();
        Error::new(Flow::Kept, ErrorKind::Unreadable { reason })
    };
    let mut json: Json =
        serde_json::from_str(text.expose()).map_err(|_| unreadable("it is not JSON"))?;
    if json["schema"] != SCHEMA {
        return Err(unreadable("it is of another version"));
    }
    let Json::Object(tokens) = json["refresh_tokens"].take() else {
        return Err(unreadable("it has no refresh tokens"));
    };
    let tokens = tokens.into_iter().filter_map(|(key, value)| match value {
        Json::String(token) => Some((key, Secret::new(token))),
        _ => None,
    });
    Ok(tokens.collect())
}

fn write(refresh: &BTreeMap<String, Secret>) -> Secret {
    let tokens: Map<String, Json> = refresh
        .iter()
        .map(|(key, token)| (key.clone(), json!(token.expose())))
        .collect();
    let mut json = json!({"schema": SCHEMA, "refresh_tokens": tokens});
    let text = Secret::new(json.to_string());
    wipe(&mut json);
    text
}

/// Moves the tokens of a JSON value into secrets, whose memory is wiped.
fn wipe(json: &mut Json) {
    if let Some(tokens) = json["refresh_tokens"].as_object_mut() {
        for token in tokens.values_mut() {
            if let Json::String(text) = token {
                drop(Secret::new(mem::take(text)));
            }
        }
    }
}

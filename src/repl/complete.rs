//! What Tab offers, and the hint behind the cursor; [`Knowledge`] is what both know.
//!
//! Everything is computed from the catalog, from the variables of the conversation, and from what the services really
//! answered. Nothing is asked of anybody.

use super::command::{Argument, COMMANDS};
use super::text::{Chain, Kind, Piece, chain, is_of_word, open_brackets, pieces};
use crate::report::clean;
use crate::script::catalog::Function;
use crate::script::{Bundle, Catalog, HANDLES, Host, Inside, cloud_properties};
use crate::subject::Plane;
use crate::value::snake_case;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

/// Words of the language that begin something.
pub(super) const KEYWORDS: [&str; 19] = [
    "let", "const", "fn", "if", "else", "for", "in", "while", "loop", "return", "import", "as",
    "try", "catch", "throw", "switch", "break", "continue", "true",
];

/// What lists, texts and maps can do, the little that people use most.
const OF_LISTS: [&str; 12] = [
    "len()",
    "filter(|each| ...)",
    "map(|each| ...)",
    "contains(value)",
    "push(value)",
    "pop()",
    "find(|each| ...)",
    "some(|each| ...)",
    "all(|each| ...)",
    "sort()",
    "reverse()",
    "is_empty()",
];
const OF_TEXTS: [&str; 10] = [
    "len()",
    "contains(text)",
    "starts_with(text)",
    "ends_with(text)",
    "split(text)",
    "trim()",
    "to_lower()",
    "to_upper()",
    "replace(text, with)",
    "is_empty()",
];
const OF_MAPS: [&str; 5] = [
    "keys()",
    "values()",
    "len()",
    "contains(name)",
    "remove(name)",
];

/// Something that Tab offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is put into the line.
    pub replacement: String,
    /// What is shown: the signature, what it is for.
    pub display: String,
}

/// Lists names, such as those of files that begin so.
pub type Names = Arc<dyn Fn(&str) -> Vec<String> + Send + Sync>;

/// What completion and hints know.
pub struct Knowledge {
    bundle: Bundle,
    catalog: OnceLock<Catalog>,
    host: RwLock<Option<Arc<Host>>>,
    files: Names,
    organizations: Names,
    /// The names and titles of playbooks, read once for each line that is typed.
    playbooks: Mutex<Option<Vec<(String, String)>>>,
}

impl Knowledge {
    /// What is known before anything was typed.
    pub fn new(bundle: Bundle, files: Names, organizations: Names) -> Self {
        Self {
            bundle,
            catalog: OnceLock::new(),
            host: RwLock::new(None),
            files,
            organizations,
            playbooks: Mutex::default(),
        }
    }

    /// Another line is typed: what files hold may have changed.
    pub fn begin_line(&self) {
        *self
            .playbooks
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Speaks of this host from now on.
    pub fn set_host(&self, host: Option<Arc<Host>>) {
        *self.host.write().unwrap_or_else(PoisonError::into_inner) = host;
    }

    /// The functions.
    pub fn catalog(&self) -> &Catalog {
        self.catalog.get_or_init(|| Catalog::of(&self.bundle))
    }

    /// The host that is spoken of.
    pub fn host(&self) -> Option<Arc<Host>> {
        self.host
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn playbooks(&self) -> Vec<(String, String)> {
        let mut known = self
            .playbooks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert_with(|| self.read_playbooks()).clone()
    }

    fn read_playbooks(&self) -> Vec<(String, String)> {
        let listed = self.bundle.playbooks().unwrap_or_default().into_iter();
        let title = |listed: &crate::script::bundle::Listed| {
            listed.playbook.as_ref().map_or_else(
                |stopped| stopped.failure.message.clone(),
                |playbook| playbook.title.clone(),
            )
        };
        listed
            .map(|listed| (listed.name.clone(), title(&listed)))
            .collect()
    }

    /// What can stand at a place of a line: where it begins, and what it can be.
    pub fn complete(&self, line: &str, position: usize) -> (usize, Vec<Candidate>) {
        let before = &line[..position];
        if let Some(command) = before.trim_start().strip_prefix(':') {
            return self.of_command(before, command);
        }
        let pieces = pieces(before);
        if let Some(last) = pieces.last()
            && !last.closed
        {
            return match last.kind {
                Kind::Text => self.in_text(&pieces, last),
                _ => (position, Vec::new()),
            };
        }
        let start = before.rfind(|letter| !is_of_word(letter)).map_or(0, |at| {
            at + before[at..].chars().next().map_or(1, char::len_utf8)
        });
        let typed = &before[start..];
        let context: Vec<Piece> = pieces
            .into_iter()
            .filter(|piece| piece.start < start && piece.kind != Kind::Comment)
            .collect();
        let candidates = match context.split_last() {
            Some((sign, rest)) if sign.text == "." || sign.text == "?." => self.members(rest),
            Some((sign, rest)) if sign.text == "::" => self.of_module(rest),
            _ => self
                .options(&context)
                .unwrap_or_else(|| self.names(!typed.is_empty() || context.is_empty())),
        };
        (start, beginning(typed, candidates))
    }

    /// What to show behind the cursor: the signature of the call that is being written, or what a command does.
    pub fn hint(&self, line: &str, position: usize) -> Option<String> {
        if position < line.len() {
            return None;
        }
        if let Some(command) = line.trim_start().strip_prefix(':') {
            let name = command.split_whitespace().next()?;
            let known = COMMANDS.iter().find(|known| known.name == name)?;
            let rest = command[name.len()..].trim();
            return rest.is_empty().then(|| {
                format!("{} {}", known.takes, known.text)
                    .trim_start()
                    .to_owned()
            });
        }
        let pieces = pieces(line);
        let call = open_brackets(&pieces)
            .into_iter()
            .rev()
            .find(|open| open.round)?;
        let function = self.called(&pieces[..call.at])?;
        Some(function.signature_of(arguments(&pieces[call.at + 1..])))
    }

    /// The function that is called where a round bracket follows these pieces.
    fn called(&self, before: &[Piece]) -> Option<&Function> {
        let (name, rest) = before.split_last()?;
        let find = || self.catalog().find(name.text);
        let (sign, on) = match rest {
            [.., on, sign] => (sign.text, on.text),
            _ => ("", ""),
        };
        let found = match sign {
            "." => find().find(|function| function.receivers.contains(&on)),
            // A module that was not imported yet is most often called as its file is.
            "::" => {
                let module = self.module(on).unwrap_or_else(|| format!("stdlib/{on}"));
                return find().find(|function| function.chapter == module);
            }
            _ => None,
        };
        found.or_else(|| find().next())
    }

    fn of_command(&self, before: &str, command: &str) -> (usize, Vec<Candidate>) {
        let Some((name, rest)) = command.split_once(char::is_whitespace) else {
            let start = before.len() - command.len();
            let commands = COMMANDS.iter().map(|known| Candidate {
                replacement: match known.takes {
                    "" => known.name.to_owned(),
                    _ => format!("{} ", known.name),
                },
                display: format!(":{} {}  {}", known.name, known.takes, known.text),
            });
            return (start, beginning(command, commands.collect()));
        };
        let typed = rest.rsplit(char::is_whitespace).next().unwrap_or_default();
        let start = before.len() - typed.len();
        let first = rest.trim_start() == typed;
        let argument = COMMANDS
            .iter()
            .find(|known| known.name == name)
            .map_or(Argument::Nothing, |known| known.argument);
        let plain = |names: Vec<String>| {
            names
                .into_iter()
                .map(|name| Candidate::plain(&name))
                .collect()
        };
        let candidates = match argument {
            Argument::Function if first => self.everything(),
            Argument::File if first => plain((self.files)(typed)),
            Argument::Organization if first => plain((self.organizations)(typed)),
            Argument::Switch if first => plain(vec!["on".to_owned(), "off".to_owned()]),
            Argument::Playbook if first => {
                let mut candidates: Vec<Candidate> = self
                    .playbooks()
                    .into_iter()
                    .map(|(name, title)| Candidate::with_text(&name, &name, &title))
                    .collect();
                candidates.extend(
                    (self.files)(typed)
                        .iter()
                        .map(|file| Candidate::plain(file)),
                );
                candidates
            }
            Argument::Playbook => {
                self.inputs_of(rest.split_whitespace().next().unwrap_or_default())
            }
            _ => Vec::new(),
        };
        (start, beginning(typed, candidates))
    }

    fn inputs_of(&self, playbook: &str) -> Vec<Candidate> {
        let Ok(playbook) = self.bundle.playbook(playbook) else {
            return Vec::new();
        };
        let inputs = playbook.inputs.iter();
        inputs
            .map(|input| {
                let name = format!("{}=", input.name);
                Candidate::with_text(
                    &name,
                    &name,
                    &format!("{}; {}", input.r#type.takes(), input.text),
                )
            })
            .collect()
    }

    /// Inside a text, only paths of modules and names of playbooks can be known.
    fn in_text(&self, pieces: &[Piece], text: &Piece) -> (usize, Vec<Candidate>) {
        let start = text.start + 1;
        let typed = &text.text[1..];
        let before = |back: usize| {
            let at = pieces.len().checked_sub(back)?;
            pieces.get(at).map(|piece| piece.text)
        };
        let candidates = match (before(3), before(2)) {
            (_, Some("import")) => {
                let modules = self.bundle.modules().unwrap_or_default();
                modules
                    .iter()
                    .map(|module| Candidate::plain(module))
                    .collect()
            }
            (Some("playbook"), Some("(")) => self
                .playbooks()
                .iter()
                .map(|(name, title)| Candidate::with_text(name, name, title))
                .collect(),
            (Some("read_file" | "write_file"), Some("(")) => {
                let files = (self.files)(typed);
                files.iter().map(|file| Candidate::plain(file)).collect()
            }
            _ => self
                .choices(&pieces[..pieces.len() - 1])
                .unwrap_or_default(),
        };
        (start, beginning(typed, candidates))
    }

    /// What can follow a dot.
    fn members(&self, before: &[Piece]) -> Vec<Candidate> {
        let Some(chain) = chain(before) else {
            return Vec::new();
        };
        let host = self.host();
        if let Some(host) = &host
            && chain.call.is_none()
            && let Some((kind, properties)) = host.inspect(chain.base, &chain.path)
        {
            return self.of_kind(kind, &properties);
        }
        if let Some(function) = chain.call {
            return self.of_answer(host.as_deref(), &chain, function);
        }
        if chain.path.is_empty() && HANDLES.iter().any(|handle| handle.name == chain.base) {
            return self.of_handle(host.as_deref(), chain.base);
        }
        match elements(before, chain.base) {
            Some(list) => {
                let path = [Inside::Item].into_iter().chain(chain.path).collect();
                self.of_list_item(host.as_deref(), &list, path)
            }
            None => Vec::new(),
        }
    }

    fn of_kind(&self, kind: &str, properties: &[String]) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = properties
            .iter()
            .map(|name| Candidate::plain(name))
            .collect();
        let methods: &[&str] = match kind {
            "a list" => &OF_LISTS,
            "a text" => &OF_TEXTS,
            _ if kind.starts_with("a map") && properties.is_empty() => &OF_MAPS,
            "an Exchange organization" => return self.functions_on(&["onprem", "online"]),
            "the directory" => return self.functions_on(&["entra"]),
            _ => &[],
        };
        candidates.extend(methods.iter().map(|method| Candidate::of_method(method)));
        candidates
    }

    fn of_handle(&self, host: Option<&Host>, handle: &str) -> Vec<Candidate> {
        let mut candidates = self.functions_on(&[handle]);
        let properties: Vec<String> = match (handle, host) {
            ("cloud", _) => cloud_properties().map(str::to_owned).collect(),
            ("inputs", Some(host)) => host.input_names(),
            _ => Vec::new(),
        };
        candidates.extend(properties.iter().map(|name| Candidate::plain(name)));
        candidates
    }

    /// The functions that can be called on handles; one that exists on one of them only says so.
    fn functions_on(&self, handles: &[&str]) -> Vec<Candidate> {
        let functions = self.catalog().functions.iter();
        let mut seen = BTreeSet::new();
        functions
            .filter(|function| {
                handles
                    .iter()
                    .any(|handle| function.receivers.contains(handle))
            })
            .filter(|function| seen.insert((function.name.as_str(), function.arguments.len())))
            .map(Candidate::of_function)
            .collect()
    }

    /// The properties that a service really sent when a function was called before; a list has to be opened first.
    fn of_answer(&self, host: Option<&Host>, chain: &Chain, name: &str) -> Vec<Candidate> {
        let plane = match chain.base {
            "onprem" => Plane::OnPremises,
            "online" => Plane::ExchangeOnline,
            _ => Plane::Entra,
        };
        let Some(function) = self.catalog().find(name).next() else {
            return Vec::new();
        };
        if function.gives == "a list" && chain.path.is_empty() {
            return self.of_kind("a list", &[]);
        }
        let noun = function.cmdlet.and_then(|cmdlet| cmdlet.split_once('-'));
        let (Some(host), Some((_, noun))) = (host, noun) else {
            return Vec::new();
        };
        let seen = host.session().properties_of(plane, noun);
        let seen: Vec<String> = seen.iter().map(|name| snake_case(name)).collect();
        self.of_kind("a map", &seen)
    }

    fn of_list_item(&self, host: Option<&Host>, list: &Chain, path: Vec<Inside>) -> Vec<Candidate> {
        let path = list.path.iter().cloned().chain(path).collect::<Vec<_>>();
        let list = Chain {
            path,
            ..list.clone()
        };
        match list.call {
            Some(function) => self.of_answer(host, &list, function),
            None => host
                .and_then(|host| host.inspect(list.base, &list.path))
                .map_or_else(Vec::new, |(kind, properties)| {
                    self.of_kind(kind, &properties)
                }),
        }
    }

    /// The functions of a module, by the alias it was imported under.
    fn of_module(&self, before: &[Piece]) -> Vec<Candidate> {
        let Some(alias) = before.last() else {
            return Vec::new();
        };
        let module = self.module(alias.text);
        let functions = self.catalog().functions.iter();
        functions
            .filter(|function| function.is_library())
            .filter(|function| Some(&function.chapter) == module.as_ref())
            .map(Candidate::of_function)
            .collect()
    }

    /// The module that was imported under an alias.
    fn module(&self, alias: &str) -> Option<String> {
        let imports = self.host()?.imports();
        let (_, path) = imports.into_iter().find(|(known, _)| known == alias)?;
        Some(path.trim_start_matches("std:").to_owned())
    }

    /// The function whose option map is open at the end, and the place of the map.
    fn with_options(&self, context: &[Piece]) -> Option<(&Function, usize)> {
        let open = open_brackets(context);
        let (map, outside) = open.split_last()?;
        let call = outside.last().filter(|open| open.round && map.map)?;
        let function = self.called(&context[..call.at])?;
        let wanted = self
            .catalog()
            .find(&function.name)
            .filter(|other| other.chapter == function.chapter)
            .find(|function| !function.options.is_empty())?;
        Some((wanted, map.at))
    }

    /// The texts that an option takes, where its value is begun: `type: "`.
    fn choices(&self, context: &[Piece]) -> Option<Vec<Candidate>> {
        let (wanted, _) = self.with_options(context)?;
        let [.., key, colon] = context else {
            return None;
        };
        let field = wanted
            .options
            .iter()
            .find(|field| field.name == key.text && colon.text == ":")?;
        let choices = field.takes.strip_prefix("one of ")?;
        let words = choices.split('"').skip(1).step_by(2);
        Some(words.map(Candidate::plain).collect())
    }

    /// The keys of the options of the function whose map is open at the end.
    fn options(&self, context: &[Piece]) -> Option<Vec<Candidate>> {
        let (wanted, map) = self.with_options(context)?;
        let last = context.last()?;
        if !(last.text == "," || last.text == "#{") {
            return None;
        }
        let given: BTreeSet<&str> = context[map..]
            .windows(2)
            .filter(|pair| pair[1].text == ":")
            .map(|pair| pair[0].text)
            .collect();
        let fields = wanted
            .options
            .iter()
            .filter(|field| !given.contains(&*field.name));
        Some(
            fields
                .map(|field| {
                    let must = if field.required {
                        "must be given: "
                    } else {
                        ""
                    };
                    let name = format!("{}: ", field.name);
                    let meaning = field.text.trim_end_matches('.');
                    let text = format!("{must}{meaning} ({})", field.takes);
                    Candidate::with_text(&name, &field.name, &text)
                })
                .collect(),
        )
    }

    /// What can begin an expression; words of the language too, where that is asked for.
    fn names(&self, keywords: bool) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = Vec::new();
        if let Some(host) = self.host() {
            let variables = host.describe_variables();
            candidates.extend(variables.iter().map(|variable| {
                Candidate::with_text(&variable.name, &variable.name, &variable.describe())
            }));
            candidates.extend(host.functions().iter().map(|(name, signature)| Candidate {
                replacement: format!("{name}("),
                display: signature.clone(),
            }));
            candidates.extend(
                host.imports()
                    .iter()
                    .map(|(alias, path)| Candidate::with_text(&format!("{alias}::"), alias, path)),
            );
        }
        let handles = HANDLES.iter();
        candidates.extend(
            handles.map(|handle| Candidate::with_text(handle.name, handle.name, handle.text)),
        );
        let functions = self.catalog().functions.iter();
        candidates.extend(
            functions
                .filter(|function| function.receivers.is_empty())
                .map(Candidate::of_function),
        );
        if keywords {
            candidates.extend(KEYWORDS.map(Candidate::plain));
        }
        candidates
    }

    /// All that `:help` knows.
    fn everything(&self) -> Vec<Candidate> {
        let mut seen = BTreeSet::new();
        let functions = self.catalog().functions.iter();
        let functions = functions
            .filter(|function| seen.insert(function.name.as_str()))
            .map(|function| {
                Candidate::with_text(&function.name, &function.signature(), function.summary())
            });
        let mut candidates: Vec<Candidate> = functions.collect();
        candidates.extend(COMMANDS.iter().map(|known| {
            let name = format!(":{}", known.name);
            Candidate::with_text(&name, &name, known.text)
        }));
        candidates
    }
}

impl Candidate {
    fn plain(name: &str) -> Self {
        Self {
            replacement: name.to_owned(),
            display: clean(name),
        }
    }

    fn with_text(replacement: &str, shown: &str, text: &str) -> Self {
        Self {
            replacement: replacement.to_owned(),
            display: format!("{}  {}", clean(shown), clean(text))
                .trim_end()
                .to_owned(),
        }
    }

    fn of_method(signature: &str) -> Self {
        let name = signature.split('(').next().unwrap_or(signature);
        let end = if signature.ends_with("()") { "()" } else { "(" };
        Self {
            replacement: format!("{name}{end}"),
            display: signature.to_owned(),
        }
    }

    fn of_function(function: &Function) -> Self {
        let end = if function.arguments.is_empty() {
            "()"
        } else {
            "("
        };
        let signature = function.signature();
        let on = match (function.is_library(), function.receivers.is_empty()) {
            (true, _) => signature.find("::").map_or(0, |at| at + 2),
            (false, true) => 0,
            (false, false) => signature.find('.').map_or(0, |at| at + 1),
        };
        Self {
            replacement: format!("{}{end}", function.name),
            display: format!("{}  {}", &signature[on..], function.summary()),
        }
    }
}

/// The candidates that begin with what was typed, each once.
fn beginning(typed: &str, candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut seen = BTreeSet::new();
    candidates
        .into_iter()
        .filter(|candidate| candidate.replacement.starts_with(typed))
        .filter(|candidate| seen.insert(candidate.display.clone()))
        .collect()
}

/// How many arguments are begun behind an open bracket.
fn arguments(behind: &[Piece]) -> usize {
    let mut depth = 0_usize;
    let mut commas = 0;
    for piece in behind.iter().filter(|piece| piece.kind == Kind::Sign) {
        match piece.text {
            "(" | "[" | "{" | "#{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "," if depth == 0 => commas += 1,
            _ => {}
        }
    }
    match behind.is_empty() {
        true => 0,
        false => commas + 1,
    }
}

/// The list that a name goes through, in `for name in list` and `list.filter(|name| ...)`.
fn elements<'line>(before: &[Piece<'line>], name: &str) -> Option<Chain<'line>> {
    for at in (0..before.len()).rev() {
        let text = |offset: usize| before.get(at + offset).map(|piece| piece.text);
        let is_parameter = text(0) == Some("|") && text(1) == Some(name) && text(2) == Some("|");
        if is_parameter && at >= 3 && before[at - 1].text == "(" && before[at - 3].text == "." {
            return chain(&before[..at - 3]);
        }
        if text(0) == Some("for") && text(1) == Some(name) && text(2) == Some("in") {
            let list = &before[at + 3..];
            let end = list.iter().position(|piece| piece.text == "{")?;
            return chain(&list[..end]);
        }
    }
    None
}

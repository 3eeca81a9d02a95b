//! What begins with a colon: [`Command`], and the table of all commands for help and completion.

use crate::failure::Failure;
use crate::words::nearest;

/// What a command takes, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Nothing, or something that cannot be known.
    Nothing,
    /// A function.
    Function,
    /// A file.
    File,
    /// An organization.
    Organization,
    /// `on` or `off`.
    Switch,
    /// A playbook and its inputs.
    Playbook,
}

/// A row of the table of commands.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The name, without the colon.
    pub name: &'static str,
    /// What it takes, as shown to people.
    pub takes: &'static str,
    /// The kind of its argument.
    pub argument: Argument,
    /// What it does.
    pub text: &'static str,
}

const fn known(
    name: &'static str,
    takes: &'static str,
    argument: Argument,
    text: &'static str,
) -> Known {
    Known {
        name,
        takes,
        argument,
        text,
    }
}

/// All commands, in the order of `:help`.
pub const COMMANDS: &[Known] = &[
    known(
        "help",
        "[NAME]",
        Argument::Function,
        "explains a function or a command, or lists them",
    ),
    known(
        "vars",
        "",
        Argument::Nothing,
        "shows the variables and functions of this conversation",
    ),
    known(
        "ask",
        "",
        Argument::Nothing,
        "a line that writes is planned, shown and asked for; so it begins",
    ),
    known(
        "plan",
        "",
        Argument::Nothing,
        "a line that writes is planned and shown, and never applied",
    ),
    known(
        "apply",
        "",
        Argument::Nothing,
        "a line that writes is applied without asking",
    ),
    known("json", "", Argument::Nothing, "shows values as JSON"),
    known(
        "table",
        "",
        Argument::Nothing,
        "shows values as tables and property lists; so it begins",
    ),
    known(
        "raw",
        "",
        Argument::Nothing,
        "shows values whole, as scripts write them",
    ),
    known(
        "trace",
        "on|off",
        Argument::Switch,
        "shows what is sent and received, without secrets",
    ),
    known(
        "time",
        "",
        Argument::Nothing,
        "shows time and requests of the last line",
    ),
    known(
        "journal",
        "",
        Argument::Nothing,
        "shows where the changes of this conversation are recorded",
    ),
    known(
        "load",
        "FILE",
        Argument::File,
        "evaluates the lines of a file",
    ),
    known(
        "edit",
        "[PLAYBOOK]",
        Argument::Playbook,
        "opens the last line in $VISUAL or $EDITOR and evaluates it; or a playbook of your own",
    ),
    known(
        "run",
        "PLAYBOOK [NAME=VALUE]",
        Argument::Playbook,
        "runs a playbook: plans, shows, asks, applies",
    ),
    known(
        "save",
        "FILE",
        Argument::File,
        "writes the lines so far as a playbook",
    ),
    known(
        "org",
        "[NAME|FILE]",
        Argument::Organization,
        "goes to another organization, or back to the lab",
    ),
    known(
        "reset",
        "",
        Argument::Nothing,
        "starts anew; on the lab, with a fresh lab",
    ),
    known("clear", "", Argument::Nothing, "clears the window"),
    known("quit", "", Argument::Nothing, "leaves, as Ctrl-D does"),
];

/// What the person wants to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Help, about something or in general.
    Help(Option<String>),
    /// The variables.
    Vars,
    /// What is done with lines that write.
    Writes(Writes),
    /// How values are shown.
    Show(Format),
    /// Whether requests are shown.
    Trace(bool),
    /// Time and requests of the last line.
    Time,
    /// The journal.
    Journal,
    /// Evaluates a file.
    Load(String),
    /// Edits the last line, or a playbook.
    Edit(Option<String>),
    /// Runs a playbook with inputs.
    Run(String, Vec<String>),
    /// Saves the lines.
    Save(String),
    /// Goes to another organization; the lab if none is named.
    Organization(Option<String>),
    /// Starts anew.
    Reset,
    /// Clears the window.
    Clear,
    /// Leaves.
    Quit,
}

/// What is done with a line that writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writes {
    /// It is planned, shown, asked for, and applied.
    #[default]
    Ask,
    /// It is planned and shown.
    Plan,
    /// It is applied.
    Apply,
}

/// How values are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As tables and property lists.
    #[default]
    Table,
    /// As JSON.
    Json,
    /// Whole, as scripts write them.
    Raw,
}

impl Command {
    /// Reads what follows the colon.
    ///
    /// # Errors
    ///
    /// Kind `Input`, when there is no such command, or it takes something else.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let mut words = text.split_whitespace();
        let name = match words.next().unwrap_or_default() {
            "exit" | "q" => "quit",
            "?" | "h" => "help",
            "cls" => "clear",
            name => name,
        };
        let known = COMMANDS.iter().find(|known| known.name == name);
        let known = known.ok_or_else(|| no_such(name))?;
        let arguments: Vec<&str> = words.collect();
        let argument = arguments.first().map(|word| (*word).to_owned());
        let most = match known.argument {
            Argument::Playbook if name == "run" => usize::MAX,
            Argument::Nothing => 0,
            _ => 1,
        };
        if arguments.len() > most {
            return Err(takes(known));
        }
        let needed = || argument.clone().ok_or_else(|| takes(known));
        Ok(match name {
            "help" => Self::Help(argument),
            "vars" => Self::Vars,
            "ask" => Self::Writes(Writes::Ask),
            "plan" => Self::Writes(Writes::Plan),
            "apply" => Self::Writes(Writes::Apply),
            "json" => Self::Show(Format::Json),
            "table" => Self::Show(Format::Table),
            "raw" => Self::Show(Format::Raw),
            "trace" => match argument.as_deref() {
                Some("on") => Self::Trace(true),
                Some("off") => Self::Trace(false),
                _ => return Err(takes(known)),
            },
            "time" => Self::Time,
            "journal" => Self::Journal,
            "load" => Self::Load(needed()?),
            "edit" => Self::Edit(argument),
            "run" => Self::Run(
                needed()?,
                arguments[1..]
                    .iter()
                    .map(|word| (*word).to_owned())
                    .collect(),
            ),
            "save" => Self::Save(needed()?),
            "org" => Self::Organization(argument),
            "reset" => Self::Reset,
            "clear" => Self::Clear,
            _ => Self::Quit,
        })
    }

    /// The command that a whole line means that has no colon before it, as people write in other shells: `exit`,
    /// `help get_mailbox`, `get_mailbox?`.
    pub fn in_plain_words(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        match (words.next()?, words.next(), words.next()) {
            ("exit" | "quit", None, _) => Some(Self::Quit),
            ("clear" | "cls", None, _) => Some(Self::Clear),
            ("help" | "?", about, None) => Some(Self::Help(about.map(str::to_owned))),
            (word, None, _) => {
                let name = word.strip_suffix('?')?;
                let of_name = |letter: char| letter.is_alphanumeric() || "_.:".contains(letter);
                name.chars()
                    .all(of_name)
                    .then(|| Self::Help(Some(name.to_owned())))
            }
            _ => None,
        }
    }
}

/// Commands of the program that one looks for at the prompt.
const OUTSIDE: [&str; 14] = [
    "undo", "resume", "fork", "diff", "check", "whoami", "login", "logout", "list", "show", "docs",
    "verify", "clouds", "lab",
];

/// What to say of a line that is meant for the shell, such as `exoauth run verify`.
pub(super) fn of_the_shell(line: &str) -> Option<Failure> {
    let mut words = line.split_whitespace();
    let ("exoauth", name) = (words.next()?, words.next()?) else {
        return None;
    };
    let here = COMMANDS.iter().find(|known| known.name == name);
    Some(match here {
        Some(known) => Failure::input("this is the prompt of exoauth already")
            .with_hint(format!("write :{} {}", known.name, known.takes).trim_end()),
        None => no_such(name),
    })
}

fn no_such(name: &str) -> Failure {
    if OUTSIDE.contains(&name) {
        let message = format!("there is no command :{name} at the prompt");
        return Failure::input(message)
            .with_hint(format!("leave with Ctrl-D and write: exoauth {name}"));
    }
    let failure = Failure::input(format!("there is no command :{name}"));
    match nearest(name, COMMANDS.iter().map(|known| known.name)) {
        Some(near) => failure.with_hint(format!("did you mean :{near}?")),
        None => failure.with_hint(":help lists the commands"),
    }
}

fn takes(known: &Known) -> Failure {
    let line = format!(":{} {}", known.name, known.takes);
    let message = format!("the command is written {}", line.trim_end());
    Failure::input(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Command, String> {
        Command::parse(text).map_err(|failure| failure.to_string())
    }

    #[test]
    fn every_command_of_the_table_is_understood() {
        for known in COMMANDS {
            let argument = match known.argument {
                Argument::Nothing => "",
                Argument::Switch => " on",
                _ => " a",
            };
            let parsed = parse(&format!("{}{argument}", known.name));
            assert!(parsed.is_ok(), "{}: {parsed:?}", known.name);
            let quits = parsed == Ok(Command::Quit);
            assert_eq!(quits, known.name == "quit", "{}", known.name);
        }
    }

    #[test]
    fn what_other_shells_understand_is_understood() {
        let plain = Command::in_plain_words;
        let help = |about: &str| Some(Command::Help(Some(about.to_owned())));
        assert_eq!(plain("exit"), Some(Command::Quit));
        assert_eq!(plain("cls"), Some(Command::Clear));
        assert_eq!(plain("?"), Some(Command::Help(None)));
        assert_eq!(plain("help get_mailbox"), help("get_mailbox"));
        assert_eq!(plain("onprem.get_mailbox?"), help("onprem.get_mailbox"));
        for line in ["exit + 1", "help me please", "x", "a ?? b", "f(\"why?\")"] {
            assert_eq!(plain(line), None, "{line}");
        }
        assert_eq!(parse("q"), Ok(Command::Quit));
        assert_eq!(
            Command::parse("undo x").unwrap_err().hint.as_deref(),
            Some("leave with Ctrl-D and write: exoauth undo")
        );
        let hint = |line| of_the_shell(line).and_then(|failure| failure.hint);
        assert_eq!(
            hint("exoauth run verify").as_deref(),
            Some("write :run PLAYBOOK [NAME=VALUE]")
        );
        assert_eq!(
            hint("exoauth list").as_deref(),
            Some("leave with Ctrl-D and write: exoauth list")
        );
        assert_eq!(hint("let exoauth = 1"), None);
    }

    #[test]
    fn what_is_wrong_with_a_command_is_said() {
        let unknown = Command::parse("runn x").unwrap_err();
        assert_eq!(
            (unknown.message.as_str(), unknown.hint.as_deref()),
            ("there is no command :runn", Some("did you mean :run?"))
        );
        assert_eq!(
            parse("trace maybe"),
            Err("the command is written :trace on|off".to_owned())
        );
        assert_eq!(
            parse("time flies"),
            Err("the command is written :time".to_owned())
        );
    }
}

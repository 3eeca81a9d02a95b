//! [`Args`]: what was typed.

use clap::{Parser, Subcommand, ValueEnum};

/// Makes an on-premises Exchange organization and Exchange Online trust each other by OAuth.
///
/// Without --org, everything is done to the lab: a simulated organization inside this program, where nothing real is
/// touched.
#[derive(Debug, Parser)]
#[command(name = "exoauth", version)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How results are written.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Writes the log of this level to standard error, such as debug or exoauth=trace; the variable EXOAUTH_LOG does the same.
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log: Option<String>,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs a playbook: shows what it would change, asks, and changes it.
    Run(Run),
    /// Verifies the trust in both directions; the same as `run verify`.
    Verify(Verify),
    /// Lists the playbooks.
    List,
    /// Shows a playbook: what it is for, what it asks for, its steps.
    Show(Show),
    /// Copies a playbook or library file into the user's own folder, where it takes the place of the shipped one.
    Fork(Fork),
    /// Shows what a fork changed against the shipped file.
    Diff(Diff),
    /// Looks for mistakes in playbooks and library files; runs nothing and asks no service.
    Check(Check),
    /// Shows the reference of the functions that scripts can call.
    Docs(Docs),
    /// Writes what an editor needs to complete and explain functions: files that end in .d.rhai.
    Definitions(Definitions),
    /// Evaluates one expression, such as 'onprem.get_auth_config()', and prints its value.
    Eval(Eval),
    /// Opens a prompt for scripts: explores an organization, and changes it after showing and asking.
    Repl(Repl),
    /// Serves the lab until stopped, and writes an organization file for it.
    Lab(Lab),
    /// Shows the addresses of each Microsoft cloud.
    Clouds(Clouds),
    /// Signs in to the cloud and keeps that for later commands.
    Login(Which),
    /// Removes what login kept.
    Logout(Logout),
    /// Signs in to the cloud and shows as whom: tenant, account, roles, scopes and expiry.
    Whoami(Which),
    /// Shows the records of earlier runs.
    Journal(Journal),
    /// Takes a run back.
    Undo(Undo),
    /// Goes on with a run that did not come to its end.
    Resume(Resume),
    /// Prints what a shell needs to complete this command line.
    Completions(Completions),
    /// Prints the manual page, of the program or of one command, for man.
    Man(Man),
}

impl Command {
    /// Whether it speaks to services, or is one.
    pub fn connects(&self) -> bool {
        match self {
            Self::Run(_)
            | Self::Verify(_)
            | Self::Eval(_)
            | Self::Repl(_)
            | Self::Lab(_)
            | Self::Login(_)
            | Self::Whoami(_)
            | Self::Undo(_)
            | Self::Resume(_) => true,
            Self::Clouds(asked) => asked.command.is_some(),
            Self::List
            | Self::Show(_)
            | Self::Fork(_)
            | Self::Diff(_)
            | Self::Check(_)
            | Self::Docs(_)
            | Self::Definitions(_)
            | Self::Logout(_)
            | Self::Journal(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
        }
    }
}

/// Which organization.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Where {
    /// The organization: a name in the user's configuration folder, or the path of a file; the lab if left out. Given
    /// several times, run and verify work on several, side by side.
    #[arg(long, value_name = "NAME|PATH", conflicts_with_all = SIMULATED)]
    pub org: Vec<String>,
    /// The cloud of the organization, in place of the one that its file names; without --org, the one that the lab speaks
    /// as.
    #[arg(long, value_name = "CLOUD")]
    pub cloud: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for help")]
    pub simulated: Simulated,
    /// An input of the playbook.
    #[arg(long, value_name = "NAME=VALUE")]
    pub input: Vec<String>,
    /// Shows for each change the cmdlet or REST call that it is.
    #[arg(long)]
    pub explain: bool,
}

/// The options that only the lab has.
const SIMULATED: [&str; 4] = ["as_of", "scenario", "fault", "rules"];

/// How the lab is to be.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Simulated {
    /// The day that it is in the lab, such as 2027-04-01: Exchange Online asks for what it asks for by then.
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<String>,
    /// What is the matter with the organization of the lab, for as many as are named; exoauth lab --scenarios lists them.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub scenario: Vec<String>,
    /// What goes wrong with a request to the lab, for as many as are named: with the first request to which it can happen,
    /// or with the nth of these; exoauth lab --faults lists them.
    #[arg(long, value_name = "NAME[@N]", value_delimiter = ',')]
    pub fault: Vec<String>,
    /// What --as-of has taken the place of.
    #[arg(long, value_name = "RULES", hide = true)]
    pub rules: Option<String>,
}

/// Which organization, where nothing is run.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Which {
    /// The organization: a name in the user's configuration folder, or the path of a file; the lab if left out.
    #[arg(long, value_name = "NAME|PATH")]
    pub org: Option<String>,
    /// The cloud of the organization, in place of the one that its file names.
    #[arg(long, value_name = "CLOUD")]
    pub cloud: Option<String>,
}

impl From<Which> for Where {
    fn from(which: Which) -> Self {
        Self {
            org: which.org.into_iter().collect(),
            cloud: which.cloud,
            ..Self::default()
        }
    }
}

/// Several organizations.
#[derive(Clone, Debug, clap::Args)]
pub struct Several {
    /// The organizations of all files in this folder that end in .toml, besides those that --org names.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = SIMULATED)]
    pub org_dir: Option<String>,
    /// How many organizations are worked on at a time.
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub parallel: u16,
}

impl Default for Several {
    fn default() -> Self {
        Self {
            org_dir: None,
            parallel: 1,
        }
    }
}

/// Verifies the trust.
#[derive(Clone, Debug, clap::Args)]
pub struct Verify {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for help")]
    pub place: Where,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for help")]
    pub several: Several,
    /// Verifies again and again, every 15 minutes or as often as is said (30s, 15m, 6h, 1d), until it is stopped; the exit
    /// code is that of the last verification.
    #[arg(long, value_name = "EVERY", num_args = 0..=1, default_missing_value = "15m")]
    pub watch: Option<String>,
}

/// Removes what login kept.
#[derive(Clone, Debug, clap::Args)]
pub struct Logout {
    /// The organization: a name in the user's configuration folder, or the path of a file.
    #[arg(long, value_name = "NAME|PATH")]
    pub org: String,
}

/// Shows the clouds.
#[derive(Clone, Debug, clap::Args)]
pub struct Clouds {
    /// What to do instead.
    #[command(subcommand)]
    pub command: Option<CloudsCommand>,
}

/// What can be done with clouds.
#[derive(Clone, Debug, Subcommand)]
pub enum CloudsCommand {
    /// Asks the services of a cloud for their addresses, and prints them as keys for the organization file.
    Probe(Probe),
}

/// Asks a cloud for its addresses.
#[derive(Clone, Debug, clap::Args)]
pub struct Probe {
    /// The address of its Exchange Online or of its sign-in service, such as https://outlook.example.
    pub url: String,
    /// The initial domain or the identifier of a tenant there, to look for its metadata documents.
    #[arg(long, value_name = "DOMAIN")]
    pub tenant: Option<String>,
    /// A file with certificate authorities to trust besides the system's.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<String>,
}

/// Runs a playbook.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Run {
    /// The name of a playbook, see `exoauth list`, or the path of a file.
    #[arg(value_name = "PLAYBOOK|FILE")]
    pub playbook: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for help")]
    pub place: Where,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for help")]
    pub several: Several,
    /// Only shows what would change; sends nothing that writes.
    #[arg(long, visible_alias = "dry-run", conflicts_with = "apply")]
    pub plan: bool,
    /// Changes it without asking.
    #[arg(long)]
    pub apply: bool,
    /// With --plan: ends with exit code 3 when there are changes.
    #[arg(long, requires = "plan")]
    pub exit_code: bool,
    /// Writes the plan as the PowerShell that would do the same, and applies nothing: FILE-exchange.ps1 for the Exchange
    /// Management Shell and FILE-cloud.ps1 for Exchange Online and Microsoft Graph PowerShell, both with -WhatIf.
    #[arg(long, num_args = 2, value_names = ["powershell", "FILE"], conflicts_with = "apply")]
    pub emit: Vec<String>,
    /// Asks before each step that changes something, instead of once.
    #[arg(long, conflicts_with_all = ["plan", "apply", "emit"])]
    pub step: bool,
    /// Runs this step alone, by its id or the name of its playbook; can be given several times. The words onprem and cloud
    /// stand for what is done on that side: nothing is sent to the other.
    #[arg(long, value_name = "STEP|onprem|cloud")]
    pub only: Vec<String>,
    /// With --only onprem or --only cloud: the file through which the two halves tell each other what they need to know.
    /// It is read if it is there, and written at the end.
    #[arg(long, value_name = "FILE")]
    pub hand_over: Option<String>,
    /// Skips the steps before this one, by its id or the name of its playbook.
    #[arg(long, value_name = "STEP", conflicts_with = "only")]
    pub start_at: Option<String>,
}

/// Shows a playbook.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The name of a playbook, or the path of a file.
    #[arg(value_name = "NAME|FILE")]
    pub playbook: String,
    /// Prints its text.
    #[arg(long)]
    pub source: bool,
}

/// Copies a playbook or library file.
#[derive(Debug, clap::Args)]
pub struct Fork {
    /// The name of a playbook, such as 07-connector-online, or of a library file, such as stdlib/connectors.
    pub name: String,
}

/// Shows what a fork changed.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// The name of a playbook or library file that was forked.
    pub name: String,
}

/// Looks for mistakes.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Files, or names of playbooks and library files.
    #[arg(value_name = "FILE|NAME", required = true)]
    pub files: Vec<String>,
    /// Ends with exit code 2 for warnings too.
    #[arg(long)]
    pub strict: bool,
}

/// Shows the reference.
#[derive(Debug, clap::Args)]
pub struct Docs {
    /// A function, such as new_auth_server, or a chapter, such as stdlib/connectors; the list of all if left out.
    pub name: Option<String>,
    /// Writes the whole reference, with the playbooks, as one HTML page.
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    pub html: Option<String>,
}

/// Writes what an editor needs.
#[derive(Debug, clap::Args)]
pub struct Definitions {
    /// The folder to write into; it is made where it is missing.
    #[arg(value_name = "FOLDER")]
    pub folder: String,
}

/// Prints completions.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Prints the manual page.
#[derive(Debug, clap::Args)]
pub struct Man {
    /// A command, such as run.
    pub command: Option<String>,
}

/// Evaluates an expression.
#[derive(Debug, clap::Args)]
pub struct Eval {
    /// The expression, such as 'onprem.get_auth_config()'.
    pub expression: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for help")]
    pub place: Where,
    /// Sends what writes; without it, writes are only predicted.
    #[arg(long)]
    pub apply: bool,
}

/// Opens a prompt.
#[derive(Debug, clap::Args)]
pub struct Repl {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for help")]
    pub place: Site,
}

/// Which organization, where no playbook is named.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Site {
    /// The organization: a name in the user's configuration folder, or the path of a file; the lab if left out.
    #[arg(long, value_name = "NAME|PATH", conflicts_with_all = SIMULATED)]
    pub org: Option<String>,
    /// The cloud that the lab speaks as.
    #[arg(long, value_name = "CLOUD", conflicts_with = "org")]
    pub cloud: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for help")]
    pub simulated: Simulated,
}

/// Serves the lab.
#[derive(Debug, clap::Args)]
pub struct Lab {
    /// The cloud that it speaks as.
    #[arg(long, value_name = "CLOUD")]
    pub cloud: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for help")]
    pub simulated: Simulated,
    /// Lists what can be the matter with its organization, and serves nothing.
    #[arg(long)]
    pub scenarios: bool,
    /// Lists what can go wrong with requests to it, and serves nothing.
    #[arg(long, conflicts_with = "scenarios")]
    pub faults: bool,
    /// How its organization file says to sign in to the on-premises servers: basic, over TLS; or negotiate or ntlm, over
    /// plain HTTP with sealed messages.
    #[arg(long, value_name = "AUTH")]
    pub auth: Option<String>,
    /// The folder for the organization file and the certificate authority; one in the user's state folder if left out.
    #[arg(long, value_name = "FOLDER")]
    pub write: Option<String>,
}

/// Shows the records of earlier runs.
#[derive(Debug, clap::Args)]
pub struct Journal {
    /// A run, or the start of its name; all runs if left out.
    pub run: Option<String>,
}

/// Takes a run back: removes what it made, gives what it changed its former values, makes again what it removed.
///
/// What others added since stays, and what others changed since is refused, with the difference.
#[derive(Debug, clap::Args)]
pub struct Undo {
    /// A run, or the start of its name; see `exoauth journal`.
    pub run: String,
    /// Only shows what would change; sends nothing that writes.
    #[arg(long, conflicts_with = "apply")]
    pub plan: bool,
    /// Changes it without asking.
    #[arg(long)]
    pub apply: bool,
    /// Shows for each change the cmdlet or REST call that it is.
    #[arg(long)]
    pub explain: bool,
}

/// Goes on with a run that did not come to its end: runs its playbook with its inputs again.
#[derive(Debug, clap::Args)]
pub struct Resume {
    /// A run, or the start of its name; the last one, if it did not come to its end, if left out.
    pub run: Option<String>,
    /// Only shows what would change; sends nothing that writes.
    #[arg(long, conflicts_with = "apply")]
    pub plan: bool,
    /// Changes it without asking.
    #[arg(long)]
    pub apply: bool,
    /// An input that the journal does not keep because its name says that it is secret.
    #[arg(long, value_name = "NAME=VALUE")]
    pub input: Vec<String>,
    /// Shows for each change the cmdlet or REST call that it is.
    #[arg(long)]
    pub explain: bool,
}

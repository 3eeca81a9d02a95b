//! The text of one script: its head, its sections, its commands.

mod directory;

use super::quote::{bytes_of, cmdlet, parameter, quoted, remark, seen, value};
use super::{About, Item};
use crate::cloud::CloudName;
use crate::failure::Failure;
use crate::report::Paint;
use crate::report::plan;
use crate::session::Request;
use crate::session::event::StepOutcome;
use crate::session::plan::Change;
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use crate::words::count;

/// A command that would be longer is written with a table of its parameters.
const LONGEST: usize = 110;

/// Which of the two scripts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    /// The Exchange Management Shell.
    Exchange,
    /// Exchange Online PowerShell and Microsoft Graph PowerShell.
    Cloud,
}

impl Shell {
    fn runs(self, plane: Plane) -> bool {
        (plane == Plane::OnPremises) == (self == Self::Exchange)
    }
}

/// Writes one of the two scripts.
pub(super) fn script(items: &[Item], about: &About<'_>, shell: Shell) -> Result<String, Failure> {
    let mut script = Script {
        items,
        about,
        shell,
        lines: Vec::new(),
        variables: 0,
        made: Vec::new(),
    };
    script.head();
    script.sign_in();
    script.sections()?;
    script.lines.push(String::new());
    script.lines.push("Write-Host 'Done.'".to_owned());
    // Windows PowerShell takes a file without this mark for one of the old code page, where other bytes are quotes.
    Ok(format!("\u{feff}{}\n", script.lines.join("\n")))
}

struct Script<'run> {
    items: &'run [Item],
    about: &'run About<'run>,
    shell: Shell,
    lines: Vec<String>,
    variables: usize,
    /// What the script makes in the directory, each with its variable.
    made: Vec<(Subject, String)>,
}

impl Script<'_> {
    fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn lines(&mut self, text: &str) {
        self.lines.extend(text.lines().map(str::to_owned));
    }

    fn remark(&mut self, text: &str) {
        self.lines.extend(remark(text));
    }

    fn head(&mut self) {
        let About {
            playbook,
            title,
            organization,
            tenant,
            files: [exchange, cloud],
            ..
        } = *self.about;
        let (name, other, shell) = match self.shell {
            Shell::Exchange => (exchange, cloud, "the Exchange Management Shell"),
            Shell::Cloud => (
                cloud,
                exchange,
                "a PowerShell with the modules ExchangeOnlineManagement and Microsoft.Graph.Applications",
            ),
        };
        let changes = self
            .items
            .iter()
            .filter(|item| self.is_pending(item))
            .count();
        let word = self.about.cloud.map_or("cloud unknown", CloudName::word);
        let planned = self.about.planned.strftime("%Y-%m-%d %H:%M UTC");
        self.line("# .SYNOPSIS");
        self.remark(&format!(
            "{title}: {} in {shell}.",
            count(changes, "change", "changes")
        ));
        self.line("#");
        self.line("# .DESCRIPTION");
        let version = env!("CARGO_PKG_VERSION");
        self.remark(&format!(
            "Written by exoauth {version} from its plan of \"{playbook}\" for {organization} (tenant {tenant}, {word}), made {planned}.",
        ));
        self.remark("It changes what differed then, and nothing else. Make a new plan when it is older, or when it stopped midway.");
        self.remark(&format!(
            "Run it in {shell}; what belongs to the other shell is in {other}."
        ));
        self.line("#");
        self.line("# .EXAMPLE");
        self.line(format!("# .\\{} -WhatIf", seen(name)));
        self.line("#");
        self.remark("Changes nothing: each cmdlet says what it would do.");
        self.line("[CmdletBinding(SupportsShouldProcess)]");
        self.line("param()");
        self.line("");
        self.line("# Handed to every cmdlet: those of modules do not see what a script prefers.");
        self.line("$common = @{ ErrorAction = 'Stop'; WhatIf = [bool]$WhatIfPreference }");
    }

    fn sign_in(&mut self) {
        let tenant = self.about.tenant;
        let has = |plane| self.items.iter().any(|item| item.plane() == Some(plane));
        let (online, entra) = (has(Plane::ExchangeOnline), has(Plane::Entra));
        if self.shell == Shell::Exchange || !(online || entra) {
            return;
        }
        self.line("");
        self.line("# Leave out what is connected already.");
        let [of_exchange, of_graph] = environments(self.about.cloud);
        if of_exchange.is_none() {
            self.line("# The environment of this cloud is not known here: add it to both.");
        }
        if online {
            let environment = of_exchange.map_or_else(String::new, |name| {
                format!(" -ExchangeEnvironmentName {name}")
            });
            self.line(format!(
                "Connect-ExchangeOnline -ShowBanner:$false{environment}"
            ));
        }
        if entra {
            let is_grant = |item: &Item| matches!(item, Item::Change(change) if change.subject.noun == "AppRoleAssignment");
            let grants = match self.items.iter().any(is_grant) {
                true => ", 'AppRoleAssignment.ReadWrite.All'",
                false => "",
            };
            let environment =
                of_graph.map_or_else(String::new, |name| format!(" -Environment {name}"));
            self.line(format!(
                "Connect-MgGraph -Scopes 'Application.ReadWrite.All'{grants} -TenantId {} -NoWelcome{environment}",
                quoted(tenant)
            ));
        }
        if online && tenant.contains('.') {
            let message = quoted(&format!(
                "Exchange Online PowerShell is connected to another tenant than {tenant}."
            ));
            self.line(format!(
                "if ((Get-AcceptedDomain -ErrorAction Stop).DomainName -notcontains {}) {{",
                quoted(tenant)
            ));
            self.line(format!("    throw {message}"));
            self.line("}");
        }
    }

    /// Every step in its order: with its commands, or with where they are, or with why there are none.
    fn sections(&mut self) -> Result<(), Failure> {
        let items = self.items;
        let mut at = 0;
        if !matches!(items.first(), Some(Item::Playbook { .. })) {
            let end = next(items, 0, |item| matches!(item, Item::Playbook { .. }));
            self.playbook(self.about.playbook, self.about.title, &items[..end])?;
            at = end;
        }
        while let Some(Item::Playbook { name, title }) = items.get(at) {
            let end = next(items, at + 1, |item| matches!(item, Item::Playbook { .. }));
            self.playbook(name, title, &items[at + 1..end])?;
            at = end;
        }
        Ok(())
    }

    /// A playbook with its text; one without a command for this shell is one line.
    fn playbook(&mut self, name: &str, title: &str, items: &[Item]) -> Result<(), Failure> {
        if items.is_empty() {
            return Ok(());
        }
        self.line("");
        let heading = format!("{name}: {title}");
        if !items.iter().any(|item| self.is_here(item)) {
            let elsewhere = items.iter().any(|item| pending(item) || is_test(item));
            let reason = match elsewhere {
                true => "the other script does this",
                false => "nothing to change",
            };
            self.remark(&format!("{heading} ({reason})."));
            return self.steps(items);
        }
        self.line(format!("# {}", "=".repeat(76)));
        self.remark(&heading);
        if let Some(purpose) = (self.about.purpose)(name) {
            self.line("#");
            self.remark(&purpose);
        }
        self.line(format!("# {}", "=".repeat(76)));
        self.steps(items)
    }

    fn steps(&mut self, items: &[Item]) -> Result<(), Failure> {
        let mut at = 0;
        while at < items.len() {
            let end = next(items, at + 1, |item| matches!(item, Item::Step { .. }));
            self.step(&items[at..end])?;
            at = end;
        }
        Ok(())
    }

    fn step(&mut self, items: &[Item]) -> Result<(), Failure> {
        let here = items.iter().any(|item| self.is_here(item));
        let mut planes = items.iter().filter_map(Item::plane);
        // What nobody's shell does is said where the steps begin.
        let mine = match planes.next() {
            None => self.shell == Shell::Exchange,
            Some(first) => self.shell.runs(first) || planes.any(|plane| self.shell.runs(plane)),
        };
        if let Some(Item::Step { id, title, outcome }) = items.first()
            && (here || *outcome == Some(StepOutcome::Skipped))
        {
            self.line("");
            self.remark(&format!("Step {id}: {title}"));
            if *outcome == Some(StepOutcome::Skipped) {
                self.line("# Left out when this was planned.");
            }
        }
        for item in items {
            match item {
                Item::Said { warning, text } if mine => {
                    let mark = if *warning { "Warning: " } else { "Note: " };
                    self.remark(&format!("{mark}{text}"));
                }
                Item::Change(change) if self.shell.runs(change.subject.plane) => {
                    self.change(change)?;
                }
                Item::Test { subject, request } if self.shell.runs(subject.plane) => {
                    self.test(request)?;
                }
                Item::Refresh { subject, request } if self.shell.runs(subject.plane) => {
                    self.refresh(request)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn is_pending(&self, item: &Item) -> bool {
        pending(item) && item.plane().is_some_and(|plane| self.shell.runs(plane))
    }

    /// Whether there is a command for it in this script.
    fn is_here(&self, item: &Item) -> bool {
        (pending(item) || is_test(item)) && item.plane().is_some_and(|plane| self.shell.runs(plane))
    }

    fn change(&mut self, change: &Change) -> Result<(), Failure> {
        if change.same {
            self.remark(&format!("{} is as it should be.", change.subject));
            return Ok(());
        }
        self.line("");
        let plain = Paint {
            colors: false,
            width: LONGEST,
            folds: false,
        };
        let mut lines = plan::planned(change, false, plain);
        if change.effect == Effect::Create {
            // What is set is in the command below.
            lines.truncate(1);
        }
        self.remark(&lines.join("\n"));
        match &change.request {
            Request::Cmdlet(_) if directory::is_of_allowed(change) => {
                self.allowed_applications(change);
                Ok(())
            }
            Request::Cmdlet(invocation) => {
                self.command(&invocation.cmdlet, &invocation.parameters, " @common", "")
            }
            // They only read, so no change is made by one.
            Request::Script(_) | Request::Discovery(_) => Ok(()),
            Request::Graph(request) => {
                let method = request.method.to_string();
                let (path, body) = (&request.path, request.body.as_ref());
                if !self.directory(&method, path, body, change)? {
                    self.graph(&method, path, &request.query, body);
                }
                Ok(())
            }
        }
    }

    /// What is tried out afterwards; the answer's details hold tokens and are not shown.
    fn test(&mut self, request: &Request) -> Result<(), Failure> {
        let Request::Cmdlet(invocation) = request else {
            return Ok(());
        };
        self.line("");
        self.remark("How to know that this worked: ResultType is Success.");
        self.unless_what_if(
            &invocation.cmdlet,
            &invocation.parameters,
            " | Format-List Task, ResultType",
        )
    }

    /// What is read again changes nothing that is recorded, so it has no part in `-WhatIf`.
    fn refresh(&mut self, request: &Request) -> Result<(), Failure> {
        let Request::Cmdlet(invocation) = request else {
            return Ok(());
        };
        self.line("");
        self.remark(
            "The servers read again at once what was set; without this they do so within an hour.",
        );
        self.unless_what_if(&invocation.cmdlet, &invocation.parameters, " | Out-Null")
    }

    /// A command that `-WhatIf` does not know how to leave out by itself.
    fn unless_what_if(
        &mut self,
        name: &str,
        parameters: &Object,
        shown: &str,
    ) -> Result<(), Failure> {
        self.line("if (-not $WhatIfPreference) {");
        let from = self.lines.len();
        self.command(name, parameters, " -ErrorAction Stop", shown)?;
        for line in &mut self.lines[from..] {
            line.insert_str(0, "    ");
        }
        self.line("}");
        Ok(())
    }

    fn command(
        &mut self,
        name: &str,
        parameters: &Object,
        common: &str,
        pipe: &str,
    ) -> Result<(), Failure> {
        let name = cmdlet(name)?;
        let mut given = Vec::new();
        // Whether to ask is the administrator's matter, as it is by hand.
        for (name, value) in parameters.iter().filter(|(name, _)| *name != "Confirm") {
            given.push((parameter(name)?.to_owned(), value, self.value(value)));
        }
        let short: String = given
            .iter()
            .map(|(name, value, text)| match value {
                Value::Bool(_) => format!(" -{name}:{text}"),
                _ => format!(" -{name} {text}"),
            })
            .collect();
        let line = format!("{name}{short}{common}{pipe}");
        if line.chars().count() <= LONGEST || given.len() < 2 {
            self.line(line);
            return Ok(());
        }
        let width = given.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
        self.line("$parameters = @{");
        for (name, value, text) in given {
            let text = match value {
                Value::List(list) if !list.is_empty() => format!("@({text})"),
                _ => text,
            };
            self.line(format!("    {name:width$} = {text}"));
        }
        self.line("}");
        self.line(format!("{name} @parameters{common}{pipe}"));
        Ok(())
    }

    fn value(&mut self, given: &Value) -> String {
        let mut unknown = Vec::new();
        let first = self.variables;
        let text = value(given, &mut |what| {
            unknown.push(what.to_owned());
            format!("$known{}", first + unknown.len())
        });
        self.variables += unknown.len();
        for (at, what) in unknown.iter().enumerate() {
            self.learn(&format!("$known{}", first + at + 1), what);
        }
        text
    }

    /// Reads what was not known while planning, or has a person fill it in.
    fn learn(&mut self, variable: &str, what: &str) {
        self.remark(&format!("{what}: known only when this runs."));
        if let Some(made) = self.made_property(what) {
            self.line(format!("{variable} = {made}"));
            return;
        }
        let source = self.items.iter().find_map(|item| match item {
            Item::Change(change) if self.shell.runs(change.subject.plane) => {
                let property = what.strip_suffix(&format!(" of {}", change.subject))?;
                read(&change.subject, property)
            }
            _ => None,
        });
        match source {
            Some(source) => {
                self.line(format!("{variable} = $null"));
                self.line(format!(
                    "if (-not $WhatIfPreference) {{ {variable} = {source} }}"
                ));
            }
            None => {
                self.line(format!("{variable} = $null"));
                let message = quoted(&format!("Set {variable} in this script first: {what}"));
                self.line(format!(
                    "if ($null -eq {variable} -and -not $WhatIfPreference) {{ throw {message} }}"
                ));
            }
        }
    }

    fn graph(
        &mut self,
        method: &str,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
    ) {
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let query = match query.as_slice() {
            [] => String::new(),
            query => format!("?{}", query.join("&")),
        };
        let address = quoted(&format!("/v1.0{path}{query}"));
        self.line(format!(
            "if ($PSCmdlet.ShouldProcess({address}, '{method}')) {{"
        ));
        let body = body.map_or_else(String::new, |body| {
            format!(
                " -Body {} -ContentType 'application/json'",
                quoted(&body.to_json().to_string())
            )
        });
        self.line(format!(
            "    Invoke-MgGraphRequest -Method {method} -Uri {address}{body} -ErrorAction Stop"
        ));
        self.line("}");
    }

    fn names(&mut self, old: &[&str], new: &[&str]) {
        let (come, gone) = differences(old, new);
        self.line("$names = @($principal.ServicePrincipalNames)");
        if !gone.is_empty() {
            self.line(format!(
                "$names = @($names | Where-Object {{ {} -notcontains $_ }})",
                listed(&gone)
            ));
        }
        if !come.is_empty() {
            self.line("$names += @(");
            for name in come {
                self.line(format!("    {}", quoted(name)));
            }
            self.line(") | Where-Object { $names.TrimEnd('/') -notcontains $_.TrimEnd('/') }");
        }
        self.line("Update-MgServicePrincipal -ServicePrincipalId $principal.Id -ServicePrincipalNames $names @common");
    }

    fn keys(&mut self, old: &[&str], new: &[&str]) {
        let (come, gone) = differences(old, new);
        self.lines(KEEP_KEYS);
        let gone = gone.iter().map(|key| quoted(key)).collect::<Vec<_>>();
        self.line(format!("$removed = @({})", gone.join(", ")));
        self.line("$keys = @($keys | Where-Object { $removed -cnotcontains [System.Convert]::ToBase64String($_.Key) })");
        for key in come {
            self.remark("The certificate itself, in bytes. Microsoft's page hands over the bytes of its base64 text, and so encodes it twice.");
            self.line("$newKey = @{");
            self.line("    Type  = 'AsymmetricX509Cert'");
            self.line("    Usage = 'Verify'");
            self.line(format!("    Key   = {}", bytes_of(key)));
            self.line("}");
            self.line("if ($held -cnotcontains [System.Convert]::ToBase64String($newKey.Key)) { $keys += $newKey }");
        }
        self.line("Update-MgServicePrincipal -ServicePrincipalId $principal.Id -KeyCredentials $keys @common");
    }
}

/// Keeps every certificate that has not expired, and stops before one would be lost.
const KEEP_KEYS: &str = "\
$keys = @(foreach ($credential in $principal.KeyCredentials) {
    if ($credential.EndDateTime -lt [System.DateTime]::UtcNow) {
        Write-Warning \"The certificate $($credential.DisplayName) expired on $($credential.EndDateTime) and is dropped.\"
        continue
    }
    if (-not $credential.Key) {
        throw \"Microsoft Graph did not give the certificate $($credential.KeyId), so writing the list would lose it.\"
    }
    @{ Type = $credential.Type; Usage = $credential.Usage; Key = $credential.Key }
})
$held = @($keys | ForEach-Object { [System.Convert]::ToBase64String($_.Key) })";

fn is_test(item: &Item) -> bool {
    matches!(item, Item::Test { .. })
}

fn pending(item: &Item) -> bool {
    matches!(item, Item::Change(change) if !change.same)
}

fn next(items: &[Item], from: usize, is_start: impl Fn(&Item) -> bool) -> usize {
    let rest = items.get(from..).unwrap_or_default();
    rest.iter()
        .position(is_start)
        .map_or(items.len(), |at| from + at)
}

/// The names that the two modules have for a cloud; the first of both is what they do unasked.
fn environments(cloud: Option<CloudName>) -> [Option<&'static str>; 2] {
    match cloud {
        Some(CloudName::Worldwide) => [Some("O365Default"), Some("Global")],
        Some(CloudName::GccHigh) => [Some("O365USGovGCCHigh"), Some("USGov")],
        Some(CloudName::Dod) => [Some("O365USGovDoD"), Some("USGovDoD")],
        Some(CloudName::China) => [Some("O365China"), Some("China")],
        Some(CloudName::Bleu | CloudName::Delos) | None => [None, None],
    }
}

/// How a property of an object is read.
fn read(subject: &Subject, property: &str) -> Option<String> {
    let get = format!("Get-{}", subject.noun);
    let (get, name) = (cmdlet(&get).ok()?, subject.name.as_ref()?);
    Some(format!(
        "(({get} -Identity {} -ErrorAction Stop).{})",
        quoted(name),
        quoted(property)
    ))
}

/// The texts of a list, or those that a property of its objects has.
fn texts<'list>(list: &'list [Value], property: Option<&str>) -> Vec<&'list str> {
    list.iter()
        .filter_map(|item| match property {
            Some(property) => item.text(property),
            None => item.as_text(),
        })
        .collect()
}

/// What is in the second list alone, and what is in the first alone.
fn differences<'list>(
    old: &[&'list str],
    new: &[&'list str],
) -> (Vec<&'list str>, Vec<&'list str>) {
    let only = |one: &[&'list str], other: &[&'list str]| {
        one.iter()
            .copied()
            .filter(|text| !other.contains(text))
            .collect()
    };
    (only(new, old), only(old, new))
}

fn listed(texts: &[&str]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("@({})", texts.join(", "))
}

fn cannot(change: &Change, why: &str) -> Failure {
    Failure::input(format!(
        "the change of {} cannot be written as PowerShell: {why}",
        change.subject
    ))
    .about(change.subject.clone())
}

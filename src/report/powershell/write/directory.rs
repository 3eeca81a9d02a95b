//! Changes of the directory as commands of Microsoft Graph PowerShell: what is made, granted and removed, and the lists
//! that Microsoft Graph replaces whole, which the script reads and merges when it runs.
//!
//! What only the directory knows, such as the id of an application that is made here, is in a variable. A command that
//! needs one is left out with `-WhatIf`, since nothing was made then.

use super::{Script, cannot, differences, listed, texts};
use crate::failure::Failure;
use crate::report::powershell::quote::{bytes_of, quoted};
use crate::session::plan::Change;
use crate::session::unknown_text;
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};

/// A resource, a permission of it, and of what kind that is.
type Permission<'list> = [&'list str; 3];

impl Script<'_> {
    /// Writes a change of the directory that has commands of its own; says whether it has.
    pub(super) fn directory(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        change: &Change,
    ) -> Result<bool, Failure> {
        let noun = change.subject.noun.as_str();
        let known = ["Application", "ServicePrincipal", "AppRoleAssignment"].contains(&noun);
        if !known || path.starts_with("/directory/") {
            return Ok(false);
        }
        let needs = change
            .subject
            .name
            .iter()
            .any(|name| name.contains(UNKNOWN))
            || path.contains(UNKNOWN)
            || body.is_some_and(Value::has_unknown);
        if needs {
            self.line("if (-not $WhatIfPreference) {");
        }
        let from = self.lines.len();
        let nothing = Object::new();
        let properties = body.and_then(Value::as_object).unwrap_or(&nothing);
        match (method, noun) {
            ("POST", "Application") => self.make_application(properties, change),
            ("POST", "ServicePrincipal") => self.make_principal(properties, change),
            ("POST", _) => self.make_assignment(properties),
            ("PATCH", "Application" | "ServicePrincipal") => self.update(noun, path, change)?,
            ("DELETE", _) => self.delete(noun, path),
            _ => return Ok(false),
        }
        if needs {
            for line in &mut self.lines[from..] {
                line.insert_str(0, "    ");
            }
            self.line("}");
        }
        Ok(true)
    }

    /// The expression for a value that may be known only when the script runs.
    fn expression(&mut self, value: &Value) -> String {
        match value {
            Value::Unknown(what) => self.made_expression(what),
            value => self.value(value),
        }
    }

    /// The expression for what is unknown while planning: a property of what the script has made.
    fn made_expression(&mut self, what: &str) -> String {
        match self.made_property(what) {
            Some(expression) => expression,
            None => self.value(&Value::Unknown(what.to_owned())),
        }
    }

    /// The property of what the script has made, if it is one.
    pub(super) fn made_property(&self, what: &str) -> Option<String> {
        self.made.iter().find_map(|(subject, variable)| {
            let property = what.strip_suffix(&format!(" of {subject}"))?;
            let (first, rest) = property.split_at_checked(1)?;
            Some(format!("{variable}.{}{rest}", first.to_uppercase()))
        })
    }

    /// The expression for the id that is a part of a path.
    fn id_in(&mut self, path: &str) -> String {
        let id = path.split_once('/').map_or(path, |(_, rest)| rest);
        let id = match id.split_once('/') {
            Some((_, id)) => id,
            None => id,
        };
        match id
            .strip_prefix(UNKNOWN)
            .and_then(|rest| rest.rsplit_once(')'))
        {
            Some((what, _)) => self.made_expression(what),
            None => quoted(id.split('/').next().unwrap_or(id)),
        }
    }

    /// A variable for what is made, which later commands take ids from.
    fn variable_for(&mut self, change: &Change) -> String {
        let variable = format!("$made{}", self.made.len() + 1);
        self.made.push((change.subject.clone(), variable.clone()));
        variable
    }

    fn make_application(&mut self, properties: &Object, change: &Change) {
        let text = |name: &str| properties.get(name).and_then(Value::as_text);
        let name = text("displayName").unwrap_or_default();
        let filter = quoted(&format!("displayName eq '{}'", name.replace('\'', "''")));
        let message = quoted(&format!(
            "There is an application of the name {name} already."
        ));
        self.line(format!(
            "if (Get-MgApplication -Filter {filter} -ErrorAction Stop) {{ throw {message} }}"
        ));
        let parameters: String = [
            ("DisplayName", "displayName"),
            ("SignInAudience", "signInAudience"),
            ("Description", "description"),
            ("Notes", "notes"),
        ]
        .iter()
        .filter_map(|(parameter, property)| {
            Some(format!(" -{parameter} {}", quoted(text(property)?)))
        })
        .collect();
        let variable = self.variable_for(change);
        self.line(format!(
            "{variable} = New-MgApplication{parameters} @common"
        ));
    }

    fn make_principal(&mut self, properties: &Object, change: &Change) {
        let application = properties.get("appId").cloned().unwrap_or_default();
        let application = self.expression(&application);
        let notes = properties.get("notes").and_then(Value::as_text);
        let notes = notes.map_or_else(String::new, |notes| format!(" -Notes {}", quoted(notes)));
        let tags = properties.get("tags").and_then(Value::as_list);
        let tags = tags.map_or_else(String::new, |tags| {
            format!(" -Tags {}", listed(&texts(tags, None)))
        });
        let variable = self.variable_for(change);
        self.line(format!(
            "{variable} = New-MgServicePrincipal -AppId {application} -AccountEnabled{notes}{tags} @common"
        ));
    }

    fn make_assignment(&mut self, properties: &Object) {
        let [principal, resource, role] = ["principalId", "resourceId", "appRoleId"].map(|name| {
            let value = properties.get(name).cloned().unwrap_or_default();
            self.expression(&value)
        });
        self.line("$grant = @{");
        self.line(format!("    ServicePrincipalId = {principal}"));
        self.line(format!("    PrincipalId        = {principal}"));
        self.line(format!("    ResourceId         = {resource}"));
        self.line(format!("    AppRoleId          = {role}"));
        self.line("}");
        self.line("New-MgServicePrincipalAppRoleAssignment @grant @common");
    }

    fn delete(&mut self, noun: &str, path: &str) {
        let id = self.id_in(path);
        match noun {
            "AppRoleAssignment" => {
                let grant = quoted(path.rsplit('/').next().unwrap_or_default());
                self.line(format!(
                    "Remove-MgServicePrincipalAppRoleAssignment -ServicePrincipalId {id} -AppRoleAssignmentId {grant} @common"
                ));
            }
            noun => self.line(format!("Remove-Mg{noun} -{noun}Id {id} @common")),
        }
    }

    /// Reads an object with its lists, makes sure that it is the right one, merges and writes.
    fn update(&mut self, noun: &str, path: &str, change: &Change) -> Result<(), Failure> {
        let (Some(before), Some(after)) = (&change.before, &change.after) else {
            return Err(cannot(change, "it was not read"));
        };
        let (variable, id) = match noun {
            "Application" => ("$application", self.id_in(path)),
            _ => ("$principal", self.id_in(path)),
        };
        let names: Vec<String> = ["id", "appId"]
            .into_iter()
            .chain(after.keys().map(String::as_str))
            .map(quoted)
            .collect();
        self.line(format!(
            "{variable} = Get-Mg{noun} -{noun}Id {id} -Property {} -ErrorAction Stop",
            names.join(", ")
        ));
        if let Some(application) = change.subject.name.as_ref().filter(|name| is_guid(name)) {
            let message = quoted(&format!("{path} is not that of {application}."));
            self.line(format!(
                "if ({variable}.AppId -ne {}) {{ throw {message} }}",
                quoted(application)
            ));
        }
        let nothing = Value::List(Vec::new());
        for (property, new) in after {
            let old = before.get(property).unwrap_or(&nothing);
            match (property.as_str(), old.as_list(), new.as_list()) {
                ("keyCredentials", Some(old), Some(new)) if noun == "Application" => {
                    self.application_keys(&texts(old, Some("key")), new);
                }
                ("keyCredentials", Some(old), Some(new)) => {
                    self.keys(&texts(old, Some("key")), &texts(new, Some("key")));
                }
                ("servicePrincipalNames", Some(old), Some(new)) => {
                    self.names(&texts(old, None), &texts(new, None));
                }
                ("tags", Some(old), Some(new)) => {
                    let (come, gone) = differences(&texts(old, None), &texts(new, None));
                    self.line(format!(
                        "$tags = @($principal.Tags | Where-Object {{ {} -cnotcontains $_ }})",
                        listed(&gone)
                    ));
                    self.line(format!(
                        "$tags += {} | Where-Object {{ $tags -cnotcontains $_ }}",
                        listed(&come)
                    ));
                    self.line("Update-MgServicePrincipal -ServicePrincipalId $principal.Id -Tags $tags @common");
                }
                ("requiredResourceAccess", Some(old), Some(new)) => {
                    let apart = permissions(old).zip(permissions(new));
                    let (old, new) =
                        apart.ok_or_else(|| cannot(change, "a permission has no id"))?;
                    self.permissions(&old, &new);
                }
                ("description" | "notes", ..) => {
                    let parameter = if property == "notes" {
                        "Notes"
                    } else {
                        "Description"
                    };
                    let text = self.value(new);
                    self.line(format!(
                        "Update-Mg{noun} -{noun}Id {variable}.Id -{parameter} {text} @common"
                    ));
                }
                _ => {
                    return Err(cannot(
                        change,
                        &format!("{property} is not one of its lists"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// The keys of an application are sent back whole, so that they keep their names and ids.
    fn application_keys(&mut self, old: &[&str], new: &[Value]) {
        let (come, gone) = differences(old, &texts(new, Some("key")));
        self.lines(KEEP_WHOLE);
        let gone: Vec<String> = gone.iter().map(|key| quoted(key)).collect();
        self.line(format!("$removed = @({})", gone.join(", ")));
        self.line("$keys = @($keys | Where-Object { $removed -cnotcontains [System.Convert]::ToBase64String($_.Key) })");
        for key in come {
            let entry = new.iter().find(|entry| entry.text("key") == Some(key));
            let name = entry.and_then(|entry| entry.text("displayName"));
            self.line("$newKey = @{");
            self.line("    Type        = 'AsymmetricX509Cert'");
            self.line("    Usage       = 'Verify'");
            self.line(format!("    Key         = {}", bytes_of(key)));
            if let Some(name) = name {
                self.line(format!("    DisplayName = {}", quoted(name)));
            }
            self.line("}");
            self.line("if ($held -cnotcontains [System.Convert]::ToBase64String($newKey.Key)) { $keys += $newKey }");
        }
        self.line(
            "Update-MgApplication -ApplicationId $application.Id -KeyCredentials $keys @common",
        );
    }

    fn permissions(&mut self, old: &[Permission], new: &[Permission]) {
        self.lines(KEEP_ACCESS);
        for [resource, id, kind] in new.iter().filter(|one| !old.contains(one)) {
            let (resource, id, kind) = (quoted(resource), quoted(id), quoted(kind));
            self.line(format!(
                "$resource = $access | Where-Object {{ $_.ResourceAppId -eq {resource} }} | Select-Object -First 1"
            ));
            self.line(format!(
                "if (-not $resource) {{ $resource = @{{ ResourceAppId = {resource}; ResourceAccess = @() }}; $access += $resource }}"
            ));
            self.line(format!(
                "if (@($resource.ResourceAccess | ForEach-Object {{ $_.Id }}) -notcontains {id}) {{ $resource.ResourceAccess += @{{ Id = {id}; Type = {kind} }} }}"
            ));
        }
        for [resource, id, _] in old.iter().filter(|one| !new.contains(one)) {
            let (resource, id) = (quoted(resource), quoted(id));
            self.line(format!(
                "$access | Where-Object {{ $_.ResourceAppId -eq {resource} }} | ForEach-Object {{ $_.ResourceAccess = @($_.ResourceAccess | Where-Object {{ $_.Id -ne {id} }}) }}"
            ));
        }
        self.line("$access = @($access | Where-Object { $_.ResourceAccess })");
        self.line("Update-MgApplication -ApplicationId $application.Id -RequiredResourceAccess $access @common");
    }

    /// The list of applications that may call Exchange Web Services, which Exchange Online replaces whole.
    pub(super) fn allowed_applications(&mut self, change: &Change) {
        let listed_in = |object: &Option<Object>| {
            let value = object.as_ref().and_then(|object| object.get(ALLOWED));
            match value {
                Some(Value::Text(text)) => ids(text),
                // What is unknown as a whole is one id that is not known; else it is a list with one in it.
                Some(Value::Unknown(what)) if what.contains(UNKNOWN) => ids(what),
                Some(Value::Unknown(what)) => vec![unknown_text(what)],
                _ => Vec::new(),
            }
        };
        let (old, new) = (listed_in(&change.before), listed_in(&change.after));
        let (old, new): (Vec<&str>, Vec<&str>) = (
            old.iter().map(String::as_str).collect(),
            new.iter().map(String::as_str).collect(),
        );
        let (come, gone) = differences(&old, &new);
        self.line("$allowed = @((Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy -ErrorAction Stop).EwsAllowedAppIDs -split ',' | Where-Object { $_ })");
        if !gone.is_empty() {
            self.line(format!(
                "$allowed = @($allowed | Where-Object {{ {} -notcontains $_ }})",
                listed(&gone)
            ));
        }
        for id in come {
            let unknown = id.strip_prefix(UNKNOWN);
            let id = match unknown.and_then(|rest| rest.strip_suffix(')')) {
                Some(what) => self.made_expression(what),
                None => quoted(id),
            };
            self.line(format!(
                "if ({id} -and $allowed -notcontains {id}) {{ $allowed += {id} }}"
            ));
        }
        self.line("$allowed = if ($allowed) { $allowed -join ',' } else { $null }");
        self.line("Set-OrganizationConfig -EwsAllowedAppIDs $allowed @common");
    }
}

/// How a text begins that stands for what only the service will know.
const UNKNOWN: &str = "(known after apply: ";

/// The property of that list.
pub(super) const ALLOWED: &str = "EwsAllowedAppIDs";

/// Keeps every certificate of an application that has not expired, and stops before one would be lost.
const KEEP_WHOLE: &str = "\
$keys = @(foreach ($credential in $application.KeyCredentials) {
    if ($credential.EndDateTime -lt [System.DateTime]::UtcNow) {
        Write-Warning \"The certificate $($credential.DisplayName) expired on $($credential.EndDateTime) and is dropped.\"
        continue
    }
    if (-not $credential.Key) {
        throw \"Microsoft Graph did not give the certificate $($credential.KeyId), so writing the list would lose it.\"
    }
    @{
        Type = $credential.Type; Usage = $credential.Usage; Key = $credential.Key
        KeyId = $credential.KeyId; DisplayName = $credential.DisplayName
        CustomKeyIdentifier = $credential.CustomKeyIdentifier
        StartDateTime = $credential.StartDateTime; EndDateTime = $credential.EndDateTime
    }
})
$held = @($keys | ForEach-Object { [System.Convert]::ToBase64String($_.Key) })";

/// Keeps what an application asks for already.
const KEEP_ACCESS: &str = "\
$access = @(foreach ($entry in $application.RequiredResourceAccess) {
    @{
        ResourceAppId = $entry.ResourceAppId
        ResourceAccess = @($entry.ResourceAccess | ForEach-Object { @{ Id = $_.Id; Type = $_.Type } })
    }
})";

/// The permissions of a list, taken apart.
fn permissions(list: &[Value]) -> Option<Vec<Permission<'_>>> {
    let mut all = Vec::new();
    for entry in list {
        let resource = entry.text("resourceAppId")?;
        for access in entry.get("resourceAccess")?.as_list()? {
            all.push([resource, access.text("id")?, access.text("type")?]);
        }
    }
    Some(all)
}

fn ids(text: &str) -> Vec<String> {
    let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty());
    ids.map(str::to_owned).collect()
}

fn is_guid(text: &str) -> bool {
    text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

/// Whether a change is of the list of applications that may call Exchange Web Services.
pub(super) fn is_of_allowed(change: &Change) -> bool {
    let Subject { plane, noun, .. } = &change.subject;
    *plane == Plane::ExchangeOnline
        && noun == "OrganizationConfig"
        && change.effect == Effect::Update
        && change
            .after
            .as_ref()
            .is_some_and(|after| after.contains_key(ALLOWED))
}

//! `exoauth run --emit powershell FILE`: the plan as two scripts of PowerShell, beside each other.

use crate::cli::{Env, args, files};
use crate::failure::Failure;
use crate::organization::Organization;
use crate::report::powershell::{About, PowerShell};
use crate::script::{Bundle, Playbook};

/// What `--emit` asked for.
pub(super) struct Emit {
    files: [String; 2],
    heard: PowerShell,
}

impl Emit {
    /// Reads the words of the option; `None` when it was not given.
    pub(super) fn of(env: &Env, asked: &args::Run) -> Result<Option<Self>, Failure> {
        let [language, file] = asked.emit.as_slice() else {
            return Ok(None);
        };
        if language != "powershell" {
            let message = format!("\"{language}\" is not a language that a plan can be written in");
            return Err(Failure::input(message).with_hint("write --emit powershell FILE"));
        }
        let stem = file.strip_suffix(".ps1").unwrap_or(file);
        let files = ["exchange", "cloud"].map(|shell| format!("{stem}-{shell}.ps1"));
        if let Some(file) = files.iter().find(|file| env.path(file).exists()) {
            return Err(files::exists(file));
        }
        Ok(Some(Self {
            files,
            heard: PowerShell::default(),
        }))
    }

    /// A listener for the planning session.
    pub(super) fn listener(&self) -> PowerShell {
        self.heard.clone()
    }

    /// Writes the scripts of what was heard, and gives their names.
    pub(super) fn write(
        &self,
        env: &Env,
        bundle: &Bundle,
        playbook: &Playbook,
        organization: &Organization,
    ) -> Result<[&str; 2], Failure> {
        let [exchange, cloud] = self.files.each_ref().map(String::as_str);
        // They lie beside each other, wherever that is.
        let names = [exchange, cloud].map(|file| file.rsplit(['/', '\\']).next().unwrap_or(file));
        let scripts = self.heard.scripts(&About {
            playbook: &playbook.name,
            title: &playbook.title,
            organization: &organization.name,
            tenant: &organization.tenant,
            cloud: organization.cloud,
            planned: env.clock.now(),
            files: names,
            purpose: &|name| match name == playbook.name {
                true => Some(playbook.text.clone()),
                false => bundle.playbook(name).ok().map(|included| included.text),
            },
        })?;
        files::create(&env.path(exchange), scripts.exchange.as_bytes())?;
        files::create(&env.path(cloud), scripts.cloud.as_bytes())?;
        Ok([exchange, cloud])
    }
}

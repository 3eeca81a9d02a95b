//! [`Bundle`]: the embedded `scripts/` and `stdlib/`, with the user's folder in front.

use super::playbook::Playbook;
use super::throw::ScriptFailure;
use crate::failure::Failure;
use crate::words::meant_or_all;
use aws_lc_rs::digest;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

/// Reads a file of the user's folder, such as `stdlib/connectors.rhai`; `None` when there is none.
///
/// The path is relative and never leaves the folder; a reader must refuse links that do.
pub type Reader = Arc<dyn Fn(&str) -> io::Result<Option<String>> + Send + Sync>;

/// Lists the files of the user's folder that are scripts, as paths that a [`Reader`] takes.
pub type Lister = Arc<dyn Fn() -> io::Result<Vec<String>> + Send + Sync>;

macro_rules! rows {
    ($($path:literal)*) => {
        &[$(($path, include_str!(concat!("../../", $path)))),*]
    };
}

/// The embedded files, one row each.
const ROWS: &[(&str, &str)] = rows! {
    "scripts/01-auth-servers.rhai"
    "scripts/02-partner-application.rhai"
    "scripts/03-auth-certificate.rhai"
    "scripts/04-upload-certificate.rhai"
    "scripts/05-host-names.rhai"
    "scripts/06-connector-on-premises.rhai"
    "scripts/07-connector-online.rhai"
    "scripts/08-availability.rhai"
    "scripts/clean-up-shared-principal.rhai"
    "scripts/configure.rhai"
    "scripts/dedicated-app.rhai"
    "scripts/ews-allow-list.rhai"
    "scripts/rotate-certificate.rhai"
    "scripts/verify.rhai"
    "stdlib/auth_servers.rhai"
    "stdlib/availability.rhai"
    "stdlib/builds.rhai"
    "stdlib/certificates.rhai"
    "stdlib/connectors.rhai"
    "stdlib/domains.rhai"
    "stdlib/endpoints.rhai"
    "stdlib/ensure.rhai"
    "stdlib/ews_access.rhai"
    "stdlib/hand_over.rhai"
    "stdlib/hybrid_applications.rhai"
    "stdlib/hybrid_servers.rhai"
    "stdlib/lists.rhai"
    "stdlib/overrides.rhai"
    "stdlib/partner_applications.rhai"
    "stdlib/relationships.rhai"
    "stdlib/rotation.rhai"
    "stdlib/service_principals.rhai"
    "stdlib/shared_principal.rhai"
    "stdlib/verify.rhai"
};

/// The scripts and library modules that can be run and imported.
#[derive(Clone, Default)]
pub struct Bundle {
    folder: Option<(Reader, Lister)>,
}

/// Where a script is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptOrigin {
    /// Embedded in this program.
    Shipped,
    /// From the user's folder.
    Yours,
    /// From the user's folder, in the place of an embedded one.
    Shadowing,
}

impl ScriptOrigin {
    /// The word for lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Shipped => "shipped",
            Self::Yours => "yours",
            Self::Shadowing => "yours, in front of the shipped one",
        }
    }
}

/// The text of a script and where it is from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path, such as `stdlib/connectors.rhai`.
    pub path: String,
    /// The text.
    pub text: String,
    /// Where it is from.
    pub origin: ScriptOrigin,
}

impl Source {
    /// The SHA-256 of the text, in hexadecimal.
    pub fn hash(&self) -> String {
        hash(&self.text)
    }
}

/// A playbook of a list: one whose header is wrong is listed too, with what is wrong.
pub struct Listed {
    /// Its name, such as `07-connector-online`.
    pub name: String,
    /// The playbook, with the inputs and steps of those that it includes.
    pub playbook: Result<Playbook, ScriptFailure>,
    /// The SHA-256 of its text, in hexadecimal.
    pub hash: String,
}

impl Bundle {
    /// The embedded scripts.
    pub fn embedded() -> Self {
        Self::default()
    }

    /// The embedded scripts with a folder of the user's in front.
    #[must_use]
    pub fn with_folder(self, reader: Reader, lister: Lister) -> Self {
        Self {
            folder: Some((reader, lister)),
        }
    }

    /// The embedded files as paths and texts.
    pub fn rows() -> &'static [(&'static str, &'static str)] {
        ROWS
    }

    /// Reads a file by its path: the user's if there is one, else the embedded one.
    ///
    /// # Errors
    ///
    /// When the user's folder cannot be read.
    pub fn file(&self, path: &str) -> Result<Option<Source>, Failure> {
        let shipped = self.shipped(path);
        let yours = match &self.folder {
            Some((reader, _)) => reader(path).map_err(|error| unreadable(path, error))?,
            None => None,
        };
        Ok(match (yours, shipped) {
            (Some(text), shipped) => Some(Source {
                path: path.to_owned(),
                text,
                origin: match shipped {
                    Some(_) => ScriptOrigin::Shadowing,
                    None => ScriptOrigin::Yours,
                },
            }),
            (None, shipped) => shipped,
        })
    }

    /// The embedded file of a path.
    pub fn shipped(&self, path: &str) -> Option<Source> {
        ROWS.iter()
            .find(|(name, _)| *name == path)
            .map(|row| Source {
                path: row.0.to_owned(),
                text: row.1.to_owned(),
                origin: ScriptOrigin::Shipped,
            })
    }

    /// The text of a playbook by its name, such as `07-connector-online`.
    ///
    /// # Errors
    ///
    /// When there is none; the nearest name is in the hint.
    pub fn source(&self, name: &str) -> Result<Source, Failure> {
        if let Some(source) = self.file(&path_of(name))? {
            return Ok(source);
        }
        let names = self.names()?;
        let hint = meant_or_all(name, names.iter().map(String::as_str));
        Err(Failure::input(format!("there is no playbook \"{name}\"")).with_hint(hint))
    }

    /// A playbook by its name, with the inputs and steps of those that it includes.
    ///
    /// # Errors
    ///
    /// When there is none, or its header is wrong.
    pub fn playbook(&self, name: &str) -> Result<Playbook, ScriptFailure> {
        let source = self.source(name)?;
        Playbook::read(name, &source.text)?.with_included(self)
    }

    /// All playbooks, in the order of their names, `configure` and other words after the numbers.
    ///
    /// # Errors
    ///
    /// When the user's folder cannot be read.
    pub fn playbooks(&self) -> Result<Vec<Listed>, Failure> {
        self.names()?
            .into_iter()
            .map(|name| {
                let source = self.source(&name)?;
                Ok(Listed {
                    playbook: self.playbook(&name),
                    hash: source.hash(),
                    name,
                })
            })
            .collect()
    }

    /// The library modules that can be imported, such as `stdlib/connectors`.
    ///
    /// # Errors
    ///
    /// When the user's folder cannot be read.
    pub fn modules(&self) -> Result<BTreeSet<String>, Failure> {
        Ok(self
            .paths()?
            .into_iter()
            .filter(|path| !path.starts_with("scripts/"))
            .filter_map(|path| path.strip_suffix(".rhai").map(str::to_owned))
            .collect())
    }

    fn names(&self) -> Result<BTreeSet<String>, Failure> {
        Ok(self
            .paths()?
            .iter()
            .filter_map(|path| path.strip_prefix("scripts/")?.strip_suffix(".rhai"))
            .map(str::to_owned)
            .collect())
    }

    fn paths(&self) -> Result<BTreeSet<String>, Failure> {
        let mut paths: BTreeSet<String> = ROWS.iter().map(|(path, _)| (*path).to_owned()).collect();
        if let Some((_, lister)) = &self.folder {
            paths.extend(lister().map_err(|error| unreadable("your scripts", error))?);
        }
        Ok(paths)
    }
}

/// The path of a playbook by its name.
pub(super) fn path_of(name: &str) -> String {
    format!("scripts/{name}.rhai")
}

fn unreadable(path: &str, error: io::Error) -> Failure {
    Failure::input(format!("{path} in your folder cannot be read"))
        .with_detail(error.to_string())
        .caused_by(error)
}

/// The SHA-256 of a text, in hexadecimal.
pub fn hash(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a text cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

//! [`FixedScript`]: what is run on a server by Windows' own PowerShell endpoint, and nothing else ever is.
//!
//! Exchange's endpoint runs no scripts. These two only read, take what differs as parameters that are never part of
//! the text, and run with PowerShell 2.0 already.

use serde::{Deserialize, Serialize};

/// A script of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixedScript {
    /// Gives `Server` and `RawData` of the certificate that `Thumbprint` names, without its key; nothing where the
    /// server does not hold it.
    ExportCertificate,
    /// Gives `Server` and `Build`, the four numbers of the file version of `ExSetup.exe`; nothing where Exchange is
    /// not installed.
    ExchangeBuild,
}

impl FixedScript {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ExportCertificate, Self::ExchangeBuild];

    /// What people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExportCertificate => "export-certificate",
            Self::ExchangeBuild => "exchange-build",
        }
    }

    /// The text, as it is sent.
    pub fn text(self) -> &'static str {
        match self {
            Self::ExportCertificate => include_str!("scripts/export-certificate.ps1"),
            Self::ExchangeBuild => include_str!("scripts/exchange-build.ps1"),
        }
    }

    /// The script of that text.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|script| script.text() == text)
    }
}

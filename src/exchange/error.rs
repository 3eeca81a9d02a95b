//! What a person learns of a cmdlet that failed: PowerShell's categories and Exchange's exceptions as kinds.

use crate::exchange::{Error, ErrorKind, ErrorRecord};
use crate::failure::{Failure, FailureKind};
use crate::secret::without_tokens;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind {
            ErrorKind::Road(failure) => failure,
            ErrorKind::Record(ref record) => {
                let kind = match record_kind(record) {
                    _ if is_missing_certificate(&error.cmdlet, record) => FailureKind::NotFound,
                    kind => kind,
                };
                let message = format!(
                    "{} refused {}: {}",
                    error.plane,
                    error.cmdlet,
                    without_tokens(record.sentence())
                );
                let words = [
                    error.cmdlet.as_str(),
                    record.category.as_str(),
                    record.identifier.as_str(),
                    record.exception_name(),
                ];
                let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
                Self {
                    hint: hint(kind, record),
                    ..Self::new(kind, message)
                }
                .with_detail(words.join(", "))
                .caused_by(error)
            }
        }
    }
}

impl ErrorRecord {
    /// The class of the exception without its namespace.
    pub fn exception_name(&self) -> &str {
        self.exception
            .rsplit('.')
            .next()
            .unwrap_or(self.exception.as_str())
    }

    /// The message as part of a sentence of ours: its first line without full stop.
    fn sentence(&self) -> &str {
        let line = self.message.trim().lines().next().unwrap_or_default();
        let line = line.trim_end();
        if line.is_empty() {
            return self.exception_name();
        }
        line.strip_suffix('.').unwrap_or(line)
    }
}

/// Whether there is no certificate of a thumbprint, for which the cmdlets have no exception of its own.
fn is_missing_certificate(cmdlet: &str, record: &ErrorRecord) -> bool {
    let looks = ["Get-ExchangeCertificate", "Remove-ExchangeCertificate"];
    looks.iter().any(|name| cmdlet.eq_ignore_ascii_case(name))
        && record.exception_name() == "InvalidOperationException"
}

/// The exception decides where it says more than the category, which Exchange often leaves at a general one.
fn record_kind(record: &ErrorRecord) -> FailureKind {
    by_exception(record.exception_name())
        .or_else(|| by_category(&record.category))
        .unwrap_or(FailureKind::Invalid)
}

fn by_exception(name: &str) -> Option<FailureKind> {
    let kind = match name {
        "ManagementObjectNotFoundException"
        | "ADNoSuchObjectException"
        | "ObjectNotFoundException" => FailureKind::NotFound,
        "ADObjectAlreadyExistsException" | "ObjectAlreadyExistsException" => {
            FailureKind::AlreadyExists
        }
        "ManagementObjectAmbiguousException" => FailureKind::Conflict,
        "ADInsufficientPermissionsException"
        | "CmdletAccessDeniedException"
        | "UnauthorizedAccessException"
        | "CommandNotFoundException" => FailureKind::Denied,
        "ParameterBindingException"
        | "ParameterBindingValidationException"
        | "ParameterTransformationException"
        | "ParameterArgumentTransformationException"
        | "ArgumentTransformationMetadataException"
        | "AmbiguousParameterSetException"
        | "DataValidationException"
        | "ArgumentException" => FailureKind::Invalid,
        "DCOverloadedException"
        | "SuitabilityDirectoryException"
        | "ServerInMMException"
        | "ADServerSettingsChangedException"
        | "StorageTransientException"
        | "ADTransientException" => FailureKind::Unreachable,
        "OverBudgetException" => FailureKind::Throttled,
        _ => return None,
    };
    Some(kind)
}

/// Categories of `System.Management.Automation.ErrorCategory`.
fn by_category(category: &str) -> Option<FailureKind> {
    let kind = match category {
        "ObjectNotFound" => FailureKind::NotFound,
        "ResourceExists" => FailureKind::AlreadyExists,
        "PermissionDenied" | "SecurityError" => FailureKind::Denied,
        "AuthenticationError" => FailureKind::SignIn,
        "InvalidArgument" | "InvalidData" | "InvalidOperation" | "InvalidType" | "SyntaxError"
        | "ParserError" | "MetadataError" | "NotImplemented" => FailureKind::Invalid,
        "LimitsExceeded" | "QuotaExceeded" => FailureKind::Throttled,
        "ConnectionError"
        | "OperationTimeout"
        | "ResourceUnavailable"
        | "ResourceBusy"
        | "OpenError" => FailureKind::Unreachable,
        "OperationStopped" => FailureKind::Interrupted,
        "ProtocolError" | "FromStdErr" => FailureKind::Protocol,
        _ => return None,
    };
    Some(kind)
}

fn hint(kind: FailureKind, record: &ErrorRecord) -> Option<String> {
    let hint = match kind {
        FailureKind::Denied if record.exception_name() == "CommandNotFoundException" => {
            "the cmdlet does not exist there, or the account has no role that contains it"
        }
        FailureKind::Denied => "the account needs a management role that contains the cmdlet",
        FailureKind::Conflict => "name the object by its GUID",
        FailureKind::Invalid if record.exception_name() == "AmbiguousParameterSetException" => {
            "the cmdlet does not know one of the parameters, or not in this combination"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::exchange::{Error, ErrorKind, ErrorRecord};
    use crate::failure::{Failure, FailureKind};
    use crate::subject::Plane;

    fn failure(exception: &str, category: &str) -> Failure {
        let record = ErrorRecord {
            message: "The object \"evoSTS\" already exists.\r\nServer: EX01.".to_owned(),
            exception: exception.to_owned(),
            category: category.to_owned(),
            identifier: "[Server=EX01],NewAuthServer".to_owned(),
            target: String::new(),
        };
        Failure::from(Error {
            plane: Plane::OnPremises,
            cmdlet: "New-AuthServer".to_owned(),
            kind: ErrorKind::Record(record),
        })
    }

    #[test]
    fn the_failure_of_a_record_says_who_refused_what_and_why() {
        let failure = failure(
            "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException",
            "NotSpecified",
        );
        assert_eq!(failure.kind, FailureKind::AlreadyExists);
        assert_eq!(
            failure.message,
            "on-premises refused New-AuthServer: The object \"evoSTS\" already exists"
        );
        assert_eq!(
            failure.detail.as_deref(),
            Some(
                "New-AuthServer, NotSpecified, [Server=EX01],NewAuthServer, ADObjectAlreadyExistsException"
            )
        );
    }

    #[test]
    fn the_exception_decides_before_the_category() {
        let cases = [
            (
                "a.ManagementObjectNotFoundException",
                "InvalidData",
                FailureKind::NotFound,
            ),
            ("", "ResourceExists", FailureKind::AlreadyExists),
            ("System.Exception", "PermissionDenied", FailureKind::Denied),
            ("", "InvalidArgument", FailureKind::Invalid),
            ("", "", FailureKind::Invalid),
        ];
        for (exception, category, kind) in cases {
            assert_eq!(
                failure(exception, category).kind,
                kind,
                "{exception} {category}"
            );
        }
    }
}

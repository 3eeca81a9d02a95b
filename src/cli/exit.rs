//! [`ExitCode`]: what a command came to, for programs that call this one.

use crate::failure::{Failure, FailureKind};

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode(u8);

impl ExitCode {
    /// Done, or nothing to do.
    pub const DONE: Self = Self(0);
    /// Something failed; nothing was changed.
    pub const FAILED: Self = Self(1);
    /// The command line, an input, a script or the organization file is wrong.
    pub const WRONG_INPUT: Self = Self(2);
    /// `--plan --exit-code`: there are changes.
    pub const CHANGES: Self = Self(3);
    /// A verification answered no.
    pub const REFUTED: Self = Self(4);
    /// Partly applied: the report names what is done and the command that resumes.
    pub const PARTLY_APPLIED: Self = Self(5);
    /// Refused: the present state is not the one that was planned for.
    pub const CONFLICT: Self = Self(6);
    /// Interrupted by Ctrl-C; the journal is closed, the run can be resumed.
    pub const INTERRUPTED: Self = Self(130);
    /// Asked by the system to end; the journal is closed, the run can be resumed.
    pub const TERMINATED: Self = Self(143);

    /// The code of a failure, given how many writes went out before it.
    ///
    /// Once something was written, that is what the caller must know, whatever stopped the run; only an interruption
    /// keeps its own code, since the caller caused it.
    pub fn of(failure: &Failure, writes: usize) -> Self {
        match failure.kind {
            FailureKind::Interrupted => Self::INTERRUPTED,
            _ if writes > 0 => Self::PARTLY_APPLIED,
            FailureKind::Input => Self::WRONG_INPUT,
            FailureKind::Check => Self::REFUTED,
            FailureKind::Conflict => Self::CONFLICT,
            FailureKind::SignIn
            | FailureKind::Denied
            | FailureKind::NotFound
            | FailureKind::AlreadyExists
            | FailureKind::Invalid
            | FailureKind::Throttled
            | FailureKind::Unreachable
            | FailureKind::Protocol
            | FailureKind::OtherHalf
            | FailureKind::Internal => Self::FAILED,
        }
    }

    /// The number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// What the number means, for the JSON report.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::DONE => "done, or nothing to do",
            Self::WRONG_INPUT => {
                "the command line, an input, a script or the organization file is wrong"
            }
            Self::CHANGES => "there are changes",
            Self::REFUTED => "a verification answered no, or could not be asked",
            Self::PARTLY_APPLIED => "partly applied",
            Self::CONFLICT => "refused: the present state is not the one that was planned for",
            Self::INTERRUPTED | Self::TERMINATED => "interrupted",
            _ => "something failed; nothing was changed",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        code.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_decides_unless_the_user_interrupted() {
        let codes = |kind| {
            let failure = Failure::new(kind, "x");
            [ExitCode::of(&failure, 0), ExitCode::of(&failure, 2)].map(ExitCode::number)
        };
        assert_eq!(codes(FailureKind::Input), [2, 5]);
        assert_eq!(codes(FailureKind::Unreachable), [1, 5]);
        assert_eq!(codes(FailureKind::Conflict), [6, 5]);
        assert_eq!(codes(FailureKind::Check), [4, 5]);
        assert_eq!(codes(FailureKind::Interrupted), [130, 130]);
    }
}

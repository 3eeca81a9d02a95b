//! [`MessageType`]: what the data of a message means, which errors name as well.

use crate::remoting::psrp::code::coded;

coded! {
    /// What a message means: MS-PSRP 2.2.1 has the numbers, 2.2.2.1 to 2.2.2.31 the messages in the order of that table.
    MessageType: u32 {
        SessionCapability = 0x0001_0002,
        InitRunspacePool = 0x0001_0004,
        PublicKey = 0x0001_0005,
        EncryptedSessionKey = 0x0001_0006,
        PublicKeyRequest = 0x0001_0007,
        ConnectRunspacePool = 0x0001_0008,
        SetMaxRunspaces = 0x0002_1002,
        SetMinRunspaces = 0x0002_1003,
        RunspaceAvailability = 0x0002_1004,
        RunspacePoolState = 0x0002_1005,
        CreatePipeline = 0x0002_1006,
        GetAvailableRunspaces = 0x0002_1007,
        UserEvent = 0x0002_1008,
        ApplicationPrivateData = 0x0002_1009,
        GetCommandMetadata = 0x0002_100A,
        RunspacePoolInitData = 0x0002_100B,
        ResetRunspaceState = 0x0002_100C,
        RunspacePoolHostCall = 0x0002_1100,
        RunspacePoolHostResponse = 0x0002_1101,
        PipelineInput = 0x0004_1002,
        EndOfPipelineInput = 0x0004_1003,
        PipelineOutput = 0x0004_1004,
        ErrorRecord = 0x0004_1005,
        PipelineState = 0x0004_1006,
        DebugRecord = 0x0004_1007,
        VerboseRecord = 0x0004_1008,
        WarningRecord = 0x0004_1009,
        ProgressRecord = 0x0004_1010,
        InformationRecord = 0x0004_1011,
        PipelineHostCall = 0x0004_1100,
        PipelineHostResponse = 0x0004_1101,
    }
}

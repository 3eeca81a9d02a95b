//! The runspace pool: what both sides say to each other when it is opened, and the states it goes through.
//!
//! Look at [`PoolState`] first. How the messages travel is the business of `client` and `server`.

use crate::remoting::clixml::{Content, Object, Value};
use crate::remoting::psrp::code::coded;
use crate::remoting::psrp::data::Data;
use crate::remoting::psrp::error::Error;
use crate::remoting::psrp::host::HostInfo;
use std::fmt;

coded! {
    /// The state of a runspace pool (MS-PSRP 2.2.3.4).
    PoolState: i32 {
        BeforeOpen = 0,
        Opening = 1,
        Opened = 2,
        Closed = 3,
        Closing = 4,
        Broken = 5,
        NegotiationSent = 6,
        NegotiationSucceeded = 7,
        Connecting = 8,
        Disconnected = 9,
    }
}

/// A version of the PowerShell remoting protocol (MS-PSRP 2.2.2.1, protocolversion).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProtocolVersion {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

impl ProtocolVersion {
    /// The version of PowerShell 2.0.
    pub const V2_1: Self = Self { major: 2, minor: 1 };
    /// The version of PowerShell 3.0 and 4.0, which can merge all streams.
    pub const V2_2: Self = Self { major: 2, minor: 2 };
    /// The version of PowerShell 5.0 and later, which has the information stream.
    pub const V2_3: Self = Self { major: 2, minor: 3 };

    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(str::parse::<u32>);
        Some(Self {
            major: numbers.next()?.ok()?,
            minor: numbers.next()?.ok()?,
        })
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// What a side can do (MS-PSRP 2.2.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The version of the protocol.
    pub protocol: ProtocolVersion,
    /// The version of PowerShell, which says nothing about the real one.
    pub powershell: String,
    /// The version of the serialization.
    pub serialization: String,
}

impl Capability {
    pub(crate) fn ours(protocol: ProtocolVersion) -> Self {
        Self {
            protocol,
            powershell: "2.0".to_owned(),
            serialization: "1.1.0.1".to_owned(),
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        Object::new()
            .with_extended("PSVersion", Value::Version(self.powershell.clone()))
            .with_extended("protocolversion", Value::Version(self.protocol.to_string()))
            .with_extended(
                "SerializationVersion",
                Value::Version(self.serialization.clone()),
            )
            .into()
    }

    pub(crate) fn read(data: Data<'_>) -> Result<Self, Error> {
        let version = |name| {
            data.optional_text(name)
                .ok_or_else(|| data.lacks(name, "a version"))
        };
        let protocol = version("protocolversion")?;
        Ok(Self {
            protocol: ProtocolVersion::parse(&protocol)
                .ok_or(Error::Version { found: protocol })?,
            powershell: version("PSVersion")?,
            serialization: version("SerializationVersion")?,
        })
    }
}

/// How a runspace pool is to be opened (MS-PSRP 2.2.2.2).
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// The smallest number of runspaces.
    pub min_runspaces: i32,
    /// The largest number of runspaces, which is how many pipelines can run at once.
    pub max_runspaces: i32,
    /// What the client's host can do.
    pub host: HostInfo,
    /// What the client's application tells the server's; a dictionary.
    pub application_arguments: Value,
}

impl Opening {
    pub(crate) fn to_value(&self) -> Value {
        Object::new()
            .with_extended("MinRunspaces", self.min_runspaces)
            .with_extended("MaxRunspaces", self.max_runspaces)
            .with_extended(
                "PSThreadOptions",
                Value::enumeration(
                    "System.Management.Automation.Runspaces.PSThreadOptions",
                    "Default",
                    0,
                ),
            )
            .with_extended("ApartmentState", unknown_apartment())
            .with_extended("HostInfo", self.host.to_value())
            .with_extended("ApplicationArguments", self.application_arguments.clone())
            .into()
    }

    pub(crate) fn read(data: Data<'_>) -> Result<Self, Error> {
        Ok(Self {
            min_runspaces: data.small_number("MinRunspaces")?,
            max_runspaces: data.small_number("MaxRunspaces")?,
            host: HostInfo::read(data.inside(data.value("HostInfo")?))?,
            application_arguments: data
                .optional("ApplicationArguments")
                .cloned()
                .unwrap_or_default(),
        })
    }
}

/// `ApartmentState.Unknown` (MS-PSRP 2.2.3.7): the server's threads are the server's business.
pub(crate) fn unknown_apartment() -> Value {
    Value::enumeration("System.Threading.ApartmentState", "Unknown", 2)
}

/// A dictionary as it travels in messages of the pool (MS-PSRP 2.2.3.18).
pub(crate) fn primitive_dictionary(entries: Vec<(Value, Value)>) -> Value {
    Object::new()
        .with_type_names([
            "System.Management.Automation.PSPrimitiveDictionary",
            "System.Collections.Hashtable",
            "System.Object",
        ])
        .with_content(Content::Dictionary(entries))
        .into()
}

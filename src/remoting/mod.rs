//! PowerShell remoting without I/O: bytes in, bytes and events out.
//!
//! Nothing here opens a connection, waits, or asks for the time, an identifier or chance: those are arguments. So the
//! same code serves a client and a server. [`clixml`] is how objects are written down, start at [`clixml::Value`];
//! [`psrp`] is how commands are run, start at [`psrp::Client`];
//! [`wsman`] is how the protocol's bytes travel in HTTP bodies, start at [`wsman::Session`];
//! [`scripts`] are the few scripts that are ever run.

pub mod clixml;
pub mod psrp;
pub mod scripts;
pub mod wsman;

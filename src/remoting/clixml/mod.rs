//! CLIXML: PowerShell objects as XML, as in remoting messages and `Export-Clixml` files (MS-PSRP 2.2.5).
//!
//! Nothing that was on the wire is lost: `ToString`, adapted and extended properties apart, empty lists, type names,
//! sharing. It is not a general XML reader, and it does not turn objects into .NET objects. Look at [`Value`] first.

mod value;

pub use value::{Content, Name, Object, Progress, Properties, TypeNames, Value};

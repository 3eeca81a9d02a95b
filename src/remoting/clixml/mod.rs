//! CLIXML: PowerShell objects as XML, as in remoting messages and `Export-Clixml` files (MS-PSRP 2.2.5).
//!
//! Nothing that was on the wire is lost: `ToString`, adapted and extended properties apart, empty lists, type names,
//! sharing. It is not a general XML reader, and it does not turn objects into .NET objects. Look at [`Value`] first,
//! then at [`read`] and [`write`].
//!
//! ```
//! use exoauth::remoting::clixml::{Limits, read, write};
//!
//! let values = read(b"<Obj RefId=\"0\"><MS><S N=\"Name\">EvoSts</S></MS></Obj>", &Limits::default())?;
//! let name = values[0].property("name").and_then(|name| name.as_text());
//! assert_eq!(name, Some("EvoSts"));
//! assert_eq!(write(&values[0]), r#"<Obj RefId="0"><MS><S N="Name">EvoSts</S></MS></Obj>"#);
//! # Ok::<(), exoauth::remoting::clixml::Error>(())
//! ```

mod error;
mod read;
mod text;
mod value;
mod write;
mod xml;

pub use error::{Error, ErrorKind};
pub use read::{Limits, Names, read, read_next, read_str};
pub use value::{Content, Name, Object, Progress, Properties, TypeNames, Value};
pub use write::{write, write_document};

/// The namespace of `Export-Clixml` documents; remoting messages have none.
const NAMESPACE: &str = "http://schemas.microsoft.com/powershell/2004/04";

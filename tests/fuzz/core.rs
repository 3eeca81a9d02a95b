//! The quiet core with the fuzz targets.


#[path = "../../src/remoting/mod.rs"]
pub mod remoting;

extern crate self as exoauth;

pub mod targets;

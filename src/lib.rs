#![doc = include_str!("README.md")]

pub mod certificate;
pub mod clock;
pub mod cloud;
pub mod entra;
pub mod exchange;
pub mod failure;
pub mod graph;
pub mod http;
pub mod native;
pub mod organization;
pub mod remoting;
pub mod report;
pub mod secret;
pub mod session;
pub mod subject;
pub mod value;

//! The addresses of the chosen cloud, as scripts see them: `cloud`.

use super::options::Entry;
use super::{Thrown, throw};
use crate::cloud::Cell;
use crate::failure::Failure;
use crate::session::Session;
use crate::value::{Object, Value};
use crate::words::{did_you_mean, quoted};
use rhai::plugin::*;
use std::sync::Arc;

/// The cloud of the organization, as scripts hold it.
#[derive(Clone)]
pub struct CloudHandle {
    session: Arc<Session>,
}

impl CloudHandle {
    /// The handle of the organization's cloud.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    fn property(&self, name: &str) -> Result<Dynamic, Failure> {
        match (name, Cell::from_key(name)) {
            ("tenant", _) => Ok(self.session.organization().tenant.as_str().into()),
            ("name", _) => Ok(self.session.addresses()?.cloud().word().into()),
            ("graph_flow", _) => Ok(self.session.addresses()?.cloud().entry().graph_flow.into()),
            (_, Some(Cell::AcsMetadata | Cell::StsMetadata)) => Err(Failure::input(format!(
                "cloud.{name} depends on the tenant"
            ))
            .with_hint(format!("write cloud.{name}(cloud.tenant)"))),
            (_, Some(cell)) => self
                .session
                .addresses()?
                .get(cell)
                .map(|address| address.into())
                .map_err(Failure::from),
            (_, None) => Err(no_such_property(name)),
        }
    }

    /// What is known of it, for people: the name, the tenant, and the addresses.
    ///
    /// # Errors
    ///
    /// When the cloud of the organization is not known.
    pub fn describe(&self) -> Result<Object, Failure> {
        let addresses = self.session.addresses()?;
        let mut object = Object::new();
        object.insert("name".to_owned(), addresses.cloud().word().into());
        let tenant = self.session.organization().tenant.clone();
        object.insert("tenant".to_owned(), tenant.into());
        for cell in Cell::ALL {
            let address = addresses.get(cell).map_or(Value::Null, Value::from);
            object.insert(cell.key().to_owned(), address);
        }
        Ok(object)
    }

    fn metadata(&self, cell: Cell, tenant: &str) -> Result<String, Failure> {
        self.session
            .addresses()?
            .for_tenant(cell, tenant)
            .map_err(Failure::from)
    }
}

/// The failure of asking `cloud` for what it does not have.
pub(crate) fn no_such_property(name: &str) -> Failure {
    let known: Vec<&str> = properties().collect();
    let all = || format!("it has {}", quoted(&known));
    let hint = did_you_mean(name, known.iter().copied()).unwrap_or_else(all);
    Failure::input(format!("cloud has no \"{name}\"")).with_hint(hint)
}

/// The names that `cloud` knows something under.
pub fn properties() -> impl Iterator<Item = &'static str> {
    let own = ["tenant", "name", "graph_flow"];
    own.into_iter().chain(Cell::ALL.map(Cell::key))
}

/// The functions of this file.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::plain("acs_metadata"),
    Entry::plain("sts_metadata"),
    Entry::plain("is_microsoft_address"),
];

#[export_module]
pub(super) mod functions {
    #[rhai_fn(global, index_get, return_raw, pure)]
    pub fn property(cloud: &mut CloudHandle, name: &str) -> Thrown<Dynamic> {
        cloud.property(name).map_err(throw)
    }

    /// Says whether an address is one of Exchange Online, in any cloud.
    ///
    /// ```rhai
    /// for one in onprem.get_organization_relationship() {
    ///     if cloud.is_microsoft_address(one.target_autodiscover_epr) { say(one.name) }
    /// }
    /// ```
    #[rhai_fn(global, pure)]
    pub fn is_microsoft_address(_cloud: &mut CloudHandle, address: Dynamic) -> bool {
        let address = address.as_immutable_string_ref();
        address.is_ok_and(|address| crate::cloud::is_microsoft_address(address.as_str()))
    }

    /// Gives the address of the metadata document of the Access Control Service for a tenant.
    ///
    /// A cloud whose address nobody documents needs `acs_metadata` under `[endpoints]` in the organization file.
    ///
    /// ```rhai
    /// say(cloud.acs_metadata(cloud.tenant));
    /// ```
    #[rhai_fn(global, pure, return_raw)]
    pub fn acs_metadata(cloud: &mut CloudHandle, tenant: &str) -> Thrown<String> {
        cloud.metadata(Cell::AcsMetadata, tenant).map_err(throw)
    }

    /// Gives the address of the federation metadata document of the security token service for a tenant.
    ///
    /// A cloud whose address nobody documents needs `sts_metadata` under `[endpoints]` in the organization file.
    ///
    /// ```rhai
    /// say(cloud.sts_metadata(cloud.tenant));
    /// ```
    #[rhai_fn(global, pure, return_raw)]
    pub fn sts_metadata(cloud: &mut CloudHandle, tenant: &str) -> Thrown<String> {
        cloud.metadata(Cell::StsMetadata, tenant).map_err(throw)
    }
}

//! Virtual directories: under which addresses each server answers, by protocol; with Outlook Anywhere and the client
//! access services, which say the same in other words.

use super::options::{self, Entry};
use super::{Exchange, Target, Thrown};
use crate::exchange::Cmdlet;
use crate::subject::{Effect, Plane};
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

/// The parameters of a `Get-` cmdlet of one kind of virtual directory.
macro_rules! directory {
    ($parameters:ident, $cmdlet:literal) => {
        #[doc = concat!("Parameters of `", $cmdlet, "`.")]
        #[derive(Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
        struct $parameters {
            server: Option<String>,
            #[serde(rename(serialize = "ADPropertiesOnly"))]
            ad_properties_only: Option<bool>,
        }

        impl Cmdlet for $parameters {
            const NAME: &'static str = $cmdlet;
            const EFFECT: Effect = Effect::Read;
            const PLANES: &'static [Plane] = &[Plane::OnPremises];
        }
    };
}

directory!(WebServices, "Get-WebServicesVirtualDirectory");
directory!(Autodiscover, "Get-AutodiscoverVirtualDirectory");
directory!(Mapi, "Get-MapiVirtualDirectory");
directory!(Oab, "Get-OabVirtualDirectory");
directory!(Owa, "Get-OwaVirtualDirectory");
directory!(Ecp, "Get-EcpVirtualDirectory");
directory!(ActiveSync, "Get-ActiveSyncVirtualDirectory");
directory!(OutlookAnywhere, "Get-OutlookAnywhere");

/// Parameters of `Get-ClientAccessService`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientAccessService {}

impl Cmdlet for ClientAccessService {
    const NAME: &'static str = "Get-ClientAccessService";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = &[Plane::OnPremises];
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::of::<WebServices>("get_web_services_virtual_directory"),
    Entry::of::<Autodiscover>("get_autodiscover_virtual_directory"),
    Entry::of::<Mapi>("get_mapi_virtual_directory"),
    Entry::of::<Oab>("get_oab_virtual_directory"),
    Entry::of::<Owa>("get_owa_virtual_directory"),
    Entry::of::<Ecp>("get_ecp_virtual_directory"),
    Entry::of::<ActiveSync>("get_active_sync_virtual_directory"),
    Entry::of::<OutlookAnywhere>("get_outlook_anywhere"),
    Entry::bare::<ClientAccessService>("get_client_access_service"),
];

#[export_module]
pub(super) mod functions {
    /// Gives the virtual directories of Exchange Web Services, one for each server.
    ///
    /// * `server`: the server whose directories are given; those of all when left out.
    /// * `ad_properties_only`: reads Active Directory and does not ask the web servers: much faster, and enough for
    ///   addresses.
    ///
    /// ```rhai
    /// for directory in onprem.get_web_services_virtual_directory(#{ ad_properties_only: true }) {
    ///     say(`${directory.server}: ${directory.internal_url}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_web_services_virtual_directory(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<Array> {
        let cmdlet = options::read::<WebServices>(&call, options)?;
        organization.list(&call, Target::All, &cmdlet)
    }

    #[rhai_fn(
        global,
        name = "get_web_services_virtual_directory",
        pure,
        return_raw,
        volatile
    )]
    pub fn all_web_services(call: NativeCallContext, organization: &mut Exchange) -> Thrown<Array> {
        organization.list(&call, Target::All, &WebServices::default())
    }

    /// Gives the virtual directories of Autodiscover, one for each server.
    ///
    /// * `server`: the server whose directories are given; those of all when left out.
    /// * `ad_properties_only`: reads Active Directory and does not ask the web servers: much faster, and enough for
    ///   addresses.
    ///
    /// ```rhai
    /// for directory in onprem.get_autodiscover_virtual_directory(#{ ad_properties_only: true }) {
    ///     say(`${directory.server}: ${directory.internal_url}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_autodiscover_virtual_directory(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<Array> {
        let cmdlet = options::read::<Autodiscover>(&call, options)?;
        organization.list(&call, Target::All, &cmdlet)
    }

    #[rhai_fn(
        global,
        name = "get_autodiscover_virtual_directory",
        pure,
        return_raw,
        volatile
    )]
    pub fn all_autodiscover(call: NativeCallContext, organization: &mut Exchange) -> Thrown<Array> {
        organization.list(&call, Target::All, &Autodiscover::default())
    }

    /// Gives the virtual directories of MAPI over HTTP, one for each server.
    ///
    /// * `server`: the server whose directories are given; those of all when left out.
    /// * `ad_properties_only`: reads Active Directory and does not ask the web servers: much faster, and enough for
    ///   addresses.
    ///
    /// ```rhai
    /// for directory in onprem.get_mapi_virtual_directory(#{ ad_properties_only: true }) {
    ///     say(`${directory.server}: ${directory.internal_url}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_mapi_virtual_directory(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<Array> {
        let cmdlet = options::read::<Mapi>(&call, options)?;
        organization.list(&call, Target::All, &cmdlet)
    }

    #[rhai_fn(
        global,
        name = "get_mapi_virtual_directory",
        pure,
        return_raw,
        volatile
    )]
    pub fn all_mapi(call: NativeCallContext, organization: &mut Exchange) -> Thrown<Array> {
        organization.list(&call, Target::All, &Mapi::default())
    }

    /// Gives the virtual directories of the offline address book, one for each server.
    ///
    /// * `server`: the server whose directories are given; those of all when left out.
    /// * `ad_properties_only`: reads Active Directory and does not ask the web servers: much faster, and enough for
    ///   addresses.
    ///
    /// ```rhai
    /// for directory in onprem.get_oab_virtual_directory(#{ ad_properties_only: true }) {
    ///     say(`${directory.server}: ${directory.internal_url}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_oab_virtual_directory(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<Array> {
        let cmdlet = options::read::<Oab>(&call, options)?;
        organization.list(&call, Target::All, &cmdlet)
    }

    #[rhai_fn(global, name = "get_oab_virtual_directory", pure, return_raw, volatile)]
    pub fn all_oab(call: NativeCallContext, organization: &mut Exchange) -> Thrown<Array> {
        organization.list(&call, Target::All, &Oab::default())
    }

    /// Gives the virtual directories of Outlook on the web, one for each server.
    ///
    /// * `server`: the server whose directories are given; those of all when left out.
    /// * `ad_properties_only`: reads Active Directory and does not ask the web servers: much faster, and enough for
    ///   addresses.
    ///
    /// ```rhai
    /// for directory in onprem.get_owa_virtual_directory(#{ ad_properties_only: true }) {
    ///     say(`${directory.server}: ${directory.internal_url}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_owa_virtual_directory(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<Array> {
        let cmdlet = options::read::<Owa>(&call, options)?;
        organization.list(&call, Target::All, &cmdlet)
    }

    #[rhai_fn(global, name = "get_owa_virtual_directory", pure, return_raw, volatile)]
    pub fn all_owa(call: NativeCallContext, organization: &mut Exchange) -> Thrown<Array> {
        organization.list(&call, Target::All, &Owa::default())
    }

    /// Gives the virtual directories of the Exchange admin center, one for each server.
    ///
    /// * `server`: the server whose directories are given; those of all when left out.
    /// * `ad_properties_only`: reads Active Directory and does not ask the web servers: much faster, and enough for
    ///   addresses.
    ///
    /// ```rhai
    /// for directory in onprem.get_ecp_virtual_directory(#{ ad_properties_only: true }) {
    ///     say(`${directory.server}: ${directory.internal_url}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_ecp_virtual_directory(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<Array> {
        let cmdlet = options::read::<Ecp>(&call, options)?;
        organization.list(&call, Target::All, &cmdlet)
    }

    #[rhai_fn(global, name = "get_ecp_virtual_directory", pure, return_raw, volatile)]
    pub fn all_ecp(call: NativeCallContext, organization: &mut Exchange) -> Thrown<Array> {
        organization.list(&call, Target::All, &Ecp::default())
    }

    /// Gives the virtual directories of Exchange ActiveSync, one for each server.
    ///
    /// * `server`: the server whose directories are given; those of all when left out.
    /// * `ad_properties_only`: reads Active Directory and does not ask the web servers: much faster, and enough for
    ///   addresses.
    ///
    /// ```rhai
    /// for directory in onprem.get_active_sync_virtual_directory(#{ ad_properties_only: true }) {
    ///     say(`${directory.server}: ${directory.internal_url}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_active_sync_virtual_directory(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<Array> {
        let cmdlet = options::read::<ActiveSync>(&call, options)?;
        organization.list(&call, Target::All, &cmdlet)
    }

    #[rhai_fn(
        global,
        name = "get_active_sync_virtual_directory",
        pure,
        return_raw,
        volatile
    )]
    pub fn all_active_sync(call: NativeCallContext, organization: &mut Exchange) -> Thrown<Array> {
        organization.list(&call, Target::All, &ActiveSync::default())
    }

    /// Gives the settings of Outlook Anywhere, one for each server; they have host names instead of addresses.
    ///
    /// * `server`: the server whose directories are given; those of all when left out.
    /// * `ad_properties_only`: reads Active Directory and does not ask the web servers: much faster, and enough for
    ///   addresses.
    ///
    /// ```rhai
    /// for directory in onprem.get_outlook_anywhere(#{ ad_properties_only: true }) {
    ///     say(`${directory.server}: ${directory.internal_hostname}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_outlook_anywhere(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<Array> {
        let cmdlet = options::read::<OutlookAnywhere>(&call, options)?;
        organization.list(&call, Target::All, &cmdlet)
    }

    #[rhai_fn(global, name = "get_outlook_anywhere", pure, return_raw, volatile)]
    pub fn all_outlook_anywhere(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Array> {
        organization.list(&call, Target::All, &OutlookAnywhere::default())
    }

    /// Gives the client access service of each server, with its Autodiscover address in Active Directory.
    ///
    /// Exchange 2013 has it as `Get-ClientAccessServer` only.
    ///
    /// ```rhai
    /// for server in onprem.get_client_access_service() {
    ///     say(`${server.name}: ${server.auto_discover_service_internal_uri}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_client_access_service(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Array> {
        organization.list(&call, Target::All, &ClientAccessService {})
    }

    #[rhai_fn(global, name = "get_client_access_service", pure, return_raw, volatile)]
    pub fn one_client_access_service(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<Map> {
        organization.one(&call, Target::Identity(identity), &ClientAccessService {})
    }
}

//! The table of nouns: what each plane's cmdlets know, from which most answers are computed.
//!
//! One row per noun and set of planes: its verbs, its key, its parameters and what a new object starts with. Behavior
//! that a row cannot say is a function in `rules`. Look at [`NOUNS`] first; parameters and availability follow the
//! cmdlet reference of Exchange PowerShell.

use crate::subject::Plane;

/// A set of verbs or planes, as bits.
pub type Set = u8;

/// Reads.
pub const GET: Set = 1;
/// Makes.
pub const NEW: Set = 2;
/// Changes.
pub const SET: Set = 4;
/// Removes.
pub const REMOVE: Set = 8;
/// Makes, for nouns whose cmdlet says so.
pub const ADD: Set = 16;
/// Tries out.
pub const TEST: Set = 32;

/// The organization's own servers.
pub const LOCAL: Set = 1;
/// Exchange Online.
pub const ONLINE: Set = 2;
const BOTH: Set = LOCAL | ONLINE;

/// The bit of a plane; the directory has no cmdlets.
pub fn plane_bit(plane: Plane) -> Set {
    match plane {
        Plane::OnPremises => LOCAL,
        Plane::ExchangeOnline => ONLINE,
        Plane::Entra => 0,
    }
}

/// What values a parameter takes, or a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// An absolute address.
    Uri,
    /// A truth value.
    Bool,
    /// A truth value that is true when it is named.
    Switch,
    /// A multi-valued property.
    List,
    /// A moment.
    Date,
    /// A GUID.
    Guid,
    /// One of these words; the .NET type, then the words.
    Enum(&'static str, &'static [&'static str]),
    /// The name of an object.
    Identity,
}

/// One parameter of the cmdlets of a noun.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The verbs that have it.
    pub verbs: Set,
    /// The verbs that must be given it.
    pub required: Set,
    /// The planes that have it.
    pub planes: Set,
    /// Whether it sets the property of its name; otherwise it says how to run, or a rule looks at it.
    pub sets: bool,
}

const fn parameter(name: &'static str, kind: Kind, verbs: Set) -> Parameter {
    Parameter {
        name,
        kind,
        verbs,
        required: 0,
        planes: BOTH,
        sets: true,
    }
}

impl Parameter {
    const fn must(mut self, verbs: Set) -> Self {
        self.required = verbs;
        self
    }

    const fn on(mut self, planes: Set) -> Self {
        self.planes = planes;
        self
    }

    const fn control(mut self) -> Self {
        self.sets = false;
        self
    }
}

/// What a property of a new object starts with.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// `$null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(&'static str),
    /// An empty list.
    Empty,
}

/// One noun.
#[derive(Clone, Copy, Debug)]
pub struct Noun {
    /// The noun, as cmdlets have it.
    pub name: &'static str,
    /// The planes and their verbs: first the organization's own servers, then Exchange Online.
    pub verbs: [Set; 2],
    /// The .NET type of its objects.
    pub class: &'static str,
    /// The class of the directory, such as `msExchAuthAuthServer`; empty where objects are not in the directory.
    pub directory_class: &'static str,
    /// The containers of its objects in the directory, innermost first.
    pub container: &'static str,
    /// A property besides name, GUID and distinguished name that identifies an object; empty for none.
    pub key: &'static str,
    /// Whether there is exactly one object, which is not named.
    pub single: bool,
    /// The parameters.
    pub parameters: &'static [Parameter],
    /// What a new object starts with, in the order in which a server prints it.
    pub starts: &'static [(&'static str, Start)],
}

impl Noun {
    /// The verbs that a plane has.
    pub fn verbs_on(&self, plane: Plane) -> Set {
        match plane {
            Plane::OnPremises => self.verbs[0],
            Plane::ExchangeOnline => self.verbs[1],
            Plane::Entra => 0,
        }
    }

    /// The name of the cmdlet of a verb.
    pub fn cmdlet(&self, verb: Set) -> String {
        let word = VERBS.iter().find(|(_, bit)| *bit == verb);
        format!("{}-{}", word.map_or("", |(word, _)| word), self.name)
    }
}

/// The verbs by their words.
pub const VERBS: [(&str, Set); 6] = [
    ("Get", GET),
    ("New", NEW),
    ("Set", SET),
    ("Remove", REMOVE),
    ("Add", ADD),
    ("Test", TEST),
];

const NAMED: Set = GET | SET | REMOVE;
const MAKE: Set = NEW | SET;
const IDENTITY: Parameter = parameter("Identity", Kind::Identity, NAMED)
    .must(SET | REMOVE)
    .control();

const AUTH_SERVER_TYPE: Kind = Kind::Enum(
    "Microsoft.Exchange.Data.Directory.SystemConfiguration.AuthServerType",
    &[
        "Unknown",
        "MicrosoftACS",
        "Facebook",
        "LinkedIn",
        "ADFS",
        "AzureAD",
    ],
);

const ACCOUNT_TYPE: Kind = Kind::Enum(
    "Microsoft.Exchange.Security.OAuth.AccountType",
    &["OrganizationalAccount", "ConsumerAccount"],
);

const ACCESS_METHOD: Kind = Kind::Enum(
    "Microsoft.Exchange.Data.Directory.SystemConfiguration.AvailabilityAccessMethod",
    &[
        "PerUserFB",
        "OrgWideFB",
        "PublicFolder",
        "InternalProxy",
        "OrgWideFBBasic",
        "OrgWideFBToken",
    ],
);

const FREE_BUSY_ACCESS: Kind = Kind::Enum(
    "Microsoft.Exchange.Data.Directory.SystemConfiguration.FreeBusyAccessLevel",
    &["None", "AvailabilityOnly", "LimitedDetails"],
);

const MAIL_TIPS_ACCESS: Kind = Kind::Enum(
    "Microsoft.Exchange.Data.Directory.SystemConfiguration.MailTipsAccessLevel",
    &["None", "All", "Limited"],
);

const OAUTH_SERVICE: Kind = Kind::Enum(
    "Microsoft.Exchange.Management.SystemConfigurationTasks.ModernAuthService",
    &["EWS", "AutoD", "Generic"],
);

const DIRECTORY_PARAMETERS: &[Parameter] = &[
    parameter("Identity", Kind::Identity, GET | SET)
        .must(SET)
        .control(),
    parameter("Server", Kind::Text, GET).control(),
    parameter("ADPropertiesOnly", Kind::Switch, GET).control(),
    parameter("ShowMailboxVirtualDirectories", Kind::Switch, GET).control(),
    parameter("InternalUrl", Kind::Uri, SET),
    parameter("ExternalUrl", Kind::Uri, SET),
    parameter("OAuthAuthentication", Kind::Bool, SET),
    parameter("WSSecurityAuthentication", Kind::Bool, SET),
    parameter("WindowsAuthentication", Kind::Bool, SET),
    parameter("BasicAuthentication", Kind::Bool, SET),
    parameter("MRSProxyEnabled", Kind::Bool, SET),
    parameter("IISAuthenticationMethods", Kind::List, SET),
    parameter("Force", Kind::Switch, SET).control(),
];

const CLIENT_ACCESS_PARAMETERS: &[Parameter] = &[
    parameter("Identity", Kind::Identity, GET | SET)
        .must(SET)
        .control(),
    parameter(
        "IncludeAlternateServiceAccountCredentialStatus",
        Kind::Switch,
        GET,
    )
    .control(),
    parameter(
        "IncludeAlternateServiceAccountCredentialPassword",
        Kind::Switch,
        GET,
    )
    .control(),
    parameter("AutoDiscoverServiceInternalUri", Kind::Uri, SET),
    parameter("AutoDiscoverSiteScope", Kind::List, SET),
];

const fn virtual_directory(
    name: &'static str,
    class: &'static str,
    directory_class: &'static str,
) -> Noun {
    Noun {
        name,
        verbs: [GET | SET, 0],
        class,
        directory_class,
        container: "CN=HTTP,CN=Protocols,CN={server},CN=Servers,CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups",
        key: "",
        single: false,
        parameters: DIRECTORY_PARAMETERS,
        starts: &[],
    }
}

const fn client_access(name: &'static str) -> Noun {
    Noun {
        name,
        verbs: [GET | SET, 0],
        class: "Microsoft.Exchange.Data.Directory.Management.ClientAccessServer",
        directory_class: "msExchExchangeServer",
        container: "CN=Servers,CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups",
        key: "Fqdn",
        single: false,
        parameters: CLIENT_ACCESS_PARAMETERS,
        starts: &[],
    }
}

/// The nouns.
pub const NOUNS: &[Noun] = &[
    Noun {
        name: "AuthServer",
        verbs: [GET | NEW | SET | REMOVE, GET],
        class: "Microsoft.Exchange.Data.Directory.SystemConfiguration.AuthServer",
        directory_class: "msExchAuthAuthServer",
        container: "CN=Auth Servers,CN=Auth Configuration",
        key: "",
        single: false,
        parameters: &[
            IDENTITY,
            parameter("Name", Kind::Text, MAKE).must(NEW),
            parameter("AuthMetadataUrl", Kind::Text, MAKE),
            parameter("Type", AUTH_SERVER_TYPE, NEW),
            parameter("DomainName", Kind::List, MAKE),
            parameter("Enabled", Kind::Bool, MAKE),
            parameter("GraphBaseUrl", Kind::Text, MAKE),
            parameter("ApplicationIdentifier", Kind::Text, MAKE),
            parameter("IsDefaultAuthorizationEndpoint", Kind::Bool, SET),
            parameter("TrustAnySSLCertificate", Kind::Switch, MAKE).control(),
            parameter("RefreshAuthMetadata", Kind::Switch, SET).control(),
        ],
        starts: &[
            ("IssuerIdentifier", Start::Text("")),
            ("TokenIssuingEndpoint", Start::Text("")),
            ("AuthorizationEndpoint", Start::Text("")),
            ("ApplicationIdentifier", Start::Text("")),
            ("CertificateStrings", Start::Empty),
            ("CurrentEncryptedAppSecret", Start::Null),
            ("PreviousEncryptedAppSecret", Start::Null),
            ("AuthMetadataUrl", Start::Text("")),
            ("Realm", Start::Text("")),
            ("DomainName", Start::Empty),
            ("Type", Start::Text("MicrosoftACS")),
            ("Enabled", Start::Bool(true)),
            ("IsDefaultAuthorizationEndpoint", Start::Bool(false)),
            ("GraphBaseUrl", Start::Null),
        ],
    },
    Noun {
        name: "PartnerApplication",
        verbs: [GET | NEW | SET | REMOVE, GET | NEW | SET | REMOVE],
        class: "Microsoft.Exchange.Data.Directory.SystemConfiguration.PartnerApplication",
        directory_class: "msExchAuthPartnerApplication",
        container: "CN=Partner Applications,CN=Auth Configuration",
        key: "ApplicationIdentifier",
        single: false,
        parameters: &[
            IDENTITY,
            parameter("Organization", Kind::Text, GET)
                .on(LOCAL)
                .control(),
            parameter("Name", Kind::Text, MAKE).must(NEW),
            parameter("ApplicationIdentifier", Kind::Text, MAKE),
            parameter("Enabled", Kind::Bool, MAKE),
            parameter("Realm", Kind::Text, MAKE).on(LOCAL),
            parameter("AuthMetadataUrl", Kind::Text, MAKE).on(LOCAL),
            parameter("TrustAnySSLCertificate", Kind::Switch, MAKE)
                .on(LOCAL)
                .control(),
            parameter("RefreshAuthMetadata", Kind::Switch, SET)
                .on(LOCAL)
                .control(),
            parameter("AcceptSecurityIdentifierInformation", Kind::Bool, MAKE),
            parameter("LinkedAccount", Kind::Text, MAKE),
            parameter("IssuerIdentifier", Kind::Text, MAKE),
            parameter("AccountType", ACCOUNT_TYPE, MAKE),
            parameter("AppOnlyPermissions", Kind::List, MAKE),
            parameter("ActAsPermissions", Kind::List, MAKE),
        ],
        starts: &[
            ("Enabled", Start::Bool(true)),
            ("ApplicationIdentifier", Start::Text("")),
            ("CertificateStrings", Start::Empty),
            ("AuthMetadataUrl", Start::Text("")),
            ("Realm", Start::Text("")),
            ("UseAuthServer", Start::Bool(true)),
            ("AcceptSecurityIdentifierInformation", Start::Bool(false)),
            ("LinkedAccount", Start::Null),
            ("DeploymentId", Start::Text("")),
            ("IssuerIdentifier", Start::Text("")),
            ("AccountType", Start::Text("OrganizationalAccount")),
            ("AppOnlyPermissions", Start::Null),
            ("ActAsPermissions", Start::Null),
        ],
    },
    Noun {
        name: "AuthConfig",
        verbs: [GET | SET, 0],
        class: "Microsoft.Exchange.Data.Directory.SystemConfiguration.AuthConfig",
        directory_class: "msExchAuthAuthConfig",
        container: "",
        key: "",
        single: true,
        parameters: &[
            parameter("CertificateThumbprint", Kind::Text, SET).control(),
            parameter("NewCertificateThumbprint", Kind::Text, SET).control(),
            parameter("NewCertificateEffectiveDate", Kind::Date, SET).control(),
            parameter("PublishCertificate", Kind::Switch, SET).control(),
            parameter("ClearPreviousCertificate", Kind::Switch, SET).control(),
            parameter("SkipImmediateCertificateDeployment", Kind::Switch, SET).control(),
            parameter("Server", Kind::Text, SET).control(),
            parameter("Force", Kind::Switch, SET).control(),
            parameter("ServiceName", Kind::Text, SET),
            parameter("Realm", Kind::Text, SET),
        ],
        starts: &[
            ("CurrentCertificateThumbprint", Start::Text("")),
            ("PreviousCertificateThumbprint", Start::Text("")),
            ("NextCertificateThumbprint", Start::Text("")),
            ("NextCertificateEffectiveDate", Start::Null),
            ("ServiceName", Start::Text("")),
            ("Realm", Start::Text("")),
            ("DeploymentId", Start::Text("")),
            ("IssuerIdentifier", Start::Text("")),
        ],
    },
    Noun {
        name: "ExchangeCertificate",
        verbs: [GET | NEW | REMOVE, 0],
        class: "Microsoft.Exchange.Management.SystemConfigurationTasks.ExchangeCertificate",
        directory_class: "",
        container: "",
        key: "",
        single: false,
        parameters: &[
            parameter("Identity", Kind::Identity, GET | REMOVE).control(),
            parameter("Thumbprint", Kind::Text, GET | REMOVE).control(),
            parameter("Server", Kind::Text, GET | NEW | REMOVE).control(),
            parameter("DomainName", Kind::List, GET | NEW).control(),
            parameter("SubjectName", Kind::Text, NEW).control(),
            parameter("FriendlyName", Kind::Text, NEW).control(),
            parameter("KeySize", Kind::Text, NEW).control(),
            parameter("PrivateKeyExportable", Kind::Bool, NEW).control(),
            parameter("Services", Kind::Text, NEW).control(),
            parameter("Force", Kind::Switch, NEW).control(),
        ],
        starts: &[],
    },
    Noun {
        name: "AcceptedDomain",
        verbs: [GET, GET],
        class: "Microsoft.Exchange.Data.Directory.SystemConfiguration.AcceptedDomain",
        directory_class: "msExchAcceptedDomain",
        container: "CN=Accepted Domains,CN=Transport Settings",
        key: "DomainName",
        single: false,
        parameters: &[
            parameter("Identity", Kind::Identity, GET).control(),
            parameter("ResultSize", Kind::Text, GET)
                .on(ONLINE)
                .control(),
        ],
        starts: &[
            ("DomainName", Start::Text("")),
            ("CatchAllRecipientID", Start::Null),
            ("DomainType", Start::Text("Authoritative")),
            ("MatchSubDomains", Start::Bool(false)),
            ("AddressBookEnabled", Start::Bool(true)),
            ("Default", Start::Bool(false)),
            ("EmailOnly", Start::Bool(false)),
            ("ExternallyManaged", Start::Bool(false)),
            ("AuthenticationType", Start::Null),
            ("LiveIdInstanceType", Start::Null),
            ("PendingRemoval", Start::Bool(false)),
            ("PendingCompletion", Start::Bool(false)),
            ("FederatedOrganizationLink", Start::Null),
            ("MailFlowPartner", Start::Null),
            ("OutboundOnly", Start::Bool(false)),
            ("PendingFederatedAccountNamespace", Start::Bool(false)),
            ("PendingFederatedDomain", Start::Bool(false)),
            ("IsCoexistenceDomain", Start::Bool(false)),
            ("PerimeterDuplicateDetected", Start::Bool(false)),
            ("IsDefaultFederatedDomain", Start::Bool(false)),
            ("EnableNego2Authentication", Start::Bool(false)),
            ("InitialDomain", Start::Bool(false)),
        ],
    },
    virtual_directory(
        "WebServicesVirtualDirectory",
        "Microsoft.Exchange.Data.Directory.SystemConfiguration.ADWebServicesVirtualDirectory",
        "msExchWebServicesVirtualDirectory",
    ),
    virtual_directory(
        "AutodiscoverVirtualDirectory",
        "Microsoft.Exchange.Data.Directory.SystemConfiguration.ADAutodiscoverVirtualDirectory",
        "msExchAutodiscoverVirtualDirectory",
    ),
    virtual_directory(
        "MapiVirtualDirectory",
        "Microsoft.Exchange.Data.Directory.SystemConfiguration.ADMapiVirtualDirectory",
        "msExchMapiVirtualDirectory",
    ),
    virtual_directory(
        "OabVirtualDirectory",
        "Microsoft.Exchange.Data.Directory.SystemConfiguration.ADOabVirtualDirectory",
        "msExchOABVirtualDirectory",
    ),
    virtual_directory(
        "ActiveSyncVirtualDirectory",
        "Microsoft.Exchange.Data.Directory.SystemConfiguration.ADMobileVirtualDirectory",
        "msExchMobileVirtualDirectory",
    ),
    virtual_directory(
        "OwaVirtualDirectory",
        "Microsoft.Exchange.Data.Directory.SystemConfiguration.ADOwaVirtualDirectory",
        "msExchOWAVirtualDirectory",
    ),
    virtual_directory(
        "EcpVirtualDirectory",
        "Microsoft.Exchange.Data.Directory.SystemConfiguration.ADEcpVirtualDirectory",
        "msExchECPVirtualDirectory",
    ),
    virtual_directory(
        "OutlookAnywhere",
        "Microsoft.Exchange.Data.Directory.SystemConfiguration.ADRpcHttpVirtualDirectory",
        "msExchRpcHttpVirtualDirectory",
    ),
    client_access("ClientAccessServer"),
    client_access("ClientAccessService"),
    Noun {
        name: "ExchangeServer",
        verbs: [GET, 0],
        class: "Microsoft.Exchange.Data.Directory.Management.ExchangeServer",
        directory_class: "msExchExchangeServer",
        container: "CN=Servers,CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups",
        key: "Fqdn",
        single: false,
        parameters: &[
            parameter("Identity", Kind::Identity, GET).control(),
            parameter("Domain", Kind::Text, GET).control(),
            parameter("Status", Kind::Switch, GET).control(),
        ],
        starts: &[],
    },
    Noun {
        name: "IntraOrganizationConnector",
        verbs: [GET | NEW | SET | REMOVE, GET | NEW | SET | REMOVE],
        class: "Microsoft.Exchange.Data.Directory.SystemConfiguration.IntraOrganizationConnector",
        directory_class: "msExchIntraOrganizationConnector",
        container: "CN=Intra Organization Connectors",
        key: "",
        single: false,
        parameters: &[
            IDENTITY,
            parameter("Name", Kind::Text, NEW).must(NEW),
            parameter("DiscoveryEndpoint", Kind::Uri, MAKE).must(NEW),
            parameter("TargetAddressDomains", Kind::List, MAKE).must(NEW),
            parameter("Enabled", Kind::Bool, MAKE),
            parameter("TargetSharingEpr", Kind::Uri, MAKE).on(ONLINE),
        ],
        starts: &[
            ("TargetAddressDomains", Start::Empty),
            ("DiscoveryEndpoint", Start::Null),
            ("TargetSharingEpr", Start::Null),
            ("Enabled", Start::Bool(true)),
        ],
    },
    Noun {
        name: "IntraOrganizationConfiguration",
        verbs: [GET, GET],
        class: "Microsoft.Exchange.Management.IntraOrganizationConfiguration",
        directory_class: "",
        container: "",
        key: "",
        single: true,
        parameters: &[parameter("OrganizationGuid", Kind::Guid, GET)
            .on(ONLINE)
            .control()],
        starts: &[],
    },
    Noun {
        name: "AvailabilityAddressSpace",
        verbs: [ADD | GET | REMOVE, ADD | GET | REMOVE],
        class: "Microsoft.Exchange.Data.Directory.SystemConfiguration.AvailabilityAddressSpace",
        directory_class: "msExchAvailabilityAddressSpace",
        container: "CN=Availability Configuration",
        key: "ForestName",
        single: false,
        parameters: &[
            parameter("Identity", Kind::Identity, GET | REMOVE)
                .must(REMOVE)
                .control(),
            parameter("ForestName", Kind::Text, ADD).must(ADD),
            parameter("AccessMethod", ACCESS_METHOD, ADD).must(ADD),
            parameter("ProxyUrl", Kind::Uri, ADD).on(LOCAL),
            parameter("UseServiceAccount", Kind::Bool, ADD).on(LOCAL),
            parameter("Credentials", Kind::Text, ADD).control(),
            parameter("TargetAutodiscoverEpr", Kind::Uri, ADD),
            parameter("TargetServiceEpr", Kind::Text, ADD).on(ONLINE),
            parameter("TargetTenantId", Kind::Text, ADD).on(ONLINE),
        ],
        starts: &[
            ("ForestName", Start::Text("")),
            ("UserName", Start::Text("")),
            ("UseServiceAccount", Start::Bool(false)),
            ("AccessMethod", Start::Text("PerUserFB")),
            ("ProxyUrl", Start::Null),
            ("TargetAutodiscoverEpr", Start::Null),
            ("TargetServiceEpr", Start::Null),
            ("TargetTenantId", Start::Null),
        ],
    },
    Noun {
        name: "OrganizationRelationship",
        verbs: [GET | NEW | SET | REMOVE, GET | NEW | SET | REMOVE],
        class: "Microsoft.Exchange.Data.Directory.SystemConfiguration.OrganizationRelationship",
        directory_class: "msExchFedSharingRelationship",
        container: "CN=Federation",
        key: "",
        single: false,
        parameters: &[
            IDENTITY,
            parameter("Name", Kind::Text, MAKE).must(NEW),
            parameter("DomainNames", Kind::List, MAKE).must(NEW),
            parameter("Enabled", Kind::Bool, MAKE),
            parameter("FreeBusyAccessEnabled", Kind::Bool, MAKE),
            parameter("FreeBusyAccessLevel", FREE_BUSY_ACCESS, MAKE),
            parameter("FreeBusyAccessScope", Kind::Text, MAKE),
            parameter("MailboxMoveEnabled", Kind::Bool, MAKE),
            parameter("DeliveryReportEnabled", Kind::Bool, MAKE),
            parameter("MailTipsAccessEnabled", Kind::Bool, MAKE),
            parameter("MailTipsAccessLevel", MAIL_TIPS_ACCESS, MAKE),
            parameter("MailTipsAccessScope", Kind::Text, MAKE),
            parameter("PhotosEnabled", Kind::Bool, MAKE),
            parameter("ArchiveAccessEnabled", Kind::Bool, MAKE),
            parameter("OAuthApplicationId", Kind::Text, MAKE).on(ONLINE),
            parameter("TargetApplicationUri", Kind::Text, MAKE),
            parameter("TargetSharingEpr", Kind::Uri, MAKE),
            parameter("TargetOwaURL", Kind::Uri, MAKE),
            parameter("TargetAutodiscoverEpr", Kind::Uri, MAKE),
            parameter("OrganizationContact", Kind::Text, MAKE),
            parameter("Force", Kind::Switch, SET).control(),
        ],
        starts: &[
            ("DomainNames", Start::Empty),
            ("FreeBusyAccessEnabled", Start::Bool(false)),
            ("FreeBusyAccessLevel", Start::Text("None")),
            ("FreeBusyAccessScope", Start::Null),
            ("MailboxMoveEnabled", Start::Bool(false)),
            ("MailboxMoveCapability", Start::Text("None")),
            ("MailboxMovePublishedScopes", Start::Empty),
            ("IdentityMoveEnabled", Start::Bool(false)),
            ("IdentityMoveCapability", Start::Text("None")),
            ("IdentityMovePublishedScopes", Start::Empty),
            ("PeopleSearchEnabled", Start::Bool(false)),
            ("PeopleSearchCapability", Start::Text("None")),
            ("PeopleSearchPublishedScopes", Start::Empty),
            ("OAuthApplicationId", Start::Null),
            ("DeliveryReportEnabled", Start::Bool(false)),
            ("MailTipsAccessEnabled", Start::Bool(false)),
            ("MailTipsAccessLevel", Start::Text("None")),
            ("MailTipsAccessScope", Start::Null),
            ("PhotosEnabled", Start::Bool(false)),
            ("ArchiveAccessEnabled", Start::Bool(false)),
            ("TargetApplicationUri", Start::Null),
            ("TargetSharingEpr", Start::Null),
            ("TargetOwaURL", Start::Null),
            ("TargetAutodiscoverEpr", Start::Null),
            ("OrganizationContact", Start::Null),
            ("Enabled", Start::Bool(true)),
        ],
    },
    Noun {
        name: "OrganizationConfig",
        verbs: [GET | SET, GET | SET],
        class: "Microsoft.Exchange.Data.Directory.Management.OrganizationConfig",
        directory_class: "msExchOrganizationContainer",
        container: "",
        key: "",
        single: true,
        parameters: &[
            parameter("RetrieveEwsOperationAccessPolicy", Kind::Switch, GET)
                .on(ONLINE)
                .control(),
            parameter("OAuth2ClientProfileEnabled", Kind::Bool, SET),
            parameter("EwsEnabled", Kind::Bool, SET),
            parameter("EwsAllowedAppIDs", Kind::Text, SET).on(ONLINE),
            parameter("Force", Kind::Switch, SET).control(),
        ],
        starts: &[],
    },
    Noun {
        name: "OnPremisesOrganization",
        verbs: [0, GET],
        class: "Microsoft.Exchange.Data.Directory.SystemConfiguration.OnPremisesOrganization",
        directory_class: "msExchOnPremisesOrganization",
        container: "CN=On-Premises Organization",
        key: "OrganizationGuid",
        single: false,
        parameters: &[parameter("Identity", Kind::Identity, GET).control()],
        starts: &[],
    },
    Noun {
        name: "SettingOverride",
        verbs: [GET | NEW | SET | REMOVE, 0],
        class: "Microsoft.Exchange.Data.Directory.SystemConfiguration.ConfigurationSettings.SettingOverride",
        directory_class: "msExchConfigSettings",
        container: "CN=Setting Overrides,CN=Global Settings",
        key: "",
        single: false,
        parameters: &[
            IDENTITY,
            parameter("Name", Kind::Text, NEW).must(NEW),
            parameter("Component", Kind::Text, NEW).must(NEW).control(),
            parameter("Section", Kind::Text, NEW).must(NEW).control(),
            parameter("Parameters", Kind::List, MAKE).must(NEW),
            parameter("Reason", Kind::Text, MAKE).must(NEW),
            parameter("Server", Kind::List, MAKE),
            parameter("MinVersion", Kind::Text, MAKE),
            parameter("MaxVersion", Kind::Text, MAKE),
            parameter("FixVersion", Kind::Text, MAKE),
            parameter("Force", Kind::Switch, NEW).control(),
        ],
        starts: &[
            ("ComponentName", Start::Text("")),
            ("SectionName", Start::Text("")),
            ("AppId", Start::Text("EXO")),
            ("FlightName", Start::Null),
            ("ModifiedBy", Start::Text("")),
            ("Reason", Start::Text("")),
            ("MinVersion", Start::Null),
            ("MaxVersion", Start::Null),
            ("FixVersion", Start::Null),
            ("Server", Start::Null),
            ("IsFlight", Start::Bool(false)),
            ("Parameters", Start::Empty),
            ("Status", Start::Text("Accepted")),
            ("XmlRaw", Start::Text("")),
        ],
    },
    Noun {
        name: "ExchangeDiagnosticInfo",
        verbs: [GET, 0],
        class: "Microsoft.Exchange.Management.SystemConfigurationTasks.ExchangeDiagnosticInfoResult",
        directory_class: "",
        container: "",
        key: "",
        single: true,
        parameters: &[
            parameter("Server", Kind::Text, GET).control(),
            parameter("Process", Kind::Text, GET).control(),
            parameter("Component", Kind::Text, GET).control(),
            parameter("Argument", Kind::Text, GET).control(),
            parameter("Unlimited", Kind::Switch, GET).control(),
        ],
        starts: &[],
    },
    Noun {
        name: "HybridConfiguration",
        verbs: [GET, 0],
        class: "Microsoft.Exchange.Data.Directory.SystemConfiguration.HybridConfiguration",
        directory_class: "msExchCoexistenceRelationship",
        container: "CN=Hybrid Configuration",
        key: "",
        single: true,
        parameters: &[],
        starts: &[],
    },
    Noun {
        name: "Mailbox",
        verbs: [GET, GET],
        class: "Microsoft.Exchange.Data.Directory.Management.Mailbox",
        directory_class: "user",
        container: "",
        key: "PrimarySmtpAddress",
        single: false,
        parameters: &[
            parameter("Identity", Kind::Identity, GET).control(),
            parameter("ResultSize", Kind::Text, GET).control(),
            parameter("RecipientTypeDetails", Kind::Text, GET).control(),
            parameter("Server", Kind::Text, GET).on(LOCAL).control(),
        ],
        starts: &[],
    },
    Noun {
        name: "OAuthConnectivity",
        verbs: [TEST, TEST],
        class: "Microsoft.Exchange.Security.OAuth.ValidationResultNode",
        directory_class: "",
        container: "",
        key: "",
        single: true,
        parameters: &[
            parameter("Service", OAUTH_SERVICE, TEST)
                .must(TEST)
                .control(),
            parameter("TargetUri", Kind::Uri, TEST).must(TEST).control(),
            parameter("Mailbox", Kind::Text, TEST).control(),
            parameter("AppOnly", Kind::Switch, TEST).control(),
            parameter("ReloadConfig", Kind::Switch, TEST).control(),
            parameter("UseCachedToken", Kind::Switch, TEST).control(),
            parameter("OrganizationDomain", Kind::Text, TEST)
                .on(LOCAL)
                .control(),
        ],
        starts: &[],
    },
];

/// Parameters that cmdlets have besides their own: the name, the planes, and whether only those that write have it.
pub const COMMON: &[(&str, Set, bool)] = &[
    ("Confirm", BOTH, true),
    ("WhatIf", BOTH, true),
    ("DomainController", LOCAL, false),
    ("Verbose", LOCAL, false),
    ("Debug", LOCAL, false),
    ("ErrorAction", BOTH, false),
    ("WarningAction", BOTH, false),
    ("InformationAction", LOCAL, false),
    ("ErrorVariable", LOCAL, false),
    ("WarningVariable", LOCAL, false),
    ("OutVariable", LOCAL, false),
    ("OutBuffer", LOCAL, false),
];

/// Finds a cmdlet by its name, in any case: its verb and its noun, where the plane has it.
pub fn find(plane: Plane, cmdlet: &str) -> Option<(Set, &'static Noun)> {
    let (verb, noun) = cmdlet.split_once('-')?;
    let (_, verb) = VERBS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(verb))?;
    let noun = by_name(noun)?;
    (noun.verbs_on(plane) & verb != 0).then_some((*verb, noun))
}

/// Finds a noun by its name, in any case.
pub fn by_name(name: &str) -> Option<&'static Noun> {
    NOUNS
        .iter()
        .find(|noun| noun.name.eq_ignore_ascii_case(name))
}

/// The kind of value that a property holds, for those who write it in a typed format.
///
/// Texts that the table does not know better are texts.
pub fn property_kind(noun: &Noun, property: &str) -> Kind {
    match property {
        "Guid" | "RunspaceId" | "ExchangeObjectId" | "OrganizationGuid" => Kind::Guid,
        "WhenChanged"
        | "WhenCreated"
        | "WhenChangedUTC"
        | "WhenCreatedUTC"
        | "NextCertificateEffectiveDate" => Kind::Date,
        "Identity" | "Id" | "ObjectCategory" | "LinkedAccount" => Kind::Identity,
        "InternalUrl" | "ExternalUrl" | "AutoDiscoverServiceInternalUri" => Kind::Uri,
        "ObjectState" => Kind::Enum(
            "Microsoft.Exchange.Data.ObjectState",
            &["New", "Unchanged", "Changed", "Deleted"],
        ),
        "DomainType" => Kind::Enum(
            "Microsoft.Exchange.Data.Directory.SystemConfiguration.AcceptedDomainType",
            &["Authoritative", "ExternalRelay", "InternalRelay"],
        ),
        "ResultType" => Kind::Enum(
            "Microsoft.Exchange.Security.OAuth.ResultType",
            &["Unknown", "Success", "Warning", "Error"],
        ),
        _ => noun
            .parameters
            .iter()
            .find(|parameter| parameter.sets && parameter.name == property)
            .map_or(Kind::Text, |parameter| parameter.kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_whole() {
        for noun in NOUNS {
            for parameter in noun.parameters {
                let (verbs, name) = (noun.verbs[0] | noun.verbs[1], parameter.name);
                assert_ne!(parameter.verbs & verbs, 0, "{} {name}", noun.name);
                assert_eq!(parameter.required & !parameter.verbs, 0, "{name}");
            }
        }
    }

    #[test]
    fn cmdlets_are_found_in_any_case_where_they_exist() {
        let found = find(Plane::OnPremises, "get-AUTHserver").map(|(verb, noun)| (verb, noun.name));
        assert_eq!(found, Some((GET, "AuthServer")));
        assert!(find(Plane::ExchangeOnline, "New-AuthServer").is_none());
        assert!(find(Plane::Entra, "Get-AuthServer").is_none());
    }
}

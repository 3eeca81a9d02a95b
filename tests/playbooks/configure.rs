//! All eight steps and the dedicated application in order: planned, applied, applied again, verified.

use crate::support::contoso::{Contoso, Run};

/// What each side and each step says after everything was done.
pub(crate) const ALL_PASSED: [&str; 18] = [
    "passed on-premises to Exchange Online",
    "passed step 1: authorization servers",
    "passed step 2: partner application",
    "passed step 3: authorization certificate",
    "passed step 4: certificate in Entra ID",
    "passed step 5: host names in Entra ID",
    "passed step 6: connector to Exchange Online",
    "passed step 7: connector to on-premises Exchange",
    "passed step 8: older servers",
    "passed way in use",
    "passed application: setting override",
    "passed application: certificates",
    "passed application: permission and consent",
    "passed application: Exchange Web Services",
    "passed lifetime: authorization certificates",
    "passed lifetime: the way in use",
    "passed on-premises to Exchange Online",
    "passed Exchange Online to on-premises",
];

const ALL_CHANGES: [&str; 18] = [
    "create on-premises AuthServer \"WindowsAzureACS\"",
    "create on-premises AuthServer \"evoSTS\"",
    "update on-premises PartnerApplication \"Exchange Online\"",
    "update Entra ID ServicePrincipal",
    "update Entra ID ServicePrincipal",
    "create on-premises IntraOrganizationConnector \"ExchangeHybridOnPremisesToOnline\"",
    "create Exchange Online IntraOrganizationConnector \"ExchangeHybridOnlineToOnPremises\"",
    "create on-premises AvailabilityAddressSpace \"contoso.mail.onmicrosoft.com\"",
    "create Entra ID Application",
    "update Entra ID Application",
    "create Entra ID ServicePrincipal",
    "create Entra ID AppRoleAssignment",
    "update Entra ID Application",
    "update Entra ID Application",
    "update Exchange Online OrganizationConfig",
    "update on-premises AuthServer \"evoSTS\"",
    "update on-premises AuthServer \"evoSTS\"",
    "create on-premises SettingOverride \"EnableExchangeHybrid3PAppFeature\"",
];

/// The changes, without the identifiers that the directory makes anew.
fn changes(run: &Run) -> Vec<String> {
    let without_id = |change: String| match change.split_once('"') {
        Some((what, _)) if what.contains("Entra ID") => what.trim_end().to_owned(),
        _ => change,
    };
    run.changes().into_iter().map(without_id).collect()
}

#[test]
fn everything_is_planned_then_done_then_nothing_is_left_to_do() {
    let contoso = Contoso::new();

    let plan = contoso.plan("configure");
    assert_eq!(plan.failed(), None);
    assert_eq!(changes(&plan), ALL_CHANGES);
    assert_eq!(plan.verdicts(), Vec::<String>::new());
    assert_eq!(contoso.writes(), 0);

    let first = contoso.apply("configure");
    assert_eq!(changes(&first), ALL_CHANGES);
    assert_eq!(first.verdicts(), ALL_PASSED);
    assert_eq!(contoso.writes(), 18);

    let second = contoso.apply("configure");
    assert_eq!(second.changes(), Vec::<String>::new());
    assert_eq!(second.verdicts(), ALL_PASSED);
    assert_eq!(contoso.writes(), 18);
}

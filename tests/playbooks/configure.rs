//! All eight steps in order: planned, applied, applied again, verified.

use crate::support::contoso::Contoso;

/// What each side and each step says after everything was done.
pub(crate) const ALL_PASSED: [&str; 10] = [
    "passed step 1: authorization servers",
    "passed step 2: partner application",
    "passed step 3: authorization certificate",
    "passed step 4: certificate in Entra ID",
    "passed step 5: host names in Entra ID",
    "passed step 6: connector to Exchange Online",
    "passed step 7: connector to on-premises Exchange",
    "passed step 8: older servers",
    "passed on-premises to Exchange Online",
    "passed Exchange Online to on-premises",
];

const ALL_CHANGES: [&str; 8] = [
    "create on-premises AuthServer \"WindowsAzureACS\"",
    "create on-premises AuthServer \"evoSTS\"",
    "update on-premises PartnerApplication \"Exchange Online\"",
    "update Entra ID ServicePrincipal \"00000002-0000-0ff1-ce00-000000000000\"",
    "update Entra ID ServicePrincipal \"00000002-0000-0ff1-ce00-000000000000\"",
    "create on-premises IntraOrganizationConnector \"ExchangeHybridOnPremisesToOnline\"",
    "create Exchange Online IntraOrganizationConnector \"ExchangeHybridOnlineToOnPremises\"",
    "create on-premises AvailabilityAddressSpace \"contoso.mail.onmicrosoft.com\"",
];

#[test]
fn everything_is_planned_then_done_then_nothing_is_left_to_do() {
    let contoso = Contoso::new();

    let plan = contoso.plan("configure");
    assert_eq!(plan.failed(), None);
    assert_eq!(plan.changes(), ALL_CHANGES);
    assert_eq!(plan.verdicts(), Vec::<String>::new());
    assert_eq!(contoso.writes(), 0);

    let first = contoso.apply("configure");
    assert_eq!(first.changes(), ALL_CHANGES);
    assert_eq!(first.verdicts(), ALL_PASSED);
    assert_eq!(contoso.writes(), 8);

    let second = contoso.apply("configure");
    assert_eq!(second.changes(), Vec::<String>::new());
    assert_eq!(second.verdicts(), ALL_PASSED);
    assert_eq!(contoso.writes(), 8);
}

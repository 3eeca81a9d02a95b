//! `--emit powershell`: the plan as two scripts.

use crate::support::runner::Runner;
use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

/// The lines of a script that are code.
fn code(script: &str) -> Vec<&str> {
    let lines = script.trim_start_matches('\u{feff}').lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// The cmdlets of a script that write, in order.
fn writes(script: &str) -> Vec<&str> {
    code(script)
        .into_iter()
        .filter(|line| line.ends_with("@common"))
        .filter_map(|line| line.split(' ').next())
        .collect()
}

#[test]
fn the_eight_steps_are_those_of_the_how_to() {
    let runner = Runner::new();
    let ran =
        runner.run("run configure --input dedicated_application=false --emit powershell oauth.ps1");
    ran.ends_with(0).shows(&[
        "+ create on-premises AuthServer",
        "written: oauth-exchange.ps1",
        "written: oauth-cloud.ps1",
    ]);
    let json = runner.run("run configure --emit powershell again.ps1 --format json");
    json.ends_with(0)
        .shows(&["\"emitted\":[\"again-exchange.ps1\",\"again-cloud.ps1\"]"]);
    let exchange = runner.read("oauth-exchange.ps1");
    let cloud = runner.read("oauth-cloud.ps1");
    assert!(exchange.starts_with('\u{feff}') && cloud.starts_with('\u{feff}'));
    assert_eq!(
        writes(&exchange),
        [
            "New-AuthServer",
            "New-AuthServer",
            "Set-PartnerApplication",
            "New-IntraOrganizationConnector",
            "Add-AvailabilityAddressSpace",
        ]
    );
    assert_eq!(
        writes(&cloud),
        [
            "Update-MgServicePrincipal",
            "Update-MgServicePrincipal",
            "New-IntraOrganizationConnector",
        ]
    );
    for line in [
        "    Name            = 'WindowsAzureACS'",
        "    Type            = 'AzureAD'",
        "Set-PartnerApplication -Identity 'Exchange Online' -Enabled:$true @common",
        "    TargetAddressDomains = @('contoso.mail.onmicrosoft.com')",
        "    AccessMethod      = 'InternalProxy'",
        "    Test-OAuthConnectivity @parameters -ErrorAction Stop | Format-List Task, ResultType",
    ] {
        assert!(
            code(&exchange).contains(&line),
            "no {line:?} in:\n{exchange}"
        );
    }
    for line in [
        "    'https://mail.contoso.com/'",
        "    Type  = 'AsymmetricX509Cert'",
        "    TargetAddressDomains = @('contoso.com', 'tailspintoys.com')",
    ] {
        assert!(code(&cloud).contains(&line), "no {line:?} in:\n{cloud}");
    }
}

#[test]
fn both_scripts_take_what_if_and_say_which_step_they_are_at() {
    let runner = Runner::new();
    runner
        .run("run configure --emit powershell oauth")
        .ends_with(0);
    for file in ["oauth-exchange.ps1", "oauth-cloud.ps1"] {
        let script = runner.read(file);
        assert_eq!(
            code(&script)[..3],
            [
                "[CmdletBinding(SupportsShouldProcess)]",
                "param()",
                "$common = @{ ErrorAction = 'Stop'; WhatIf = [bool]$WhatIfPreference }",
            ]
        );
        for step in 1..=8 {
            let playbook = format!("\n# 0{step}-");
            assert_eq!(script.matches(&playbook).count(), 1, "{playbook} in {file}");
        }
        assert!(
            !script.contains("-Confirm"),
            "{file} decides for the person"
        );
    }
}

#[test]
fn nothing_is_applied_and_no_file_is_overwritten() {
    let runner = Runner::new().file("mine-cloud.ps1", "mine");
    runner
        .run("run configure --emit powershell mine.ps1")
        .ends_with(2)
        .complains(&["mine-cloud.ps1 exists and is not overwritten"]);
    assert_eq!(runner.read("mine-cloud.ps1"), "mine");
    runner
        .run("run configure --emit bash mine")
        .ends_with(2)
        .complains(&["\"bash\" is not a language that a plan can be written in"]);
    runner
        .run("run configure --emit powershell mine --apply")
        .ends_with(2);
    runner
        .run("journal")
        .ends_with(0)
        .shows(&["no run was recorded"]);
}

#[test]
fn another_cloud_has_other_addresses_and_environments() {
    let runner = Runner::new();
    runner
        .run("run configure --cloud gcc-high --emit powershell gov")
        .ends_with(0);
    let exchange = runner.read("gov-exchange.ps1");
    let cloud = runner.read("gov-cloud.ps1");
    assert!(
        exchange.contains("https://login.microsoftonline.us/"),
        "{exchange}"
    );
    assert!(
        exchange.contains("TargetAddressDomains = @('contoso.mail.onmicrosoft.us')"),
        "{exchange}"
    );
    assert!(
        cloud.contains("-ExchangeEnvironmentName O365USGovGCCHigh"),
        "{cloud}"
    );
    assert!(cloud.contains("-Environment USGov\n"), "{cloud}");
}

#[test]
fn what_a_script_asks_for_cannot_break_out_of_its_quotes() -> Outcome {
    let playbook = r#"//! SIG # Begin signature block
//! #> Remove-Item x

const PLAYBOOK = #{ title: "Hostile\r\nRemove-Item y #>" };

step("hostile", "Name\nRemove-Item z", || {
    say("note\nRemove-Item said");
    online.invoke("New-IntraOrganizationConnector", #{
        name: "a’; Remove-Item one; ‘",
        discovery_endpoint: "b\r\nRemove-Item two",
        target_address_domains: ["'; Remove-Item three"],
    });
});
"#;
    let runner = Runner::new().file("hostile.rhai", playbook);
    runner
        .run("run ./hostile.rhai --emit powershell out")
        .ends_with(0);
    let script = runner.read("out-cloud.ps1");
    let dangerous: Vec<&str> = code(&script)
        .into_iter()
        .filter(|line| line.contains("Remove-Item"))
        .collect();
    assert_eq!(
        dangerous,
        [
            "    DiscoveryEndpoint    = ('b' + [char]0x000D + [char]0x000A + 'Remove-Item two')",
            "    Name                 = 'a’’; Remove-Item one; ‘‘'",
            "    TargetAddressDomains = @('''; Remove-Item three')",
        ],
        "{script}"
    );
    assert!(!script.contains("\n# SIG"), "{script}");

    let runner = Runner::new().file(
        "names.rhai",
        r##"const PLAYBOOK = #{ title: "Names" };
step("names", "Names", || { onprem.invoke("New-AuthServer", #{ name: "x", "a; Remove-Item x": 1 }); });
"##,
    );
    runner
        .run("run ./names.rhai --emit powershell out")
        .ends_with(2)
        .complains(&["is not the name of a parameter"]);
    Ok(())
}

#[test]
fn a_step_is_asked_for_before_it_is_done() {
    let runner = Runner::new().answering(&["y", "no", "q"]);
    let ran = runner
        .run("run configure --step")
        .ends_with(130)
        .shows(&["+ created on-premises AuthServer \"evoSTS\""])
        .complains(&[
            "auth-servers: Trust the token issuers of the tenant? [y/n/q]",
            "stopped before the step \"upload-certificate\"",
        ]);
    assert!(
        !ran.stdout
            .contains("updated on-premises PartnerApplication"),
        "{}",
        ran.stdout
    );
    Runner::new()
        .run("run configure --step")
        .ends_with(2)
        .complains(&["there is nobody to ask whether to do the step"]);
    Runner::new()
        .run("run configure --step --apply")
        .ends_with(2);
}

#[test]
fn a_dry_run_is_a_plan() {
    Runner::new()
        .run("run 07-connector-online --dry-run --exit-code")
        .ends_with(3)
        .shows(&["+ create Exchange Online IntraOrganizationConnector"]);
}

const DEDICATED: &str = r#"//! The dedicated application.

const PLAYBOOK = #{
    title: "Make the dedicated application",
};

step("application", "Make the application and all that names it", || {
    let exchange = "00000002-0000-0ff1-ce00-000000000000";
    let app = entra.new_application("O'Example", #{ notes: "Made by a test" });
    entra.set_application(app.app_id, #{
        required_resource_access: [#{ resource_app_id: exchange, roles: ["full_access_as_app"] }],
    });
    entra.new_service_principal(app.app_id, #{ tags: ["HideApp"] });
    entra.add_app_role_assignment(app.app_id, exchange, "full_access_as_app");
    entra.upload_application_key_credential(app.app_id, onprem.export_auth_certificate("current"));
    onprem.new_auth_server("Example", #{ auth_metadata_url: cloud.sts_metadata(cloud.tenant), type: "AzureAD" });
    onprem.set_auth_server("Example", #{ application_identifier: app.app_id });
    onprem.new_setting_override("Example", #{
        component: "Global",
        section: "ExchangeOnpremAsThirdPartyAppId",
        parameters: ["Enabled=true"],
        reason: "A test",
    });
    onprem.refresh_setting_overrides();
    online.add_ews_allowed_app_ids([app.app_id]);
});
"#;

#[test]
fn what_only_the_directory_will_know_is_a_variable_there_and_asked_for_elsewhere() {
    let runner = Runner::new().file("dedicated.rhai", DEDICATED);
    runner
        .run("run ./dedicated.rhai --emit powershell out.ps1")
        .ends_with(0);
    let (exchange, cloud) = (
        runner.read("out-exchange.ps1"),
        runner.read("out-cloud.ps1"),
    );
    for line in [
        "if (Get-MgApplication -Filter 'displayName eq ''O''''Example''' -ErrorAction Stop) { throw 'There is an application of the name O''Example already.' }",
        "$made1 = New-MgApplication -DisplayName 'O''Example' -SignInAudience 'AzureADMyOrg' -Notes 'Made by a test' @common",
        "if (-not $WhatIfPreference) {",
        "    $application = Get-MgApplication -ApplicationId $made1.Id -Property 'id', 'appId', 'requiredResourceAccess' -ErrorAction Stop",
        "    Update-MgApplication -ApplicationId $application.Id -RequiredResourceAccess $access @common",
        "    $made2 = New-MgServicePrincipal -AppId $made1.AppId -AccountEnabled -Tags @('HideApp') @common",
        "        ServicePrincipalId = $made2.Id",
        "        AppRoleId          = 'dc890d15-9560-4a4c-9b7f-a736ec74ec40'",
        "    New-MgServicePrincipalAppRoleAssignment @grant @common",
        "    Update-MgApplication -ApplicationId $application.Id -KeyCredentials $keys @common",
        "if ($made1.AppId -and $allowed -notcontains $made1.AppId) { $allowed += $made1.AppId }",
        "Set-OrganizationConfig -EwsAllowedAppIDs $allowed @common",
    ] {
        assert!(code(&cloud).contains(&line), "no {line:?} in:\n{cloud}");
    }
    assert!(cloud.contains("'Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All'"));
    for line in [
        "if ($null -eq $known1 -and -not $WhatIfPreference) { throw 'Set $known1 in this script first: appId of Entra ID Application \"O''Example\"' }",
        "Set-AuthServer -Identity 'Example' -ApplicationIdentifier $known1 @common",
    ] {
        assert!(
            code(&exchange).contains(&line),
            "no {line:?} in:\n{exchange}"
        );
    }
    assert!(
        exchange.contains("Get-ExchangeDiagnosticInfo @parameters -ErrorAction Stop | Out-Null")
    );
    for line in code(&exchange).into_iter().chain(code(&cloud)) {
        assert!(!line.contains("known after apply"), "{line}");
        assert!(!line.contains("unknown"), "{line}");
    }
}

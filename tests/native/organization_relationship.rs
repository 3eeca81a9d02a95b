//! Organization relationships: ours is changed, and those with others are not touched.

use crate::matrix::state::{difference, exactly};
use crate::support::contoso::Contoso;
use exoauth::failure::FailureKind;
use exoauth::session::Mode;
use exoauth::value::Value;

const TWO: &str = r#"
    onprem.new_organization_relationship("Ours", #{
        domain_names: ["contoso.mail.onmicrosoft.com"],
        free_busy_access_enabled: true,
        free_busy_access_level: "LimitedDetails",
    });
    onprem.new_organization_relationship("Theirs", #{ domain_names: ["fabrikam.mail.onmicrosoft.com"] });
"#;
const ENDPOINT: &str = "https://outlook.office365.com/EWS/Exchange.asmx";

fn set(identity: &str) -> String {
    format!(
        r#"onprem.set_organization_relationship("{identity}", #{{
            for_domains: ["CONTOSO.mail.onmicrosoft.com", "contoso.onmicrosoft.com"],
            target_sharing_epr: "{ENDPOINT}",
        }});"#
    )
}

fn endpoints(contoso: &Contoso) -> Value {
    contoso.value(
        r#"["Ours", "Theirs"].map(|name| onprem.get_organization_relationship(name).target_sharing_epr)"#,
    )
}

#[test]
fn only_the_relationship_with_our_tenant_is_changed() {
    let contoso = Contoso::new();
    contoso.value(TWO);
    contoso.value(&set("Ours"));
    assert_eq!(
        endpoints(&contoso),
        Value::List(vec![ENDPOINT.into(), Value::Null])
    );
    let writes = contoso.writes();
    let (kind, message) = contoso.refusal(&set("Theirs"));
    assert_eq!(kind, FailureKind::Conflict);
    assert_eq!(
        message,
        "on-premises OrganizationRelationship \"Theirs\" is with \"fabrikam.mail.onmicrosoft.com\", and not with \"CONTOSO.mail.onmicrosoft.com\" and \"contoso.onmicrosoft.com\""
    );
    assert_eq!(contoso.writes(), writes);
    assert_eq!(
        endpoints(&contoso),
        Value::List(vec![ENDPOINT.into(), Value::Null])
    );
}

#[test]
fn one_that_is_only_planned_is_checked_too() {
    let contoso = Contoso::new();
    let planned = contoso.eval(Mode::Plan, &format!("{TWO} {}", set("Ours")));
    assert!(planned.is_ok());
    let refused = contoso.eval(Mode::Plan, &format!("{TWO} {}", set("Theirs")));
    assert_eq!(
        refused.map_err(|failed| failed.failure.kind),
        Err(FailureKind::Conflict)
    );
    assert_eq!(contoso.writes(), 0);
}

#[test]
fn what_was_made_changed_and_removed_is_taken_back() {
    let contoso = Contoso::new();
    let state = |contoso: &Contoso| contoso.world(|world| exactly(world));
    let before = state(&contoso);
    let recorded = contoso.recorded(&format!("{TWO} {}", set("Ours")));
    assert_eq!(contoso.take_back(&recorded), [""; 0]);
    assert_eq!(difference(&before, &state(&contoso)), None);

    contoso.value(TWO);
    let read = r#"let it = onprem.get_organization_relationship("Ours");
        [it.domain_names, it.free_busy_access_enabled, it.free_busy_access_level, it.enabled]"#;
    let there = contoso.value(read);
    let removed = contoso.recorded("onprem.remove_organization_relationship(\"Ours\")");
    assert_eq!(contoso.take_back(&removed), [""; 0]);
    assert_eq!(contoso.value(read), there);
}

//! Those who have mailboxes.

use super::{object, text};
use crate::lab::world::World;
use crate::subject::Plane;

/// One who has a mailbox.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab) struct Person {
    pub(in crate::lab) name: &'static str,
    pub(in crate::lab) alias: &'static str,
    pub(in crate::lab) address: &'static str,
    pub(in crate::lab) mailbox: Plane,
    /// Whether the other side knows this person as a mail user.
    pub(in crate::lab) synchronized: bool,
}

const fn person(
    name: &'static str,
    alias: &'static str,
    address: &'static str,
    mailbox: Plane,
    synchronized: bool,
) -> Person {
    Person {
        name,
        alias,
        address,
        mailbox,
        synchronized,
    }
}

/// Everybody.
pub(in crate::lab) const PEOPLE: [Person; 5] = [
    person(
        "Megan Bowen",
        "megan",
        "megan@contoso.com",
        Plane::OnPremises,
        true,
    ),
    person("Lee Gu", "lee", "lee@contoso.com", Plane::OnPremises, false),
    person(
        "Isaiah Langer",
        "isaiah",
        "isaiah@tailspintoys.com",
        Plane::OnPremises,
        true,
    ),
    person(
        "Alex Wilber",
        "alex",
        "alex@contoso.com",
        Plane::ExchangeOnline,
        true,
    ),
    person(
        "Pradeep Gupta",
        "pradeep",
        "pradeep@contoso.com",
        Plane::ExchangeOnline,
        false,
    ),
];

/// The mailboxes, each where it is.
pub(super) fn people(world: &mut World) {
    for person in PEOPLE {
        let properties = object([
            ("Alias", text(person.alias)),
            ("DisplayName", text(person.name)),
            ("PrimarySmtpAddress", text(person.address)),
            ("UserPrincipalName", text(person.address)),
            ("RecipientTypeDetails", text("UserMailbox")),
        ]);
        world.create(person.mailbox, "Mailbox", person.name, properties);
    }
}

//! Words of a sentence for people: the name that was meant, names in a row, a number of things.

/// The known name that a given one was meant to be, if one is near.
///
/// That is the only one that holds it, or else the one that is spelled most like it; letter case, and the number that a
/// name of a playbook begins with, do not count.
///
/// ```
/// use exoauth::words::nearest;
///
/// let playbooks = ["01-auth-servers", "07-connector-online", "verify"];
/// assert_eq!(nearest("conector-online", playbooks), Some("07-connector-online"));
/// assert_eq!(nearest("07", playbooks), Some("07-connector-online"));
/// assert_eq!(nearest("zzz", playbooks), None);
/// ```
pub fn nearest<'known>(
    given: &str,
    known: impl IntoIterator<Item = &'known str>,
) -> Option<&'known str> {
    let given = given.to_lowercase();
    let known: Vec<&str> = known.into_iter().collect();
    let mut holding = known
        .iter()
        .filter(|name| given.len() > 1 && name.to_lowercase().contains(&given));
    if let (Some(only), None) = (holding.next(), holding.next()) {
        return Some(only);
    }
    known
        .into_iter()
        .filter_map(|name| Some((distance(&given, name)?, name)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters lie between two names, and whether the number of the known one is left out for that; nothing where
/// they are too many for one to be meant by the other.
fn distance(given: &str, name: &str) -> Option<(usize, bool)> {
    let name = name.to_lowercase();
    let without_number =
        name.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
    let near = |name: &str| {
        let distance = strsim::damerau_levenshtein(given, name);
        let most = (name.len().max(given.len()) + 1) / 3;
        (distance <= most).then_some(distance)
    };
    let whole = near(&name).map(|distance| (distance, false));
    let rest = near(without_number).map(|distance| (distance, true));
    whole.into_iter().chain(rest).min()
}

/// `did you mean "x"?`, where a known name is near.
pub fn did_you_mean<'known>(
    given: &str,
    known: impl IntoIterator<Item = &'known str>,
) -> Option<String> {
    nearest(given, known).map(|near| format!("did you mean \"{near}\"?"))
}

/// `did you mean "x"?`, or what there is.
pub fn meant_or_all<'known>(
    given: &str,
    known: impl IntoIterator<Item = &'known str> + Clone,
) -> String {
    did_you_mean(given, known.clone()).unwrap_or_else(|| {
        let all: Vec<&str> = known.into_iter().collect();
        match all.is_empty() {
            true => "there are none".to_owned(),
            false => format!("there are: {}", all.join(", ")),
        }
    })
}

/// Names in quotes, the last one after "and".
///
/// ```
/// use exoauth::words::quoted;
///
/// assert_eq!(quoted(&["a", "b", "c"]), "\"a\", \"b\" and \"c\"");
/// ```
pub fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Counts things: `1 change`, `2 changes`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    let word = if number == 1 { one } else { many };
    format!("{number} {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant_is_found() {
        let playbooks = [
            "01-auth-servers",
            "07-connector-online",
            "configure",
            "verify",
            "fork",
        ];
        for (given, meant) in [
            ("connector-online", Some("07-connector-online")),
            ("conector-onlin", Some("07-connector-online")),
            ("07", Some("07-connector-online")),
            ("veryfy", Some("verify")),
            ("VERIFY", Some("verify")),
            ("zzz", None),
            ("foo", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, playbooks), meant, "{given}");
        }
    }

    #[test]
    fn of_several_that_hold_it_the_likest_is_meant() {
        let functions = ["get_auth_config", "get_auth_server", "set_auth_server"];
        assert_eq!(
            nearest("get_auth_servers", functions),
            Some("get_auth_server")
        );
        assert_eq!(nearest("get_mailbox", functions), None);
        let steps = ["07-connector-online", "connector-online"];
        assert_eq!(nearest("conector-online", steps), Some("connector-online"));
    }

    #[test]
    fn without_a_near_one_all_are_named() {
        assert_eq!(meant_or_all("zzz", ["a", "b"]), "there are: a, b");
        assert_eq!(meant_or_all("zzz", []), "there are none");
        assert_eq!(
            meant_or_all("verif", ["verify"]),
            "did you mean \"verify\"?"
        );
    }
}

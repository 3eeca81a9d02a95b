//! The nearest right word to a wrong one.

/// How alike two words must be for one to be meant by the other.
const ALIKE: f64 = 0.75;

/// Finds the candidate that was meant, if one is near: one that holds the word, else one that is spelled much like it.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let mut holding = candidates
        .iter()
        .filter(|candidate| word.len() > 1 && candidate.to_lowercase().contains(&word));
    if let (Some(only), None) = (holding.next(), holding.next()) {
        return Some(only);
    }
    let likeness = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        // What follows the number of a playbook is what one remembers.
        let tail =
            candidate.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
        strsim::jaro_winkler(&word, &candidate).max(strsim::jaro_winkler(&word, tail))
    };
    candidates
        .into_iter()
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// The hint that names the nearest one, or all there are.
pub(super) fn hint<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    match nearest(word, candidates.clone()) {
        Some(candidate) => format!("did you mean \"{candidate}\"?"),
        None => {
            let all: Vec<&str> = candidates.into_iter().collect();
            match all.is_empty() {
                true => "there are none".to_owned(),
                false => format!("there are: {}", all.join(", ")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_was_meant_is_found() {
        let playbooks = [
            "01-auth-servers",
            "07-connector-online",
            "configure",
            "verify",
        ];
        assert_eq!(
            nearest("connector-online", playbooks),
            Some("07-connector-online")
        );
        assert_eq!(
            nearest("conector-onlin", playbooks),
            Some("07-connector-online")
        );
        assert_eq!(nearest("07", playbooks), Some("07-connector-online"));
        assert_eq!(nearest("veryfy", playbooks), Some("verify"));
        assert_eq!(nearest("zzz", playbooks), None);
    }
}

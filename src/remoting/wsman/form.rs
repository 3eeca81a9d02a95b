//! Identifiers and durations in the form in which Windows writes them.

use super::error::Error;
use std::time::Duration;
use uuid::Uuid;

/// The upper-case form that Windows writes and compares.
pub(super) fn upper(id: Uuid) -> String {
    id.hyphenated().to_string().to_uppercase()
}

/// An `xs:duration` in seconds, as Windows writes it.
pub(super) fn duration(time: Duration) -> String {
    format!("PT{}.{:03}S", time.as_secs(), time.subsec_millis())
}

/// Reads an `xs:duration` of days and below; a month has no fixed length.
pub(super) fn read_duration(text: &str) -> Result<Duration, Error> {
    let unreadable = || Error::Unreadable {
        element: "a duration",
        text: text.to_owned(),
        expected: "an xs:duration such as PT60S",
    };
    let rest = text.trim().strip_prefix('P').ok_or_else(unreadable)?;
    if matches!(rest, "" | "T") {
        return Err(unreadable());
    }
    let (days, time) = rest.split_once('T').unwrap_or((rest, ""));
    let mut seconds = 0.0;
    for (part, units) in [
        (days, [('D', 86_400.0)].as_slice()),
        (time, &[('H', 3_600.0), ('M', 60.0), ('S', 1.0)]),
    ] {
        let mut digits = String::new();
        for letter in part.chars() {
            if let Some((_, length)) = units.iter().find(|(unit, _)| *unit == letter) {
                seconds += length * digits.parse::<f64>().map_err(|_| unreadable())?;
                digits.clear();
            } else if letter.is_ascii_digit() || letter == '.' {
                digits.push(letter);
            } else {
                return Err(unreadable());
            }
        }
        if !digits.is_empty() {
            return Err(unreadable());
        }
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| unreadable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_in_all_the_ways_that_windows_writes_it() -> Result<(), Error> {
        for (text, seconds) in [
            ("PT60S", 60.0),
            ("PT60.000S", 60.0),
            ("P0DT0H3M0.5S", 180.5),
            ("P1D", 86_400.0),
            ("PT2147483.647S", 2_147_483.647),
        ] {
            assert_eq!(read_duration(text)?.as_secs_f64(), seconds, "{text}");
        }
        for text in [
            "", "60", "P", "PT", "PT-1S", "PT1", "P1M", "PTS", "PT1e400S",
        ] {
            assert!(read_duration(text).is_err(), "{text}");
        }
        assert_eq!(duration(Duration::from_millis(1_500)), "PT1.500S");
        Ok(())
    }
}
